"""Disk: a file that is whole or not there, and a folder whose files change all together, each with its hash in a list."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from inbench.words import soundness
from inbench.words.errors import UserError

NEXT = ".next"
MOST_BYTES = 2**28
"""No list, no run.json and no scores are larger."""


def to_json(value: Any) -> bytes:
    """JSON for people and programs: sorted, indented, and no NaN."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all: written beside, flushed to the disk, then renamed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:  # no room, or Ctrl-C: what was begun would take up some
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    with whole_file(path) as file:
        file.write(data)


def write_named(file: Path, data: bytes) -> None:
    """A file that the user named, whole or not at all. Raises `UserError` where it cannot be written."""
    try:
        write_file(file, data)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror or error}") from error


def commit(folder: Path, files: Mapping[str, bytes], *, remove: tuple[str, ...] = (), whole: bool = False) -> None:
    """Add or replace files of a record, all of them or none, `done` last; whole: what is not among them goes.

    New files are laid beside the old ones under `.next`; once `done.next` is there the change counts, and `settle`
    finishes it, in this process or, after a kill, in the next one that writes. One process at a time: see `claims`.
    """
    settle(folder)
    hashes = {} if whole else listed(folder)
    for name, data in files.items():
        path = folder / (name + NEXT)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)
        hashes[name] = sha256(data)
    for name in remove:
        hashes.pop(name, None)
    write_file(folder / f"done{NEXT}", to_json(hashes))
    settle(folder)


def publish(work: Path, final: Path, files: Mapping[str, bytes]) -> None:
    """A whole record appears in its place at once, for one that stood there; `work` is the run's folder in `.partial`."""
    if final.exists():  # two renames would leave a moment without any record
        commit(final, files, whole=True)
        return
    fresh = work / "record"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    commit(fresh, files)
    fresh.rename(final)


def settle(folder: Path) -> None:
    """Finish a commit that a kill cut short, or clear away one that never counted."""
    for path in folder.rglob(".*"):  # half-written, by a process that is gone
        with contextlib.suppress(OSError):
            path.unlink()
    waiting = sorted(path for path in folder.rglob(f"*{NEXT}") if path.name != f"done{NEXT}")
    done = folder / f"done{NEXT}"
    if done.is_file():
        for path in waiting:
            path.replace(path.with_name(path.name.removesuffix(NEXT)))
        kept = json.loads(done.read_text())
        for path in folder.rglob("*"):  # what is no longer listed has been removed
            if path.is_file() and path != done and path.name != "done" and path.relative_to(folder).as_posix() not in kept:
                path.unlink()
        done.replace(folder / "done")
    else:
        for path in waiting:
            path.unlink()


def where(folder: Path, name: str) -> Path:
    """Where a file of a record is: under `.next` while a change that counts is not carried out. A reader writes nothing."""
    waiting = folder / (name + NEXT)
    return waiting if (folder / f"done{NEXT}").is_file() and waiting.is_file() else folder / name


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listed(folder: Path) -> dict[str, str]:
    """The files of a record with their hashes; empty where it has no list."""
    try:
        found = json.loads(read(folder, "done"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if soundness.is_list_of_files(found) else {}


def read(folder: Path, name: str) -> bytes:
    """A file of a record, as it is or is about to be; OSError or ValueError where there is none."""
    for _ in range(3):  # the file may have moved since one looked
        with contextlib.suppress(FileNotFoundError):
            path = where(folder, name)
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"{name} is too large to be what it should be")
            return path.read_bytes()
    raise FileNotFoundError(f"{name} is missing")


def fault_of(folder: Path, *, light: bool = False) -> str:
    """What is wrong with a record's files; empty where every one has the hash that `done` gives."""
    for _ in range(3):
        found = listed(folder)
        if not found:
            return f"{folder.name} has no list of its files (done)"
        fault = next(filter(None, (fault_in(folder, *one) for one in found.items() if not light or is_light(one[0]))), "")
        if not fault or listed(folder) == found:  # else it was being written while one looked
            break
    return fault


def fault_in(folder: Path, name: str, wanted: str) -> str:
    """What is wrong with one file of a record; empty where it has the hash that is wanted."""
    try:
        with where(folder, name).open("rb") as file:
            right = hashlib.file_digest(file, "sha256").hexdigest() == wanted
    except OSError:
        return f"{folder.name}/{name} is missing"
    return "" if right else f"{folder.name}/{name} is not what was written"


def is_light(name: str) -> bool:
    """Whether a file of a record is no weights, no pictures and no checkpoint."""
    return name.endswith((".json", ".csv", ".csv.gz"))
