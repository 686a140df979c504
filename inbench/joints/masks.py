"""The built-in masks: the rules of Yeh et al. (CVPR 2017), of LaMa (Suvorov et al., WACV 2022), and of irregular test sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from inbench.joints import strokes
from inbench.joints.hookspecs import hookimpl
from inbench.joints.strokes import whole
from inbench.words.errors import UserError
from inbench.words.mask import Holes, Mask
from inbench.words.params import param, required
from inbench.words.seeds import Seeds, bits, unit

Counts = NDArray[np.int64]


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
        return smallest(field, np.full(len(seeds), size * size // 4))


def smallest(field: NDArray[np.floating[Any]], count: Counts) -> Holes:
    """The `count` [n] pixels of each field [n, S, S] that have the smallest values; of equal ones the first."""
    flat = field.reshape(len(field), field.shape[1] * field.shape[2])
    last = np.take_along_axis(np.sort(flat, axis=1), count[:, None] - 1, axis=1)
    below, equal = flat < last, flat == last
    left = count - np.count_nonzero(below, axis=1)
    holes: Holes = (below | (equal & (np.cumsum(equal, axis=1) <= left[:, None]))).reshape(field.shape)
    return holes


class Box(Mask):
    """One rectangle of random size at a random place: what the paper names as its limit."""

    name = "box"
    summary = "a rectangle of random size at a random place"

    @dataclasses.dataclass(frozen=True)
    class Params:
        least: int | None = param(None, "fewest pixels a side; none: a quarter of the image", low=1)
        most: int | None = param(None, "most pixels a side; none: five eighths of the image", low=1)

    @classmethod
    def settle(cls, params: Any, size: int) -> Any:
        least = params.least if params.least is not None else min(size // 4, params.most or size)
        most = params.most if params.most is not None else max(5 * size // 8, least)
        if not least <= most <= size:
            raise UserError(f"box[least={least},most={most}] does not fit; at size {size}, 1 <= least <= most <= {size}")
        return cls.Params(least=least, most=most)

    def holes(self, seeds: Seeds, size: int) -> Holes:
        chance, spread = unit(seeds, 4), self.params.most - self.params.least + 1
        sides = self.params.least + whole(chance[:, :2], spread)
        return rectangles(whole(chance[:, 2:], size - sides + 1), sides, size)


def rectangles(first: Counts, sides: Counts, size: int) -> Holes:
    """Holes [n, S, S] of one rectangle each: first row and column [n, 2], height and width [n, 2]."""
    place = np.arange(size)
    within = (place >= first[..., None]) & (place < (first + sides)[..., None])  # [n, 2, S]
    return within[:, 0, :, None] & within[:, 1, None, :]


class Lama(Mask):
    """The kind of hole that LaMa is tested on, scaled with the image from 256: strokes, at times rectangles instead.

    A hole that is empty or covers more than half of the image is drawn again, as the released generator does.
    """

    strokes: ClassVar[tuple[int, int]]
    length: ClassVar[int]
    width: ClassVar[int]
    boxes: ClassVar[tuple[int, int] | None] = None
    box_sides: ClassVar[tuple[int, int]] = (0, 0)
    margin: ClassVar[int] = 0
    box_share: ClassVar[float] = 3 / 13  # LaMa weighs boxes by 0.3 and strokes by 1
    tries: ClassVar[int] = 20
    most_missing: ClassVar[float] = 0.5

    def holes(self, seeds: Seeds, size: int) -> Holes:
        holes = np.ones((len(seeds), size, size), dtype=np.bool_)
        wrong = np.arange(len(seeds))
        for attempt in range(self.tries):
            fresh = self.attempt(seeds[wrong], size, attempt)
            smaller = (fresh.sum((1, 2)) < holes[wrong].sum((1, 2))) & fresh.any((1, 2))
            holes[wrong[smaller]] = fresh[smaller]
            wrong = wrong[holes[wrong].mean((1, 2)) > self.most_missing]
            if not len(wrong):
                break
        return holes

    def attempt(self, seeds: Seeds, size: int, attempt: int) -> Holes:
        walks = strokes.walks(seeds, size, strokes=self.strokes, length=self.length, width=self.width, purpose=2 * attempt)
        holes = strokes.drawn(walks, len(seeds), size)
        if self.boxes is not None:
            chosen = unit(seeds, 1, purpose=2 * attempt + 1)[:, 0] < self.box_share
            holes[chosen] = self.boxed(seeds[chosen], size, self.boxes, purpose=2 * attempt + 1)
        return holes

    def boxed(self, seeds: Seeds, size: int, boxes: tuple[int, int], purpose: int) -> Holes:
        fewest, most = boxes
        chance = unit(seeds, 2 + 4 * most, purpose=purpose)[:, 1:]
        count, chance = fewest + whole(chance[:, 0], most - fewest + 1), chance[:, 1:].reshape(len(seeds), most, 4)
        low, high, margin = (length * size // strokes.FRAME for length in (*self.box_sides, self.margin))
        holes = np.zeros((len(seeds), size, size), dtype=np.bool_)
        for place in range(most):
            sides = low + whole(chance[:, place, :2], high - low)
            first = margin + whole(chance[:, place, 2:], size - 2 * margin - sides + 1)
            holes |= rectangles(first, sides, size) & (place < count)[:, None, None]
        return holes


class Thin(Lama):
    name = "thin"
    summary = "4 to 50 short thin strokes (after LaMa)"
    strokes, length, width = (4, 50), 40, 10


class Medium(Lama):
    name = "medium"
    summary = "4 or 5 strokes of medium width, at times up to 5 small rectangles instead (after LaMa)"
    strokes, length, width = (4, 5), 100, 50
    boxes, box_sides = (1, 5), (10, 50)


class Thick(Lama):
    name = "thick"
    summary = "1 to 5 long wide strokes, at times up to 3 rectangles instead (after LaMa)"
    strokes, length, width = (1, 5), 200, 100
    boxes, box_sides, margin = (1, 3), (30, 150), 10


class Brush(Mask):
    """Brush strokes widened until they cover the share of the image that was drawn from `ratio`: exact to the pixel.

    The six bins are those that irregular holes have been reported in since Liu et al. 2018 (ECCV).
    """

    name = "brush"
    summary = "brush strokes over a share of the image, in the six usual hole-ratio bins"

    @dataclasses.dataclass(frozen=True)
    class Params:
        ratio: Literal["0-60", "0-10", "10-20", "20-30", "30-40", "40-50", "50-60"] = param(
            "0-60", "share of the image that is missing, in percent: above the first number, at most the second"
        )

    def holes(self, seeds: Seeds, size: int) -> Holes:
        low, high = (int(percent) * size * size // 100 for percent in self.params.ratio.split("-"))
        missing = low + 1 + whole(unit(seeds, 1, purpose=1)[:, 0], high - low)
        walks = strokes.walks(seeds, size, strokes=(1, 4), length=120, width=16)
        return smallest(strokes.nearness(walks, len(seeds), size), missing)


class Mix(Mask):
    """One of several masks for each hole, by chance: for training on all of them at once."""

    name = "mix"
    summary = "one of several masks for each hole, for training: mix(center,half)"
    training_only = True

    @dataclasses.dataclass(frozen=True)
    class Params:
        of: str = required("the masks to choose from, written mix(center,half)")

    def __init__(self, params: Any, members: Sequence[Mask]) -> None:
        super().__init__(params)
        self.members = tuple(members)
        self.depth = 0
        self.sink()

    def sink(self) -> None:
        """A mixture within this one lies deeper than this one: each depth chooses by chance of its own."""
        for member in self.members:
            if isinstance(member, Mix):
                member.depth = self.depth + 1
                member.sink()

    def holes(self, seeds: Seeds, size: int) -> Holes:
        chosen = whole(unit(seeds, 1, purpose=1000 + self.depth)[:, 0], len(self.members))
        holes = np.zeros((len(seeds), size, size), dtype=np.bool_)
        for place, member in enumerate(self.members):
            holes[chosen == place] = member.holes(seeds[chosen == place], size)
        return holes


@hookimpl
def inbench_masks() -> list[type[Mask]]:
    return [Center, Half, Random80, Pattern25, Box, Thin, Medium, Thick, Brush, Mix]
