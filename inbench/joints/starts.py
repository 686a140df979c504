"""Starts: a run whose checkpoint was kept is the start of one with more steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inbench.words import disk, records
from inbench.words.records import Record, Run

MOST = 4 / 5
"""A start lies in the first four fifths: whether a run has converged is seen in its last fifth, which it has to do itself."""

BITS = ("hardware", "device", "threads", "deterministic", "libraries")
"""What of a provenance the bits and the seconds of a training depend on."""


def place_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Where a training is at work, as far as its bits and seconds tell."""
    return {name: provenance.get(name) for name in BITS}


def of(run: Run, runs: Path, place: Mapping[str, Any]) -> Record | None:
    """The furthest record with a kept checkpoint that a run can start from at a place; None where there is none.

    Only one from which it comes to the bits that it comes to by itself: trained at such a place, on CUDA with kernels that
    repeat their bits, and by steps that did not ask how many there would be. A run that answers by its best look has to look by
    itself.
    """
    if run.checkpoint != "last" or (str(place["device"]).startswith("cuda") and not place["deterministic"]):
        return None
    found = []
    for folder in runs.glob(f"{run.method}-*"):
        if not disk.where(folder, "checkpoint.pt").is_file():  # asked first: there may be very many records
            continue
        record = records.open_record(folder)
        if record is None or "checkpoint.pt" not in disk.listed(folder) or record.damage():
            continue
        begun = Run(**record.told["run"])
        same = record.status == "ok" and record.told.get("places") == 1 and place_of(record.told["provenance"]) == place
        if same and record.told.get("scheduled") is False and _is_start(begun, run):
            found.append((begun.steps or 0, folder.name, record))
    return max(found, key=lambda one: one[:2])[2] if found else None


def _is_start(begun: Run, run: Run) -> bool:
    if begun.steps is None or run.steps is None or dataclasses.replace(begun, steps=run.steps) != run:
        return False
    return begun.steps <= MOST * run.steps
