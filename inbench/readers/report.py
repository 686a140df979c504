"""Report: records to one page of HTML that holds everything it needs. Measures nothing; pictures are given to it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench import __version__
from inbench.readers import counting, page, provenance, watched
from inbench.readers.chart_lines import Training, trainings
from inbench.readers.costs import cost_sheets
from inbench.readers.rows import rows_of, trained_on_it
from inbench.readers.score_sheets import (
    SHOWN,
    Row,
    best_of,
    head,
    marks,
    matrix_sheets,
    number,
    score,
    score_sheets,
)
from inbench.readers.sections import by_data, by_table, check_there, current, of_dataset, shown_once
from inbench.readers.sheets import Cell, Sheet, sentences
from inbench.words import clock
from inbench.words.errors import UserError
from inbench.words.protocol import PRIMARY, PROTOCOL, PROTOCOL_LINE
from inbench.words.records import Record

Gallery = dict[str, Any]
"""A gallery as a page holds it: see `embedding`."""
Filtered = tuple[Mapping[str, str], Sheet]
"""A table, and what the filters of the page know it by."""


@dataclass(frozen=True)
class SortedColumn:
    """A column of a table that can be sorted; more: one that is shown when all metrics are asked for."""

    head: str
    kind: str = "number"
    better: str = "lower"
    more: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table: its cells, the value that each is sorted by, and where its interval lies on the table's scale."""

    cells: list[Cell]
    values: list[str]
    interval: tuple[float, float, float] | None
    failed: bool


@dataclass(frozen=True)
class Table:
    """The scores on one data set, size, hole and budget."""

    about: Mapping[str, str]
    title: str
    columns: list[SortedColumn]
    lines: list[Line]
    scale: tuple[float, float] | None
    notes: str
    faults: list[str]


@dataclass(frozen=True)
class Report:
    """All that the page says, but for its pictures."""

    tables: list[Table]
    published: list[Sheet]
    costs: list[Filtered]
    matrices: list[Filtered]
    trainings: list[Training]
    planes: list[dict[str, Any]]
    runs: list[Mapping[str, str]]
    places: Mapping[str, Mapping[str, str]]
    metrics: list[Mapping[str, str]]
    broken: list[Mapping[str, Any]]
    damaged: list[str]
    unfinished: int
    facts: Mapping[str, str]


def rows_and_records(results: Path, only: str | None = None) -> tuple[list[Row], list[Record], list[str]]:
    """What a page is made from: rows, the records behind them, and what is damaged. A `UserError` where there is nothing."""
    check_there(results)
    sound, damaged = counting.counted(results)
    found = current(sound)
    if not found:
        raise UserError(f"no record in {results} can be counted; inbench verify says why")
    kept = of_dataset(found, only)
    return rows_of(kept, where=shown_once(kept)), kept, damaged


def report(
    made: Sequence[Row],
    found: Sequence[Record],
    damaged: Sequence[str] = (),
    unfinished: int = 0,
    published: Sequence[Sheet] = (),
) -> Report:
    """The content of the page.

    damaged: what is wrong with records that are not counted; unfinished: how many runs are; published: a paper's tables
    beside ours.
    """
    where = {record.key: provenance.environment(record) for record in found}
    letters = {told: provenance.letter(place) for place, told in enumerate(dict.fromkeys(where.values()))}
    return Report(
        tables=[_table(members) for members in by_table(made)],
        published=list(published),
        costs=_costs(made),
        matrices=_matrices(made),
        trainings=trainings(found),
        planes=planes(made),
        runs=[provenance.run(record, letters[where[record.key]]) for record in found],
        places={letter: dict(told) for told, letter in letters.items()},
        metrics=provenance.metrics(found),
        broken=[told for record in found for told in provenance.broken(record)],
        damaged=list(damaged),
        unfinished=unfinished,
        facts=_facts(made, found),
    )


def _matrices(made: Sequence[Row]) -> list[Filtered]:
    """Training masks against test masks, where a data set was tested on several."""
    several = [members for members in by_data(made) if len({row["mask"] for row in members}) > 1]
    return [(_without_mask(members[0]), sheet) for members in several for sheet in matrix_sheets(members)]


def _costs(made: Sequence[Row]) -> list[Filtered]:
    """What the runs cost, once for each data set, size and budget: on the hole that most were trained on."""
    return [(_without_mask(members[0]), sheet) for members in on_one_hole(made) for sheet in cost_sheets(members)]


def on_one_hole(made: Sequence[Row]) -> list[list[Row]]:
    """Rows by data set, size and budget, on the hole that most of them were trained on."""
    found = []
    for members in by_data(made):
        trained = Counter(row["train_mask"] for row in members if row["train_mask"] == row["mask"])
        mask = trained.most_common(1)[0][0] if trained else members[0]["mask"]
        found.append([row for row in members if row["mask"] == mask])
    return found


def planes(made: Sequence[Row]) -> list[dict[str, Any]]:
    """Quality against time: milliseconds an image and the primary metric of every method that has both."""
    found = []
    for members in on_one_hole(made):
        timed = [row for row in members if row["ms_per_image"] and math.isfinite(row["ms_per_image"])]
        held = [row for row in timed if row["metrics"].get(PRIMARY, {}).get("mean") is not None]
        points = [{"name": row["shown"], "x": row["ms_per_image"], **_ends(row["metrics"][PRIMARY])} for row in held]
        one_machine = len({hardware for row in members for hardware in row["hardware"]}) == 1
        if len(points) > 1 and one_machine:
            found.append({"about": _without_mask(members[0]), "mask": members[0]["mask"], "points": points})
    return found


def _ends(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {end: metric[end] for end in ("mean", "low", "high")}


def _without_mask(row: Row) -> dict[str, str]:
    return {name: value for name, value in about(row).items() if name != "mask"}


def about(row: Row) -> dict[str, str]:
    """What the filters of the page know a table by."""
    return {"dataset": row["dataset"], "size": str(row["size"]), "mask": row["mask"], "budget": row["budget"]}


def _table(members: list[Row]) -> Table:
    (sheet,) = score_sheets(members)
    every = list(dict.fromkeys(name for row in members for name in row["metrics"]))
    names = [*SHOWN, *(name for name in every if name not in SHOWN)]
    best = {name: best_of(name, members) for name in names}
    better = {name: metric["better"] for row in members for name, metric in row["metrics"].items()}
    trained = not all(trained_on_it(row) for row in members)
    columns = [SortedColumn("method", kind="text"), *([SortedColumn("trained on", kind="text")] if trained else [])]
    columns += [SortedColumn(head(name, members), better=better.get(name, "lower"), more=name not in SHOWN) for name in names]
    columns += [SortedColumn("train s"), SortedColumn("ms/image")]
    scale = _scale(members)
    return Table(
        about(members[0]),
        sheet.title,
        columns,
        [_line(row, names, best, trained, scale) for row in members],
        scale,
        sentences(sheet.notes),
        sheet.faults,
    )


def _line(
    row: Row,
    names: Sequence[str],
    best: Mapping[str, float | None],
    trained: bool,
    scale: tuple[float, float] | None,
) -> Line:
    cells = [Cell(row["shown"] + marks(row)), *([Cell(row["train_mask"] or "-")] if trained else [])]
    values = [cell.text for cell in cells]
    for name in names:
        cells.append(score(name, row, best.get(name)))
        values.append(_value(row["metrics"].get(name, {}).get("mean")))
    for name, digits in (("train_seconds", 0), ("ms_per_image", 1)):
        cells.append(number(row[name], digits))
        values.append(_value(row[name]))
    metric = row["metrics"].get(PRIMARY)
    interval = None
    if metric and metric["mean"] is not None and scale:
        ends = [metric["low"], metric["mean"], metric["high"]]
        low, mean, high = (_share(metric["mean"] if end is None else end, scale) for end in ends)
        interval = (low, mean, high)
    return Line(cells, values, interval, failed=row["status"] != "ok")


def _scale(members: Sequence[Row]) -> tuple[float, float] | None:
    """From the lowest to the highest end of an interval of the primary metric."""
    metrics = [row["metrics"][PRIMARY] for row in members if PRIMARY in row["metrics"]]
    ends = [end for metric in metrics for end in (metric["low"], metric["mean"], metric["high"]) if end is not None]
    return (min(ends), max(ends)) if ends and max(ends) > min(ends) else None


def _share(value: float, scale: tuple[float, float]) -> float:
    """Where a value lies, in percent of the scale."""
    return round(100 * (value - scale[0]) / (scale[1] - scale[0]), 2)


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"


def _facts(made: Sequence[Row], found: Sequence[Record]) -> dict[str, str]:
    """What stands on top of the page."""
    complete = sum(row["complete"] for row in made)
    datasets = list(dict.fromkeys(row["dataset"] for row in made))
    return {
        "runs": str(len(found)),
        "complete": f"{complete} of {len(made)}",
        "methods": str(len({row["method"] for row in made})),
        "data sets": ", ".join(datasets),
        "holes": ", ".join(dict.fromkeys(row["mask"] for row in made)),
        "budgets": ", ".join(dict.fromkeys(row["budget"] for row in made)),
        "protocol": str(PROTOCOL),
        "inbench": __version__,
        "made": clock.utc()[:10],
    }


def written(told: Report, galleries: Sequence[Gallery] = (), notices: Sequence[str] = (), private: str = "") -> str:
    """The page. notices: why some pictures are not shown; private: what is to be said of those that must not be passed on."""
    data = {"galleries": list(galleries), "trainings": [vars(one) for one in told.trainings], "planes": told.planes}
    return page.filled(
        "report.html.j2",
        styles=("page.css", "report.css"),
        scripts=("page.js", "layers.js", "gallery.js", "curves.js", "planes.js", "tables.js"),
        data=data,
        report=told,
        notices=list(notices),
        private=private,
        protocol=PROTOCOL_LINE,
        primary=PRIMARY,
        watched=watched,
        sentences=sentences,
    )
