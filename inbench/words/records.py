"""Records: what a result is, on disk. A folder a run, written atomically, verified by the hash of every file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inbench import __version__
from inbench.words import clock, disk, soundness
from inbench.words.errors import UserError
from inbench.words.protocol import PROTOCOL

SCHEMA = 1
ON_VAL = " on val"
"""Behind a mask, canonical or shown: its holes in the pictures that validate."""
CURVE = "curve.csv"
"""What a training went through, a row a step: its losses, and validation psnr where it was watched."""
KEY_VERSION = 2
STATUSES = ("ok", "failed", "timeout", "oom", "diverged", "skipped", "interrupted")


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
            return disk.read(self.folder, name)
        unzip = zlib.decompressobj(wbits=31)
        try:
            data = unzip.decompress(disk.read(self.folder, name + ".gz"), disk.MOST_BYTES)
        except zlib.error as error:
            raise ValueError(f"{name}.gz is damaged: {error}") from error
        if not unzip.eof:
            raise ValueError(f"{name}.gz is cut short, or unpacks to too much")
        return data

    def damage(self, *, light: bool = False) -> str:
        """Why its numbers are not to be counted; empty where they are. light: weights and guesses are not looked at."""
        return disk.fault_of(self.folder, light=light) or soundness.wrong_with(self.told, Run, self.folder.name)


def open_record(folder: Path) -> Record | None:
    """The record in a folder; None where there is none. A newer schema is a `UserError`."""
    try:
        told = json.loads(disk.read(folder, "run.json"), parse_float=_finite, parse_constant=_finite)
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
    """A number of JSON; `disk.to_json` writes none that is infinite or no number."""
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
    keys = [score_key(mask, spec["part"]) for mask in spec["test_masks"]]
    if not all(is_scored(record, key, spec["wanted"]) for key in keys):  # what one hole came to says nothing of the others
        return None
    failed = next((entry for key in keys if (entry := record.scores[key])["status"] != "ok"), None)
    return (str(failed["status"]), str(failed["reason"])) if failed else ("ok", "")


def is_scored(record: Record, key: str, wanted: int) -> bool:
    """Whether a mask was scored on as many pictures as are wanted, or came to nothing; not where it was trained again since."""
    entry = record.scores.get(key)
    return entry is not None and entry["status"] != "interrupted" and (entry["status"] != "ok" or entry["n"] >= wanted)


def give_up(spec: Mapping[str, Any], provenance: Mapping[str, Any], status: str, reason: str) -> None:
    """Record that a run came to nothing, with its last lines; a training that did succeed stays, and the scores say it."""
    run, runs = Run(**spec["run"]), Path(spec["results"]) / "runs"
    work, final = runs / ".partial" / run.name, runs / run.name
    work.mkdir(parents=True, exist_ok=True)
    record = open_record(final)
    if record is not None and not record.damage() and record.status == "ok":
        scores = dict(record.scores)
        keys = {score_key(mask, spec["part"]): spec["labels"]["masks"][mask] for mask in spec["test_masks"]}
        begun = [key for key in keys if not is_scored(record, key, spec["wanted"])]
        for key in begun or keys:  # while others were left, one that had failed before was not what it came to
            if scores.get(key, {}).get("status") != "ok":
                scores[key] = nothing(status, reason, score_key(keys[key], spec["part"]))
        disk.commit(final, {"run.json": disk.to_json({**record.told, "scores": scores, "written": clock.utc()})})
        return
    told = new(run, labels=spec["labels"], status=status, reason=reason, log=last_lines(work / "log.txt"))
    disk.publish(work, final, {"run.json": disk.to_json({**told, "provenance": dict(provenance)})})


def nothing(status: str, reason: str, shown: str, n: int = 0) -> dict[str, Any]:
    """What stands in a record for scores that there are none of; n: of how many images there will be some."""
    return {"status": status, "reason": reason, "n": n, "shown": shown}


def add_log(folder: Path, lines: list[str]) -> None:
    """The last lines of a run that failed, where its own record came before them."""
    record = open_record(folder)
    if record is not None and record.status not in ("ok", "skipped") and record.told.get("log") != lines:
        disk.commit(folder, {"run.json": disk.to_json({**record.told, "log": lines})})


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


def unfinished(results: Path, name: str = "*") -> Iterator[dict[str, Any]]:
    """The specs of runs that were started and are not finished, and of those that failed with a checkpoint to go on from.

    name: which folders are looked at, as `gan-*`.
    """
    for spec in sorted((results / "runs" / ".partial").glob(f"{name}/spec.json")):
        try:
            found = json.loads(spec.read_text())
            Run(**found["run"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        yield found


ANSWERS = "answers"
"""A folder beside the checkpoint: answers that took long, until the scores that they are for are written."""
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
