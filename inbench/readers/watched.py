"""Watched: what validation psnr tells of the trainings of a method: whether they have converged, or are past their best."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

from inbench.words.records import Record

FIFTHS = 5
TOLD = 0.1
"""dB of validation psnr by which the last fifth of a training may rise above, or fall below, what came before."""
CONVERGED_MEANS = f"not converged: the best validation psnr of the last fifth is over {TOLD} dB above the best before"
PAST_BEST_MEANS = (
    f"past its best: all validation psnr of the last fifth is over {TOLD} dB below "
    "what half the looks of an earlier fifth reached"
)
"""What ‡ and ¶ mean."""


def fifths(record: Record) -> list[list[float]]:
    """The looks at validation psnr in each fifth of the steps up to the last look."""
    watched = record.told["validation"]
    last = max((look["step"] for look in watched), default=0)
    ends = [math.ceil(last * part / FIFTHS) for part in range(FIFTHS + 1)]
    return [[look["psnr"] for look in watched if start < look["step"] <= end] for start, end in itertools.pairwise(ends)]


def checkpoint(record: Record) -> str:
    """Whose weights answer: those of the `last` step, unless it says otherwise."""
    return str(record.told["run"].get("checkpoint", "last"))


def rise(record: Record) -> float | None:
    """How far the best look of the last fifth lies above the best before; None where nothing was watched before.

    Best against best, since single looks at an adversarial training differ by more.
    """
    *before, after = fifths(record)
    earlier = [look for fifth in before for look in fifth]
    return max(after) - max(earlier) if earlier and after else None


def fall(record: Record) -> float | None:
    """How far every look of the last fifth lies below the middle one of some earlier fifth; None as above.

    The middle, since the best of so many looks lies above them by chance. None too where the best look answers.
    """
    if checkpoint(record) != "last":
        return None
    *before, after = fifths(record)
    return max(map(median, filter(None, before))) - max(after) if any(before) and after else None


def converged(trainings: Sequence[Record]) -> bool | None:
    """Whether they no longer rose, on average, so that more of them tell it more surely; None where none was watched."""
    risen = _mean(rise, trainings)
    return None if risen is None else risen <= TOLD


def past_best(trainings: Sequence[Record]) -> bool | None:
    """Whether they had fallen, on average: an earlier stop would have been better."""
    fallen = _mean(fall, trainings)
    return None if fallen is None else fallen > TOLD


def _mean(of: Callable[[Record], float | None], trainings: Sequence[Record]) -> float | None:
    found = [told for training in trainings if (told := of(training)) is not None]
    return fmean(found) if found else None
