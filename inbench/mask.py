"""A Mask is the rule that draws holes; a hole is a bool array in which True is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from inbench import seeds
from inbench.params import NoParams

Holes = NDArray[np.bool_]


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

    def draw(self, of: Sequence[str] | int, size: int, seed: int = 0) -> Holes:
        """Holes `[n, 1, S, S]` bool: for ids by the id alone (scoring), for a count by the seed (training)."""
        if isinstance(of, int):
            chance = np.array([seeds.stream(seed, "holes", place) for place in range(of)], dtype=np.uint64)
        else:
            chance = seeds.of_ids(of, "hole")
        holes = self.holes(chance, size)
        if holes.shape != (len(chance), size, size) or holes.dtype != np.bool_:
            raise ValueError(f"{self.name} drew {holes.dtype} {holes.shape}, not bool {(len(chance), size, size)}")
        return holes[:, None]
