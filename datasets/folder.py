"""folder: any folder or zip of pictures, with an optional index.csv and an optional lossless test part beside it."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from inbench import Dataset, Pictures, Split, UserError, hookimpl, param

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
PARTS = ("train", "val", "test")
MOST_PIXELS = 64_000_000
WORKERS = 8


class Files:
    """The files under a folder or in a zip, by relative name."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.archive: zipfile.ZipFile | None = None
        if source.is_dir():
            self.names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
        else:
            try:
                self.archive = zipfile.ZipFile(source)
            except (zipfile.BadZipFile, OSError) as error:
                raise UserError(f"{source} is neither a folder nor a readable zip: {error}") from error
            self.names = sorted(name for name in self.archive.namelist() if not name.endswith("/"))
        self.known = set(self.names)

    def read(self, name: str) -> bytes:
        if self.archive is None:
            return (self.source / name).read_bytes()
        with self.archive.open(name) as file:
            return file.read()

    def pictures(self) -> list[str]:
        return [
            name
            for name in self.names
            if PurePosixPath(name).suffix.lower() in ENDINGS and not PurePosixPath(name).name.startswith(".")
        ]


@dataclasses.dataclass
class Decoded:
    """Pictures decoded when a slice is asked for: RGB, the middle square, resized with antialiasing."""

    files: Files
    names: list[str]
    size: int

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, part: slice) -> NDArray[np.uint8]:
        raw = [self.files.read(name) for name in self.names[part]]
        with ThreadPoolExecutor(WORKERS) as pool:
            return np.stack(list(pool.map(lambda data: decode(data, self.size), raw)))


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Bytes of a picture -> uint8 [size, size, 3]. Raises OSError or ValueError where they are none."""
    with Image.open(io.BytesIO(data)) as file:
        picture: Image.Image = file
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} is more than {MOST_PIXELS} pixels")
        if picture.mode.startswith("I"):  # 16-bit grey; convert() would cut it off at 255
            picture = Image.fromarray((np.asarray(picture, dtype=np.int64).clip(0, 65535) // 257).astype(np.uint8))
        square = picture.convert("RGB")
    side = min(square.size)
    left, top = (square.width - side) // 2, (square.height - side) // 2
    if square.size != (size, size):
        square = square.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(square)


def what_is_wrong(data: bytes) -> str:
    """Why bytes are no whole picture; empty where they are one."""
    if not data:
        return "is empty"
    if data.lstrip()[:1] == b"<":
        return "is an HTML page, not a picture"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not a picture"
    try:
        decode(data, 32)
    except UnidentifiedImageError:
        return "is no picture"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"is damaged: {error}"
    return ""


class Folder(Dataset):
    name = "folder"
    summary = "any folder or zip of pictures; index.csv (file, split, optional group or identity) gives the parts"
    licence = "the user's"
    needs_source = True

    @dataclasses.dataclass(frozen=True)
    class Params:
        skip_bad_images: bool = param(False, "leave damaged pictures out, and count them")

    def reads(self, source: Path) -> list[Path]:
        return [path for path in (source, *beside(source)) if path.exists()]

    def prepare(self, source: Path | None, size: int) -> Split:
        if source is None:
            raise UserError("folder needs the path of a folder or zip of pictures")
        files = Files(source)
        if not files.pictures():
            raise UserError(f"{source} holds no pictures ({', '.join(sorted(ENDINGS))})")
        rows = index(files) if "index.csv" in files.known else None
        names = [row.file for row in rows] if rows else files.pictures()
        bad = check(files, names, skip=self.params.skip_bad_images)
        notes = (f"{len(bad)} bad images skipped",) if bad else ()
        if rows is None:
            rows = by_hash([name for name in names if name not in bad])
        parts = {part: [row for row in rows if row.split == part and row.file not in bad] for part in PARTS}
        for part in ("train", "test"):
            if not parts[part]:
                raise UserError(f"{source} has no pictures whose split is {part}")
        test = lossless(source, size) or pictures(files, parts["test"], size)
        val = pictures(files, parts["val"], size) if parts["val"] else None
        return Split(pictures(files, parts["train"], size), test, val, notes)


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of index.csv."""

    file: str
    split: str
    group: str


def index(files: Files) -> list[Row]:
    """The rows of index.csv; a `UserError` names the line that is wrong."""
    try:
        text = files.read("index.csv").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{files.source}: index.csv is not UTF-8: {error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or []
    for needed in ("file", "split"):
        if needed not in columns:
            raise UserError(f"{files.source}: index.csv has no column {needed!r}; it has {', '.join(columns) or 'none'}")
    owner = next((column for column in ("group", "identity") if column in columns), None)
    rows, seen = [], set()
    for told in reader:
        line = reader.line_num
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


def by_hash(names: Sequence[str]) -> list[Row]:
    """Parts by the hash of the name, where no index says them: a tenth tests, and a twentieth of the rest will validate."""
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in names}
    test = {name for name in names if hashes[name][0] < 26} or set(sorted(names, key=hashes.__getitem__)[:1])
    return [Row(name, "test" if name in test else "train", "") for name in names]


def check(files: Files, names: list[str], *, skip: bool) -> set[str]:
    """The names of bad pictures, which must be skipped on purpose."""
    bad = set()
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(names), 256):
            some = names[start : start + 256]
            for name, wrong in zip(some, pool.map(what_is_wrong, [read(files, name) for name in some]), strict=True):
                if wrong and not skip:
                    raise UserError(
                        f"{files.source}: {name} {wrong}; mend or remove it, or leave such pictures out with --skip-bad-images"
                    )
                if wrong:
                    bad.add(name)
    return bad


def read(files: Files, name: str) -> bytes:
    try:
        return files.read(name)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{files.source}: {name} cannot be read: {error}") from error


def pictures(files: Files, rows: list[Row], size: int) -> Pictures:
    names = [row.file for row in rows]
    return Pictures(tuple(names), Decoded(files, names, size), owners(names, [row.group for row in rows]))


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
    except (ValueError, OSError) as error:
        raise UserError(f"{pixels} is no array of pictures: {error}") from error
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
        told = [(row["file"], (row[owner] or "").strip() if owner else "") for row in reader]
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
