"""Curves: how a training went, from its record: loss, how much it swings beside its own level, and validation psnr."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inbench.words import records
from inbench.words.records import Record

Values = NDArray[np.float64]
LAST = 0.2
"""Of the steps: where a level and a swing are taken, as the protocol takes the last fifth to judge convergence."""
WINDOW = 0.05
"""Of the steps: how wide a window a running level and swing are taken over; at least `LEAST` steps."""
LEAST = 9
LARGEST = float(np.finfo(np.float32).max)
"""Of a loss, which is a float32; what is larger is damage."""
SWING = "half the distance from the 5th to the 95th percentile of the loss, over its median"


@dataclass(frozen=True)
class Curve:
    """A training: steps, the loss of each, and validation psnr in dB where it was watched; name: what the loss is called."""

    name: str
    steps: Values
    loss: Values
    watched: Values
    psnr: Values

    @property
    def window(self) -> int:
        return max(LEAST, round(len(self.steps) * WINDOW)) | 1

    def running(self) -> tuple[Values, Values]:
        """The median of the loss in a window around each step, and its relative swing there; NaN where half a window is cut."""
        rolled = pd.Series(self.loss).rolling(self.window, center=True, min_periods=self.window // 2 + 1)
        low, level, high = (rolled.quantile(share).to_numpy(np.float64) for share in (0.05, 0.5, 0.95))
        return level, _over(high - low, level)

    def last(self) -> tuple[float, float]:
        """The level and the relative swing of the last fifth of the steps."""
        late = self.loss[-max(1, round(len(self.loss) * LAST)) :]
        low, level, high = np.quantile(late, [0.05, 0.5, 0.95])
        return float(level), float(_over(np.array(high - low), np.array(level)))


def _over(spread: Values, level: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Values = spread / 2 / np.abs(level)
    return found


def losses_of(record: Record) -> dict[str, tuple[Values, Values]]:
    """The steps and the values of each loss of a training, by name; empty where its curve was not kept or cannot be read."""
    try:
        reader = csv.DictReader(io.StringIO(record.text(records.CURVE).decode()))
        names = [name for name in reader.fieldnames or [] if name not in ("step", "val_psnr")]
        table = list(reader)
        found = {
            name: np.array([(row["step"], row[name]) for row in table if row[name]], dtype=np.float64).reshape(-1, 2).T
            for name in names
        }
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    held = {name: points[:, (np.abs(points) <= LARGEST).all(0)] for name, points in found.items()}
    return {name: (points[0], points[1]) for name, points in held.items() if points.size}


def curve_of(record: Record) -> Curve | None:
    """The curve of a record; None where nothing was learned step by step."""
    losses = losses_of(record)
    if not losses:
        return None
    name = "loss" if "loss" in losses else next(iter(losses))
    watched = record.told["validation"]
    return Curve(
        name,
        *losses[name],
        np.array([float(one["step"]) for one in watched]),
        np.array([float(one["psnr"]) for one in watched]),
    )
