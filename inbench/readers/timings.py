"""Timings: pytest-benchmark's JSON to markdown: times by kind of case, and ratios of one side to another. Measures nothing."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from inbench.readers.formats import plain
from inbench.readers.time_to_quality import StepTimes
from inbench.words.errors import UserError
from inbench.words.soundness import lacking

Entry = Mapping[str, Any]
Told = Mapping[str, Any]
PAPER_STEPS, PAPER_BATCH = 156_000, 64
"""50 passes over CelebA's 200,000 pictures."""


FILE: dict[str, Any] = {"benchmarks": list, "machine_info": dict, "datetime": str}
MACHINE: dict[str, Any] = {"hardware": dict, "libraries": dict, "threads": int}
CASE: dict[str, Any] = {"group": (str, type(None)), "name": str, "stats": dict, "extra_info": dict}
LEFT_OUT: dict[str, Any] = {"group": str, "name": str, "status": str, "reason": str}
RATIO: dict[str, Any] = {"what": str, "against": str, "unit": str, "at_most": bool, "values": list, "bar": (int, float)}
COUNTS = ("images", "flops", "bytes_moved", "size", "batch", "peak_memory_bytes", "waits")
"""Numbers, or None, wherever they stand."""


def read(file: Path) -> dict[str, Any]:
    """A file that `inbench bench --save` or `pytest --benchmark-json` wrote."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        wrong = lacking(found, FILE) or _wrong_with(found)
    except (OSError, ValueError, RecursionError) as error:
        found, wrong = {}, f"cannot be read: {error}"
    if wrong:
        raise UserError(f"{file} is no file of timings ({wrong}); inbench bench --save {file.name} writes one")
    return dict(found)


def _wrong_with(told: Told) -> str:
    """Why these are no timings; empty where they are."""
    commit, left_out = told.get("commit_info") or {}, told.get("without_times", [])
    if not isinstance(commit, dict) or not isinstance(commit.get("commit") or "", str):
        return "has commit_info of another kind"
    if not isinstance(left_out, list):
        return "has without_times of another kind"
    wrong = [lacking(told["machine_info"], MACHINE, "machine_info "), *(lacking(one, LEFT_OUT, "case ") for one in left_out)]
    if any("extra_info" in one for one in left_out if isinstance(one, dict)):
        wrong.append("has a case without times that has extra_info")
    return next(filter(None, [*wrong, *map(_wrong_case, told["benchmarks"])]), "")


def _wrong_case(case: Any) -> str:
    if wrong := lacking(case, CASE, "case "):
        return wrong
    stats, extra, what = case["stats"], case["extra_info"], f"case {case['name']!r} has"
    if not all(_is_number(stats.get(name)) for name in ("median", "iqr", "rounds")) or not stats["median"] > 0:
        return f"{what} no median, iqr and rounds"
    if not all(extra.get(name) is None or _is_number(extra[name]) for name in COUNTS):
        return f"{what} counts that are no numbers"
    if (case["group"] in HEADS or "size" in extra) and not {*SETTING, "images", "flops", "bytes_moved"} <= extra.keys():
        return f"{what} no setting"
    if not _are_numbers(extra.get("times_plain") or []):
        return f"{what} times_plain that are no numbers"
    return _wrong_ratio(extra["ratio"], what) if "ratio" in extra else ""


def _wrong_ratio(ratio: Any, what: str) -> str:
    if wrong := lacking(ratio, RATIO, "ratio "):
        return wrong
    sound = ratio["values"] and _are_numbers(ratio["values"]) and _is_number(ratio["bar"]) and ratio["bar"]
    return "" if sound else f"{what} a ratio without values or bar"


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_number(value: object) -> bool:
    """One that can be divided and printed."""
    return isinstance(value, (int, float)) and abs(value) < 1e30


def page(told: Told, *, before: Told | None = None, name: str = "") -> str:
    """All that a file tells: the times of its cases, then the ratios. before: an older file to compare with, by its name."""
    tables = [timing_tables(told, before, name), ratio_table(told)]
    return "\n\n".join([machine(told), *filter(None, tables)]) + "\n"


def machine(told: Told) -> str:
    """Where the times were taken."""
    info = told["machine_info"]
    commit = told.get("commit_info") or {}
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(info["libraries"].items()))
    where = ", ".join(str(value) for _, value in sorted(info["hardware"].items()))
    threads = f"{info['threads']} thread{'s' if info['threads'] > 1 else ''}"
    code = (
        f"; commit {plain(commit['commit'][:10])}{', with changes' if commit.get('dirty') else ''}"
        if commit.get("commit")
        else ""
    )
    return f"Measured on {plain(where)}, with {threads}; {plain(libraries)}{code}; {plain(told['datetime'][:10])}."


def where_they_differ(one: Told, other: Told) -> str:
    """Why the times of two files cannot be compared; empty where they can."""
    pairs = [(one["machine_info"][key], other["machine_info"][key]) for key in ("hardware", "threads")]
    settings = [{name: entry["extra_info"][name] for name in SETTING} for entry in (first(one), first(other))]
    told = [f"{_words(new)} now, {_words(old)} then" for new, old in [*pairs, (settings[0], settings[1])] if new != old]
    return "; ".join(told)


SETTING = ("size", "batch", "device", "precision")


def step_times(told: Told) -> StepTimes:
    """How long a training step of each method took."""
    seconds = {}
    for entry in told["benchmarks"]:
        if entry["group"] == "train step":
            extra = entry["extra_info"]
            seconds[entry["name"], extra["size"], extra["batch"], extra["precision"]] = entry["stats"]["median"]
    return StepTimes(seconds, _words(told["machine_info"]["hardware"]))


def first(told: Told) -> Entry:
    """Some case of `inbench bench`."""
    found = next((entry for entry in told["benchmarks"] if "size" in entry["extra_info"]), None)
    if found is None:
        raise UserError("there is no case of inbench bench among these timings")
    return dict(found)


def _words(value: object) -> str:
    return ", ".join(map(str, value.values())) if isinstance(value, dict) else f"{value} threads"


def ratios_to(told: Told, before: Told) -> dict[tuple[str, str], float]:
    """How many times as long each case takes as it took, by group and name: medians."""
    then = {(entry["group"], entry["name"]): entry["stats"]["median"] for entry in before["benchmarks"]}
    keyed = [((entry["group"], entry["name"]), entry["stats"]["median"]) for entry in told["benchmarks"]]
    return {key: median / then[key] for key, median in keyed if key in then}


# Times

HEADS = {"machine": "rate", "train step": "method", "answer alone": "method", "answers to a batch": "method"}
HEADS |= {"metric": "metric", "data": "data", "mask": "mask"}
"""Kinds of case in the order of their tables, and what a row of each is."""


def timing_tables(told: Told, before: Told | None = None, name: str = "") -> str:
    """A table for each kind of case; empty where there are none."""
    groups: dict[str, list[Entry]] = {group: [] for group in HEADS}
    for entry in [*told["benchmarks"], *told.get("without_times", [])]:
        if entry["group"] and "ratio" not in entry.get("extra_info", {}):
            groups.setdefault(entry["group"], []).append(entry)
    matrix, copy = (_rate(groups["machine"], key) for key in ("flops", "bytes_moved"))
    columns = _columns(matrix, copy)
    if before is not None:
        compared = ratios_to(told, before)
        columns[f"times {plain(name)}"] = lambda entry: _digits(compared.get((entry["group"], entry["name"])), 2)
    blocks = [f"{_title(members)}\n\n{_table(members, columns)}" for members in groups.values() if members]
    turns = "The cases took turns in every round. " if "without_times" in told else ""  # pytest times one after the other
    return "\n\n".join([*blocks, turns + UNDER]) if blocks else ""


UNDER = (
    "Times are medians of the rounds, IQR is the range between their quartiles. Memory is the most that the process held "
    "above what it held before. Operations are those of matrix products and convolutions, and "
    "their share is of the rate of the matrix product. The share of the copy rate is of all that every operation reads and "
    "writes; much of that never leaves the caches, so it may be over 100 %."
)


def _rate(machine: list[Entry], key: str) -> float | None:
    """Operations or bytes a second that the machine was measured at."""
    found = [entry for entry in machine if "stats" in entry and entry["extra_info"][key]]
    return found[0]["extra_info"][key] / found[0]["stats"]["median"] if found else None


def _columns(matrix: float | None, copy: float | None) -> dict[str, Callable[[Entry], str]]:
    """Head and cell of every column there may be; one without any number is left out."""

    def of(entry: Entry, key: str, scale: float = 1.0, *, per: float = 1.0) -> float | None:
        value = entry["extra_info"].get(key)
        return value * scale / per if value and per else None

    def share(entry: Entry, key: str, rate: float | None) -> str:
        done = of(entry, key, per=entry["stats"]["median"])
        return f"{100 * done / rate:.0f} %" if done and rate and entry["group"] != "machine" else "-"

    def images(entry: Entry) -> float:
        return float(entry["extra_info"].get("images") or 0)

    return {
        "ms": lambda entry: _digits(1000 * entry["stats"]["median"]),
        "IQR ms": lambda entry: _digits(1000 * entry["stats"]["iqr"]),
        "images/s": lambda entry: _digits(of(entry, "images", per=entry["stats"]["median"])),
        "peak MB": lambda entry: _digits(of(entry, "peak_memory_bytes", 2**-20), 0),
        "GFLOP/image": lambda entry: _digits(of(entry, "flops", 1e-9, per=images(entry))),
        "GFLOP/s": lambda entry: _digits(of(entry, "flops", 1e-9, per=entry["stats"]["median"])),
        "GB/s": lambda entry: _digits(of(entry, "bytes_moved", 1e-9, per=entry["stats"]["median"])),
        "of matrix rate": lambda entry: share(entry, "flops", matrix),
        "of copy rate": lambda entry: share(entry, "bytes_moved", copy),
        f"h for {PAPER_STEPS:,} steps": _paper_hours,
        "times the plain loop": lambda entry: _digits(_median(entry["extra_info"].get("times_plain"))),
        "waits a step": lambda entry: _digits(entry["extra_info"].get("waits"), 0),
    }


def _paper_hours(entry: Entry) -> str:
    """What the paper's training would take, where the steps are of its batch."""
    if entry["group"] != "train step" or entry["extra_info"].get("batch") != PAPER_BATCH:
        return "-"
    return _digits(entry["stats"]["median"] * PAPER_STEPS / 3600)


def _median(values: list[float] | None) -> float | None:
    return statistics.median(values) if values else None


def _digits(value: float | None, places: int | None = None) -> str:
    """Three digits that count, or so many places; a dash where there is no number."""
    if value is None:
        return "-"
    if places is None:
        places = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{places}f}"


def _title(members: list[Entry]) -> str:
    """What a table is about, and with what it was timed."""
    group = members[0]["group"]
    told = next((entry for entry in members if "size" in entry.get("extra_info", {})), None)
    if told is None:
        return f"**{plain(group)}**"
    extra, rounds = told["extra_info"], told["stats"]["rounds"]
    images, side = extra["images"], plain(extra["size"])
    pictures = f", {images} {'images' if images > 1 else 'image'} of {side} x {side}" if images else ""
    precision = f", {plain(extra['precision'])}" if HEADS.get(group) == "method" else ""
    return f"**{plain(group)}**{pictures}, {plain(extra['device'])}{precision}, {plain(rounds)} rounds"


def _table(members: list[Entry], columns: Mapping[str, Callable[[Entry], str]]) -> str:
    """A row a case; those without times have a row too, and their reasons stand below."""
    rate = ("GFLOP/s", "GB/s")  # of the machine alone: of a case it is a share
    chosen = {head: cell for head, cell in columns.items() if head not in rate or members[0]["group"] == "machine"}
    rows = [[cell(entry) if "stats" in entry else "-" for cell in chosen.values()] for entry in members]
    kept = [place for place in range(len(chosen)) if any(row[place] != "-" for row in rows)]
    body = [
        [plain(entry["name"]) + (f" ({plain(entry['status'])})" if "status" in entry else ""), *(row[place] for place in kept)]
        for entry, row in zip(members, rows, strict=True)
    ]
    head = [HEADS.get(members[0]["group"], "case"), *(list(chosen)[place] for place in kept)]
    made: str = tabulate(
        body, headers=head, tablefmt="github", disable_numparse=True, colalign=("left", *["right"] * len(kept))
    )
    reasons: dict[str, list[str]] = {}
    for entry in members:
        if "status" in entry:
            reasons.setdefault(plain(f"{entry['status']}: {entry['reason']}"), []).append(plain(entry["name"]))
    lines = [f"- {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "\n\n".join(filter(None, [made, "\n".join(lines)]))


# Ratios


def ratio_table(told: Told) -> str:
    """What was asked of the code, and what was measured; empty where no ratio was."""
    found = [entry["extra_info"]["ratio"] for entry in told["benchmarks"] if "ratio" in entry["extra_info"]]
    if not found:
        return ""
    rows = [
        [
            plain(one["what"]),
            plain(one["against"]),
            in_unit(one, statistics.median(one["values"])),
            _range(one),
            _bar(one),
            verdict(one),
        ]
        for one in found
    ]
    head = ["what", "against", "median", "lowest to highest", "bar", ""]
    made: str = tabulate(rows, headers=head, tablefmt="github", disable_numparse=True)
    return made


def verdict(ratio: Mapping[str, Any]) -> str:
    """Whether a bar is met, or by how much it is missed."""
    median, bar = statistics.median(ratio["values"]), ratio["bar"]
    if (median <= bar) if ratio["at_most"] else (median >= bar):
        return "met"
    return f"missed by {100 * abs(median - bar) / bar:.0f} %"


def in_unit(ratio: Mapping[str, Any], value: float) -> str:
    """A value of a ratio as it is printed."""
    scale = 100 if ratio["unit"] == "%" else 1
    return f"{_digits(value * scale)} {plain(ratio['unit'])}"


def _range(ratio: Mapping[str, Any]) -> str:
    low, high, rounds = min(ratio["values"]), max(ratio["values"]), len(ratio["values"])
    return f"{in_unit(ratio, low)} to {in_unit(ratio, high)}, {rounds} rounds" if rounds > 1 else "1 round"


def _bar(ratio: Mapping[str, Any]) -> str:
    return f"{'at most' if ratio['at_most'] else 'at least'} {in_unit(ratio, ratio['bar'])}"
