"""Comparison: a method against others on the same pictures: paired, one primary metric, Holm over the claims made."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inbench.readers import standing, statistics, watched
from inbench.readers.counting import shared_metrics
from inbench.readers.differences import differences, trainings_of
from inbench.readers.naming import is_of, numerics_of, told_apart, varied
from inbench.readers.score_sheets import ranks
from inbench.readers.scored import Scored
from inbench.readers.sections import Section, asked_for, found_in, sections, shown_once, trained_there, trainings
from inbench.readers.statistics import Difference, Error
from inbench.words import brackets, records
from inbench.words.errors import UserError, unknown
from inbench.words.protocol import FLOOR, PRIMARY, PRIMARY_MASK
from inbench.words.records import Record


@dataclass
class Compared:
    """One section: the differences of A and B by metric. by_seeds: over trainings, else over the pictures of one each.

    budget: B's, which is A's unless another was asked for. singles: those with one training that another seed would change;
    beside several of the other it is taken to vary as they do. differences: where 0 is best, of how far the two means are
    from it. beside: B as it is told beside A: of the same method, the parameters that differ. withheld: why nothing is
    claimed; short: which of the two had so short a training that what is claimed of it says little of the method; fallen:
    which were better before the end of theirs. primary: the hole that is claimed of; trained: the one that both were trained
    on, where it is another than they are tested on. spread: of trainings, by the primary metric, and what the choice of the
    images adds.
    """

    section: Section
    budget: str
    names: tuple[str, str]
    beside: str
    seeds: tuple[int, int]
    images: int
    by_seeds: bool
    differences: dict[str, Difference]
    told: dict[str, dict[str, Any]]
    withheld: str = ""
    singles: tuple[str, ...] = ()
    short: list[str] = field(default_factory=list)
    fallen: list[str] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    primary: str = PRIMARY_MASK
    trained: str = ""
    spread: tuple[float, Error] | None = None
    adjusted: float | None = None

    @property
    def place(self) -> dict[str, Any]:
        """Its section, with the budgets of both."""
        return {**vars(self.section), "budget": " and ".join(dict.fromkeys((self.section.budget, self.budget)))}

    @property
    def over(self) -> str:
        """What its intervals are over."""
        return f"{self.trainings}, {self.images} images" if self.by_seeds else f"{self.images} images"

    @property
    def trainings(self) -> str:
        return f"{self.seeds[0]} and {self.seeds[1]} trainings"

    @property
    def alone(self) -> str:
        """What limits whatever is said of single trainings, over their images: another seed is another training."""
        return "" if self.by_seeds or not self.singles else ", in one training each"

    @property
    def claims(self) -> bool:
        """Whether the primary is claimed here."""
        told = self.differences.get(PRIMARY)
        return self.section.mask == self.primary and not self.withheld and told is not None and math.isfinite(told.p)


def compare(
    results: Path, one: str, *others: str, only: str | None = None, masks: str | None = None, budget: str | None = None
) -> list[Compared]:
    """A method and each of the others wherever both were scored on the same data, size, mask and budget.

    others: `[tv=0]` is the first with other options; masks: on these holes alone, whatever the one that both were trained on,
    and claimed on the first of them. `gan, paper[steps=9]` is a method at that budget, and so is the other unless it names its
    own; nothing is claimed of two budgets. Raises `UserError` where a method has no scores, or none with the first.
    """
    others = tuple(varied(one, other) for other in others)
    budgets = {text: budget_in(text) for text in (one, *others)}
    found = []
    seen = dict.fromkeys((one, *others), False)
    met = dict.fromkeys(others, False)
    itself: dict[str, Side] = {}
    kept = found_in(results)
    where = asked_for(kept, only, masks, budget)
    shown = where if budget or any(budgets.values()) else shown_once(kept)
    primary = brackets.split_list(masks)[0] if masks else PRIMARY_MASK
    tables = {section: Scored(section, members) for section, members in sections(kept).items()}
    for section, other in itertools.product(tables, others):
        if not (where(section) and shown(section)) or (budgets[one] or budgets[other]) not in (None, section.budget):
            continue
        table, there = tables[section], tables.get(dataclasses.replace(section, budget=budgets[other] or section.budget))
        forms = [
            forms_of(place, text, elsewhere=bool(masks)) if place else [] for place, text in ((table, one), (there, other))
        ]
        sides = sides_of(section.mask, *forms)
        for text, side in zip((one, other), sides, strict=True):
            seen[text] |= bool(side)
        if sides[0] and sides[1] and _are_one(sides[0], sides[1]):
            itself.setdefault(other, sides[0])
        elif sides[0] and sides[1] and len(_trained_on(sides)) < 2:
            met[other] = True
            found.append(compared_in(table, sides[0], sides[1], primary=primary, beside=there))
    for text, is_there in seen.items():
        if not is_there:
            raise _absent(text, kept, results, primary, elsewhere=bool(masks))
    for other in [other for other, has_met in met.items() if not has_met]:
        if other not in itself:
            raise UserError(
                f"{one} and {other} were never scored on the same data, mask and budget; inbench tables shows where"
            )
        label = itself[other].label
        raise UserError(
            f"{one} and {other} are the same trainings; write another method, or a budget to each: "
            f"'{label}, paper[steps=1000]' '{label}, paper[steps=2000]'"
        )
    _hold_together(found)
    return found


def _hold_together(found: Sequence[Compared]) -> None:
    """Of the same trainings one claim is made, on the most images; all claims are one family."""
    claimed = [compared for compared in found if compared.claims]
    most = {one.keys: max(other.images for other in claimed if other.keys == one.keys) for one in claimed}
    for compared in claimed:
        if compared.images < most[compared.keys]:
            compared.withheld = f"the claim is made on the {most[compared.keys]} images of the same trainings"
    chances = {one.keys: one.differences[PRIMARY].p for one in claimed if one.claims}
    adjusted = dict(zip(chances, statistics.holm([*chances.values()]), strict=True))
    for compared in claimed:
        compared.adjusted = adjusted[compared.keys] if compared.claims else None


def _absent(text: str, kept: list[Record], results: Path, mask: str, *, elsewhere: bool) -> UserError:
    """A method without scores where they were asked for: where it has some, or what it may be meant for."""
    places = [
        f"{section.dataset}, budget {section.budget}"
        for section, members in sections(kept).items()
        if section.mask == mask and forms_of(Scored(section, members), text, elsewhere=elsewhere)
    ]
    if places:
        return UserError(f"there are no scores of {text!r} there; there are on {'; on '.join(dict.fromkeys(places))}")
    known = {record.told["labels"]["method"] for record in kept if record.status == "ok"}
    name = brackets.parse((brackets.split_list(text) or [text])[0]).name
    if broken := [record for record in kept if record.status != "ok" and record.told["run"]["method"] == name]:
        told = f"{broken[-1].status}: {broken[-1].told['reason']}"
        return UserError(f"{text!r} has no run that came to an end: {told}; inbench run --rerun failed tries again")
    if name in {brackets.parse(one).name for one in known}:
        with_options = sorted(one for one in known if brackets.parse(one).name == name)
        return UserError(f"there are no scores of {text!r} in {results}; there are of {', '.join(with_options)}")
    return unknown("method", text, known)


def claims_of(found: Sequence[Compared]) -> int:
    """How many claims are made: one of the same trainings, however many tables they stand in."""
    return len({one.keys for one in found if one.claims})


@dataclass(frozen=True)
class Side:
    """The trainings of one method, in one form: alike in parameters, precision, compilation and determinism.

    shown: as it was asked for; name: as tables show it.
    """

    shown: str
    name: str
    records: list[Record]

    @property
    def label(self) -> str:
        """The method with the parameters that are not its defaults."""
        return str(self.records[0].told["labels"]["method"])

    @property
    def trained(self) -> str | None:
        """The mask that it was trained on; None where it needs none."""
        mask: str | None = self.records[0].told["labels"]["train_mask"]
        return mask


def sides_of(mask: str, *forms: list[Side]) -> list[Side | None]:
    """The trainings of each method, of all its forms on a mask: None where there are none; in one form if they can be.

    Of those on another mask the same for all, if it can be. Raises `UserError` where a method was trained in several forms and
    nothing says which is meant.
    """
    if not all(forms):  # nothing to compare, so nothing to choose
        return [form[0] if form else None for form in forms]
    here = records.mask_and_part(mask)[0]

    def unlike(same: Sequence[Side]) -> tuple[bool, ...]:
        """How far they are from trainings on one mask, the one tested on or else the primary one, in one numerics."""
        on, numerics = _trained_on(same), {numerics_of(side.records[0].told["run"]) for side in same}
        return len(on) > 1, not on <= {here}, not on <= {PRIMARY_MASK}, len(numerics) > 1

    whole = list(itertools.product(*forms))
    best = min(map(unlike, whole))
    left = [same for same in whole if unlike(same) == best]
    if len(left) > 1:
        several = next(form for form in forms if len(form) > 1)
        shown = sorted({side.name for side in several})
        if len(shown) == 1:
            on = " and on ".join(sorted(filter(None, {side.trained for side in several})))
            raise UserError(f"{several[0].shown} was trained on {on}, none of which it is tested on here, nor {PRIMARY_MASK}")
        raise UserError(f"{several[0].shown} was trained in several forms; name one: {' or '.join(map(repr, shown))}")
    return list(left[0])


def _trained_on(sides: Iterable[Side | None]) -> set[str]:
    """The masks that the trainings of several methods are on."""
    return {side.trained for side in sides if side is not None and side.trained is not None}


def budget_in(text: str) -> str | None:
    """The budget that a method is written with, as in `gan, paper[steps=9]`; None where there is none."""
    return next((label for part in brackets.split_list(text)[1:] if (label := standing.label_of(part))), None)


def _are_one(one: Side, other: Side) -> bool:
    """Whether two names are of the same trainings."""
    return [record.key for record in one.records] == [record.key for record in other.records]


def forms_of(scored: Scored, text: str, *, elsewhere: bool = False) -> list[Side]:
    """All forms that a method, `name[option=value], bf16`, was trained in on the mask of the section; elsewhere: on any mask.

    Those that tables call so, where there are any.
    """
    name, *more = brackets.split_list(text) or [text]
    asked = [part for part in more if not standing.label_of(part)]
    found, exactly = [], []
    groups = trainings(list(scored.members))
    for same, in_tables in zip(groups, told_apart(groups), strict=True):
        told = same[0].told
        row = {"method": told["run"]["method"], "params": told["run"]["params"], "label": told["labels"]["method"]}
        on_it = elsewhere or trained_there(told["labels"]["train_mask"], scored.section.mask)
        ok = [record for record in same if record.status == "ok" and record.key in scored.entries]
        # a seed with fewer images takes none from the others
        ok = [record for record in ok if record.key in scored.whole.entries] or ok
        if ok and on_it and in_tables == ", ".join([name, *asked]):
            exactly.append(Side(text, text, ok))
        elif ok and on_it and is_of(row, name) and (not asked or ", ".join(asked) == numerics_of(told["run"])):
            found.append(Side(", ".join([row["label"], *more]), in_tables, ok))
    return exactly or found


def compared_in(table: Scored, *sides: Side, primary: str = PRIMARY_MASK, beside: Scored | None = None) -> Compared:
    """Two methods in one section; primary: the hole that claims are made of; beside: where the second is, at another budget."""
    one, other = (side.records for side in sides)
    section, budget = table.section, beside.section.budget if beside else table.section.budget
    scored = table.for_two(one, other) if budget == section.budget else Scored(section, [*one, *other])
    unequal = "they were given different budgets" if budget != section.budget else ""
    metrics = shared_metrics([*one, *other])
    (ours, owners), (theirs, _) = (trainings_of(scored, side, metrics) for side in (one, other))
    apart, errors = differences(ours, theirs, owners, metrics)
    by_seeds = bool(errors)
    found = Compared(
        section,
        budget,
        (sides[0].shown, sides[1].shown),
        _beside(*sides),
        (len(one), len(other)),
        len(scored.ids),
        by_seeds,
        apart,
        metrics,
        withheld=unequal or _withheld(section, sides),
        short=[] if unequal else _too_short(table, *sides),
        fallen=[side.shown for side in sides if watched.past_best(side.records)],
        singles=tuple(side.shown for side, told in zip(sides, (ours, theirs), strict=True) if told.alone),
        keys=frozenset(record.key for record in [*one, *other]),
        primary=primary,
        trained="".join(_trained_on(sides) - {records.mask_and_part(section.mask)[0]}),
    )
    if by_seeds and PRIMARY in metrics:
        place = [*metrics].index(PRIMARY)
        spreads = [np.std([means[place] for means in told.means], ddof=1) for told in (ours, theirs) if len(told.means) > 1]
        found.spread = float(np.sqrt(np.mean(np.square(spreads)))), errors[PRIMARY]
    return found


def _beside(one: Side, other: Side) -> str:
    """The parameters of a method that differ from those of the first; its whole name where it is another."""
    mine, theirs = (side.records[0].told["run"] for side in (one, other))
    if mine["method"] != theirs["method"] or mine["params"].keys() != theirs["params"].keys():
        return other.shown
    changed = [name for name, value in theirs["params"].items() if value != mine["params"][name]]
    told = [f"{name}={brackets.value_text(theirs['params'][name])}" for name in changed]
    numerics = [numerics_of(theirs)] if numerics_of(theirs) != numerics_of(mine) else []
    budgets = [budget for budget in [budget_in(other.shown)] if budget and budget != budget_in(one.shown)]
    return ", ".join(told + numerics + budgets) if told else other.shown


def _withheld(section: Section, sides: Iterable[Side]) -> str:
    """Why nothing is claimed of a section; empty where something may be."""
    if not ranks(section.budget):
        return f"budget {section.budget} is a first look and ranks nothing"
    young = sorted({side.label for side in sides if watched.converged(side.records) is False})
    return f"{' and '.join(young)} {'have' if len(young) > 1 else 'has'} not converged" if young else ""


def _too_short(table: Scored, *sides: Side) -> list[str]:
    """Which methods a training of fewer steps than the budget's own has not even brought to the floor.

    After a whole training a method may well lie below it and be the better one by another metric.
    """
    floor = [record for form in forms_of(table, FLOOR) for record in form.records]
    if not floor or "steps" not in brackets.parse(table.section.budget).options:
        return []
    scored = table.for_two(floor, [record for side in sides for record in side.records])

    def mean(same: Sequence[Record]) -> float:
        return float(np.mean([scored.mean(record, PRIMARY) for record in same]))

    learned = [side for side in sides if not side.records[0].told["labels"]["any_budget"]]
    return [side.shown for side in learned if mean(side.records) < mean(floor)]


def told_short(names: Sequence[str]) -> str:
    """The same in words; empty for none."""
    return f"{_listed(names, 'is', 'are')} below {FLOOR} after so few steps" if names else ""


def told_fallen(names: Sequence[str]) -> str:
    """Which methods were better before, in words; empty for none."""
    return _listed(names, "is past its best", "are past their best") if names else ""


def _listed(names: Sequence[str], one: str, several: str) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]} {several}" if len(names) > 1 else f"{names[0]} {one}"
