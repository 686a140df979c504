"""Scoring guesses that are there: a row for anybody's, and kept ones measured again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY, Child, Told, workers
from PIL import Image

from inbench.acts import rescoring
from inbench.joints.claims import Claims
from inbench.readers import tables
from inbench.readers.costs import cost_sheets
from inbench.words import disk, records

Command = Callable[..., Told]
DATA = ("--dataset", TINY["datasets"], "--size", "32")
METRIC = """
class Worst(inbench.Metric):
    unit, better, region, about = "", "lower", "hole", "the largest error in the hole"

    def per_image(self, guess, completed, image, hole):
        return {"largest": (completed - image).abs().amax((1, 2, 3))}

class Largest(Worst):
    name, column = "worst", "largest"

@inbench.hookimpl
def inbench_metrics():
    return [Largest]
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def scored(tiny: Callable[..., Any]) -> list[dict[str, Any]]:
    """Two runs: one that learns nothing, tested on two masks, and a learner with two seeds."""
    with workers(Child):
        tiny("mean-fill", test_masks="center,random80", budget="smoke[test_images=12,steps=6,batch=4]")
        found: list[dict[str, Any]] = tiny(
            "autoencoder[bottleneck=16,width=8]", seeds="0,1", budget="smoke[test_images=12,steps=6,batch=4]"
        )
    return found


def of(results: Path, method: str) -> records.Record:
    return next(record for record in records.all_of(results) if record.told["run"]["method"] == method)


def files(results: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}


def guesses_of(record: records.Record, mask: str, into: Path) -> Path:
    """The guesses that a record kept, as PNGs."""
    into.mkdir()
    ids = [row["id"] for row in csv.DictReader(io.StringIO(record.rows(mask).decode()))]
    kept = np.load(record.folder / record.scores[mask]["guesses"])
    for image_id, pixels in zip(ids, kept, strict=True):
        Image.fromarray(pixels).save(into / f"{image_id}.png")
    return into


@pytest.mark.usefixtures("scored")
def test_nobody_else_writes_a_record_while_it_is_measured_again(
    command: Command, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    measure = rescoring.scores_of

    def watched(*given: Any) -> Any:
        held.append(any(Claims(results / "runs" / ".partial").held(one.folder.name) for one in records.all_of(results)))
        return measure(*given)

    monkeypatch.setattr(rescoring, "scores_of", watched)
    assert command("score", "--results", str(results)).code == 0
    assert held
    assert all(held)


@pytest.mark.usefixtures("scored")
def test_the_guesses_of_a_run_scored_as_anybodys_have_its_row_to_the_last_digit(
    command: Command, results: Path, tmp_path: Path
) -> None:
    run = of(results, "autoencoder")
    folder = guesses_of(run, "center[side=16]", tmp_path / "guesses")
    told = command(
        "score", "--guesses", str(folder), "--name", "mine", *DATA, "--mask", "center", "--results", str(results), "--json"
    )
    assert told.code == 0, told.err
    assert of(results, "mine").rows("center[side=16]") == run.rows("center[side=16]")
    rows = [row for row in json.loads(told.out)["rows"] if row["method"] == "mine"]
    assert [(row["budget"], row["seeds"], row["train_mask"], row["complete"]) for row in rows] == [
        (tables.rows(results)[0]["budget"], [], None, True)
    ]
    entry, own = run.scores["center[side=16]"], of(results, "mine").scores["center[side=16]"]
    assert (own["means"], own["holes"], own["n"]) == (entry["means"], entry["holes"], entry["n"])


@pytest.mark.usefixtures("scored")
def test_a_row_from_elsewhere_stands_marked_in_the_same_tables(command: Command, results: Path, tmp_path: Path) -> None:
    folder = guesses_of(of(results, "mean-fill"), "random80", tmp_path / "guesses")
    words = ("score", "--guesses", str(folder), "--name", "mine", *DATA, "--mask", "random80", "--results", str(results))
    told = command(*words, "--paper", "Me | 2026", "--licence", "MIT")
    assert told.code == 0, told.err
    (line,) = (line for line in told.out.splitlines() if line.startswith("| mine"))
    assert line.startswith("| mine § ")
    assert (
        "§ mine: guesses made elsewhere (Me \\| 2026; licence: MIT; known pixels changed in 12 images, pasted back)" in told.out
    )
    assert "| mean-fill" in told.out
    assert "mine" not in tables.table(results, sheets=cost_sheets)


@pytest.mark.usefixtures("scored")
def test_the_same_name_with_other_guesses_replaces_the_row(command: Command, results: Path, tmp_path: Path) -> None:
    folder = guesses_of(of(results, "mean-fill"), "center[side=16]", tmp_path / "guesses")
    words = (
        "score",
        "--guesses",
        str(folder),
        "--name",
        "mine",
        *DATA,
        "--mask",
        "center",
        "--results",
        str(results),
        "--json",
    )
    first = json.loads(command(*words).out)["rows"]
    file = sorted(folder.iterdir())[0]
    Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    second = json.loads(command(*words).out)["rows"]
    rows = [next(row for row in made if row["method"] == "mine") for made in (first, second)]
    assert len(first) == len(second)
    assert rows[0]["metrics"]["l2"] != rows[1]["metrics"]["l2"]
    assert len([record for record in records.all_of(results) if record.told["run"]["method"] == "mine"]) == 2


@pytest.mark.usefixtures("scored")
def test_a_subset_is_scored_beside_the_others_on_its_own_images_and_takes_none_from_their_tables(
    command: Command, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert command("export", *DATA, "--mask", "center", "--images", "5", "--output", str(out)).code == 0
    told = command("score", "--guesses", str(out / "seen"), "--name", "black", "--results", str(results))
    assert told.code == 0, told.err
    assert "5 test images" in told.out
    assert "| mean-fill" in told.out
    told = command("tables", "--results", str(results), "--masks", "center")
    assert "12 test images" in told.out
    assert "black: fewer images: tested on 5 of these 12 images; inbench compare takes the images that two have" in told.out
    assert "5 test images, the same for both" in command("compare", "black", "mean-fill", "--results", str(results)).out


@pytest.mark.usefixtures("scored")
def test_a_new_metric_fills_its_column_without_training(
    command: Command, results: Path, tmp_path: Path, plugin: Callable[..., str]
) -> None:
    folder = guesses_of(of(results, "mean-fill"), "center[side=16]", tmp_path / "guesses")
    command("score", "--guesses", str(folder), "--name", "mine", *DATA, "--mask", "center", "--results", str(results))
    before = {record.folder: record for record in records.all_of(results)}
    file = plugin("")
    Path(file).write_text("import inbench\n" + METRIC)
    told = command("score", "--results", str(results), "--plugin", file)
    assert told.code == 0, told.err
    assert told.out.count("scored again; new: worst") == 4
    for record in records.all_of(results):
        old = before[record.folder]
        assert not disk.fault_of(record.folder)
        for mask in record.scores:
            fresh, had = (list(csv.DictReader(io.StringIO(one.rows(mask).decode()))) for one in (record, old))
            assert [{name: row[name] for name in had[0]} for row in fresh] == had
            assert all(0 < float(row["largest"]) <= 1 for row in fresh)
            assert {name: record.scores[mask]["means"][name] for name in old.scores[mask]["means"]} == old.scores[mask]["means"]
        assert record.told["run"] == old.told["run"]
    assert all(row["metrics"]["worst"]["n"] == 12 for row in tables.rows(results))


@pytest.mark.usefixtures("scored")
def test_guesses_may_not_take_the_name_of_a_method_that_was_run(
    command: Command, results: Path, tmp_path: Path, tiny: Callable[..., Any], plugin: Callable[..., str]
) -> None:
    with workers(Child):
        tiny("mine", plugins=[plugin('class Mine(Base):\n    name = "mine"\n')])
    folder = guesses_of(of(results, "mean-fill"), "center[side=16]", tmp_path / "guesses")
    told = command("score", "--guesses", str(folder), "--name", "mine", *DATA, "--mask", "center", "--results", str(results))
    assert told.code == 2
    assert f"--name mine is a method that was run in {results}; give your guesses a name of their own" in told.err


@pytest.mark.usefixtures("scored")
def test_measured_again_with_the_same_metrics_nothing_changes(command: Command, results: Path) -> None:
    before = files(results)
    told = command("score", "--results", str(results), "--json")
    assert [one["reason"] for one in json.loads(told.out)["records"]] == ["", "", ""]
    assert files(results) == before


@pytest.mark.usefixtures("scored")
def test_a_metric_that_is_not_here_now_keeps_its_column(command: Command, results: Path, plugin: Callable[..., str]) -> None:
    file = plugin("")
    Path(file).write_text("import inbench\n" + METRIC)
    command("score", "--results", str(results), "--plugin", file)
    before = files(results)
    assert command("score", "--results", str(results)).code == 0
    assert files(results).keys() == before.keys()
    assert all("worst" in row["metrics"] for row in tables.rows(results))


@pytest.mark.usefixtures("scored")
def test_numbers_of_an_edited_metric_are_told_and_not_compared_until_all_are_measured_anew(
    command: Command, results: Path, plugin: Callable[..., str], tiny: Callable[..., Any]
) -> None:
    file = Path(plugin(""))
    file.write_text("import inbench\n" + METRIC)
    assert command("score", "--results", str(results), "--plugin", str(file)).code == 0
    file.write_text("import inbench\n" + METRIC.replace('largest":', 'largest": 2 *'))
    with workers(Child):
        tiny("nearest", plugins=[str(file)], budget="smoke[test_images=12,steps=6,batch=4]")
    shown = command("tables", "--results", str(results), "--columns", "worst,psnr").out
    assert "Numbers of worst are by several versions of its source, and not to be compared" in shown
    told = command("compare", "mean-fill", "nearest", "--results", str(results), "--json").out
    assert "worst" not in told
    assert "psnr-pooled" in told
    assert command("score", "--results", str(results), "--plugin", str(file)).code == 0
    assert "several versions" not in command("tables", "--results", str(results), "--columns", "worst,psnr").out
    assert "worst" in command("compare", "mean-fill", "nearest", "--results", str(results), "--json").out


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("(1 / 0)", "metric worst: ZeroDivisionError: division by zero (plugin.py:"),
        (".amax()", "metric worst: largest has the shape [], not a number an image"),
    ],
)
def test_a_broken_metric_is_one_sentence_and_leaves_the_records(
    command: Command, results: Path, plugin: Callable[..., str], broken: str, said: str
) -> None:
    file = Path(plugin(""))
    file.write_text("import inbench\n" + METRIC.replace(".amax((1, 2, 3))", f" * {broken}" if "/" in broken else broken))
    before = files(results)
    told = command("score", "--results", str(results), "--plugin", str(file))
    assert told.code == 1
    assert told.out.count(f"left as it was: {said.replace('plugin.py', file.name)}") == 3
    assert files(results) == before


def test_what_cannot_be_measured_again_is_left_as_it_was(
    tiny: Callable[..., Any], command: Command, results: Path, tmp_path: Path
) -> None:
    with workers(Child):
        tiny("mean-fill", keep="none")
        tiny("linear", mask="random80")  # skipped
        tiny("biharmonic")
    kept = results / "runs" / of(results, "biharmonic").folder.name / "guesses" / "center_side_16.npy"
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    before = files(results)
    told = command("score", "--results", str(results))
    assert told.code == 1
    assert "kept no guesses for center; inbench run --keep weights,guesses keeps them" in told.out
    assert "has no scores (skipped)" in told.out
    assert "is not what was written; it is damaged" in told.out
    elsewhere = command("score", "--results", str(results), "--data", str(tmp_path / "no-data"))
    assert "left as it was" in elsewhere.out
    assert files(results) == before


@pytest.mark.usefixtures("scored")
def test_without_its_data_set_a_record_is_left_as_it_was(command: Command, results: Path, tmp_path: Path) -> None:
    told = command("score", "--results", str(results), "--data", str(tmp_path / "nothing"))
    assert told.out.count("is not prepared here; see inbench data") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--guesses", "x"], "--guesses needs a name for their row: add --name mine"),
        (["--guesses", "x", "--name", "My Method"], "is no name; write lower-case words joined by hyphens"),
        (["--guesses", "x", "--name", "telea"], "--name telea is a method of inbench"),
        (["--guesses", "x", "--name", "mine"], "add --dataset, or --export DIR"),
        (["--guesses", "x", "--name", "mine", *DATA, "--mask", "center"], "there is no x; guesses are a folder or zip"),
        (["--name", "mine"], "--name is for guesses that you name with --guesses"),
        ([], "there are no records in"),
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_one_sentence(
    command: Command, results: Path, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = command("score", *words, "--results", str(results))
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("scored")
def test_conventions_of_a_run_are_those_of_its_guesses(command: Command, results: Path, tmp_path: Path) -> None:
    run = of(results, "mean-fill")
    folder = guesses_of(run, "center[side=16]", tmp_path / "guesses")
    theirs = command("conventions", str(folder), *DATA, "--mask", "center", "--json")
    assert theirs.code == 0, theirs.err
    named = command("conventions", "mean-fill", "--results", str(results), "--mask", "center", "--json")
    (one,), (other,) = (json.loads(told.out)["tables"] for told in (theirs, named))
    assert one["rows"] == other["rows"]
    values = {row["name"]: row["value"] for row in one["rows"]}
    means = run.scores["center[side=16]"]["means"]
    for name, own in (
        ("l2-hole-11", "l2"), ("l1-hole-11", "l1"), ("psnr-hole", "psnr"), ("psnr-hole-pooled", "psnr-pooled"),
        ("psnr-whole", "psnr-completed"), ("ssim-gauss", "ssim"), ("ssim-hole-map", "ssim-hole"),
    ):  # fmt: skip
        assert values[name] == pytest.approx(means[own], rel=1e-9)
    both = command("conventions", str(run.folder))
    assert both.out.count("**mean-fill on drawn-faces") == 2
    assert "- (the window needs 51 pixels a side)" in both.out
    assert "- (the hole is no rectangle)" in both.out


@pytest.mark.usefixtures("scored")
def test_conventions_of_what_is_not_there_are_one_sentence(command: Command, results: Path) -> None:
    for what, said in (
        (["nothing"], "there is no run nothing in"),
        (["autoencoder"], "is the start of 2 runs: autoencoder-"),
        (["mean-fill", "--mask", "half"], "was not scored on --mask half; it was on center[side=16], random80"),
    ):
        told = command("conventions", *what, "--results", str(results))
        assert (told.code, told.out) == (2, "")
        assert said in told.err
