"""Strokes: straight segments with a width, drawn into holes by + - * / and comparisons alone, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inbench.words.seeds import Seeds, unit

Numbers = NDArray[np.float32]
FRAME = 256
"""Strokes are laid out in a frame of 256 x 256, whatever the size of the image, and then scaled with it."""
SINES = (0.01, 0.846832, 0.905091, 0.131213, -0.01, -0.846832, -0.905091, -0.131213)
COSINES = (0.99995, 0.531861, -0.425219, -0.991354, 0.99995, 0.531861, -0.425219, -0.991354)
"""Of the eight directions that LaMa's strokes take: 0.01, 1.01, 2.01, 3.01 radians, and mirrored for every other stroke."""
JOINTS = 5
"""Most segments of one stroke."""
AT_ONCE = 2**21
"""Most distances worked out at once."""


@dataclass(frozen=True)
class Segments:
    """Segments of many holes: whose they are [m], ends [m] in pixels, half widths [m] in pixels."""

    hole: NDArray[np.int64]
    x0: Numbers
    y0: Numbers
    x1: Numbers
    y1: Numbers
    half: Numbers

    def __getitem__(self, some: slice | NDArray[np.int64]) -> Segments:
        return Segments(*(getattr(self, name)[some] for name in Segments.__dataclass_fields__))


def walks(seeds: Seeds, size: int, *, strokes: tuple[int, int], length: int, width: int, purpose: int = 0) -> Segments:
    """Strokes of up to five segments, as LaMa draws them: a start anywhere, then direction, length and width by chance.

    strokes: fewest and most; length, width: the spread of each in the frame of 256, above 10 and 5 (Suvorov et al.,
    Resolution-robust Large Mask Inpainting with Fourier Convolutions, WACV 2022; the released generator's ranges).
    """
    fewest, most = strokes
    chance = unit(seeds, 1 + most * (3 + 3 * JOINTS), purpose=purpose)
    count = fewest + whole(chance[:, 0], most - fewest + 1)
    chance = chance[:, 1:].reshape(len(seeds), most, 3 + 3 * JOINTS)
    x, y, joints = (whole(chance[..., place], below) for place, below in ((0, FRAME), (1, FRAME), (2, JOINTS)))
    drawn = np.arange(most) < count[:, None]
    mirrored = np.where(np.arange(most) % 2 == 0, 4, 0)
    sines, cosines = np.array(SINES), np.array(COSINES)
    found = []
    for joint in range(JOINTS):
        turn, far, wide = (chance[..., 3 + 3 * joint + place] for place in range(3))
        direction = whole(turn, 4) + mirrored
        reach = 10 + whole(far, length)
        to_x = np.clip((x + reach * sines[direction]).astype(np.int64), 0, FRAME)
        to_y = np.clip((y + reach * cosines[direction]).astype(np.int64), 0, FRAME)
        whose, stroke = np.nonzero(drawn & (joints >= joint))
        ends = [end[whose, stroke] for end in (x, y, to_x, to_y, 5 + whole(wide, width))]
        found.append([whose, *ends])
        x, y = to_x, to_y
    whose, x0, y0, x1, y1, wide = (np.concatenate(column) for column in zip(*found, strict=True))
    scale = np.float32(size / FRAME)
    x0, y0, x1, y1 = ((end.astype(np.float32) + np.float32(0.5)) * scale - np.float32(0.5) for end in (x0, y0, x1, y1))
    return Segments(whose, x0, y0, x1, y1, wide.astype(np.float32) * (scale / 2))


def whole(chance: NDArray[np.float64], below: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers from 0 to below `below`, from numbers in [0, 1)."""
    return (chance * below).astype(np.int64)


def drawn(segments: Segments, count: int, size: int) -> NDArray[np.bool_]:
    """Holes [count, S, S]: the pixels whose centre is within half a width of a segment. A window round each is looked at."""
    holes = np.zeros((count, size, size), dtype=np.bool_)
    reach_x, reach_y = (
        abs(one - other) + 2 * segments.half for one, other in ((segments.x0, segments.x1), (segments.y0, segments.y1))
    )
    wide = min(size, int(max(reach_x.max(initial=0), reach_y.max(initial=0))) + 2)
    some = max(1, AT_ONCE // wide**2)
    for start in range(0, len(segments.hole), some):
        here = segments[start : start + some]
        left, top = (
            np.clip(np.ceil(np.minimum(one, other) - here.half), 0, size - wide).astype(np.int64)
            for one, other in ((here.x0, here.x1), (here.y0, here.y1))
        )
        columns, rows = left[:, None] + np.arange(wide), top[:, None] + np.arange(wide)
        inside = squared_distance(here, columns.astype(np.float32), rows.astype(np.float32)) <= (here.half**2)[:, None, None]
        segment, row, column = np.nonzero(inside)
        holes[here.hole[segment], rows[segment, row], columns[segment, column]] = True
    return holes


def nearness(segments: Segments, count: int, size: int) -> Numbers:
    """How far each pixel is from the nearest segment of its hole, in half widths of that segment, squared: [count, S, S]."""
    segments = segments[np.argsort(segments.hole, kind="stable")]
    first = np.searchsorted(segments.hole, np.arange(count + 1))
    pixels = np.arange(size, dtype=np.float32)[None]
    found = np.empty((count, size, size), dtype=np.float32)
    some = max(1, AT_ONCE // (16 * size**2))
    for start in range(0, count, some):
        stop = min(start + some, count)
        here = segments[first[start] : first[stop]]
        away = squared_distance(here, pixels, pixels) / (here.half * here.half)[:, None, None]
        np.minimum.reduceat(away, first[start:stop] - first[start], axis=0, out=found[start:stop])
    return found


def squared_distance(segments: Segments, columns: Numbers, rows: Numbers) -> Numbers:
    """From each segment to the pixels at `columns` [m, K] and `rows` [m, L]: [m, L, K], in squared pixels."""
    dx, dy = segments.x1 - segments.x0, segments.y1 - segments.y0
    long = dx * dx + dy * dy
    x, y = columns - segments.x0[:, None], rows - segments.y0[:, None]
    along = (x * dx[:, None])[:, None, :] + (y * dy[:, None])[:, :, None]
    share = np.clip(along / np.where(long > 0, long, 1)[:, None, None], 0, 1)  # 0: beside the start, 1: beside the end
    away_x = x[:, None, :] - share * dx[:, None, None]
    away_y = y[:, :, None] - share * dy[:, None, None]
    found: Numbers = away_x * away_x + away_y * away_y
    return found
