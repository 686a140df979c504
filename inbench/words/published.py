"""Published numbers: the papers in `papers/*.toml`, read and checked: their tables, and under what convention they stand."""

from __future__ import annotations

import bisect
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench.words import brackets
from inbench.words.errors import UserError, unknown

FOLDER = Path(__file__).parent / "papers"
CARD = ("region", "range", "aggregation", "rounding", "hole", "data")
CHOICES = {"region": ("hole", "whole"), "range": ("[0, 1]", "[-1, 1]"), "aggregation": ("mean", "pooled")}
"""What our columns can follow; the rest of a card is text."""
METRICS = ("l1", "l2", "psnr", "ssim")
SHOWS = ("curves", "grid")
SETTLES = ("loss", "within")
"""What a figure of curves may say of a row: where its loss settles, and within how much of it."""
MOST_TEXT, MOST_OPEN = 2**18, 100
"""Characters of a file, and lines that one value of it takes: a longer one is no paper, and would be searched for ever."""
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Fact:
    """What a paper's numbers were computed under: stated there, or taken, and why."""

    value: str
    known: bool
    reason: str


@dataclass(frozen=True)
class PaperRow:
    """A row: what the paper calls it, what it is here (empty: nothing), and the published cells as they are printed."""

    label: str
    method: str
    dataset: str
    mask: str
    budget: str
    published: Mapping[str, str]


@dataclass(frozen=True)
class PaperTable:
    """A table, or a figure (whose rows have no cells). `source` is where in the paper, and what it leaves open.

    shows: of a figure, whether it is one of curves or a grid of pictures; of a table, nothing.
    """

    kind: str
    number: int
    title: str
    source: str
    size: int
    columns: Sequence[str]
    rows: Sequence[PaperRow]
    shows: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Claim:
    """What a paper says of two methods: `method` is better than `than`, by one of our metrics or by the curve of its loss."""

    says: str
    source: str
    method: str
    than: str
    metric: str
    dataset: str
    mask: str
    budget: str


@dataclass(frozen=True)
class Role:
    """A data set as the paper used it; default: what that is here, empty where it is nothing."""

    default: str
    about: str


@dataclass(frozen=True)
class Paper:
    """A paper; source: where its numbers were read; code: whether it is published; unverified: what nobody has checked.

    asked: what was typed for it, a name or a path.
    """

    name: str
    asked: str
    title: str
    authors: str
    where: str
    year: str
    source: str
    code: str
    unverified: str
    convention: Mapping[str, Fact]
    datasets: Mapping[str, Role]
    tables: Sequence[PaperTable]
    claims: Sequence[Claim]

    @property
    def citation(self) -> dict[str, str]:
        """For BibTeX; what is not verified says so."""
        told = {
            "title": self.title,
            "author": self.authors.replace(", ", " and "),
            "howpublished": self.where,
            "year": self.year,
        }
        return {**told, "note": f"not verified: {self.unverified}" if self.unverified else ""}

    @property
    def factor(self) -> float:
        """By what an error in [-1, 1] is multiplied to be one in the paper's range; its square for a squared error."""
        return 0.5 if self.convention["range"].value == "[0, 1]" else 1.0


def names() -> list[str]:
    """The papers that come with inbench."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load(name: str) -> Paper:
    """A paper by its name, or of a file of one's own (`PATH.toml`). Raises `UserError` where it does not say what it should."""
    file = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if file.parent == FOLDER and file.stem not in names():
        raise unknown("paper", name, names())
    return _Reader(file, name).paper()


def chosen(paper: Paper, number: str | None) -> list[PaperTable]:
    """The table of a number, or all tables and figures."""
    found = [one for one in paper.tables if number is None or (one.kind == "Table" and str(one.number) == number)]
    if not found:
        raise unknown(f"table of {paper.name}", str(number), [str(one.number) for one in paper.tables if one.kind == "Table"])
    return found


def roles_of(paper: Paper, text: str | None, *, own: bool = True) -> dict[str, str]:
    """`celeba=NAME,cars=PATH.zip` -> the data set of each role; own: those not named are the paper's, where there is one."""
    found = {role: told.default for role, told in paper.datasets.items() if told.default and own}
    for part in brackets.split_list(text or ""):
        role, equals, name = part.partition("=")
        if not equals or "[" in role:
            raise UserError(f"--datasets {part!r} names no role; write {next(iter(paper.datasets))}={part}")
        if role not in paper.datasets:
            raise unknown(f"data set role of {paper.name}", role, paper.datasets)
        found[role] = name
    return found


def label_of(text: str) -> str:
    """What records call a data set: a path by its stem, options sorted."""
    named = brackets.parse(text)
    path = Path(named.name)
    name = path.resolve().stem if path.suffix == ".zip" or "/" in named.name else named.name
    return brackets.write(name, named.options)


def _has(lines: Sequence[str], place: Place) -> bool:
    """Whether so many lines, without the last few where something is open in them, hold a key."""
    for count in range(len(lines), max(0, len(lines) - MOST_OPEN), -1):
        for end in ("", "]"):
            try:
                found: Any = tomllib.loads("".join(lines[:count]) + end)
            except tomllib.TOMLDecodeError:
                continue
            try:
                for key in place:
                    found = found[key]
            except (KeyError, IndexError, TypeError):
                return False
            return True
    return False


def _spoken(place: Place) -> str:
    """A place in a file, as one says it: the paper, convention range, the second of tables."""
    if not place:
        return "the paper"
    last = place[-1]
    return f"entry {last + 1} of {place[-2]}" if isinstance(last, int) else " ".join(map(str, place))


class _Reader:
    """One file; every complaint names the file and the line."""

    def __init__(self, file: Path, asked: str) -> None:
        self.file, self.asked = file, asked
        try:
            self.text = file.read_text(encoding="utf-8")
            if len(self.text) > MOST_TEXT:
                raise UserError(f"{file} is no paper: it has {len(self.text):,} characters")
            self.told = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise UserError(f"{file} is no TOML: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file} cannot be read: {error}") from error

    def line(self, place: Place) -> int:
        """Where a key stands: the first line up to which the file, or the list that is open there, has it."""
        lines = self.text.splitlines(keepends=True)
        return 1 + bisect.bisect_left(range(1, len(lines)), True, key=lambda count: _has(lines[:count], place))

    def wrong(self, place: Place, what: str) -> UserError:
        where = f"line {self.line(place)} of {self.file.name}" if place else self.file.name
        return UserError(f"{where}: {what}")

    def take(self, place: Place, needed: Sequence[str], allowed: Sequence[str] = ()) -> dict[str, Any]:
        """A table of the file with exactly these keys."""
        found: Any = self.told
        for key in place:
            found = found[key]
        if not isinstance(found, dict):
            raise self.wrong(place, f"{place[-1]} must be a table of keys, not {found!r}")
        known = [*needed, *allowed]
        for key in found:
            if key not in known:
                raise self.wrong((*place, key), str(unknown("key", key, known)))
        if missing := [repr(key) for key in needed if key not in found]:
            raise self.wrong(place, f"{_spoken(place)} has no {', '.join(missing)}")
        return found

    def text_of(self, told: Mapping[str, Any], key: str, place: Place) -> str:
        value = told.get(key, "")
        if not isinstance(value, str):
            raise self.wrong((*place, key), f"{key} must be text in quotes, not {value!r}")
        return value

    def paper(self) -> Paper:
        words = ("title", "authors", "where", "year", "source", "code", "unverified")
        told = self.take((), [*words, "convention", "datasets", "tables"], ["figures", "claims"])
        roles = {}
        for role in self.take(("datasets",), [], list(told["datasets"])):
            place: Place = ("datasets", role)
            found = self.take(place, ["default", "about"])
            roles[role] = Role(self.text_of(found, "default", place), self.text_of(found, "about", place))
        tables = [
            self.table(kind, place, roles)
            for kind in ("tables", "figures")
            for place in range(len(self.listed((), kind, told.get(kind, []))))
        ]
        return Paper(
            self.file.stem,
            self.asked,
            **{word: self.text_of(told, word, ()) for word in words},
            convention={name: self.fact(name) for name in self.take(("convention",), CARD)},
            datasets=roles,
            tables=tables,
            claims=[self.claim(place, roles) for place in range(len(self.listed((), "claims", told.get("claims", []))))],
        )

    def listed(self, place: Place, key: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.wrong((*place, key), f"{key} must be a list, not {value!r}")
        return value

    def fact(self, name: str) -> Fact:
        place: Place = ("convention", name)
        told = self.take(place, ["value", "known", "reason"])
        if not isinstance(told["known"], bool):
            raise self.wrong((*place, "known"), f"known must be true or false, not {told['known']!r}")
        if told["value"] not in CHOICES.get(name, (told["value"],)):
            raise self.wrong((*place, "value"), f"{name} {told['value']!r} must be one of {', '.join(CHOICES[name])}")
        return Fact(self.text_of(told, "value", place), told["known"], self.text_of(told, "reason", place))

    def table(self, kind: str, number: int, roles: Mapping[str, Role]) -> PaperTable:
        place: Place = (kind, number)
        needed = ["number", "title", "source", "size", "rows", "columns" if kind == "tables" else "shows"]
        told = self.take(place, needed, ["dataset", "mask", "budget"])
        for key in ("number", "size"):
            if not isinstance(told[key], int):
                raise self.wrong((*place, key), f"{key} must be a whole number, not {told[key]!r}")
        if kind == "figures" and told["shows"] not in SHOWS:
            raise self.wrong((*place, "shows"), str(unknown("kind of figure", str(told["shows"]), SHOWS)))
        columns = self.listed(place, "columns", told.get("columns", list(SETTLES) if told.get("shows") == "curves" else []))
        for column in columns if kind == "tables" else ():
            if column not in METRICS:
                raise self.wrong((*place, "columns"), str(unknown("column", str(column), METRICS)))
        rows = [
            self.row(
                (*place, "rows", row), {key: told[key] for key in ("dataset", "mask", "budget") if key in told}, columns, roles
            )
            for row in range(len(self.listed(place, "rows", told["rows"])))
        ]
        return PaperTable(
            "Table" if kind == "tables" else "Figure",
            told["number"],
            self.text_of(told, "title", place),
            self.text_of(told, "source", place),
            told["size"],
            columns,
            rows,
            told.get("shows", ""),
        )

    def claim(self, number: int, roles: Mapping[str, Role]) -> Claim:
        place: Place = ("claims", number)
        words = ("says", "source", "method", "than", "metric", "dataset", "mask", "budget")
        told = self.take(place, words)
        if self.text_of(told, "dataset", place) not in roles:
            raise self.wrong((*place, "dataset"), str(unknown("data set role", told["dataset"], roles)))
        return Claim(**{word: self.text_of(told, word, place) for word in words})

    def row(self, place: Place, common: dict[str, Any], columns: Sequence[str], roles: Mapping[str, Role]) -> PaperRow:
        told = {**common, **self.take(place, ["label"], ["method", "dataset", "mask", "budget", "published"])}
        for key in ("dataset", "mask", "budget"):
            if key not in told:
                raise self.wrong(place, f"row {told['label']!r} has no {key!r}, and its table has none")
        if self.text_of(told, "dataset", place) not in roles:
            raise self.wrong(place, str(unknown("data set role", told["dataset"], roles)))
        published = self.take((*place, "published"), [], list(columns)) if "published" in told else {}
        for name, cell in published.items():
            try:
                finite = math.isfinite(float(self.text_of(published, name, (*place, "published"))))
            except ValueError:
                finite = False
            if not finite:
                raise self.wrong((*place, "published", name), f"{name} {cell!r} is no number")
        words = {key: self.text_of(told, key, place) for key in ("label", "method", "dataset", "mask", "budget")}
        return PaperRow(**words, published=published)
