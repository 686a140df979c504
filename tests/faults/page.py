"""The page of the fault campaign, docs/reliability.md: written from the JSON that it measured, between markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tally
from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
MEASURED, PAGE = ROOT / "docs" / "reliability.json", ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- fault campaign: begin -->", "<!-- fault campaign: end -->"


def written(measured: dict[str, Any], text: str) -> str:
    """The page with the tables of a campaign in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(measured)}\n\n{END}{after}"


def tables(measured: dict[str, Any]) -> str:
    """Every part that was measured: what was done, what had to come out, what came out; then the details."""
    head = ["what is done to it", "must come out", "came out", "form", "on", "long form green in a row"]
    times, commit = tally.whole(measured)
    together = (
        f"Everything green in a row on one commit: {times} times, {commit}." if times else "No commit has all of it green."
    )
    blocks = [_table(head, _summary(measured)), together]
    if left := measured.get(tally.UNDER_WAY):
        blocks.append(f"Begun and not yet measured: {', '.join(left)}.")
    if "kills" in measured:
        phases = ", ".join(f"{name} {count}" for name, count in measured["kills"]["by phase"].items())
        blocks.append(f"Kills by the phase that they came in: {phases}.")
    if "plugins" in measured:
        rows = [[row["plugin"], row["does"], row["expected"], row["status"]] for row in measured["plugins"]["plugins"]]
        blocks.append(_table(["plugin", "what it does", "must be", "was"], rows))
    if "full" in measured:
        blocks.append(_full(measured["full"]))
    if "fuzz" in measured:
        blocks.append(_fuzz_table(measured["fuzz"]["targets"]))
    return "\n\n".join(blocks)


def _fuzz_table(targets: list[dict[str, Any]]) -> str:
    head = ["what is read", "damaged inputs", "minutes", "faults", "form", "on", "long form green in a row"]
    rows = [
        [row["reader"], f"{row['inputs']:,}", row["minutes"], _count(row["fault"]), tally.form("fuzz", row).partition(":")[0],
         row["utc"], _in_a_row(row["green"])]
        for row in targets
    ]  # fmt: skip
    return _table(head, rows)


def _in_a_row(days: list[str]) -> str:
    """How often, and when."""
    times = ", ".join(f"{day}{f' ({days.count(day)} times)' if days.count(day) > 1 else ''}" for day in dict.fromkeys(days))
    return f"{len(days)}: {times}" if days else "0"


def _summary(measured: dict[str, Any]) -> list[list[object]]:
    tellers = {"kills": _kills, "plugins": _plugins, "sharing": _sharing, "full": _filled, "malformed": _malformed}
    rows = [
        [*teller(measured[name]), tally.form(name, measured[name]), measured[name]["utc"], _in_a_row(measured[name]["green"])]
        for name, teller in tellers.items()
        if name in measured
    ]
    return [*rows, *([_fuzzed(measured["fuzz"]["targets"])] if "fuzz" in measured else [])]


def _kills(told: dict[str, Any]) -> list[object]:
    count = told["kills"]
    came = f"{told['same bits']} of {count} the same bits, {told['finished runs lost']} lost, {told['half files']} half files"
    return [f"{count} times SIGKILL, in every phase", f"{count} of {count} the same bits, 0 lost, 0 half files", came]


def _plugins(told: dict[str, Any]) -> list[object]:
    count, good = len(told["plugins"]), told["good ones"]
    right, same = sum(row["as expected"] for row in told["plugins"]), told["good ones with the same numbers"]
    came = f"{right} as expected, {same} of {good} the same numbers, {told['processes left']} processes left"
    must = f"{count} as expected, {good} of {good} the same numbers, 0 processes left"
    return [f"{count} hostile plugins beside {good} good ones", must, came]


def _sharing(told: dict[str, Any]) -> list[object]:
    runs, sound = told["runs"], "sound" if told["verified"] else "unsound"
    came = f"{told['trainings begun']} trainings, {told['records']} {sound} records, {told['half files']} half files"
    must = f"{runs} trainings, {runs} sound records, 0 half files"
    return [f"{told['processes']} commands at once on one folder, {runs} runs", must, came]


def _filled(told: dict[str, Any]) -> list[object]:
    rows = told.get("rows", [])
    came = f"{sum(map(tally.held, rows))} of {len(rows)}; {told.get('full', 0)} of them ran full"
    return [f"a disk that runs full, {len(rows)} times", "one sentence, nothing lost, the same bits with room", came]


def _malformed(told: dict[str, Any]) -> list[object]:
    return [f"{told['inputs']} malformed inputs over {told['readers']} readers", "0 faults", _count(told["faults"])]


def _fuzzed(targets: list[dict[str, Any]]) -> list[object]:
    """All fuzz targets in one row, which is as long, as late and as green as the least of them."""
    tried, found = sum(row["inputs"] for row in targets), sum(bool(row["fault"]) for row in targets)
    least = min(targets, key=lambda row: row["minutes"])
    days = sorted({row["utc"] for row in targets})
    on = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    green = _in_a_row(min((row["green"] for row in targets), key=len))
    about = f"{tried:,} damaged inputs over {len(targets)} readers"
    return [about, "0 faults", f"{found} faults", tally.form("fuzz", least), on, green]


def _full(full: dict[str, Any]) -> str:
    if "rows" not in full:
        return f"The disk could not be filled here: {full['reason']}."
    rows = [[row["KiB left"], row["exit code"], "yes" if tally.held(row) else "no"] for row in full["rows"]]
    return _table(["KiB left at the start", "exit code", "nothing lost, the same bits with room"], rows)


def _count(faults: Any) -> str:
    return f"{len(faults) if isinstance(faults, list) else int(bool(faults))} faults"


def _table(head: list[str], rows: list[list[object]]) -> str:
    return str(tabulate(rows, headers=head, tablefmt="github", disable_numparse=True))
