"""The command line of figures: curves, grids of pictures, quality against cost, perception against distortion, masks."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbench.commands.cli_options import OK, common, data, print_json
from inbench.commands.cli_tables import add_paper
from inbench.words.errors import UserError, unknown, visible

if TYPE_CHECKING:
    from inbench.commands.illustrations import Illustration, Illustrator, Named
    from inbench.readers.sections import Section
    from inbench.words.published import Paper, PaperRow
    from inbench.words.records import Record

KINDS = ("curves", "grid", "cost", "perception", "matrix")


def add(commands: Any) -> None:
    shown = commands.add_parser("figures", help="curves, grids of pictures and planes, as PNG and SVG", allow_abbrev=False)
    shown.add_argument("--output", type=Path, metavar="DIR", help="where they go (default: RESULTS/figures)")
    shown.add_argument("--only", metavar="DATASET", help="the figures of one data set")
    shown.add_argument("--kinds", metavar="K,..", help=f"some of {', '.join(KINDS)} (default: all that the records give)")
    told = "in place of these: what one option of data sets, holes or methods does, as lines: train, ratio, lr"
    shown.add_argument("--across", metavar="OPTION", help=told)
    shown.add_argument("--masks", metavar="all|M,..", help="the holes that they are about (default: those trained on)")
    shown.add_argument("--methods", metavar="A,B[p=1]", help="the methods that they show, as tables show them (default: all)")
    shown.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the pictures drawn at random (default: %(default)s)"
    )
    told = "pictures of a grid by each rule: random, best, worst, disagreement (default: 3, 1, 1, 1)"
    shown.add_argument("--pick", metavar="RULE=N,..", help=told)
    add_paper(shown)
    shown.add_argument("--datasets", metavar="ROLE=NAME,..", help="the data sets that stand for the paper's")
    shown.add_argument("--budget", metavar="B", help="the figures of one budget; of a paper, the budget of our rows")
    data(shown)
    common(shown, results=True)
    shown.set_defaults(call=_figures)


def _figures(asked: argparse.Namespace) -> int:
    kinds = _kinds(asked)
    _need_matplotlib()
    from inbench.commands import illustrations
    from inbench.joints import registry, store
    from inbench.readers import drawing, paper_sheets, rows, sections
    from inbench.runs.plan import check_writable

    found = {record.folder.name: record for record in sections.found_in(asked.results)}
    kept = list(found.values())
    paper = paper_sheets.loaded(asked.paper, kept) if asked.paper else None
    needed, once = _needed(asked, kept, paper), sections.shown_once(kept)
    made = rows.rows_of(kept, where=lambda section: needed(section) and (bool(asked.paper) or once(section)))
    folder = asked.output or asked.results / "figures"
    check_writable(folder, "--output")
    folder.mkdir(parents=True, exist_ok=True)
    plugins, data_folder = registry.load(asked.plugin), asked.data or store.default_folder()
    maker = illustrations.Illustrator(found, plugins, data_folder, seed=asked.seed, pick=asked.pick)
    written: list[dict[str, Any]] = []
    notices, names = dict[str, None](), Counter[str]()
    with drawing.look():
        for kind, one in _drawn(asked, made, kinds, maker, paper):
            names[one.name] += 1  # two data sets may have one label
            again = f"-{names[one.name]}" if names[one.name] > 1 else ""
            files = drawing.save(one.figure, folder, one.name + again, one.caption)
            written.append({"kind": kind, "files": [str(file) for file in files], "caption": one.caption})
            notices |= {one.notice: None} if one.notice else {}
            if not asked.json:
                print(visible("  ".join(map(str, files))))
    for notice in notices:
        print(f"inbench: {visible(notice)}", file=sys.stderr)
    if not written:
        raise UserError(f"the records in {asked.results} give none of these figures")
    if asked.json:
        print_json({"figures": written})
    return OK


def _drawn(
    asked: argparse.Namespace, made: list[dict[str, Any]], kinds: list[str], maker: Illustrator, paper: Paper | None
) -> Iterator[tuple[str, Illustration]]:
    """All figures that are asked for, with their kind; what cannot be drawn is told where somebody misses it."""
    from inbench.commands import illustrations
    from inbench.words import brackets

    if asked.across:
        rows, masks = _chosen(asked, made), brackets.split_list(asked.masks or "all")
        here = [row for row in rows if "all" in masks or row["mask"] in masks]
        yield from (("across", one) for one in illustrations.across(here, asked.across))
        return
    for kind, members, stem, title in _wanted(asked, made, kinds, paper):
        try:
            yield from ((kind, one) for one in maker.make(kind, members, stem, title))
        except UserError as error:
            if asked.kinds or kind in ("grid", "perception"):
                print(f"inbench: no {kind}: {visible(error)}", file=sys.stderr)


def _chosen(asked: argparse.Namespace, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the methods that are asked for; a `UserError` where a hole is asked for that none has."""
    from inbench.readers.naming import chosen
    from inbench.words import brackets

    made = chosen(made, asked.methods)
    for mask in brackets.split_list(asked.masks or ""):
        if mask != "all" and mask not in {row["mask"] for row in made}:
            raise unknown("mask", mask, {row["mask"] for row in made})
    return made


def _needed(asked: argparse.Namespace, kept: list[Record], paper: Paper | None) -> Callable[[Section], bool]:
    """Which tables the figures are about."""
    from inbench.readers import paper_sheets, sections
    from inbench.words import published

    if paper:
        return paper_sheets.needed(published.chosen(paper, asked.table), published.roles_of(paper, asked.datasets))
    return sections.asked_for(kept, asked.only, budget=asked.budget)


def _kinds(asked: argparse.Namespace) -> list[str]:
    kinds = asked.kinds.split(",") if asked.kinds else list(KINDS)
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("kind of figure", kind, KINDS)
    if asked.across and (asked.kinds or asked.paper):
        raise UserError(f"--across is a figure of its own; leave out {'--kinds' if asked.kinds else '--paper'}")
    if asked.paper is None:
        for option in ("table", "datasets"):
            if getattr(asked, option):
                raise UserError(f"--{option} belongs to --paper; name one, such as --paper meng2020")
    elif asked.masks or asked.methods or asked.only:
        raise UserError(f"--only, --masks and --methods are what the rows of {asked.paper} say; leave them out with --paper")
    return kinds


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError("figures are drawn by matplotlib, which is not installed: pip install 'inbench[figures]'") from error


def _wanted(
    asked: argparse.Namespace, made: list[dict[str, Any]], kinds: list[str], paper: Paper | None
) -> Iterator[tuple[str, list[Named], str, str]]:
    """Kind, rows, file stem and title of each figure that is asked for."""
    from inbench.commands import illustrations
    from inbench.words import brackets

    if paper:
        yield from _of_paper(asked, made, kinds, paper)
        return
    masks = brackets.split_list(asked.masks) if asked.masks else None
    yield from illustrations.groups(_chosen(asked, made), kinds, masks)


def _of_paper(
    asked: argparse.Namespace, made: list[dict[str, Any]], kinds: list[str], paper: Paper
) -> Iterator[tuple[str, list[Named], str, str]]:
    """The figures of a paper, as it calls its rows; of its tables, everything else that can be drawn of their rows."""
    from inbench.commands.illustrations import Named
    from inbench.readers.paper_sheets import Beside
    from inbench.readers.score_sheets import title_of
    from inbench.words import brackets, published

    beside = Beside(paper, made, published.roles_of(paper, asked.datasets), asked.budget)
    for table in published.chosen(paper, asked.table):
        pairs = [(told, row) for told, row in beside.pairs(table) if row]
        if not pairs:
            none = f"{paper.name}, {table.name}: none of its rows is here; inbench run --paper {paper.name} makes them"
            print(f"inbench: {visible(none)}", file=sys.stderr)
            continue
        own = (
            [table.shows]
            if table.shows
            else [kind for kind in kinds if kind != "matrix" and (kind in ("cost", "perception") or asked.table)]
        )
        places: dict[tuple[str, str], list[tuple[PaperRow, dict[str, Any]]]] = {}
        for told, row in pairs:  # a figure is of one data set and hole
            places.setdefault((row["dataset"], row["mask"]), []).append((told, row))
        for kind, (place, here) in itertools.product([kind for kind in own if kind in kinds], places.items()):
            ours = ", ".join(f"{told.label} is {row['shown']}" for told, row in here)
            every = [row for row in table.rows if (row.dataset, row.mask) in {(told.dataset, told.mask) for told, _ in here}]
            less = f"; {len(here)} of {len(every)} rows" if len(here) < len(every) else ""
            title = f"{paper.name}, {table.name}, made here: {title_of(here[0][1])} ({ours}{less})"
            apart = [part for part, all_parts in zip(place, zip(*places, strict=True), strict=True) if len({*all_parts}) > 1]
            stem = "-".join([paper.name, table.kind, str(table.number), *apart])
            yield kind, [Named(told.label, row) for told, row in here], brackets.file_name(stem.lower()), title
