"""A Mask is the rule that draws holes; a hole is a bool array in which True is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from inbench.words import seeds
from inbench.words.params import NoParams

Holes = NDArray[np.bool_]
AT_ONCE = 1024
"""Most holes drawn at once, so that drawing them for a large data set takes no more memory than for a small one."""


class Mask(ABC):
    """A rule for holes. A subclass writes `holes`: a pure function of one seed a hole, with no other chance in it.

    name: kebab-case; summary: one line; training_only: True keeps it out of `--test-masks all`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    training_only: ClassVar[bool] = False

    Params: ClassVar[type[Any]] = NoParams

    def __init__(self, params: Any) -> None:
        self.params = params

    @classmethod
    def settle(cls, params: Any, size: int) -> Any:
        """Params with every default that depends on the size put in; raises `UserError` where they do not fit it."""
        return params

    @abstractmethod
    def holes(self, seeds: seeds.Seeds, size: int) -> Holes:
        """Holes `[n, S, S]` bool, True = missing, for seeds `[n]` uint64. Use `+ - * /` and comparisons only."""

    def draw(self, of: Sequence[str] | Sequence[int] | int, size: int, seed: int = 0) -> Holes:
        """Holes `[n, 1, S, S]` bool: for ids by the id alone (scoring), for a count or places by the seed (training)."""
        wanted = range(of) if isinstance(of, int) else of
        chance = [
            seeds.stream(0, "hole", one) if isinstance(one, str) else seeds.stream(seed, "holes", int(one)) for one in wanted
        ]
        holes = np.empty((len(chance), 1, size, size), dtype=np.bool_)
        for start in range(0, len(chance), AT_ONCE):
            some = np.array(chance[start : start + AT_ONCE], dtype=np.uint64)
            drawn = self.holes(some, size)
            if drawn.shape != (len(some), size, size) or drawn.dtype != np.bool_:
                raise ValueError(f"{self.name} drew {drawn.dtype} {drawn.shape}, not bool {(len(some), size, size)}")
            holes[start : start + AT_ONCE, 0] = drawn
        return holes
