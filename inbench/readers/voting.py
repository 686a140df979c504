"""Voting: the votes that came back from a blinded page, counted with exact binomial intervals."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench.readers.sheets import Cell, Column, Sheet
from inbench.readers.statistics import LEVEL
from inbench.words.errors import UserError

SIDES = ("left", "right")
COLUMNS = ["page", "question", "choice", "seconds"]


@dataclass(frozen=True)
class Vote:
    """One answer: the one that was chosen, and the one that was not."""

    chosen: str
    other: str


def read(files: Sequence[Path], key: Path) -> list[Vote]:
    """The votes of some files of one page. Raises `UserError` where a file is no file of votes, or of another page."""
    try:
        told = json.loads(key.read_text(encoding="utf-8"))
        asked = [{side: str(question[side]) for side in SIDES} for question in told["questions"]]
        page = str(told["page"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{key} is no key of a blinded page; inbench report --blind writes one beside it") from error
    return [vote for file in files for vote in _votes(file, page, asked, key)]


def _votes(file: Path, page: str, asked: list[dict[str, str]], key: Path) -> Iterable[Vote]:
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    if not rows or rows[0] != COLUMNS:
        raise UserError(f"{file} holds no votes; its first line would be {','.join(COLUMNS)}")
    numbers, votes = {str(place + 1): question for place, question in enumerate(asked)}, dict[str, Vote]()
    for line, row in enumerate(rows[1:], start=2):
        known = len(row) == len(COLUMNS) and row[1] in numbers
        if not known or row[2] not in SIDES:
            raise UserError(f"{file}, line {line}, is no vote: {','.join(row)!r}")
        if row[0] != page:
            raise UserError(f"{file} holds votes on page {row[0]}, not on {page}, whose key is {key}")
        question, other = numbers[row[1]], SIDES[1 - SIDES.index(row[2])]
        votes[row[1]] = Vote(question[row[2]], question[other])  # of two answers the last one counts
    return votes.values()


def interval(chosen: int, count: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy import special

    tail = (1 - LEVEL) / 2
    low = special.betaincinv(chosen, count - chosen + 1, tail) if chosen else 0.0
    high = special.betaincinv(chosen + 1, count - chosen, 1 - tail) if chosen < count else 1.0
    return float(low), float(high)


def as_rows(votes: Sequence[Vote]) -> list[dict[str, Any]]:
    """How often each of every two methods was chosen over the other; then each over all that it was asked against."""
    won = Counter((vote.chosen, vote.other) for vote in votes)
    pairs = sorted({(min(pair), max(pair)) for pair in won})
    names = sorted({name for pair in pairs for name in pair})
    found = [_row(one, other, won[one, other], won[other, one]) for one, other in pairs if one != other]
    for name in names:
        chosen = sum(count for (winner, loser), count in won.items() if winner == name != loser)
        lost = sum(count for (winner, loser), count in won.items() if loser == name != winner)
        found += [_row(name, None, chosen, lost)] if chosen + lost else []
    return found


def _row(method: str, other: str | None, chosen: int, lost: int) -> dict[str, Any]:
    low, high = interval(chosen, chosen + lost)
    count = chosen + lost
    return {
        "method": method,
        "against": other,
        "chosen": chosen,
        "asked": count,
        "share": chosen / count,
        "low": low,
        "high": high,
    }


def sheets(votes: Sequence[Vote], files: int) -> list[Sheet]:
    """Votes as tables: every method against all others, then every pair."""
    made = as_rows(votes)
    people = f"{len(votes)} votes in {files} file{'s' if files > 1 else ''}"
    notes = [
        people,
        "the interval is of the share, 95 %, exact binomial, as if every vote were independent of the others: "
        "several of one person, or on one picture, are not",
    ]
    alone = sorted((row for row in made if row["against"] is None), key=lambda row: -float(row["share"]))
    pairs = [row for row in made if row["against"] is not None]
    last = [Column("chosen"), Column("of"), Column("share %"), Column("95 % interval")]
    first = Sheet("Chosen over the others", [Column("method", number=False), *last], [_cells(row) for row in alone], notes)
    heads = [Column("method", number=False), Column("against", number=False), *last]
    return [first, Sheet("Chosen of two", heads, [_cells(row) for row in pairs], notes[1:])]


def _cells(row: dict[str, Any]) -> list[Cell]:
    names = [Cell(row["method"]), *([Cell(row["against"])] if row["against"] is not None else [])]
    share = [Cell(f"{100 * row['share']:.0f}"), Cell(f"{100 * row['low']:.0f} to {100 * row['high']:.0f}")]
    return [*names, Cell(str(row["chosen"])), Cell(str(row["asked"])), *share]
