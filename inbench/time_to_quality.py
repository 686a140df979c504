"""Time to quality: after how much training the validation of each method first reached so many dB."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inbench.errors import UserError
from inbench.records import Record
from inbench.rows import hardware_of, trainings
from inbench.sheets import NO_CELL, Cell, Column, Sheet


def goals_of(text: str) -> list[float]:
    """Goals in dB from `20,21,21.5`. Raises `UserError`."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UserError(f"--time-to {text!r} must be validation psnr in dB, such as 20,21,21.5")
    return sorted(set(found))


def quality_sheets(found: Sequence[Record], goals: Sequence[float]) -> list[Sheet]:
    """A sheet for each data set, size, training mask, budget and hardware, of the trainings that validation watched."""
    together: dict[tuple[object, ...], list[Record]] = {}
    for record in found:
        if record.status == "ok" and record.told["validation"]:
            run, labels = record.told["run"], record.told["labels"]
            place = (labels["dataset"], run["size"], labels["train_mask"], labels["budget"], hardware_of(record))
            together.setdefault(place, []).append(record)
    return [_sheet(place, members, goals) for place, members in sorted(together.items(), key=lambda item: str(item[0]))]


def _sheet(place: tuple[object, ...], members: list[Record], goals: Sequence[float]) -> Sheet:
    dataset, size, mask, budget, hardware = place
    columns = [Column("method", number=False), Column("steps"), Column("ms/step"), Column("highest dB")]
    columns += [Column(f"{what} to {goal:g} dB") for goal in goals for what in ("steps", "s")]
    body = [_line(same, goals) for same in trainings(members)]
    notes = [
        "psnr on the hole of the validation pictures of each run, at the steps where they were watched",
        "seconds are of training alone, without validation, at the run's mean speed",
        "means over the seeds; - where none of them came so far",
    ]
    return Sheet(f"{dataset}, {size} x {size}, trained on {mask}, budget: {budget}, on {hardware}", columns, body, notes)


def _line(same: list[Record], goals: Sequence[float]) -> list[Cell]:
    seconds = [record.told["costs"]["train_seconds"] / record.told["run"]["steps"] for record in same]
    highest = max(watch["psnr"] for record in same for watch in record.told["validation"])
    cells = [Cell(same[0].told["labels"]["method"]), Cell(str(same[0].told["run"]["steps"]))]
    cells += [Cell(f"{1000 * _mean(seconds):.0f}"), Cell(f"{highest:.2f}")]
    for goal in goals:
        reached = [(step, step * each) for record, each in zip(same, seconds, strict=True) if (step := first(record, goal))]
        seeds = f" ({len(reached)} of {len(same)} seeds)" if reached and len(reached) < len(same) else ""
        if reached:
            cells += [Cell(f"{_mean([step for step, _ in reached]):.0f}{seeds}"), Cell(f"{_mean([s for _, s in reached]):.0f}")]
        else:
            cells += [NO_CELL, NO_CELL]
    return cells


def first(record: Record, goal: float) -> int | None:
    """The first watched step at which a training had reached a goal in dB."""
    return next((watch["step"] for watch in record.told["validation"] if watch["psnr"] >= goal), None)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
