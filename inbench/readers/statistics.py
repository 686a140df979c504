"""Uncertainty: of one training over images (or groups), by a bootstrap; of several over both, by Student's t."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inbench.words.protocol import MSE_FLOOR

RESAMPLES = 1000
LEVEL = 0.95
FEW_GROUPS = 8
POWER = 0.8
"""How often a difference is told from nothing by those who are said to be able to."""
BLOCK = 100
"""Resamples at a time, so that their weights as float64 stay small beside what they weigh."""
MOST_SEEDS = 1000
LEAST_CHANCE = -200.0
"""The logarithm of the least p that is told apart from 0."""


@functools.lru_cache(maxsize=8)
def weights(owners: tuple[int, ...]) -> NDArray[np.uint8]:
    """How often each image stands in each resample: [1000, n], whole groups drawn together, the same draws every time."""
    groups, place = np.unique(np.array(owners), return_inverse=True)
    chance = np.random.Generator(np.random.Philox(20261122))
    draws = chance.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=RESAMPLES)
    return draws.astype(np.uint8)[:, place]


def resampled(values: NDArray[np.float64], owners: Sequence[int]) -> NDArray[np.float64]:
    """The mean of every column in every resample, from one matrix of weights: [n, k] -> [1000, k]."""
    drawn = weights(tuple(owners))
    total = drawn.sum(1, dtype=np.float64)[:, None]
    blocks = [drawn[start : start + BLOCK].astype(np.float64) @ values for start in range(0, RESAMPLES, BLOCK)]
    found: NDArray[np.float64] = np.concatenate(blocks) / total
    return found


def stretch(groups: int) -> float:
    """By how much percentiles of a bootstrap fall short of the spread of so many groups, two or more.

    They are as narrow as if the spread of a few were that of all. Student's t in place of the normal, and this, mend it: the
    expanded percentiles of Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015.
    """
    return math.sqrt(groups / (groups - 1))


Interval = tuple[float, float, float]
NOTHING = (float("nan"), float("nan"), float("nan"))


def bootstraps(values: NDArray[np.float64], owners: Sequence[int], reduces: Sequence[str]) -> list[Interval]:
    """Value, low and high (95 %, expanded percentiles) of every column of [n, k]; images without a value are left out."""
    whole = [bool(len(values)) and bool(np.isfinite(column).all()) for column in values.T]
    found: list[Interval] = [NOTHING] * len(reduces)
    for name in dict.fromkeys(reduces):
        mine = [place for place, reduce in enumerate(reduces) if reduce == name and whole[place]]
        if mine:
            means, drawn = reduced(values[:, mine].mean(0), name), reduced(resampled(values[:, mine], owners), name)
            ends = _ends(means, drawn, len(set(owners)))
            for place, *interval in zip(mine, means, *ends, strict=True):
                found[place] = (float(interval[0]), float(interval[1]), float(interval[2]))
    for place in range(len(reduces)):
        held = np.isfinite(values[:, place])
        if not whole[place] and held.any():
            found[place] = bootstrap(values[held, place], np.asarray(owners)[held].tolist(), reduce=reduces[place])
    return found


def bootstrap(values: NDArray[np.float64], owners: Sequence[int], *, reduce: str = "mean") -> Interval:
    """The same of one column."""
    return bootstraps(values[:, None], owners, [reduce])[0]


def _ends(value: NDArray[np.float64], drawn: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """The ends of the interval of so many groups, from their resamples; of one alone nothing is known.

    Of few groups a thousand resamples do not reach so far out as Student's t does, which then takes their spread alone.
    """
    from scipy import special  # not scipy.stats, which takes a third of a second to import

    if groups < 2:
        return np.full((2, *drawn.shape[1:]), np.nan)
    out = special.stdtrit(groups - 1, (1 - LEVEL) / 2) * stretch(groups)
    if groups < FEW_GROUPS:
        return np.stack([value + out * drawn.std(0), value - out * drawn.std(0)])
    found: NDArray[np.float64] = np.quantile(drawn, [special.ndtr(out), special.ndtr(-out)], axis=0)
    return found


@dataclass(frozen=True)
class Error:
    """A squared standard error, and on how many degrees of freedom it is known."""

    squared: float
    freedom: float


NO_ERROR = Error(0.0, math.inf)
UNKNOWN = Error(math.nan, 1.0)


def half_width(parts: Sequence[Error], chance: float = 1 - LEVEL, *more: float) -> float:
    """Half the interval that leaves out so much chance: the root of the sum of the squares of what each part alone has.

    For independent parts; Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27,
    2008. Degrees of freedom put together after Satterthwaite are too many where one part has two. more: tails whose quantiles
    are added.
    """
    from scipy import special

    tails = (chance / 2, *more)
    return math.sqrt(sum(part.squared * sum(special.stdtrit(part.freedom, tail) for tail in tails) ** 2 for part in parts))


def chance_of(value: float, parts: Sequence[Error]) -> float:
    """The chance of a value so far from 0 where it is 0: how much the interval that ends there leaves out."""
    if not all(map(math.isfinite, (value, *(part.squared for part in parts)))):
        return math.nan
    if not any(part.squared for part in parts):
        return 1.0 if value == 0 else 0.0
    low, high = LEAST_CHANCE, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if half_width(parts, math.exp(middle)) > abs(value) else (low, middle)
    return math.exp(high)


def over_images(
    trainings: Sequence[NDArray[np.float64]], weigh: Sequence[float], owners: Sequence[int], reduces: Sequence[str]
) -> list[Error]:
    """How far other images would move what some trainings come to together, by every metric (bootstrap).

    trainings: the per-image values of each, [n, k], all of the same images, of which those without a value in one training are
    left out; of one group alone the error is not known. weigh: what each counts: 1 / 3 for a mean of three, and -1 / 2 for the
    mean of two that is taken from it.
    """
    values, count = np.stack(trainings, axis=2), len(trainings)  # [n, k, trainings]
    whole = [bool(np.isfinite(column).all()) for column in values.transpose(1, 0, 2)]
    drawn = resampled(values[:, whole].reshape(len(values), sum(whole) * count), owners)  # all that have every value, at once
    together = iter(drawn.reshape(RESAMPLES, sum(whole), count).swapaxes(0, 1))
    found = []
    for place, reduce in enumerate(reduces):
        held = np.isfinite(values[:, place]).all(1)
        mine = np.asarray(owners)[held].tolist()
        groups = len(set(mine))
        if groups < 2:
            found.append(UNKNOWN)
            continue
        means = next(together) if whole[place] else resampled(values[held, place], mine)
        found.append(Error(float((reduced(means, reduce) @ np.array(weigh)).var()) * stretch(groups) ** 2, groups - 1))
    return found


def over_seeds(values: Sequence[float], images: Error = NO_ERROR) -> Interval:
    """Mean, low and high (95 %, Student's t) of one number per training, at least two; images: what the choice of them adds.

    Another training and other images would both move the mean, each by itself; what is peculiar to a training on an image is
    in both parts, so that the interval is rather too wide.
    """
    found = np.array(values, dtype=np.float64)
    half = half_width([Error(float(found.var(ddof=1)) / len(found), len(found) - 1), images])
    return float(found.mean()), float(found.mean() - half), float(found.mean() + half)


@dataclass(frozen=True)
class Difference:
    """One minus the other, its 95 % interval, and the chance of one as large where there is none (two-sided)."""

    value: float
    low: float
    high: float
    p: float

    def within(self, margin: float) -> bool:
        """Whether the whole interval lies within a margin on both sides of 0."""
        return -margin < self.low and self.high < margin


def paired(one: NDArray[np.float64], other: NDArray[np.float64], owners: Sequence[int], *, reduce: str = "mean") -> Difference:
    """A difference on the same images: both are drawn together, so that what is hard for both does not count.

    one, other: per-image values, [n]; images that one of them lacks are left out. p is the smallest level at which the
    interval leaves 0 out; where no resample crosses 0, Student's t on their spread tells it, so that many claims can be held
    together. Of one group there is no interval, and no p.
    """
    held = np.isfinite(one) & np.isfinite(other)
    if not held.any():
        return Difference(*NOTHING, float("nan"))
    values, mine = np.stack([one[held], other[held]], axis=1), np.asarray(owners)[held].tolist()
    means, drawn = reduced(values.mean(0), reduce), reduced(resampled(values, mine), reduce)
    drawn, groups = drawn[:, 0] - drawn[:, 1], len(set(mine))
    value = means[0] - means[1]
    low, high = _ends(value, drawn, groups)
    return Difference(float(value), float(low), float(high), _chance(float(value), drawn, groups))


def _chance(value: float, drawn: NDArray[np.float64], groups: int) -> float:
    """The chance of such a difference where there is none: the level at which its resamples, drawn so far out, leave 0 out."""
    from scipy import special

    if groups < 2:
        return math.nan
    spread, crossing = float(drawn.std()) * stretch(groups), min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    by_spread = -abs(value) / spread if spread else -math.inf if value else 0.0
    by_count = special.ndtri(min((crossing + 1) / (RESAMPLES + 1), 0.5)) / stretch(groups)
    out = by_spread if groups < FEW_GROUPS else by_count if crossing else min(by_count, by_spread)
    return float(2 * special.stdtr(groups - 1, out))


def between_seeds(
    one: Sequence[float],
    other: Sequence[float],
    images: Error = NO_ERROR,
    *,
    fixed: tuple[bool, bool] = (False, False),
) -> Difference:
    """A difference of trainings over the seeds' means, at least two of them on one side; images: what their choice adds.

    Several on both sides: Welch's t. A single training beside several is taken to vary as they do: Student's t with their
    spread, as Crawford and Howell (1998) compare one case with a sample. fixed: that side learns in closed form or not at all;
    it has the spread of its own values, and a single one has none.
    """
    sides = [np.array(values, dtype=np.float64) for values in (one, other)]
    value = float(sides[0].mean() - sides[1].mean())
    variances = [
        side.var(ddof=1) if len(side) > 1 else 0.0 if still else None for side, still in zip(sides, fixed, strict=True)
    ]
    known = next((variance for variance in variances if variance), 0.0)
    spread = [(known if variance is None else variance) / len(side) for side, variance in zip(sides, variances, strict=True)]
    told = [(part, len(side)) for part, side in zip(spread, sides, strict=True) if len(side) > 1]
    freedom = sum(part**2 / (count - 1) for part, count in told)
    parts = [Error(sum(spread), sum(part for part, _ in told) ** 2 / freedom if freedom else math.inf), images]
    half = half_width(parts)
    return Difference(value, value - half, value + half, chance_of(value, parts))


def farther_from_zero(apart: Difference, together: Difference) -> Difference:
    """|one| less |other|, from one less other and from one and other together: which side of 0 each lies on need not be known.

    Below 0 where the first is nearer to it. The interval is all that the two intervals allow, and p the larger one, for each of
    them has to leave 0 out.
    """

    def less(one: float, other: float) -> float:
        return math.copysign(min(abs(one), abs(other)), one * other)

    corners = [less(one, other) for one in (apart.low, apart.high) for other in (together.low, together.high)]
    value, chances = less(apart.value, together.value), (apart.p, together.p)
    if not all(map(math.isfinite, (*corners, *chances))):
        return Difference(value, math.nan, math.nan, math.nan)
    return Difference(value, min(corners), max(corners), max(chances))


def holm(chances: Sequence[float]) -> list[float]:
    """The chances of several claims made together, so adjusted that the chance of one false claim stays at its level."""
    order = np.argsort(chances, kind="stable")
    found, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        found[place] = least
    return found


def separable(sd: float, images: Error, seeds: int) -> float:
    """The least difference that so many seeds each, two or more, tell from nothing at `POWER`.

    sd: by which trainings differ; images: what the choice of them adds, which no number of seeds takes away.
    """
    return half_width([Error(2 * sd**2 / seeds, 2 * seeds - 2), images], 1 - LEVEL, 1 - POWER)


def seeds_for(sd: float, images: Error, difference: float) -> int | None:
    """How many seeds each tell that difference from nothing; None where a thousand cannot."""
    counts = range(2, MOST_SEEDS + 1)
    return next((count for count in counts if separable(sd, images, count) <= difference), None)


def reduced(mean: NDArray[np.float64] | np.floating, reduce: str) -> NDArray[np.float64]:
    """A mean of per-image values as the metric states it: itself, or the PSNR of a mean squared error."""
    if reduce == "psnr":
        return -10 * np.log10(np.maximum(mean, MSE_FLOOR))
    return np.asarray(mean)
