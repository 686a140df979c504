"""Tables: the records of a folder as a document, and where documents hold them. Measures nothing, never reads a table back."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from inbench.readers import counting, curves, formats, naming, paper_sheets, standing, timings, verdicts
from inbench.readers.across import across_sheets
from inbench.readers.costs import cost_sheets
from inbench.readers.rows import rows as rows
from inbench.readers.rows import rows_of
from inbench.readers.score_sheets import COLUMNS, SHOWN, best_sheets, matrix_sheets, score_sheets, training_sheets
from inbench.readers.sections import asked_for, check_there, current, found_in, of_dataset, shown_once
from inbench.readers.sheets import Sheet, sentences
from inbench.readers.time_to_quality import goals_of, quality_sheets
from inbench.words import brackets, disk, published, records
from inbench.words.budget import of_training
from inbench.words.errors import UserError, unknown
from inbench.words.protocol import PRIMARY, PROTOCOL_LINE
from inbench.words.published import Paper, PaperTable
from inbench.words.records import Record

FORMATS = ("markdown", "latex", "html", "csv", "json")
ENDINGS = {".md": "markdown", ".tex": "latex", ".html": "html", ".csv": "csv", ".json": "json"}
Rows = Sequence[dict[str, Any]]


def table(
    results: str | Path = "results",
    *,
    only: str | None = None,
    masks: str | None = None,
    budget: str | None = None,
    methods: str | None = None,
    form: str = "markdown",
    sheets: Callable[[Rows], list[Sheet]] = score_sheets,
    about: Callable[[Sequence[Record]], list[str]] = lambda _: [],
    metrics: Callable[[Rows], Sequence[str]] | None = None,
) -> str:
    """The tables of a results folder in a format, or those of one data set (`only`), of some masks, of one budget.

    methods: their rows alone, `A,B[p=1]`. about: what stands under all tables, of the records; metrics: which of them a CSV
    holds. Raises `UserError` where no record has what is asked for.
    """
    folder = Path(results)
    check_there(folder)
    sound, damaged = counting.counted(folder)
    kept = current(sound)
    asked, once = asked_for(kept, only, masks, budget), shown_once(kept)
    there = rows_of(kept, where=lambda section: asked(section) and once(section))
    found, also = naming.chosen(there, methods), about(kept)
    if len(found) < len(there):
        best = "" if sheets is cost_sheets else "; bold is the best of these"
        also = [f"{len(found)} of {len(there)} rows are shown: --methods {methods}{best}.", *also]
    shown = metrics(found) if metrics else None
    return written(found, form, sheets=sheets, metrics=shown, unfinished=unfinished_in(folder), damaged=damaged, also=also)


def markdown(made: Rows) -> str:
    """All rows as markdown: a table a section, its marks under it, and the protocol under all."""
    return written(made, "markdown")


def written(
    made: Rows,
    form: str,
    *,
    sheets: Callable[[Rows], list[Sheet]] = score_sheets,
    metrics: Sequence[str] | None = None,
    unfinished: int = 0,
    damaged: Sequence[str] = (),
    also: Sequence[str] = (),
) -> str:
    """Rows in a format; for programs (csv, json) the rows themselves; metrics: those of a CSV, None for all."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if form in ("csv", "json"):
        return formats.as_csv(made, metrics) if form == "csv" else formats.as_json(made)
    command, last = ("`inbench run`" if form == "markdown" else "inbench run"), []
    if unfinished:
        told = f"{unfinished} more {'runs are' if unfinished > 1 else 'run is'} not finished"
        last.append(f"{told}; the same {command} goes on with them.")
    if damaged:
        listed = formats.plain_list(damaged) if form == "markdown" else "; ".join(damaged)
        told = f"{len(damaged)} damaged records are not counted"
        last.append(f"{told}; without their folders the same {command} makes them anew:\n\n{listed}")
    last += also
    last += [PROTOCOL_LINE] if sheets is not cost_sheets else []
    return formats.FORMATS[form](sheets(made), last)


def columns(results: Path, asked: str, **chosen: Any) -> str:
    """The tables with other metrics, and under them what those are: `protocol`, `perception`, `all`, or names.

    Metrics that are all named stand alone, without seconds. chosen: which tables, and the format, as `table` has them.
    """
    timed = any(name in {*COLUMNS, "all"} for name in brackets.split_list(asked))

    def about(kept: Sequence[Record]) -> list[str]:
        told: dict[str, Any] = {}
        for record in kept:
            told |= record.told["metrics"]
            for entry in record.scores.values():
                told |= entry.get("sets", {})
        shown = [name for name in _metrics(asked, told) if name not in SHOWN and name in told]
        found = sentences([f"{name}: {told[name].get('about', '')}" for name in shown])
        return [formats.plain(found) if chosen.get("form", "markdown") == "markdown" else found] if found else []

    return table(
        results,
        sheets=lambda made: score_sheets(made, _metrics_of(made, asked), timed=timed),
        about=about,
        metrics=lambda made: _metrics_of(made, asked),
        **chosen,
    )


def _metrics(asked: str, known: Iterable[str]) -> list[str]:
    """The metrics that were named, singly or by group. Raises `UserError` for one that there is not."""
    shown: dict[str, None] = {}
    for name in brackets.split_list(asked):
        if name not in {*COLUMNS, "all", *known}:
            raise unknown("column", name, {*COLUMNS, "all", *known})
        shown |= dict.fromkeys(known if name == "all" else COLUMNS.get(name, (name,)))
    return list(shown)


def _metrics_of(made: Rows, asked: str) -> list[str]:
    return _metrics(asked, dict.fromkeys(name for row in made for name in row["metrics"]))


def best(results: Path, count: int, **chosen: Any) -> str:
    """The best rows of every data set and hole, whatever their budget; chosen: which tables and format, as of `table`."""
    _for_people("--best", chosen.get("form", "markdown"), "; --json without it has the rows")
    return table(results, sheets=lambda made: best_sheets(made, count), **chosen)


def trainings(results: Path, **chosen: Any) -> str:
    """Each training by itself, its seed and its validation; chosen: which tables and format, as of `table`."""
    _for_people("--trainings", chosen.get("form", "markdown"), "; --json without it has them in its rows")
    return table(results, sheets=training_sheets, **chosen)


def matrix(results: Path, metric: str, **chosen: Any) -> str:
    """Training masks against test masks, by one metric; chosen: which tables, and the format, as `table` has them."""
    _for_people("--matrix", chosen.get("form", "markdown"), "; --json without it has the rows")
    return table(results, sheets=lambda made: matrix_sheets(made, metric), **chosen)


def across(results: Path, option: str, metrics: str = PRIMARY, **chosen: Any) -> str:
    """What one option does, its values as columns, a table a metric; chosen: as `table` has them."""
    _for_people("--across", chosen.get("form", "markdown"), "; --json without it has the rows")
    return table(
        results,
        sheets=lambda made: [sheet for name in _metrics_of(made, metrics) for sheet in across_sheets(made, option, name)],
        **chosen,
    )


def time_to_quality(
    results: Path, goals: str, form: str, *, only: str | None = None, budget: str | None = None, timed: Path | None = None
) -> str:
    """When the validation of each training first reached so many dB; timed: a file of `inbench bench` with seconds a step.

    budget: of trainings at it, however many images they are tested on.
    """
    wanted = goals_of(goals)
    _for_people("--time-to", form, "; run.json has the validation")
    found = of_dataset(found_in(results), only)
    asked_for(found, budget=budget)
    if budget:
        training = of_training(standing.label_of(budget) or budget)
        found = [record for record in found if of_training(record.told["labels"]["budget"]) == training]
    times = timings.step_times(timings.read(timed)) if timed else None
    made = quality_sheets(found, wanted, times)
    if not made:
        watched = [record.told["run"] for record in found if record.status == "ok" and record.told["validation"]]
        if timed and watched:
            needed = f"inbench bench --batch {watched[0]['batch']} --size {watched[0]['size']}"
            raise UserError(f"{timed} has no step of a method at the batch and size of a training; {needed} has")
        raise UserError("no training there was watched by validation; inbench run --budget paper watches it twenty times")
    return formats.FORMATS[form](made)


def paper(
    results: Path, name: str, form: str, *, table: str | None = None, datasets: str | None = None, budget: str | None = None
) -> str:
    """A paper's tables, published beside ours; without any record, the published cells alone."""
    kept = _kept(results)
    told = paper_sheets.loaded(name, kept)
    chosen = published.chosen(told, table)
    beside = _beside(kept, told, chosen, _roles(told, datasets, kept), budget)
    if form in ("csv", "json"):
        made = paper_sheets.as_rows(beside, chosen)
        return formats.paper_csv(made) if form == "csv" else formats.as_json(made)
    made_sheets = paper_sheets.paper_sheets(beside, chosen)
    if form == "latex":
        return formats.latex(made_sheets, [PROTOCOL_LINE], [formats.bibtex(told.name, told.citation, "misc")])
    return formats.FORMATS[form](made_sheets, [PROTOCOL_LINE])


def _beside(
    kept: list[Record], told: Paper, chosen: Sequence[PaperTable], roles: dict[str, str], budget: str | None = None
) -> paper_sheets.Beside:
    """Our rows for tables of a paper."""
    by_folder = {record.folder.name: record for record in kept}

    def settled(row: dict[str, Any]) -> list[tuple[float, float]]:
        return [curve.last() for name in row["records"] if (curve := curves.curve_of(by_folder[name]))]

    return paper_sheets.Beside(told, rows_of(kept, where=paper_sheets.needed(chosen, roles)), roles, budget, settled)


def all_of_paper(kept: list[Record], name: str, datasets: str | None = None) -> list[Sheet]:
    """A paper's tables and what it claims, tested, as the sheets of a page."""
    told = paper_sheets.loaded(name, kept)
    roles = _roles(told, datasets, kept)
    found = paper_sheets.paper_sheets(_beside(kept, told, told.tables, roles), told.tables)
    tested = [verdicts.sheet(told, verdicts.judge(kept, told, roles))] if told.claims else []
    return [*found, *tested]


def claims(results: Path, name: str, form: str, *, datasets: str | None = None, budget: str | None = None) -> str:
    """What a paper claims, each claim tested on our records."""
    kept = _kept(results)
    told = paper_sheets.loaded(name, kept)
    if not told.claims:
        raise UserError(f"{told.name} lists no claims; a claim is a [[claims]] of its .toml, as meng2020 has them")
    _for_people("--claims", form)
    tested = verdicts.judge(kept, told, _roles(told, datasets, kept), budget)
    return formats.FORMATS[form]([verdicts.sheet(told, tested)], [PROTOCOL_LINE])


def _kept(results: Path) -> list[Record]:
    """The records of a folder; none where it does not exist: a paper has published cells without them."""
    return found_in(results) if (results / "runs").is_dir() else []


def _roles(paper: Paper, datasets: str | None, kept: list[Record]) -> dict[str, str]:
    """Which data set stands for which of a paper's; a `UserError` for a name that is all but that of one there is."""
    roles, known = published.roles_of(paper, datasets), {*naming.set_names(kept).values()}
    for name in map(published.label_of, roles.values() if datasets else ()):
        if not any(naming.is_called(one, name) for one in known) and difflib.get_close_matches(name, known, 1, cutoff=0.9):
            raise unknown("data set", name, known)
    return roles


def _for_people(option: str, form: str, instead: str = "") -> None:
    if form not in formats.FORMATS:
        raise UserError(f"{option} is a table for people: markdown, latex or html, not {form}{instead}")


def format_of(asked: str | None, file: str | None, as_json: bool) -> str:
    """The format that was asked for, or that a file's ending says."""
    form = "json" if as_json else asked or ENDINGS.get(Path(file or "").suffix, "markdown")
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return form


def unfinished_in(folder: Path) -> int:
    """How many runs were started and have no record yet."""
    begun = (records.Run(**spec["run"]).name for spec in records.unfinished(folder))
    return sum(records.open_record(folder / "runs" / name) is None for name in begun)


def write(text: str, file: Path, name: str = "tables") -> None:
    """Put the tables into a file: between the markers of that name where it has them, else as the whole file."""
    disk.write_named(file, placed(text, file, name).encode())


def is_current(text: str, file: Path, name: str = "tables") -> bool:
    """Whether a file holds these tables already."""
    return file.is_file() and _document(file) == placed(text, file, name)


def placed(text: str, file: Path, name: str = "tables") -> str:
    """The file's content with the tables in it; a document says the protocol once.

    In markdown, all but the scores have their markers from the first time on.
    """
    opening, closing = markers(name)
    own = name != "tables" and ENDINGS.get(file.suffix) == "markdown"
    if file.is_file():
        old = _document(file)
        before, begin, rest = old.partition(opening)
        _, end, after = rest.partition(closing)
        if begin and end:
            once = text.replace(f"\n\n{PROTOCOL_LINE}", "") if PROTOCOL_LINE in before + after else text
            return f"{before}{opening}\n\n{once.rstrip()}\n\n{closing}{after}"
        if own:
            raise UserError(
                f"{file} has no place for {name}; write {opening} and {closing} where they go, or name another file"
            )
    return f"{opening}\n\n{text.rstrip()}\n\n{closing}\n" if own else text


def _document(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read as text: {error}") from error


def markers(name: str = "tables") -> tuple[str, str]:
    """The lines of a document between which its generated tables of that name stand."""
    return f"<!-- inbench {name}: begin -->", f"<!-- inbench {name}: end -->"
