"""Chart lines: the losses and the validation of each training, thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inbench.readers.curves import losses_of
from inbench.readers.naming import set_names
from inbench.words.records import Record

MOST = 160
"""Points of a line: more than that are means of neighbours."""

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Training:
    """One training that learned in steps: validation psnr, and each of its losses, by step."""

    dataset: str
    size: str
    train_mask: str
    budget: str
    method: str
    seed: int
    steps: int
    validation: Points
    losses: dict[str, Points]


def trainings(found: Sequence[Record]) -> list[Training]:
    """Those of some records that were watched while they learned."""
    watched = [record for record in found if record.status == "ok" and record.told["run"]["steps"] and validation(record)]
    names = set_names(found)
    return [_training(record, names[record.key]) for record in watched]


def validation(record: Record) -> Points:
    """What was watched, by step."""
    return [(row["step"], row["psnr"]) for row in record.told["validation"]]


def _training(record: Record, dataset: str) -> Training:
    run, labels = record.told["run"], record.told["labels"]
    return Training(
        dataset,
        str(run["size"]),
        labels["train_mask"] or "-",
        labels["budget"],
        labels["method"],
        run["seed"],
        run["steps"],
        validation(record),
        {
            name: thinned(list(zip(steps.tolist(), values.tolist(), strict=True)))
            for name, (steps, values) in losses_of(record).items()
        },
    )


def thinned(points: Points) -> Points:
    """Means of neighbours, so that no more than MOST are left."""
    if len(points) <= MOST:
        return points
    parts = np.array_split(np.array(points), MOST)
    return [(round(float(part[:, 0].mean()), 1), float(f"{part[:, 1].mean():.5g}")) for part in parts]
