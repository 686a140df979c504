"""Differences: of two methods on the same images by every metric, over trainings where several differ, else over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench.readers import statistics
from inbench.readers.scored import Scored
from inbench.readers.statistics import Difference, Error
from inbench.words.records import Record

Metrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Trainings:
    """Those of one method: per-image values, [n, k] each, and what each came to by each of the k metrics.

    closed: nothing was learned, or in closed form: another training gives the same, or all but the same. Networks that were
    trained elsewhere are one training: another seed would change them too.
    """

    values: list[NDArray[np.float64]]
    means: list[list[float]]
    closed: bool

    @property
    def alone(self) -> bool:
        """Whether it is a single one that another seed would change."""
        return len(self.values) == 1 and not self.closed

    @property
    def differ(self) -> bool:
        """Whether there are several, and not all alike."""
        return any(not np.array_equal(one, self.means[0], equal_nan=True) for one in self.means[1:])

    def by(self, places: Sequence[int], sign: float = 1.0) -> Trainings:
        """By some metrics, each times a sign."""
        values = [sign * found[:, places] for found in self.values]
        return Trainings(values, [[sign * one[place] for place in places] for one in self.means], self.closed)


def trainings_of(scored: Scored, same: Sequence[Record], metrics: Metrics) -> tuple[Trainings, list[int]]:
    """Some trainings of one method, and to which group each image belongs."""
    columns = [scored.columns(record, metrics) for record in same]
    closed = all(map(_is_closed, same))
    means = [[scored.mean(record, name) for name in metrics] for record in same]
    return Trainings([values for values, _ in columns], means, closed), columns[0][1]


def _is_closed(record: Record) -> bool:
    if record.told["run"]["seed"] is not None:
        return bool(record.told["labels"]["any_budget"])
    return not record.told.get("external") and not record.told["costs"].get("parameters")  # it brings no weights of others


def over_trainings(one: Trainings, other: Trainings) -> bool:
    """Whether a difference is over trainings: several of one side differ, and a single learner has some beside it to vary as.

    How a closed form varies, by the order of its pictures, says nothing of a learner.
    """
    return any(side.differ and not (side.closed and beside.alone) for side, beside in ((one, other), (other, one)))


def differences(
    one: Trainings, other: Trainings, owners: Sequence[int], metrics: Metrics
) -> tuple[dict[str, Difference], dict[str, Error]]:
    """The first less the second by every metric; where 0 is best, how much farther from 0 the first is.

    And what the choice of images adds to each difference of trainings: nothing of a difference that is over images.
    """
    reduces, several = [str(told["reduce"]) for told in metrics.values()], over_trainings(one, other)
    found, errors = _apart(one, other, owners, reduces, several)
    zero = [place for place, told in enumerate(metrics.values()) if told["better"] == "zero"]
    together, _ = _apart(one.by(zero), other.by(zero, -1), owners, [reduces[place] for place in zero], several)
    for place, sum_of_both in zip(zero, together, strict=True):
        found[place] = statistics.farther_from_zero(found[place], sum_of_both)
    return dict(zip(metrics, found, strict=True)), dict(zip(metrics, errors, strict=False))


def _apart(
    one: Trainings, other: Trainings, owners: Sequence[int], reduces: Sequence[str], several: bool
) -> tuple[list[Difference], list[Error]]:
    if not several:
        ours, theirs = (np.mean(side.values, axis=0) for side in (one, other))  # of several: all alike, or a closed form's
        return [
            statistics.paired(mine, yours, owners, reduce=reduce)
            for mine, yours, reduce in zip(ours.T, theirs.T, reduces, strict=True)
        ], []
    weigh = [1 / len(one.values)] * len(one.values) + [-1 / len(other.values)] * len(other.values)
    errors = statistics.over_images([*one.values, *other.values], weigh, owners, reduces)
    fixed = (one.closed, other.closed)
    sides = [list(zip(*side.means, strict=True)) for side in (one, other)]  # by metric
    return [
        statistics.between_seeds(mine, yours, error, fixed=fixed) for mine, yours, error in zip(*sides, errors, strict=True)
    ], errors
