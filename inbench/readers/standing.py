"""Standing: in the tables of which budgets a record stands. Two that differ by the number of test images meet on the fewer."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from inbench.readers.naming import by_size
from inbench.words import brackets, budget
from inbench.words.errors import UserError, unknown
from inbench.words.records import Record


def budgets(found: list[Record]) -> dict[str, list[str]]:
    """The budgets in whose tables each record stands, by its key.

    A learner stands in the table of its own, and in those that test fewer of the same images after the same training; a
    method that no budget changes stands in the tables of all that learners spent, or of those of its own name where budgets
    set its parameters and it ran under several.
    """
    spent: dict[tuple[str, int], set[str]] = {}
    asked: dict[tuple[str, int], set[str]] = {}
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        if not labels["any_budget"]:
            spent.setdefault((run["data"], run["size"]), set()).add(labels["budget"])
        elif "external" not in record.told:
            asked.setdefault((run["data"], run["size"]), set()).add(labels["budget"])
    forms: dict[tuple[object, ...], set[str]] = {}
    for record in found:
        forms.setdefault(_form(record), set()).add(repr(record.told["run"]["params"]))
    found_in = {}
    for record in found:
        run, labels = record.told["run"], record.told["labels"]
        place, own = (run["data"], run["size"]), {labels["budget"]}
        if labels["any_budget"]:
            own = spent.get(place) or (asked.get(place) if "external" in record.told else None) or own
            if len(forms[_form(record)]) > 1:
                own = {other for other in own if _name(other) == _name(labels["budget"])} or own
        else:
            own |= {other for other in spent[place] if tests_fewer(other, labels["budget"])}
        found_in[record.key] = sorted(own)
    return found_in


def _form(record: Record) -> tuple[object, ...]:
    """What people see of a method: the same for all budgets that set its parameters."""
    run = record.told["run"]
    return run["data"], run["size"], record.told["labels"]["method"]


def _name(shown: str) -> str:
    return shown.partition("[")[0]


def label_of(text: str) -> str | None:
    """What tables call a budget that was typed, `paper[test_images=16,steps=9,val_images=4]`; None where it is none.

    Raises `UserError` for a budget whose options are wrong.
    """
    try:
        name = brackets.parse(text).name
    except UserError:
        return None
    return budget.read(text).shown if name in budget.BUDGETS else None


def asked(text: str, known: Iterable[str]) -> str:
    """What tables call the budget that was asked for: one that there is, or may be. Raises `UserError` for one that is none."""
    if (label := label_of(text)) is None and text not in (there := {*known}):
        raise unknown("budget", text, there or budget.BUDGETS)
    return label or text


def plainest_first(budgets: Iterable[str]) -> list[str]:
    """Budgets in the order in which one is taken where nothing else tells: fewest options first, then by size."""
    return sorted(budgets, key=lambda shown: (shown.count("="), by_size(shown)))


def tests_fewer(one: str, other: str) -> bool:
    """Whether a budget is another one with fewer test images."""
    (training, count), (same, more) = _split(one), _split(other)
    return training == same and count < more


@functools.cache
def _split(shown: str) -> tuple[str, float]:
    """A budget but for its test images, and how many these are; a label that is no budget is only like itself."""
    try:
        return budget.of_training(shown), budget.read(shown).test_images or math.inf
    except UserError:
        return shown, math.inf
