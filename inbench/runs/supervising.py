"""Supervising: the process that puts the contract to plugins, its time limit, and what it tells on the way."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from inbench.joints import isolation
from inbench.joints.isolation import Process
from inbench.words import records
from inbench.words.errors import UserError

POLL_SECONDS = 0.05
LOADING_SECONDS = 60.0
"""So long, at least, the plugins may take to be imported."""
ORDER = ("broken", "warning", "unseen", "unavailable", "kept")
"""What may be known of a promise, in the order in which it is told."""
Show = Callable[[str, int, int], None]


@dataclass
class Told:
    """What is known of the plugins that were asked for, and of those that could not be loaded."""

    plugins: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    ended: bool = False

    def hear(self, line: dict[str, Any]) -> None:
        if "wrong" in line:
            raise UserError(line["wrong"])
        if "total" in line:
            self.total, self.faults = line["total"], line["faults"]
        if "plugin" in line:
            self.plugins.append(line["plugin"])
        if "known" in line:
            self.unknown()[0].update(line["known"])
        self.ended = "end" in line

    def unknown(self) -> list[dict[str, Any]]:
        """The checks of the plugin at work that have not come to an end."""
        return [one for one in self.plugins[-1]["checks"] if "state" not in one] if self.plugins else []

    def known(self) -> int:
        return sum("state" in one for plugin in self.plugins for one in plugin["checks"])

    def is_complete(self) -> bool:
        return 0 < self.total == self.known()

    def give_up(self, target: str, seen: str) -> None:
        """The process is gone: what was at work is broken, and the rest of that plugin would end the same way."""
        if not self.unknown():
            self.faults.append({"name": target, "origin": target, "reason": seen, "where": "", "unavailable": False})
            self.ended = True
        for place, one in enumerate(self.unknown()):
            one.update({"state": "unseen", "seen": "the process is gone"} if place else {"state": "broken", "seen": seen})

    def is_broken(self) -> bool:
        states = [one["state"] for plugin in self.plugins for one in plugin["checks"]]
        return "broken" in states or not all(fault["unavailable"] for fault in self.faults)


def checked(target: str, files: list[str], timeout: float, show: Show) -> Told:
    """Put every promise. One that takes too long or ends the process is broken, and a new process goes on with the next
    plugin."""
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        while not told.ended and not told.is_complete():
            put_in_a_process(target, files, timeout, show, told, Path(folder))
    for plugin in told.plugins:
        plugin["checks"].sort(key=lambda one: ORDER.index(one["state"]))
    return told


def put_in_a_process(target: str, files: list[str], timeout: float, show: Show, told: Told, folder: Path) -> None:
    asked, into, log = folder / "asked.json", folder / "lines.jsonl", folder / "log.txt"
    done = [(plugin["kind"], plugin["name"]) for plugin in told.plugins]
    asked.write_text(json.dumps({"target": target, "plugins": files, "into": str(into), "done": done}))
    into.write_text("")
    command = [sys.executable, "-P", "-m", "inbench.runs.checking", str(asked)]
    child = Process(command, log=log, environment=dict(os.environ))
    try:
        with into.open("rb") as lines:
            last, limit, code = time.monotonic(), max(timeout, LOADING_SECONDS), None
            while code is None:
                code = child.poll()  # before the lines are read, so that the last ones are
                for line in complete(lines):
                    last, limit = time.monotonic(), timeout
                    told.hear(json.loads(line))
                    show(f"checking {told.plugins[-1]['name'] if told.plugins else target}", told.known(), told.total)
                if code is None and time.monotonic() - last > limit:
                    told.give_up(target, f"still at work after {limit:g} seconds")
                    return
                time.sleep(POLL_SECONDS)
        if not told.ended:
            told.give_up(target, f"the process {isolation.ending(code, records.last_lines(log))}")
    finally:
        child.kill()


def complete(lines: BinaryIO) -> Iterator[bytes]:
    """The lines that are there as a whole; the rest is left for the next time."""
    while (line := lines.readline()).endswith(b"\n"):
        yield line
    lines.seek(-len(line), os.SEEK_CUR)
