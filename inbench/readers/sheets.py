"""Sheets: a table before it is written in any format: its title, its columns, its cells, and what stands under it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """A text, what may stand small behind it (`±0.31`), and how it is meant.

    best: within the margin of the best of its column; published: somebody else's number, never compared with ours.
    """

    text: str
    spread: str = ""
    best: bool = False
    published: bool = False


@dataclass(frozen=True)
class Column:
    """A head, and whether numbers stand under it."""

    head: str
    number: bool = True
    published: bool = False


@dataclass(frozen=True)
class Sheet:
    """One table. notes: sentences under it; faults: what came to nothing, and why."""

    title: str
    columns: list[Column]
    body: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


NO_CELL = Cell("-")


def sentences(notes: list[str]) -> str:
    """Notes as one paragraph."""
    told = [note[0].upper() + note[1:] for note in notes if note]
    return ". ".join(told) + "." if told else ""
