"""Photos: squares from six photographs, and no pixel of them in two parts."""

import hashlib
import itertools

import numpy as np
import pytest
from inbench_datasets import photos


@pytest.fixture(scope="module")
def photographs():
    return {name: photos.read(file) for name, file in photos.PHOTOGRAPHS.items()}


@pytest.fixture(scope="module")
def split():
    return photos.Photos(photos.Photos.Params(stride=32)).prepare(None, 32)


def parts_of(split):
    return {"train": split.train, "val": split.val, "test": split.test}


def where(image_id, size=32):
    """The photograph of a square, and the rows and columns of it that the square takes."""
    name, scale, row, column = image_id.split("-")
    side = int(scale[1:]) * size
    return name, slice(int(row), int(row) + side), slice(int(column), int(column) + side), int(scale[1:])


def test_no_pixel_of_a_photograph_is_in_two_parts(split, photographs):
    taken = {name: np.zeros(photograph.shape[:2], dtype=np.uint8) for name, photograph in photographs.items()}
    for bit, part in enumerate(parts_of(split).values()):
        for image_id in part.ids:
            name, rows, columns, _ = where(image_id)
            assert 0 <= rows.start < rows.stop <= taken[name].shape[0]
            taken[name][rows, columns] |= 1 << bit
    for marks in taken.values():
        assert set(np.unique(marks)) <= {0, 1, 2, 4}


def test_every_square_lies_in_the_region_of_its_part(split, photographs):
    for part, pictures in parts_of(split).items():
        for image_id in pictures.ids:
            name, _, columns, _ = where(image_id)
            left, right = (fifth * photographs[name].shape[1] // 5 for fifth in photos.REGIONS[part])
            assert left <= columns.start < columns.stop <= right


def test_regions_do_not_overlap_and_leave_nothing_out():
    edges = sorted(photos.REGIONS.values())
    assert edges[0][0] == 0
    assert edges[-1][1] == 5
    assert all(one[1] == other[0] for one, other in itertools.pairwise(edges))


def test_a_square_is_the_rounded_mean_of_its_pixels(split, photographs):
    for place in range(0, len(split.train.ids), 97):
        name, rows, columns, scale = where(split.train.ids[place])
        pixels = photographs[name][rows, columns].reshape(32, scale, 32, scale, 3).astype(np.int64)
        expected = np.floor(pixels.sum((1, 3)) / scale**2 + 0.5)
        assert (split.train.images[place] == expected).all()


def test_the_group_is_the_photograph(split):
    for pictures in parts_of(split).values():
        assert list(pictures.groups) == [image_id.split("-")[0] for image_id in pictures.ids]
    assert set(split.train.groups) == set(photos.PHOTOGRAPHS)


def test_no_picture_stands_twice(split):
    images = np.concatenate([pictures.images for pictures in parts_of(split).values()])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_black_and_flat_squares_are_left_out():
    black, flat, half = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 128, np.uint8), np.zeros((32, 32, 3), np.uint8)
    half[:16] = 200
    assert [photos.shows_something(square) for square in (black, flat, half)] == [False, False, True]


def test_even_the_largest_size_has_all_three_parts():
    made = photos.Photos(photos.Photos.Params(stride=32)).prepare(None, 256)
    for pictures in parts_of(made).values():
        assert pictures.images.shape[1:] == (256, 256, 3)
        assert len(pictures.ids) >= 2


def test_a_smaller_stride_gives_more_pictures(photographs):
    one, other = (photos.pictures(photographs, "val", 32, stride, set()) for stride in (16, 32))
    assert len(one.ids) > 2 * len(other.ids)


def test_squares_of_the_photographs_that_are_png_never_change(photographs):
    lossless = {name: photographs[name] for name in ("astronaut", "chelsea", "coffee")}
    test = photos.pictures(lossless, "test", 32, 32, set())
    assert (
        hashlib.sha256(test.images.tobytes()).hexdigest() == "101f34bfc22366db765946ef3947818e66ca455d6639edb45224663d5251d7b7"
    )
