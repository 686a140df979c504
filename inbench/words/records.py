"""Records: what a result is, on disk. A folder a run, written atomically, verified by the hash of every file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inbench import __version__
from inbench.words import clock, soundness
from inbench.words.errors import UserError
from inbench.words.protocol import PROTOCOL

SCHEMA = 1
ON_VAL = " on val"
"""Behind a mask, canonical or shown: its holes in the pictures that validate."""
CURVE = "curve.csv"
"""What a training went through, a row a step: its losses, and validation psnr where it was watched."""
KEY_VERSION = 2
STATUSES = ("ok", "failed", "timeout", "oom", "diverged", "skipped", "interrupted")
NEXT = ".next"
MOST_BYTES = 2**28
"""No list, no run.json and no scores are larger."""


@dataclass(frozen=True)
class Run:
    """One training, by all that its numbers depend on. What does not apply (a method that learns nothing) is None."""

    method: str
    params: dict[str, Any]
    code: str
    data: str
    size: int
    train_mask: str | None
    steps: int | None
    batch: int | None
    precision: str | None
    seed: int | None
    augmentation: str = "none"
    compiled: bool = False
    deterministic: bool = False
    world_size: int = 1
    ema: float = 0.0
    checkpoint: str = "last"

    @property
    def told(self) -> dict[str, Any]:
        """As a record tells it: what came after the first records is named only where it is not as it was for them."""
        later = {"ema": 0.0, "checkpoint": "last"}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of everything above, the key's version and the protocol's."""
        told = {"key": KEY_VERSION, "protocol": PROTOCOL, **self.told}
        return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.method}-{self.key[:12]}"


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
        found = json.loads(_read(folder, "done"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if soundness.is_list_of_files(found) else {}


def _read(folder: Path, name: str) -> bytes:
    for _ in range(3):  # the file may have moved since one looked
        with contextlib.suppress(FileNotFoundError):
            path = where(folder, name)
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"{name} is too large to be what it should be")
            return path.read_bytes()
    raise FileNotFoundError(f"{name} is missing")


@dataclass(frozen=True)
class Record:
    """A record as read: its folder and its run.json."""

    folder: Path
    told: dict[str, Any]

    @property
    def key(self) -> str:
        return str(self.told["key"])

    @property
    def name(self) -> str:
        """The name that its folder has to have."""
        return f"{self.told['run']['method']}-{self.key[:12]}"

    @property
    def status(self) -> str:
        return str(self.told["status"])

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """What was measured, by the canonical form of the test mask."""
        found: dict[str, dict[str, Any]] = self.told["scores"]
        return found

    def rows(self, mask: str) -> bytes:
        """The CSV of one test mask: a row an image."""
        return self.text(str(self.scores[mask]["file"]))

    def text(self, name: str) -> bytes:
        """The content of a CSV file, which light records may hold gzipped; OSError or ValueError where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return _read(self.folder, name)
        unzip = zlib.decompressobj(wbits=31)
        try:
            data = unzip.decompress(_read(self.folder, name + ".gz"), MOST_BYTES)
        except zlib.error as error:
            raise ValueError(f"{name}.gz is damaged: {error}") from error
        if not unzip.eof:
            raise ValueError(f"{name}.gz is cut short, or unpacks to too much")
        return data

    def damage(self, *, light: bool = False) -> str:
        """Why its numbers are not to be counted; empty where they are. light: weights and guesses are not looked at."""
        return fault_of(self.folder, light=light) or soundness.wrong_with(self.told, Run, self.folder.name)


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


def open_record(folder: Path) -> Record | None:
    """The record in a folder; None where there is none. A newer schema is a `UserError`."""
    try:
        told = json.loads(_read(folder, "run.json"), parse_float=_finite, parse_constant=_finite)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("schema", 0), int):
        return None
    if told.get("schema", 0) > SCHEMA:
        raise UserError(
            f"{folder} was written by a newer inbench ({told.get('inbench')}); this one is {__version__}: "
            "upgrade with pip install -U inbench"
        )
    return Record(folder, told)


def _finite(text: str) -> float:
    """A number of JSON; `to_json` writes none that is infinite or no number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number of JSON")
    return value


def score_key(mask: str, part: str) -> str:
    """What the scores on a mask, canonical or shown, are called by the part of the pictures: test or val."""
    return mask if part == "test" else mask + ON_VAL


def mask_and_part(key: str) -> tuple[str, str]:
    """The other way round."""
    return (key.removesuffix(ON_VAL), "val") if key.endswith(ON_VAL) else (key, "test")


def outcome(record: Record | None, spec: Mapping[str, Any]) -> tuple[str, str] | None:
    """Status and reason of what a spec asks for; None where it is not there yet, or damaged."""
    if record is None or record.damage():
        return None
    if record.status != "ok":
        return record.status, str(record.told["reason"])
    for mask in spec["test_masks"]:
        key = score_key(mask, spec["part"])
        if not is_scored(record, key, spec["wanted"]):
            return None
        entry = record.scores[key]
        if entry["status"] != "ok":
            return str(entry["status"]), str(entry["reason"])
    return "ok", ""


def is_scored(record: Record, key: str, wanted: int) -> bool:
    """Whether a mask was scored on as many pictures as are wanted, or came to nothing."""
    entry = record.scores.get(key)
    return entry is not None and (entry["status"] != "ok" or entry["n"] >= wanted)


def give_up(spec: Mapping[str, Any], provenance: Mapping[str, Any], status: str, reason: str) -> None:
    """Record that a run came to nothing, with its last lines; a training that did succeed stays, and the scores say it."""
    run, runs = Run(**spec["run"]), Path(spec["results"]) / "runs"
    work, final = runs / ".partial" / run.name, runs / run.name
    work.mkdir(parents=True, exist_ok=True)
    record = open_record(final)
    if record is not None and not record.damage() and record.status == "ok":
        scores = dict(record.scores)
        for mask in spec["test_masks"]:
            key = score_key(mask, spec["part"])
            if scores.get(key, {}).get("status") != "ok":
                scores[key] = nothing(status, reason, score_key(spec["labels"]["masks"][mask], spec["part"]))
        commit(final, {"run.json": to_json({**record.told, "scores": scores, "written": clock.utc()})})
        return
    told = new(run, labels=spec["labels"], status=status, reason=reason, log=last_lines(work / "log.txt"))
    publish(work, final, {"run.json": to_json({**told, "provenance": dict(provenance)})})


def nothing(status: str, reason: str, shown: str, n: int = 0) -> dict[str, Any]:
    """What stands in a record for scores that there are none of; n: of how many images there will be some."""
    return {"status": status, "reason": reason, "n": n, "shown": shown}


def add_log(folder: Path, lines: list[str]) -> None:
    """The last lines of a run that failed, where its own record came before them."""
    record = open_record(folder)
    if record is not None and record.status not in ("ok", "skipped") and record.told.get("log") != lines:
        commit(folder, {"run.json": to_json({**record.told, "log": lines})})


def look_through(results: Path) -> tuple[list[Record], list[str]]:
    """Every record whose numbers count, in the order of their names, and what is wrong with the others."""
    sound, faults = [], []
    for folder in sorted(path for path in (results / "runs").glob("[!.]*") if path.is_dir()):
        record = open_record(folder)
        fault = f"{folder.name} has no run.json that can be read" if record is None else record.damage(light=True)
        if record is not None and not fault:
            sound.append(record)
        else:
            faults.append(fault)
    return sound, faults


def all_of(results: Path) -> list[Record]:
    """Every record under a results folder whose numbers count."""
    return look_through(results)[0]


def unfinished(results: Path) -> Iterator[dict[str, Any]]:
    """The specs of runs that were started and are not finished, and of those that failed with a checkpoint to go on from."""
    for spec in sorted((results / "runs" / ".partial").glob("*/spec.json")):
        try:
            found = json.loads(spec.read_text())
            Run(**found["run"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        yield found


FAILED = "failed"
"""A file beside the checkpoint of a training that came to nothing: `--rerun failed` goes on there, all else begins anew."""
LOG_LINES, LOG_WIDTH = 12, 300


def last_lines(log: Path) -> list[str]:
    """What a run printed last."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 2**16))
            text = file.read().decode(errors="replace").replace(str(Path.home()), "~")
        lines = [line[:LOG_WIDTH] for line in text.splitlines() if not line.startswith("Extension modules:")]
        return lines[-LOG_LINES:]
    except OSError:
        return []


def new(run: Run, *, labels: Mapping[str, Any], status: str, reason: str = "", **more: Any) -> dict[str, Any]:
    """The content of a run.json. `labels` are the words people see: method, dataset, train_mask, budget."""
    return {
        "schema": SCHEMA,
        "inbench": __version__,
        "protocol": PROTOCOL,
        "key": run.key,
        "run": run.told,
        "labels": dict(labels),
        "status": status,
        "reason": reason,
        "written": clock.utc(),
        "provenance": {},
        "costs": {},
        "scores": {},
        "metrics": {},
        "validation": [],
        **more,
    }
