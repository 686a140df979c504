"""Prepared data: every picture decoded and resized once, memory-mapped uint8 with ids, groups and a manifest."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench import brackets, params, seeds
from inbench.dataset import Dataset, Pictures, Pixels, Split
from inbench.errors import UserError

VERSION = 1
PARTS = ("train", "val", "test")
CHUNK = 256
Report = Callable[[str, int, int], None]
"""Called with a part's name, how many of its pictures are done, and how many there are."""


@dataclass(frozen=True)
class Part:
    """The pictures of one part of a prepared set: `images` is a read-only memory map `[N, S, S, 3]`."""

    images: NDArray[np.uint8]
    ids: list[str]
    groups: list[str] | None

    def first(self, count: int | None) -> list[int]:
        """Places of the subset of `count` pictures: the first by SHA-256 of the id."""
        return seeds.by_hash(self.ids)[:count]


@dataclass(frozen=True)
class Prepared:
    """A prepared data set on disk."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        return found

    def part(self, name: str) -> Part:
        images = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        with (self.folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        has_groups = bool(rows) and len(rows[0]) == 2
        return Part(images, [row[0] for row in rows], [row[1] for row in rows] if has_groups else None)


def default_folder() -> Path:
    """Where prepared data lives: INBENCH_DATA, or the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("INBENCH_DATA") or Path(cache) / "inbench" / "data")


def prepare(
    dataset: Dataset, *, label: str, code: str, source: Path | None, size: int, folder: Path, report: Report
) -> Prepared:
    """The prepared form of a data set, made now unless it is there; an interrupted preparation leaves no half behind."""
    recipe = {
        "store": VERSION,
        "dataset": params.canonical(dataset.name, dataset.params),
        "code": code,
        "size": size,
        "sources": fingerprints(dataset.reads(source)) if source else {},
    }
    name = f"{brackets.file_name(label)}-{size}-{_digest(recipe)[:12]}"
    target = folder / name
    if (target / "manifest.json").is_file():
        return Prepared(target)
    split = dataset.prepare(source, size)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
        work.chmod(0o755)  # a prepared set may be shared
    except OSError as error:
        raise UserError(
            f"prepared data cannot be written to {folder}: {error.strerror}; name another folder with --data DIR"
        ) from error
    try:
        manifest = _write(split, work, size, report)
        manifest |= {"name": dataset.name, "label": label, "licence": dataset.licence, "citation": dataset.citation}
        manifest |= {
            "shareable": dataset.shareable,
            "recipe": recipe,
            "notes": list(split.notes),
            "versions": _versions(),
        }
        (work / "manifest.json").write_text(json.dumps(manifest, indent=1))
        try:
            work.rename(target)
        except OSError:
            if not (target / "manifest.json").is_file():  # else another process was first, with the same bytes
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Prepared(target)


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


def _write(split: Split, work: Path, size: int, report: Report) -> dict[str, Any]:
    """Writes the parts and returns what the manifest says of them; refuses parts that share a picture."""
    for name, pictures in (("train", split.train), ("test", split.test), ("val", split.val)):
        if pictures is not None and not len(pictures.ids):
            raise UserError(f"the {name} part has no pictures")
    if split.val is None:
        held = _carved(split.train)
        _write_parts(work, split.train, {"train": ~held, "val": held}, size, report)
    else:
        _write_parts(work, split.train, {"train": _all(split.train)}, size, report)
        _write_parts(work, split.val, {"val": _all(split.val)}, size, report)
    _write_parts(work, split.test, {"test": _all(split.test)}, size, report)
    content, counts = hashlib.sha256(), {}
    seen: dict[bytes, tuple[str, str]] = {}
    for name in PARTS:
        part = Prepared(work).part(name)
        counts[name] = len(part.ids)
        for place, image_id in enumerate(part.ids):
            pixels = hashlib.sha256(part.images[place].tobytes()).digest()
            content.update(f"{name}\0{image_id}\0{part.groups[place] if part.groups else ''}\0".encode() + pixels)
            other = seen.setdefault(pixels, (name, image_id))
            if other[0] != name:
                raise UserError(
                    f"{image_id!r} ({name}) is the same picture as {other[1]!r} ({other[0]}); a picture may be in one part only"
                )
    return {"content": content.hexdigest(), "counts": counts, "size": size}


def _all(pictures: Pictures) -> NDArray[np.bool_]:
    return np.ones(len(pictures.ids), dtype=np.bool_)


def _carved(train: Pictures) -> NDArray[np.bool_]:
    """A twentieth of the training pictures, whole groups together, by hash."""
    owners = train.groups or train.ids
    held = np.array([seeds.stream(0, "val", owner) % 20 == 0 for owner in owners], dtype=np.bool_)
    if not held.any() or held.all():
        held = np.array([owner == owners[seeds.by_hash(owners)[0]] for owner in owners], dtype=np.bool_)
    if held.all():
        raise UserError("the train part needs pictures of at least two groups, so that some can validate")
    return held


def _write_parts(work: Path, pictures: Pictures, parts: dict[str, NDArray[np.bool_]], size: int, report: Report) -> None:
    """Runs through the pictures once, each chunk going to the parts that take it."""
    arrays = {
        name: np.lib.format.open_memmap(
            work / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(int(taken.sum()), size, size, 3)
        )
        for name, taken in parts.items()
    }
    filled = dict.fromkeys(parts, 0)
    for start, chunk in _chunks(pictures, size):
        for name, taken in parts.items():
            mine = chunk[taken[start : start + len(chunk)]]
            arrays[name][filled[name] : filled[name] + len(mine)] = mine
            filled[name] += len(mine)
        report("+".join(parts), start + len(chunk), len(pictures.ids))
    for name, taken in parts.items():
        arrays[name].flush()
        with (work / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "group"] if pictures.groups else ["id"])
            for place in np.flatnonzero(taken):
                writer.writerow([pictures.ids[place], pictures.groups[place]] if pictures.groups else [pictures.ids[place]])


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
