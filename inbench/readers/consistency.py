"""Consistency: which published cells cannot both hold under the convention that is taken for their paper; arithmetic alone.

Jensen's inequality: a mean of per-image PSNRs is never below the PSNR of the mean squared error. How far above it is
follows from how much the PSNR varies: about (ln 10 / 20) x variance, in dB.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from inbench.words.published import Paper, PaperRow, PaperTable

NEAR = 0.05
"""dB below the bound that rounding of one of the two numbers, or a pooled PSNR, may explain."""
WIDE = 3.5
"""dB: a standard deviation of per-image PSNRs over a hole that is more than pictures of one kind show."""
TELLING_DIGITS = 4
"""Equal cells of fewer digits are equal by chance."""


@dataclass(frozen=True)
class Printed:
    """A published number with the least and the most that it may be rounded from."""

    value: float
    low: float
    high: float


def notes(paper: Paper) -> list[str]:
    """A sentence for each row, or pair of rows, that does not add up; empty where all does or nothing can be checked."""
    found = [note for table in paper.tables for row in table.rows for note in _of_row(paper, table, row)]
    for table in paper.tables:
        found += [note for pair in itertools.combinations(table.rows, 2) for note in _of_order(paper, table, *pair)]
    rows = [(table, row) for table in paper.tables for row in table.rows if row.published]
    found += [note for one, other in itertools.combinations(rows, 2) for note in _of_twins(one, other)]
    return found


def _cell(text: str) -> Printed:
    half = 0.5 * 10.0 ** int(Decimal(text).as_tuple().exponent)  # of a number that is finite it is one
    return Printed(float(text), float(text) - half, float(text) + half)


def _pooled(paper: Paper, row: PaperRow) -> Printed | None:
    """The PSNR of a row's mean squared error."""
    if "l2" not in row.published or paper.convention["aggregation"].value != "mean":
        return None
    error = _cell(row.published["l2"])
    if error.value <= 0:
        return None
    value, high, low = (
        -10 * math.log10(percent / 100 * paper.factor**-2 / 4) if percent > 0 else math.inf
        for percent in (error.value, error.low, error.high)
    )
    return Printed(value, low, high)


def _of_row(paper: Paper, table: PaperTable, row: PaperRow) -> Iterator[str]:
    pooled = _pooled(paper, row)
    if pooled is None or "psnr" not in row.published:
        return
    psnr = _cell(row.published["psnr"])
    where = f"{table.name}, {row.label}: the PSNR of {row.published['psnr']} dB is"
    least = f"its L2 of {row.published['l2']} % alone is {pooled.value:.2f} dB, and a mean over images cannot be less"
    if psnr.high < pooled.low - NEAR:
        yield f"{where} {_not_consistent(paper)}: {least}"
    elif psnr.high < pooled.low:
        told = "a PSNR of the mean error, or rounding of one of the two, would explain it"
        yield f"{where} {pooled.value - psnr.value:.2f} dB under the bound: {least}; {told}"
    else:
        spread = math.sqrt(max(0.0, psnr.low - pooled.high) * 20 / math.log(10))
        if spread > WIDE:
            above = f"{psnr.value - pooled.value:.2f} dB above that of its L2 of {row.published['l2']} %"
            yield f"{where} {above}: it would have to vary by {spread:.1f} dB from image to image (standard deviation)"


def _not_consistent(paper: Paper) -> str:
    open_ = [name for name, fact in paper.convention.items() if not fact.known]
    stated = f"; the paper does not state its {', '.join(open_)}" if open_ else ""
    return f"not consistent with the same row's L2 under the convention printed below (code: {paper.code}{stated})"


def _of_order(paper: Paper, table: PaperTable, one: PaperRow, other: PaperRow) -> Iterator[str]:
    """Two rows whose L2 and PSNR say opposite things."""
    pooled = [_pooled(paper, row) for row in (one, other)]
    if pooled[0] is None or pooled[1] is None or not all("psnr" in row.published for row in (one, other)):
        return
    by_error = pooled[0].value - pooled[1].value
    by_psnr = float(one.published["psnr"]) - float(other.published["psnr"])
    apart = abs(by_error) + abs(by_psnr)
    if by_error * by_psnr < 0 and apart * 20 / math.log(10) > WIDE**2:
        better, worse = (one, other) if by_error > 0 else (other, one)
        told = f"{better.label} is {abs(by_error):.2f} dB better than {worse.label}, by PSNR {abs(by_psnr):.2f} dB worse"
        spread = f"{math.sqrt(apart * 20 / math.log(10)):.1f} dB or more in {worse.label} and hardly in {better.label}"
        varies = f"the PSNR varies from image to image by {spread}"
        yield f"{table.name}: by L2 {told}; both hold under one convention only if {varies}"


def _of_twins(one: tuple[PaperTable, PaperRow], other: tuple[PaperTable, PaperRow]) -> Iterator[str]:
    """One method with two results, or two methods with one."""
    (table, row), (second, again) = one, other
    names = f"{table.name}, {row.label}, and {second.name}, {again.label}"
    shared = [name for name in row.published if name in again.published]
    same_setting = (row.dataset, row.mask, row.budget) == (again.dataset, again.mask, again.budget)
    if row.method and row.method == again.method and same_setting:
        differ = [f"{name} {row.published[name]} and {again.published[name]}" for name in shared
                  if row.published[name] != again.published[name]]  # fmt: skip
        equal = [f"{name} {row.published[name]}" for name in shared if row.published[name] == again.published[name]]
        if differ:
            also = f" beside equal {', '.join(equal)}" if equal else ""
            yield f"{names}: one method, but {'; '.join(differ)}{also}: two trainings or two evaluations"
    elif same_setting:
        for name in shared:
            digits = row.published[name].replace(".", "").lstrip("0")
            if row.published[name] == again.published[name] and len(digits) >= TELLING_DIGITS:
                yield f"{names}: the same {name}, {row.published[name]}, to the last digit; it may be one number printed twice"
