"""What is under way in a results folder, on whatever machines: read from records, heartbeats, claims and submissions alone."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from inbench.commands.progress import phase
from inbench.joints import claims, submissions
from inbench.runs.engines import ENDED, GONE, Engine
from inbench.words import records
from inbench.words.planned import Planned, read_object
from inbench.words.records import Run

SKEW_SECONDS = 60.0
READERS = 32
"""How many records are read at a time."""
STATES = ("done", "running", "queued", "interrupted", "lost", *(name for name in records.STATUSES[1:-1]))


@dataclass(frozen=True)
class Seen:
    """A run that is not done."""

    name: str
    title: str
    state: str
    told: str = ""
    by: str = "local"
    heartbeat: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """How many runs there are in each state, those that are not done, and what else is to be said."""

    counts: Mapping[str, int]
    runs: list[Seen]
    notes: list[str]


def survey(results: Path, engine: Engine | None = None) -> Survey:
    """Look once. engine: is asked whether it still has what was handed to it; without one nobody is asked."""
    partial, notes = results / "runs" / ".partial", list[str]()
    sent = _sent(results)
    seen = {one.name: one for one in _begun(partial, sent, notes)}
    settled = {name: told for name, told in _settled(results) if name not in seen}
    known = {} if engine is None else _known(results, engine)
    for name, (submission, one) in sent.items():
        record = settled.get(name)
        if (name in seen and seen[name].state == "running") or (record and record["written"] != one.written):
            continue
        settled.pop(name, None)
        state, why = ("queued", "") if engine is None else known.get(name, (GONE.state, GONE.reason))
        if engine is None or submission.executor != engine.name or state != ENDED:
            seen[name] = Seen(name, _title(one.spec), "queued", why, submission.executor)
        elif name not in seen:
            seen[name] = Seen(name, _title(one.spec), "lost", f"{submission.executor}: {why}", submission.executor)
    for name, told in settled.items():
        if told["state"] != "done":
            seen[name] = Seen(name, told["title"], told["state"], told["reason"], "")
    counts = Counter(one.state for one in seen.values())
    counts["done"] = sum(told["state"] == "done" for told in settled.values())
    order = {state: at for at, state in enumerate(STATES)}
    runs = sorted(seen.values(), key=lambda one: (order.get(one.state, len(order)), one.name))
    return Survey({state: counts[state] for state in [*STATES, *sorted(counts)] if counts[state]}, runs, notes)


def _settled(results: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every record's state, without a look at its numbers: `inbench verify` does that.

    Several are asked for at a time, since what a file server takes is mostly waiting.
    """
    runs = results / "runs"
    with ThreadPoolExecutor(READERS) as pool:
        names = _names(runs)
        for name, told in zip(names, pool.map(lambda name: _state(runs / name / "run.json"), names), strict=True):
            if told is not None:
                yield name, told


def _state(file: Path) -> dict[str, str] | None:
    """What a record says of its run; None where it cannot be read."""
    told = read_object(file)
    if not isinstance(told.get("scores"), dict) or not isinstance(told.get("status"), str):
        return None
    entries = [entry for entry in told["scores"].values() if isinstance(entry, dict)]
    entry = next((entry for entry in [told, *entries] if entry.get("status") != "ok"), None)
    found = {"state": "done", "title": "", "reason": "", "written": str(told.get("written", ""))}
    if entry is not None:
        found |= {"state": str(entry.get("status")), "title": _title(told), "reason": str(entry.get("reason", ""))}
    return found


def _names(runs: Path) -> list[str]:
    """The names of all records; a network file system is asked for the list alone."""
    try:
        return [name for name in os.listdir(runs) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sent(results: Path) -> dict[str, tuple[submissions.Submission, Planned]]:
    """What was handed to engines and not forgotten, the newest submission of each run."""
    found = {}
    for submission in submissions.all_of(results):
        for one in submission.all_runs():
            found[one.run.name] = (submission, one)
    return found


def _begun(partial: Path, sent: Mapping[str, tuple[submissions.Submission, Planned]], notes: list[str]) -> Iterator[Seen]:
    """Runs that are computed, or were: with a claim that is alive, or without."""
    now = _server_time(partial)
    kept: list[int] = []
    alive = {file.name.rpartition(".claim.")[0] for file in partial.glob("[!.]*.claim.*") if claims.looks_alive(file, now)}
    for spec in records.unfinished(partial.parent.parent):
        name = Run(**spec["run"]).name
        by = sent[name][0].executor if name in sent else "local"
        if name not in alive:
            if (partial / name / records.FAILED).is_file():
                kept += [file.stat().st_size for file in (partial / name).glob("checkpoint.pt")]
                continue
            yield Seen(name, _title(spec), "interrupted", "the same inbench run goes on with it", by)
            continue
        heartbeat = read_object(partial / name / "heartbeat.json")
        skew = _skew(partial / name / "heartbeat.json", heartbeat)
        if abs(skew) > SKEW_SECONDS:
            notes.append(
                f"the clock of the machine that computes {name} is {abs(skew) / 60:.0f} minutes "
                f"{'ahead of' if skew > 0 else 'behind'} that of the file system; times in its record are its own, "
                "and nothing is decided by them"
            )
        yield Seen(name, _title(spec), "running", phase(heartbeat) if heartbeat else "starting", by, _numbers(heartbeat))
    if kept:
        size = f"{sum(kept) / 2**20:.0f} MiB"
        notes.append(f"checkpoints kept of runs that failed: {len(kept)}, {size}; inbench run --rerun failed goes on there")


def _numbers(heartbeat: Mapping[str, Any]) -> dict[str, float]:
    """How far a run is: steps or images done, of how many, how many a second, and the seconds that are left."""
    found = {name: heartbeat.get(name) for name in ("done", "total", "rate", "left")}
    return {name: value for name, value in found.items() if isinstance(value, (int, float)) and math.isfinite(value)}


def _title(told: Mapping[str, Any]) -> str:
    try:
        return Planned(Run(**told["run"]), "", {"labels": told["labels"]}).title
    except (KeyError, TypeError, AttributeError):
        return "a run that cannot be read"


def _server_time(folder: Path) -> float:
    """What time it is where the files are: their times are compared with that, and with no machine's clock."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
            return Path(file.name).stat().st_mtime
    except OSError:  # not there, or only to be read
        return time.time()


def _skew(file: Path, heartbeat: Mapping[str, Any]) -> float:
    """Seconds that the clock of who wrote a heartbeat is ahead of that of the file system."""
    try:
        return datetime.fromisoformat(str(heartbeat["utc"])).timestamp() - file.stat().st_mtime
    except (KeyError, ValueError, OSError):
        return 0.0


def _known(results: Path, engine: Engine) -> dict[str, tuple[str, str]]:
    engine.check()
    found: dict[str, tuple[str, str]] = {}
    for submission in submissions.all_of(results, engine.name):
        told = engine.ask(submission)
        found |= {name: (told.get(at, GONE).state, told.get(at, GONE).reason) for at, name in enumerate(submission.names)}
    return found


MOST_SHOWN = 20


def in_words(found: Survey) -> str:
    """The same for people: a line a run, not too many of each state."""
    total = sum(found.counts.values())
    lines = [f"{total} runs" + (": " + ", ".join(f"{n} {state}" for state, n in found.counts.items()) if total else "")]
    shown: Counter[str] = Counter()
    for one in found.runs:
        shown[one.state] += 1
        if shown[one.state] <= MOST_SHOWN:
            by = f" ({one.by})" if one.by not in ("", "local") else ""
            lines.append(f"{one.state}{by}: {one.title}{f': {one.told}' if one.told else ''}")
    asked = sorted({one.by for one in found.runs if one.state == "queued" and not one.told})
    lines += [f"queued is what was handed to {by}; --executor {by} asks it whether it still has it" for by in asked]
    lines += [f"{n - MOST_SHOWN} more are {state}; --json lists all" for state, n in shown.items() if n > MOST_SHOWN]
    return "\n".join([*lines, *found.notes])


def as_json(found: Survey) -> dict[str, Any]:
    return {"counts": dict(found.counts), "runs": [vars(one) for one in found.runs], "notes": found.notes}
