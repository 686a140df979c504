"""Picking: pictures stand for what the rule says, and nobody's hand is in it."""

from __future__ import annotations

import numpy as np
import pytest

from inbench.readers import picking
from inbench.words.errors import UserError

IDS = ["a", "b", "c", "d", "e"]
VALUES = np.array([[10.0, 20.0, 30.0, 12.0, 15.0], [11.0, 21.0, 31.0, 28.0, 16.0]])


def by(rule: str, count: int = 1, values: np.ndarray = VALUES, **more: int) -> list[str]:
    return [pick.id for pick in picking.picked(IDS, values, {rule: count}, **more)]


def test_best_and_worst_are_by_the_mean_over_the_methods() -> None:
    assert by("best", 2) == ["c", "b"]
    assert by("worst", 2) == ["a", "e"]


def test_disagreement_is_where_methods_are_furthest_apart() -> None:
    assert by("disagreement") == ["d"]


def test_random_pictures_follow_from_the_seed_and_their_ids_alone() -> None:
    first = by("random", 3)
    assert first == by("random", 3, values=VALUES[:, ::-1])
    assert {tuple(by("random", 3, seed=seed)) for seed in range(8)} != {tuple(first)}
    backwards = picking.picked(IDS[::-1], VALUES, {"random": 3})
    assert [pick.id for pick in backwards] == first


def test_no_picture_stands_twice() -> None:
    found = picking.picked(IDS, VALUES, {"best": 1, "disagreement": 1, "random": 3, "worst": 9})
    assert sorted(pick.id for pick in found) == IDS


def test_a_rule_may_pick_none_but_not_all_of_them() -> None:
    assert picking.wanted("best=0,random=2") == {"best": 0, "random": 2}
    with pytest.raises(UserError, match="picks no picture; write random=2"):
        picking.wanted("best=0")


def test_a_picture_without_a_value_is_never_the_best_or_the_worst() -> None:
    values = VALUES.copy()
    values[0, 2] = np.nan
    assert by("best", values=values) == ["b"]
    assert "c" not in by("worst", 5, values=values)


def test_the_caption_says_every_rule_that_was_used_and_the_seed() -> None:
    told = picking.in_words(picking.picked(IDS, VALUES, {"random": 2, "worst": 1}, seed=7), seed=7)
    assert "seed 7" in told
    assert "worst: lowest psnr" in told
    assert "best" not in told.replace("worst", "")


@pytest.mark.parametrize("rule", picking.RULES)
def test_every_rule_that_has_words_picks(rule: str) -> None:
    assert len(by(rule, 2)) == 2
    assert rule in picking.WANTED
