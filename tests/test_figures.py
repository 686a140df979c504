"""Figures: fit for print, for everybody's eyes, and true to what was put in."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from inbench.readers import drawing, figures
from inbench.readers.curves import Curve
from inbench.readers.figures import Grid, Lines, Matrix, Plane, Point

CAPTION = (
    "A caption that says what has to be known of a figure, which is rather long, so that it has to go over several lines, "
)
HOSTILE = ["<img src=x onerror=alert(1)>", "$\\frac{", "a & b", "dense-gan[adversarial=0,tv=0]"]
STYLES = drawing.styles([f"method-{place}" for place in range(12)] + HOSTILE)


def curve(level: float = 0.5, count: int = 200) -> Curve:
    chance = np.random.default_rng(0)
    steps = np.arange(1.0, count + 1)
    return Curve(
        "loss", steps, level * (1 + 5 / steps) * chance.uniform(0.9, 1.1, count), steps[9::10], np.log(steps[9::10]) + 15
    )


def points(names: list[str]) -> list[Point]:
    chance = np.random.default_rng(1)
    made = [Point(name, float(10 ** chance.uniform(0, 2)), float(chance.uniform(15, 20)), 14.5, 21) for name in names]
    return [*made[:-2], Point(names[-2], None, 16.0), Point(names[-1], 0.0, 16.1)]


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def grid(across: int = 5, names: list[str] | None = None) -> Grid:
    heads = ["original", "seen", *(names or [f"method-{place}" for place in range(across)])]
    columns = [pictures(3, seed) for seed in range(len(heads))]
    return Grid(heads, ["random", "best", "disagreement"], columns, [["", "", ""], *[["12.3"] * 3] * (len(heads) - 1)])


def made(kind: str, names: list[str]) -> Figure:
    with drawing.look():
        if kind == "curves":
            return figures.curve_figure({name: curve(1 + place) for place, name in enumerate(names[:6])}, STYLES, CAPTION * 3)
        if kind == "plane":
            plane = Plane("seconds of training", "psnr dB ↑", points(names), log=True, nothing="nothing learned")
            return figures.plane_figure([plane, Plane("l2 % ↓", "patches ↓", points(names)[:-2])], STYLES, CAPTION)
        if kind == "matrix":
            rows = [(name, "center" if place % 2 else "half") for place, name in enumerate(names)]
            values = [[20.0 + place, None, 15.0] for place in range(len(names))]
            matrix = Matrix(rows, ["center", "half", "brush[ratio=10-20]"], values, "psnr dB ↑", "higher")
            return figures.matrix_figure(matrix, CAPTION)
        if kind == "lines":
            lines = {name: [(step, 20.0 - place - step, 19.5, 20.5) for step in range(3)] for place, name in enumerate(names)}
            lines[names[0]] = [(1, 12.0, None, None)]
            return figures.line_figure(Lines("ratio", "psnr dB ↑", ["0-10", "10-20", "20-30"], lines), STYLES, CAPTION)
        return figures.grid_figure(grid(names=names), CAPTION)


PLAIN = [f"method-{place}" for place in range(12)]
KINDS = ("curves", "plane", "matrix", "lines", "grid")
ALL = [(kind, names) for kind in KINDS for names in (PLAIN, HOSTILE)]


@pytest.fixture(scope="module", params=ALL, ids=lambda one: f"{one[0]}-{'hostile' if one[1] is HOSTILE else 'plain'}")
def drawn(request: pytest.FixtureRequest) -> Figure:
    figure = made(*request.param)
    with drawing.look():
        figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[Text]:
    """All text that is seen: matplotlib also holds labels of ticks outside the view."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
            hidden |= {label for tick in ticks for label in (tick.label1, tick.label2)}
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden]
    return [text for text in found if isinstance(text, Text)]


def test_no_text_is_smaller_than_7_points(drawn: Figure) -> None:
    assert min(text.get_fontsize() for text in texts(drawn)) >= 7


def test_a_figure_is_as_wide_as_a_page_and_no_text_is_cut_off(drawn: Figure) -> None:
    assert drawn.get_size_inches()[0] == drawing.WIDTH
    for text in texts(drawn):
        box = text.get_window_extent()
        assert box.x0 > -1, text
        assert box.x1 < drawn.bbox.x1 + 1, text
        assert box.y0 > -1, text
        assert box.y1 < drawn.bbox.y1 + 1, text


def test_the_caption_covers_nothing(drawn: Figure) -> None:
    caption = max(drawn.texts, key=lambda text: len(text.get_text()))
    top = caption.get_window_extent().y1
    assert all(text is caption or text.get_window_extent().y0 >= top - 1 for text in texts(drawn))


def test_svg_holds_names_as_text_and_nothing_that_runs(drawn: Figure, tmp_path: Path) -> None:
    png, svg = drawing.save(drawn, tmp_path, "a-figure", CAPTION)
    text = svg.read_text()
    words = "".join(ElementTree.fromstring(text).itertext())
    assert "method-1" in words or all(name in words for name in HOSTILE)
    assert not {"script", "foreignObject"} & {node.tag.rpartition("}")[2] for node in ElementTree.fromstring(text).iter()}
    with Image.open(png) as image:
        assert image.info["Description"] == CAPTION


def test_the_same_figure_is_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        drawing.save(made("matrix", PLAIN), tmp_path / folder, "figure", CAPTION)
    for ending in drawing.ENDINGS:
        assert (tmp_path / "one" / f"figure.{ending}").read_bytes() == (tmp_path / "other" / f"figure.{ending}").read_bytes()


@pytest.mark.parametrize("across", [3, 16])
def test_every_pixel_of_a_picture_is_as_many_dots_as_any_other(across: int, tmp_path: Path) -> None:
    whole = grid(across)
    with drawing.look():
        file, _ = drawing.save(figures.grid_figure(whole, CAPTION), tmp_path, "grid", CAPTION)
    shown = np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))
    for column, row in ((0, 2), (across, 0)):
        assert holds(shown, whole.columns[column][row]), (column, row)


def holds(shown: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture is somewhere in another, enlarged by a whole number."""
    for times in range(1, 7):
        large = np.kron(picture, np.ones((times, times, 1), np.uint8))
        side = len(large)
        found = np.argwhere((shown[: len(shown) - side + 1, : shown.shape[1] - side + 1] == large[0, 0]).all(2))
        if any((shown[y : y + side, x : x + side] == large).all() for y, x in found):
            return True
    return False


def test_no_two_methods_look_alike_and_the_first_ones_differ_in_each_cue() -> None:
    found = drawing.styles([str(place) for place in range(35)])
    assert len({(one.colour, one.marker) for one in found.values()}) == 35
    assert len({(one.colour, one.line) for one in found.values()}) == 35
    first = list(found.values())[:5]
    for cue in ("colour", "marker", "line"):
        assert len({getattr(one, cue) for one in first}) == 5


def test_names_of_points_do_not_cover_each_other() -> None:
    figure = made("plane", PLAIN)
    with drawing.look():
        figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("method")]
        assert len(boxes) >= 10
        for place, one in enumerate(boxes):
            for other in boxes[:place]:
                shared = max(0, min(one.x1, other.x1) - max(one.x0, other.x0)) * max(
                    0, min(one.y1, other.y1) - max(one.y0, other.y0)
                )
                assert shared < 0.1 * one.width * one.height


def test_what_cost_nothing_stands_apart_at_the_left() -> None:
    figure = made("plane", PLAIN)
    axes = figure.axes[0]
    marks = [float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "None"]
    assert marks[-1] == marks[-2] < min(marks[:-2]) / 2
