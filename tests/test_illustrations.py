"""Illustrations: the command that draws, and what stands in its captions."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import AUTO, TINY, Child, Told, workers
from handmade import encoded, noise, written
from PIL import Image

import inbench
from inbench.readers import sections
from inbench.words import disk, published

Command = Callable[..., Told]
FILES = [f"drawn-faces_test_12_train_40_val_8_-32-{mask}smoke_batch_4_steps_6-{kind}" for mask, kind in [
    ("center-", "curves"), ("center-", "grid"), ("center-", "cost"), ("center-", "perception"), ("", "matrix")
]]  # fmt: skip


def as_ours(folder: Path, name: str, methods: dict[str, str]) -> Path:
    """A paper, `ours`, of the size and with the methods that the tests have records of."""
    text = (published.FOLDER / f"{name}.toml").read_text().replace("size = 64", "size = 32")
    for theirs, here in methods.items():
        text = text.replace(f'method = "{theirs}"', f'method = "{here}"')
    paper = folder / "ours.toml"
    paper.write_text(text)
    return paper


def told_of(file: Path) -> str:
    with Image.open(file) as image:
        return str(image.info["Description"])


def test_all_that_records_give_is_drawn_as_png_and_svg(command: Command, pictured: Path, tmp_path: Path) -> None:
    told = command("figures", "--results", str(pictured), "--output", str(tmp_path))
    assert told.code == 0
    assert told.err == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{ending}" for name in FILES for ending in ("png", "svg")
    )
    grid = told_of(next(tmp_path.glob("*grid.png")))
    assert "picked by rule: random: drawn by the hash of seed and id (seed 0); best: highest psnr" in grid
    assert "licence" not in grid
    assert "a first look and ranks nothing" in told_of(next(tmp_path.glob("*cost.png")))


def test_json_tells_files_and_captions(command: Command, pictured: Path, tmp_path: Path) -> None:
    told = command(
        *("figures", "--results", str(pictured), "--output", str(tmp_path), "--json"),
        *("--kinds", "grid", "--masks", "all", "--methods", f"mean-fill,{AUTO}", "--seed", "3", "--pick", "random=2"),
    )
    found = json.loads(told.out)["figures"]
    assert [len(one["files"]) for one in found] == [2, 2]
    assert "hole: random80" in found[1]["caption"]
    assert "seed 3" in found[0]["caption"]
    assert "worst" not in found[0]["caption"]
    assert all(Path(file).is_file() for one in found for file in one["files"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--kinds", "pie"], "unknown kind of figure 'pie'"),
        (["--only", "celeba"], "unknown data set 'celeba'"),
        (["--methods", "mean-fil"], "did you mean 'mean-fill'?"),
        (["--masks", "centre"], "did you mean 'center'?"),
        (["--pick", "nicest=1"], "unknown rule 'nicest'"),
        (["--pick", "best"], "does not say how many pictures, 0 to 50; write best=2"),
        (["--pick", "random=0"], "picks no picture"),
        (["--budget", "paper"], "unknown budget 'paper'"),
        (["--table", "1"], "--table belongs to --paper"),
        (["--paper", "meng2020", "--only", "x"], "leave them out with --paper"),
        (["--kinds", "curves", "--methods", "mean-fill"], "give none of these figures"),
    ],
)
def test_a_wrong_word_is_one_sentence(command: Command, pictured: Path, tmp_path: Path, words: list[str], why: str) -> None:
    told = command("figures", "--results", str(pictured), "--output", str(tmp_path / "figures"), *words)
    assert told.code == 2
    assert why in told.err
    assert "Traceback" not in told.err


def test_a_matrix_has_all_holes_whichever_the_other_figures_are_about(command: Command, pictured: Path, tmp_path: Path) -> None:
    words = ("figures", "--results", str(pictured), "--output", str(tmp_path), "--masks", "center")
    told = command(*words, "--kinds", "cost,matrix")
    assert (told.code, told.err) == (0, "")
    assert [path.stem.rpartition("-")[2] for path in sorted(tmp_path.glob("*.png"))] == ["cost", "matrix"]


def test_without_records_it_says_how_to_make_some(command: Command, tmp_path: Path) -> None:
    told = command("figures", "--results", str(tmp_path))
    assert told.code == 2
    assert "there are no records" in told.err


def test_without_matplotlib_it_says_what_to_install(command: Command, pictured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = command("figures", "--results", str(pictured))
    assert told.code == 2
    assert "pip install 'inbench[figures]'" in told.err


def test_records_without_guesses_have_all_figures_but_the_grid(command: Command, pictured: Path, tmp_path: Path) -> None:
    told = command("pack", str(tmp_path / "light.zip"), "--results", str(pictured))
    assert told.code == 0
    assert command("merge", str(tmp_path / "light.zip"), "--results", str(tmp_path / "light")).code == 0
    told = command("figures", "--results", str(tmp_path / "light"), "--kinds", "grid,cost")
    assert told.code == 0
    assert "inbench: no grid: no method kept guesses" in told.err
    assert [path.name.rpartition("-")[2] for path in sorted((tmp_path / "light" / "figures").iterdir())] == [
        "cost.png",
        "cost.svg",
    ]


def test_a_row_without_guesses_is_named_as_left_out(command: Command, pictured: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(pictured, tmp_path / "some"))
    record = next(one for one in sections.found_in(results) if one.told["run"]["method"] == "mean-image")
    guesses = tuple(name for name in disk.listed(record.folder) if name.startswith("guesses/"))
    disk.commit(record.folder, {}, remove=guesses)
    told = command("figures", "--results", str(results), "--kinds", "grid", "--json")
    assert f"Left out: {record.name} kept no guesses." in json.loads(told.out)["figures"][0]["caption"]


def test_pictures_that_are_not_to_be_passed_on_say_so_in_the_caption_and_to_whoever_draws_them(
    command: Command, tmp_path: Path
) -> None:
    folder = written(tmp_path / "mine", {f"{place:03d}.png": encoded(noise(place)) for place in range(60)})
    with workers(Child):
        inbench.run("mean-fill", **{**TINY, "datasets": str(folder), "results": tmp_path / "results"})
    told = command("figures", "--results", str(tmp_path / "results"), "--kinds", "grid")
    assert told.code == 0
    assert "licence of the pictures of mine: the user's; they are not to be passed on" in told.err
    assert "they are not to be passed on" in told_of(next((tmp_path / "results" / "figures").glob("*.png")))


def test_a_papers_figures_have_its_names_and_say_what_they_are_here(command: Command, pictured: Path, tmp_path: Path) -> None:
    paper = as_ours(tmp_path, "meng2020", {"autoencoder": AUTO, "context-encoder": "mean-fill"})
    data = f"celeba={TINY['datasets']}"
    told = command("figures", "--results", str(pictured), "--output", str(tmp_path), "--paper", str(paper), "--datasets", data)
    assert told.code == 0
    assert "ours, Figure 5: none of its rows is here; inbench run --paper ours makes them" in told.err
    caption = told_of(tmp_path / "ours-figure-6-grid.png")
    assert f"Autoencoder is {AUTO}, CE is mean-fill; 2 of 4 rows" in caption
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == [
        "ours-figure-6-grid", "ours-table-1-cost", "ours-table-1-perception",
    ]  # fmt: skip


def test_a_table_of_several_holes_has_a_figure_for_each(command: Command, pictured: Path, tmp_path: Path) -> None:
    paper = as_ours(tmp_path, "yeh2017", {"context-encoder": AUTO, "semantic-inpainting": "mean-fill"})
    words = ("--paper", str(paper), "--datasets", f"celeba={TINY['datasets']}", "--output", str(tmp_path), "--kinds", "cost")
    assert command("figures", "--results", str(pictured), *words).code == 0
    drawn = sorted(tmp_path.glob("*.png"))
    assert [file.stem for file in drawn] == ["ours-table-1-center-cost", "ours-table-1-random80-cost"]
    assert ["hole: random80" in told_of(file) for file in drawn] == [False, True]


def test_records_scored_before_there_was_a_measure_say_how_to_add_it(command: Command, pictured: Path, tmp_path: Path) -> None:
    results = Path(shutil.copytree(pictured, tmp_path / "old"))
    for record in sections.found_in(results):
        kept = {name: metric for name, metric in record.told["metrics"].items() if name != "patch-distance"}
        (record.folder / "run.json").write_bytes(disk.to_json({**record.told, "metrics": kept}))
        listed = disk.listed(record.folder)
        listed["run.json"] = disk.sha256((record.folder / "run.json").read_bytes())
        (record.folder / "done").write_bytes(disk.to_json(listed))
    told = command("figures", "--results", str(results), "--kinds", "perception,curves")
    assert told.code == 0
    assert "inbench score adds it from kept guesses" in told.err
    command("score", "--results", str(results), "--threads", "1")
    assert command("figures", "--results", str(results), "--kinds", "perception").err == ""
