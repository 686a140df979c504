"""The command line of tables: records to tables in any format, papers beside ours, two methods compared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from inbench.commands.cli_options import FAILED, OK, common, print_json
from inbench.words.errors import UserError, unknown
from inbench.words.protocol import PRIMARY


def add(commands: Any) -> None:
    shown = commands.add_parser("tables", help="records to tables, or a paper's tables beside ours", allow_abbrev=False)
    shown.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="FILE[#NAME]",
        help="write them into FILE, between its markers, or those of NAME, if it has them (default: RESULTS/TABLES.md)",
    )
    shown.add_argument(
        "--check", nargs="?", const="", metavar="FILE[#NAME]", help="exit 1 where FILE does not hold them as they are now"
    )
    shown.add_argument("--only", metavar="DATASET", help="the tables of one data set")
    shown.add_argument("--masks", metavar="M,..", help="the tables of some holes (default: all)")
    shown.add_argument("--methods", metavar="A,B[p=1],..", help="the rows of some methods (default: all)")
    shown.add_argument("--format", metavar="F", help="markdown, latex, html, csv or json (default: as FILE ends, or markdown)")
    shown.add_argument(
        "--columns",
        metavar="C,..",
        help="which metrics: protocol, perception, all, or names (default: protocol; of --across: psnr-pooled)",
    )
    shown.add_argument("--costs", action="store_true", help="what the runs cost, in place of their scores")
    shown.add_argument(
        "--matrix", nargs="?", const=PRIMARY, metavar="METRIC", help="training masks against test masks, by one metric"
    )
    shown.add_argument(
        "--across",
        metavar="OPTION",
        help="what one option of data sets, holes or methods does, its values as columns: train, ratio, lr",
    )
    shown.add_argument(
        "--best", nargs="?", const=5, type=int, metavar="N", help="the best N of each data set and hole, whatever the budget"
    )
    shown.add_argument("--trainings", action="store_true", help="each training by itself: its seed, scores and validation")
    shown.add_argument("--time-to", metavar="DB,..", help="when validation first reached so many dB, such as 20,21,21.5")
    shown.add_argument(
        "--timings",
        type=Path,
        metavar="FILE.json",
        help="what inbench bench saved, in place of records; with --time-to: seconds a step",
    )
    add_paper(shown)
    shown.add_argument("--claims", action="store_true", help="what the paper claims, each tested, in place of its tables")
    shown.add_argument("--datasets", metavar="ROLE=NAME,..", help="the data sets that stand for the paper's")
    shown.add_argument("--budget", metavar="B", help="the tables of one budget; of a paper, the budget of our rows")
    common(shown, results=True)
    shown.set_defaults(call=_tables)

    compared = commands.add_parser("compare", help="a method against others on the same images, paired", allow_abbrev=False)
    compared.add_argument("method", metavar="METHOD", help="the first, as tables show it, with parameters in brackets")
    compared.add_argument(
        "others",
        nargs="+",
        metavar="OTHER",
        help="each of these is compared with the first; '[tv=0]' is the first with other options",
    )
    compared.add_argument("--only", metavar="DATASET", help="on one data set")
    compared.add_argument("--masks", metavar="M,..", help="on some holes, claimed on the first (default: all, center)")
    compared.add_argument("--budget", metavar="B", help="at one budget")
    compared.add_argument("--format", metavar="F", help="markdown, latex or html (default: markdown)")
    compared.add_argument("--write", metavar="FILE[#NAME]", help="write it into FILE, between its markers")
    compared.add_argument("--check", metavar="FILE[#NAME]", help="exit 1 where FILE does not hold it as it is now")
    common(compared, results=True)
    compared.set_defaults(call=_compare)


def add_paper(command: argparse.ArgumentParser) -> None:
    """The options that name a paper's tables."""
    command.add_argument("--paper", metavar="P", help="what a paper's tables hold, by its name in inbench list, or P.toml")
    command.add_argument("--table", metavar="N", help="one table of the paper (default: all)")


def settle(asked: argparse.Namespace) -> tuple[str | None, str | None]:
    """The roles and the budget of `run --paper`, as typed; without a paper, the defaults of any other run are filled in."""
    roles, budget = asked.datasets, asked.budget
    asked.datasets, asked.budget = roles or "drawn-faces", budget or "quick"
    for option in ("table", "claims"):
        if getattr(asked, option) and not asked.paper:
            raise UserError(f"--{option} belongs to --paper; name one, such as --paper meng2020")
    _refuse_claims_of_a_table(asked)
    fixed = {"--methods": asked.methods != "all", "--mask": asked.mask != "center", "--test-masks": asked.test_masks}
    for option, given in fixed.items():
        if asked.paper and given:
            raise UserError(f"{option} is what the rows of {asked.paper} say; leave it out with --paper")
    return roles, budget


def _tables(asked: argparse.Namespace) -> int:
    _refuse_what_is_ignored(asked)
    return _put(asked, *_text(asked))


def _put(asked: argparse.Namespace, text: str, name: str, home: Path) -> int:
    """A document to where it was asked for: into a file, compared with what a file holds, or on the screen."""
    from inbench.readers import tables

    to = asked.write if asked.check is None else asked.check
    if to is None:
        print(text, end="")
        return OK
    file, own = _place(to)
    file, name = file if to else home, own or name
    if asked.check is not None:
        if tables.is_current(text, file, name):
            return OK
        print(f"inbench: {file} is stale; the same with --write in place of --check writes it anew", file=sys.stderr)
        return FAILED
    tables.write(text, file, name)
    return OK


def _place(asked: str) -> tuple[Path, str]:
    """`page.md#tuned` is between the markers `inbench tuned` of page.md; without a name, between those of such tables."""
    file, _, name = asked.rpartition("#")
    return (Path(file), name) if file and not Path(asked).is_file() else (Path(asked), "")


def _refuse_claims_of_a_table(asked: argparse.Namespace) -> None:
    if asked.claims and asked.table:
        raise UserError("--claims are of a whole paper; leave out --table")


IGNORED = {
    "--paper": ("only", "masks", "methods"),
    "--time-to": ("masks", "methods"),
    "--timings": ("only", "masks", "budget", "methods"),
}
"""Of what chooses among tables, what other kinds of table do not ask for."""


def _refuse_what_is_ignored(asked: argparse.Namespace) -> None:
    kinds = {
        "--columns": asked.columns and not asked.across,
        "--costs": asked.costs,
        "--matrix": asked.matrix,
        "--across": asked.across,
        "--best": asked.best is not None,
        "--trainings": asked.trainings,
        "--time-to": asked.time_to,
        "--timings": asked.timings and not asked.time_to,
        "--paper": asked.paper,
    }
    given = [name for name, value in kinds.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} are different tables; ask for one at a time")
    _refuse_claims_of_a_table(asked)
    for option in ("table", "claims", "datasets"):
        if getattr(asked, option) and not asked.paper:
            instead = "; the tables of one data set: --only NAME" if option == "datasets" else ""
            raise UserError(f"--{option} belongs to --paper; name one, such as --paper meng2020{instead}")
    for kind, ignored in IGNORED.items():
        for option in ignored if kinds[kind] else ():
            if getattr(asked, option):
                raise UserError(f"--{option} chooses among the tables of records; leave it out with {kind}")


def _text(asked: argparse.Namespace) -> tuple[str, str, Path]:
    """The document, its name between markers, and where it is at home."""
    from inbench.readers import costs, tables, timings

    form = tables.format_of(asked.format, str(_place(asked.write or asked.check or "")[0]), asked.json)
    home = asked.results / "TABLES.md"
    if asked.time_to:
        chosen_times = {"only": asked.only, "budget": asked.budget, "timed": asked.timings}
        return tables.time_to_quality(asked.results, asked.time_to, form, **chosen_times), "time to quality", home
    if asked.timings:
        if form != "markdown":
            raise UserError(f"--timings is a page of markdown, not {form}; {asked.timings} has its numbers as JSON")
        return timings.page(timings.read(asked.timings)), asked.timings.stem, asked.timings.with_suffix(".md")
    if asked.claims:
        text = tables.claims(asked.results, asked.paper, form, datasets=asked.datasets, budget=asked.budget)
        return text, f"{Path(asked.paper).stem} claims", home
    if asked.paper:
        chosen = {"table": asked.table, "datasets": asked.datasets, "budget": asked.budget}
        return tables.paper(asked.results, asked.paper, form, **chosen), Path(asked.paper).stem, home
    which = {"only": asked.only, "masks": asked.masks, "budget": asked.budget, "methods": asked.methods, "form": form}
    if asked.across:
        return tables.across(asked.results, asked.across, asked.columns or PRIMARY, **which), f"across {asked.across}", home
    if asked.columns:
        return tables.columns(asked.results, asked.columns, **which), "columns", home
    if asked.best is not None:
        if asked.best < 1:
            raise UserError(f"--best {asked.best} must be at least 1")
        return tables.best(asked.results, asked.best, **which), "best", home
    if asked.trainings:
        return tables.trainings(asked.results, **which), "trainings", home
    if asked.matrix:
        return tables.matrix(asked.results, asked.matrix, **which), "matrix", home
    if asked.costs:
        return tables.table(asked.results, sheets=costs.cost_sheets, **which), "costs", home
    return tables.table(asked.results, **which), "tables", home


def _compare(asked: argparse.Namespace) -> int:
    from inbench.readers import comparison, comparison_sheets, formats, tables

    form = tables.format_of(asked.format, str(_place(asked.write or asked.check or "")[0]), as_json=False)
    if form not in formats.FORMATS:
        raise unknown("format", form, formats.FORMATS)
    where = {"only": asked.only, "masks": asked.masks, "budget": asked.budget}
    found = comparison.compare(asked.results, asked.method, *asked.others, **where)
    if asked.json:
        print_json({"rows": comparison_sheets.as_rows(found)})
        return OK
    return _put(asked, formats.FORMATS[form](comparison_sheets.sheets(found)), "comparison", asked.results / "TABLES.md")
