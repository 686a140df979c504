"""Timings: what a file of pytest-benchmark tells, as tables; nothing is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from inbench.readers import timings
from inbench.words.errors import UserError

SETTING = {"size": 64, "batch": 64, "device": "cuda", "precision": "bf16"}
EMPTY = {"images": 0, "peak_memory_bytes": 0, "flops": 0, "bytes_moved": 0}


def entry(group: str, name: str, median: float, **extra: Any) -> dict[str, Any]:
    stats = {"median": median, "iqr": median / 10, "rounds": 9}
    return {"group": group, "name": name, "stats": stats, "extra_info": {**SETTING, **EMPTY, **extra}}


def told(*entries: dict[str, Any], without: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    info = {"hardware": {"cpu": "some cpu", "gpu": "some gpu"}, "threads": 2, "libraries": {"torch": "2.6"}}
    return {
        "machine_info": info,
        "commit_info": {"commit": "0123456789abcdef"},
        "benchmarks": list(entries),
        "without_times": without or [],
        "datetime": "2026-01-02T03:04:05Z",
    }


MACHINE = (entry("machine", "matrix product", 0.01, flops=10**12), entry("machine", "copy", 0.01, bytes_moved=10**10))


def row_of(page: str, name: str) -> dict[str, str]:
    """The cells of a row by the heads of its table."""
    lines = page.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"| {name}"))
    head = next(lines[number - 1] for number in range(place, 0, -1) if lines[number].startswith("|--"))
    return dict(zip(*([cell.strip() for cell in line.strip("|").split("|")] for line in (head, lines[place])), strict=True))


def test_a_step_with_all_that_is_known_of_it() -> None:
    extra = {
        "images": 64,
        "peak_memory_bytes": 2**30,
        "flops": 10**12,
        "bytes_moved": 10**9,
        "times_plain": [5, 7, 6],
        "waits": 0,
    }
    page = timings.page(told(*MACHINE, entry("train step", "gan", 0.02, **extra)))
    assert row_of(page, "gan") == {
        "method": "gan",
        "ms": "20.0",
        "IQR ms": "2.00",
        "images/s": "3,200",
        "peak MB": "1,024",
        "GFLOP/image": "15.6",
        "of matrix rate": "50 %",
        "of copy rate": "5 %",
        "h for 156,000 steps": "0.867",
        "times the plain loop": "6.00",
        "waits a step": "0",
    }
    assert "**train step**, 64 images of 64 x 64, cuda, bf16, 9 rounds" in page
    assert page.startswith("Measured on some cpu, some gpu, with 2 threads; torch 2.6; commit 0123456789; 2026-01-02.\n")


def test_the_rates_stand_by_themselves() -> None:
    page = timings.page(told(*MACHINE))
    assert row_of(page, "matrix product")["GFLOP/s"] == "100,000"
    assert row_of(page, "copy")["GB/s"] == "1,000"


def test_a_case_without_times_is_a_row_with_its_reason() -> None:
    without = [{"group": "train step", "name": name, "status": "skipped", "reason": "learns nothing"} for name in ("a", "b")]
    page = timings.page(told(entry("train step", "gan", 0.02), without=without))
    assert row_of(page, "a (skipped)")["ms"] == "-"
    assert "- a, b: skipped: learns nothing" in page


def test_a_case_without_times_has_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    without = {"group": "mask", "name": "a", "status": "skipped", "reason": "none", "extra_info": None}
    file.write_text(json.dumps(told(entry("mask", "b", 1.0), without=[without])))
    with pytest.raises(UserError, match="has a case without times that has extra_info"):
        timings.read(file)


def test_a_comparison_is_by_medians_and_only_of_what_both_have() -> None:
    now, then = told(entry("mask", "a", 3.0), entry("mask", "b", 1.0)), told(entry("mask", "a", 2.0))
    page = timings.page(now, before=then, name="then.json")
    assert (row_of(page, "a")["times then.json"], row_of(page, "b")["times then.json"]) == ("1.50", "-")


def test_another_machine_or_setting_is_told() -> None:
    one, other, smaller = (told(entry("mask", "a", 1.0)) for _ in range(3))
    assert timings.where_they_differ(one, one) == ""
    other["machine_info"] = {**other["machine_info"], "threads": 4}
    assert timings.where_they_differ(one, other) == "2 threads now, 4 threads then"
    smaller["benchmarks"][0]["extra_info"]["size"] = 32
    assert timings.where_they_differ(one, smaller) == "64, 64, cuda, bf16 now, 32, 64, cuda, bf16 then"


def ratio(values: list[float], bar: float, unit: str = "times", *, at_most: bool = False) -> dict[str, Any]:
    found = {"what": "ours", "against": "theirs", "values": values, "bar": bar, "unit": unit, "at_most": at_most}
    return {"group": None, "name": "test", "stats": {}, "extra_info": {"ratio": found}}


@pytest.mark.parametrize(
    ("measured", "median", "bar", "verdict"),
    [
        (ratio([2, 4, 3], 3), "3.00 times", "at least 3.00 times", "met"),
        (ratio([2, 4, 3], 4), "3.00 times", "at least 4.00 times", "missed by 25 %"),
        (ratio([0.04, 0.03], 0.05, "%", at_most=True), "3.50 %", "at most 5.00 %", "met"),
        (ratio([0.3], 0.15, "s", at_most=True), "0.300 s", "at most 0.150 s", "missed by 100 %"),
    ],
)
def test_a_ratio_is_met_or_missed_by_so_much(measured: dict[str, Any], median: str, bar: str, verdict: str) -> None:
    row = row_of(timings.page(told(measured)), "ours")
    assert (row["median"], row["bar"], row[""]) == (median, bar, verdict)


def hostile_texts(value: Any) -> Any:
    """The same with another text in place of every text, but for the groups that a page knows."""
    if isinstance(value, dict):
        return {name: hostile_texts(held) for name, held in value.items()}
    if isinstance(value, list):
        return [hostile_texts(held) for held in value]
    return "<b>\ud800|\x1b" if isinstance(value, str) and value not in ("machine", "train step") else value


def test_nothing_of_a_file_is_obeyed_by_who_shows_its_page() -> None:
    case = entry("train step", "ours", 0.5)
    left_out = {"group": "other", "name": "x", "status": "skipped", "reason": "y"}
    page = timings.page(hostile_texts(told(*MACHINE, case, entry("mine", "x", 1.0), ratio([2, 4], 3), without=[left_out])))
    page.encode()
    assert not re.search("<b>|\x1b", page)
    assert page.count("&lt;b&gt;") > 10


def test_what_is_no_file_of_timings_is_refused(tmp_path: Path) -> None:
    for number, text in enumerate(["", "[]", "{}", '{"benchmarks": [], "machine_info": {}}']):
        (tmp_path / f"{number}.json").write_text(text)
        with pytest.raises(UserError, match="is no file of timings"):
            timings.read(tmp_path / f"{number}.json")
