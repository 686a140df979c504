"""Figures: curves, grids of pictures, one number against another, masks against masks. Arrays and rows in, a figure out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from inbench.readers import drawing
from inbench.readers.curves import Curve
from inbench.readers.drawing import GREY, SMALL, WIDTH, Style, canvas

Pixels = NDArray[np.uint8]
MARKS_A_CURVE = 8
GAP = 0.03
"""Inches between the pictures of a grid."""
LARGEST = 0.95
"""Inches: no picture of a grid is larger."""


def curve_figure(curves: Mapping[str, Curve], styles: Mapping[str, Style], caption: str) -> Figure:
    """The loss of each training with its running median, how much it swings, and validation psnr, over the same steps."""
    figure = canvas(5.6, caption)
    loss, swing, psnr = figure.subplots(3, 1, sharex=True, height_ratios=[1.25, 1, 1.25])
    for name, curve in curves.items():
        style, (level, swings) = styles[name], curve.running()
        loss.plot(curve.steps, curve.loss, color=style.colour, alpha=0.22, linewidth=0.5, rasterized=len(curve.steps) > 5000)
        last, swung = curve.last()
        every = max(1, len(curve.steps) // MARKS_A_CURVE)
        line = {"color": style.colour, "linestyle": style.line, "marker": style.marker, "markersize": 3.5}
        loss.plot(curve.steps, level, markevery=every, label=f"{name}: {last:.3g} ± {100 * swung:.0f} %", **line)
        swing.plot(curve.steps, 100 * swings, markevery=every, **line)
        psnr.plot(curve.watched, curve.psnr, label=name, **line)
    if all((curve.loss > 0).all() for curve in curves.values()):
        loss.set_yscale("log")
        drawing.plain_log(loss.yaxis)
    loss.set_ylabel("training loss")
    swing.set_ylabel("swing, % of the loss")
    swing.set_ylim(bottom=0)
    psnr.set_ylabel("validation psnr, dB")
    psnr.set_xlabel("step")
    figure.align_ylabels()
    told = {"title": "loss in the last fifth ± its swing", "title_fontsize": SMALL, "alignment": "left"}
    columns = max(1, min(len(curves), int(5.6 / (0.5 + LETTER * max(len(str(one.get_label())) for one in loss.lines)))))
    figure.legend(*loss.get_legend_handles_labels(), loc="outside upper left", ncols=columns, **told)
    return figure


@dataclass(frozen=True)
class Grid:
    """Pictures in columns with heads, a row a picture: columns of uint8 [n, S, S, 3]. notes: small under a picture or empty."""

    heads: Sequence[str]
    rows: Sequence[str]
    columns: Sequence[Pixels]
    notes: Sequence[Sequence[str]]


def grid_figure(grid: Grid, caption: str) -> Figure:
    """Original, seen, and what every method made of it. Many columns have their heads aslant."""
    plan = _Plan.of(grid, len(drawing.wrapped(caption, WIDTH)))
    figure = Figure(figsize=(WIDTH, plan.height), dpi=plan.dots)
    drawing.write_caption(figure, drawing.wrapped(caption, WIDTH))
    turned: Any = {"rotation": 55, "ha": "left", "rotation_mode": "anchor"} if plan.aslant else {"ha": "center"}
    for column, (head, pictures) in enumerate(zip(plan.heads, grid.columns, strict=True)):
        x, middle = plan.x(column), plan.side * (0.4 if plan.aslant else 0.5)
        figure.text((x + middle) / WIDTH, 1 - (plan.top - 0.05) / plan.height, head, va="bottom", fontsize=SMALL, **turned)
        for row, picture in enumerate(pictures):
            y = plan.y(row)
            side = plan.side * (1 - 1e-9)  # a hair over a whole number of dots is drawn as one dot more
            axes = figure.add_axes((x / WIDTH, y / plan.height, side / WIDTH, side / plan.height))
            axes.imshow(picture, interpolation="none")
            axes.set_axis_off()
            note: Any = {"fontsize": SMALL, "color": GREY, "ha": "center", "va": "top"}
            figure.text((x + plan.side / 2) / WIDTH, (y - 0.02) / plan.height, grid.notes[column][row], **note)
    for row, name in enumerate(grid.rows):
        y = plan.y(row) + plan.side / 2
        figure.text((LEFT - 0.06) / WIDTH, y / plan.height, name, ha="right", va="center", fontsize=SMALL)
    return figure


LEFT = 0.95
"""Inches at the left of a grid, for the names of its rows."""
LETTER = 0.055
"""Inches that a letter takes, roughly."""
UNDER = 0.14
"""Inches under a picture, for its note."""


@dataclass(frozen=True)
class _Plan:
    """Where everything of a grid is, in inches. A picture's pixel is a whole number of dots, so that none is dropped."""

    heads: list[str]
    side: float
    dots: float
    aslant: bool
    top: float
    height: float

    @classmethod
    def of(cls, grid: Grid, lines: int) -> _Plan:
        across, longest = len(grid.columns), LETTER * max(map(len, grid.heads))
        side = min(LARGEST, (WIDTH - LEFT - 0.1) / across - GAP)
        letters = max(1, int(side / LETTER))
        folded = [textwrap.wrap(head, letters, break_long_words=False) for head in grid.heads]
        aslant = max(len(line) for head in folded for line in head) > letters or max(map(len, folded)) > 3
        if aslant:  # the last head leans out of the grid
            side = min(side, (WIDTH - LEFT - 0.58 * LETTER * len(grid.heads[-1])) / across - GAP)
        size = grid.columns[0].shape[1]
        dots = size * np.ceil(drawing.DOTS * side / size) / side
        top = 0.14 + (0.83 * longest if aslant else 0.115 * max(map(len, folded)))
        heads = list(grid.heads) if aslant else ["\n".join(head) for head in folded]
        return cls(heads, side, dots, aslant, top, top + len(grid.rows) * (side + UNDER) + drawing.LINE * (lines + 0.8))

    def x(self, column: int) -> float:
        return self._whole(LEFT + column * (self.side + GAP))

    def y(self, row: int) -> float:
        return self._whole(self.height - self.top - row * (self.side + UNDER) - self.side)

    def _whole(self, inches: float) -> float:
        return float(np.round(inches * self.dots) / self.dots)


@dataclass(frozen=True)
class Point:
    """A method in a plane; x None: nothing was spent. low, high: the interval of y, where there is one."""

    name: str
    x: float | None
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Plane:
    """One number against another. nothing: what stands at the left end for points without an x."""

    x: str
    y: str
    points: Sequence[Point]
    log: bool = False
    nothing: str = ""


def plane_figure(planes: Sequence[Plane], styles: Mapping[str, Style], caption: str) -> Figure:
    """Planes below each other, each point with its interval and its name beside it."""
    figure, drawn = canvas(3.1 * len(planes), caption), []
    for axes, plane in zip(figure.subplots(len(planes), 1, squeeze=False)[:, 0], planes, strict=True):
        spent = [point.x for point in plane.points if point.x]
        free = (min(spent, default=1.0) / 4) if plane.log else 0.0
        places = [(point.x or free, point.y) for point in plane.points]
        for point, (x, y) in zip(plane.points, places, strict=True):
            style = styles[point.name]
            if point.low is not None and point.high is not None:
                axes.plot([x, x], [point.low, point.high], color=style.colour, linewidth=0.8, alpha=0.6)
            axes.plot([x], [y], linestyle="none", color=style.colour, marker=style.marker, markersize=5.5)
        axes.set(xlabel=plane.x, ylabel=plane.y)
        axes.margins(x=0.14, y=0.12)
        if plane.log:
            axes.set_xscale("log")
            drawing.plain_log(axes.xaxis)
        if plane.log and not all(point.x for point in plane.points):
            axes.axvline(free * 2, color="#BBBBBB", linewidth=0.6, linestyle="dotted")
            above = axes.get_xaxis_transform()
            axes.text(free, 1.0, plane.nothing, transform=above, ha="center", va="bottom", fontsize=SMALL, color=GREY)
        drawn.append((axes, plane, places))
    figure.draw_without_rendering()  # so that the axes know where points fall
    for axes, plane, places in drawn:
        _name_points(axes, plane.points, places, styles)
    return figure


def _name_points(
    axes: Axes, points: Sequence[Point], places: Sequence[tuple[float, float]], styles: Mapping[str, Style]
) -> None:
    """A name beside each point, where it covers the least of what is there already; a thin line where it had to go far."""
    unit = axes.figure.dpi / 72
    spots = axes.transData.transform(places)
    room = axes.get_window_extent()
    taken = [((x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit), 8.0) for x, y in spots]
    for point, (x, _) in zip(points, places, strict=True):
        if point.low is not None and point.high is not None:
            (left, bottom), (_, top) = axes.transData.transform([(x, point.low), (x, point.high)])
            taken.append(((left - unit, bottom, left + unit, top), 0.3))  # a name over a thin bar can still be read
    for place in np.argsort(-spots[:, 1], kind="stable"):
        name, (x, y) = points[place].name, spots[place]
        boxes = _boxes(x, y, len(name) * 4.5 * unit, 8.5 * unit, unit)
        best = min(boxes, key=lambda box: 40 * _covered(box, taken, room) + _away(box, x, y) / unit)
        taken.append((best, 3.0))
        line = {"arrowstyle": "-", "color": styles[name].colour, "linewidth": 0.5, "shrinkB": 3, "alpha": 0.7}
        axes.annotate(
            name,
            places[place],
            ((best[0] - x) / unit, (best[1] - y) / unit),
            textcoords="offset points",
            fontsize=SMALL,
            annotation_clip=False,
            arrowprops=line if _away(best, x, y) > 10 * unit or abs((best[1] + best[3]) / 2 - y) > 6 * unit else None,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3},
        )


Box = tuple[float, float, float, float]


def _boxes(x: float, y: float, wide: float, tall: float, unit: float) -> list[Box]:
    """Where a name of a point may stand: right, left, above and below, from near to far."""
    found = []
    for far in (0, 5, 10, 16, 23, 31, 40, 50, 62, 76):
        for up in dict.fromkeys((far, -far)):
            for left in (x + 6 * unit, x - wide - 6 * unit, x + (6 + far) * unit, x - wide - (6 + far) * unit):
                bottom = y - tall / 2 + up * unit
                found.append((left, bottom, left + wide, bottom + tall))
            bottom = y + (up + (7 if up >= 0 else -7)) * unit - (tall if up < 0 else 0)
            found.append((x - wide / 2, bottom, x + wide / 2, bottom + tall))
    return found


def _away(box: Box, x: float, y: float) -> float:
    """From a point to the nearest place of a box."""
    return float(np.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3])))


def _covered(box: Box, taken: Sequence[tuple[Box, float]], room: Any) -> float:
    """How much of a box is over what is there already, by its weight, or outside."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    covered = sum(weight * _shared(box, other) for other, weight in taken)
    outside = area - _shared(box, (room.x0, room.y0, room.x1, room.y1))
    return (covered + 8 * outside) / area


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, tall)


@dataclass(frozen=True)
class Lines:
    """What becomes of a number from step to step along the bottom: for each name (step, y, low, high), some steps missing."""

    x: str
    y: str
    steps: Sequence[str]
    lines: Mapping[str, Sequence[tuple[int, float, float | None, float | None]]]


def line_figure(told: Lines, styles: Mapping[str, Style], caption: str) -> Figure:
    """A line for each name through its points, each with its interval; the steps stand at equal distances."""
    figure = canvas(3.4, caption)
    axes = figure.subplots()
    for place, (name, points) in enumerate(told.lines.items()):
        style, aside = styles[name], 0.03 * (place - (len(told.lines) - 1) / 2)  # so that no bar hides another
        x = [step + aside for step, *_ in points]
        look: Any = {"color": style.colour, "linestyle": style.line, "marker": style.marker, "markersize": 4}
        axes.plot(x, [y for _, y, *_ in points], label=name, **look)
        for at, (_, _, low, high) in zip(x, points, strict=True):
            if low is not None and high is not None:
                axes.plot([at, at], [low, high], color=style.colour, linewidth=0.8, alpha=0.6)
    axes.set_xticks(range(len(told.steps)), told.steps)
    axes.set(xlabel=told.x, ylabel=told.y)
    columns = max(1, int(5.6 / (0.5 + LETTER * max(map(len, told.lines)))))
    figure.legend(loc="outside upper left", ncols=columns)
    return figure


@dataclass(frozen=True)
class Matrix:
    """Rows (a method and the mask that it was trained on) against the masks tested on; None where nothing was measured."""

    rows: Sequence[tuple[str, str]]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    head: str
    better: str


def matrix_figure(matrix: Matrix, caption: str) -> Figure:
    """Every value as a number on its colour; a frame where a method is tested on what it was trained on."""
    longest = LETTER * max(map(len, matrix.columns))
    aslant = longest > 4 / len(matrix.columns)
    figure = canvas(0.65 + 0.2 * len(matrix.rows) + (0.5 * longest if aslant else 0), caption)
    axes = figure.subplots()
    values = np.array([[np.nan if value is None else value for value in row] for row in matrix.values], dtype=np.float64)
    shown = axes.imshow(values, cmap="cividis" if matrix.better == "higher" else "cividis_r", aspect="auto")
    low, high = np.nanmin(values), np.nanmax(values)
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        if np.isfinite(value):
            dark = ((value - low) / max(high - low, 1e-12) < 0.5) == (matrix.better == "higher")
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL, color="white" if dark else "black")
        if matrix.columns[column] == matrix.rows[row][1]:
            axes.add_patch(Rectangle((column - 0.47, row - 0.44), 0.94, 0.88, fill=False, edgecolor="#D55E00", linewidth=1.2))
    turned: Any = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if aslant else {}
    axes.set_xticks(range(len(matrix.columns)), matrix.columns, **turned)
    several = len({mask for _, mask in matrix.rows} - {"-"}) > 1
    axes.set_yticks(
        range(len(matrix.rows)),
        [f"{name}, trained on {mask}" if several and mask != "-" else name for name, mask in matrix.rows],
    )
    axes.set_xlabel("tested on")
    axes.grid(False)
    axes.tick_params(length=0)
    figure.colorbar(shown, ax=axes, pad=0.01, aspect=30).set_label(matrix.head)
    return figure
