"""Score sheets: rows to tables of scores with their marks, and the matrix of training masks and test masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inbench.readers import watched
from inbench.readers.naming import by_size
from inbench.readers.rows import trained_on_it
from inbench.readers.sections import by_data, by_table
from inbench.readers.sheets import NO_CELL, Cell, Column, Sheet
from inbench.words.errors import unknown
from inbench.words.protocol import FLOOR, MARGINS, PRIMARY
from inbench.words.records import mask_and_part

Row = dict[str, Any]
SHOWN = ("l2", "psnr", "psnr-pooled", "ssim")
COLUMNS = {"protocol": SHOWN, "perception": ("gradient-energy", "seam", "spectrum", "patch-distance")}
"""What tables show: the protocol's own, or how a fill looks beside the picture."""
ELSEWHERE = "§"
"""The mark of guesses that were made elsewhere and scored here."""


def score_sheets(made: Sequence[Row], shown: Sequence[str] = SHOWN, *, timed: bool = True) -> list[Sheet]:
    """A sheet for each data set, size, mask and budget, with some metrics; timed: and with seconds."""
    return [_sheet(members, shown, timed) for members in by_table(made)]


def title_of(row: Row, *, mask: bool = True, budget: bool = True) -> str:
    """What a section is called."""
    told = [f"hole: {row['mask']}"] if mask else []
    told += [f"budget: {row['budget']}"] if budget else []
    return ", ".join([row["dataset"], f"{row['size']} x {row['size']}", *told])


def _sheet(members: list[Row], shown: Sequence[str], timed: bool) -> Sheet:
    best = {name: best_of(name, members) for name in shown}
    trained = not all(trained_on_it(row) for row in members)
    columns = [Column("method", number=False), *([Column("trained on", number=False)] if trained else [])]
    several = _have_several(members)
    columns += [Column("trainings")] if several else []
    columns += [Column(head(name, members)) for name in shown]
    columns += [Column("train s"), Column("ms/image")] if timed else []
    body = []
    for row in members:
        cells = [Cell(row["shown"] + marks(row)), *([Cell(row["train_mask"] or "-")] if trained else [])]
        cells += [_trainings(row)] if several else []
        cells += [score(name, row, best[name]) for name in shown]
        cells += [number(row["train_seconds"], 0), number(row["ms_per_image"], 1)] if timed else []
        body.append(cells)
    return Sheet(title_of(members[0]), columns, body, [*notes(members), *bold(body)], faults(members))


def ranks(budget: str) -> bool:
    """Whether a table may say who is best: not at a budget that is for a first look."""
    return not budget.startswith(("quick", "smoke"))


def head(name: str, members: Sequence[Row]) -> str:
    """A metric with its unit, and an arrow to where better is."""
    metric = next((row["metrics"][name] for row in members if name in row["metrics"]), {"unit": "", "better": ""})
    return " ".join(filter(None, [name, metric["unit"], ARROWS.get(metric["better"], "")]))


ARROWS = {"higher": "↑", "lower": "↓", "zero": "→ 0"}
"""Where better is."""


def worth(value: float, better: str) -> float:
    """A number that is the higher, the better a metric's value is; better: higher or lower."""
    return value if better == "higher" else -value


def best_of(name: str, members: Sequence[Row]) -> float | None:
    """The best mean of the rows that may be called best; None where 0 is best, for means near 0 may be of large errors."""
    found = [row["metrics"][name] for row in members if name in row["metrics"] and may_be_best(row)]
    values = [metric["mean"] for metric in found if metric["mean"] is not None]
    if not values or found[0]["better"] == "zero" or is_mixed(name, members):
        return None
    return float(max(values, key=lambda value: worth(value, found[0]["better"])))


def may_be_best(row: Row) -> bool:
    return bool(row["complete"]) and row["converged"] is not False and ranks(row["budget"])


def score(name: str, row: Row, best: float | None = None, *, scale: float = 1.0) -> Cell:
    """A metric's mean with half its interval; best where the row is within the margin of it."""
    metric = row["metrics"].get(name)
    if not metric or metric["mean"] is None:
        return NO_CELL
    digits = places(name, metric["unit"])
    behind = worth(best, metric["better"]) - worth(metric["mean"], metric["better"]) if best is not None else np.inf
    is_best = may_be_best(row) and behind <= MARGINS.get(name, 0.0)
    spread = (
        f"±{scale * (metric['high'] - metric['low']) / 2:.{digits}f}" if metric["low"] is not None and metric["n"] > 1 else ""
    )
    return Cell(f"{scale * metric['mean']:.{digits}f}", spread, best=is_best)


def places(name: str, unit: str) -> int:
    """Decimals that a metric is shown with: of a number without a unit, such as LPIPS or KID, two would be too few."""
    return 3 if name.startswith("ssim") else 2 if unit or name.startswith("fid") else 4


def number(value: float | None, digits: int) -> Cell:
    """A number, or a dash where there is none or nothing was spent."""
    return Cell(f"{value:.{digits}f}") if value else NO_CELL


def marks(row: Row) -> str:
    """What is to be said of a row behind its name."""
    found = "" if row["status"] == "ok" else f" ({row['status']})"
    if row["external"] is not None:
        found += f" {ELSEWHERE}"
    if row["below_floor"]:
        found += " †"
    if ranks(row["budget"]):
        found += (" ‡" if row["converged"] is False else "") + (" ¶" if row["past_best"] else "")
    return found


def _trainings(row: Row) -> Cell:
    return Cell(str(metric_seeds(row))) if row["seeds"] else NO_CELL


def notes(members: Sequence[Row]) -> list[str]:
    """What is said under a table: how complete it is, of how many images, what ± and the marks mean."""
    complete = sum(row["complete"] for row in members)
    counts = {row["metrics"][PRIMARY]["n"] for row in members if row["metrics"]}
    lines = [f"{complete} of {len(members)} complete; {images(max(counts, default=0), members[0]['mask'])}"]
    lines += sorted({note for row in members for note in row["notes"]})
    lines += _interval(members)
    lines += marked(members)
    if len({hardware for row in members for hardware in row["hardware"]}) > 1:
        lines.append("times are from different hardware and must not be compared")
    if several := mixed_codes(members):
        lines.append(
            f"rows of {', '.join(several)} are of several versions of its code; inbench run --plan tells which are stale"
        )
    if edited := mixed_metrics(members):
        told = "inbench score --plugin FILE.py measures all kept guesses anew"
        lines.append(f"numbers of {', '.join(edited)} are by several versions of its source, and not to be compared; {told}")
    if mixed := mixed_libraries(members):
        lines.append(f"rows were made with different versions of a library: {mixed}")
    return lines


def mixed_codes(members: Sequence[Row]) -> list[str]:
    """The methods whose rows were not all made by the same code; guesses from elsewhere have none."""
    codes: dict[str, set[str]] = {}
    for row in members:
        if row["external"] is None:
            codes.setdefault(row["method"], set()).add(row["code"])
    return sorted(method for method, found in codes.items() if len(found) > 1)


def mixed_metrics(members: Sequence[Row]) -> list[str]:
    """The metrics by which rows were measured in several versions of their source."""
    return sorted(name for name in {name for row in members for name in row["metric_codes"]} if is_mixed(name, members))


def is_mixed(name: str, members: Sequence[Row]) -> bool:
    """Whether a metric measured some rows by one version of its source, others by another."""
    found = [row["metric_codes"].get(name, [""]) for row in members if name in row["metrics"] or name in row["metric_codes"]]
    return len({code for codes in found for code in codes}) > 1


def mixed_libraries(members: Sequence[Row]) -> str:
    """Of which libraries the rows of a table have several versions, `torch 2.11.0 and 2.13.0`."""
    found: dict[str, list[str]] = {}
    for name, version in sorted({library for row in members for library in row["libraries"]}):
        found.setdefault(name, []).append(version)
    return ", ".join(f"{name} {' and '.join(versions)}" for name, versions in found.items() if len(versions) > 1)


def _interval(members: Sequence[Row]) -> list[str]:
    more = ", and over trainings and images for several" if _have_several(members) else ""
    return [f"± is half a 95 % interval, over images for one training{more}"]


def _have_several(members: Sequence[Row]) -> bool:
    """Whether a method has more than one training."""
    return any(metric_seeds(row) > 1 for row in members)


def images(count: int, mask: str) -> str:
    part = {"test": "test", "val": "validation"}[mask_and_part(mask)[1]]
    return f"1 {part} image, which has no interval" if count == 1 else f"{count} {part} images"


def marked(members: Sequence[Row]) -> list[str]:
    """What the marks of a table mean, and whether it ranks."""
    lines = []
    if any(row["below_floor"] for row in members):
        lines.append(f"† a learner below {FLOOR}, by {PRIMARY}")
    lines += _of_curves(members)
    lines += [made_elsewhere(row) for row in members if row["external"] is not None]
    lines += [f"budget {budget} is a first look and ranks nothing" for budget in sorted({row["budget"] for row in members})
              if not ranks(budget)]  # fmt: skip
    return lines


def _of_curves(members: Sequence[Row]) -> list[str]:
    ranked = [row for row in members if ranks(row["budget"])]
    lines = [f"‡ {watched.CONVERGED_MEANS}"] if any(row["converged"] is False for row in ranked) else []
    return lines + ([f"¶ {watched.PAST_BEST_MEANS}"] if any(row["past_best"] for row in ranked) else [])


def made_elsewhere(row: Row) -> str:
    """What is known of guesses that were not made here."""
    told = row["external"]
    known = [told["paper"], f"licence: {told['licence']}" if told["licence"] else ""]
    known.append(f"known pixels changed in {told['moved']} images, pasted back" if told["moved"] else "")
    said = "; ".join(filter(None, known))
    return f"{ELSEWHERE} {row['shown']}: guesses made elsewhere" + (f" ({said})" if said else "")


def bold(body: Sequence[Sequence[Cell]], where: str = "") -> list[str]:
    """What bold means, where a table has any; where: among what, if not in its column."""
    if not any(cell.best for line in body for cell in line):
        return []
    return [f"bold: the best{where} that is complete and has no ‡, and within 0.1 dB of PSNR or 0.005 of SSIM of it"]


def metric_seeds(row: Row) -> int:
    """How many trainings stand behind a row; 0 where it has no value."""
    return len(row["seeds"]) if row["complete"] and has_value(row) else 0


def has_value(row: Row) -> bool:
    """Whether a row has a number by the primary metric."""
    return bool(row["metrics"]) and row["metrics"][PRIMARY]["mean"] is not None


def faults(members: Sequence[Row]) -> list[str]:
    """What came to nothing, and what looks wrong."""
    broken = [f"{row['shown']}: {row['status']}: {row['reason']}" for row in members if row["status"] != "ok"]
    return broken + [f"{row['shown']}: warning: {'; '.join(row['warnings'])}" for row in members if row["warnings"]]


def best_sheets(made: Sequence[Row], count: int) -> list[Sheet]:
    """For each data set, size and hole: the best rows of all budgets that rank, and the floor, by the primary metric.

    One method alone is the best of nothing, and has a sheet only where there is no other.
    """
    together: dict[tuple[object, ...], list[Row]] = {}
    for row in made:
        if row["complete"] and has_value(row) and ranks(row["budget"]):
            together.setdefault(tuple(row[key] for key in ("dataset", "data", "size", "mask")), []).append(row)
    several = [members for members in together.values() if len({row["shown"] for row in members}) > 1]
    return [_best_sheet(members, count) for members in several or together.values()]


def _best_sheet(members: list[Row], count: int) -> Sheet:
    most = max(row["metrics"][PRIMARY]["n"] for row in members)
    whole = [row for row in members if row["metrics"][PRIMARY]["n"] == most]
    once = {  # whatever tables it stands in
        (row["shown"], row["train_mask"], None if row["any_budget"] else row["budget"], row["external"] is None): row
        for row in whole
    }
    order = sorted(once.values(), key=lambda row: -row["metrics"][PRIMARY]["mean"])
    floor = next((row for row in order if row["method"] == FLOOR and trained_on_it(row)), None)
    shown = [row for place, row in enumerate(order) if place < count or row is floor]
    fewer = {row["shown"] for row in members} - {row["shown"] for row in whole}
    names = (PRIMARY, "ssim")
    trained = not all(trained_on_it(row) for row in shown)
    heads = [Column("method", number=False), *([Column("trained on", number=False)] if trained else [])]
    heads += [Column("budget", number=False), Column("trainings")]
    columns = heads + [Column(head(name, shown)) for name in names] + [Column("train s"), Column("ms/image")]
    best = {name: best_of(name, shown) for name in names}
    body = [
        [
            Cell(row["shown"] + marks(row)),
            *([Cell(row["train_mask"] or "-")] if trained else []),
            NO_CELL if row["any_budget"] else Cell(row["budget"]),
            _trainings(row),
            *(score(name, row, best[name]) for name in names),
            number(row["train_seconds"], 0),
            number(row["ms_per_image"], 1),
        ]
        for row in shown
    ]
    first = members[0]
    extra = f", and {FLOOR}" if len(shown) > count else ""
    title = f"{title_of(first, budget=False)}: the best {min(count, len(order))} of {len(order)}{extra}"
    notes = [f"{images(most, first['mask'])}; by {PRIMARY}, whatever the budget: how much each was given stands beside it"]
    notes += [f"tested on fewer images and left out: {', '.join(sorted(fewer))}"] if fewer else []
    notes += _interval(shown)
    return Sheet(title, columns, body, [*notes, *marked(shown), *bold(body)])


def training_sheets(made: Sequence[Row]) -> list[Sheet]:
    """For each table, every training by itself: its seed, its scores, its looks at validation; none of what has no chance."""
    return [
        _training_sheet(members) for members in by_table(row for row in made if row["trainings"] and not row["closed_form"])
    ]


def _training_sheet(members: list[Row]) -> Sheet:
    columns = [Column("method", number=False), Column("seed"), *(Column(head(name, members)) for name in (PRIMARY, "ssim"))]
    columns += [Column("best look dB"), Column("at step"), Column("last look dB")]
    singles = [row | told | {"below_floor": False} for row in members for told in row["trainings"]]
    body = []
    for one in singles:
        said = [(one["scores"].get(PRIMARY), 2), (one["scores"].get("ssim"), 3)]
        said += [(one["best_look"], 2), (one["best_step"], 0), (one["last_look"], 2)]
        cells = [NO_CELL if value is None else Cell(f"{value:.{digits}f}") for value, digits in said]
        body.append([Cell(one["shown"] + marks(one)), Cell(str(one["seed"])), *cells])
    counted = images(max(row["metrics"][PRIMARY]["n"] for row in members), members[0]["mask"])
    answers = "the last step" if singles[0]["checkpoint"] == "last" else "the best look"
    notes = [f"{counted}; looks: psnr on the hole of the validation pictures", f"scores are of {answers}"]
    return Sheet(f"{title_of(members[0])}: each training", columns, body, [*notes, *_of_curves(singles)])


Line = tuple[str, str]
"""A method, and the mask that it was trained on; `-` where it needed none."""
SAME = "the same"
"""For a mask trained on: the one that is tested on."""


def grid_sheet(
    title: str, lines: Mapping[Line, Mapping[str, Row]], heads: Mapping[str, str], metric: str, *, along: bool = False
) -> Sheet:
    """One metric of rows by their line and column; heads: of the columns, in order.

    The best is of its column, or (along) of its line. Raises `UserError` where no row has the metric.
    """
    members = [row for by in lines.values() for row in by.values()]
    if any(row["metrics"] for row in members) and not any(metric in row["metrics"] for row in members):
        raise unknown("metric", metric, {name for row in members for name in row["metrics"]})
    trained = {training for _, training in lines} - {"-"}
    columns = [Column("method", number=False), *([Column("trained on", number=False)] if len(trained) > 1 else [])]
    columns += [Column(told) for told in heads.values()]
    rivals = {column: [by[column] for by in lines.values() if column in by] for column in heads}
    down = {column: best_of(metric, rows) if len(rows) > 1 else None for column, rows in rivals.items()}
    body, broken = [], []
    for (method, training), by in sorted(lines.items()):
        best = dict.fromkeys(heads, best_of(metric, list(by.values()))) if along else down
        cells = [Cell(method), *([Cell(training)] if len(trained) > 1 else [])]
        body.append([*cells, *(_marked_score(metric, by.get(column), best[column]) for column in heads)])
        broken += [f"{heads[column]}: {fault}" for column, row in by.items() for fault in faults([row])]
    return Sheet(
        title,
        columns,
        body,
        [*notes(members), *_uneven(lines, heads), *trained_elsewhere(lines), *bold(body, " of its line" if along else "")],
        broken,
    )


def _uneven(lines: Mapping[Line, Mapping[str, Row]], heads: Mapping[str, str]) -> list[str]:
    """Which cells of a line are of more trainings than its others: their means are not of the same ones."""
    found = []
    for (method, _), by in sorted(lines.items()):
        counts = {column: metric_seeds(row) for column, row in by.items() if metric_seeds(row)}
        most, least = max(counts.values(), default=0), min(counts.values(), default=0)
        if most > least:
            there = [heads[column] for column in heads if counts.get(column) == most]
            found.append(f"{method}: {most} trainings of {', '.join(there)}, {least} elsewhere")
    return found


def trained_elsewhere(lines: Mapping[Line, Mapping[str, Row]]) -> list[str]:
    """On what all learners were trained, where that is one mask and not the one that they are tested on."""
    trained = {training for _, training in lines} - {"-"}
    there = all(trained_on_it(row) for by in lines.values() for row in by.values())
    return [] if there or len(trained) > 1 else [f"every learner was trained on {trained.pop()}"]


def _marked_score(metric: str, row: Row | None, best: float | None) -> Cell:
    if row is None:
        return NO_CELL
    cell = score(metric, row, best)
    return Cell(cell.text, (cell.spread + marks(row)).strip(), best=cell.best)


def matrix_sheets(made: Sequence[Row], metric: str = PRIMARY) -> list[Sheet]:
    """For each data set, size and budget: every method and training mask against the test masks, by one metric."""
    found = []
    for members in by_data(made):
        lines: dict[Line, dict[str, Row]] = {}
        for row in members:
            lines.setdefault((row["shown"], row["train_mask"] or "-"), {})[row["mask"]] = row
        title = f"{title_of(members[0], mask=False)}: {head(metric, members)} by the mask tested on"
        masks = sorted({row["mask"] for row in members}, key=by_size)
        found.append(grid_sheet(title, lines, dict(zip(masks, masks, strict=True)), metric))
    return found
