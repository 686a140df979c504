"""The command line of pages: the report of a results folder, the blinded page, and the votes that come back from it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbench.commands.cli_options import OK, common, data, print_json
from inbench.readers.sheets import sentences
from inbench.words.errors import UserError, unknown, visible

if TYPE_CHECKING:
    from inbench.readers.score_sheets import Row
    from inbench.words.records import Record

PICTURES = ("shareable", "all", "none")


def add(commands: Any) -> None:
    shown = commands.add_parser(
        "report", help="tables, curves, pictures and origin of all records as one page of HTML", allow_abbrev=False
    )
    shown.add_argument("--output", type=Path, metavar="FILE.html", help="what to write (default: report.html, or blind.html)")
    shown.add_argument("--only", metavar="DATASET", help="of one data set")
    shown.add_argument("--paper", metavar="P", help="a paper's tables beside ours too, by its name in inbench list, or P.toml")
    shown.add_argument("--datasets", metavar="ROLE=NAME,..", help="with --paper: which data set stands for which of its own")
    shown.add_argument(
        "--blind",
        action="store_true",
        help="a page that asks which of two fills looks better, and FILE.key.json: whose they are",
    )
    shown.add_argument("--methods", metavar="A,B[p=1]", help="with --blind: the methods that are asked about (default: all)")
    shown.add_argument("--questions", type=int, metavar="N", help="with --blind: how many (default: 40)")
    shown.add_argument("--seed", type=int, metavar="N", help="with --blind: of pictures and sides (default: 0)")
    shown.add_argument("--votes", type=Path, nargs="+", metavar="FILE.csv", help="count votes that came back from such a page")
    shown.add_argument("--key", type=Path, metavar="FILE.json", help="with --votes (default: blind.key.json)")
    shown.add_argument(
        "--pictures",
        default="shareable",
        metavar="shareable|all|none",
        help="shareable: where the licence lets them be shown; all: for your own eyes (default: %(default)s)",
    )
    data(shown)
    common(shown, results=True)
    shown.set_defaults(call=_report)


def _report(asked: argparse.Namespace) -> int:
    from inbench.readers import report, tables

    _refuse_what_is_ignored(asked)
    if asked.pictures not in PICTURES:
        raise unknown("choice of pictures", asked.pictures, PICTURES)
    if asked.votes:
        return _votes(asked)
    made, found, damaged = report.rows_and_records(asked.results, asked.only)
    if asked.blind:
        return _blind(asked, made, found)
    published = tables.all_of_paper(found, asked.paper, asked.datasets) if asked.paper else []
    told = report.report(made, found, damaged, tables.unfinished_in(asked.results), published)
    text = report.written(told, *_pictures(asked, made, found))
    return _write(asked, asked.output or Path("report.html"), text)


def _refuse_what_is_ignored(asked: argparse.Namespace) -> None:
    if asked.blind and asked.votes:
        raise UserError("--blind makes a page and --votes counts what came back from one; ask for one at a time")
    if asked.paper and (asked.blind or asked.votes):
        raise UserError("--paper puts a paper's tables into the report; leave it out with --blind and --votes")
    owners = {"methods": "blind", "questions": "blind", "seed": "blind", "key": "votes", "datasets": "paper"}
    for option, owner in owners.items():
        if getattr(asked, option) is not None and not getattr(asked, owner):
            raise UserError(f"--{option} belongs to --{owner}")


def _pictures(asked: argparse.Namespace, made: list[Row], found: list[Record]) -> tuple[list[Any], list[str], str]:
    """The galleries, why some are not there, and what has to be said of those that must not be passed on."""
    if asked.pictures == "none":
        return [], ["Pictures were left out of this page (--pictures none)."], ""
    from inbench.commands import embedding
    from inbench.joints import registry, store

    folder = asked.data or store.default_folder()
    embedded = embedding.embed(made, found, registry.load(asked.plugin), folder, private=asked.pictures == "all")
    return embedded.galleries, embedded.notices, sentences(embedded.private)


def _write(asked: argparse.Namespace, file: Path, text: str) -> int:
    """The page as a file, whole or not at all."""
    from inbench.words import disk

    data = text.encode(errors="replace")  # a name from elsewhere may hold what is no text
    try:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        disk.write_file(file, data)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror or error}") from error
    if asked.json:
        print_json({"file": str(file), "bytes": len(data)})
    else:
        print(f"{file}, {len(data) / 2**20:.1f} MiB; it holds all that it needs, and asks for nothing")
    return OK


def _blind(asked: argparse.Namespace, made: list[Row], found: list[Record]) -> int:
    """The blinded page, and its key beside it."""
    from inbench.commands import blinding, embedding
    from inbench.joints import registry, store
    from inbench.words import disk

    count, seed = 40 if asked.questions is None else asked.questions, asked.seed or 0
    if count < 1:
        raise UserError(f"--questions {count} must be at least 1")
    embedded = embedding.Embedded()
    named = {record.folder.name: record for record in found}
    rows, folder = blinding.in_question(made, asked.methods), asked.data or store.default_folder()
    plugins, wanted = registry.load(asked.plugin), {"random": count}
    galleries = list(
        embedding.shown_galleries(rows, named, plugins, folder, wanted, embedded, private=asked.pictures == "all", seed=seed)
    )
    for notice in embedded.notices:
        print(f"inbench: {visible(notice)}", file=sys.stderr)
    questions = blinding.questions(galleries, count, seed=seed)
    text, key = blinding.written(questions, seed=seed, private=sentences(embedded.private))
    file = asked.output or Path("blind.html")
    beside = file.with_suffix(".key.json")
    code = _write(asked, file, text)
    disk.write_named(beside, disk.to_json(key))
    if not asked.json:
        print(f"{len(questions)} questions; {beside} tells whose the fills are: keep it from those who vote")
    return code


def _votes(asked: argparse.Namespace) -> int:
    from inbench.readers import formats, voting

    votes = voting.read(asked.votes, asked.key or Path("blind.key.json"))
    if asked.json:
        print_json({"rows": voting.as_rows(votes)})
    else:
        print(formats.markdown(voting.sheets(votes, len(asked.votes))), end="")
    return OK
