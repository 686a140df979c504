"""The built-in masks: rules of Yeh et al. 2017 (CVPR) and of the papers since."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from inbench.errors import UserError
from inbench.hookspecs import hookimpl
from inbench.mask import Holes, Mask
from inbench.params import param
from inbench.seeds import Seeds, bits, unit


class Center(Mask):
    """A square in the middle, half the side unless told: rows and columns 16..47 at 64."""

    name = "center"
    summary = "a square in the middle, half the side unless told"

    @dataclasses.dataclass(frozen=True)
    class Params:
        side: int | None = param(None, "pixels a side of the hole; none: half the image", low=1)

    @classmethod
    def settle(cls, params: Any, size: int) -> Any:
        side = params.side if params.side is not None else size // 2
        if side > size:
            raise UserError(f"center[side={side}] is larger than the image; at size {size} the side is at most {size}")
        return cls.Params(side=side)

    def holes(self, seeds: Seeds, size: int) -> Holes:
        side = self.params.side
        first = (size - side) // 2
        hole = np.zeros((len(seeds), size, size), dtype=np.bool_)
        hole[:, first : first + side, first : first + side] = True
        return hole


class Half(Mask):
    """One half of the image, which one by chance (Yeh et al. 2017)."""

    name = "half"
    summary = "one half of the image: top, bottom, left or right"

    @dataclasses.dataclass(frozen=True)
    class Params:
        part: Literal["any", "top", "bottom", "left", "right"] = param("any", "which half; any: by the image's id")

    def holes(self, seeds: Seeds, size: int) -> Holes:
        parts = ("top", "bottom", "left", "right")
        rows, columns = np.indices((size, size))
        halves = np.stack([rows < size // 2, rows >= size // 2, columns < size // 2, columns >= size // 2])
        if self.params.part == "any":
            chosen = (bits(seeds, 1)[:, 0] >> np.uint64(62)).astype(np.int64)
        else:
            chosen = np.full(len(seeds), parts.index(self.params.part))
        return halves[chosen]


class Random80(Mask):
    """Each pixel missing with probability 0.8 (Yeh et al. 2017)."""

    name = "random80"
    summary = "each pixel missing with probability 0.8"

    def holes(self, seeds: Seeds, size: int) -> Holes:
        return (unit(seeds, size * size) < 0.8).reshape(len(seeds), size, size)


class Pattern25(Mask):
    """Smooth blobs over a quarter of the image: coarse noise, scaled up, cut at its quarter (after Pathak et al. 2016)."""

    name = "pattern25"
    summary = "smooth random blobs over a quarter of the image"

    def holes(self, seeds: Seeds, size: int) -> Holes:
        cells = 8
        noise = unit(seeds, (cells + 1) ** 2).reshape(len(seeds), cells + 1, cells + 1)
        place = (np.arange(size) + 0.5) * cells / size
        low = place.astype(np.int64)
        share = place - low
        rows = noise[:, low] * (1 - share)[None, :, None] + noise[:, low + 1] * share[None, :, None]
        field = rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
        rank = np.argsort(field.reshape(len(seeds), -1), axis=1, kind="stable")
        hole = np.zeros((len(seeds), size * size), dtype=np.bool_)
        np.put_along_axis(hole, rank[:, : size * size // 4], True, axis=1)
        return hole.reshape(len(seeds), size, size)


@hookimpl
def inbench_masks() -> list[type[Mask]]:
    return [Center, Half, Random80, Pattern25]
