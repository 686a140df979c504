"""A run from its first step to its record: stopped and gone on with, broken in every way, scored again."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import scipy
import torch
from conftest import AUTO, SLOW, TINY, Child, carry_out, planned, workers

from inbench.acts import scoring
from inbench.commands import under_way
from inbench.joints import isolation, registry, store
from inbench.joints.claims import Claims
from inbench.joints.masks import Center
from inbench.runs import plan, runner
from inbench.words import disk, records
from inbench.words.errors import Interrupted

Tiny = Callable[..., list[dict[str, Any]]]
Find = Callable[..., records.Record]
Write = Callable[..., str]


DENSE = "dense-gan[growth=4,layers=2,stem=8,up=16,critic=8]"
CENTER = "center[side=16]"


def outcome(record: records.Record) -> dict[str, bytes]:
    """What must be the same bits: weights, losses, scores, guesses."""
    wanted = ("weights.safetensors", "curve.csv", "scores/*.csv", "guesses/*.npy")
    return {file.name: file.read_bytes() for pattern in wanted for file in record.folder.glob(pattern)}


def rows_of(record: records.Record, mask: str = CENTER) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(record.rows(mask).decode())))


# Stopped, killed, gone on with


def learning(beat: dict[str, Any]) -> bool:
    return beat.get("phase") == "training" and 2 < beat["done"] < beat["total"]


def ask_to_stop() -> runner.Show:
    """Asks once: who asks twice gets no checkpoint."""
    asked: list[int] = []

    def show(one: plan.Planned, beat: dict[str, Any]) -> None:
        if learning(beat) and not asked:
            asked.append(beat["pid"])
            os.kill(beat["pid"], signal.SIGTERM)

    return show


def kill_in_the_middle(one: plan.Planned) -> None:
    """A worker as an engine starts it, with nobody to see its end: as it stands after a machine went down."""
    work = Path(one.spec["results"]) / "runs" / ".partial" / one.run.name
    work.mkdir(parents=True)
    (work / "spec.json").write_bytes(disk.to_json(one.spec))
    with subprocess.Popen([sys.executable, "-P", "-m", "inbench.runs.worker", str(work / "spec.json")]) as child:
        beat: dict[str, Any] = {}
        while not learning(beat):
            time.sleep(0.05)
            assert child.poll() is None
            with contextlib.suppress(OSError):
                beat = json.loads((work / "heartbeat.json").read_text())
        child.kill()


@pytest.fixture
def straight(
    plugin: Write, tiny: Tiny, record: Find, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The options of a run, and its outcome when nothing interrupts it; from here on its steps are slow."""
    options = {"plugins": [plugin(SLOW)], "budget": "smoke[steps=40,batch=4,ema=0.9]"}
    with workers(Child):
        tiny("slow", into="straight", **options)
    monkeypatch.setenv("SLOW", "0.1")
    found = outcome(record("slow", into="straight"))
    assert {"weights.safetensors", "curve.csv", "center_side_16.csv"} < found.keys()
    return options, found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked-to-stop", "killed"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(
    number: int,
    straight: tuple[dict[str, Any], dict[str, bytes]],
    tmp_path: Path,
    record: Find,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options, wanted = straight
    results = tmp_path / "results"
    first = planned(results, "slow", **options)
    if number == signal.SIGTERM:
        with pytest.raises(Interrupted):
            carry_out(first, ask_to_stop())
    else:
        kill_in_the_middle(first[0])
    assert records.all_of(results) == []
    assert len(list(records.unfinished(results))) == 1
    checkpoints = [*results.rglob("checkpoint.pt")]
    assert bool(checkpoints) == (number == signal.SIGTERM)
    spent = [torch.load(path, weights_only=True)["progress"]["cpu_seconds"] for path in checkpoints]

    monkeypatch.setenv("SLOW", "0")
    again = planned(results, "slow", **options)
    assert [one.state for one in again] == ["interrupted"]
    with workers(Child):
        carry_out(again)
    assert outcome(record("slow")) == wanted
    assert list(records.unfinished(results)) == []
    assert all(record("slow").told["costs"]["cpu_seconds"] > 1.5 * first for first in spent)  # both processes count


def test_a_training_that_took_too_long_is_a_row_and_a_rerun_goes_on_with_it(
    straight: tuple[dict[str, Any], dict[str, bytes]], tmp_path: Path, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, wanted = straight
    results = tmp_path / "results"

    def too_long(run: runner.Attempt, child: isolation.Process) -> tuple[str, str] | None:
        if not learning(run.one.heartbeat):
            return None
        child.stop()
        return "timeout", "took longer than 2 seconds"

    with monkeypatch.context() as patch:
        patch.setattr(runner.Attempt, "_beyond_limits", too_long)
        carry_out(planned(results, "slow", **options))
    assert record("slow").status == "timeout"
    assert len([*results.rglob("checkpoint.pt")]) == 1
    assert under_way.survey(results).counts == {"timeout": 1}
    assert [one.state for one in planned(results, "slow", **options)] == ["failed"]

    monkeypatch.setenv("SLOW", "0")
    with workers(Child):
        carry_out(planned(results, "slow", rerun="failed", **options))
    assert outcome(record("slow")) == wanted
    assert [*(results / "runs" / ".partial").iterdir()] == []


def test_a_run_that_failed_is_a_row_whatever_hole_it_is_asked_for(plugin: Write, tiny: Tiny) -> None:
    options = {"plugins": [plugin(BROKEN)]}
    with workers(Child):
        asked = [tiny("in-step,mean-fill", test_masks=masks, **options) for masks in ("center", "half")]
    told = [[(row["method"], row["mask"], row["status"]) for row in rows] for rows in asked]
    assert told == [
        [("in-step", "center", "failed"), ("mean-fill", "center", "ok")],
        [("in-step", "center", "failed"), ("mean-fill", "half", "ok")],
    ]


@pytest.mark.parametrize("rerun", ["failed", "all"])
def test_only_a_rerun_of_what_failed_goes_on_at_its_checkpoint(
    rerun: str, plugin: Write, tiny: Tiny, tmp_path: Path, record: Find
) -> None:
    options = {"plugins": [plugin(SLOW)], "budget": "smoke[steps=6,batch=4]"}
    (one,) = planned(tmp_path / "results", "slow", **options)
    one.work.mkdir(parents=True)
    (one.work / "spec.json").write_bytes(disk.to_json(one.spec))
    records.give_up(one.spec, one.spec["provenance"], "timeout", "took too long")
    for name in ("checkpoint.pt", records.FAILED):
        (one.work / name).touch()
    assert under_way.survey(tmp_path / "results").notes == [
        "checkpoints kept of runs that failed: 1, 0 MiB; inbench run --rerun failed goes on there"
    ]
    seen: list[bool] = []
    carry_out(
        planned(tmp_path / "results", "slow", rerun=rerun, **options),
        lambda one, beat: seen.append(beat["starts"]) if "starts" in beat else None,
    )
    assert seen[0] == (rerun == "failed")
    assert record("slow").status == "ok"
    assert [*(tmp_path / "results" / "runs" / ".partial").iterdir()] == []


def test_a_training_that_went_on_at_another_place_says_so(
    straight: tuple[dict[str, Any], dict[str, bytes]], tmp_path: Path, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, _ = straight
    with pytest.raises(Interrupted):
        carry_out(planned(tmp_path / "results", "slow", threads=1, **options), ask_to_stop())
    monkeypatch.setenv("SLOW", "0")
    with workers(Child):
        carry_out(planned(tmp_path / "results", "slow", threads=2, **options))
    (told,) = record("slow").told["warnings"]
    assert told.startswith("trained in 2 places that differ in machine, threads or libraries")


STOPS = """
class Stops(Learner):
    name = "stops"

    def finish(self):
        self.learned = True

    def inpaint(self, seen, hole, seed):
        word = os.environ.get("WORD", "")
        if word == "stop once learned" and getattr(self, "learned", False):
            os.kill(os.getpid(), 15)
        if word == "stop":
            os.kill(os.getpid(), 15)
        if word == "raise":
            raise RuntimeError("no more guesses")
        if word == "count":
            with open(os.environ["CALLS"], "a") as file:
                print(len(seen), file=file)
        return super().inpaint(seen, hole, seed)
"""


@pytest.mark.usefixtures("here")
def test_a_stop_while_scoring_keeps_the_training_and_the_scores_there_were(
    plugin: Write, tiny: Tiny, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"plugins": [plugin(STOPS)]}
    tiny("stops", **options)
    before = outcome(record("stops"))
    monkeypatch.setenv("WORD", "stop")
    with pytest.raises(Interrupted):
        tiny("stops", **options, budget="smoke[steps=6,batch=4,test_images=12]")
    assert outcome(record("stops")) == before
    monkeypatch.setenv("WORD", "")
    (row,) = tiny("stops", **options, budget="smoke[steps=6,batch=4,test_images=12]")
    assert row["metrics"]["l2"]["n"] == 12
    assert outcome(record("stops"))["weights.safetensors"] == before["weights.safetensors"]


@pytest.mark.usefixtures("here")
def test_a_training_made_again_and_stopped_while_scoring_is_scored_by_the_same_command(
    plugin: Write, tiny: Tiny, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"plugins": [plugin(STOPS)]}
    (first,) = tiny("stops", **options)
    monkeypatch.setenv("WORD", "stop once learned")
    with pytest.raises(Interrupted):
        tiny("stops", **options, rerun="all")
    assert [entry["status"] for entry in record("stops").scores.values()] == ["interrupted"]
    monkeypatch.setenv("WORD", "")
    (again,) = tiny("stops", **options)
    assert again["metrics"] == first["metrics"]


@pytest.mark.usefixtures("here")
def test_answers_that_took_long_are_not_asked_for_again_after_a_stop(
    plugin: Write, tiny: Tiny, tmp_path: Path, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"plugins": [plugin(STOPS)], "budget": "smoke[steps=6,batch=4,test_images=12]"}
    monkeypatch.setattr(scoring, "BATCH", 4)
    tiny("stops", **options, into="straight")
    monkeypatch.setattr(scoring, "KEEP_SECONDS", 0.0)
    for kept, word in enumerate(("stop once learned", "stop"), start=1):
        monkeypatch.setenv("WORD", word)
        with pytest.raises(Interrupted):
            tiny("stops", **options)
        assert len(list(tmp_path.glob("results/runs/.partial/*/answers/*/*.npz"))) == kept
    monkeypatch.setenv("WORD", "count")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    tiny("stops", **options)
    asked = (tmp_path / "calls").read_text().split()
    assert asked == ["4", "4"] + ["1"] * (len(asked) - 2)  # the last batch, once more for the clock; then one picture alone
    assert outcome(record("stops")) == outcome(record("stops", into="straight"))
    assert [*(tmp_path / "results" / "runs" / ".partial").iterdir()] == []


@pytest.mark.parametrize(("state", "stay"), [("timeout", True), ("oom", True), ("failed", True), ("diverged", False)])
def test_answers_that_were_kept_outlast_the_end_of_their_run(state: str, stay: bool, tmp_path: Path) -> None:
    (one,) = planned(tmp_path / "results", "mean-fill")
    one.state = state
    (one.work / records.ANSWERS).mkdir(parents=True)
    runner.Attempt(one, Claims(one.runs / ".partial"), runner.Limits())._clear()
    assert (one.work / records.FAILED).is_file() == (one.work / records.ANSWERS).is_dir() == stay


@pytest.mark.parametrize("harm", ["", "cut", "flipped", "other pictures"])
def test_kept_answers_that_are_damaged_are_none(harm: str, tmp_path: Path) -> None:
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    kept = scoring.Answers(pixels + 1, {"log-steps": np.ones(2)}, 6.0, ["inpaint changed torch's seed, which was put back"])
    kept.write(tmp_path / "kept.npz")
    data = (tmp_path / "kept.npz").read_bytes()
    odd = {"cut": data[:-300], "flipped": bytes(255 - byte for byte in data)}
    (tmp_path / "kept.npz").write_bytes(odd.get(harm, data))
    found = scoring.Answers.read(tmp_path / "kept.npz", pixels[: 1 if harm == "other pictures" else 2])
    assert (found is None) == bool(harm)
    if found is not None:
        assert np.array_equal(found.guesses, kept.guesses)
        assert found.logged["log-steps"].tolist() == [1.0, 1.0]
        assert (found.seconds, found.told) == (kept.seconds, kept.told)


@pytest.mark.usefixtures("here")
def test_an_error_while_scoring_more_keeps_the_training(
    plugin: Write, tiny: Tiny, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"plugins": [plugin(STOPS)]}
    tiny("stops", **options)
    before = outcome(record("stops"))
    monkeypatch.setenv("WORD", "raise")
    tiny("stops", **options, test_masks="center,half")
    assert outcome(record("stops")).items() >= before.items()


ONE_MASK = """
class OneMask(Base):
    name = "one-mask"
    def inpaint(self, seen, hole, seed):
        if bool((hole[..., 1:] & ~hole[..., :-1]).sum() > 60 * len(hole)):
            raise ValueError("a hole of scattered pixels")
        return super().inpaint(seen, hole, seed)
"""


@pytest.mark.usefixtures("here")
def test_a_mask_that_fails_leaves_the_others_be(plugin: Write, tiny: Tiny, record: Find) -> None:
    options = {"plugins": [plugin(ONE_MASK)], "test_masks": "random80,center,half"}
    for more in ({}, {"rerun": "failed"}):
        rows = tiny("one-mask", **options, **more)
        assert {row["mask"]: row["status"] for row in rows} == {"random80": "failed", "center": "ok", "half": "ok"}
    told = record("one-mask").scores
    assert "ValueError: a hole of scattered pixels (trial.py:" in next(one["reason"] for one in told.values() if one["reason"])


@pytest.mark.parametrize("more", [{"keep": "none"}, {"rerun": "all"}])
@pytest.mark.usefixtures("here")
def test_a_training_that_is_made_again_keeps_the_scores_of_other_masks(more: dict[str, str], tiny: Tiny, record: Find) -> None:
    tiny(AUTO, keep="none", test_masks="center", budget="smoke[steps=6,batch=4,test_images=4]")
    before = record("autoencoder")
    tiny(AUTO, test_masks="half", budget="smoke[steps=6,batch=4]", **more)
    found = record("autoencoder")
    assert {key: (one["status"], one["n"]) for key, one in found.scores.items()} == {
        CENTER: ("ok", 4),
        "half[part=any]": ("ok", 8),
    }
    assert found.rows(CENTER) == before.rows(CENTER)
    assert found.told["labels"]["masks"] == {CENTER: "center", "half[part=any]": "half"}


TIED = """
class Tied(Learner):
    name = "tied"
    def __init__(self, size, params):
        super().__init__(size, params)
        self.same = nn.Conv2d(3, 4, 3, padding=1)
        self.same.weight = self.net[0].weight
"""


PEAK = """
import torch
import inbench

class Peak(inbench.Method):
    name, summary, paper, licence = "peak", "for a test", "none", "none"
    small = {}

    def __init__(self, size, params):
        super().__init__(size, params)
        self.register_buffer("count", torch.zeros(()))

    def step(self, image, hole):
        self.count += 1
        return {}

    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, 0.5) if self.count == 4 else torch.zeros_like(seen)

@inbench.hookimpl
def inbench_methods():
    return [Peak]
"""


@pytest.mark.usefixtures("here")
def test_a_training_that_answers_by_its_best_look_is_another_run(plugin: Write, tiny: Tiny, tmp_path: Path) -> None:
    told = {"plugins": [plugin(PEAK)], "keep": "weights,checkpoint"}
    for chosen in ("", ",checkpoint=best", ",checkpoint=best,val_images=2"):
        tiny("peak,mean-image", budget=f"smoke[steps=10,batch=4{chosen}]", **told)
    found = records.all_of(tmp_path / "results")
    assert len(found) == 4  # mean-image is not watched, and is one record
    made = {one.told["run"].get("checkpoint"): one for one in found if one.told["run"]["method"] == "peak"}
    last, best, other = (made[key] for key in (None, "best of 5 looks at 4 images", "best of 5 looks at 2 images"))
    assert best.told["labels"]["budget"] == "smoke[batch=4,checkpoint=best,steps=10]"
    assert other.told["labels"]["budget"] == "smoke[batch=4,checkpoint=best,steps=10,val_images=2]"
    count = {name: safetensors.torch.load_file(one.folder / "weights.safetensors")["count"] for name, one in made.items()}
    assert [*count.values()].count(4) == 2
    assert count[None] == 10
    (looked, scored) = best.told["validation"], [next(iter(one.scores.values()))["means"]["psnr"] for one in (last, best)]
    assert max(looked, key=lambda look: look["psnr"])["step"] == 4
    assert scored[1] > scored[0] + 1
    tiny("peak", budget="smoke[steps=20,batch=4,checkpoint=best]", **told)  # it looks by itself
    assert all("started_from" not in one.told or not one.told["started_from"] for one in records.all_of(tmp_path / "results"))


@pytest.mark.usefixtures("here")
def test_a_loss_that_is_a_number_is_a_failed_row_that_says_what_to_return(plugin: Write, tiny: Tiny) -> None:
    (row,) = tiny("peak", plugins=[plugin(PEAK.replace("return {}", 'return {"loss": 0.5}'))])
    assert row["status"] == "failed"
    assert "peak.step answered a float for 'loss'; return the loss itself, a tensor, without .item()" in row["reason"]


@pytest.mark.usefixtures("here")
def test_weights_that_two_layers_share_are_kept(plugin: Write, tiny: Tiny, record: Find) -> None:
    (row,) = tiny("tied", plugins=[plugin(TIED)])
    assert row["status"] == "ok"
    kept = safetensors.torch.load_file(record("tied").folder / "weights.safetensors")
    assert torch.equal(kept["same.weight"], kept["net.0.weight"])


@pytest.mark.usefixtures("here")
def test_looks_at_other_validation_pictures_are_not_taken_over(plugin: Write, tiny: Tiny, record: Find) -> None:
    tiny(AUTO, budget="smoke[steps=4,batch=4,val_images=1]", keep="checkpoint")
    tiny(AUTO, budget="smoke[steps=8,batch=4]", into="results")
    tiny(AUTO, budget="smoke[steps=8,batch=4]", into="alone")
    found = next(one for one in records.all_of(record("autoencoder", into="alone").folder.parents[1].parent / "results")
                 if one.told["run"]["steps"] == 8)  # fmt: skip
    alone = record("autoencoder", into="alone").told["validation"]
    assert found.told["started_from"]
    assert found.told["validation"] == [look for look in alone if look["step"] > 4]
    assert found.told["val_images"] == 4


STRIPES = """
import numpy as np
import inbench

class Stripes(inbench.Mask):
    name, summary = "stripes", "for a test"

    def holes(self, seeds, size):
        found = np.zeros((len(seeds), size, size), dtype=bool)
        found[:, :ROWS] = True
        return found

@inbench.hookimpl
def inbench_masks():
    return [Stripes]
"""


@pytest.mark.usefixtures("here")
def test_holes_of_a_changed_mask_are_scored_anew(
    tmp_path: Path, tiny: Tiny, record: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)
    file, found = tmp_path / "stripes.py", []
    for rows in ("4", "2"):
        file.write_text(STRIPES.replace("ROWS", rows))
        tiny("mean-fill", plugins=[str(file)], test_masks="stripes")
        (entry,) = record("mean-fill").scores.values()
        found.append((entry["shown"], entry["holes"]))
    assert found[0][0] == found[1][0] == "stripes"
    assert found[0][1] != found[1][1]


@pytest.mark.usefixtures("here")
def test_a_learner_keeps_the_name_of_the_budget_that_trained_it(tiny: Tiny, record: Find) -> None:
    tiny("autoencoder[bottleneck=16,width=8],mean-image", budget="smoke[steps=6,batch=4]")
    fewer = "smoke[steps=6,batch=4,test_images=4]"
    tiny("autoencoder[bottleneck=16,width=8],mean-image", budget=fewer, test_masks="half")
    labels = [record(method).told["labels"]["budget"] for method in ("autoencoder", "mean-image")]
    assert labels == ["smoke[batch=4,steps=6]", "smoke[batch=4,steps=6,test_images=4]"]


# The same numbers


@pytest.mark.usefixtures("here")
def test_one_seed_gives_the_same_numbers_and_another_seed_others(tiny: Tiny, record: Find) -> None:
    for into, seeds in (("one", "0"), ("same", "0"), ("other", "1")):
        tiny(AUTO, seeds=seeds, into=into)
    one, same, other = (outcome(record("autoencoder", into=into)) for into in ("one", "same", "other"))
    assert one == same
    assert all(one[name] != other[name] for name in one)


@pytest.mark.usefixtures("here")
def test_known_pixels_are_untouched_and_the_numbers_come_from_the_kept_guesses(
    tiny: Tiny, record: Find, tmp_path: Path
) -> None:
    tiny(DENSE, test_masks="half")
    found = record("dense-gan")
    canonical, entry = next(iter(found.scores.items()))
    rows = rows_of(found, canonical)
    guesses = np.load(found.folder / entry["guesses"])
    part = store.Prepared(Path(planned(tmp_path, DENSE)[0].spec["data"])).part("test")
    images = part.images[[part.ids.index(row["id"]) for row in rows]]
    cls = registry.load().get("mask", "half").cls
    holes = cls(cls.Params()).draw([row["id"] for row in rows], 32)
    assert entry["holes"] == scoring.holes_hash(holes)

    completed = np.where(holes[:, 0, :, :, None], guesses, images)
    assert (completed == images)[~holes[:, 0]].all()
    for row, one, image, hole in zip(rows, completed, images, holes[:, 0], strict=True):
        off = (one[hole] / 255 * 2 - 1) - (image[hole] / 255 * 2 - 1)
        assert float(row["l2"]) == pytest.approx(100 * np.square(off).mean(), rel=1e-6)  # rows carry seven digits


@pytest.mark.usefixtures("here")
def test_a_training_with_flips_is_another_run(tiny: Tiny, tmp_path: Path) -> None:
    rows = [
        tiny(f"{AUTO},mean-image", budget=f"smoke[steps=6,batch=4,augmentation={how}]")  # one record of mean-image: no flips
        for how in ("none", "flip")
    ]
    made = {record.told["run"]["augmentation"]: record for record in records.all_of(tmp_path / "results")
            if record.told["run"]["method"] == "autoencoder"}  # fmt: skip
    assert len(records.all_of(tmp_path / "results")) == 3
    assert made["none"].told["scores"] != made["flip"].told["scores"]
    assert [row["budget"] for row in rows[1]] == ["smoke[augmentation=flip,batch=4,steps=6]"] * 2


@pytest.mark.usefixtures("here")
def test_a_training_that_answers_by_its_average_is_another_run_of_the_same_losses(tiny: Tiny, tmp_path: Path) -> None:
    for ema in ("", ",ema=0.9"):
        tiny(f"{AUTO},mean-image", budget=f"smoke[steps=6,batch=4{ema}]", keep="weights,checkpoint")
    plain, averaged = sorted(
        (record for record in records.all_of(tmp_path / "results") if record.told["run"]["method"] == "autoencoder"),
        key=lambda record: record.told["run"].get("ema", 0.0),
    )
    assert len(records.all_of(tmp_path / "results")) == 3  # mean-image averages nothing, and is one record
    assert "ema" not in plain.told["run"]  # so that keys stay what they were
    assert averaged.told["run"]["ema"] == 0.9
    assert averaged.told["labels"]["budget"] == "smoke[batch=4,ema=0.9,steps=6]"
    curves = [(record.folder / "curve.csv").read_text().splitlines() for record in (plain, averaged)]
    losses = [[line.split(",")[:2] for line in lines] for lines in curves]
    assert losses[0] == losses[1]
    assert plain.told["scores"] != averaged.told["scores"]
    kept = [torch.load(record.folder / "checkpoint.pt", weights_only=True) for record in (plain, averaged)]
    own, held = (safetensors.torch.load_file(record.folder / "weights.safetensors") for record in (plain, averaged))
    name = next(name for name in own if name.endswith("weight"))
    assert torch.equal(kept[0]["method"][name], kept[1]["method"][name])  # a longer training goes on from the last step
    assert torch.equal(kept[0]["method"][name], own[name])
    assert any(torch.equal(average, held[name]) for average in kept[1]["averages"]["held"])
    assert not torch.equal(own[name], held[name])


@pytest.mark.usefixtures("here")
def test_more_test_images_are_scored_without_training_again(tiny: Tiny, record: Find) -> None:
    tiny(AUTO)
    few, weights = rows_of(record("autoencoder")), record("autoencoder").folder / "weights.safetensors"
    before = (weights.stat().st_mtime_ns, hashlib.sha256(weights.read_bytes()).hexdigest())
    (row,) = tiny(AUTO, budget="smoke[steps=6,batch=4,test_images=12]")
    many = {told["id"]: told for told in rows_of(record("autoencoder"))}
    assert (len(few), len(many), row["metrics"]["psnr"]["n"]) == (8, 12, 12)
    assert (weights.stat().st_mtime_ns, hashlib.sha256(weights.read_bytes()).hexdigest()) == before
    assert all(many[told["id"]] == told for told in few)


@pytest.mark.usefixtures("here")
def test_one_training_is_scored_on_many_masks(tiny: Tiny, record: Find) -> None:
    rows = tiny(AUTO, test_masks="all")
    every = ["box", "brush", "center", "half", "medium", "pattern25", "random80", "thick", "thin"]  # mix is for training
    assert sorted(row["mask"] for row in rows) == every
    assert {row["train_mask"] for row in rows} == {"center"}
    assert len(record("autoencoder").scores) == 9


@pytest.mark.usefixtures("here")
def test_a_method_that_learns_nothing_has_one_record_whatever_the_seed(tiny: Tiny, record: Find) -> None:
    rows = tiny("mean-fill", seeds="0,1,2", mask="center,half", test_masks="center")
    run = record("mean-fill").told["run"]
    assert [run[name] for name in ("seed", "steps", "batch", "train_mask", "precision")] == [None] * 5
    assert [row["seeds"] for row in rows] == [[]]


@pytest.mark.usefixtures("here")
def test_scores_on_validation_stand_beside_those_on_test(tiny: Tiny, record: Find) -> None:
    for part in ("test", "val"):
        tiny("mean-fill", score_on=part)
    assert set(record("mean-fill").scores) == {CENTER, f"{CENTER} on val"}
    assert all(row["id"].startswith("val") for row in rows_of(record("mean-fill"), f"{CENTER} on val"))


# What is kept


@pytest.mark.usefixtures("here")
def test_keep_none_leaves_a_whole_record_without_weights_and_guesses(tiny: Tiny, record: Find) -> None:
    tiny(AUTO, keep="none")
    found = record("autoencoder")
    files = {file.relative_to(found.folder).as_posix() for file in found.folder.rglob("*") if file.is_file()}
    assert files == {"run.json", "curve.csv", "done", "scores/center_side_16.csv"}
    assert disk.fault_of(found.folder) == ""


@pytest.mark.usefixtures("here")
def test_a_kept_checkpoint_is_part_of_the_record(tiny: Tiny, record: Find) -> None:
    tiny(AUTO, keep="checkpoint")
    found = record("autoencoder")
    assert (found.folder / "checkpoint.pt").is_file()
    assert "checkpoint.pt" in json.loads((found.folder / "done").read_text())
    assert disk.fault_of(found.folder) == ""


@pytest.mark.usefixtures("here")
def test_a_record_says_what_its_numbers_may_depend_on_and_not_whose_machine_it_was(
    plugin: Write, tiny: Tiny, record: Find, tmp_path: Path
) -> None:
    tiny("slow", plugins=[plugin("import json, re\nfrom scipy import ndimage\n" + SLOW)])
    told = record("slow").told
    assert told["provenance"]["threads"] == TINY["threads"]
    assert told["provenance"]["origin"] == "trial.py"
    assert told["provenance"]["libraries"].keys() == {"torch", "numpy", "scikit-image", "scipy"}
    assert told["provenance"]["libraries"]["scipy"] == scipy.__version__
    assert told["costs"]["updates"] == {"adam": 6}
    assert (told["costs"]["train_images"], told["costs"]["train_seconds"] > 0) == (24, True)
    text = (record("slow").folder / "run.json").read_text()
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text.split('"')


@pytest.mark.usefixtures("here")
def test_the_curve_has_a_row_a_step_and_validation_at_every_fifth(tiny: Tiny, record: Find) -> None:
    tiny(AUTO, budget="smoke[steps=10,batch=4]")
    curve = list(csv.DictReader((record("autoencoder").folder / "curve.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in curve] == list(range(1, 11))
    assert [int(row["step"]) for row in curve if row["val_psnr"]] == [2, 4, 6, 8, 10]


@pytest.mark.usefixtures("here")
def test_validation_is_watched_as_often_as_the_budget_says(tiny: Tiny, record: Find) -> None:
    tiny(AUTO, budget="smoke[steps=20,batch=4,val_times=10]")
    curve = list(csv.DictReader((record("autoencoder").folder / "curve.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in curve if row["val_psnr"]] == list(range(2, 21, 2))


# Broken plugins

BROKEN = """
class InInit(Learner):
    name = "in-init"
    def __init__(self, size, params):
        raise RuntimeError("no nets today")

class InStep(Learner):
    name = "in-step"
    def step(self, image, hole):
        raise RuntimeError("no steps today")

class InFinish(Learner):
    name = "in-finish"
    def finish(self):
        raise RuntimeError("no end today")

class InInpaint(Base):
    name = "in-inpaint"
    def inpaint(self, seen, hole, seed):
        raise RuntimeError("no guess today")

class WrongShape(Base):
    name = "wrong-shape"
    def inpaint(self, seen, hole, seed):
        return seen[:, :1]

class WholeNumbers(Base):
    name = "whole-numbers"
    def inpaint(self, seen, hole, seed):
        return (seen * 255).byte()

class NoTensor(Base):
    name = "no-tensor"
    def inpaint(self, seen, hole, seed):
        return None

class TooBright(Base):
    name = "too-bright"
    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, 255.0)

class NotANumber(Base):
    name = "not-a-number"
    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, float("nan"))

class NaNAfterLearning(Learner):
    name = "nan-after-learning"
    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, float("nan"))

class ShapeAfterLearning(Learner):
    name = "shape-after-learning"
    def inpaint(self, seen, hole, seed):
        return seen[..., :8]

class WeightsBecomeNaN(Learner):
    name = "weights-become-nan"
    def step(self, image, hole):
        told = super().step(image, hole)
        with torch.no_grad():
            next(self.parameters()).fill_(float("nan"))
        return {name: torch.zeros_like(loss) for name, loss in told.items()}

class LossIsNaN(Learner):
    name = "loss-is-nan"
    def step(self, image, hole):
        return {"loss": super().step(image, hole)["loss"] * float("nan")}

class NoMemory(Learner):
    name = "no-memory"
    def step(self, image, hole):
        raise MemoryError("can't have it all")

class NoLibrary(Learner):
    name = "no-library"
    def step(self, image, hole):
        raise inbench.Unavailable("pip install 'inbench[opencv]'")

class LeavesQuietly(Base):
    name = "leaves-quietly"
    def inpaint(self, seen, hole, seed):
        sys.exit(0)

class Leaves130(Learner):
    name = "leaves-130"
    def step(self, image, hole):
        sys.exit(130)

class Leaves(Learner):
    name = "leaves"
    def step(self, image, hole):
        sys.exit(3)

class Killed(Base):
    name = "killed"
    def inpaint(self, seen, hole, seed):
        os.kill(os.getpid(), 9)
"""
ENDINGS = [
    ("in-init", "failed", "no nets today"),
    ("in-step", "failed", "no steps today"),
    ("in-finish", "failed", "no end today"),
    ("in-inpaint", "failed", "no guess today"),
    ("wrong-shape", "failed", "[8, 1, 32, 32], not [8, 3, 32, 32]"),
    ("whole-numbers", "failed", "uint8, not floats"),
    ("no-tensor", "failed", "NoneType, not a tensor"),
    ("too-bright", "failed", "values from 255 to 255, not from 0 to 1"),
    ("not-a-number", "failed", "values from nan to nan, not from 0 to 1"),
    pytest.param("nan-after-learning", "failed", "values from nan to nan"),
    pytest.param("shape-after-learning", "failed", "answered the shape"),
    ("loss-is-nan", "diverged", "step 1: loss = nan"),
    ("weights-become-nan", "diverged", "are not finite"),
    ("no-memory", "oom", "MemoryError"),
    ("no-library", "skipped", "pip install 'inbench[opencv]'"),
    pytest.param("leaves-quietly", "failed", "exit"),
    pytest.param("leaves-130", "failed", "exit"),
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("method", "status", "reason"), ENDINGS)
def test_whatever_a_plugin_does_becomes_a_row(
    method: str, status: str, reason: str, plugin: Write, tiny: Tiny, record: Find
) -> None:
    (row,) = tiny(method, plugins=[plugin(BROKEN)])
    assert (row["status"], row["complete"], row["metrics"]) == (status, False, {})
    assert reason in row["reason"]
    assert disk.fault_of(record(method).folder) == ""


@pytest.mark.usefixtures("here")
def test_the_last_lines_that_a_failed_run_printed_are_in_its_record(plugin: Write, tiny: Tiny, record: Find) -> None:
    tiny("in-step", plugins=[plugin(BROKEN)])
    assert record("in-step").told["log"][-1] == "RuntimeError: no steps today"


@pytest.mark.usefixtures("here")
def test_the_others_go_on_when_one_fails(plugin: Write, tiny: Tiny) -> None:
    rows = tiny("in-init,mean-fill,in-step", plugins=[plugin(BROKEN)])
    assert {row["method"]: row["status"] for row in rows} == {"in-init": "failed", "in-step": "failed", "mean-fill": "ok"}


BROKEN_METRICS = """
class Raises(inbench.Metric):
    name, unit, better, region, about = "raises", "", "lower", "hole", "for a test"

    def per_image(self, guess, completed, image, hole):
        return {"raises": image.mean((1, 2, 3)) / (1 // 0)}

class RaisesOfAll(inbench.SetMetric):
    name, unit, better, about = "raises-of-all", "", "lower", "for a test"

    def of_set(self, pairs):
        return {}["nothing"]

class Whole(Raises):
    name = "whole"

    def per_image(self, guess, completed, image, hole):
        return {"whole": image.mean((1, 2, 3))}

@inbench.hookimpl
def inbench_metrics():
    return [Raises, RaisesOfAll, Whole]
"""


def test_a_broken_metric_of_a_plugin_leaves_the_others_be_and_is_told(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text("import inbench\n" + BROKEN_METRICS)
    with workers(Child):
        (row,) = tiny("mean-fill", plugins=[str(file)])
    assert (row["status"], row["complete"]) == ("ok", True)
    assert row["metrics"].keys() >= {"psnr-pooled", "ssim", "whole"}
    assert row["metrics"].keys().isdisjoint({"raises", "raises-of-all"})
    one, other = row["warnings"]
    assert one.startswith("metric raises: ZeroDivisionError: ")
    assert "(odd.py:7); mend it, then inbench score --plugin FILE.py" in one
    assert other.startswith("metric raises-of-all: KeyError: 'nothing' (odd.py:13)")


def test_a_worker_that_ends_itself_is_a_row_too(plugin: Write, tiny: Tiny, tmp_path: Path) -> None:
    rows = tiny("leaves,killed", plugins=[plugin(BROKEN)])
    assert [(row["method"], row["status"]) for row in rows] == [("killed", "failed"), ("leaves", "failed")]
    assert "SIGKILL" in rows[0]["reason"]
    assert "3" in rows[1]["reason"]
    assert [*(tmp_path / "results" / "runs" / ".partial").iterdir()] == []


@pytest.mark.usefixtures("here")
def test_a_closed_form_that_needs_one_hole_is_skipped_where_holes_differ(tiny: Tiny) -> None:
    (row,) = tiny("linear", mask="random80")
    assert row["status"] == "skipped"
    assert "--mask center" in row["reason"]


@pytest.mark.usefixtures("here")
def test_a_plugin_that_changed_after_planning_is_refused(plugin: Write, tmp_path: Path) -> None:
    file = plugin(SLOW)
    found = planned(tmp_path / "results", "slow", plugins=[file])
    Path(file).write_text(Path(file).read_text() + "\n# another word\n")
    with contextlib.suppress(Interrupted):
        carry_out(found)
    assert found[0].state == "failed"
    assert "changed after the run was planned" in found[0].reason


@pytest.mark.usefixtures("here")
def test_the_hole_of_a_test_image_is_the_same_for_every_method(tiny: Tiny, record: Find) -> None:
    tiny("mean-fill,linear", test_masks="half")
    holes = {next(iter(record(name).scores.values()))["holes"] for name in ("mean-fill", "linear")}
    assert len(holes) == 1


def test_the_center_hole_is_rows_and_columns_16_to_47_at_64() -> None:
    (hole,) = Center(Center.settle(Center.Params(), 64)).draw(["a"], 64)[:, 0]
    assert (np.flatnonzero(hole.any(0)) == np.arange(16, 48)).all()
    assert hole.sum() == 32 * 32
