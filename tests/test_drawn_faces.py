"""Drawn faces: the same bits on every machine, as many as one likes, no picture in two parts."""

import hashlib

import numpy as np
import pytest
from inbench_datasets.drawn_faces import DrawnFaces, Portraits


def split(size=64, **more):
    return DrawnFaces(DrawnFaces.Params(**more)).prepare(None, size)


def test_the_test_pictures_never_change():
    images = split().test.images[0:16]
    assert hashlib.sha256(images.tobytes()).hexdigest() == "528e8519589537bb23e18c709e30b123d85eb3a7ad028c5ba481415b00742b76"


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_every_size_can_be_drawn(size):
    images = split(size).train.images[0:4]
    assert (images.dtype, images.shape) == (np.uint8, (4, size, size, 3))
    assert images.std() > 20


def test_a_sitter_is_the_same_at_every_size():
    small, large = split(32).test.images[0:8] / 255, split(128).test.images[0:8] / 255
    shrunk = large.reshape(8, 32, 4, 32, 4, 3).mean((2, 4))
    assert np.abs(shrunk - small).mean() < 0.03
    assert np.abs(shrunk - small[::-1]).mean() > 0.1


def test_a_slice_is_the_same_as_the_whole(monkeypatch):
    images = split(32).train.images
    whole = images[0:40]
    assert (images[7:19] == whole[7:19]).all()
    assert (images[39:40] == whole[39:40]).all()
    monkeypatch.setattr(Portraits, "pixels_at_once", 32 * 32 * 3)
    assert (images[0:40] == whole).all()


def test_no_picture_is_in_two_parts_nor_twice_in_one():
    parts = split(32)
    images = np.concatenate([part.images[0:200] for part in (parts.train, parts.val, parts.test)])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == 600
    ids = (*parts.train.ids, *parts.val.ids, *parts.test.ids)
    assert len(set(ids)) == len(ids)


def test_there_are_as_many_as_one_asks_for():
    parts = split(train=7, val=2, test=3)
    assert [len(part.images) for part in (parts.train, parts.val, parts.test)] == [7, 2, 3]


def test_more_pictures_begin_with_the_same_ones():
    assert (split(32, test=3).test.images[0:3] == split(32, test=9).test.images[0:3]).all()


def test_another_seed_draws_other_sitters():
    assert (split(32, seed=1).test.images[0:4] != split(32).test.images[0:4]).any((1, 2, 3)).all()


def test_nothing_is_drawn_before_it_is_asked_for():
    assert len(split(256, train=1_000).train.images) == 1_000
