"""What validation tells of trainings: whether they have converged, or are past their best."""

from pathlib import Path

import numpy as np
import pytest

from inbench.readers import watched
from inbench.words.records import Record


def training(*psnr, every=20, answers="last"):
    looks = [{"step": every * (place + 1), "psnr": value} for place, value in enumerate(psnr)]
    return Record(Path(), {"run": {"checkpoint": answers}, "validation": looks})


@pytest.mark.parametrize(
    ("psnr", "told"),
    [
        ((18, 19, 20, 20.05, 20.1), True),
        ((18, 19, 20, 20.05, 20.2), False),
        ((18, 21.9, 20, 20.3, 21.7), True),  # it had been there before
        ((20,), None),
        ((), None),
    ],
)
def test_a_training_has_converged_when_its_last_fifth_brought_no_tenth_of_a_decibel(psnr, told):
    assert watched.converged([training(*psnr)]) is told


def test_the_last_fifth_begins_at_the_same_step_however_often_validation_is_watched():
    rising = training(*(20 + step / 1000 for step in range(50, 1001, 50)), every=50)
    assert watched.converged([rising]) is False  # 0.2 dB from step 800, though 0.05 from step 950


@pytest.mark.parametrize(
    ("psnr", "told"),
    [
        ((18, 20, 19.7, 19.6, 19.5), True),
        ((18, 20, 19.7, 19.6, 19.95), False),
        ((18, 19, 20, 20.1, 20.2), False),
        ((*[20] * 15, 20.9, *[20] * 4), False),  # one lucky look is no best
        ((*[20] * 8, *[20.5] * 4, *[20.3] * 8), True),
        ((20,), None),
        ((), None),
    ],
)
def test_a_training_is_past_its_best_when_all_of_its_last_fifth_lies_below_half_of_an_earlier_one(psnr, told):
    assert watched.past_best([training(*psnr)]) is told


def test_what_answers_by_its_best_look_is_never_past_it():
    assert watched.past_best([training(18, 20, 19.7, 19.6, 19.5, answers="best of 5 looks at 8 images")]) is None


def test_several_trainings_are_told_by_their_mean():
    risen, level, unwatched = training(18, 19, 20, 20, 20.2), training(18, 19, 20, 20, 20), training()
    assert watched.converged([risen]) is False
    assert watched.converged([risen, level, level]) is True
    assert watched.converged([risen, risen, level, unwatched]) is False
    assert watched.converged([]) is None
    fallen = training(18, 20, 19, 19, 19)
    assert watched.past_best([fallen, level]) is True
    assert watched.past_best([unwatched]) is None


@pytest.mark.parametrize("scatter", [0.02, 0.2, 0.45])
def test_more_trainings_are_less_often_marked_by_chance(scatter):
    """Trainings that neither rise nor fall, seen 20 times; looks scatter by what regressors and adversaries do."""
    drawn = np.random.default_rng(0).normal(20, scatter, (300, 3, 20))
    for mark in (lambda some: watched.converged(some) is False, watched.past_best):
        one = np.mean([mark([training(*looks[0])]) for looks in drawn])
        three = np.mean([mark([training(*each) for each in looks]) for looks in drawn])
        assert three <= one <= 0.25
        assert three <= 0.08
