"""Paper sheets: a paper's published tables beside ours, with what differs, the arithmetic of its cells, and its convention."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from inbench.readers import consistency, standing
from inbench.readers.naming import is_called, is_of, one_set
from inbench.readers.rows import trained_on_it
from inbench.readers.score_sheets import best_of, bold, faults, head, marked, marks, ranks, score
from inbench.readers.sections import Section, holes_of
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.words import published
from inbench.words.errors import UserError
from inbench.words.protocol import PRIMARY
from inbench.words.published import SETTLES, Claim, Paper, PaperRow, PaperTable, label_of
from inbench.words.records import Record

Row = dict[str, Any]
Told = TypeVar("Told", PaperRow, Claim)
Pairs = list[tuple[PaperRow, Row | None]]
WHOLE = {"psnr": "psnr-completed"}
"""Our metric where a paper's region is the whole image; what is not here we do not measure so."""
POWERS = {"l1": 1, "l2": 2}


class Beside:
    """Our rows for the rows of a paper, in one budget a table; settled: where the loss of each training of a row settled."""

    def __init__(
        self,
        paper: Paper,
        rows: Sequence[Row],
        roles: Mapping[str, str],
        budget: str | None = None,
        settled: Callable[[Row], list[tuple[float, float]]] = lambda _: [],
    ) -> None:
        self.paper, self.rows, self.settled = paper, rows, settled
        self.asked = standing.asked(budget, {row["budget"] for row in rows}) if budget else None
        there = {row["dataset"] for row in rows}
        self.labels = {role: one_set(there, label_of(name)) for role, name in roles.items()}

    def pairs(self, table: PaperTable) -> Pairs:
        """Each row of a table with ours: at the paper's budget, or at the one that has most of its rows.

        Of several: the one that trained longest, then of most trainings, then of most images; never what comes out best.
        """
        candidates = [self.candidates(table, row) for row in table.rows]
        budgets = {row["budget"] for found in candidates for row in found if not row["any_budget"]} or {
            row["budget"] for found in candidates for row in found
        }
        wanted = self.asked or table.rows[0].budget

        def worth(budget: str) -> tuple[bool, bool, int, int, int, int]:
            held = [
                mine for found in candidates if (mine := [row for row in found if row["budget"] == budget and row["metrics"]])
            ]
            scored = [row for mine in held for row in mine]
            shown = max((row["budget_images"] for row in scored), default=0)
            tested = min((row["metrics"][PRIMARY]["n"] for row in scored), default=0)
            return budget == wanted, ranks(budget), len(held), shown, sum(len(row["seeds"]) for row in scored), tested

        chosen = self.asked or max(standing.plainest_first(budgets), key=worth, default=wanted)
        forms = [[one for one in found if one["budget"] == chosen] for found in candidates]
        return [(row, max(same, key=_settled_by, default=None)) for row, same in zip(table.rows, forms, strict=True)]

    def candidates(self, table: PaperTable, row: PaperRow) -> list[Row]:
        """Ours that may stand for a row of a paper, under any budget and in any form."""
        here = (self.labels.get(row.dataset), table.size, row.mask)
        return [
            one
            for one in self.rows
            if row.method
            and (one["dataset"], one["size"], one["mask"]) == here
            and trained_on_it(one)
            and is_of(one, row.method)
        ]


def _settled_by(row: Row) -> tuple[bool, int, int, int]:
    """Of several forms of a method, in other numerics or with another default, the one that tells most stands."""
    return row["complete"], len(row["seeds"]), row["budget_images"], row["metrics"][PRIMARY]["n"] if row["metrics"] else 0


def loaded(name: str, kept: Iterable[Record]) -> Paper:
    """A paper by its name or path, with its holes and budgets as the tables of some records call them."""
    paper, holes = published.load(name), holes_of(kept)

    def called(one: Told, size: int) -> Told:
        try:
            budget = standing.label_of(one.budget) or one.budget
        except UserError:  # none of ours, and so none that we have
            budget = one.budget
        return replace(one, mask=holes.get((size, one.mask), one.mask), budget=budget)

    tables = [replace(table, rows=[called(row, table.size) for row in table.rows]) for table in paper.tables]
    return replace(paper, tables=tables, claims=[called(claim, paper.tables[0].size) for claim in paper.claims])


def needed(tables: Sequence[PaperTable], roles: Mapping[str, str]) -> Callable[[Section], bool]:
    """Which of our tables have the rows of a paper's."""
    labels = [label_of(name) for name in roles.values()]
    places = {(table.size, row.mask) for table in tables for row in table.rows}
    return lambda section: (section.size, section.mask) in places and any(is_called(section.dataset, label) for label in labels)


def paper_sheets(beside: Beside, tables: Sequence[PaperTable]) -> list[Sheet]:
    """The tables, a list of the figures, the arithmetic notes, and the convention."""
    found = [_table_sheet(beside, table) for table in tables if table.kind == "Table"]
    figures = [table for table in tables if table.kind == "Figure"]
    found += [_curves_sheet(beside, figure) for figure in figures if any(row.published for row in figure.rows)]
    if figures:
        found.append(_figures_sheet(beside, figures))
    return [*found, _arithmetic(beside.paper), _card(beside.paper)]


def ours(paper: Paper, column: str) -> list[tuple[str, float]]:
    """Our metrics under a paper's convention, each with the factor that brings it into the paper's range."""
    if paper.convention["region"].value == "whole" and column != "ssim":
        return [(WHOLE[column], 1.0)] if column in WHOLE else []
    scale = paper.factor ** POWERS.get(column, 0)
    if column != "psnr":
        return [(column, scale)]
    fact = paper.convention["aggregation"]
    stated = "psnr" if fact.value == "mean" else PRIMARY
    return [(stated, scale)] if fact.known else [("psnr", scale), (PRIMARY, scale)]


def _table_sheet(beside: Beside, table: PaperTable) -> Sheet:
    paper, pairs = beside.paper, beside.pairs(table)
    held = [row for _, row in pairs if row]
    several = len({(row.dataset, row.mask) for row in table.rows}) > 1
    columns = [Column("row", number=False), Column("ours is", number=False)]
    columns += [Column("data set", number=False), Column("hole", number=False)] if several else []
    for column in table.columns:
        columns.append(Column(f"published {column}", published=True))
        columns += [Column(_our_head(name, scale, held)) for name, scale in ours(paper, column)]
    body = []
    for told, row in pairs:
        cells = [Cell(told.label), Cell(row["shown"] + marks(row) if row else told.method or "-")]
        cells += [Cell(told.dataset), Cell(told.mask)] if several else []
        for column in table.columns:
            cells.append(Cell(told.published[column], published=True) if column in told.published else NO_CELL)
            for name, scale in ours(paper, column):
                cells.append(_our_cell(name, scale, told, row, pairs))
        body.append(cells)
    title = f"{paper.name}, {table.name}: {table.title}"
    return Sheet(title, columns, body, [*_table_notes(beside, table, pairs), *bold(body)], faults(held))


def _our_head(name: str, scale: float, held: Sequence[Row]) -> str:
    return f"our {head(name, held) if held else name}{', [0, 1]' if scale != 1 else ''}"


def _our_cell(name: str, scale: float, told: PaperRow, row: Row | None, pairs: Pairs) -> Cell:
    """Ours; the best of ours where the budget ranks: a published number is never part of it."""
    if row is None:
        return NO_CELL
    rivals = [other for one, other in pairs if other and (one.dataset, one.mask) == (told.dataset, told.mask)]
    best = best_of(name, rivals) if len(rivals) > 1 else None
    return score(name, row, best, scale=scale)


def _table_notes(beside: Beside, table: PaperTable, pairs: Pairs) -> list[str]:
    paper, held = beside.paper, [row for _, row in pairs if row]
    wanted = [row for row in table.rows if row.method]
    images = {row["metrics"][PRIMARY]["n"] for row in held if row["metrics"]}
    counted = f"; {'/'.join(map(str, sorted(images)))} test images" if images else ""
    lines = [f"published (in italics): {paper.source}; {table.source}"]
    lines.append(f"{sum(row['complete'] for row in held)} of {len(wanted)} complete{counted}")
    if held and table.kind == "Table":
        over = ", or over trainings and images" if any(len(row["seeds"]) > 1 for row in held) else ""
        lines.append(f"± is half a 95 % interval over images{over}, of ours alone")
    lines += sorted({note for row in held for note in row["notes"]})
    for role in dict.fromkeys(row.dataset for row in table.rows):
        own, about = paper.datasets[role].default, paper.datasets[role].about
        label = beside.labels.get(role)
        if label is None:
            lines.append(f"no data set stands for {role}: --datasets {role}=NAME ({about})")
        elif label != own:
            lines.append(f"data of ours: {label}; of the paper: {about}")
    for told, ours_is in sorted({(told.budget, row["budget"]) for told, row in pairs if row and row["budget"] != told.budget}):
        lines.append(f"budget of ours: {ours_is}; as the paper trained: {told}")
    for one, row in pairs:
        forms = [form for form in beside.candidates(table, one) if row and form["budget"] == row["budget"] and form is not row]
        if row and forms:
            others = " and ".join(form["shown"] for form in forms)
            lines.append(f"{one.label} is {row['shown']}; there is {others} too")
    hole = paper.convention["hole"]
    if not hole.known:
        lines.append(f"hole of ours: {', '.join(dict.fromkeys(row.mask for row in table.rows))}; of the paper: {hole.reason}")
    lines += marked(held)
    missing = sum(row is None and bool(told.method) for told, row in pairs)
    if missing:
        lines.append(f"{missing} not run yet: {_command(beside, table, held)} runs what is missing")
    return lines


def _command(beside: Beside, table: PaperTable, held: Sequence[Row]) -> str:
    """What runs the missing rows of a table on the data and with the budget of those that are there."""
    roles = [role for role in dict.fromkeys(row.dataset for row in table.rows) if beside.labels.get(role)]
    given = [f"{role}={beside.labels[role]}" for role in roles if beside.labels[role] != beside.paper.datasets[role].default]
    budgets = sorted({row["budget"] for row in held} - {table.rows[0].budget})
    given += [f"{role}=NAME" for role in dict.fromkeys(row.dataset for row in table.rows) if not beside.labels.get(role)]
    words = ["inbench run --paper", shlex.quote(beside.paper.asked)]
    words += ["--table", str(table.number)] if table.kind == "Table" else []  # without it the figures are run too
    words += ["--datasets", shlex.quote(",".join(given))] if given else []
    return " ".join([*words, *(["--budget", shlex.quote(budgets[0])] if len(budgets) == 1 else [])])


def _curves_sheet(beside: Beside, figure: PaperTable) -> Sheet:
    """Where the losses settled: the published level beside ours."""
    pairs = beside.pairs(figure)
    columns = [Column("row", number=False), Column("ours is", number=False), Column("published loss", published=True)]
    columns += [Column("trainings"), Column("our loss")]
    body = []
    for told, row in pairs:
        printed = " ± ".join(told.published[name] for name in SETTLES if name in told.published)
        settled = beside.settled(row) if row else []
        level, swing = (sum(each) / len(settled) for each in zip(*settled, strict=True)) if settled else (0.0, 0.0)
        cells = [Cell(told.label), Cell(row["shown"] + marks(row) if row else told.method or "-")]
        cells += [Cell(printed, published=True) if printed else NO_CELL, Cell(str(len(settled))) if settled else NO_CELL]
        body.append([*cells, Cell(f"{level:.4f} ± {level * swing:.4f}") if settled else NO_CELL])
    notes = ["ours: the median loss of the last fifth of the steps ± half the distance from its 5th to its 95th percentile"]
    title = f"{beside.paper.name}, {figure.name}: {figure.title}"
    return Sheet(title, columns, body, [*_table_notes(beside, figure, pairs), *notes])


def _figures_sheet(beside: Beside, figures: Sequence[PaperTable]) -> Sheet:
    columns = [Column(name, number=False) for name in ("figure", "shows", "published", "ours")]
    body = []
    for figure in figures:
        pairs = beside.pairs(figure)
        complete = sum(bool(row and row["complete"]) for _, row in pairs)
        what = f"{figure.title}: {', '.join(row.label for row in figure.rows)}"
        body.append(
            [
                Cell(str(figure.number)),
                Cell(what),
                Cell(figure.source, published=True),
                Cell(f"{complete} of {len(pairs)} complete"),
            ]
        )
    note = f"drawn by inbench figures --paper {shlex.quote(beside.paper.asked)}; grids from records that keep guesses"
    return Sheet(f"{beside.paper.name}, figures", columns, body, [note])


def _arithmetic(paper: Paper) -> Sheet:
    found = consistency.notes(paper)
    checked = any({"l2", "psnr"} <= set(table.columns) for table in paper.tables)
    nothing = "nothing found that does not add up" if checked else "no row has both an L2 and a PSNR: nothing to check"
    return Sheet(f"{paper.name}: arithmetic of the published cells", [], [], [] if found else [nothing], found)


def _card(paper: Paper) -> Sheet:
    columns = [Column(name, number=False) for name in ("convention", "taken as", "stated in the paper", "why")]
    body = [
        [Cell(name), Cell(fact.value), Cell("yes" if fact.known else "no"), Cell(fact.reason)]
        for name, fact in paper.convention.items()
    ]
    known = f"{paper.authors}. {paper.title}. {paper.where}, {paper.year}. Code: {paper.code}. Not verified: {paper.unverified}"
    return Sheet(f"{paper.name}: convention", columns, body, [known])


def as_rows(beside: Beside, tables: Iterable[PaperTable]) -> list[dict[str, Any]]:
    """The same for programs: a row of a paper, its published cells, and our row or none."""
    return [
        {"paper": beside.paper.name, "table": table.name, "label": told.label, "method": told.method, "role": told.dataset,
         "mask": told.mask, "budget": told.budget, "published": {name: float(cell) for name, cell in told.published.items()},
         "ours": row}
        for table in tables
        for told, row in beside.pairs(table)
    ]  # fmt: skip
