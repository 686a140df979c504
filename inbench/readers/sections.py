"""Sections: which records stand in one table: those measured on the same pictures and holes, at the same budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench.readers import counting, standing
from inbench.readers.naming import by_size, is_called, set_names
from inbench.words import brackets, records
from inbench.words.errors import UserError, unknown
from inbench.words.records import Record


@dataclass(frozen=True)
class Section:
    """What one table is about: everything in it was measured on the same pictures and holes."""

    dataset: str
    data: str
    size: int
    mask: str
    budget: str


def current(found: Iterable[Record]) -> list[Record]:
    """The newest record of each run, whatever the source of its plugin was; older ones are stale."""
    newest: dict[str, Record] = {}
    for record in found:
        told = {key: value for key, value in record.told["run"].items() if key != "code"}
        same = repr(sorted(told.items()))
        if same not in newest or newest[same].told["written"] < record.told["written"]:
            newest[same] = record
    return list(newest.values())


def check_there(results: Path) -> None:
    """Raises `UserError` where a folder holds no records."""
    if not (results / "runs").is_dir():
        raise UserError(f"there are no records in {results}; make some with inbench run --results {results}")


def found_in(results: Path, *, keys: set[str] | None = None) -> list[Record]:
    """The records that tables count. Raises `UserError` where there are none."""
    check_there(results)
    return current(record for record in counting.counted(results)[0] if keys is None or record.key in keys)


def sections(found: list[Record]) -> dict[Section, list[Record]]:
    """Records by what they can be compared on. A method that no budget changes stands in the tables of all of them."""
    made: dict[Section, list[Record]] = {}
    budgets, names = standing.budgets(found), set_names(found)
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        named = [entry["shown"] for entry in record.scores.values()] or list(labels["masks"].values())
        for budget in budgets[record.key]:
            for mask in dict.fromkeys(named):
                section = Section(names[record.key], run["data"], run["size"], mask, budget)
                made.setdefault(section, []).append(record)
    in_order = sorted(
        made, key=lambda section: (by_size(section.dataset), section.size, by_size(section.mask), by_size(section.budget))
    )
    return {section: made[section] for section in in_order}


def shown_once(found: list[Record]) -> Callable[[Section], bool]:
    """Which tables are shown: all but those of guests from other budgets alone, all of whom another table has as well.

    Another table is one of the same pictures and hole that tests no fewer of them. Whoever looks a record up by budget still
    finds it in all its tables.
    """
    made = sections(found)
    keys = {section: {record.key for record in members} for section, members in made.items()}
    at_home = {section for section, members in made.items() if any(_at_home(record, section) for record in members)}
    beside: dict[Section, list[Section]] = {}
    for section in made:
        beside.setdefault(dataclasses.replace(section, budget=""), []).append(section)

    def holds(other: Section, section: Section) -> bool:
        """Whether another table of the same pictures and hole has all of one, and is to be preferred to it."""
        if other == section or not keys[section] <= keys[other] or standing.tests_fewer(other.budget, section.budget):
            return False
        more = keys[section] < keys[other] or standing.tests_fewer(section.budget, other.budget)
        return more or other in at_home or other.budget < section.budget

    shown = at_home | {
        section for same in beside.values() for section in same if not any(holds(other, section) for other in same)
    }
    return shown.__contains__


def _at_home(record: Record, section: Section) -> bool:
    """Whether a record was made at the budget of a table, and another budget would have made another."""
    labels = record.told["labels"]
    return not labels["any_budget"] and bool(labels["budget"] == section.budget)


def trained_there(train_mask: str | None, mask: str) -> bool:
    """Whether a training mask is the one tested on, be it on val, or none was needed."""
    return train_mask in (None, records.mask_and_part(mask)[0])


def asked_for(
    found: list[Record], dataset: str | None = None, masks: str | None = None, budget: str | None = None
) -> Callable[[Section], bool]:
    """Which tables are those of a data set, of masks `A,B[p=1]`, of a budget; None asks for all.

    Raises `UserError` for one that no table has.
    """
    wanted = {"mask": brackets.split_list(masks)} if masks else {}
    if masks and not wanted["mask"]:
        raise UserError(f"--masks {masks!r} names nothing; write holes as tables show them, such as center,half")
    wanted |= {"dataset": [_in_order(dataset)]} if dataset else {}
    wanted |= {"budget": [standing.label_of(budget) or _in_order(budget)]} if budget else {}
    there = list(sections(found)) if wanted else []
    for field, names in wanted.items():
        known = {getattr(section, field) for section in there}
        for name in names:
            if not any(is_called(one, name) if field == "dataset" else one == name for one in known):
                raise unknown("data set" if field == "dataset" else field, name, known)
    return lambda section: all(
        any(is_called(section.dataset, name) if field == "dataset" else getattr(section, field) == name for name in names)
        for field, names in wanted.items()
    )


def _in_order(text: str) -> str:
    """A name with its options as labels have them, sorted."""
    named = brackets.parse(text)
    return brackets.write(named.name, named.options)


def of_dataset(found: list[Record], only: str | None) -> list[Record]:
    """The records of one data set, or of all; a `UserError` where there are none."""
    asked_for(found, only)
    names = set_names(found)
    return [record for record in found if only is None or is_called(names[record.key], _in_order(only))]


def section_of(row: dict[str, Any]) -> Section:
    """The table that a row stands in."""
    return Section(row["dataset"], row["data"], row["size"], row["mask"], row["budget"])


def by_table(made: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows by the table that they stand in."""
    tables: dict[Section, list[dict[str, Any]]] = {}
    for row in made:
        tables.setdefault(section_of(row), []).append(row)
    return list(tables.values())


def by_data(made: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows by data set, size and budget, whatever the hole."""
    found: dict[Section, list[dict[str, Any]]] = {}
    for row in made:
        found.setdefault(dataclasses.replace(section_of(row), mask=""), []).append(row)
    return list(found.values())


def holes_of(found: Iterable[Record]) -> dict[tuple[int, str], str]:
    """What tables call each hole of some records, by its size and its form in full: half of 128 is no default at 64."""
    told = [(record.told["run"]["size"], record.told["labels"]["masks"]) for record in found]
    return {(size, full): shown for size, masks in told for full, shown in masks.items()}


def images_shown(record: Record) -> int:
    """How many pictures its budget gave, one that comes again counted again; none where no budget says."""
    run = record.told["run"]
    return 0 if record.told["labels"]["any_budget"] else (run["steps"] or 0) * (run["batch"] or 0)


def trainings(members: list[Record]) -> list[list[Record]]:
    """Records that differ by seed only, together."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(members, key=lambda record: record.told["run"]["seed"] or 0):
        run = {key: value for key, value in record.told["run"].items() if key not in ("seed", "code")}
        groups.setdefault(repr(sorted(run.items())), []).append(record)
    return sorted(
        groups.values(), key=lambda same: (same[0].told["labels"]["method"], same[0].told["labels"]["train_mask"] or "")
    )
