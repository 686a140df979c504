"""Conventions: each is what its definition says, and scikit-image where it has it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import slow_conventions
from skimage import metrics as oracle

from inbench.acts import conventions
from inbench.acts.conventions import CONVENTIONS, Convention
from inbench.acts.formulas import NotHere

FROZEN: dict[str, float] = json.loads((Path(__file__).parent / "conventions.json").read_text(encoding="utf-8"))
PAIRS = slow_conventions.example()
GUESSES, IMAGES, HOLES = (np.stack([getattr(pair, name) for pair in PAIRS]) for name in ("guess", "image", "hole"))
HOLES = HOLES[:, None]
NAMED = {one.name: one for one in CONVENTIONS}


def measured(name: str) -> float:
    return conventions.value(NAMED[name], GUESSES, IMAGES, HOLES)


def test_every_convention_has_a_name_of_its_own_and_a_frozen_value() -> None:
    assert len(NAMED) == len(CONVENTIONS)
    assert NAMED.keys() == FROZEN.keys()


def test_no_two_conventions_come_to_the_same_but_one_pair_that_cannot_be_told_apart() -> None:
    """The hole is a quarter of the picture: a squared error over it in [0, 1] is one over all of it in [-1, 1]."""
    near = [(one, other) for one in FROZEN for other in FROZEN if one < other and np.isclose(FROZEN[one], FROZEN[other], 1e-6)]
    assert near == [("l2-hole-01", "l2-whole-11")]


@pytest.mark.parametrize("one", CONVENTIONS, ids=lambda one: one.name)
def test_a_convention_is_what_its_definition_says(one: Convention) -> None:
    assert measured(one.name) == pytest.approx(FROZEN[one.name], rel=1e-9)


def test_the_frozen_values_are_those_of_the_definitions() -> None:
    assert slow_conventions.values(PAIRS) == pytest.approx(FROZEN, rel=1e-9)


def test_what_scikit_image_has_is_what_it_gives() -> None:
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pasted = [pair.pasted / 255 for pair in PAIRS]
    images = [pair.image / 255 for pair in PAIRS]
    pairs = list(zip(pasted, images, strict=True))
    for name, options in (("ssim-gauss", wang), ("ssim-uniform-7", {})):
        wanted = [oracle.structural_similarity(*pair, data_range=1, channel_axis=2, **options) for pair in pairs]
        assert measured(name) == pytest.approx(np.mean(wanted), rel=1e-6)
    wanted = [oracle.peak_signal_noise_ratio(image, done, data_range=1) for done, image in pairs]
    assert measured("psnr-whole") == pytest.approx(np.mean(wanted), rel=1e-12)


def test_a_convention_that_cannot_be_says_why() -> None:
    with pytest.raises(NotHere, match="51 pixels"):
        conventions.value(NAMED["ssim-grey-51"], GUESSES[:, :32, :32], IMAGES[:, :32, :32], HOLES[:, :, :32, :32])
    holes = HOLES.copy()
    holes[0, 0, 8, 20] = False
    rows = {row["name"]: row for row in conventions.table(GUESSES, IMAGES, holes)}
    assert (rows["ssim-crop-gauss"]["value"], rows["ssim-crop-gauss"]["why"]) == (None, "the hole is no rectangle")
    assert rows["ssim-gauss"]["value"] is not None
    holes = HOLES.copy()
    holes[0, 0, 31] = False
    with pytest.raises(NotHere, match="several sizes"):
        conventions.value(NAMED["ssim-crop-gauss"], GUESSES, IMAGES, holes)
    with pytest.raises(NotHere, match="empty"):
        conventions.value(NAMED["l2-hole-01"], GUESSES, IMAGES, np.zeros_like(HOLES))


def test_nothing_is_relative_to_a_black_picture() -> None:
    images = IMAGES.copy()
    images[0] = 0
    rows = {row["name"]: row for row in conventions.table(images, images, HOLES)}
    black = {name for name, row in rows.items() if row["why"] == "a picture is black there"}
    assert black
    assert all(row["value"] is None or np.isfinite(row["value"]) for row in rows.values())


def test_many_pictures_are_measured_as_few_are() -> None:
    times = conventions.AT_ONCE  # so that they fill more than one batch
    many = [np.concatenate([some] * times) for some in (GUESSES, IMAGES, HOLES)]
    assert conventions.value(NAMED["l2-hole-11"], *many) == pytest.approx(FROZEN["l2-hole-11"], rel=1e-12)
