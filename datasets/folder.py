"""folder: any folder or zip of pictures, with an optional index.csv and an optional lossless test part beside it."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from inbench import Box, Dataset, Decoded, Files, Pictures, Split, UserError, hookimpl, param

PARTS = ("train", "val", "test")
FEW = 30
"""Test pictures: of fewer, an interval says little."""


class Folder(Dataset):
    name = "folder"
    summary = "any folder or zip of pictures; index.csv (file, split, optional group or identity) gives the parts"
    licence = "the user's"
    needs_source = True

    @dataclasses.dataclass(frozen=True)
    class Params:
        crop: Literal["center", "stretch", "pad"] = param(
            "center", "center: the middle square; stretch: all of it, made square; pad: all of it, its edges going on"
        )
        resize: Literal["bilinear", "bicubic", "lanczos", "box"] = param("bilinear", "Pillow's filter, antialiased")
        train: int | None = param(None, "only so many training pictures, the first by SHA-256 of their name; none: all", low=1)
        skip_bad_images: bool = param(False, "leave damaged pictures out, and count them")

    def reads(self, source: Path) -> list[Path]:
        return [path for path in (source, *beside(source)) if path.exists()]

    def prepare(self, source: Path | None, size: int) -> Split:
        if source is None:
            raise UserError("folder needs the path of a folder or zip of pictures")
        files = Files(source)
        if not files.pictures():
            raise UserError(f"{source} holds no pictures (.jpg, .png, .webp, .bmp, .tif)")
        listed = index(files) if "index.csv" in files.known else by_folder(files.pictures()) or None
        rows = by_hash(files.pictures()) if listed is None else listed
        parts = {part: [row for row in rows if row.split == part] for part in PARTS}
        for part in ("train", "test"):
            if not parts[part]:
                raise UserError(f"{source} has no pictures whose split is {part}")
        parts["train"] = self.fewer(source, parts["train"])
        test = lossless(source, size)
        if test is None:
            test = self.pictures(files, parts["test"], size)
        elif odd := {row.file for row in parts["test"]} ^ set(test.ids):
            rows_file = beside(source)[1].name
            raise UserError(
                f"{rows_file} must name the test pictures of {source.name}, all and no others; look at {min(odd)!r}"
            )
        val = self.pictures(files, parts["val"], size) if parts["val"] else None
        few = f"the hash of their names draws only {len(parts['test'])} test pictures; folders train, val and test choose them"
        notes = (few,) if listed is None and len(parts["test"]) < FEW else ()
        return Split(self.pictures(files, parts["train"], size), test, val, notes=notes)

    def fewer(self, source: Path, rows: list[Row]) -> list[Row]:
        """As many training pictures as are asked for, in their order; fewer of them are always among the more."""
        count = self.params.train
        if count is None:
            return rows
        if count > len(rows):
            raise UserError(f"{source} has {len(rows)} training pictures, not {count}; write train={len(rows)} or less")
        chosen = set(sorted((row.file for row in rows), key=lambda file: hashlib.sha256(file.encode()).digest())[:count])
        return [row for row in rows if row.file in chosen]

    def pictures(self, files: Files, rows: list[Row], size: int) -> Pictures:
        names = [row.file for row in rows]
        images = Decoded(
            files,
            names,
            size,
            self.view,
            resizer=self.params.resize,
            upright=True,
            skip_bad=self.params.skip_bad_images,
            advice="mend or remove it, or leave such pictures out with --skip-bad-images",
        )
        return Pictures(tuple(names), images, owners(names, [row.group for row in rows]))

    def view(self, name: str, width: int, height: int) -> Box:
        if self.params.crop == "center":
            return Box.middle(width, height)
        whole = Box(0, 0, width, height)
        return whole if self.params.crop == "stretch" else whole.squared()


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of index.csv."""

    file: str
    split: str
    group: str


def index(files: Files) -> list[Row]:
    """The rows of index.csv; a `UserError` names the line that is wrong."""
    reader = csv.DictReader(io.StringIO(files.text("index.csv"), newline=""))
    columns = reader.fieldnames or []
    for needed in ("file", "split"):
        if needed not in columns:
            raise UserError(f"{files.source}: index.csv has no column {needed!r}; it has {', '.join(columns) or 'none'}")
    owner = next((column for column in ("group", "identity") if column in columns), None)
    rows, seen = [], set()
    for line, told in numbered(reader, f"{files.source}: index.csv"):
        file, split = (told["file"] or "").strip(), (told["split"] or "").strip()
        if split not in PARTS:
            raise UserError(f"{files.source}: index.csv line {line}: the split {split!r} must be train, val or test")
        if file not in files.known:
            raise UserError(f"{files.source}: index.csv line {line} names {file!r}, which is not there")
        if file in seen:
            raise UserError(f"{files.source}: index.csv line {line} names {file!r} a second time")
        seen.add(file)
        rows.append(Row(file, split, (told[owner] or "").strip() if owner else ""))
    return rows


def numbered(reader: csv.DictReader[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their lines; a `UserError` where a quote is not closed."""
    try:
        for told in reader:
            yield reader.line_num, told
    except csv.Error as error:
        raise UserError(f"{where} is no CSV after line {reader.line_num}: {error}; is a quote not closed?") from error


def by_folder(names: Sequence[str]) -> list[Row]:
    """Parts by the folder that each picture lies in, `train/`, `val/` or `test/`; none where some lie elsewhere."""
    places = [name.partition("/")[0] for name in names]
    return [Row(name, place, "") for name, place in zip(names, places, strict=True)] if {*places} <= {*PARTS} else []


def by_hash(names: Sequence[str]) -> list[Row]:
    """Parts by the hash of the name, where no index says them: a tenth tests, and a twentieth of the rest will validate."""
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in names}
    test = {name for name in names if hashes[name][0] < 26} or set(sorted(names, key=hashes.__getitem__)[:1])
    return [Row(name, "test" if name in test else "train", "") for name in names]


def owners(names: Sequence[str], groups: Sequence[str]) -> tuple[str, ...] | None:
    """The group of each picture; one without a group is a group of its own. None where no picture has one."""
    return tuple(group or name for name, group in zip(names, groups, strict=True)) if any(groups) else None


def beside(source: Path) -> tuple[Path, Path]:
    """NAME.test.npy and NAME.test.csv beside NAME.zip: the test pictures without the loss of JPEG."""
    source = source.resolve()
    stem = source.with_suffix("") if source.suffix == ".zip" else source
    return stem.with_name(f"{stem.name}.test.npy"), stem.with_name(f"{stem.name}.test.csv")


def lossless(source: Path, size: int) -> Pictures | None:
    """The lossless test part; None where there is none, or its pictures have another size."""
    pixels, rows = beside(source)
    if not (pixels.is_file() and rows.is_file()):
        return None
    try:
        images = np.load(pixels, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # of a damaged header numpy raises whatever Python's own parser does
        raise UserError(f"{pixels} is no array of pictures: {error}") from error
    if not isinstance(images, np.ndarray):
        raise UserError(f"{pixels} is no array of pictures but an archive of some")
    told = lossless_rows(rows)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or len(images) != len(told):
        raise UserError(
            f"{pixels} must be uint8 [{len(told)}, S, S, 3], a picture for each row of {rows.name}; "
            f"it is {images.dtype} {list(images.shape)}"
        )
    if images.shape[1:3] != (size, size):
        return None
    names = [name for name, _ in told]
    return Pictures(tuple(names), images, owners(names, [group for _, group in told]))


def lossless_rows(file: Path) -> list[tuple[str, str]]:
    """Name and group of each lossless test picture, in the order of the array."""
    try:
        reader = csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline=""))
        owner = next((column for column in ("group", "identity") if column in (reader.fieldnames or [])), None)
        told = [(row["file"], (row[owner] or "").strip() if owner else "") for _, row in numbered(reader, str(file))]
    except KeyError:
        raise UserError(f"{file} has no column 'file'") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8: {error}") from error
    if len({name for name, _ in told}) < len(told):
        raise UserError(f"{file} names a picture twice")
    return told


@hookimpl
def inbench_datasets() -> list[type[Dataset]]:
    return [Folder]
