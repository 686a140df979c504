"""Formats: the same tables as LaTeX, HTML, CSV and JSON; no name can become markup."""

import csv
import html.parser
import io
import json
import re

import pytest
from test_tables import NASTY, body, floor, lay

from inbench.readers import formats, tables
from inbench.readers.sheets import Sheet
from inbench.words.errors import UserError

SMALL = r"""% \usepackage{booktabs,xcolor}

\begin{table}
\centering\small
\caption{faces, 64 x 64, hole: center, budget: paper.}\label{tab:faces-64-x-64-hole-center-budget-paper}
\begin{tabular}{@{}lrrrrrr@{}}
\toprule
method & l2 \% $\downarrow$ & psnr dB $\uparrow$ & psnr-pooled dB $\uparrow$ & ssim $\uparrow$ & train s & ms/image \\
\midrule
gan\_1{[}tv=0{]} & \textbf{4.00} {\scriptsize $\pm$0.00} & \textbf{20.00} {\scriptsize $\pm$0.00} & """
TAGS = {"html", "head", "meta", "title", "style", "body", "section", "h2", "div", "table", "thead", "tbody", "tr", "th", "td",
        "p", "ul", "li", "small"}  # fmt: skip


def test_latex_has_rules_arrows_and_the_notes_under_the_table(tmp_path):
    lay(tmp_path, label="gan_1[tv=0]")
    text = tables.table(tmp_path, form="latex")
    assert text.startswith(SMALL)
    assert r"\footnotesize 1 of 1 complete; 4 test images." in text
    assert "% @software{inbench," in text


def test_an_empty_note_of_a_record_is_left_out(tmp_path):
    lay(tmp_path, labels={"notes": ["", "a photograph each"]})
    assert " test images. A photograph each. ±" in tables.table(tmp_path)


@pytest.mark.parametrize("nasty", [NASTY, r"a & b % c # d $ e _ f { g } h ~ i ^ \input{x}"])
def test_latex_is_balanced_whatever_a_name_holds(tmp_path, nasty):
    lay(tmp_path, label=nasty, labels={"dataset": nasty})
    lay(tmp_path, "other", status="failed", reason=nasty, labels={"dataset": nasty})
    text = tables.table(tmp_path, form="latex")
    bare = re.sub(r"\\[\\{}$&#_%]", "", "\n".join(line for line in text.splitlines() if not line.startswith("%")))
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not re.search(r"[%#~^|<>\"]", bare)
    assert r"\input{x}" not in text


class Tags(html.parser.HTMLParser):
    """What is open, and what was ever there."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_whole_whatever_a_name_holds(tmp_path):
    lay(tmp_path, label=NASTY)
    lay(tmp_path, "other", status="failed", reason="<script>alert(1)</script>")
    tags = Tags()
    tags.feed(tables.table(tmp_path, form="html"))
    assert tags.open == []
    assert tags.seen <= TAGS


def test_csv_has_a_line_a_row_and_no_formula(tmp_path):
    lay(tmp_path, label="=1+1", labels={"licence": "MIT"})
    floor(tmp_path)
    first, second = csv.DictReader(io.StringIO(tables.table(tmp_path, form="csv")))
    assert (first["shown"], first["psnr"], first["psnr low"], first["images"]) == ("'=1+1", "20.0", "20.0", "4")
    assert (first["licence"], second["licence"], second["method"]) == ("MIT", "", "linear")


def test_json_is_the_rows(tmp_path):
    lay(tmp_path)
    assert json.loads(tables.table(tmp_path, form="json")) == {"rows": tables.rows(tmp_path)}


def test_a_file_says_its_format_by_its_ending(tmp_path, command):
    lay(tmp_path)
    for ending, form in tables.ENDINGS.items():
        file = tmp_path / f"t{ending}"
        assert command("tables", "--results", str(tmp_path), "--write", str(file)).code == 0
        assert file.read_text() == tables.table(tmp_path, form=form)
        assert command("tables", "--results", str(tmp_path), "--check", str(file)).code == 0
    with pytest.raises(UserError, match="unknown format 'latx'; did you mean 'latex'"):
        tables.format_of("latx", None, False)


def test_masks_trained_on_stand_against_masks_tested_on(tmp_path, command):
    lay(tmp_path)
    lay(tmp_path, psnrs=(15.0,) * 4, run={"train_mask": "half"}, labels={"train_mask": "half"})
    text = command("tables", "--results", str(tmp_path), "--matrix", "psnr").out
    assert "**faces, 64 x 64, budget: paper: psnr dB ↑ by the mask tested on**" in text
    lines = [line for line in text.splitlines() if line.startswith("| gan")]
    assert [re.split(r" *\| *", line)[2:4] for line in lines] == [["center", "**20.00** ±0.00"], ["half", "15.00 ±0.00"]]
    assert list(body(text)) == ["gan"]
    told = command("tables", "--results", str(tmp_path), "--matrix", "psn")
    assert (told.code, told.err) == (2, "inbench: unknown metric 'psn'; did you mean 'psnr'?\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--costs", "--matrix"], "--costs and --matrix are different tables; ask for one at a time"),
        (
            ["--best", "--json"],
            "--best is a table for people: markdown, latex or html, not json; --json without it has the rows",
        ),
        (
            ["--across", "tv", "--format", "csv"],
            "--across is a table for people: markdown, latex or html, not csv; --json without it has the rows",
        ),
        (["--table", "1"], "--table belongs to --paper; name one, such as --paper meng2020"),
    ],
)
def test_options_that_would_be_ignored_are_refused(tmp_path, command, words, said):
    told = command("tables", "--results", str(tmp_path), *words)
    assert (told.code, told.err) == (2, f"inbench: {said}\n")


def test_another_kind_of_table_never_replaces_the_scores(tmp_path, command):
    lay(tmp_path)
    assert command("tables", "--results", str(tmp_path), "--write").code == 0
    page = (tmp_path / "TABLES.md").read_text()
    for kind in ("--matrix", "--costs", "--best"):
        told = command("tables", "--results", str(tmp_path), kind, "--write")
        assert (told.code, "has no place for" in told.err) == (2, True)
    assert (tmp_path / "TABLES.md").read_text() == page
    for _ in range(2):  # the second time it is between its markers
        assert command("tables", "--results", str(tmp_path), "--costs", "--write", str(tmp_path / "costs.md")).code == 0
    assert (tmp_path / "costs.md").read_text().count("inbench costs: begin") == 1


@pytest.mark.parametrize("text", ["", "a", "a_b", "[x]"])
def test_latex_text_of_plain_words_is_themselves_or_escaped(text):
    assert formats.latex_text(text) == text.replace("_", r"\_").replace("[", "{[}").replace("]", "{]}")


def test_a_sheet_without_columns_is_paragraphs_in_latex():
    text = formats.latex([Sheet("a_b", [], [], ["one note"], ["a fault"])])
    assert "\\paragraph{a\\_b.}\n\nOne note.\n\na fault" in text
    assert "tabular" not in text
