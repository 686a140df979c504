"""Scored: the per-image scores of one section, on the pictures that all its records share, and their intervals."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
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

    def __init__(self, section: Section, members: Sequence[Record]) -> None:
        self.section, self.members = section, members
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
        self._means: dict[str, dict[str, float]] = {}

    def among(self, members: Sequence[Record]) -> Scored:
        """The scores of some of its records, on the pictures that these share."""
        return Scored(self.section, [record for record in members if record.key in self.entries])

    @functools.cached_property
    def whole(self) -> Scored:
        """Without those tested on fewer images than all who were trained at the budget of the table; where none was, than most.

        A closed form that once took a first look, or guesses from elsewhere on a few pictures, would take the others from all.
        """
        counts = {key: entry["n"] for key, (_, entry) in self.entries.items()}
        own = {key: record for key, record in self.records.items() if "external" not in record.told}
        at_home = [counts[key] for key, record in own.items() if not record.told["labels"]["any_budget"]]
        least = min(at_home) if at_home else max((counts[key] for key in own), default=0)
        return self.among([record for key, record in self.records.items() if counts[key] >= least])

    def for_two(self, one: Sequence[Record], other: Sequence[Record]) -> Scored:
        """The pictures of the table for two that stand in it; for a short guest, those that it shares with the other."""
        both = [*one, *other]
        return self.whole if all(record.key in self.whole.entries for record in both) else self.among(both)

    @functools.cached_property
    def _own_ids(self) -> list[list[str]]:
        return [counting.images(record, self.entries[record.key][0]) for record in self.records.values()]

    @functools.cached_property
    def same(self) -> bool:
        """Whether all were scored on the same pictures."""
        return all(other == self._own_ids[0] for other in self._own_ids[1:])

    @functools.cached_property
    def ids(self) -> list[str]:
        """The pictures that all were scored on."""
        return sorted(set.intersection(*map(set, self._own_ids))) if self._own_ids else []

    def _rows(self, record: Record) -> pd.DataFrame:
        return counting.frame(record, self.entries[record.key][0]).loc[self.ids]

    def columns(self, record: Record, metrics: Iterable[str]) -> tuple[NDArray[np.float64], list[int]]:
        """The values of some metrics, [n, k], and to which group each image belongs; without groups, each to itself."""
        frame = self._rows(record)
        groups = frame["group"].to_numpy(np.float64)
        owners = range(len(groups)) if np.isnan(groups).any() else groups.astype(int).tolist()
        return frame[[record.told["metrics"][name]["column"] for name in metrics]].to_numpy(np.float64), list(owners)

    def mean(self, record: Record, metric: str) -> float:
        """A metric over the images: as run.json has it, or of its rows where only some of them count."""
        told = self.entries[record.key][1]["means"]
        if self.same and metric in told:
            return float("nan") if told[metric] is None else float(told[metric])
        if record.key not in self._means:  # of all metrics at once, for the rows are one file
            self._means[record.key] = counting.means(self._rows(record), record.told["metrics"])
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
