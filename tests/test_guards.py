"""Guards: settings are put back, writing into what was given is seen, odd answers are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Child, workers

import inbench
from inbench.joints.guards import Guard, about_answers, about_overlap
from inbench.joints.store import Part
from inbench.words import records

Tiny = Callable[..., list[dict[str, Any]]]
Find = Callable[..., records.Record]
Write = Callable[..., str]


def test_settings_are_put_back_and_told_once() -> None:
    guard, threads = Guard(), torch.get_num_threads()
    for _ in range(2):
        with guard.watching("step"):
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(threads + 1)
            torch.manual_seed(7)
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (torch.float32, threads)
    assert guard.told == [
        "step changed the default dtype, which was put back",
        "step changed the number of threads, which was put back",
        "step changed torch's seed, which was put back",
    ]


def test_settings_are_put_back_where_a_plugin_raises() -> None:
    def step() -> None:
        with Guard().watching("step"):
            torch.use_deterministic_algorithms(True)
            raise RuntimeError("no step today")

    with pytest.raises(RuntimeError, match="no step today"):
        step()
    assert not torch.are_deterministic_algorithms_enabled()


def test_reading_is_no_writing() -> None:
    guard, image = Guard(), torch.rand(2, 3)
    with guard.watching("step", image=image):
        image.sum()
        image.clone().zero_()
    assert guard.told == []
    with guard.watching("step", image=image):
        image[0].zero_()
    assert guard.told == ["step writes into the image that it was given"]


def holes(count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found = np.zeros((count, 1, 4, 4), dtype=np.bool_)
    found[:, :, 1:3, 1:3] = True
    return found


def test_one_colour_everywhere_is_told_of_anybody() -> None:
    guesses = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    guesses[:, 1:3, 1:3] = (9, 8, 7)
    assert about_answers(guesses, holes(3), learned=False) == ["every answer is one and the same colour"]


def test_one_picture_for_all_is_told_of_a_learner() -> None:
    guesses = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8).repeat(3, axis=0)
    assert about_answers(guesses, holes(3), learned=True) == ["the answer is the same for every image"]
    assert about_answers(guesses, holes(3), learned=False) == []
    guesses[1, 1, 1] += 1
    assert about_answers(guesses, holes(3), learned=True) == []


def test_groups_on_both_sides_are_told() -> None:
    pictures = np.zeros((2, 4, 4, 3), np.uint8)
    train, tested = Part(pictures, ["a", "b"], ["ann", "bob"]), Part(pictures, ["c", "d"], ["bob", "eve"])
    assert about_overlap(train, tested) == ["1 groups of the pictures it is tested on are among those it was trained on"]
    assert about_overlap(train, Part(pictures, ["c", "d"], None)) == []


MEDDLES = """
class Honest(Learner):
    name = "honest"

class Meddles(Learner):
    name = "meddles"

    def inpaint(self, seen, hole, seed):
        guess = super().inpaint(seen, hole, seed)
        hole.zero_()
        seed.zero_()
        seen.fill_(1)
        return guess
"""


def test_who_writes_into_its_inputs_is_measured_on_the_same_holes_and_named_under_the_table(
    plugin: Write, tiny: Tiny, record: Find, tmp_path: Any
) -> None:
    with workers(Child):
        tiny("honest,meddles", plugins=[plugin(MEDDLES)])
    (honest,), (meddles,) = (record(name).scores.values() for name in ("honest", "meddles"))
    assert meddles["means"] == honest["means"]
    assert meddles["holes"] == honest["holes"]
    assert meddles["warnings"] == ["inpaint writes into the seen and the hole and the seed that it was given"]
    assert "- meddles: warning: inpaint writes into the seen" in inbench.table(tmp_path / "results")
