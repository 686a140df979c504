"""diamond-hole: a square on its corner, somewhere in the picture; put your rule in its place."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from inbench import Mask, hookimpl, param, unit

INBENCH_API = 1  # the version of the hooks that this was written for


class DiamondHole(Mask):
    name = "diamond-hole"
    summary = "a square on its corner, half the side across unless told, at a random place"

    @dataclasses.dataclass(frozen=True)
    class Params:
        parts: int = param(4, "from its middle to its corner, as a part of the side", low=2, high=16)

    def holes(self, seeds: NDArray[np.uint64], size: int) -> NDArray[np.bool_]:
        """One seed a hole and no other chance, so that an image has the same hole in every run: [n] -> [n, S, S]."""
        radius = size // self.params.parts
        row, column = (unit(seeds, 2) * (size - 2 * radius + 1)).astype(np.int64).T[..., None, None] + radius
        rows, columns = np.indices((size, size))
        hole: NDArray[np.bool_] = abs(rows - row) + abs(columns - column) < radius
        return hole


@hookimpl
def inbench_masks() -> list[type[Mask]]:
    return [DiamondHole]
