"""Formats: sheets as markdown, LaTeX, HTML, CSV and JSON. What a name holds is text in all of them, never markup."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from inbench import __version__
from inbench.readers.sheets import Cell, Column, Sheet, sentences

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""What a terminal would obey, and halves of characters, which nothing can print."""


# Markdown


def markdown(sheets: Sequence[Sheet], last: Sequence[str] = ()) -> str:
    """Each sheet as a table under its title, its notes and faults below; then paragraphs of markdown."""
    return "\n\n".join([*map(_markdown_sheet, sheets), *last]) + "\n"


def _markdown_sheet(sheet: Sheet) -> str:
    made: str = tabulate(
        [[_markdown_cell(cell) for cell in row] for row in sheet.body],
        headers=[_published(plain(column.head)) if column.published else plain(column.head) for column in sheet.columns],
        tablefmt="github",
        disable_numparse=True,
        colalign=["right" if column.number else "left" for column in sheet.columns],
    )
    parts = [
        f"**{plain(sheet.title)}**",
        *([made] if sheet.body else []),
        plain(sentences(sheet.notes)),
        plain_list(sheet.faults),
    ]
    return "\n\n".join(filter(None, parts))


def _published(text: str) -> str:
    return f"*{text}*"


def _markdown_cell(cell: Cell) -> str:
    text = plain(cell.text)
    if cell.published:
        text = _published(f"[{text}]")
    return " ".join(filter(None, [f"**{text}**" if cell.best else text, plain(cell.spread)]))


def plain_list(lines: Sequence[str]) -> str:
    """Lines as a markdown list of text."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def plain(text: object) -> str:
    """A name or message as markdown text: nothing in it can be a table's bar, a tag or a terminal's control character."""
    kept = CONTROL.sub(" ", str(text))
    return re.sub(r"([\\`*|<>])", lambda found: {"<": "&lt;", ">": "&gt;"}.get(found[1], f"\\{found[1]}"), kept)


# LaTeX

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "\"": r"\textquotedbl{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$", "†": r"\dag{}",
    "‡": r"\ddag{}", "[": "{[}", "]": "{]}",
}  # fmt: skip
"""Brackets are put in braces: behind the end of a row, `[` would begin an option."""
LABEL = re.compile("[^a-z0-9]+")


def latex(sheets: Sequence[Sheet], last: Sequence[str] = (), cite: Sequence[str] = ()) -> str:
    """A float for each sheet, with booktabs' rules and its notes as the caption's footnote; BibTeX entries as comments.

    last: paragraphs that stand under every sheet. It needs \\usepackage{booktabs}, and xcolor where numbers are published.
    """
    head = r"% \usepackage{booktabs,xcolor}"
    entries = "\n".join(f"% {line}".rstrip() for entry in [bibtex(), *cite] for line in entry.splitlines())
    return "\n\n".join([head, *(_latex_sheet(sheet, last) for sheet in sheets), "% BibTeX:\n" + entries]) + "\n"


def _latex_sheet(sheet: Sheet, last: Sequence[str]) -> str:
    if not sheet.columns:
        said = [sentences(sheet.notes), *sheet.faults]
        return "\n\n".join([rf"\paragraph{{{latex_text(sheet.title)}.}}", *(latex_text(text) for text in said if text)])
    aligned = "".join("r" if column.number else "l" for column in sheet.columns)
    if not any(column.number for column in sheet.columns):
        aligned = aligned[:-1] + r"p{.4\linewidth}"  # the longest text is last
    under = r"\par ".join(latex_text(text) for text in [sentences(sheet.notes), *sheet.faults, *last] if text)
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{latex_text(sheet.title)}.}}\label{{tab:{LABEL.sub('-', sheet.title.lower()).strip('-')}}}",
        rf"\begin{{tabular}}{{@{{}}{aligned}@{{}}}}",
        r"\toprule",
        _latex_row(_grey(column.head) if column.published else latex_text(column.head) for column in sheet.columns),
        r"\midrule",
        *(_latex_row(map(_latex_cell, row)) for row in sheet.body),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {under}}}" if under else "",
        r"\end{table}",
    ]
    return "\n".join(filter(None, lines))


def _latex_row(cells: Any) -> str:
    return " & ".join(cells) + r" \\"


def _grey(text: str) -> str:
    return rf"\textcolor{{gray}}{{\textit{{{latex_text(text)}}}}}"


def _latex_cell(cell: Cell) -> str:
    if cell.published:
        return _grey(cell.text)
    text = latex_text(cell.text)
    text = rf"\textbf{{{text}}}" if cell.best else text
    return text + (rf" {{\scriptsize {latex_text(cell.spread)}}}" if cell.spread else "")


def latex_text(text: object) -> str:
    """A text in which nothing is a command."""
    return "".join(LATEX.get(letter, letter) for letter in CONTROL.sub(" ", str(text)))


def bibtex(key: str = "inbench", fields: Mapping[str, str] | None = None, kind: str = "software") -> str:
    """An entry; without fields, that of inbench itself."""
    own = {
        "title": "inbench: image inpainting methods under one protocol",
        "author": "{The inbench authors}",
        "version": __version__,
    }
    told = ",\n".join(f"  {name} = {{{value}}}" for name, value in (fields or own).items() if value)
    return f"@{kind}{{{key},\n{told}\n}}"


# HTML

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
body{color:#1b1b1b;background:#fff}
h2{font-size:1.05rem;margin:2.5rem 0 .5rem}.wide{overflow-x:auto}
table{border-collapse:collapse;border-top:2px solid;border-bottom:2px solid;font-variant-numeric:tabular-nums}
th{border-bottom:1px solid;font-weight:600;vertical-align:bottom}
th,td{padding:.2rem .7rem;text-align:left}
.n{text-align:right}td.n{white-space:nowrap}.published{color:#6b6b6b;font-style:italic}.best{font-weight:700}
small{color:#555;font-weight:400}p,ul{font-size:.85rem;max-width:62rem}"""


def page(sheets: Sequence[Sheet], last: Sequence[str] = ()) -> str:
    """One self-contained HTML page."""
    body = "\n".join([*map(_html_sheet, sheets), *(f"<p>{_html_text(text)}</p>" for text in last)])
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>inbench</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{STYLE}\n</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _html_sheet(sheet: Sheet) -> str:
    head = "".join(f"<th{_kind(column)}>{_html_text(column.head)}</th>" for column in sheet.columns)
    rows = [
        "".join(f"<td{_kind(column, cell)}>{_html_cell(cell)}</td>" for column, cell in zip(sheet.columns, row, strict=True))
        for row in sheet.body
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    table = f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'
    listed = "".join(f"<li>{_html_text(fault)}</li>" for fault in sheet.faults)
    parts = [f"<h2>{_html_text(sheet.title)}</h2>", table if sheet.body else ""]
    parts += [f"<p>{_html_text(sentences(sheet.notes))}</p>" if sheet.notes else "", f"<ul>{listed}</ul>" if listed else ""]
    return "\n".join(["<section>", *filter(None, parts), "</section>"])


def _kind(column: Column, cell: Cell | None = None) -> str:
    kinds = [name for name, holds in {
        "n": column.number, "published": cell.published if cell else column.published, "best": cell is not None and cell.best
    }.items() if holds]  # fmt: skip
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _html_cell(cell: Cell) -> str:
    return _html_text(cell.text) + (f" <small>{_html_text(cell.spread)}</small>" if cell.spread else "")


def _html_text(text: object) -> str:
    return html.escape(CONTROL.sub(" ", str(text)))


# For programs


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows, all of them whole."""
    return json.dumps({"rows": list(rows)}, indent=1, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str] | None = None) -> str:
    """A line a row: what it is, then mean, low and high of every metric, or of some."""
    metrics = metrics or list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    first = ["dataset", "size", "mask", "train_mask", "budget", "method", "shown", "seeds"]
    first += ["status", "complete", "converged", "past_best"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [*first, "licence", "images", *(f"{name} {end}".strip() for name in metrics for end in ("", "low", "high"))]
    )
    for row in rows:
        told = [" ".join(map(str, row[name])) if name == "seeds" else row[name] for name in first]
        images = max((metric["n"] for metric in row["metrics"].values()), default="")
        ends = [row["metrics"].get(name, {}).get(end) for name in metrics for end in ("mean", "low", "high")]
        writer.writerow([_csv_cell(value) for value in [*told, row["licence"], images, *ends]])
    return text.getvalue()


def paper_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line a row of a paper: what it is, each published cell, and ours with low and high."""
    names = list(dict.fromkeys(name for row in rows for name in row["published"]))
    metrics = list(dict.fromkeys(name for row in rows for name in (row["ours"] or {"metrics": {}})["metrics"]))
    first = ["paper", "table", "label", "method", "role", "mask", "budget"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = [f"our {name} {end}".strip() for name in metrics for end in ("", "low", "high")]
    writer.writerow([*first, *(f"published {name}" for name in names), "our data set", "our budget", *ends])
    for row in rows:
        own = row["ours"] or {"metrics": {}}
        told = [*(row[name] for name in first), *(row["published"].get(name) for name in names)]
        values = [own["metrics"].get(name, {}).get(end) for name in metrics for end in ("mean", "low", "high")]
        writer.writerow([_csv_cell(value) for value in [*told, own.get("dataset"), own.get("budget"), *values]])
    return text.getvalue()


def _csv_cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str):
        value = CONTROL.sub(" ", value)
        return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value
    return value


FORMATS: dict[str, Callable[..., str]] = {"markdown": markdown, "latex": latex, "html": page}
"""Those for readers; for programs there are csv and json."""
