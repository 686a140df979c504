"""Scored: the per-image scores of one section, on the pictures that all its records share, and their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench.readers import counting, statistics
from inbench.readers.sections import Section
from inbench.words.records import Record


def entry_of(record: Record, mask: str) -> tuple[str, dict[str, Any]] | None:
    """The scores on a mask by its shown form."""
    return next(
        ((name, entry) for name, entry in record.scores.items() if entry["shown"] == mask and entry["status"] == "ok"),
        None,
    )


class Scored:
    """The per-image scores of a section, on the pictures that all its records share, in one order; read when asked for."""

    def __init__(self, section: Section, members: list[Record]) -> None:
        self.section = section
        found = {record.key: entry for record in members if (entry := entry_of(record, section.mask))}
        scored = [record for record in members if record.key in found]
        newest = {}  # the holes of so many first pictures, as the last run had them
        for record in sorted(scored, key=lambda record: str(record.told["written"])):
            if "external" not in record.told:
                newest[found[record.key][1]["n"]] = found[record.key][1]["holes"]

        def has_these_holes(record: Record) -> bool:
            entry = found[record.key][1]
            return "external" in record.told or bool(newest[entry["n"]] == entry["holes"])

        self.records = {record.key: record for record in scored if has_these_holes(record)}
        self.entries = {key: found[key] for key in self.records}
        ids = [counting.images(record, self.entries[record.key][0]) for record in self.records.values()]
        self.same = all(other == ids[0] for other in ids[1:])
        """Whether all were scored on the same pictures."""
        self.ids = ids[0] if ids and self.same else sorted(set.intersection(*map(set, ids))) if ids else []
        """The pictures that all were scored on."""
        self._means: dict[str, dict[str, float]] = {}

    def columns(self, record: Record, metrics: Iterable[str]) -> tuple[NDArray[np.float64], list[int]]:
        """The values of some metrics, [n, k], and to which group each image belongs; without groups, each to itself."""
        frame = counting.frame(record, self.entries[record.key][0]).loc[self.ids]
        groups = frame["group"].to_numpy(np.float64)
        owners = range(len(groups)) if np.isnan(groups).any() else groups.astype(int).tolist()
        return frame[[record.told["metrics"][name]["column"] for name in metrics]].to_numpy(np.float64), list(owners)

    def mean(self, record: Record, metric: str) -> float:
        """A metric over the images: as run.json has it, or of its rows where only some of them count."""
        told = self.entries[record.key][1]["means"]
        if self.same and metric in told:
            return float("nan") if told[metric] is None else float(told[metric])
        if record.key not in self._means:  # of all metrics at once, for the rows are one file
            values, metrics = self.columns(record, record.told["metrics"])[0], record.told["metrics"]
            reduced = (statistics.reduced(counting.mean_of(column), told["reduce"])
                       for column, told in zip(values.T, metrics.values(), strict=True))  # fmt: skip
            self._means[record.key] = dict(zip(metrics, map(float, reduced), strict=True))
        return self._means[record.key][metric]


Intervals = dict[str, list[statistics.Interval]]


AT_A_TIME = 64
"""Records whose intervals are drawn together: enough that the drawing costs little beside the sums, few enough for memory."""


def bootstrapped(scored: Scored, singles: list[Record]) -> Intervals:
    """The intervals over images of trainings that stand alone, by key: every metric, in the order of run.json."""
    found = {}
    for start in range(0, len(singles), AT_A_TIME):
        alike: dict[tuple[int, ...], list[tuple[Record, NDArray[np.float64]]]] = {}
        for record in singles[start : start + AT_A_TIME]:
            values, owners = scored.columns(record, record.told["metrics"])
            alike.setdefault(tuple(owners), []).append((record, values))
        for owners_of_all, members in alike.items():
            reduces = [metric["reduce"] for record, _ in members for metric in record.told["metrics"].values()]
            intervals = iter(statistics.bootstraps(np.hstack([values for _, values in members]), owners_of_all, reduces))
            for record, _ in members:
                found[record.key] = [next(intervals) for _ in record.told["metrics"]]
    return found
