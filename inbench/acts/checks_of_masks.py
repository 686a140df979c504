"""What a mask promises: holes of the right form, that follow from their seeds and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from inbench.acts import contract, training
from inbench.acts.checks_of_plugins import is_ready
from inbench.acts.trials import SIZES
from inbench.words.mask import Mask

IDS = [f"picture-{place}" for place in range(6)]
MASKS = contract.Promises(where=is_ready, about="holes")


def settled(cls: type[Mask], size: int) -> Mask:
    return cls(cls.settle(cls.Params(), size))


@MASKS("what depends on the size is settled once and then stays", "fill in what is None, and leave the rest", about="settle")
def settles_once(cls: type[Mask]) -> str:
    for size in SIZES:
        once = cls.settle(cls.Params(), size)
        if not isinstance(once, cls.Params):
            return f"settle answered {type(once).__name__}, not Params"
        if (again := cls.settle(once, size)) != once:
            return f"settled again at {size}, {once} became {again}"
    return ""


@MASKS("holes are bool [n, S, S], True = missing, at every size", "return a numpy array of truth values, one hole a seed")
def holes_are_bool_squares(cls: type[Mask]) -> str:
    for size in SIZES:
        given = np.arange(1, 4, dtype=np.uint64)
        drawn: Any = settled(cls, size).holes(given, size)
        if not isinstance(drawn, np.ndarray) or drawn.dtype != np.bool_ or drawn.shape != (3, size, size):
            told = f"{drawn.dtype} {drawn.shape}" if isinstance(drawn, np.ndarray) else type(drawn).__name__
            return f"at size {size}, 3 seeds gave {told}"
        if not np.array_equal(given, np.arange(1, 4, dtype=np.uint64)):
            return "holes changed the seeds that it was given"
    return ""


@MASKS("some pixels are missing and some are known, at every size", "keep the hole within bounds, and not empty")
def holes_leave_something(cls: type[Mask]) -> str:
    for size in SIZES:
        share = settled(cls, size).draw(IDS, size).mean((1, 2, 3))
        if share.min() == 0 or share.max() == 1:
            return f"at size {size} a hole is {'nothing' if share.min() == 0 else 'everything'}"
    return ""


@MASKS("the seed is the only chance", "use `inbench.unit(seeds, count)`")
def seed_draws_the_holes(cls: type[Mask]) -> str:
    training.seed_everything(1)
    one = settled(cls, 32).draw(6, 32, seed=5)
    training.seed_everything(2)
    return "" if np.array_equal(one, settled(cls, 32).draw(6, 32, seed=5)) else "two draws under one seed differ"


@MASKS("an id has the same hole alone, in company and in any order", "draw from each seed by itself")
def same_id_same_hole(cls: type[Mask]) -> str:
    rule = settled(cls, 32)
    ways = rule.draw(IDS, 32), rule.draw(IDS[::-1], 32)[::-1], np.concatenate([rule.draw([one], 32) for one in IDS])
    return "" if (ways[0] == ways[1]).all() and (ways[0] == ways[2]).all() else "the hole depends on its company"


@MASKS("what belongs to the whole process is left alone", "these settings are the runner's; do without them")
def leaves_the_world_alone(cls: type[Mask]) -> str:
    before = contract.world()
    settled(cls, 32).draw(IDS, 32)
    changed = contract.changes(before)
    return f"drawing holes changed {changed[0]}" if changed else ""
