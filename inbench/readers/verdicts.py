"""Verdicts: what a paper claims of its methods, each claim tested on our records, with the reason where none can be given."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from inbench.readers import curves, standing, statistics
from inbench.readers.comparison import Compared, compared_in, forms_of, sides_of, told_fallen, told_short
from inbench.readers.comparison_sheets import difference_cells
from inbench.readers.naming import one_set
from inbench.readers.score_sheets import images, ranks
from inbench.readers.scored import Scored
from inbench.readers.sections import Section, images_shown, sections
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.readers.statistics import Difference
from inbench.words.budget import of_training
from inbench.words.errors import UserError
from inbench.words.protocol import MARGINS
from inbench.words.published import Claim, Paper, label_of
from inbench.words.records import Record

SUPPORTED, REFUTED, EQUIVALENT, OPEN = "supported", "not supported", "equivalent within the margin", "underpowered"
CURVES = ("loss-level", "loss-swing")
"""Of the last fifth of a training: the median of its loss, and how far that swings relative to it. Lower is better."""
ERRORS = ("l1", "l2", "psnr", "psnr-pooled", "psnr-completed")
"""Metrics of error per pixel, by which the floor is a floor."""
NOT_RUN, EARLY = "not run", "too early"
RULE = (
    "the gain is a difference, so taken that above 0 is what the paper says",
    f"{SUPPORTED}: its interval lies above 0, and p below 0.05 after Holm over all claims of the paper",
    f"{EQUIVALENT}: the interval lies within the margin (0.1 dB, 0.005 of SSIM), each claim by itself",
    f"{REFUTED}: the interval lies below the margin, each claim by itself; of a metric without one, below 0, and p as above",
    f"{OPEN}: neither",
    "in one training each: other seeds may say otherwise",
)


@dataclass
class Judged:
    """A claim with what was found of it: a difference whose sign is the claim's, and the verdict, or why there is none."""

    claim: Claim
    compared: Compared | None = None
    difference: Difference | None = None
    verdict: str = ""

    @property
    def early(self) -> bool:
        return self.verdict.startswith(EARLY)

    @property
    def chance(self) -> float | None:
        """The p that it is judged by; None where nothing can be judged, or the verdict is there."""
        told = self.difference
        return told.p if told and math.isfinite(told.p) and not self.verdict else None


@dataclass(frozen=True)
class Pair:
    """Two methods in a table: their records, and how they compare by every metric."""

    sides: tuple[list[Record], list[Record]]
    compared: Compared


Between = Callable[[Section, str, str], Pair | None]


def judge(kept: list[Record], paper: Paper, roles: Mapping[str, str], budget: str | None = None) -> list[Judged]:
    """Every claim of a paper on the records there are.

    Without a budget, on each data set under the paper's own, or the one that tests most of them; of several the one that
    trained longest, whatever comes out of it.
    """
    labels = {role: label_of(name) for role, name in roles.items()}
    found = sections(kept)

    @functools.cache
    def between(section: Section, method: str, than: str) -> Pair | None:
        """Claims by several metrics are of one pair."""
        table = Scored(section, found[section])
        one, other = sides_of(section.mask, forms_of(table, method), forms_of(table, than))
        if not one or not other:
            return None
        sides = (one.records, other.records)
        return Pair(sides, compared_in(table, one, other))

    sizes = {table.size for table in paper.tables}
    here = [section for section in found if section.size in sizes]
    there = {section.budget for section in here}
    budgets = [standing.asked(budget, there)] if budget else standing.plainest_first(there)
    shown_to = {record.key: images_shown(record) for record in kept}

    def worth(shown: str, tested: Sequence[Judged]) -> tuple[bool, bool, bool, int, int]:
        """Of a budget that compares any: whether it is the paper's own, or no first look; how many; how long it trained."""
        compared = [one.compared for one in tested if one.compared]
        own = all(one.claim.budget == shown for one in tested)
        most = max((shown_to[key] for one in compared for key in one.keys), default=0)
        return bool(compared), own, ranks(shown), len(compared), most

    chosen: dict[str, Iterator[Judged]] = {}
    for role in {claim.dataset for claim in paper.claims}:
        claims = [claim for claim in paper.claims if claim.dataset == role]
        tested = {shown: [_test(claim, here, labels, shown, between) for claim in claims] for shown in budgets}
        best = max(budgets, key=lambda shown: worth(shown, tested[shown]), default="")
        alike = [tested[shown] for shown in budgets if of_training(shown) == of_training(best)]
        chosen[role] = (max(same, key=_weight) for same in zip(*alike, strict=True)) if best else map(_not_run, claims)
    judged = [next(chosen[claim.dataset]) for claim in paper.claims]
    _settle(judged)
    return judged


def _weight(one: Judged) -> tuple[bool, int, int]:
    """Of the same trainings, a claim is judged where it can be, over the most of them, on the most pictures."""
    compared = one.compared
    return (not one.early, min(compared.seeds), compared.images) if compared else (False, 0, 0)


def _not_run(claim: Claim) -> Judged:
    return Judged(claim, verdict=NOT_RUN)


def _test(claim: Claim, found: Iterable[Section], labels: Mapping[str, str], budget: str, between: Between) -> Judged:
    if claim.dataset not in labels:
        return Judged(claim, verdict=f"no data set stands for {claim.dataset}: --datasets {claim.dataset}=NAME")
    here = (claim.mask, budget)
    try:
        label = one_set((one.dataset for one in found), labels[claim.dataset])
        tables = [one for one in found if (one.mask, one.budget) == here and one.dataset == label]
        pair = next(filter(None, (between(section, claim.method, claim.than) for section in tables)), None)
    except UserError as error:
        return Judged(claim, verdict=f"no verdict: {error}")
    if pair is None:
        return Judged(claim, verdict=NOT_RUN)
    if claim.metric in CURVES:
        return _of_curves(claim, pair)
    if claim.metric not in pair.compared.differences:
        return Judged(claim, verdict=f"not scored by {claim.metric}: inbench score")
    return _of_scores(claim, pair.compared)


def _of_scores(claim: Claim, compared: Compared) -> Judged:
    """The difference by a metric; what is not higher is lower, or nearer to 0, where better is."""
    told = compared.differences[claim.metric]
    if compared.told[claim.metric]["better"] != "higher":
        told = Difference(-told.value, -told.high, -told.low, told.p)
    return Judged(claim, compared, told, _too_early(compared))


def _too_early(compared: Compared) -> str:
    return f"{EARLY}: {compared.withheld}" if compared.withheld else ""


def _of_curves(claim: Claim, pair: Pair) -> Judged:
    """How the losses of two methods went: over trainings where there are several of each, else a value and no interval."""
    lasts = [[curve.last() for record in side if (curve := curves.curve_of(record))] for side in pair.sides]
    if not all(lasts):
        return Judged(claim, verdict="no curve of a loss")
    ours, theirs = ([last[CURVES.index(claim.metric)] for last in side] for side in lasts)
    early = _too_early(pair.compared)
    if max(len(ours), len(theirs)) > 1:
        return Judged(claim, pair.compared, statistics.between_seeds(theirs, ours), early)
    difference = sum(theirs) / len(theirs) - sum(ours) / len(ours)
    nothing = float("nan")
    told = Difference(difference, nothing, nothing, nothing)
    return Judged(claim, pair.compared, told, early or f"{OPEN}: one training tells no spread")


def _settle(tested: Sequence[Judged]) -> None:
    """The verdicts of all that can be judged; all were to be, and are one family, so that chance decides none of many.

    What is not judged yet has the p of 1, and makes no other claim easier.
    """
    chances = statistics.holm([1.0 if one.chance is None else one.chance for one in tested])
    for one, chance in zip(tested, chances, strict=True):
        if one.difference and one.chance is not None:
            one.verdict = verdict_of(one.difference, chance, MARGINS.get(one.claim.metric, 0.0))
            if one.compared and one.verdict != OPEN:
                one.verdict += one.compared.alone
            if one.compared and (cautions := _cautions(one.claim, one.compared)):
                one.verdict += f", so far: {cautions}"
        one.verdict = one.verdict or OPEN


def _cautions(claim: Claim, compared: Compared) -> str:
    short = told_short(compared.short) if claim.metric in ERRORS else ""
    return "; ".join(filter(None, [short, told_fallen(compared.fallen)]))


def verdict_of(told: Difference, chance: float, margin: float) -> str:
    """What may be said of a claim, from its difference (above 0 is as claimed), its chance and the margin of the metric."""
    if told.within(margin):
        return EQUIVALENT
    certain = chance < 1 - statistics.LEVEL
    if told.low > 0 and certain:
        return SUPPORTED
    if told.high < margin if margin else told.high < 0 and certain:
        return REFUTED
    return OPEN


def sheet(paper: Paper, tested: Sequence[Judged]) -> Sheet:
    """The claims as a table."""
    names = ("claim", "of", "on", "metric", "A", "B")
    columns = [Column(name, number=False) for name in names]
    columns += [
        Column("gain of A over B"),
        Column("95 % interval"),
        Column("over", number=False),
        Column("verdict", number=False),
    ]
    missing = [one for one in tested if one.verdict == NOT_RUN]
    listed = dict.fromkeys(f"{one.claim.says} ({one.claim.method} against {one.claim.than})" for one in missing)
    body = [_line(one) for one in tested if one not in missing or len(missing) == len(tested)]
    compared = [one.compared for one in tested if one.compared]
    notes = [*RULE, *sorted({_told(one) for one in compared})]
    notes += [f"{NOT_RUN}, and not in the table: {'; '.join(listed)}"] if 0 < len(missing) < len(tested) else []
    return Sheet(f"{paper.name}: what it claims, tested", columns, body, notes)


def _line(one: Judged) -> list[Cell]:
    claim, told = one.claim, one.difference
    place = f"{one.compared.section.dataset}, {claim.mask}" if one.compared else f"{claim.dataset}, {claim.mask}"
    cells = [Cell(claim.says), Cell(claim.source), Cell(place), Cell(claim.metric), Cell(claim.method), Cell(claim.than)]
    if told is None or not math.isfinite(told.value):
        return [*cells, NO_CELL, NO_CELL, NO_CELL, Cell(one.verdict)]
    over = NO_CELL
    if one.compared and math.isfinite(told.low):  # losses are of training, and hold no test image
        over = Cell(one.compared.trainings if claim.metric in CURVES else one.compared.over)
    unit = one.compared.told.get(claim.metric, {}).get("unit", "") if one.compared else ""  # a loss has none
    return [*cells, *difference_cells(told, unit), over, Cell(one.verdict)]


def _told(compared: Compared) -> str:
    section = compared.section
    over = f"{compared.trainings} (t) and their images" if compared.by_seeds else "the images of one training each, paired"
    over += ", a single one taken to vary as those beside it" if compared.by_seeds and compared.singles else ""
    place = f"on {section.dataset}, {section.size} x {section.size}, budget {section.budget}"
    return f"{place}: {images(compared.images, section.mask)}, intervals over {over}"
