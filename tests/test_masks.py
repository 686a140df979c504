"""Masks: True is missing, and an image has its hole from its id alone."""

import numpy as np
import pytest

from inbench import masks, params, scoring
from inbench.errors import UserError
from inbench.mask import Mask

IDS = [f"{number:06d}.jpg" for number in range(1, 9)]


def made(cls, size=64, **given):
    return cls(cls.settle(params.resolve(cls.Params, given, whose=cls.name), size))


@pytest.fixture(params=[cls for cls in masks.inbench_masks() if cls is not masks.Mix], ids=lambda cls: cls.name)
def mask(request):
    return made(request.param)


def test_the_center_hole_is_rows_and_columns_16_to_47():
    expected = np.zeros((1, 1, 64, 64), dtype=bool)
    for row in range(16, 48):
        for column in range(16, 48):
            expected[0, 0, row, column] = True  # missing
    assert (made(masks.Center).draw(["a.jpg"], 64) == expected).all()


@pytest.mark.parametrize(
    ("size", "side", "first", "last"), [(64, 40, 12, 51), (64, 64, 0, 63), (32, 1, 15, 15), (64, 33, 15, 47)]
)
def test_a_center_of_another_side_is_in_the_middle_too(size, side, first, last):
    hole = made(masks.Center, size, side=side).draw(["a"], size)[0, 0]
    assert np.flatnonzero(hole.any(0))[[0, -1]].tolist() == [first, last]
    assert np.flatnonzero(hole.any(1))[[0, -1]].tolist() == [first, last]
    assert hole.sum() == side * side


def test_center_settles_to_half_the_side():
    assert masks.Center.settle(masks.Center.Params(), 128) == masks.Center.Params(side=64)


def test_a_center_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match=r"center\[side=65\] is larger than the image; at size 64 the side is at most 64"):
        made(masks.Center, 64, side=65)


def test_a_center_of_no_side_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        made(masks.Center, 64, side=0)


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("top", np.s_[:32, :]),
        ("bottom", np.s_[32:, :]),
        ("left", np.s_[:, :32]),
        ("right", np.s_[:, 32:]),
    ],
)
def test_a_half_is_the_one_it_says(part, missing):
    expected = np.zeros((64, 64), dtype=bool)
    expected[missing] = True
    assert (made(masks.Half, part=part).draw(IDS, 64) == expected).all()


def test_any_half_is_each_of_the_four_about_as_often():
    holes = made(masks.Half, 32).draw([str(number) for number in range(400)], 32)[:, 0]
    corners = holes[:, [0, 0, -1], [0, -1, 0]]  # tells the four halves apart
    _, counts = np.unique(corners, axis=0, return_counts=True)
    assert len(counts) == 4
    assert counts.min() > 70


def test_a_half_that_is_none_is_refused():
    with pytest.raises(UserError, match="one of any, top, bottom, left, right"):
        made(masks.Half, part="middle")


def test_random80_misses_four_fifths_pixel_by_pixel():
    holes = made(masks.Random80).draw([str(number) for number in range(100)], 64)
    assert abs(holes.mean() - 0.8) < 0.003
    assert np.abs(holes.mean((0, 1)) - 0.8).max() < 0.2
    neighbours = (holes[..., 1:] & holes[..., :-1]).mean()
    assert abs(neighbours - 0.64) < 0.005


def test_pattern25_misses_a_quarter_of_every_image_exactly():
    assert (made(masks.Pattern25).draw(IDS, 64).sum((1, 2, 3)) == 1024).all()


def test_pattern25_is_of_blobs():
    hole = made(masks.Pattern25).draw(IDS, 64)
    edges = (hole[..., 1:] != hole[..., :-1]).mean()
    assert edges < 0.08  # single pixels would give 0.375


def test_holes_are_bool_with_one_channel(mask):
    holes = mask.draw(IDS, 64)
    assert (holes.dtype, holes.shape) == (np.bool_, (8, 1, 64, 64))


def test_every_hole_misses_something_and_leaves_something(mask):
    holes = mask.draw([str(number) for number in range(64)], 64)
    assert holes.any((1, 2, 3)).all()
    assert not holes.all((1, 2, 3)).any()


def test_an_image_has_its_hole_in_every_subset_and_order(mask):
    whole = mask.draw(IDS, 64)
    assert (mask.draw(IDS[6:1:-2], 64) == whole[6:1:-2]).all()


def test_holes_of_ids_do_not_know_the_seed(mask):
    assert (mask.draw(IDS, 64, seed=1) == mask.draw(IDS, 64, seed=2)).all()


def test_training_holes_come_from_the_seed():
    rule = made(masks.Random80, 32)
    assert (rule.draw(3, 32, seed=1) == rule.draw(5, 32, seed=1)[:3]).all()
    assert (rule.draw(3, 32, seed=1) != rule.draw(3, 32, seed=2)).any()


def test_training_holes_are_not_the_test_holes():
    rule = made(masks.Random80, 32)
    assert (rule.draw(8, 32, seed=0) != rule.draw(IDS, 32)).any((1, 2, 3)).all()


HOLES = {
    "center": "17f779e8ef97e2f28c3b9d8e211f160528e19f385a10bb7d253c1514e2cf741d",
    "half": "8f1083e5143c25c5d97eb4322e972237c6d3a105d325921025d5895af9f1fe7b",
    "random80": "d12522626a2ce18542e481bcf395ec20142d519a3208a4127ec1d895f94319dc",
    "pattern25": "9fa01b05dfc6f78fafee8ba76aebb2df41896bd45991a57c47002149b197cc97",
}


def test_the_holes_of_a_test_set_never_change(mask):
    assert scoring.holes_hash(mask.draw(IDS, 64)) == HOLES[mask.name]


def test_a_mask_that_draws_floats_is_caught():
    class Soft(Mask):
        name = "soft"

        def holes(self, seeds, size):
            return np.zeros((len(seeds), size, size))

    with pytest.raises(ValueError, match=r"soft drew float64 .* not bool"):
        Soft(None).draw(IDS, 32)
