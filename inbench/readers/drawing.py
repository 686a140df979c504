"""Drawing: what all figures have in common: sizes for print, colours for everybody, captions, and how they are written."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from inbench.words.disk import write_file

WIDTH = 6.9
"""Inches: both columns of a page."""
SMALL = 7.0
"""Points: no text is smaller, and a caption is not larger."""
LINE = 0.135
"""Inches from one line of a caption to the next."""
DOTS = 200
ENDINGS = ("png", "svg")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
"""Okabe and Ito's, which people tell apart who do not see all colours; without their yellow, too light for lines on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2, 1, 1, 1, 2)))
GREY = "#767676"
LOOK: Any = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "inbench",
    "text.parse_math": False,
}
"""Text stays text in SVG, a name is never a formula, and the same figure is the same bytes."""


@dataclass(frozen=True)
class Style:
    """How one method looks in every figure: a colour, and a second cue for those who cannot tell it."""

    colour: str
    marker: str
    line: Any


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A style for each name, no two alike among the first 35."""
    return {
        name: Style(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], LINES[place % len(LINES)])
        for place, name in enumerate(dict.fromkeys(names))
    }


def canvas(height: float, caption: str) -> Figure:
    """A figure of so many inches above its caption; its panels keep clear of the caption by themselves."""
    lines = wrapped(caption, WIDTH)
    below = LINE * (len(lines) + 0.7)
    whole = height + below
    figure = Figure(figsize=(WIDTH, whole), dpi=DOTS, layout="constrained")
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, below / whole, 1, height / whole), h_pad=0.05, w_pad=0.06)
    write_caption(figure, lines)
    return figure


def wrapped(caption: str, width: float) -> list[str]:
    """A caption in lines of so many inches."""
    return textwrap.wrap(caption, int(width * 19.4))


def write_caption(figure: Figure, lines: Sequence[str]) -> None:
    """Lines at the foot of a figure, so that a picture and how it was chosen stay together."""
    width, height = figure.get_size_inches()
    figure.text(0.06 / width, 0.06 / height, "\n".join(lines), fontsize=SMALL, color="#444444", va="bottom", linespacing=1.25)


def plain_log(axis: Axis) -> None:
    """A logarithmic axis with its numbers written as people write them, for a name may hold what starts a formula."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 40 * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def look() -> Any:
    """Within it, everything is drawn the same way."""
    return matplotlib.rc_context(LOOK)


def save(figure: Figure, folder: Path, name: str, caption: str) -> list[Path]:
    """Write a figure as PNG and SVG; the caption is in the file too, for those who cannot see it."""
    files = []
    for ending in ENDINGS:
        held = io.BytesIO()
        about = {"Description": caption} if ending == "png" else {"Description": caption, "Date": None}
        with look(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a name in letters that the font lacks
            squeezed: Any = {"pil_kwargs": {"optimize": True}} if ending == "png" else {}
            figure.savefig(held, format=ending, dpi="figure", metadata={**about, "Title": name}, **squeezed)
        files.append(folder / f"{name}.{ending}")
        write_file(files[-1], held.getvalue())
    return files
