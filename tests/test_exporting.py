"""Exporting: what a stranger gets, and what never leaves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY, Told
from PIL import Image

from inbench.acts import exporting, scoring
from inbench.joints import choices, registry, store
from inbench.joints.store import Prepared

Command = Callable[..., Told]
WORDS = ("--dataset", TINY["datasets"], "--size", "32")


@pytest.fixture
def export(command: Command, tmp_path: Path) -> Callable[..., Path]:
    """`inbench export` of tiny data into a folder or file of `tmp_path`."""

    def call(*words: str, mask: str = "center", to: str = "out") -> Path:
        told = command("export", *WORDS, "--mask", mask, "--output", str(tmp_path / to), *words)
        assert told.code == 0, told.err
        return tmp_path / to

    return call


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return found


def prepared(content: str) -> Prepared:
    found = store.holding(content, store.default_folder())
    assert found is not None
    return found


def pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file))


def test_what_is_seen_is_there_and_what_is_under_the_hole_is_not(export: Callable[..., Path]) -> None:
    out = export(mask="half")
    told = manifest(out)
    part = prepared(told["dataset"]["content"]).part("test")
    truth = dict(zip(part.ids, part.images, strict=True))
    mask = choices.mask("half", 32, registry.load()).mask
    for image in told["images"]:
        seen, white = pixels(out / "seen" / image["file"]), pixels(out / "holes" / image["file"]) == 255
        hole = mask.draw([image["id"]], 32)[0, 0]
        assert (white == hole).all()
        assert (seen[hole] == 0).all()
        assert (seen[~hole] == truth[image["id"]][~hole]).all()
    assert len(told["images"]) == 12


def test_the_manifest_says_what_a_stranger_needs(export: Callable[..., Path]) -> None:
    told = manifest(export())
    data = prepared(told["dataset"]["content"])
    part = data.part("test")
    assert [image["id"] for image in told["images"]] == [part.ids[place] for place in part.first(None)]
    assert told["dataset"]["licence"] == data.manifest["licence"]
    assert told["mask"]["holes"] == scoring.holes_hash(choices.mask("center", 32, registry.load()).mask.draw(part.ids, 32))
    assert (told["size"], told["protocol"], told["polarity"], told["dataset"]["part"]) == (32, 1, "white", "test")
    assert told["mask"]["canonical"] == "center[side=16]"


def test_every_hash_of_the_manifest_is_that_of_its_file_and_of_itself(export: Callable[..., Path]) -> None:
    out = export()
    for image in manifest(out)["images"]:
        for kind in ("seen", "holes"):
            assert hashlib.sha256((out / kind / image["file"]).read_bytes()).hexdigest() == image[f"{kind}_sha256"]
    assert exporting.sealed(manifest(out)) == manifest(out)
    assert exporting.sealed({**manifest(out), "size": 64})["sha256"] != manifest(out)["sha256"]


def test_a_subset_is_the_start_of_the_whole(export: Callable[..., Path]) -> None:
    few, all_of_them = manifest(export("--images", "3")), manifest(export(to="all"))
    assert few["images"] == all_of_them["images"][:3]


def test_the_val_part_is_other_pictures(export: Callable[..., Path]) -> None:
    test, val = manifest(export()), manifest(export("--part", "val", to="val"))
    assert not {image["id"] for image in test["images"]} & {image["id"] for image in val["images"]}
    assert len(val["images"]) == 8


def test_black_holes_are_the_white_ones_inside_out(export: Callable[..., Path]) -> None:
    white, black = export(), export("--polarity", "black", to="black")
    file = manifest(white)["images"][0]["file"]
    assert (pixels(white / "holes" / file) == 255 - pixels(black / "holes" / file)).all()
    assert (pixels(white / "seen" / file) == pixels(black / "seen" / file)).all()
    assert manifest(black)["polarity"] == "black"


def test_one_npz_holds_the_same(export: Callable[..., Path]) -> None:
    out, file = export(), export(to="out.npz")
    with np.load(file, allow_pickle=False) as held:
        told, images = json.loads(str(held["manifest"])), manifest(out)["images"]
        assert held["ids"].tolist() == [image["id"] for image in images]
        assert (held["seen"] == np.stack([pixels(out / "seen" / image["file"]) for image in images])).all()
        assert (held["holes"] == np.stack([pixels(out / "holes" / image["file"]) for image in images])).all()
    assert told["mask"] == manifest(out)["mask"]
    assert exporting.sealed(told) == told


def test_the_same_export_once_more_is_said_and_something_else_is_refused(
    command: Command, export: Callable[..., Path], tmp_path: Path
) -> None:
    out = export()
    words = ("export", *WORDS, "--output", str(out))
    again = command(*words, "--mask", "center")
    assert (again.code, "was there already" in again.out) == (0, True)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for mask in (["half"], ["center", "--images", "3"]):
        other = command(*words, "--mask", *mask)
        assert (other.code, other.out) == (2, "")
        assert "holds something else" in other.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_written_into(export: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert manifest(export())


def test_an_export_that_fails_leaves_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: Callable[..., Path]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    told = command("export", *WORDS, "--mask", "center", "--output", str(tmp_path / "out"))
    assert (told.code, "No space left on device" in told.err) == (2, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mask", "centre"], "did you mean 'center'"),
        (["--mask", "center", "--images", "0"], "--images 0 must be at least 1"),
        (["--mask", "center", "--images", "13"], "--images 13 is more than the 12 of the test part"),
        (["--mask", "center", "--size", "48"], "--size 48 is no power of two"),
        (["--mask", "center", "--form", "npz"], "--form npz writes one file"),
        (["--mask", "center", "--output", "x.npz", "--form", "png"], "--form png writes a folder"),
    ],
    ids=" ".join,
)
def test_a_wrong_word_is_one_sentence(command: Command, tmp_path: Path, words: list[str], said: str) -> None:
    told = command("export", *WORDS, "--output", str(tmp_path / "out"), *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert not list(tmp_path.iterdir())


def test_a_file_name_is_the_id_wherever_every_system_can_hold_it() -> None:
    ids = ["000001.jpg", "a/b", "a_b", "A_b", "..", "con", "NUL.png", "é", "x" * 300, "a b", "-rf", ".hidden", "end.", "ok-1"]
    names = exporting.file_names(ids)
    assert [image_id for image_id in ids if names[image_id] == image_id] == ["000001.jpg", "ok-1"]
    assert len({name.casefold() for name in names.values()}) == len(ids)
    assert all(exporting.PLAIN.fullmatch(name) and not exporting.RESERVED.fullmatch(name) for name in names.values())


def test_ids_with_slashes_become_files_that_lie_side_by_side(command: Command, tmp_path: Path) -> None:
    row, column, channel = np.indices((40, 40, 3))
    for number in range(40):
        file = tmp_path / "mine" / f"{'ab'[number % 2]}" / f"{number // 2}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(((number * row + 5 * column + 70 * channel) % 256).astype(np.uint8)).save(file)
    out = tmp_path / "out"
    told = command("export", "--dataset", str(tmp_path / "mine"), "--size", "32", "--mask", "center", "--output", str(out))
    assert told.code == 0, told.err
    images = manifest(out)["images"]
    assert all("/" in image["id"] for image in images)
    assert {path.name for path in (out / "seen").iterdir()} == {image["file"] for image in images}
    scored = command("score", "--guesses", str(out / "seen"), "--name", "black", "--results", str(tmp_path / "results"))
    assert scored.code == 0, scored.err
