"""Time to quality: after how much training the validation of each method first reached so many dB."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inbench.readers.naming import set_names, told_apart
from inbench.readers.rows import hardware_of
from inbench.readers.sections import trainings
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.words.budget import of_training
from inbench.words.errors import UserError
from inbench.words.records import Record


@dataclass(frozen=True)
class StepTimes:
    """Seconds a step as `inbench bench` measured them, by method, size, batch and precision; and on what, in words."""

    seconds: Mapping[tuple[str, int, int, str], float]
    machine: str

    def of(self, record: Record) -> float | None:
        run = record.told["run"]
        return self.seconds.get((record.told["labels"]["method"], run["size"], run["batch"], run["precision"]))


def goals_of(text: str) -> list[float]:
    """Goals in dB from `20,21,21.5`. Raises `UserError`."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UserError(f"--time-to {text!r} must be validation psnr in dB, such as 20,21,21.5")
    return sorted(set(found))


def quality_sheets(found: Sequence[Record], goals: Sequence[float], times: StepTimes | None = None) -> list[Sheet]:
    """A sheet for each data set, size, training mask, budget and hardware, of the trainings that validation watched.

    times: in place of each run's own speed, which a busy machine makes as slow as it was; methods without one are left out.
    """
    names = set_names(found)
    together: dict[tuple[object, ...], list[Record]] = {}
    for record in found:
        if record.status == "ok" and record.told["validation"] and (times is None or times.of(record)):
            run, labels = record.told["run"], record.told["labels"]
            machine = times.machine if times else hardware_of(record)
            place = (names[record.key], run["size"], labels["train_mask"], of_training(labels["budget"]), machine)
            together.setdefault(place, []).append(record)
    return [_sheet(place, members, goals, times) for place, members in sorted(together.items(), key=lambda item: str(item[0]))]


def _sheet(place: tuple[object, ...], members: list[Record], goals: Sequence[float], times: StepTimes | None) -> Sheet:
    dataset, size, mask, budget, hardware = place
    columns = [Column("method", number=False), Column("steps"), Column("ms/step"), Column("highest dB")]
    columns += [Column(f"{what} to {goal:g} dB") for goal in goals for what in ("steps", "s")]
    groups = trainings(members)
    body = [_line(name, same, goals, times) for name, same in zip(told_apart(groups), groups, strict=True)]
    speed = "the step times of inbench bench" if times else "its own speed"
    watched = sorted({str(count) for record in members if (count := record.told.get("val_images"))}, key=int)
    notes = [
        "psnr on the hole of the validation pictures of each run, at the steps where they were watched",
        *([f"watched on {' or '.join(watched)} pictures"] if watched else []),
        f"seconds are of training alone, without validation, at {speed}",
        "means over the seeds, at the speed of the middle one; - where none of them came so far",
    ]
    return Sheet(f"{dataset}, {size} x {size}, trained on {mask}, budget: {budget}, on {hardware}", columns, body, notes)


def _line(name: str, same: list[Record], goals: Sequence[float], times: StepTimes | None) -> list[Cell]:
    seconds = float(np.median([(times and times.of(record)) or _own_seconds(record) for record in same]))
    highest = max(watch["psnr"] for record in same for watch in record.told["validation"])
    cells = [Cell(name), Cell(str(same[0].told["run"]["steps"]))]
    cells += [Cell(f"{1000 * seconds:.0f}"), Cell(f"{highest:.2f}")]
    for goal in goals:
        reached = [step for record in same if (step := first(record, goal))]
        seeds = f" ({len(reached)} of {len(same)} seeds)" if reached and len(reached) < len(same) else ""
        if reached:
            cells += [Cell(f"{np.mean(reached):.0f}{seeds}"), Cell(f"{np.mean(reached) * seconds:.0f}")]
        else:
            cells += [NO_CELL, NO_CELL]
    return cells


def _own_seconds(record: Record) -> float:
    return float(record.told["costs"]["train_seconds"] / record.told["run"]["steps"])


def first(record: Record, goal: float) -> int | None:
    """The first watched step at which a training had reached a goal in dB."""
    return next((watch["step"] for watch in record.told["validation"] if watch["psnr"] >= goal), None)
