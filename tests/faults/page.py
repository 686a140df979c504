"""The page of the fault campaign, docs/reliability.md: written from the JSON that it measured, between markers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

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
    blocks = [_table(["what is done to it", "must come out", "came out", "on"], _summary(measured))]
    if "kills" in measured:
        phases = ", ".join(f"{name} {count}" for name, count in measured["kills"]["by phase"].items())
        blocks.append(f"Kills by the phase that they came in: {phases}.")
    if "plugins" in measured:
        rows = [[row["plugin"], row["does"], row["expected"], row["status"]] for row in measured["plugins"]["plugins"]]
        blocks.append(_table(["plugin", "what it does", "must be", "was"], rows))
    if "full" in measured:
        blocks.append(_full(measured["full"]))
    if "fuzz" in measured:
        rows = [
            [row["reader"], f"{row['inputs']:,}", row["minutes"], _count(row["fault"])] for row in measured["fuzz"]["targets"]
        ]
        blocks.append(_table(["what is read", "damaged inputs", "minutes", "faults"], rows))
    return "\n\n".join(blocks)


def _summary(measured: dict[str, Any]) -> list[list[object]]:
    tellers = {
        "kills": _kills, "plugins": _plugins, "sharing": _sharing, "full": _filled, "malformed": _malformed, "fuzz": _fuzzed,
    }  # fmt: skip
    return [[*teller(measured[name]), measured[name]["utc"]] for name, teller in tellers.items() if name in measured]


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
    came = f"{sum(map(_held, rows))} of {len(rows)}; {told.get('full', 0)} of them ran full"
    return [f"a disk that runs full, {len(rows)} times", "one sentence, nothing lost, the same bits with room", came]


def _malformed(told: dict[str, Any]) -> list[object]:
    return [f"{told['inputs']} malformed inputs over {told['readers']} readers", "0 faults", _count(told["faults"])]


def _fuzzed(told: dict[str, Any]) -> list[object]:
    tried, found = sum(row["inputs"] for row in told["targets"]), sum(bool(row["fault"]) for row in told["targets"])
    return [f"{tried:,} damaged inputs over {len(told['targets'])} readers", "0 faults", f"{found} faults"]


def _held(row: dict[str, Any]) -> bool:
    """Whether a full disk did no harm."""
    return row["clear"] and row["finished run kept"] and row["same bits when there is room"] and not row["half files"]


def _full(full: dict[str, Any]) -> str:
    if "rows" not in full:
        return f"The disk could not be filled here: {full['reason']}."
    rows = [[row["KiB left"], row["exit code"], "yes" if _held(row) else "no"] for row in full["rows"]]
    return _table(["KiB left at the start", "exit code", "nothing lost, the same bits with room"], rows)


def _count(faults: Any) -> str:
    return f"{len(faults) if isinstance(faults, list) else int(bool(faults))} faults"


def _table(head: list[str], rows: list[list[object]]) -> str:
    return str(tabulate(rows, headers=head, tablefmt="github", disable_numparse=True))


def faults(measured: dict[str, Any]) -> list[str]:
    """What a campaign did not reach."""
    found = []
    if kills := measured.get("kills"):
        wrong = kills["same bits"] != kills["kills"] or kills["finished runs lost"] or kills["half files"]
        found += ["kills"] if wrong else []
    if hosted := measured.get("plugins"):
        found += [row["plugin"] for row in hosted["plugins"] if not row["as expected"]]
        wrong = hosted["good ones with the same numbers"] != hosted["good ones"] or hosted["processes left"]
        found += ["plugins"] if wrong or hosted["traceback"] or hosted["half files"] or hosted["exit code"] != 1 else []
    if shared := measured.get("sharing"):
        right = shared["trainings begun"] == shared["records"] == shared["runs"] and shared["verified"]
        exits = Counter(shared["exit codes"]) == {0: shared["processes"]}
        found += [] if right and exits and not shared["half files"] else ["sharing"]
    if full := measured.get("full"):
        found += [f"full disk at {row['KiB left']} KiB" for row in full.get("rows", []) if not _held(row)]
    found += measured.get("malformed", {}).get("faults", [])
    return found + [row["reader"] for row in measured.get("fuzz", {}).get("targets", []) if row["fault"]]
