"""Prepared data: every picture decoded and resized once, memory-mapped uint8 with ids, groups and a manifest."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench.words import params, seeds
from inbench.words.dataset import Dataset
from inbench.words.errors import UserError

VERSION = 2
PARTS = ("train", "val", "test")
MANIFEST: dict[str, type] = {"content": str, "label": str, "size": int, "recipe": dict, "counts": dict, "notes": list}
RECIPE: dict[str, type] = {"dataset": str, "size": int, "code": str, "store": int}
"""What a manifest has to tell, at least."""


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

    def is_whole(self) -> bool:
        """Whether it is there, with a manifest that can be read."""
        try:
            told = self.manifest
            kinds = [isinstance(told[name], kind) for name, kind in MANIFEST.items()]
            recipe = [isinstance(told["recipe"][name], kind) for name, kind in RECIPE.items()]
            return all(kinds) and all(recipe) and all(isinstance(told["counts"][part], int) for part in PARTS)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False

    def part(self, name: str) -> Part:
        images = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        with (self.folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        has_groups = bool(rows) and len(rows[0]) == 2
        return Part(images, [row[0] for row in rows], [row[1] for row in rows] if has_groups else None)

    def fault(self) -> str:
        """What is wrong with the files; empty where they hold what the manifest says, and no picture is in two parts."""
        if not self.is_whole():
            return "its manifest.json cannot be read"
        try:
            parts = {name: self.part(name) for name in PARTS}
            digests = {name: [digest_of(image) for image in part.images] for name, part in parts.items()}
            content = content_hash(digests, {name: (part.ids, part.groups) for name, part in parts.items()})
        except (OSError, ValueError, IndexError, EOFError) as error:
            return f"a part cannot be read: {error}"
        if content != self.manifest["content"]:
            return "the pictures are not those that were prepared"
        shared = [digest for digest, count in Counter(d for found in digests.values() for d in set(found)).items() if count > 1]
        return f"{len(shared)} pictures are in two parts" if shared else ""


def default_folder() -> Path:
    """Where prepared data lives: INBENCH_DATA, or the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("INBENCH_DATA") or Path(cache) / "inbench" / "data")


def all_in(folder: Path) -> list[Prepared]:
    """Every prepared set in a folder, the one asked for last first; those whose manifest is damaged are left out."""
    return [prepared for prepared in found_in(folder) if prepared.is_whole()]


def found_in(folder: Path) -> list[Prepared]:
    """Every prepared set in a folder, damaged ones too."""
    found = sorted(folder.glob("[!.]*/manifest.json"), key=lambda file: -file.stat().st_mtime_ns)
    return [Prepared(manifest.parent) for manifest in found]


def find(dataset: Dataset, *, code: str, size: int, folder: Path) -> Prepared:
    """The set that was prepared last for a data set with these options. A `UserError` tells how to prepare one."""
    wanted = params.canonical(dataset.name, dataset.params)
    shown = params.shown(dataset.name, dataset.params)
    command = f"inbench data prepare '{shown}' --from PATH" + (f" --size {size}" if size != 64 else "")
    for prepared in all_in(folder):
        recipe = prepared.manifest["recipe"]
        if recipe["dataset"] == wanted and recipe["size"] == size:
            if recipe["code"] != code or recipe["store"] != VERSION:
                raise UserError(f"data set {shown} was prepared by another version of inbench; once more: {command}")
            return prepared
    raise UserError(f"data set {shown} is not prepared at size {size}; name its files once: {command}")


def holding(content: str, folder: Path) -> Prepared | None:
    """The prepared set with pictures of that hash; None where there is none."""
    return next((prepared for prepared in all_in(folder) if prepared.manifest["content"] == content), None)


def content_hash(digests: dict[str, list[bytes]], rows: dict[str, tuple[list[str], list[str] | None]]) -> str:
    """SHA-256 over part, id, group and pixels of every picture, in order."""
    content = hashlib.sha256()
    for name in PARTS:
        ids, groups = rows[name]
        for place, (image_id, digest) in enumerate(zip(ids, digests[name], strict=True)):
            content.update(f"{name}\0{image_id}\0{groups[place] if groups else ''}\0".encode() + digest)
    return content.hexdigest()


def digest_of(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()
