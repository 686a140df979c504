"""Costs: rows to a sheet of what the runs cost; times of different hardware never share a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbench.readers.provenance import letter
from inbench.readers.score_sheets import number, title_of
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.words.protocol import PRIMARY

MEASURED = {
    "train_seconds": ("train s", 0, 1.0),
    "cpu_seconds": ("CPU s", 0, 1.0),
    "ms_per_image": ("ms/image", 1, 1.0),
    "latency_seconds": ("latency ms", 1, 1e-3),
    "peak_memory_bytes": ("peak MB", 0, 2.0**20),
}
"""What depends on the machine: its head, its digits, its unit."""


def cost_sheets(made: Sequence[dict[str, Any]]) -> list[Sheet]:
    """A sheet for each data set, size and mask, with columns for each hardware: what was run, once, under its own budget."""
    together: dict[tuple[object, ...], dict[tuple[str, ...], dict[str, Any]]] = {}
    for row in made:
        if row["metrics"] and row["external"] is None:
            once = together.setdefault((row["dataset"], row["data"], row["size"], row["mask"]), {})
            known = once.setdefault(tuple(row["records"]), row)
            if row["metrics"][PRIMARY]["n"] > known["metrics"][PRIMARY]["n"]:  # a guest in tables that test fewer
                once[tuple(row["records"])] = row
    return [_sheet(list(once.values())) for once in together.values()]


def _sheet(members: list[dict[str, Any]]) -> Sheet:
    machines = sorted({hardware for row in members for hardware in row["hardware"]})
    letters = {machine: letter(place) if len(machines) > 1 else "" for place, machine in enumerate(machines)}
    budgets = {row["budget"] for row in members if not row["any_budget"]}
    columns = [Column("method", number=False), *([Column("budget", number=False)] if len(budgets) > 1 else [])]
    columns += [Column(f"{told} {mark}".rstrip()) for mark in letters.values() for told, _, _ in MEASURED.values()]
    columns += [Column("parameters M"), Column("GFLOP/image")]
    licensed = any(row["licence"] for row in members)
    columns += [Column("licence of the authors' code", number=False)] if licensed else []
    body = []
    for row in sorted(members, key=lambda row: (row["shown"], row["budget"])):
        cells = [Cell(row["shown"])]
        cells += ([NO_CELL] if row["any_budget"] else [Cell(row["budget"])]) if len(budgets) > 1 else []
        for machine in letters:
            spent = row["costs"].get(machine, {})
            cells += [number((spent.get(name) or 0) / unit, digits) for name, (_, digits, unit) in MEASURED.items()]
        cells += [number((row["parameters"] or 0) / 1e6, 2), number((row["flops_per_image"] or 0) / 1e9, 2)]
        body.append(cells + ([Cell(row["licence"] or "-")] if licensed else []))
    body.append(_total(members, list(letters), [column.head for column in columns]))
    where = "" if len(letters) > 1 else f", on {machines[0]}"
    notes = [f"{mark}: {machine}" for machine, mark in letters.items() if mark]
    notes += ["of several trainings the middle one, in the sum too"] if any(len(row["seeds"]) > 1 for row in members) else []
    days = sorted({day for row in members for day in row["written"]})
    commits = sorted({commit for row in members for commit in row["commits"]})
    notes += [f"written {' to '.join(dict.fromkeys((days[0], days[-1])))}, by commit {', '.join(commits) or 'unknown'}"]
    title = title_of(members[0], budget=len(budgets) < 2)
    return Sheet(title + where, columns, body, notes)


def _total(members: Sequence[dict[str, Any]], machines: Sequence[str], heads: Sequence[str]) -> list[Cell]:
    """The processor time of all, under its head for each machine."""
    spent = iter(
        sum(row["costs"][machine]["cpu_seconds"] for row in members if machine in row["costs"]) for machine in machines
    )
    own = MEASURED["cpu_seconds"][0]
    return [Cell("all"), *(Cell(f"{next(spent):.0f}" if head.startswith(own) else "") for head in heads[1:])]
