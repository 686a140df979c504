"""Comparison sheets: what was compared as tables: two methods by every metric, or one against many, and what may be claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from inbench.readers import statistics
from inbench.readers.comparison import Compared, claims_of
from inbench.readers.score_sheets import SHOWN, images, title_of
from inbench.readers.sections import Section
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.readers.statistics import Difference
from inbench.words.protocol import FLOOR, MARGINS, PRIMARY

LONG = 60
"""Letters of two names that would make a column wider than all else; the title has them."""
IMAGES_TOO = "with what the choice of images adds"
BRIEFLY = (PRIMARY, "ssim")
"""What is shown of a method against many."""


def sheets(found: Sequence[Compared]) -> list[Sheet]:
    """A sheet for each section: of two methods all metrics, the primary first; of more the primary, a line for each other."""
    claims = claims_of(found)
    places: dict[Section, list[Compared]] = {}
    for compared in found:
        places.setdefault(compared.section, []).append(compared)
    together = list(places.values())
    if max(map(len, together), default=0) > 1:
        others = {compared.names[1]: compared.beside for compared in found}
        return [_sheet_of_many(same, others, claims) for same in together]
    return [_sheet_of_two(compared, claims) for compared in found]


def _sheet_of_many(found: Sequence[Compared], others: Mapping[str, str], claims: int) -> Sheet:
    """The first method against each of the others in one section; others: what those of all sections are told as beside it."""
    columns = [Column("against", number=False)]
    for name in BRIEFLY:
        unit = found[0].told.get(name, {}).get("unit", "")
        columns += [Column(f"{name} {unit}".strip() + ", the first minus it"), Column("95 % interval")]
    columns += [Column("over", number=False), Column("verdict", number=False)]
    body = []
    for compared in found:
        cells = [Cell(compared.beside)]
        for name in BRIEFLY:
            cells += _difference(compared, name)
        body.append([*cells, Cell(compared.over), Cell(_verdict_in_short(compared))])
    first = found[0].names[0]
    notes = [f"the first is {first}; of the same method, a line shows the parameters that differ", *_trained(found)]
    if not all(compared.by_seeds for compared in found):
        notes.append("over images: of one training each, paired (bootstrap), which says nothing of other seeds")
    if tests := dict.fromkeys(_test(compared) for compared in found if compared.by_seeds):
        notes.append(f"over trainings: {' or '.join(tests)}, {IMAGES_TOO}")
    told = {first: "the first", **others}
    notes += _alone(found, told)
    if any(compared.claims for compared in found):
        notes.append(f"the verdict is on {PRIMARY} alone, p by Holm over {claims} claims")
    notes += _cautions(found, told)
    if several := [compared for compared in found if compared.spread is not None]:
        notes += power(max(several, key=_least))
    here = {compared.names[1] for compared in found}
    if missing := [beside for name, beside in others.items() if name not in here]:
        notes.append(f"not scored here: {_listed(missing)}")
    return Sheet(
        f"{first} against {len(found)} {'others' if len(found) > 1 else 'other'}: {title_of(found[0].place)}",
        columns,
        body,
        notes,
    )


def _difference(compared: Compared, name: str) -> list[Cell]:
    """A difference and its interval, as a table shows them."""
    return difference_cells(compared.differences.get(name), compared.told.get(name, {}).get("unit", ""))


def difference_cells(told: Difference | None, unit: str) -> list[Cell]:
    """A difference of a metric with that unit, and its interval; dashes for what is no number."""
    if told is None or not np.isfinite(told.value):
        return [NO_CELL, NO_CELL]
    digits = 2 if unit else 4
    interval = Cell(f"{told.low:+.{digits}f} to {told.high:+.{digits}f}") if np.isfinite(told.low) else NO_CELL
    return [Cell(f"{told.value:+.{digits}f}"), interval]


def _sheet_of_two(compared: Compared, claims: int) -> Sheet:
    section, (one, other) = compared.section, compared.names
    columns = [
        Column("metric", number=False),
        Column(f"{one} minus {other}" if len(one + other) < LONG else "the first minus the second"),
        Column("95 % interval"),
        Column("better", number=False),
    ]
    body = []
    shown = [PRIMARY, *(name for name in SHOWN if name != PRIMARY)]
    for name in [*shown, *(name for name in compared.differences if name not in shown)]:
        if name not in compared.differences:
            continue
        told, primary = compared.told[name], name == PRIMARY and section.mask == compared.primary
        shown_as = f"|{name}|" if told["better"] == "zero" else name
        label = f"{shown_as} {told['unit']}".strip() + (" (primary)" if primary else "")
        body.append([Cell(label), *_difference(compared, name), Cell(_better(compared, name) or "-")])
    return Sheet(f"{one} against {other}: {title_of(compared.place)}", columns, body, _notes(compared, claims))


def _better(compared: Compared, name: str) -> str:
    """Who is better where the interval leaves 0 out; nobody else."""
    difference = compared.differences[name]
    if compared.withheld or not (difference.low > 0 or difference.high < 0):
        return ""
    higher = compared.told[name]["better"] == "higher"
    return compared.names[0] if (difference.value > 0) == higher else compared.names[1]


def _notes(compared: Compared, claims: int) -> list[str]:
    lines = [f"{images(compared.images, compared.section.mask)}, the same for both", *_trained([compared])]
    if any(told["better"] == "zero" for told in compared.told.values()):
        lines.append("in bars: how far the mean is from 0, which is best")
    if compared.by_seeds:
        lines.append(f"over {compared.over} ({_test(compared)}, {IMAGES_TOO})")
        lines += _alone([compared], {})
    else:
        lines.append("over the images of these trainings, paired (bootstrap): it says nothing of other seeds")
    lines.append(verdict(compared, claims))
    if compared.claims:
        lines.append("secondary metrics are shown and not claimed")
    lines += _cautions([compared], {})
    return lines + power(compared)


def _test(compared: Compared) -> str:
    return f"{'Student' if min(compared.seeds) == 1 else 'Welch'}'s t"


def _trained(found: Sequence[Compared]) -> list[str]:
    return [f"trained on the hole {one}" for one in dict.fromkeys(compared.trained for compared in found) if one]


def _alone(found: Sequence[Compared], others: Mapping[str, str]) -> list[str]:
    alone = dict.fromkeys(others.get(name, name) for compared in found if compared.by_seeds for name in compared.singles)
    return [f"a single training beside several is taken to vary as they do: {_listed(alone)}"] if alone else []


def _cautions(found: Sequence[Compared], others: Mapping[str, str]) -> list[str]:
    """others: what a method is told as beside the first, where it is not by its name."""
    short = dict.fromkeys(others.get(name, name) for compared in found for name in compared.short)
    fallen = dict.fromkeys(others.get(name, name) for compared in found for name in compared.fallen)
    lines = [f"so short a training says little of what it leaves below {FLOOR}: {_listed(short)}"] if short else []
    return lines + ([f"past its best, and better before the end of its training: {_listed(fallen)}"] if fallen else [])


def _listed(told: Iterable[str]) -> str:
    """Methods, which may hold commas themselves, one after the other."""
    names = list(told)
    return ("; " if any(", " in name for name in names) else ", ").join(names)


def verdict(compared: Compared, claims: int) -> str:
    """The one claim, or why there is none."""
    if reason := _unclaimed(compared):
        return reason
    if compared.differences[PRIMARY].within(MARGINS[PRIMARY]):
        return f"verdict: equivalent in {PRIMARY}, its interval is within the margin of {MARGINS[PRIMARY]} dB{compared.alone}"
    better = _claimed(compared)
    told = _p(compared) + (f", Holm over {claims} claims" if claims > 1 else "")
    if not better:
        return f"verdict: no difference in {PRIMARY} can be claimed ({told})"
    difference = abs(compared.differences[PRIMARY].value)
    small = f", less than the margin of {MARGINS[PRIMARY]} dB" if difference < MARGINS[PRIMARY] else ""
    return f"verdict: {better} is better by {difference:.2f} dB {PRIMARY}{small}{compared.alone} ({told})"


def _verdict_in_short(compared: Compared) -> str:
    """The same for a line among others, where the difference stands beside it."""
    if reason := _unclaimed(compared):
        return reason
    if compared.differences[PRIMARY].within(MARGINS[PRIMARY]):
        return f"equivalent within the margin{compared.alone}"
    better = _claimed(compared)
    if not better:
        return f"no difference can be claimed ({_p(compared)})"
    small = ", less than the margin" if abs(compared.differences[PRIMARY].value) < MARGINS[PRIMARY] else ""
    return (
        f"{'the first' if better == compared.names[0] else compared.beside} is better{small}{compared.alone} ({_p(compared)})"
    )


def _unclaimed(compared: Compared) -> str:
    if compared.withheld:
        return f"no verdict: {compared.withheld}"
    if PRIMARY in compared.differences and not np.isfinite(compared.differences[PRIMARY].p):
        return f"no verdict: of {PRIMARY} these images tell nothing"
    return "" if compared.claims else f"no verdict: claims are made of {PRIMARY} on the hole {compared.primary} alone"


def _chance(compared: Compared) -> float:
    return compared.differences[PRIMARY].p if compared.adjusted is None else compared.adjusted


def _claimed(compared: Compared) -> str:
    """Who may be claimed to be better by the primary; nobody else."""
    return _better(compared, PRIMARY) if _chance(compared) < 1 - statistics.LEVEL else ""


def _p(compared: Compared) -> str:
    chance = _chance(compared)
    return "p below 0.001" if chance < 0.001 else f"p = {chance:.3g}"


def _least(compared: Compared) -> float:
    """The least difference that its trainings tell from nothing."""
    return statistics.separable(*compared.spread, max(2, min(compared.seeds))) if compared.spread else 0.0


def power(compared: Compared) -> list[str]:
    """What the seeds at hand cannot tell, and how many could."""
    margin = MARGINS[PRIMARY]
    if compared.spread is None or min(compared.seeds) < 2:
        told = "one seed cannot separate trainings; --seeds 0,1,2 says how far they differ"
        return [told] if compared.singles and not compared.by_seeds else []
    count = min(compared.seeds)
    least = statistics.separable(*compared.spread, count)
    if least <= margin:
        return []
    needed = statistics.seeds_for(*compared.spread, margin)
    many = f"about {needed} each could" if needed else f"not even {statistics.MOST_SEEDS} could, on these images"
    return [f"{count} seeds cannot separate {margin} dB: they tell {least:.2f} dB from nothing 4 times in 5; {many}"]


def as_rows(found: Sequence[Compared]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            **compared.place,
            "methods": list(compared.names),
            "seeds": list(compared.seeds),
            "images": compared.images,
            "over": "trainings" if compared.by_seeds else "images",
            "verdict": verdict(compared, claims_of(found)),
            "differs": compared.beside,
            "short": compared.short,
            "past_best": compared.fallen,
            "p": compared.adjusted,
            "differences": {
                name: {key: value if np.isfinite(value) else None for key, value in vars(difference).items()}
                for name, difference in compared.differences.items()
            },
        }
        for compared in found
    ]
