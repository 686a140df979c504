"""Comparison: two methods on the same pictures: paired differences, one primary metric, Holm over the claims that are made."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inbench.readers import statistics
from inbench.readers.naming import is_of
from inbench.readers.rows import Scored, Section, asked_for, found_in, numerics_of, sections, trainings
from inbench.readers.score_sheets import MARGINS, SHOWN, ranks, title_of
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.readers.statistics import Difference
from inbench.words import brackets
from inbench.words.errors import UserError
from inbench.words.records import Record
from inbench.words.soundness import PRIMARY

PRIMARY_MASK = "center"
"""Where the one claim of a comparison is made; everything else is secondary: shown, and claimed by nobody."""


@dataclass
class Compared:
    """One section: the differences of A and B by metric. by_seeds: over trainings, else over the pictures of one each."""

    section: Section
    names: tuple[str, str]
    seeds: tuple[int, int]
    images: int
    by_seeds: bool
    differences: dict[str, Difference]
    told: dict[str, dict[str, Any]]
    withheld: str = ""
    keys: frozenset[str] = frozenset()
    spread: float | None = None
    adjusted: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def claims(self) -> bool:
        """Whether the primary is claimed here."""
        return self.section.mask == PRIMARY_MASK and not self.withheld and PRIMARY in self.differences


def compare(results: Path, one: str, other: str, *, only: str | None = None) -> list[Compared]:
    """Both methods wherever both were scored on the same data, size, mask and budget. Raises `UserError` where nowhere."""
    found = []
    seen = {one: False, other: False}
    kept = found_in(results)
    where = asked_for(kept, only)
    for section, members in sections(kept).items():
        if not where(section):
            continue
        scored = Scored(section, members)
        sides = sides_of(members, scored, one, other)
        for text, side in zip((one, other), sides, strict=True):
            seen[text] |= bool(side)
        if sides[0] and sides[1]:
            found.append(compared_in(section, scored, sides[0], sides[1]))
    for text, is_there in seen.items():
        if not is_there:
            there = sorted({record.told["labels"]["method"] for record in found_in(results) if record.status == "ok"})
            raise UserError(f"there are no scores of {text!r} in {results}; there are: {', '.join(there) or 'none'}")
    if not found:
        raise UserError(f"{one} and {other} were never scored on the same data, mask and budget; inbench tables shows where")
    claimed = {(one.keys, one.images): one.differences[PRIMARY].p for one in found if one.claims}
    adjusted = dict(zip(claimed, statistics.holm([*claimed.values()]), strict=True))
    for compared in found:
        compared.adjusted = adjusted[compared.keys, compared.images] if compared.claims else None
    return found


def claims_of(found: Sequence[Compared]) -> int:
    """How many claims are made; that of the same records and images in the tables of several budgets is one."""
    return len({(one.keys, one.images) for one in found if one.claims})


@dataclass(frozen=True)
class Side:
    """The trainings of one method, in one form: alike in precision, compilation and determinism; as tables show it."""

    shown: str
    records: list[Record]


def sides_of(members: list[Record], scored: Scored, *texts: str) -> list[Side | None]:
    """The trainings of each method on the mask of the section, None where there are none; in one form if they can be.

    Raises `UserError` where a method was trained in several forms and nothing says which is meant.
    """
    forms = [forms_of(members, scored, text) for text in texts]
    if not all(forms):  # nothing to compare, so nothing to choose
        return [form[0] if form else None for form in forms]
    whole = list(itertools.product(*forms))
    chosen = [same for same in whole if len({numerics_of(side.records[0].told["run"]) for side in same}) == 1] or whole
    if len(chosen) > 1:
        several = next(form for form in forms if len(form) > 1)
        shown = [f"{side.shown}, {numerics_of(side.records[0].told['run'])}" for side in several]
        raise UserError(f"{several[0].shown} was trained in several forms; name one: {' or '.join(map(repr, shown))}")
    return list(chosen[0])


def forms_of(members: list[Record], scored: Scored, text: str) -> list[Side]:
    """All forms that a method, `name[option=value], bf16`, was trained in on the mask of the section."""
    name, *asked = brackets.split_list(text) or [text]
    found = []
    for same in trainings(members):
        told = same[0].told
        row = {"method": told["run"]["method"], "params": told["run"]["params"], "label": told["labels"]["method"]}
        on_it = told["labels"]["train_mask"] in (None, scored.mask.removesuffix(" on val"))
        ok = [record for record in same if record.status == "ok" and record.key in scored.entries]
        if ok and on_it and is_of(row, name) and (not asked or ", ".join(asked) == numerics_of(told["run"])):
            found.append(Side(", ".join([row["label"], *asked]), ok))
    return found


def compared_in(section: Section, scored: Scored, *sides: Side) -> Compared:
    """Two methods in one section."""
    one, other = (side.records for side in sides)
    metrics = {name: told for name, told in one[0].told["metrics"].items() if name in other[0].told["metrics"]}
    by_seeds = len(one) > 1 and len(other) > 1
    if by_seeds:
        means = {name: [[scored.mean(record, name) for record in side] for side in (one, other)] for name in metrics}
        differences = {name: statistics.between_seeds(*sides) for name, sides in means.items()}
    else:
        read = [[scored.columns(record, metrics) for record in side] for side in (one, other)]
        values = [np.mean([columns for columns, _ in side], axis=0) for side in read]
        differences = {
            name: statistics.paired(values[0][:, place], values[1][:, place], read[0][0][1], reduce=told["reduce"])
            for place, (name, told) in enumerate(metrics.items())
        }
    found = Compared(
        section,
        (sides[0].shown, sides[1].shown),
        (len(one), len(other)),
        scored.count(one[0]),
        by_seeds,
        differences,
        metrics,
        withheld=_withheld(section, [*one, *other]),
        keys=frozenset(record.key for record in [*one, *other]),
    )
    if by_seeds and PRIMARY in metrics:
        spreads = [np.std([scored.mean(record, PRIMARY) for record in side], ddof=1) for side in (one, other)]
        found.spread = float(np.sqrt(np.mean(np.square(spreads))))
    return found


def _withheld(section: Section, members: Sequence[Record]) -> str:
    """Why nothing is claimed of a section; empty where something may be."""
    if not ranks(section.budget):
        return f"budget {section.budget} is a first look and ranks nothing"
    young = sorted({record.told["labels"]["method"] for record in members if record.converged is False})
    return f"{' and '.join(young)} has not converged" if young else ""


def sheets(found: Sequence[Compared]) -> list[Sheet]:
    """A sheet for each section; the primary metric first."""
    claims = claims_of(found)
    return [_sheet(compared, claims) for compared in found]


def _sheet(compared: Compared, claims: int) -> Sheet:
    section, (one, other) = compared.section, compared.names
    columns = [
        Column("metric", number=False),
        Column(f"{one} minus {other}"),
        Column("95 % interval"),
        Column("better", number=False),
    ]
    body = []
    shown = [PRIMARY, *(name for name in SHOWN if name != PRIMARY)]
    for name in [*shown, *(name for name in compared.differences if name not in shown)]:
        if name not in compared.differences:
            continue
        told, difference = compared.told[name], compared.differences[name]
        label = f"{name} {told['unit']}".strip() + (" (primary)" if name == PRIMARY and section.mask == PRIMARY_MASK else "")
        if not np.isfinite(difference.value):
            body.append([Cell(label), NO_CELL, NO_CELL, NO_CELL])
            continue
        digits = 4 if name.startswith("ssim") else 2
        interval = Cell(f"{difference.low:+.{digits}f} to {difference.high:+.{digits}f}")
        body.append([Cell(label), Cell(f"{difference.value:+.{digits}f}"), interval, Cell(_better(compared, name) or "-")])
    return Sheet(f"{one} against {other}: {title_of(vars(section))}", columns, body, _notes(compared, claims))


def _better(compared: Compared, name: str) -> str:
    """Who is better where the interval leaves 0 out; nobody else."""
    difference = compared.differences[name]
    if compared.withheld or difference.low <= 0 <= difference.high:
        return ""
    better = compared.told[name]["better"]
    if better == "zero":  # a difference does not say which of the two is nearer to 0
        return ""
    return compared.names[0] if (difference.value > 0) == (better == "higher") else compared.names[1]


def _notes(compared: Compared, claims: int) -> list[str]:
    lines = [f"{compared.images} test images, the same for both"]
    if compared.by_seeds:
        lines.append(f"over {compared.seeds[0]} and {compared.seeds[1]} trainings (Welch's t)")
    else:
        lines.append("over the images of these trainings, paired (bootstrap): it says nothing of other seeds")
    lines.append(verdict(compared, claims))
    if compared.claims:
        lines.append("secondary metrics are shown and not claimed")
    return lines + power(compared)


def verdict(compared: Compared, claims: int) -> str:
    """The one claim, or why there is none."""
    if compared.withheld:
        return f"no verdict: {compared.withheld}"
    if not compared.claims:
        return f"no verdict: claims are made of {PRIMARY} on the hole {PRIMARY_MASK} alone"
    difference, better = compared.differences[PRIMARY], _better(compared, PRIMARY)
    chance = compared.adjusted if compared.adjusted is not None else difference.p
    told = ("p below 0.001" if chance < 0.001 else f"p = {chance:.3g}") + (
        f", Holm over {claims} data sets and budgets" if claims > 1 else ""
    )
    if not better or chance >= 1 - statistics.LEVEL:
        return f"verdict: no difference in {PRIMARY} can be claimed ({told})"
    small = f", less than the margin of {MARGINS[PRIMARY]} dB" if abs(difference.value) < MARGINS[PRIMARY] else ""
    return f"verdict: {better} is better by {abs(difference.value):.2f} dB {PRIMARY}{small} ({told})"


def power(compared: Compared) -> list[str]:
    """What the seeds at hand cannot tell, and how many could."""
    margin = MARGINS[PRIMARY]
    if compared.spread is None:
        return ["one seed cannot separate trainings; --seeds 0,1,2 says how far they differ"] if min(compared.seeds) < 2 else []
    count = min(compared.seeds)
    least = statistics.separable(compared.spread, count)
    if least <= margin:
        return []
    needed = statistics.seeds_for(compared.spread, margin)
    many = f"about {needed} each could" if needed else f"not even {statistics.MOST_SEEDS} could"
    return [f"{count} seeds cannot separate {margin} dB: they tell {least:.2f} dB from nothing; {many}"]


def as_rows(found: Sequence[Compared]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            **vars(compared.section),
            "methods": list(compared.names),
            "seeds": list(compared.seeds),
            "images": compared.images,
            "over": "trainings" if compared.by_seeds else "images",
            "verdict": verdict(compared, claims_of(found)),
            "p": compared.adjusted,
            "differences": {
                name: {key: value if np.isfinite(value) else None for key, value in vars(difference).items()}
                for name, difference in compared.differences.items()
            },
        }
        for compared in found
    ]
