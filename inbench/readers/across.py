"""Across: what one option of a data set, a hole or a method does: its values as columns, by one metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbench.readers.naming import by_size, taken_apart
from inbench.readers.rows import trained_on_it
from inbench.readers.score_sheets import SAME, Line, grid_sheet, head, title_of
from inbench.readers.sheets import Sheet
from inbench.words import brackets
from inbench.words.budget import Budget
from inbench.words.errors import UserError, unknown
from inbench.words.protocol import PRIMARY

Row = dict[str, Any]
DEFAULT = "default"
"""The head over a data set that was named without the option."""


@dataclass(frozen=True)
class Family:
    """Rows that differ by one option alone, by line and by its value there.

    of: what they share, as a row whose names are less the option. of_method: the option is the method's own, so that a line is
    compared with itself, and not with the other methods.
    """

    option: str
    of: Row
    lines: dict[Line, dict[str, Row]]
    of_method: bool

    @property
    def heads(self) -> dict[str, str]:
        """What stands over each value, numbers by size; what has the option at its default is last."""
        values = sorted({value for by in self.lines.values() for value in by}, key=by_size)
        return {value: f"{DEFAULT} {self.option}" if value == DEFAULT else f"{self.option}={value}" for value in values}

    @property
    def members(self) -> list[Row]:
        return [row for by in self.lines.values() for row in by.values()]


def families(made: Sequence[Row], option: str) -> list[Family]:
    """All rows that differ by one option alone: `train` of a data set, `ratio` of a hole, `lr` of a method.

    A line with one value tells nothing of it and is left out. Raises `UserError` where no two rows do.
    """
    option, key = option.replace("_", "-"), option.replace("-", "_")
    found = []
    for take in (_from_data, _from_hole, _from_method):
        shared: dict[tuple[str, str, str, str], Row] = {}
        tables: dict[tuple[str, str, str, str], dict[Line, dict[str, Row]]] = {}
        for row in made:
            less, value = take(row, key)
            if value is not None:
                place = (str(less["dataset"]), str(row["size"]), str(less["mask"]), str(row["budget"]))
                shared.setdefault(place, less)
                line = (less["shown"], row["train_mask"] or "-")
                tables.setdefault(place, {}).setdefault(line, {})[value] = row
        for place, lines in tables.items():
            several = {line: by for line, by in _each_on_its_own(lines).items() if len(by) > 1}
            if several:
                found.append(Family(option, shared[place], several, take is _from_method))
    if not found:
        known = {name.replace("_", "-") for row in made for name in _options(row)}
        if key in {one.name for one in dataclasses.fields(Budget)} - {"name"}:
            raise UserError(f"{option} is an option of the budget; inbench tables --best shows rows of all budgets together")
        if option not in known:
            raise unknown("option", option, known)
        raise UserError(f"no rows differ by {option} alone; run a method, a data set or a hole with another {option}")
    return found


def _each_on_its_own(lines: dict[Line, dict[str, Row]]) -> dict[Line, dict[str, Row]]:
    """Trainings of a method, each on the hole that it is tested on and on no other, as one line."""
    alone = [line for line, by in lines.items() if line[1] != "-" and len(by) == 1 and all(map(trained_on_it, by.values()))]
    joined: dict[Line, dict[str, Row]] = {}
    for (method, training), by in lines.items():
        several = (method, training) in alone and sum(line[0] == method for line in alone) > 1
        joined.setdefault((method, SAME if several else training), {}).update(by)
    return joined


def across_sheets(made: Sequence[Row], option: str, metric: str = PRIMARY) -> list[Sheet]:
    """A sheet for each family of rows, by one metric."""
    return [
        grid_sheet(
            f"{title_of(family.of)}: {head(metric, family.members)} by {family.option}",
            family.lines,
            family.heads,
            metric,
            along=family.of_method,
        )
        for family in families(made, option)
    ]


def _from_data(row: Row, option: str) -> tuple[Row, str | None]:
    """Any data set may be the one that others are a part of: without the option it has it at its default."""
    rest, value = _without(row["dataset"], option)
    return row | {"dataset": rest}, DEFAULT if value is None else value


def _from_hole(row: Row, option: str) -> tuple[Row, str | None]:
    rest, value = _without(row["mask_in_full"], option)
    return row | {"mask": rest}, value


def _from_method(row: Row, option: str) -> tuple[Row, str | None]:
    value = brackets.value_text(row["params"][option]) if option in row["params"] else None
    return row | {"shown": _without(row["shown"], option)[0]}, value


def _without(text: str, option: str) -> tuple[str, str | None]:
    """A name less one of its options, and the value that it has there."""
    named, behind = taken_apart(text)
    rest = {name: value for name, value in named.options.items() if name != option}
    value = named.options.get(option)
    return text if value is None else brackets.write(named.name, rest) + behind, value


def _options(row: Row) -> set[str]:
    return {*row["params"], *taken_apart(row["dataset"])[0].options, *taken_apart(row["mask_in_full"])[0].options}
