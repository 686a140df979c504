"""Preparing: a data set's pictures decoded once and written down whole, or not at all."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench.joints.claims import Claim, Claims
from inbench.joints.decoding import Decoded
from inbench.joints.files import first_impostor
from inbench.joints.store import PARTS, VERSION, Prepared, content_hash, digest_of
from inbench.words import brackets, clock, params, seeds
from inbench.words.dataset import Dataset, Pictures, Pixels, Split
from inbench.words.disk import write_file
from inbench.words.errors import UserError, disk_full

CHUNK = 256
WAIT_SECONDS = 0.5
Report = Callable[[str, int, int], None]
"""Called with what is being prepared, how many of its pictures are done, and how many there are (0: it waits for another)."""


def prepare(
    dataset: Dataset, *, label: str, code: str, source: Path | None, size: int, folder: Path, report: Report
) -> Prepared:
    """The prepared form of a data set, made now unless it is there.

    An interrupted preparation leaves no half behind: what is made appears under its name when it is whole. Where another
    process prepares the same set, this one waits for it.
    """
    recipe = {
        "store": VERSION,
        "dataset": params.canonical(dataset.name, dataset.params),
        "code": code,
        "size": size,
        "sources": fingerprints(dataset.reads(source)) if source else {},
    }
    name = f"{brackets.file_name(label)}-{size}-{_digest(recipe)[:12]}"
    target = folder / name
    while not Prepared(target).is_whole():
        with _alone(folder, name, report) as claim, contextlib.suppress(_TakenOver):
            if not Prepared(target).is_whole():
                for left in folder.glob(f".{name}.work-*"):  # of processes that were killed, or stood still for too long
                    shutil.rmtree(left, ignore_errors=True)
                work = folder / f".{name}.work-{claim.told['token']}"
                _make(dataset, label, recipe, source, size, work, _watching(claim, report))
                if claim.check():
                    shutil.rmtree(target, ignore_errors=True)  # what has lost its manifest is nothing
                    work.rename(target)
                else:
                    shutil.rmtree(work, ignore_errors=True)
    with contextlib.suppress(OSError):  # a shared folder may be read-only
        os.utime(target / "manifest.json")  # the set that was asked for last is the one its name means
    return Prepared(target)


class _TakenOver(Exception):
    """This process stood still so long that another one prepares the set."""


def _watching(claim: Claim, report: Report) -> Report:
    """A report that stops whoever has lost its claim."""

    def told(part: str, done: int, total: int) -> None:
        if not claim.check():
            raise _TakenOver
        report(part, done, total)

    return told


@contextlib.contextmanager
def _alone(folder: Path, name: str, report: Report) -> Iterator[Claim]:
    """Whoever comes second waits, or takes over where the first one is gone."""
    claims, waiting = Claims(folder), False
    try:
        while (claim := claims.take(f".{name}")) is None:
            if not waiting:
                report(f"{name} in another process", 0, 0)
            waiting = True
            time.sleep(WAIT_SECONDS)
    except OSError as error:
        raise UserError(
            f"prepared data cannot be written to {folder}: {error.strerror}; name another folder with --data DIR"
        ) from error
    try:
        yield claim
    finally:
        claim.release()


def _make(
    dataset: Dataset, label: str, recipe: dict[str, Any], source: Path | None, size: int, work: Path, report: Report
) -> None:
    """Write a prepared set into `work`, which is gone again where that fails."""
    split = _split_of(dataset, source, size)
    try:
        work.mkdir()
        _check_room(split, size, work.parent)
        manifest = _write(split, work, size, report)
        manifest |= {"name": dataset.name, "label": label, "licence": dataset.licence, "citation": dataset.citation}
        manifest |= {
            "where": dataset.where,
            "shareable": dataset.shareable,
            "recipe": recipe,
            "versions": _versions(),
            "prepared": clock.utc(),
        }
        write_file(work / "manifest.json", json.dumps(manifest, indent=1).encode())
    except OSError as error:
        if error.errno == errno.ENOENT and not work.is_dir():
            raise _TakenOver from error
        if not disk_full(error):
            raise
        raise UserError(f"no room is left in {work.parent}; make some, or name another folder with --data DIR") from error
    finally:
        if not (work / "manifest.json").is_file():
            shutil.rmtree(work, ignore_errors=True)


def _split_of(dataset: Dataset, source: Path | None, size: int) -> Split:
    """The parts of a data set. Where it finds too little, a picture that is none is named with it: it may be why."""
    try:
        return dataset.prepare(source, size)
    except UserError as error:
        broken = first_impostor(source) if source else ""
        if not broken or broken in str(error):
            raise
        raise UserError(f"{error}; and {broken}") from error


def _check_room(split: Split, size: int, folder: Path) -> None:
    count = sum(len(part.ids) for part in (split.train, split.val, split.test) if part is not None)
    needed, free = count * size * size * 3, shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{count} pictures of {size} x {size} need {needed / 1e6:.1f} MB, and {folder} has {free / 1e6:.1f} MB left; "
            "make room, or name another folder with --data DIR"
        )


def fingerprints(files: list[Path]) -> dict[str, str]:
    """What identifies the sources: a file by its bytes, a folder by the names, sizes and times of what is in it."""
    found = {}
    for file in files:
        digest = hashlib.sha256()
        if file.is_dir():
            for path in sorted(path for path in file.rglob("*") if path.is_file()):
                state = path.stat()
                digest.update(f"{path.relative_to(file)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
        else:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256")
        found[file.name] = digest.hexdigest()
    return found


class Writer:
    """A part while it is written: pixels go to NAME.npy as they come, ids and groups to NAME.csv at the end."""

    def __init__(self, work: Path, name: str, size: int, *, groups: bool) -> None:
        self.work, self.name, self.size = work, name, size
        self.ids: list[str] = []
        self.groups: list[str] | None = [] if groups else None
        self.digests: list[bytes] = []
        self.dropped = 0
        self.file: BufferedWriter = (work / f"{name}.npy").open("wb")
        self.file.write(_header(0, size))

    def add(self, image: Pixels, image_id: str, group: str | None, digest: bytes) -> None:
        self.file.write(image.tobytes())
        self.ids.append(image_id)
        self.digests.append(digest)
        if self.groups is not None:
            self.groups.append(group or image_id)

    def close(self) -> None:
        """The number of pictures is known now."""
        self.file.seek(0)
        self.file.write(_header(len(self.ids), self.size))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        with (self.work / f"{self.name}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["id"] if self.groups is None else ["id", "group"])
            rows.writerows(zip(self.ids) if self.groups is None else zip(self.ids, self.groups, strict=True))


NAMED = 3
"""Bad pictures that are named; all are counted."""


def _left_out(bad: list[str]) -> list[str]:
    """The note on pictures that could not be read; none where all could."""
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    named = f"{', '.join(sorted(bad)[:NAMED])}{more}"
    return [f"{len(bad)} bad image{'s' if len(bad) > 1 else ''} skipped: {named}"] if bad else []


def _header(count: int, size: int) -> bytes:
    """The first 128 bytes of a .npy of uint8 [count, size, size, 3], whatever the count."""
    told = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {size}, {size}, 3), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + told.ljust(117).encode() + b"\n"


def _write(split: Split, work: Path, size: int, report: Report, lost: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Write the parts, those first that no picture is dropped from, and return what the manifest says of them.

    lost: ids that are known to be bad or dropped, so that none of them is chosen to validate.
    """
    for name, pictures in (("train", split.train), ("test", split.test), ("val", split.val)):
        if pictures is not None and not len(pictures.ids):
            raise UserError(f"the {name} part has no pictures")
    writers: dict[str, Writer] = {}
    seen: dict[bytes, tuple[str, str]] = {}
    rounds: list[tuple[Pictures, dict[str, NDArray[np.bool_]]]] = [(split.test, {"test": _all(split.test)})]
    if split.val is None:
        held = _carved(split.train, lost)
        rounds.append((split.train, {"val": held, "train": ~held}))
    else:
        rounds += [(split.val, {"val": _all(split.val)}), (split.train, {"train": _all(split.train)})]
    bad, sources, resizers = list[str](), dict(split.lists), set[str]()
    with contextlib.ExitStack() as files:
        for pictures, parts in rounds:
            for name in parts:
                writers[name] = Writer(work, name, size, groups=pictures.groups is not None)
                files.callback(writers[name].file.close)
            _fill(pictures, parts, writers, seen, official=split.official, size=size, report=report)
            if isinstance(pictures.images, Decoded):
                bad += pictures.images.bad
                sources["+".join(parts)] = pictures.images.digest()
                resizers |= pictures.images.ways
        for writer in writers.values():
            writer.close()
    for name in PARTS:
        if not writers[name].ids:
            left_out = frozenset(split.train.ids) - {image_id for writer in writers.values() for image_id in writer.ids}
            if split.val is None and name != "test" and not lost and left_out:
                return _write(split, work, size, report, left_out)
            raise UserError(f"the {name} part has no pictures left")
    for one, other in itertools.combinations(PARTS, 2):
        if both := set(writers[one].ids) & set(writers[other].ids):
            raise UserError(f"{min(both)!r} is in the {one} part and in the {other} part; a picture may be in one part only")
    notes = [*split.notes, *_left_out(bad)]
    notes += [f"{w.dropped} {w.name} pictures that another part has too were left out" for w in writers.values() if w.dropped]
    return {
        "content": content_hash(
            {name: writers[name].digests for name in PARTS},
            {name: (writers[name].ids, writers[name].groups) for name in PARTS},
        ),
        "counts": {name: len(writers[name].ids) for name in PARTS},
        "dropped": {name: writers[name].dropped for name in PARTS},
        "size": size,
        "sources": sources,
        "resizer": "; ".join(sorted(resizers)) or "the data set's own",
        "notes": notes,
    }


def _fill(
    pictures: Pictures,
    parts: dict[str, NDArray[np.bool_]],
    writers: dict[str, Writer],
    seen: dict[bytes, tuple[str, str]],
    *,
    official: bool,
    size: int,
    report: Report,
) -> None:
    """Run through the pictures once, each going to the part that takes it, unless another part has the same one."""
    carved = len(parts) > 1
    for start, chunk in _chunks(pictures, size):
        decoded = pictures.images if isinstance(pictures.images, Decoded) else None
        for place, image in enumerate(chunk, start):
            if decoded and decoded.names[place] in decoded.bad:
                continue
            image_id, digest = pictures.ids[place], digest_of(image)
            name = next(part for part, taken in parts.items() if taken[place])
            part, other = seen.setdefault(digest, (name, image_id))
            if part == name:
                writers[name].add(image, image_id, pictures.groups[place] if pictures.groups else None, digest)
            elif official or (carved and part in parts):
                writers[name].dropped += 1
            else:
                raise UserError(
                    f"{image_id!r} ({name}) is the same picture as {other!r} ({part}); a picture may be in one part only"
                )
        report("+".join(parts), start + len(chunk), len(pictures.ids))


def _all(pictures: Pictures) -> NDArray[np.bool_]:
    return np.ones(len(pictures.ids), dtype=np.bool_)


def _carved(train: Pictures, lost: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """A twentieth of the training pictures, whole groups together, by hash; at least one group that is not lost."""
    owners = train.groups or train.ids
    here = np.array([image_id not in lost for image_id in train.ids], dtype=np.bool_)
    held = np.array([seeds.stream(0, "val", owner) % 20 == 0 for owner in owners], dtype=np.bool_)
    if not (held & here).any() or held[here].all():
        left = [owner for owner, is_here in zip(owners, here, strict=True) if is_here]
        chosen = left[seeds.by_hash(left)[0]] if left else ""
        held = np.array([owner == chosen for owner in owners], dtype=np.bool_)
    if held[here].all():
        raise UserError("the train part needs pictures of at least two groups, so that some can validate")
    return held


def _chunks(pictures: Pictures, size: int) -> Iterator[tuple[int, Pixels]]:
    for start in range(0, len(pictures.ids), CHUNK):
        chunk = np.asarray(pictures.images[start : start + CHUNK])
        wanted = (min(CHUNK, len(pictures.ids) - start), size, size, 3)
        if chunk.dtype != np.uint8 or chunk.shape != wanted:
            raise ValueError(f"pictures came as {chunk.dtype} {chunk.shape}, not uint8 {wanted}")
        yield start, chunk


def _digest(recipe: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("numpy", "pillow", "scikit-image")}
