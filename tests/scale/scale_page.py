"""The page of the campaign on engines, docs/scale.md: written from the JSON that it measured, between markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
MEASURED, PAGE = ROOT / "docs" / "scale.json", ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- scale campaign: begin -->", "<!-- scale campaign: end -->"
ABOVE = {"slurm": 10.0, "ray": 5.0}
"""Seconds from the command to the first step, above those of this machine, that an engine may take."""
SUBMIT_SECONDS, STATUS_SECONDS = 10.0, 30.0
ENGINES = ("slurm", "ray")


def written(measured: dict[str, Any], text: str) -> str:
    """The page with the tables of a campaign in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(measured)}\n\n{END}{after}"


def tables(measured: dict[str, Any]) -> str:
    """What was asked of engines and what came out; then the layout of files."""
    head = ["engine", "what is done", "must come out", "came out", "on"]
    near = ["records", "`inbench status`", "files opened or looked for, a record"]
    more = ["records of its method", "planning one more run", "its look for a checkpoint to begin at"]
    far = ["records", "`inbench status`", "each question to the file system takes longer by"]
    return "\n\n".join(
        [
            _table(head, [row for name in ENGINES for row in _engine(name, measured)]),
            _table(near, [[*_status(row), _or_none(row)] for row in _rows(measured, "layout")]),
            _table(
                more,
                [[f"{row['records']:,}", f"{row['planning']} s", f"{row['start']} s"] for row in _rows(measured, "planning")],
            ),
            _table(far, [[*_status(row), f"{row['delay'] * 1000:g} ms"] for row in _rows(measured, "far away")]),
        ]
    )


def _rows(measured: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return list(measured.get(part, {}).get("rows", []))


def _status(row: dict[str, Any]) -> list[object]:
    return [f"{row['records']:,}", f"{row['status seconds']} s"]


def _or_none(row: dict[str, Any]) -> object:
    return "-" if row["calls a record"] is None else row["calls a record"]


def _engine(name: str, measured: dict[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    if told := measured.get(f"{name}: same"):
        count = told["runs"]
        came = f"{told['same keys']} same keys, {told['same bits']} same bits"
        rows.append([name, f"{count} runs, beside {count} here", f"{count} same keys, {count} same bits", came, told["utc"]])
    for told in (one for key, one in measured.items() if key.startswith(f"{name}: struck")):
        count = told["runs"]
        came = (
            f"{told['complete']} complete, {told['same bits']} same bits, {told['ended twice'] + told['trained at once']} twice"
        )
        again = ", after the same command again" if len(told["exit codes"]) > 1 else ", the waiting command went on"
        must = f"{count} complete, {count} same bits, 0 twice"
        what = f"{told['struck by']} with {told['done before']} of {count} done"
        rows.append([name, what, must, came + again, told["utc"]])
    if told := measured.get(f"{name}: many"):
        whole = told["seconds of the command"]
        came = f"{told['tasks']} in {told['arrays']} array, {told['submitting']} s; the whole command {whole} s"
        rows.append([name, f"{told['runs']} runs handed over", f"1 array, under {SUBMIT_SECONDS:g} s", came, told["utc"]])
    if told := measured.get(f"{name}: latency"):
        came = f"{told['above']} s (here {_middle(told['here'])} s, there {_middle(told['there'])} s; load {told['load']})"
        must = f"under {ABOVE[name]:g} s above here"
        rows.append([name, "from the command to the first step", must, came, told["utc"]])
    return rows


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _table(head: list[str], rows: list[list[object]]) -> str:
    return str(tabulate(rows, headers=head, tablefmt="github", disable_numparse=True))


def faults(measured: dict[str, Any]) -> list[str]:
    """What a campaign did not reach."""
    found = []
    for part, told in measured.items():
        if part.endswith(": same"):
            right = told["runs"] == told["same keys"] == told["same bits"] and not any(told["exit codes"]) and not told["left"]
        elif ": struck" in part:
            right = told["runs"] == told["complete"] == told["same bits"] and told["exit codes"][-1] == 0
            right = right and not told["ended twice"] and not told["trained at once"]
        elif part.endswith(": many"):
            right = (
                told["arrays"] == 1 and told["tasks"] == told["queued"] == told["runs"] and told["submitting"] < SUBMIT_SECONDS
            )
        elif part.endswith(": latency"):
            right = told["above"] < ABOVE[part.partition(":")[0]]
        elif part == "planning":
            right = True  # nothing was promised
        else:
            rows = told["rows"]
            right = all(row["counted"] == row["records"] for row in rows)
            right = right and (part != "layout" or all(row["status seconds"] < STATUS_SECONDS for row in rows))
        found += [] if right else [part]
    return found
