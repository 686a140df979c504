"""What `inbench verify`, `pack` and `merge` do: records checked, put into one archive, and taken from other machines.

What is merged is untrusted: only files that a record may have are read, each in a size it may have, and a record counts
once its hashes, its key and its rows are right. Nothing that is here is replaced by other numbers.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import shutil
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch

from inbench.joints.claims import Claims
from inbench.joints.files import Files
from inbench.readers import counting
from inbench.words import disk, records, soundness
from inbench.words.errors import UserError
from inbench.words.records import Record

MOST_UNPACKED = 2**34
"""An archive that unpacks to more bytes is refused."""
HEAVY = ("weights.safetensors",)
DIGITS = 5
"""Of a short pack: what is left out is far below what one picture can tell from another, or one seed from the next."""
LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Checked:
    """A record by the name of its folder, and what is wrong with it."""

    name: str
    fault: str


def verify(results: Path) -> list[Checked]:
    """Every record under a results folder, weights and guesses too, and what is wrong with it."""
    if not (results / "runs").is_dir():
        raise UserError(f"there are no records in {results}; make some with inbench run --results {results}")
    return [
        Checked(folder.name, fault_of(folder))
        for folder in sorted(path for path in (results / "runs").glob("[!.]*") if path.is_dir())
    ]


def fault_of(folder: Path) -> str:
    """What is wrong with a record; empty where its numbers are those that were measured."""
    record = records.open_record(folder)
    if record is None:
        return f"{folder.name} has no run.json that can be read"
    fault = record.damage() or counting.unreadable(record)
    if not fault and record.name != folder.name:
        fault = f"{folder.name} is not the name of the run that is in it"
    return fault or counting.other_means(record)


def pack(results: Path, archive: Path, *, weights: bool, short: bool = False) -> list[str]:
    """Put every sound record into one zip, light files alone or with the weights; the names of those that were.

    Rows and curves are gzipped, and stay so where they are merged: a folder of many records is kept and passed on.
    short: their numbers at `DIGITS` significant digits, and the means are those of the rows as they are then.
    """
    sound = [folder for folder in (results / "runs").glob("[!.]*") if folder.is_dir() and not fault_of(folder)]
    if not sound:
        raise UserError(f"there are no records in {results} that could be packed; see inbench verify --results {results}")
    found = [record for record in map(records.open_record, sorted(sound)) if record is not None]
    if weights:
        for record in found:
            _refuse_weights(record)
    try:
        with disk.whole_file(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for record in found:
                content = _packed(record, weights=weights, short=short)
                for name, data in content.items():
                    _add(packed, f"{record.folder.name}/{name}", data)
                hashes = {name: disk.sha256(data) for name, data in content.items()}
                _add(packed, f"{record.folder.name}/done", disk.to_json(hashes))
    except OSError as error:
        raise UserError(f"{archive} cannot be written: {error.strerror}") from error
    return [record.folder.name for record in found]


def _packed(record: Record, *, weights: bool, short: bool) -> dict[str, bytes]:
    """The files of a record as a pack holds them. Raises `UserError` where one cannot be read."""
    try:
        return _files_of(record, weights=weights, short=short)
    except OSError as error:
        raise UserError(f"{record.folder} cannot be read: {error.strerror}") from error


def _files_of(record: Record, *, weights: bool, short: bool) -> dict[str, bytes]:
    listed = {name.removesuffix(".gz") for name in disk.listed(record.folder)}
    kept = sorted(name for name in listed if disk.is_light(name) or (weights and name in HEAVY))
    texts = {name: record.text(name) for name in kept if name.endswith(".csv")}
    content = {name: disk.where(record.folder, name).read_bytes() for name in kept if name not in texts}
    if short:
        texts = {name: shortened(text) for name, text in texts.items()}
        content["run.json"] = disk.to_json(_with_means_of(record, texts))
    return content | {f"{name}.gz": gzip.compress(text, mtime=0) for name, text in texts.items()}


def shortened(text: bytes) -> bytes:
    """A CSV of a record with its fractions at `DIGITS` significant digits; names, whole numbers and what is no CSV stay."""
    try:
        head, *rows = csv.reader(io.StringIO(text.decode()))
    except (ValueError, csv.Error):
        return text
    names = {place for place, name in enumerate(head) if name == "id"}
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([cell if place in names else _shortened(cell) for place, cell in enumerate(row)] for row in rows)
    return held.getvalue().encode()


def _shortened(cell: str) -> str:
    with contextlib.suppress(ValueError):
        if "." in cell or "e" in cell:
            return f"{float(cell):.{DIGITS}g}"
    return cell


def _with_means_of(record: Record, texts: Mapping[str, bytes]) -> dict[str, Any]:
    """What a record tells, with the means of other rows than its own."""
    scores = dict(record.scores)
    for mask, entry in scores.items():
        if entry["status"] == "ok":
            means = counting.means(counting.table(texts[entry["file"]]), record.told["metrics"])
            had = entry["means"]
            scores[mask] = {**entry, "means": had | {name: mean for name, mean in means.items() if had.get(name) is not None}}
    return {**record.told, "scores": scores}


def _refuse_weights(record: Record) -> None:
    """Weights hold something of the pictures they were learned from: those of some data sets must not be passed on."""
    data = record.told["provenance"].get("data")
    if "weights.safetensors" in disk.listed(record.folder) and not (isinstance(data, dict) and data.get("terms") == ""):
        told = data.get("terms") if isinstance(data, dict) else None
        raise UserError(
            f"the weights of {record.folder.name} are not packed: the terms of {record.told['labels']['dataset']} "
            + (f"forbid to pass them on ({told})" if told else "are not known, for its record says nothing of them")
            + "; drop --weights"
        )


def _add(packed: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, LONG_AGO)
    member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    packed.writestr(member, data)


@dataclass(frozen=True)
class Merged:
    """What became of one record that was to be merged: added, extended, there already, refused, or contradicting."""

    name: str
    outcome: str
    why: str = ""


def merge(results: Path, sources: list[Path]) -> list[Merged]:
    """Take the records of other results folders, or of archives of them, into this one."""
    for source in sources:
        if not source.exists():
            raise UserError(f"there is no {source}")
        if source.resolve() == results.resolve():
            raise UserError(f"{source} is the results folder itself")
    made = []
    for source in sources:
        files = Files(source)
        if sum(files.size(name) for name in files.names) > MOST_UNPACKED:
            raise UserError(f"{source} is not read: it would unpack to more than {MOST_UNPACKED / 2**30:.0f} GB")
        if links := [name for name in files.names if files.leads_out(name)]:
            raise UserError(f"{source} is not read: {links[0]!r} is a link that leads out of it")
        found = list(_folders(files))
        if not found:
            raise UserError(f"{source} holds no records; name a results folder, or what inbench pack made of one")
        for folder in found:
            made.append(_merge_one(results, files, folder))
    return made


def _folders(files: Files) -> Iterator[str]:
    """The folders that hold a record, as prefixes of names."""
    for name in files.names:
        if name == "done" or name.endswith("/done"):
            yield name.removesuffix("done")


def _merge_one(results: Path, files: Files, folder: str) -> Merged:
    runs, shown = results / "runs", folder.rstrip("/").rpartition("/")[2] or files.source.stem
    waiting = runs / ".partial" / f"merge-{uuid.uuid4().hex}"
    try:
        content = _content(files, folder)
        disk.commit(waiting / "record", content)
        record = records.open_record(waiting / "record")
        fault = f"{shown} has no run.json that can be read" if record is None else record.damage() or _beyond(record)
        if record is None or fault:
            return Merged(shown, "refused", fault.replace("record/", f"{shown}/"))
        name = record.name
        claim = Claims(runs / ".partial").take(name)
        if claim is None:
            return Merged(name, "refused", "another process computes this run at the moment")
        try:
            return _settle(runs / name, record, content)
        finally:
            claim.release()
    except UserError as error:
        return Merged(shown, "refused", str(error))
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _content(files: Files, folder: str) -> dict[str, bytes]:
    """The files that a record lists, by their names, with the hashes it gives; a `UserError` where one is not right."""
    try:
        listed = json.loads(files.read(f"{folder}done"))
    except (ValueError, RecursionError):
        listed = None
    if not listed or not soundness.is_list_of_files(listed):
        raise UserError(f"{folder}done is no list of files and their SHA-256")
    wanted = [name for name in listed if disk.is_light(name) or name in HEAVY or name.startswith("guesses/")]
    content = {name: files.read(folder + name) for name in wanted if folder + name in files.known}
    lacking = [name for name in wanted if name not in content]
    if lacking:
        raise UserError(f"{folder}{lacking[0]} is missing")
    wrong = [name for name, data in content.items() if disk.sha256(data) != listed[name]]
    if wrong:
        raise UserError(f"{folder}{wrong[0]} is not what was written")
    return content


def _beyond(record: Record) -> str:
    """What is wrong with the content of a record whose hashes are right: whoever made it made those too."""
    weights = disk.where(record.folder, "weights.safetensors")
    if weights.is_file():
        try:
            safetensors.torch.load(weights.read_bytes())
        except Exception as error:  # safetensors has its own, and torch others
            return f"weights.safetensors cannot be read: {error}"
    return counting.unreadable(record) or counting.other_means(record)


def _settle(final: Path, record: Record, content: Mapping[str, bytes]) -> Merged:
    """Put a sound record beside, into, or against the one that is here."""
    here = records.open_record(final)
    if here is None or here.damage() or (here.status != "ok" and record.status == "ok"):
        disk.publish(record.folder.parent, final, content)
        return Merged(final.name, "added")
    if record.status != "ok":
        return Merged(final.name, "here already")
    difference = _difference(here, record, content)
    if difference:
        return Merged(final.name, "contradicts", difference)
    ok = {mask for mask, entry in here.scores.items() if entry["status"] == "ok"}
    new = {mask: entry for mask, entry in record.scores.items() if mask not in ok and entry["status"] == "ok"}
    fuller = [mask for mask in ok if record.scores.get(mask, {}).get("n", 0) > here.scores[mask]["n"]]
    counts = {here.scores[mask]["shown"]: (record.scores[mask]["n"], here.scores[mask]["n"]) for mask in fuller}
    more = [f"{shown} has {there} images there, {own} here: inbench run goes on" for shown, (there, own) in counts.items()]
    if not new:
        return Merged(final.name, "here already", "; ".join(more))
    listed = disk.listed(here.folder)
    if taken := [mask for mask, entry in new.items() if {entry["file"], f"{entry['file']}.gz"} & listed.keys()]:
        return Merged(
            final.name, "contradicts", f"its scores on {taken[0]} have the file of other scores here: {_both(here, record)}"
        )
    metrics = counting.shared_metrics([here, record])  # every mask has them all
    gone = [name for name in here.told["metrics"] if name not in metrics]
    lost = [f"no longer scored by {name}, which what is new lacks or has by another source" for name in gone]
    masks = {**record.told["labels"]["masks"], **here.told["labels"]["masks"]}
    told = {**here.told, "metrics": metrics, "labels": {**here.told["labels"], "masks": masks}}
    told["scores"] = {**here.scores, **{mask: {**entry, "guesses": None} for mask, entry in new.items()}}
    kept = {name: data for name, data in content.items() if any(name.startswith(entry["file"]) for entry in new.values())}
    disk.commit(final, {**kept, "run.json": disk.to_json(told)})
    return Merged(final.name, "extended", "; ".join([", ".join(new), *lost, *more]))


def _difference(here: Record, other: Record, content: Mapping[str, bytes]) -> str:
    """Where two records of one key do not have the same numbers, and where each came from; empty where they do."""
    weights, listed = "weights.safetensors", disk.listed(here.folder)
    if weights in listed and weights in content and listed[weights] != disk.sha256(content[weights]):
        return f"{weights} is another: {_both(here, other)}"
    if not _same(_curve(here), _curve(other)):
        return f"{records.CURVE} is another: {_both(here, other)}"
    for mask in here.scores.keys() & other.scores.keys():
        ours, theirs = here.scores[mask], other.scores[mask]
        if ours["status"] != "ok" or theirs["status"] != "ok" or ours["n"] != theirs["n"]:
            continue  # of other numbers of images each stands for itself
        if ours["holes"] != theirs["holes"] or not _same(here.rows(mask), other.rows(mask)):
            means = "; ".join(
                f"{name} {ours['means'][name]:.6g} here, {theirs['means'][name]:.6g} there"
                for name in ("psnr-pooled", "l2")
                if isinstance(ours["means"].get(name), float) and isinstance(theirs["means"].get(name), float)
            )
            return f"other numbers on {mask} ({means}): {_both(here, other)}"
    return ""


def _curve(record: Record) -> bytes:
    """The curve of a record; empty where it has none."""
    with contextlib.suppress(OSError, ValueError):
        return record.text(records.CURVE)
    return b""


def _same(ours: bytes, theirs: bytes) -> bool:
    """Whether two CSVs have the same numbers in the columns of both, those of a short pack perhaps.

    What is not there contradicts nothing; how often validation was watched is no part of a run.
    """
    if not ours or not theirs or ours == theirs:
        return True
    mine, others = _columns(ours), _columns(theirs)
    both = (mine.keys() & others.keys()) - {"val_psnr"}
    return bool(both) and all(_alike(name, mine[name], others[name]) for name in both)


def _alike(name: str, ours: list[str], theirs: list[str]) -> bool:
    """Whether two columns are the same, or one of them is the other in short."""
    if ours == theirs or name == "id":
        return ours == theirs
    return [*map(_shortened, ours)] == theirs or ours == [*map(_shortened, theirs)]


def _columns(text: bytes) -> dict[str, list[str]]:
    """The columns of a CSV by their names; none where it is no CSV."""
    try:
        head, *rows = csv.reader(io.StringIO(text.decode()))
        return {name: [row[place] for row in rows] for place, name in enumerate(head)}
    except (ValueError, IndexError, csv.Error):
        return {}


def _both(here: Record, other: Record) -> str:
    return f"here {_origin(here)}; there {_origin(other)}"


def _origin(record: Record) -> str:
    """Where the numbers of a record came from, in a line."""
    told: dict[str, Any] = record.told["provenance"]
    hardware, libraries = (told[name] if isinstance(told.get(name), dict) else {} for name in ("hardware", "libraries"))
    words = [record.told["written"], f"inbench {told.get('inbench')}", f"commit {told.get('commit')}"]
    words += [f"{name} {version}" for name, version in sorted(libraries.items())]
    return ", ".join([*words, *map(str, hardware.values()), f"{told.get('threads')} threads"])
