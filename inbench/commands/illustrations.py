"""Illustrations: which figures records give, what stands in each, and the words of its caption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbench.commands import galleries
from inbench.joints.registry import Registry
from inbench.readers import curves, picking
from inbench.readers.across import families
from inbench.readers.naming import by_size
from inbench.readers.rows import trained_on_it
from inbench.readers.score_sheets import has_value, head, metric_seeds, ranks, title_of, trained_elsewhere
from inbench.readers.sections import by_data
from inbench.readers.sheets import sentences
from inbench.words import brackets
from inbench.words.errors import UserError
from inbench.words.protocol import PRIMARY
from inbench.words.records import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]
DISTORTION, PERCEPTION = "l2", "patch-distance"


@dataclass(frozen=True)
class Illustration:
    """A figure and its name as a file; caption: what has to be known of it; notice: what has to be said to whoever makes it."""

    name: str
    caption: str
    figure: Figure
    notice: str = ""


@dataclass(frozen=True)
class Named:
    """A row and what it is called in a figure."""

    name: str
    row: Row


class Illustrator:
    """Makes figures of rows; found: records by the name of their folder, folder: where prepared data lives.

    pick: how many pictures by each rule, as typed; seed: of those drawn at random.
    """

    def __init__(
        self, found: Mapping[str, Record], plugins: Registry, folder: Path, *, seed: int = 0, pick: str | None = None
    ) -> None:
        self.found, self.plugins, self.folder = found, plugins, folder
        self.how: dict[str, Any] = {"seed": seed, "wanted": picking.wanted(pick)}

    def make(self, kind: str, members: Sequence[Named], stem: str, head_line: str) -> Iterator[Illustration]:
        """The figures of a kind of some rows of one table. Raises `UserError` where there is nothing to draw, and why."""
        makers: dict[str, Callable[[Sequence[Named], str, str], Iterator[Illustration]]] = {
            "curves": self.curves,
            "grid": self.grid,
            "cost": self.cost,
            "perception": self.perception,
            "matrix": self.matrix,
        }
        complete = [one for one in members if one.row["complete"] and one.row["metrics"]]
        if not complete:
            raise UserError(f"nothing of {head_line} is complete")
        yield from makers[kind](complete, f"{stem}-{kind}", head_line)

    def curves(self, members: Sequence[Named], name: str, title: str) -> Iterator[Illustration]:
        from inbench.readers import drawing, figures

        found = {one.name: curves.curve_of(self.found[one.row["records"][0]]) for one in members}
        held = {name: curve for name, curve in found.items() if curve}
        if not held:
            raise UserError(f"nothing of {title} was learned step by step: there are no curves")
        losses = (
            "; losses are each method's own, and only their swing may be compared"
            if len({one.row["method"] for one in members if one.name in held}) > 1
            else ""
        )
        caption = (
            f"{title}: training, the first seed. Top: the loss of each step, light, and its running median{losses}. "
            f"Middle: how much it swings: {curves.SWING}, in a window of {100 * curves.WINDOW:.0f} % of the steps; in the "
            "legend over the last fifth. Bottom: psnr on validation pictures, over the hole."
        )
        yield Illustration(name, caption, figures.curve_figure(held, drawing.styles(in_order(members)), caption))

    def grid(self, members: Sequence[Named], name: str, title: str) -> Iterator[Illustration]:
        from inbench.readers import figures

        shown = galleries.gallery([one.row for one in members], self.found, self.plugins, self.folder, **self.how)
        names = {id(one.row): one.name for one in members}
        pictures = shown.pictures
        grid = figures.Grid(
            ["original", "seen", *(names[id(row)] for row in shown.rows)],
            [pick.rule for pick in shown.picks],
            [pictures.images, pictures.seen, *shown.completed],
            [[""] * len(shown.picks)] * 2 + [[f"{value:.1f}" for value in values] for values in shown.scores],
        )
        seeds = "; of several seeds the first" if any(len(row["seeds"]) > 1 for row in shown.rows) else ""
        told = [f"{title}. Under each picture its psnr on the hole, dB{seeds}. Pictures are picked by rule: {shown.told}."]
        told += [f"Left out: {'; '.join(shown.missing)}."] if shown.missing else []
        told += [f"{pictures.notice[:1].upper()}{pictures.notice[1:]}."] if pictures.notice else []
        caption = " ".join(told)
        yield Illustration(name, caption, figures.grid_figure(grid, caption), pictures.notice)

    def cost(self, members: Sequence[Named], name: str, title: str) -> Iterator[Illustration]:
        from inbench.readers import drawing, figures
        from inbench.readers.figures import Plane, Point

        styles = drawing.styles(in_order(members))
        machines = sorted({machine for one in members for machine in one.row["costs"]})
        for number, machine in enumerate(machines):
            here = [one for one in members if machine in one.row["costs"]]
            planes = []
            for cost, label, nothing in (
                ("train_seconds", "seconds of training", "nothing learned"),
                ("ms_per_image", "milliseconds to fill an image", "not measured"),
            ):
                points = [
                    Point(one.name, one.row["costs"][machine][cost], **_ends(one.row["metrics"][PRIMARY]))
                    for one in here
                    if one.row["metrics"][PRIMARY]["mean"] is not None
                ]
                planes.append(Plane(label, _label(PRIMARY, here), points, log=True, nothing=nothing))
            caption = f"{title}: quality against cost, on {machine}. {_intervals(here)}"
            suffix = f"-{number + 1}" if len(machines) > 1 else ""
            yield Illustration(name + suffix, caption, figures.plane_figure(planes, styles, caption))

    def perception(self, members: Sequence[Named], name: str, title: str) -> Iterator[Illustration]:
        from inbench.readers import drawing, figures
        from inbench.readers.figures import Plane, Point

        held = [
            one
            for one in members
            if all((one.row["metrics"].get(m) or {"mean": None})["mean"] is not None for m in (DISTORTION, PERCEPTION))
        ]
        if not held:
            raise UserError(f"{title} was scored before there was {PERCEPTION}; inbench score adds it from kept guesses")
        points = [
            Point(one.name, one.row["metrics"][DISTORTION]["mean"], **_ends(one.row["metrics"][PERCEPTION])) for one in held
        ]
        plane = Plane(_label(DISTORTION, held), _label(PERCEPTION, held), points)
        caption = (
            f"{title}: perception against distortion; better is left and down. A blurred fill is low in distortion and high in "
            f"patch distance, an invented texture the other way round. {_intervals(held)}"
        )
        yield Illustration(name, caption, figures.plane_figure([plane], drawing.styles(in_order(members)), caption))

    def matrix(self, members: Sequence[Named], name: str, title: str) -> Iterator[Illustration]:
        from inbench.readers import figures

        masks = sorted({one.row["mask"] for one in members}, key=by_size)
        if len(masks) < 2:
            raise UserError(f"{title} was tested on one mask alone; inbench run --test-masks all gives a matrix")
        by: dict[tuple[str, str], dict[str, float | None]] = {}
        for one in members:
            key = (one.name, one.row["train_mask"] or "-")
            by.setdefault(key, {})[one.row["mask"]] = one.row["metrics"][PRIMARY]["mean"]
        order = sorted(by)
        table = figures.Matrix(
            order, masks, [[by[key].get(mask) for mask in masks] for key in order], _label(PRIMARY, members), "higher"
        )
        trained = sorted({mask for _, mask in order} - {"-"})
        rows = f"every learner was trained on {trained[0]}" if len(trained) == 1 else "rows say what was trained on"
        caption = f"{title}: {PRIMARY} by the mask tested on; {rows}; framed: tested on what it was trained on."
        yield Illustration(name, caption, figures.matrix_figure(table, caption))


def across(made: Sequence[Row], option: str) -> Iterator[Illustration]:
    """What one option does: a figure for each family of rows that differ by it alone. Raises `UserError` where none do."""
    from inbench.readers import drawing, figures

    for family in families(made, option):
        several = len({training for _, training in family.lines} - {"-"}) > 1
        named, lines = [], {}
        for (method, training), by in sorted(family.lines.items()):
            name = f"{method} on {training}" if several and training != "-" else method
            found = [(place, by[value]) for place, value in enumerate(family.heads) if value in by and has_value(by[value])]
            if found:
                ends = [(place, row["metrics"][PRIMARY]) for place, row in found]
                lines[name] = [(place, metric["mean"], metric["low"], metric["high"]) for place, metric in ends]
                named.append(Named(name, found[0][1]))
        told = [f"{title_of(family.of)}: {PRIMARY} by {family.option}.", sentences(trained_elsewhere(family.lines))]
        caption = " ".join(filter(None, [*told, _intervals(named)]))
        drawn = figures.Lines(family.option, _label(PRIMARY, named), list(family.heads), lines)
        name = brackets.file_name(f"{file_stem(family.of)}-across-{family.option}")
        yield Illustration(name, caption, figures.line_figure(drawn, drawing.styles(in_order(named)), caption))


def in_order(members: Sequence[Named]) -> list[str]:
    """Names, those first that learn step by step: they have the colours that are told apart best, in every figure alike."""
    return [one.name for one in sorted(members, key=lambda one: one.row["closed_form"] or not one.row["seeds"])]


def _ends(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {"y": metric["mean"], "low": metric["low"], "high": metric["high"]}


def _label(metric: str, members: Sequence[Named]) -> str:
    """A metric with its unit and where better is."""
    return head(metric, [one.row for one in members])


def _intervals(members: Sequence[Named]) -> str:
    several = any(metric_seeds(one.row) > 1 for one in members)
    told = f"Bars are 95 % intervals over images{' (one training) or over trainings and images (several)' if several else ''}."
    budget = members[0].row["budget"]
    return told if ranks(budget) else f"{told} Budget {budget} is a first look and ranks nothing."


def groups(
    made: Sequence[Row], kinds: Sequence[str], masks: Sequence[str] | None
) -> Iterator[tuple[str, list[Named], str, str]]:
    """Kind, rows, file stem and head line of every figure that rows give; masks: of which holes, None: those trained on."""
    for members in by_data(made):
        by_mask: dict[str, list[Row]] = {}
        for row in members:
            by_mask.setdefault(row["mask"], []).append(row)
        asked = masks if masks is not None else {row["train_mask"] for row in members if row["train_mask"]} or {"all"}
        wanted = [mask for mask in by_mask if mask in asked or "all" in asked]
        for kind in kinds:
            if kind == "matrix":
                named = [Named(row["shown"], row) for row in members]
                yield kind, named, file_stem(members[0], mask=False), title_of(members[0], mask=False)
                continue
            for mask in wanted:
                rows = by_mask[mask]
                alone = all(trained_on_it(row) for row in rows)
                named = [
                    Named(row["shown"] + ("" if alone or not row["train_mask"] else f" on {row['train_mask']}"), row)
                    for row in rows
                ]
                if kind == "curves":
                    named = [one for one in named if trained_on_it(one.row)]
                yield kind, named, file_stem(rows[0]), title_of(rows[0])


def file_stem(row: Row, *, mask: bool = True) -> str:
    """The name of a table as a file's."""
    told = [row["dataset"], str(row["size"]), *([row["mask"]] if mask else []), row["budget"]]
    return brackets.file_name("-".join(told))
