"""What is under way: every state, from files alone, whatever the clocks of the machines say."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Told, carry_out, planned

from inbench.commands import under_way
from inbench.joints import submissions
from inbench.runs.runner import Limits
from inbench.words import clock, disk, records
from inbench.words.planned import Planned

Command = Callable[..., Told]
Write = Callable[..., str]
METHODS = "mean-fill,nearest,linear,mean-image"


def begun(one: Planned, *, silent: float = 0.0, utc: str = "") -> None:
    """A run as it stands while another machine computes it, and has said nothing for some seconds."""
    one.work.mkdir(parents=True)
    (one.work / "spec.json").write_bytes(disk.to_json(one.spec))
    beat = {"phase": "training", "done": 4, "total": 9, "rate": 20.0, "left": 119.7, "utc": utc or clock.utc(), "pid": 1}
    (one.work / "heartbeat.json").write_text(json.dumps(beat))
    claim = one.work.with_name(f"{one.run.name}.claim.1")
    claim.write_text(json.dumps({"place": "elsewhere", "processes": {"1": "1"}}))
    os.utime(claim, (time.time() - silent,) * 2)


@pytest.mark.usefixtures("here")
def test_every_state_is_told_from_files_alone(command: Command, plugin: Write, tmp_path: Path) -> None:
    results = tmp_path / "results"
    broken = plugin(
        "class Breaks(Base):\n    name = 'breaks'\n    def inpaint(self, seen, hole, seed):\n        raise ValueError\n"
    )
    carry_out(planned(results, "mean-fill,breaks", plugins=[broken]))
    _, nearest, linear, image = planned(results, METHODS)
    begun(nearest)
    begun(linear, silent=3600.0)
    submissions.write("slurm", Limits(), [nearest, image])
    told = command("status", "--results", str(results), "--json")
    found = json.loads(told.out)
    assert (told.code, found["counts"]) == (0, {"done": 1, "running": 1, "queued": 1, "interrupted": 1, "failed": 1})
    states = {run["title"].partition(" ")[0]: (run["state"], run["by"]) for run in found["runs"]}
    assert states == {
        "nearest": ("running", "slurm"), "linear": ("interrupted", "local"), "mean-image": ("queued", "slurm"),
        "breaks": ("failed", ""),
    }  # fmt: skip
    (running,) = (run for run in found["runs"] if run["state"] == "running")
    assert (running["heartbeat"]["done"], running["heartbeat"]["left"]) == (4, 119.7)
    text = command("status", "--results", str(results)).out
    assert "5 runs: 1 done, 1 running, 1 queued, 1 interrupted, 1 failed" in text
    assert "training, step 4 of 9, 20 images/s, 2:00 left" in text
    assert "--executor slurm asks it whether it still has it" in text


def test_a_clock_that_is_wrong_is_told_and_decides_nothing(tmp_path: Path) -> None:
    (one,) = planned(tmp_path / "results", "mean-fill")
    begun(one, utc=(datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    found = under_way.survey(tmp_path / "results")
    assert found.counts == {"running": 1}
    (note,) = found.notes
    assert "120 minutes behind that of the file system" in note


def test_what_is_run_again_is_queued_though_it_has_a_record(tmp_path: Path) -> None:
    results = tmp_path / "results"
    (one,) = planned(results, "mean-fill")
    records.give_up(one.spec, {}, "failed", "not today")
    assert under_way.survey(results).counts == {"failed": 1}
    submissions.write("ray", Limits(), planned(results, "mean-fill", rerun="failed"))
    assert under_way.survey(results).counts == {"queued": 1}
    time.sleep(0.01)
    records.give_up(one.spec, {}, "failed", "not today either")
    assert under_way.survey(results).counts == {"failed": 1}


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    results = tmp_path / "results"
    (one,) = planned(results, "mean-fill")
    begun(one)
    given = submissions.write("slurm", Limits(), [one])
    (given.folder / "runs.jsonl").write_text('{"spec": 3}\n')
    (one.work / "heartbeat.json").write_text('{"phase": 1, "done": NaN}')
    (results / "runs" / "mean-fill-0").mkdir()
    (results / "runs" / "mean-fill-0" / "run.json").write_text('{"status": "ok", "scores": {"a": 3}')
    found = under_way.survey(results)
    assert found.counts == {"running": 1}
    assert json.dumps(under_way.as_json(found), allow_nan=False)


def test_nothing_is_under_way_in_a_folder_that_is_not_there(command: Command, tmp_path: Path) -> None:
    told = command("status", "--results", str(tmp_path / "results"))
    assert (told.code, told.out) == (0, "0 runs\n")


def test_a_file_in_place_of_a_folder_holds_no_runs(command: Command, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("notes")
    told = command("status", "--results", str(tmp_path / "results"))
    assert (told.code, told.out) == (0, "0 runs\n")


def test_a_long_list_is_cut_for_people(tmp_path: Path) -> None:
    found = planned(tmp_path / "results", "autoencoder", seeds=",".join(map(str, range(30))))
    submissions.write("slurm", Limits(), found)
    told = under_way.survey(tmp_path / "results")
    assert len(told.runs) == 30
    assert under_way.in_words(told).count("queued (slurm)") == under_way.MOST_SHOWN
    assert "10 more are queued; --json lists all" in under_way.in_words(told)
