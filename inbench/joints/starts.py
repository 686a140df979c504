"""Starts: a run whose checkpoint was kept is the start of one with more steps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inbench.words import records
from inbench.words.records import Record, Run

MOST = 4 / 5
"""A start lies in the first four fifths: whether a run has converged is seen in its last fifth, which it has to do itself."""


def of(run: Run, runs: Path) -> Record | None:
    """The furthest record with a kept checkpoint that a run can start from; None where there is none.

    Not one whose steps asked how many there would be: from there, a longer training would not come to the bits that it comes to
    by itself.
    """
    found = []
    for folder in runs.glob(f"{run.method}-*"):
        if not records.where(folder, "checkpoint.pt").is_file():  # asked first: there may be very many records
            continue
        record = records.open_record(folder)
        if record is None or "checkpoint.pt" not in records.listed(folder) or record.damage():
            continue
        begun = Run(**record.told["run"])
        if record.status == "ok" and record.told.get("scheduled") is False and _is_start(begun, run):
            found.append((begun.steps or 0, folder.name, record))
    return max(found, key=lambda one: one[:2])[2] if found else None


def _is_start(begun: Run, run: Run) -> bool:
    if begun.steps is None or run.steps is None or dataclasses.replace(begun, steps=run.steps) != run:
        return False
    return begun.steps <= MOST * run.steps
