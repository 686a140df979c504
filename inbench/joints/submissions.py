"""Submissions: runs handed to an engine, as files beside the records that its nodes, and any later command, read."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inbench.words import clock, disk
from inbench.words.planned import Planned, read_object
from inbench.words.records import Run

FOLDER = ".submitted"
NOT_VISIBLE = 66
"""The exit code of a node that does not see what it is to work on."""
SCRIPT = f"""\
test -r "$1/runs.jsonl" || exit {NOT_VISIBLE}
exec "$2" -P -m inbench.runs.guardian "$1" "$3" >> "$1/$3.log" 2>&1
"""
"""What a node does for one run: sh -c SCRIPT inbench FOLDER PYTHON NUMBER."""


@dataclass(frozen=True)
class Submission:
    """Some runs that one engine was asked to have computed; a run is known by its number in it."""

    folder: Path
    executor: str
    utc: str
    limits: Mapping[str, Any]
    names: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.folder.name

    def words(self) -> list[str]:
        """The command line that brings one run to its end; its number is still to be added."""
        return ["/bin/sh", "-c", SCRIPT, "inbench", str(self.folder), sys.executable]

    def all_runs(self) -> Iterator[Planned]:
        """Its runs in the order of their numbers; none more from where it is damaged, or was just forgotten."""
        with (
            contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError),
            (self.folder / "runs.jsonl").open(encoding="utf-8") as lines,
        ):
            for line in lines:
                told = json.loads(line)
                yield Planned(Run(**told["spec"]["run"]), str(told["state"]), told["spec"], written=str(told["written"]))

    def run(self, number: int) -> Planned:
        """One of its runs; a `ValueError` where it cannot be read."""
        for one in itertools.islice(self.all_runs(), number, None):
            return one
        raise ValueError(f"{self.folder} has no run {number} that can be read")

    def log(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def forget(self) -> None:
        """Remove it, where all of its runs have come to an end."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write(executor: str, limits: Any, planned: Sequence[Planned]) -> Submission:
    """Lay runs ready for an engine."""
    folder = planned[0].runs / FOLDER / f"{executor}-{uuid.uuid4().hex[:12]}"
    beside = folder.with_name(f".{folder.name}")
    beside.mkdir(parents=True)
    told = {"executor": executor, "utc": clock.utc(), "limits": asdict(limits), "names": [one.run.name for one in planned]}
    lines = [json.dumps({"spec": one.spec, "state": one.state, "written": one.written}) + "\n" for one in planned]
    try:
        disk.write_file(beside / "runs.jsonl", "".join(lines).encode())
        disk.write_file(beside / "about.json", disk.to_json(told))
        os.rename(beside, folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return opened(folder)


def opened(folder: Path) -> Submission:
    """The submission in a folder; a `ValueError` where there is none that can be read."""
    told = read_object(folder / "about.json")
    try:
        names = tuple(str(name) for name in told["names"])
        return Submission(folder, str(told["executor"]), str(told["utc"]), dict(told["limits"]), names)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is no submission that can be read") from error


def all_of(results: Path, executor: str | None = None) -> list[Submission]:
    """Every submission under a results folder, the oldest first; or those to one executor."""
    found = []
    for folder in (results / "runs" / FOLDER).glob("[!.]*"):
        with contextlib.suppress(ValueError):
            found.append(opened(folder))
    return sorted((one for one in found if executor in (None, one.executor)), key=lambda one: (one.utc, one.id))
