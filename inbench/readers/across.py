"""Across: what one option of a data set, a hole or a method does: its values as columns, by one metric."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbench.readers.rows import trained_on_it
from inbench.readers.score_sheets import best_of, bold, faults, head, marks, notes, ranks, score, title_of
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.words import brackets
from inbench.words.errors import UserError, unknown
from inbench.words.soundness import PRIMARY

Row = dict[str, Any]
Line = tuple[str, str]
"""The method and the training mask of a line."""
SAME = "the same"
"""What a learner was trained on that was trained on the hole that it is tested on, whatever the option is there."""
DEFAULT = "default"
"""The head over a data set that was named without the option."""
BEHIND = re.compile(r"(@[0-9a-f]{6}| on val|, [^\[\]]+)*$")
"""What stands behind a name and its options in tables."""


@dataclass(frozen=True)
class Family:
    """Rows that differ by one option alone, by line and by its value there; their names are less that option.

    of_method: the option is the method's own, so that a line is compared with itself, and not with the other methods.
    """

    option: str
    lines: dict[Line, dict[str, Row]]
    of_method: bool

    @property
    def values(self) -> list[str]:
        """All values, numbers by size; what has the option at its default is last."""
        return sorted({value for by in self.lines.values() for value in by}, key=_in_order)

    @property
    def members(self) -> list[Row]:
        return [row for by in self.lines.values() for row in by.values()]

    def head(self, value: str) -> str:
        """What stands over a value."""
        return value if value == DEFAULT else f"{self.option}={value}"

    @property
    def trained_on(self) -> set[str]:
        """The holes that its learners were trained on."""
        return {training for _, training in self.lines} - {"-"}

    @property
    def notes(self) -> list[str]:
        """What the default is, where it has a column, and on what the learners were trained, where that is another hole."""
        told = [f"{DEFAULT}: {self.members[0]['dataset']} as it is"] if DEFAULT in self.values else []
        other = self.trained_on - {SAME, self.members[0]["mask"]}
        return told + ([f"every learner was trained on {', '.join(other)}"] if other and len(self.trained_on) == 1 else [])


def families(made: Sequence[Row], option: str) -> list[Family]:
    """All rows that differ by one option alone: `train` of a data set, `ratio` of a hole, `lr` of a method.

    Raises `UserError` where no two rows do.
    """
    found = []
    for take in (_from_data, _from_hole, _from_method):
        tables: dict[tuple[str, ...], dict[Line, dict[str, Row]]] = {}
        for row in made:
            less, value = take(row, option.replace("-", "_"))
            if value is not None:
                lines = tables.setdefault((less["dataset"], str(row["size"]), less["mask"], row["budget"]), {})
                lines.setdefault((less["shown"], less["train_mask"] or "-"), {})[value] = less
        for lines in tables.values():
            several = {line: by for line, by in lines.items() if len(by) > 1}
            if several:
                own = take is _from_method
                found.append(Family(option, several if own else lines, own))
    if not found:
        known = {name.replace("_", "-") for row in made for name in _options(row)}
        if option not in known:
            raise unknown("option", option, known)
        raise UserError(f"no rows differ by {option} alone; run a method, a data set or a hole with another {option}")
    return found


def across_sheets(made: Sequence[Row], option: str, metric: str = PRIMARY) -> list[Sheet]:
    """A sheet for each family of rows, by one metric."""
    return [_sheet(family, metric) for family in families(made, option)]


def _from_data(row: Row, option: str) -> tuple[Row, str | None]:
    """Any data set may be the one that others are a part of: without the option it has it at its default."""
    rest, value = _without(row["dataset"], option)
    return row | {"dataset": rest}, DEFAULT if value is None else value


def _from_hole(row: Row, option: str) -> tuple[Row, str | None]:
    rest, value = _without(row["hole"], option)
    return row | {
        "mask": rest,
        "train_mask": SAME if row["train_mask"] and trained_on_it(row) else row["train_mask"],
    }, value


def _from_method(row: Row, option: str) -> tuple[Row, str | None]:
    value = brackets.value_text(row["params"][option]) if option in row["params"] else None
    return row | {"shown": _without(row["shown"], option)[0]}, value


def _without(text: str, option: str) -> tuple[str, str | None]:
    """A name less one of its options, and the value that it has there."""
    named, behind = _read(text)
    rest = {name: value for name, value in named.options.items() if name != option}
    value = named.options.get(option)
    return text if value is None else brackets.write(named.name, rest) + behind, value


def _read(text: str) -> tuple[brackets.Named, str]:
    """A name as tables show it: what it is, and what stands behind it."""
    place = next(BEHIND.finditer(text)).start()
    return brackets.parse(text[:place]), text[place:]


def _options(row: Row) -> set[str]:
    return {*row["params"], *_read(row["dataset"])[0].options, *_read(row["hole"])[0].options}


def _sheet(family: Family, metric: str) -> Sheet:
    members, lines = family.members, sorted(family.lines.items())

    def best(value: str, by: dict[str, Row]) -> float | None:
        """Down a column the best method, or along a line the best value of its option."""
        rivals = by.values() if family.of_method else [other[value] for _, other in lines if value in other]
        return best_of(metric, list(rivals)) if ranks(members[0]["budget"]) else None

    trained = len(family.trained_on) > 1
    columns = [Column("method", number=False), *([Column("trained on", number=False)] if trained else [])]
    columns += [Column(family.head(value)) for value in family.values]
    body = [
        [
            *([Cell(method), Cell(training)] if trained else [Cell(method)]),
            *(_cell(metric, by.get(value), best(value, by)) for value in family.values),
        ]
        for (method, training), by in lines
    ]
    title = f"{title_of(members[0])}: {head(metric, members)} by {family.option}"
    return Sheet(title, columns, body, [*notes(members), *family.notes, *bold(body)], faults(members))


def _cell(metric: str, row: Row | None, best: float | None) -> Cell:
    if row is None:
        return NO_CELL
    cell = score(metric, row, best)
    return Cell(cell.text, (cell.spread + marks(row)).strip(), best=cell.best)


def _in_order(value: str) -> tuple[float, str]:
    """Numbers by size, a range by where it begins, words behind them."""
    number = re.match(r"-?\d+(\.\d+)?(e-?\d+)?", value)
    return (float(number[0]) if number else float("inf"), value)
