"""Scoring guesses that are there already: anybody's, as a record of their own, and the kept ones of records once more."""

from __future__ import annotations

import contextlib
import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench import __version__
from inbench.acts import guesses, scoring
from inbench.acts.exporting import Exchange
from inbench.acts.scoring import Beat, Scores
from inbench.joints import choices, store
from inbench.joints.choices import MaskChoice
from inbench.joints.claims import Claims
from inbench.joints.files import DAMAGE
from inbench.joints.guards import about_answers
from inbench.joints.registry import NAME, Registry
from inbench.joints.store import Part, Prepared
from inbench.words import brackets, disk, records
from inbench.words.errors import UserError
from inbench.words.mask import Holes
from inbench.words.metric import Metric
from inbench.words.records import Record, Run


def scores_of(
    part: Part, ids: Sequence[str], pixels: NDArray[np.uint8], holes: Holes, metrics: Sequence[Metric], beat: Beat
) -> Scores:
    """What `scoring.score` gives for a method, for guesses in place of a method: the one road of all guesses to a record."""
    number = {image_id: place for place, image_id in enumerate(part.ids)}
    places = [number[image_id] for image_id in ids]
    columns = scoring.of_guesses(pixels, np.ascontiguousarray(part.images[places]), holes, metrics, beat=beat)
    groups = scoring.numbered(part.groups) if part.groups else None
    own = [groups[place] for place in places] if groups else None
    sets = scoring.of_set(metrics, pixels, part, places, holes)
    return Scores(list(ids), own, pixels, columns, scoring.holes_hash(holes), {}, sets)


@dataclass(frozen=True)
class Stranger:
    """What is known of guesses that were made elsewhere."""

    name: str
    licence: str = ""
    paper: str = ""

    def check(self, plugins: Registry, results: Path) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError(f"--name {self.name!r} is no name; write lower-case words joined by hyphens, such as my-method")
        if self.name in plugins.plugins["method"]:
            raise UserError(f"--name {self.name} is a method of inbench; give your guesses a name of their own")
        own = {record.told["run"]["method"] for record in records.all_of(results) if "external" not in record.told}
        if self.name in own:
            raise UserError(f"--name {self.name} is a method that was run in {results}; give your guesses a name of their own")


def add(
    stranger: Stranger,
    given: guesses.Given,
    exchange: Exchange,
    data: Prepared,
    mask: MaskChoice,
    plugins: Registry,
    results: Path,
    beat: Beat,
    asked: str = "",
) -> Record:
    """Score anybody's guesses and write the record of them. The same guesses once more are the same record."""
    part = exchange.manifest["dataset"]["part"]
    drift = guesses.moved(given.guesses, exchange.images, exchange.holes)
    metrics = choices.metrics(asked, plugins)
    order = exchange.own_order()  # as records have their images
    ids = [exchange.ids[place] for place in order]
    scores = scores_of(data.part(part), ids, given.guesses[order], exchange.holes[order], metrics, beat)
    key = records.score_key(mask.canonical, part)
    run = Run(
        method=stranger.name,
        params={"mask": key},
        code=guesses.content_hash(exchange, given.guesses),
        data=data.manifest["content"],
        size=data.manifest["size"],
        train_mask=None,
        steps=None,
        batch=None,
        precision=None,
        seed=None,
    )
    labels = {"method": stranger.name, "dataset": data.manifest["label"], "notes": data.manifest["notes"]}
    labels |= {"budget": "any", "any_budget": True, "train_mask": None, "masks": {mask.canonical: mask.shown}}
    entry, files = _entry(scores, metrics, key, records.score_key(mask.shown, part))
    entry["warnings"] = about_answers(given.guesses, exchange.holes, learned=True)
    told = records.new(run, labels=labels, status="ok", scores={key: entry}, metrics=scoring.described(metrics))
    told["costs"] = dict.fromkeys(("train_seconds", "cpu_seconds", "peak_memory_bytes", "parameters"), 0)  # none is known
    told["provenance"] = {"inbench": __version__, "hardware": {}}
    told["external"] = {"licence": stranger.licence, "paper": stranger.paper}
    told["external"] |= {"moved": int((drift > 0).sum()), "drift": float(drift.mean())}
    final, work = results / "runs" / run.name, results / "runs" / ".partial" / run.name
    with _owned(final):
        disk.publish(work, final, {**files, "run.json": disk.to_json(told)})
        shutil.rmtree(work, ignore_errors=True)
    return Record(final, told)


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """While a record is written: no other process writes it."""
    claim = Claims(folder.parent / ".partial").take(folder.name)
    if claim is None:
        raise UserError(f"{folder.name} is being worked on by another process; score again when it is done")
    try:
        yield
    finally:
        claim.release()


def _entry(scores: Scores, metrics: Sequence[Metric], key: str, shown: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The scores on one mask as run.json has them, and their files."""
    safe = brackets.file_name(key)
    entry = {
        **scoring.entry(scores, metrics, f"scores/{safe}.csv"),
        "costs": dict.fromkeys(("images_per_second", "flops_per_image", "cpu_seconds"), 0),  # none is known
        "shown": shown,
        "guesses": f"guesses/{safe}.npy",
    }
    return entry, {f"scores/{safe}.csv": scores.csv(), f"guesses/{safe}.npy": scores.npy()}


@dataclass(frozen=True)
class Kept:
    """Guesses that a record kept for one mask, with the pictures and holes that they belong to; ids in the record's order.

    columns: what the record says of every image, beside its id and group.
    """

    key: str
    part: Part
    ids: list[str]
    guesses: NDArray[np.uint8]
    holes: Holes
    columns: dict[str, NDArray[np.float64]]


def kept(record: Record, plugins: Registry, folder: Path) -> Iterator[Kept]:
    """All guesses of a record, one mask after the other. A `UserError` says why they cannot be measured again."""
    if fault := record.damage():
        raise UserError(f"{fault}; it is damaged")
    run, name = record.told["run"], record.folder.name
    there = disk.listed(record.folder)
    data = store.holding(run["data"], folder)
    scored = {key: entry for key, entry in record.scores.items() if entry["status"] == "ok"}
    if not scored:
        raise UserError(f"{name} has no scores ({record.status})")
    for entry in scored.values():
        if entry.get("guesses") not in there:
            raise UserError(f"{name} kept no guesses for {entry['shown']}; inbench run --keep weights,guesses keeps them")
    if data is None:
        raise UserError(f"{name}: its data set {record.told['labels']['dataset']} is not prepared here; see inbench data")
    for key in scored:
        yield _kept(record, key, data, plugins)


def _kept(record: Record, key: str, data: Prepared, plugins: Registry) -> Kept:
    entry, size = record.scores[key], record.told["run"]["size"]
    ids, columns = _table(record, key)
    canonical, name = records.mask_and_part(key)
    part = data.part(name)
    try:
        mask = choices.mask(canonical, size, plugins).mask
    except UserError as error:
        raise UserError(f"{record.folder.name}: its holes ({entry['shown']}) cannot be drawn again here: {error}") from error
    pixels = kept_pixels(record, key)
    if not set(ids) <= set(part.ids) or pixels.shape != (len(ids), size, size, 3) or pixels.dtype != np.uint8:
        raise UserError(f"{record.folder.name}: the guesses of {entry['shown']} are not those of its pictures")
    holes = mask.draw(ids, size)
    if scoring.holes_hash(holes) != entry["holes"]:
        raise UserError(
            f"{record.folder.name}: the holes of {entry['shown']} are drawn in another way by this version of inbench"
        )
    return Kept(key, part, ids, pixels, holes, columns)


def _table(record: Record, key: str) -> tuple[list[str], dict[str, NDArray[np.float64]]]:
    """The ids of a record's scores on a mask, and every column but the groups."""
    ids, head, rows = scored_rows(record, key)
    try:
        columns = {
            name: _numbers([row[place] for row in rows]) for place, name in enumerate(head) if name not in ("id", "group")
        }
    except (ValueError, IndexError) as error:
        raise UserError(f"{record.folder.name}: its scores on {record.scores[key]['shown']} cannot be read: {error}") from error
    return ids, columns


def scored_rows(record: Record, key: str) -> tuple[list[str], list[str], list[list[str]]]:
    """The ids of what a record scored on a mask, in its order, the names of its columns, and its rows as text."""
    shown = record.scores[key]["shown"]
    try:
        head, *rows = csv.reader(io.StringIO(record.rows(key).decode()))
        ids = [row[head.index("id")] for row in rows]
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise UserError(f"{record.folder.name}: its scores on {shown} cannot be read: {error}") from error
    if not ids or len(set(ids)) < len(ids):
        raise UserError(f"{record.folder.name}: its scores on {shown} are not a row an image")
    return ids, head, rows


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(text or "nan") for text in texts])


def kept_pixels(record: Record, key: str) -> NDArray[Any]:
    """The array of guesses in a record, whatever it is of, mapped from its file."""
    entry = record.scores[key]
    try:
        found = np.load(disk.where(record.folder, entry["guesses"]), mmap_mode="c", allow_pickle=False)
    except (*DAMAGE, TypeError, AttributeError, MemoryError) as error:
        raise UserError(f"{record.folder.name}: its guesses of {entry['shown']} cannot be read: {error}") from error
    return np.asarray(found)


def again(record: Record, metrics: Sequence[Metric], plugins: Registry, folder: Path, beat: Beat) -> list[str]:
    """Measure the kept guesses of a record with some metrics, and write what came out. Names of new metrics.

    All masks of a record or none: a metric stands in a record where every image that it scored has a value.
    """
    with _owned(record.folder):  # from before it is read: what another process adds meanwhile would be lost
        return _again(records.open_record(record.folder) or record, metrics, plugins, folder, beat)


def _again(record: Record, metrics: Sequence[Metric], plugins: Registry, folder: Path, beat: Beat) -> list[str]:
    scores, files = dict(record.scores), dict[str, bytes]()
    for one in kept(record, plugins, folder):
        entry = scores[one.key]
        fresh = scores_of(one.part, one.ids, one.guesses, one.holes, metrics, beat)
        own = {
            name: values for name, values in one.columns.items() if name not in fresh.columns
        }  # of metrics not here, of its log
        columns = {**fresh.columns, **own}
        means, sets = scoring.means(metrics, fresh.columns), {**entry.get("sets", {}), **fresh.sets}
        scores[one.key] = {**entry, "means": {**entry["means"], **means}, **({"sets": sets} if sets else {})}
        files[entry["file"]] = Scores(fresh.ids, fresh.groups, fresh.guesses, columns, fresh.holes_hash, {}).csv()
    had = record.told["metrics"]
    told = {**record.told, "scores": scores, "metrics": {**had, **scoring.described(metrics)}}
    gzipped = tuple(f"{name}.gz" for name in files if (record.folder / f"{name}.gz").is_file())
    disk.commit(record.folder, {**files, "run.json": disk.to_json(told)}, remove=gzipped)
    was_set = {name for entry in record.scores.values() for name in entry.get("sets", {})}
    return [metric.label for metric in metrics if metric.label not in had and metric.label not in was_set]
