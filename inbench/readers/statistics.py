"""Uncertainty: a bootstrap over images (or groups) for one training, a t-interval over several; differences likewise."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inbench.words.records import MSE_FLOOR

RESAMPLES = 1000
LEVEL = 0.95
POWER = 0.8
"""How often a difference is told from nothing by those who are said to be able to."""
BLOCK = 100
"""Resamples at a time, so that their weights as float64 stay small beside what they weigh."""
MOST_SEEDS = 1000


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


Interval = tuple[float, float, float]
NOTHING = (float("nan"), float("nan"), float("nan"))


def bootstraps(values: NDArray[np.float64], owners: Sequence[int], reduces: Sequence[str]) -> list[Interval]:
    """Value, low and high (95 % percentile bootstrap) of every column of [n, k]; images without a value are left out."""
    whole = [bool(len(values)) and bool(np.isfinite(column).all()) for column in values.T]
    found: list[Interval] = [NOTHING] * len(reduces)
    for name in dict.fromkeys(reduces):
        mine = [place for place, reduce in enumerate(reduces) if reduce == name and whole[place]]
        if mine:
            means, ends = reduced(values[:, mine].mean(0), name), _ends(reduced(resampled(values[:, mine], owners), name))
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


def _ends(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return found


def over_seeds(values: Sequence[float]) -> Interval:
    """Mean, low and high (95 % t-interval) of one number per training; at least two."""
    from scipy import special  # not scipy.stats, which takes a third of a second to import

    found = np.array(values, dtype=np.float64)
    half = special.stdtrit(len(found) - 1, (1 + LEVEL) / 2) * found.std(ddof=1) / np.sqrt(len(found))
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
    percentile interval leaves 0 out; where no resample crosses 0, that is under 2 / 1001, and the tail of Student's t tells it,
    so that many claims can be held together.
    """
    held = np.isfinite(one) & np.isfinite(other)
    if not held.any():
        return Difference(*NOTHING, float("nan"))
    values = np.stack([one[held], other[held]], axis=1)
    means, drawn = reduced(values.mean(0), reduce), reduced(resampled(values, np.asarray(owners)[held].tolist()), reduce)
    drawn = drawn[:, 0] - drawn[:, 1]
    low, high = _ends(drawn)
    value, tail = float(means[0] - means[1]), min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    chance = min(1.0, 2 * (tail + 1) / (RESAMPLES + 1))
    groups = len(set(np.asarray(owners)[held].tolist()))
    return Difference(value, float(low), float(high), chance if tail else min(chance, _far_tail(value, drawn, groups)))


def _far_tail(value: float, drawn: NDArray[np.float64], groups: int) -> float:
    """The chance of a difference so far from 0 that no resample crosses it, from the spread of the resamples."""
    from scipy import special

    spread = float(drawn.std())
    return float(2 * special.stdtr(groups - 1, -abs(value) / spread)) if groups > 1 and spread else 1.0


def between_seeds(one: Sequence[float], other: Sequence[float], *, fixed: tuple[bool, bool] = (False, False)) -> Difference:
    """A difference of trainings over the seeds' means, at least two of them on one side.

    Several on both sides: Welch's t. A single training beside several is taken to vary as they do: Student's t with their
    spread, as Crawford and Howell (1998) compare one case with a sample. fixed: that side learns in closed form or not at all;
    it has the spread of its own values, and a single one has none.
    """
    from scipy import stats

    sides = [np.array(values, dtype=np.float64) for values in (one, other)]
    value = float(sides[0].mean() - sides[1].mean())
    variances = [
        side.var(ddof=1) if len(side) > 1 else 0.0 if still else None for side, still in zip(sides, fixed, strict=True)
    ]
    known = next((variance for variance in variances if variance), 0.0)
    spread = [(known if variance is None else variance) / len(side) for side, variance in zip(sides, variances, strict=True)]
    error = float(np.sqrt(sum(spread)))
    if error == 0:
        return Difference(value, value, value, 1.0 if value == 0 else 0.0)
    told = [(part, len(side)) for part, side in zip(spread, sides, strict=True) if len(side) > 1]
    freedom = sum(part for part, _ in told) ** 2 / sum(part**2 / (count - 1) for part, count in told)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Difference(value, value - half, value + half, float(2 * stats.t.sf(abs(value) / error, freedom)))


def holm(chances: Sequence[float]) -> list[float]:
    """The chances of several claims made together, so adjusted that the chance of one false claim stays at its level."""
    order = np.argsort(chances, kind="stable")
    found, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        found[place] = least
    return found


def separable(sd: float, seeds: int) -> float:
    """The least difference that so many seeds each, two or more, tell from nothing at `POWER`; trainings differ by `sd`."""
    from scipy import stats

    freedom = 2 * seeds - 2
    return float((stats.t.ppf((1 + LEVEL) / 2, freedom) + stats.t.ppf(POWER, freedom)) * sd * np.sqrt(2 / seeds))


def seeds_for(sd: float, difference: float) -> int | None:
    """How many seeds each tell that difference from nothing; None where a thousand cannot."""
    counts = range(2, MOST_SEEDS + 1)
    return next((count for count in counts if separable(sd, count) <= difference), None)


def reduced(mean: NDArray[np.float64] | np.floating, reduce: str) -> NDArray[np.float64]:
    """A mean of per-image values as the metric states it: itself, or the PSNR of a mean squared error."""
    if reduce == "psnr":
        return -10 * np.log10(np.maximum(mean, MSE_FLOOR))
    return np.asarray(mean)
