"""Galleries: the pictures that are shown are the data set's, the holes the mask's, the fills those that were scored."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inbench.commands import galleries
from inbench.commands.galleries import Gallery
from inbench.joints import registry, store
from inbench.readers import rows, sections
from inbench.words import disk, records
from inbench.words.errors import UserError


def made(results: Path, mask: str = "center", folder: Path | None = None, **more: Any) -> Gallery:
    found = {record.folder.name: record for record in sections.found_in(results)}
    mine = [row for row in rows.rows_of(list(found.values())) if row["mask"] == mask]
    return galleries.gallery(mine, found, registry.load([]), folder or store.default_folder(), **more)


@pytest.fixture
def copied(pictured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictured, tmp_path / "copied"))


@pytest.mark.parametrize("mask", ["center", "random80"])
def test_what_is_shown_is_what_was_scored(pictured: Path, mask: str) -> None:
    found = made(pictured, mask)
    holes = found.pictures.holes[:, 0, ..., None]
    for completed, scores in zip(found.completed, found.scores, strict=True):
        assert (np.where(holes, 0, completed) == found.pictures.seen).all()
        squared = np.square((completed.astype(float) - found.pictures.images) / 255)
        for place, score in enumerate(scores):
            mse = squared[place][np.broadcast_to(holes[place], squared[place].shape)].mean()
            assert score == pytest.approx(-10 * math.log10(mse), rel=1e-6)


def test_pictures_are_those_of_their_ids(pictured: Path) -> None:
    found = made(pictured)
    data = store.holding(found.section.data, store.default_folder())
    assert data is not None
    part = data.part("test")
    for image_id, image in zip(found.pictures.ids, found.pictures.images, strict=True):
        assert (part.images[part.ids.index(image_id)] == image).all()


def test_each_row_has_its_own_pictures(pictured: Path) -> None:
    found = made(pictured)
    assert [row["method"] for row in found.rows] == ["autoencoder", "mean-fill", "mean-image"]
    assert not (found.completed[0] == found.completed[1]).all()


def test_a_seed_shows_other_pictures(pictured: Path) -> None:
    assert made(pictured, seed=1).pictures.ids != made(pictured).pictures.ids


def test_pictures_that_may_be_shown_have_no_notice_and_others_say_whose_they_are(pictured: Path) -> None:
    pictures = made(pictured).pictures
    assert pictures.notice == ""
    theirs = type(pictures)(**{**vars(pictures), "data": {"label": "cars", "licence": "the user's", "shareable": False}})
    assert theirs.notice == "licence of the pictures of cars: the user's; they are not to be passed on"


def test_a_row_that_kept_no_guesses_is_left_out_and_said(copied: Path) -> None:
    (record,) = (one for one in records.all_of(copied) if one.told["run"]["method"] == "mean-fill")
    guesses = [name for name in disk.listed(record.folder) if name.startswith("guesses/")]
    disk.commit(record.folder, {}, remove=tuple(guesses))
    found = made(copied)
    assert [row["method"] for row in found.rows] == ["autoencoder", "mean-image"]
    assert found.missing == [f"{record.name} kept no guesses"]


def test_damaged_guesses_are_not_shown(copied: Path) -> None:
    (record,) = (one for one in records.all_of(copied) if one.told["run"]["method"] == "mean-fill")
    file = record.folder / record.scores["center[side=16]"]["guesses"]
    data = bytearray(file.read_bytes())
    data[-1] ^= 255
    file.write_bytes(data)
    found = made(copied)
    assert "mean-fill" not in [row["method"] for row in found.rows]
    assert "is not what was written" in found.missing[0]


def test_pictures_that_the_data_set_does_not_have_are_told(copied: Path) -> None:
    for record in records.all_of(copied):
        for entry in record.scores.values():
            rows = (record.folder / entry["file"]).read_bytes()
            disk.commit(record.folder, {entry["file"]: rows.replace(b"test-", b"tost-")})
    with pytest.raises(UserError, match=r"tost-.* is no test picture of drawn-faces"):
        made(copied)


def test_a_record_without_psnr_is_told(copied: Path) -> None:
    for record in records.all_of(copied):
        told = {**record.told, "metrics": {name: one for name, one in record.told["metrics"].items() if name != "psnr"}}
        disk.commit(record.folder, {"run.json": disk.to_json(told)})
    with pytest.raises(UserError, match="pictures are picked by psnr, which not all records have"):
        made(copied)


def test_without_the_data_set_it_says_where_it_looked(pictured: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"drawn-faces\[.*\] is not prepared in .*nowhere"):
        made(pictured, folder=tmp_path / "nowhere")
