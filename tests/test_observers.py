"""Observers: told once of each run that a command brought to its end, when the record is safe, and harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import HEAD, Told

from inbench.joints import registry
from inbench.words import records

Tiny = Callable[..., list[dict[str, Any]]]

WATCH = """
import json
from pathlib import Path
import inbench

@inbench.hookimpl
def inbench_run_finished(folder, summary):
    with (Path(__file__).parent / "told.jsonl").open("a") as file:
        print(json.dumps({"folder": str(folder), "there": (folder / "run.json").is_file(), **summary}), file=file)
    print("told")
"""
FRAIL = """
import inbench

@inbench.hookimpl
def inbench_run_finished(summary):
    raise ConnectionError(f"no tracker for {summary['method']}")
"""
FAILING = """
class Failing(Base):
    name = "failing"

    def inpaint(self, seen, hole, seed):
        raise RuntimeError("not today")
"""


@pytest.fixture
def observer(tmp_path: Path) -> Callable[[str, str], str]:
    def write(text: str, name: str = "observer.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def told(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("here")
def test_an_observer_is_told_of_a_run_when_its_record_is_safe(
    tiny: Tiny, observer: Callable[..., str], told: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    (row,) = tiny("mean-fill", plugins=[observer(WATCH)])
    (one,) = told()
    assert one["there"]
    assert Path(one["folder"]) == tmp_path / "results" / "runs" / one["name"]
    assert (one["status"], one["reason"], one["method"], one["size"], one["seed"]) == ("ok", "", "mean-fill", 32, None)
    assert one["dataset"] == row["dataset"]
    (record,) = records.all_of(tmp_path / "results")
    assert one["means"] == {"center": record.scores["center[side=16]"]["means"]}
    assert one["costs"] == record.told["costs"]


@pytest.mark.usefixtures("here")
def test_what_was_done_before_is_not_told_again(
    tiny: Tiny, observer: Callable[..., str], told: Callable[[], list[dict[str, Any]]]
) -> None:
    tiny("mean-fill", plugins=[observer(WATCH)])
    tiny("mean-fill,mean-image", plugins=[observer(WATCH)])
    assert [one["method"] for one in told()] == ["mean-fill", "mean-image"]


@pytest.mark.usefixtures("here")
def test_a_run_that_failed_is_told_with_its_reason(
    tiny: Tiny, observer: Callable[..., str], told: Callable[[], list[dict[str, Any]]], plugin: Callable[..., str]
) -> None:
    tiny("failing", plugins=[plugin(FAILING), observer(WATCH)])
    (one,) = told()
    assert (one["status"], one["means"]) == ("failed", {})
    assert "not today" in one["reason"]


@pytest.mark.usefixtures("here")
def test_an_observer_that_raises_is_logged_and_the_others_are_told(
    tiny: Tiny,
    observer: Callable[..., str],
    told: Callable[[], list[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    frail = observer(FRAIL, "frail.py")
    rows = tiny("mean-fill,mean-image", plugins=[frail, observer(WATCH)])
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert [one["method"] for one in told()] == ["mean-fill", "mean-image"]
    first, _ = (record.getMessage() for record in caplog.records)
    assert first.startswith(f"inbench: the observer of {frail} failed on mean-fill on drawn-faces")
    assert first.endswith(f"ConnectionError: no tracker for mean-fill ({frail}:6); the run is kept")


@pytest.mark.usefixtures("here")
def test_what_an_observer_prints_is_no_result(
    command: Callable[..., Told], observer: Callable[..., str], tmp_path: Path
) -> None:
    told = command(
        *("run", "--methods", "mean-fill", "--datasets", "drawn-faces[train=40,val=8,test=12]", "--size", "32"),
        *("--budget", "smoke", "--plugin", observer(WATCH), "--results", str(tmp_path / "results"), "--json"),
    )
    assert told.code == 0
    assert json.loads(told.out)["rows"]
    assert "told" in told.err


def test_an_observer_that_asks_for_what_is_not_told_is_a_fault(observer: Callable[..., str]) -> None:
    file = observer(FRAIL.replace("(summary)", "(summary, picture)"))
    (fault,) = registry.load([file]).faults
    assert fault.reason == "the hook inbench_run_finished takes folder, summary, but here it has (summary, picture)"
    assert fault.where in (f"{file}:4", f"{file}:5")


def test_a_plugin_may_bring_a_method_and_observe(observer: Callable[..., str]) -> None:
    text = (
        HEAD + "class Grey(Base):\n    name = 'grey'\n\n@inbench.hookimpl\ndef inbench_methods():\n    return [Grey]\n" + WATCH
    )
    found = registry.load([observer(text)])
    assert found.faults == []
    assert found.get("method", "grey")
    assert len(found.observers) == 1
