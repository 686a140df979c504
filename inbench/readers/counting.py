"""Counting: which records tables may count: their files, their rows and their means are what was measured."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inbench.readers import statistics
from inbench.words import records
from inbench.words.records import Record

MOST_GROUPS = 2**31


def counted(results: Path) -> tuple[list[Record], list[str]]:
    """The records that tables count, and what is wrong with those that they do not."""
    sound, faults = records.look_through(results)
    wrong = {record.folder: unreadable(record) for record in sound}
    return [record for record in sound if not wrong[record.folder]], sorted([*faults, *filter(None, wrong.values())])


def shared_metrics(found: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """What all of some records were measured by, by one source: an edited metric is another."""
    told = [record.told["metrics"] for record in found]
    return {
        name: metric
        for name, metric in told[0].items()
        if all(name in other and other[name].get("code") == metric.get("code") for other in told)
    }


def unreadable(record: Record) -> str:
    """What is wrong with a record's scores, an image a row; empty where they are what run.json says."""
    columns = {metric["column"] for metric in record.told["metrics"].values()}
    for mask, entry in record.scores.items():
        if entry["status"] != "ok":
            continue
        name = f"{record.folder.name}/{entry['file']}"
        try:
            rows = frame(record, mask)
            if len(rows) != entry["n"] or not {*columns, "group"} <= set(rows.columns):
                return f"{name} has other rows or columns than run.json says"
            if not all(rows[column].dtype.kind in "fi" for column in (*columns, "group")):
                return f"{name} holds what is no number"
            if (rows["group"].abs() >= MOST_GROUPS).any():
                return f"{name} has groups beyond any count"
            if rows.index.hasnans:
                return f"{name} has an image without a name"
            if not rows.index.is_unique:
                return f"{name} names an image twice"
        except Exception as error:  # of damaged rows pandas raises whatever its parser stumbles over
            return f"{name} cannot be read: {type(error).__name__}: {error}"
    return ""


def other_means(record: Record) -> str:
    """Where the means of run.json are not those of the rows; empty where they are."""
    metrics = record.told["metrics"]
    for mask, entry in record.scores.items():
        if entry["status"] != "ok":
            continue
        rows = frame(record, mask)
        for name, mean in means(rows, metrics).items():
            told, sizes = entry["means"].get(name), np.abs(rows[metrics[name]["column"]].to_numpy(np.float64))
            rounded = 1e-6 * mean_of(sizes) if metrics[name]["reduce"] == "mean" else 0  # seven digits, of a mean near 0 too
            if told is not None and not np.isclose(told, mean, rtol=1e-6, atol=1e-9 + rounded):
                return f"{record.folder.name}: {name} on {mask} is {told:g}, but the mean of its rows is {mean:g}"
    return ""


def frame(record: Record, canonical: str) -> pd.DataFrame:
    """The scores on a mask, an image a row, by the names of the images; what pandas raises where they cannot be read."""
    return table(record.rows(canonical))


def images(record: Record, canonical: str) -> list[str]:
    """The names of the images that were scored on a mask, sorted."""
    return sorted(pd.read_csv(io.BytesIO(record.rows(canonical)), **READ, usecols=["id"])["id"])


READ: dict[str, Any] = {"dtype": {"id": str}, "keep_default_na": False, "na_values": ["", "nan"]}
"""NA is a name."""


def table(rows: bytes) -> pd.DataFrame:
    """The same of the rows themselves."""
    return pd.read_csv(io.BytesIO(rows), **READ, index_col="id")


def means(rows: pd.DataFrame, metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """What each metric comes to over the images that have a value."""
    return {
        name: float(statistics.reduced(mean_of(rows[metric["column"]].to_numpy(np.float64)), metric["reduce"]))
        for name, metric in metrics.items()
    }


def mean_of(column: NDArray[np.float64]) -> np.floating:
    """The mean of the images that have a value."""
    held = column[np.isfinite(column)]
    return held.mean() if len(held) else np.float64("nan")
