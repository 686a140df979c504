"""The runner: one run brought to its end in a child process, recorded whatever that is; a run has one owner at a time."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench.joints import isolation
from inbench.joints.claims import Claim, Claims
from inbench.joints.isolation import INTERRUPTED, NO_ROOM, Process
from inbench.words import disk, records
from inbench.words.errors import Interrupted, NoRoom
from inbench.words.planned import SETTLED, Planned, read_object

POLL_SECONDS = 0.25
WAIT_SECONDS = 1.0
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep instead of spinning: beside another busy process, spinning ones slow each other ten times."""
MAY_GO_ON = ("timeout", "oom", "failed")
"""The ends of a training after which its last checkpoint is kept; one that diverged would do so again."""

Show = Callable[[Planned, dict[str, Any]], None]
"""Called often with a run and what its worker last told of itself."""


@dataclass(frozen=True)
class Limits:
    """What one run may take, at most: seconds, and bytes of memory."""

    seconds: float | None = None
    memory: int | None = None


def no_room(one: Planned) -> str:
    return (
        f"no room is left in {one.spec['results']}; what is finished is kept: make room, and the same command goes on from here"
    )


def estimate_file(one: Planned) -> Path:
    """Where `--plan` leaves what it estimates of a run, until the run's own record holds it."""
    return one.runs / ".estimates" / f"{one.run.name}.json"


class Attempt:
    """One run on its way to its end: waited for while another process has it, else computed in a child of this one."""

    def __init__(self, one: Planned, claims: Claims, limits: Limits) -> None:
        self.one, self.claims, self.limits = one, claims, limits
        self.claim: Claim | None = None
        self.child: Process | None = None
        self._began = self._again = 0.0
        self._beat: dict[str, Any] = {}

    @property
    def at_work(self) -> bool:
        return self.child is not None

    def go_on(self, show: Show, environment: Mapping[str, str]) -> bool:
        """Look at it, or start it, and come back at once; True once it has come to its end, whoever brought it there.

        `Interrupted` where its worker was stopped, `NoRoom` where the disk is full. environment: more variables for a child.
        """
        if self.child is not None and self.claim is not None:
            return self._look(self.child, self.claim, show)
        if self.one.state in SETTLED:
            self._tidy()
            return True
        if time.monotonic() < self._again:
            return False
        self.claim = self.claims.take(self.one.run.name)
        if self.claim is None:
            self._again = time.monotonic() + WAIT_SECONDS
            show(self.one, {**self.one.heartbeat, "elsewhere": True})
            return False
        try:
            if not self._needs_no_worker():
                self._start(self.claim, environment)
        finally:
            if self.child is None:
                self._release()
        return self.child is None

    def _needs_no_worker(self) -> bool:
        if settled_since(self.one):
            return True
        if self.one.state.startswith("plugin "):
            self._record(self.one.state.removeprefix("plugin "), self.one.reason)
            self.one.made = True
            return True
        return False

    def _start(self, claim: Claim, environment: Mapping[str, str]) -> None:
        one, work = self.one, self.one.work
        work.mkdir(parents=True, exist_ok=True)
        estimate = read_object(estimate_file(one)) or None
        disk.write_file(work / "spec.json", disk.to_json({**one.spec, "parent": os.getpid(), "estimate": estimate}))
        for leftover in (work / "heartbeat.json", work / "log.txt"):
            leftover.unlink(missing_ok=True)
        if (work / records.FAILED).is_file():
            for name in ("checkpoint.pt", "start.json", "places.json") if one.spec["fresh"] else ():
                (work / name).unlink(missing_ok=True)
            (work / records.FAILED).unlink()
        self._beat, self._began_at_checkpoint = {}, (work / "checkpoint.pt").is_file()
        command = [sys.executable, "-P", "-m", "inbench.runs.worker", str(work / "spec.json")]
        self.child = Process(command, log=work / "log.txt", environment={**PATIENT, **os.environ, **environment})
        self._began = time.monotonic()
        claim.add(self.child.pid)

    def _look(self, child: Process, claim: Claim, show: Show) -> bool:
        """One look at a run that is computed here."""
        code = child.poll()
        if code is None:
            self._beat = self.one.heartbeat or self._beat  # a worker that is at its end has cleared it away
            show(self.one, self._beat or {"starts": self._began_at_checkpoint})
            if claim.lost.is_set():  # this process was silent for so long that another one took the run over
                child.kill()
            elif (stopped := self._beyond_limits(child)) is not None:
                self._record(*stopped)
            else:
                return False
        elif not claim.lost.is_set():
            try:
                self._conclude(child.end(), child)
            except BaseException:
                self.child = None
                self._release()
                raise
        self.child = None
        self._release()
        if self.one.state == "done":
            self._tidy()
        self.one.made = not claim.lost.is_set()
        return self.one.made

    def _beyond_limits(self, child: Process) -> tuple[str, str] | None:
        """End a run that takes more than it may; its status and the reason."""
        limits = self.limits
        if limits.seconds is not None and time.monotonic() - self._began > limits.seconds:
            child.stop()
            return "timeout", f"took longer than {limits.seconds:g} seconds"
        if limits.memory is not None and (held := child.memory()) > limits.memory:
            child.kill()
            return "oom", f"held {held / 2**20:.0f} MiB of memory, more than --memory {limits.memory / 2**20:.0f} MiB"
        return None

    def ask_to_stop(self) -> None:
        """Tell its worker to come to a stop, without waiting."""
        if self.child is not None:
            self.child.ask_to_stop()

    def stop(self, *, at_once: bool = False) -> None:
        """Stop its worker, with a checkpoint unless `at_once`, and give the run free."""
        try:
            if self.child is not None:
                self.child.kill() if at_once else self.child.stop()
        finally:
            self.child = None
            self._release()

    def _release(self) -> None:
        if self.claim is not None:
            self.claim.release()

    def _conclude(self, code: int, child: Process) -> None:
        """What a run that ended by itself has come to."""
        one = self.one
        if code == INTERRUPTED:
            raise Interrupted
        if code == NO_ROOM:
            raise NoRoom(no_room(one))
        lines = records.last_lines(one.work / "log.txt")
        outcome = records.outcome(records.open_record(one.runs / one.run.name), one.spec)
        if code in (0, 1) and outcome is not None and not (code == 1 and outcome[0] == "ok"):
            one.came_to(*outcome)
            records.add_log(one.runs / one.run.name, lines)
            self._clear()
            return
        status = "oom" if code == -signal.SIGKILL and child.was_out_of_memory() else "failed"
        self._record(status, isolation.ending(code, lines))

    def _record(self, status: str, reason: str) -> None:
        """A run that came to no record of its own gets one from here."""
        records.give_up(self.one.spec, self.one.spec["provenance"], status, reason)
        self.one.state, self.one.reason = status, reason
        self._clear()

    def _clear(self) -> None:
        """Remove what was at work, but for what `--rerun failed` goes on from: a checkpoint, or answers that were kept."""
        one = self.one
        if one.state in MAY_GO_ON and any((one.work / name).exists() for name in ("checkpoint.pt", records.ANSWERS)):
            (one.work / records.FAILED).touch()
        else:
            shutil.rmtree(one.work, ignore_errors=True)

    def _tidy(self) -> None:
        """Remove what killed processes left of a run that is done, and what was begun of it with older code."""
        one = self.one
        self.claims.sweep(one.run.name)
        estimate_file(one).unlink(missing_ok=True)
        for spec in records.unfinished(Path(one.spec["results"]), f"{one.run.method}-*"):
            begun = records.Run(**spec["run"])
            if dataclasses.replace(begun, code=one.run.code) == one.run and not self.claims.held(begun.name):
                shutil.rmtree(one.runs / ".partial" / begun.name, ignore_errors=True)


def settled_since(one: Planned) -> bool:
    """Whether another process has come to an end with a run since it was planned."""
    record = records.open_record(one.runs / one.run.name)
    outcome = records.outcome(record, one.spec) if record and record.told.get("written") != one.written else None
    if outcome is not None:
        one.came_to(*outcome)
    return outcome is not None
