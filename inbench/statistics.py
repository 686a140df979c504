"""Uncertainty: a bootstrap over images (or groups) for one training, a t-interval over several."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inbench.records import MSE_FLOOR

RESAMPLES = 1000
LEVEL = 0.95


@functools.lru_cache(maxsize=8)
def weights(owners: tuple[int, ...]) -> NDArray[np.float64]:
    """How often each image stands in each resample: [1000, n], whole groups drawn together, the same draws every time."""
    groups, place = np.unique(np.array(owners), return_inverse=True)
    chance = np.random.Generator(np.random.Philox(20261122))
    draws = chance.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=RESAMPLES)
    return draws[:, place].astype(np.float64)


def bootstrap(values: NDArray[np.float64], owners: Sequence[int], *, reduce: str = "mean") -> tuple[float, float, float]:
    """Value, low and high (95 % percentile bootstrap) of one column; images without a value are left out."""
    held = np.isfinite(values)
    values, owners = values[held], [owner for owner, kept in zip(owners, held, strict=True) if kept]
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    drawn = weights(tuple(owners))
    resampled = reduced(drawn @ values / drawn.sum(1), reduce)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(reduced(values.mean(), reduce)), float(low), float(high)


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, low and high (95 % t-interval) of one number per training; at least two."""
    from scipy import special  # not scipy.stats, which takes a third of a second to import

    found = np.array(values, dtype=np.float64)
    half = special.stdtrit(len(found) - 1, (1 + LEVEL) / 2) * found.std(ddof=1) / np.sqrt(len(found))
    return float(found.mean()), float(found.mean() - half), float(found.mean() + half)


def reduced(mean: NDArray[np.float64] | np.floating, reduce: str) -> NDArray[np.float64]:
    """A mean of per-image values as the metric states it: itself, or the PSNR of a mean squared error."""
    if reduce == "psnr":
        return -10 * np.log10(np.maximum(mean, MSE_FLOOR))
    return np.asarray(mean)
