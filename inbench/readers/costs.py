"""Costs: rows to a sheet of what the runs cost; times of different hardware never share a column."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from inbench.readers.rows import by_table
from inbench.readers.score_sheets import number, title_of
from inbench.readers.sheets import Cell, Column, Sheet

MEASURED = {
    "train_seconds": ("train s", 0, 1.0),
    "cpu_seconds": ("CPU s", 0, 1.0),
    "ms_per_image": ("ms/image", 1, 1.0),
    "peak_memory_bytes": ("peak MB", 0, 2.0**20),
}
"""What depends on the machine: its head, its digits, its unit."""


def cost_sheets(made: Sequence[dict[str, Any]]) -> list[Sheet]:
    """A sheet for each data set, size, mask and budget, with columns for each hardware."""
    return [_sheet(members) for members in by_table(row for row in made if row["metrics"] and row["external"] is None)]


def _sheet(members: list[dict[str, Any]]) -> Sheet:
    machines = sorted({hardware for row in members for hardware in row["hardware"]})
    letters = dict(zip(machines, ascii_uppercase, strict=False)) if len(machines) > 1 else {machines[0]: ""}
    columns = [Column("method", number=False)]
    columns += [Column(f"{told} {letter}".rstrip()) for letter in letters.values() for told, _, _ in MEASURED.values()]
    columns += [Column("parameters M"), Column("GFLOP/image")]
    licensed = any(row["licence"] for row in members)
    columns += [Column("licence of the authors' code", number=False)] if licensed else []
    body = []
    for row in members:
        cells = [Cell(row["shown"])]
        for machine in letters:
            spent = row["costs"].get(machine, {})
            cells += [number((spent.get(name) or 0) / unit, digits) for name, (_, digits, unit) in MEASURED.items()]
        cells += [number((row["parameters"] or 0) / 1e6, 2), number((row["flops_per_image"] or 0) / 1e9, 2)]
        body.append(cells + ([Cell(row["licence"] or "-")] if licensed else []))
    body.append(_total(members, list(letters), len(columns)))
    where = "" if len(letters) > 1 else f", on {machines[0]}"
    notes = [f"{letter}: {machine}" for machine, letter in letters.items() if letter]
    notes += ["of several trainings the middle one, in the sum too"] if any(len(row["seeds"]) > 1 for row in members) else []
    days = sorted({day for row in members for day in row["written"]})
    commits = sorted({commit for row in members for commit in row["commits"]})
    notes += [f"written {' to '.join(dict.fromkeys((days[0], days[-1])))}, by commit {', '.join(commits) or 'unknown'}"]
    return Sheet(title_of(members[0]) + where, columns, body, notes)


def _total(members: Sequence[dict[str, Any]], machines: Sequence[str], width: int) -> list[Cell]:
    cells = [Cell("all")]
    for machine in machines:
        spent = sum(row["costs"][machine]["cpu_seconds"] for row in members if machine in row["costs"])
        cells += [Cell(f"{spent:.0f}" if name == "cpu_seconds" else "") for name in MEASURED]
    return cells + [Cell("")] * (width - len(cells))
