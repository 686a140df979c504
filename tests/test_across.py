"""Across: one option's values side by side, of a data set, of a hole, of a method; nothing else may differ in a table."""

import json
from pathlib import Path

import pytest
from test_tables import body, filled, floor, lay, scored, scores_csv

from inbench.readers import across, naming, tables


def shown(results, option, metric="psnr-pooled", **chosen):
    return tables.across(results, option, metric, **chosen)


def heads(text):
    return [cell.strip() for cell in next(line for line in text.splitlines() if line.startswith("| method")).split("|")[2:-1]]


def part(results, count, psnr, name="gan", **more):
    """A training on some of the pictures, or on all."""
    label = f"faces[train={count}]" if count else "faces"
    run = {"data": f"da7a{count or ''}", **more.pop("run", {})}
    return lay(results, name, (psnr,) * 4, labels={"dataset": label, **more.pop("labels", {})}, run=run, **more)


def test_parts_of_a_data_set_are_columns_by_their_size_and_all_of_it_is_last(tmp_path):
    for count, psnr in ((2000, 19.0), (500, 17.0), (None, 20.0)):
        part(tmp_path, count, psnr)
    for count, psnr in ((500, 18.0), (2000, 18.5)):
        part(tmp_path, count, psnr, "linear", labels={"any_budget": True}, run={"steps": 5, "params": {}, "batch": 256})
    part(tmp_path, 500, 30.0, "alone")
    text = shown(tmp_path, "train")
    assert text.startswith("**faces, 64 x 64, hole: center, budget: paper: psnr-pooled dB ↑ by train**")
    assert heads(text) == ["train=500", "train=2000", "default train"]
    assert body(text) == {
        "gan": ["17.00 ±0.00 †", "**19.00** ±0.00", "20.00 ±0.00"],  # alone in its column it is not the best
        "linear": ["**18.00** ±0.00", "18.50 ±0.00", "-"],
    }
    assert "† a learner below linear" in text


def test_a_training_with_one_seed_more_is_still_one_column(tmp_path):
    part(tmp_path, 500, 17.0)
    part(tmp_path, None, 20.0)
    part(tmp_path, None, 21.0, run={"seed": 1})
    assert body(shown(tmp_path, "train"))["gan"][1].startswith("20.50")


def wide(results, name, psnrs, trained="center", **more):
    """One training, scored on holes of several sides; a side of 32 is what `center` is."""
    names = {side: "center" if side == 32 else f"center[side={side}]" for side in psnrs}
    made = {f"center[side={side}]": scored((psnr,) * 4, shown=names[side], file=f"side-{side}") for side, psnr in psnrs.items()}
    files = {f"scores/side-{side}.csv": scores_csv((psnr,) * 4) for side, psnr in psnrs.items()}
    masks = {full: entry["shown"] for full, entry in made.items()}
    lay(results, name, told={"scores": made}, labels={"train_mask": trained, "masks": masks}, run=more, files=files)


def test_holes_are_columns_by_what_the_default_is_too(tmp_path):
    wide(tmp_path, "gan", {40: 16.0, 24: 22.0, 32: 20.0})
    text = shown(tmp_path, "side")
    assert text.startswith("**faces, 64 x 64, hole: center, budget: paper: psnr-pooled dB ↑ by side**")
    assert heads(text) == ["side=24", "side=32", "side=40"]
    assert body(text)["gan"] == ["22.00 ±0.00", "20.00 ±0.00", "16.00 ±0.00"]
    assert "Every learner was trained on center." in text


def test_learners_trained_on_the_whole_name_and_tested_on_other_sides_are_said_to_be(tmp_path):
    wide(tmp_path, "gan", {24: 22.0, 40: 16.0})
    assert "Every learner was trained on center." in shown(tmp_path, "side")


def test_holes_of_the_pictures_that_validate_have_sides_too(tmp_path):
    made = {f"center[side={side}] on val": scored((psnr,) * 4, shown=f"{name} on val", file=f"side-{side}")
            for side, psnr, name in ((24, 22.0, "center[side=24]"), (32, 20.0, "center"))}  # fmt: skip
    files = {f"scores/side-{side}.csv": scores_csv((psnr,) * 4) for side, psnr in ((24, 22.0), (32, 20.0))}
    masks = {"center[side=24]": "center[side=24]", "center[side=32]": "center"}
    lay(tmp_path, told={"scores": made}, labels={"masks": masks}, files=files)
    text = shown(tmp_path, "side")
    assert "hole: center on val" in text
    assert "4 validation images" in text
    assert heads(text) == ["side=24", "side=32"]


def test_trainings_each_on_their_own_hole_are_one_line(tmp_path):
    wide(tmp_path, "gan", {24: 22.0}, trained="center[side=24]", train_mask="center[side=24]")
    wide(tmp_path, "gan", {40: 16.0}, trained="center[side=40]", train_mask="center[side=40]")
    text = shown(tmp_path, "side", "psnr,ssim")
    assert heads(text) == ["side=24", "side=40"]
    assert body(text.split("**faces")[1])["gan"] == ["22.00 ±0.00", "16.00 ±0.00"]
    assert "ssim ↑ by side" in text


def test_an_option_of_a_method_is_along_the_line_and_the_best_too(tmp_path):
    for value, psnr in ((0.5, 18.0), (0.0, 20.0)):
        label = "gan" if value == 0.5 else "gan[tv=0]"
        lay(tmp_path, psnrs=(psnr,) * 4, label=label, run={"params": {"tv": value}})
        other = "net[hole_weight=10]" if value == 0.5 else "net[hole_weight=10,tv=0]"
        lay(tmp_path, "net", (psnr - 9,) * 4, label=other, run={"params": {"tv": value, "hole_weight": 10.0}})
    floor(tmp_path)
    text = shown(tmp_path, "tv")
    assert heads(text) == ["tv=0", "tv=0.5"]
    assert body(text) == {
        "gan": ["**20.00** ±0.00", "18.00 ±0.00"],
        "net[hole_weight=10]": ["**11.00** ±0.00 †", "9.00 ±0.00 †"],
    }


def test_a_row_that_failed_is_told_in_its_place(tmp_path):
    part(tmp_path, 500, 17.0)
    part(tmp_path, None, 20.0, status="failed", reason="ValueError: no")
    text = shown(tmp_path, "train")
    assert body(text)["gan"] == ["17.00 ±0.00", "- (failed)"]
    assert "- default train: gan: failed: ValueError: no" in text


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("tv", "no rows differ by tv alone; run a method, a data set or a hole with another tv"),
        ("bn_momentum", "unknown option 'bn-momentum'; there are: side, tv"),
        ("steps", "steps is an option of the budget; inbench tables --best shows rows of all budgets together"),
        ("tvv", "unknown option 'tvv'; did you mean 'tv'?"),
    ],
)
def test_nothing_that_differs_is_one_sentence(tmp_path, command, option, said):
    lay(tmp_path)
    filled(tmp_path)
    told = command("tables", "--results", str(tmp_path), "--across", option)
    assert (told.code, told.err) == (2, f"inbench: {said}\n")


def test_a_document_holds_it_between_its_markers(tmp_path, command):
    for count, psnr in ((500, 17.0), (None, 20.0)):
        part(tmp_path, count, psnr)
    opening, closing = tables.markers("across train")
    (tmp_path / "page.md").write_text(f"before\n{opening}\n{closing}\nafter\n")
    words = ("tables", "--results", str(tmp_path), "--across", "train")
    assert command(*words, "--check", str(tmp_path / "page.md")).code == 1
    assert command(*words, "--write", str(tmp_path / "page.md")).code == 0
    assert "| train=500" in " ".join((tmp_path / "page.md").read_text().split())
    assert command(*words, "--check", str(tmp_path / "page.md")).code == 0


def test_lines_are_drawn_with_what_the_default_is_and_a_row_without_numbers_is_no_point(tmp_path, command):
    for count, psnr in ((2000, 19.0), (500, 17.0), (None, 20.0)):
        part(tmp_path, count, psnr)
    part(tmp_path, 500, 18.0, "other")
    part(tmp_path, None, 18.0, "other", status="failed", reason="ValueError: no")
    told = command("figures", "--results", str(tmp_path), "--across", "train", "--json")
    (one,) = json.loads(told.out)["figures"]
    assert one["kind"] == "across"
    assert one["caption"].startswith("faces, 64 x 64, hole: center, budget: paper: psnr-pooled by train. Bars are 95 %")
    svg = next(Path(file) for file in one["files"] if file.endswith("svg")).read_text()
    assert [word for word in ("500", "2000", "default", "gan", "other") if f">{word}<" in svg] == [
        "500", "2000", "default", "gan", "other"]  # fmt: skip


def test_a_figure_across_is_asked_for_alone_and_of_rows_that_there_are(tmp_path, command):
    part(tmp_path, 500, 17.0)
    part(tmp_path, None, 20.0)
    words = ("figures", "--results", str(tmp_path), "--across", "train")
    assert "leave out --kinds" in command(*words, "--kinds", "cost").err
    assert "no rows differ by tv alone" in command(*words[:-1], "tv").err
    assert "unknown mask 'centre'" in command(*words, "--masks", "centre").err


def test_on_what_learners_were_trained_is_said_where_it_is_another_hole(tmp_path):
    wide(tmp_path, "gan", {24: 22.0, 40: 16.0}, trained="half", train_mask="half[part=any]")
    assert "Every learner was trained on half." in shown(tmp_path, "side")


@pytest.mark.parametrize(
    ("text", "rest", "value"),
    [
        ("faces[train=500]@3f06de", "faces@3f06de", "500"),
        ("center[side=24] on val", "center on val", "24"),
        ("gan[a=1,tv=0], bf16", "gan[a=1], bf16", "0"),
        ("mix(center,half)", "mix(center,half)", None),
        ("photos [2020", "photos [2020", None),
        ("gan[tv=0] 1a2b3c", "gan 1a2b3c", "0"),
    ],
)
def test_what_stands_behind_a_name_stays_there(text, rest, value):
    option = {"500": "train", "24": "side"}.get(str(value), "tv")
    assert across._without(text, option) == (rest, value)


def test_values_are_in_the_order_of_their_sizes():
    for right in (["-1", "-0.5", "0", "0.5", "2", "1e+16"], ["0-10", "10-20", "20-30"], ["1e-06", "0.001", "500", "default"]):
        assert sorted(set(right), key=naming.by_size) == right
