"""The plan: what is done and what is not, what the rest will take, and how far that was off before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import AUTO, SLOW, TINY, Child, Told, planned, workers

from inbench.commands import planning
from inbench.joints import registry, starts
from inbench.words import disk, records

Command = Callable[..., Told]
Tiny = Callable[..., list[dict[str, Any]]]
Find = Callable[..., records.Record]
Write = Callable[..., str]
OPTIONS = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def test_a_plan_says_what_is_left_and_the_record_how_far_it_was_off(command: Command, tmp_path: Path, record: Find) -> None:
    words = ("run", *OPTIONS, "--results", str(tmp_path / "results"), "--methods", AUTO)
    told = json.loads(command(*words, "--plan", "--json").out)
    (run,) = told["runs"]
    assert (run["state"], told["total"]["runs"], told["past"]) == ("missing", 1, {})
    assert 0 < run["estimate"]["train_seconds"] < run["estimate"]["seconds"]
    assert records.all_of(tmp_path / "results") == []
    with workers(Child):
        assert command(*words).code == 0
    assert record("autoencoder").told["costs"]["estimated"] == run["estimate"]
    after = command(*words, "--plan")
    assert "0 of 1 runs to do" in after.out
    assert "past estimates: training time was" in after.out
    weights = (record("autoencoder").folder / "weights.safetensors").stat().st_size
    assert run["estimate"]["disk_bytes"] > 0.9 * weights


def test_a_plan_counts_neither_what_is_trained_nor_what_is_scored(command: Command, tmp_path: Path) -> None:
    words = ("run", *OPTIONS, "--results", str(tmp_path / "results"), "--methods", AUTO, "--keep", "weights")
    with workers(Child):
        assert command(*words).code == 0
    more = ("--test-masks", "center,half", "--plan", "--json")
    (run,) = json.loads(command(*words, *more).out)["runs"]
    assert (run["state"], run["estimate"]["train_seconds"]) == ("unscored", 0)
    (one,) = planned(tmp_path / "results", AUTO, keep="weights", test_masks="center,half")
    assert planning.left(one) == {"steps": 0, "answers": one.spec["wanted"]}


def test_one_spending_spelt_in_two_ways_is_one_training_and_the_plan_says_how_it_is_called(
    command: Command, tiny: Tiny, tmp_path: Path
) -> None:
    with workers(Child):
        tiny(AUTO, budget="smoke[steps=6,batch=4]")  # 40 pictures
    (one,) = planned(tmp_path / "results", AUTO, budget="smoke[epochs=0.6,batch=4]")
    assert (one.state, one.reason) == ("done", "the same training as smoke[batch=4,steps=6], and called so in tables")
    (one,) = planned(tmp_path / "results", AUTO, budget="smoke[steps=6,batch=4,test_images=2]")
    assert (one.state, one.reason) == ("done", "")


def test_a_plan_counts_the_steps_that_an_interrupted_run_has_left(tmp_path: Path) -> None:
    (one,) = planned(tmp_path / "results", AUTO, budget="smoke[steps=9]", test_masks="center,half")
    assert planning.left(one) == {"steps": 9, "answers": 2 * one.spec["wanted"]}
    one.work.mkdir(parents=True)
    (one.work / "checkpoint.pt").touch()
    (one.work / "heartbeat.json").write_text('{"phase": "training", "done": 4}')
    assert planning.left(one)["steps"] == 5


def test_a_run_that_cannot_be_tried_says_why(plugin: Write, tmp_path: Path) -> None:
    file = plugin("class Breaks(Learner):\n    name = 'breaks'\n    def step(self, image, hole):\n        1 / 0\n")
    told = planning.told(planned(tmp_path / "results", "breaks", plugins=[file]), tmp_path / "results", lambda *_: None)
    assert told["runs"][0]["estimate"]["reason"] == "its trial failed: ZeroDivisionError: division by zero"


def test_a_run_of_older_code_is_stale(plugin: Write, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)  # as in a new process
    file = plugin(SLOW)
    with workers(Child):
        tiny("slow", plugins=[file])
    assert [one.state for one in planned(tmp_path / "results", "slow", plugins=[file])] == ["done"]
    Path(file).write_text(Path(file).read_text().replace("1e-2", "2e-2"))
    found = planned(tmp_path / "results", "slow,mean-fill", plugins=[file])
    assert [one.state for one in found] == ["stale", "missing"]


def test_what_was_begun_with_older_code_is_cleared_when_the_run_is_done(
    plugin: Write, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)
    file = plugin(SLOW)
    (begun,) = planned(tmp_path / "results", "slow", plugins=[file])
    work = begun.work
    work.mkdir(parents=True)
    (work / "spec.json").write_bytes(disk.to_json(begun.spec))
    Path(file).write_text(Path(file).read_text().replace("1e-2", "2e-2"))
    with workers(Child):
        tiny("slow", plugins=[file])
    assert not work.exists()


def with_and_without_a_start(method: str, file: str, tiny: Tiny, record: Find, tmp_path: Path) -> list[records.Record]:
    """Ten steps by themselves, six that keep their checkpoint, and ten beside those."""
    options = {"plugins": [file], "keep": "weights,guesses,checkpoint"}
    with workers(Child):
        tiny(method, into="straight", **options, budget="smoke[steps=10,batch=4]")
        tiny(method, **options, budget="smoke[steps=6,batch=4]")
        tiny(method, **options, budget="smoke[steps=10,batch=4]")
    beside = sorted(records.all_of(tmp_path / "results"), key=lambda one: one.told["run"]["steps"])
    return [record(method, into="straight"), *beside]


def test_a_kept_checkpoint_is_the_start_of_more_steps(plugin: Write, tiny: Tiny, record: Find, tmp_path: Path) -> None:
    straight, begun, further = with_and_without_a_start("slow", plugin(SLOW), tiny, record, tmp_path)
    assert (straight.told["started_from"], further.told["started_from"]) == (None, begun.folder.name)
    assert further.key == straight.key
    for name in ("weights.safetensors", "scores/center_side_16.csv", "guesses/center_side_16.npy"):
        assert (further.folder / name).read_bytes() == (straight.folder / name).read_bytes()
    assert losses(further) == losses(straight)


def test_a_start_whose_checkpoint_was_damaged_is_not_said_to_be_one(
    plugin: Write, tiny: Tiny, record: Find, tmp_path: Path
) -> None:
    file = plugin(SLOW)
    with workers(Child):
        tiny("slow", plugins=[file], budget="smoke[steps=6,batch=4]", keep="weights,guesses,checkpoint")
    begun = record("slow")
    (one,) = planned(tmp_path / "results", "slow", plugins=[file], budget="smoke[steps=10,batch=4]")
    one.work.mkdir(parents=True)
    (one.work / "checkpoint.pt").write_bytes(b"cut short")
    (one.work / "start.json").write_bytes(disk.to_json({"start": begun.folder.name}))
    with workers(Child):
        tiny("slow", plugins=[file], budget="smoke[steps=10,batch=4]")
    further = next(one for one in records.all_of(tmp_path / "results") if one.told["run"]["steps"] == 10)
    assert further.told["started_from"] is None


SCHEDULED = """
class Scheduled(Learner):
    name = "scheduled"

    def step(self, image, hole):
        self.adam.param_groups[0]["lr"] = 0.01 * (1 - self.progress)
        return super().step(image, hole)
"""


def test_a_training_that_looks_at_its_progress_is_no_start(plugin: Write, tiny: Tiny, record: Find, tmp_path: Path) -> None:
    straight, begun, further = with_and_without_a_start("scheduled", plugin(SCHEDULED), tiny, record, tmp_path)
    assert (begun.told["scheduled"], further.told["started_from"]) == (True, None)
    assert (further.folder / "weights.safetensors").read_bytes() == (straight.folder / "weights.safetensors").read_bytes()


def losses(record: records.Record) -> list[str]:
    """The curve without the validation, which a start has watched at other steps."""
    return [line.rpartition(",")[0] for line in (record.folder / "curve.csv").read_text().splitlines()]


def test_a_start_leaves_the_last_fifth_to_the_run_and_was_trained_at_such_a_place(
    plugin: Write, tiny: Tiny, record: Find, tmp_path: Path
) -> None:
    options = {"plugins": [plugin(SLOW)]}
    with workers(Child):
        tiny("slow", **options, keep="checkpoint", budget="smoke[steps=8,batch=4]")
    runs = tmp_path / "results" / "runs"
    (near,) = planned(tmp_path / "results", "slow", **options, budget="smoke[steps=9,batch=4]")
    (far,) = planned(tmp_path / "results", "slow", **options, budget="smoke[steps=10,batch=4]")
    (other,) = planned(tmp_path / "results", "slow", **options, budget="smoke[steps=10,batch=4]", seeds="1")
    place = starts.place_of(record("slow").told["provenance"])
    assert starts.of(near.run, runs, place) is None
    assert starts.of(far.run, runs, place) is not None
    assert starts.of(other.run, runs, place) is None
    assert starts.of(far.run, runs, {**place, "threads": place["threads"] + 1}) is None
    assert starts.of(far.run, runs, {**place, "device": "cuda"}) is None
