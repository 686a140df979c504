"""The runner: one child process a run, its progress shown, its end recorded whatever it was; a run has one owner at a time."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench import observers, records
from inbench.claims import Claim, Claims
from inbench.errors import Interrupted, NoRoom
from inbench.isolation import Process
from inbench.plan import Planned

POLL_SECONDS = 0.25
WAIT_SECONDS = 1.0
NO_ROOM = 74
"""The exit code of a worker whose disk is full."""
INTERRUPTED = -signal.SIGINT
"""How a worker ends that was interrupted and left a checkpoint: by the signal, for 130 may be a plugin's exit code."""
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep instead of spinning: beside another busy process, spinning ones slow each other ten times."""

Show = Callable[[Planned, dict[str, Any]], None]
"""Called often with a run and what its worker last told of itself."""


@dataclass(frozen=True)
class Limits:
    """What one run may take, at most: seconds, and bytes of memory."""

    seconds: float | None = None
    memory: int | None = None


def execute(
    planned: Sequence[Planned], *, show: Show, timeout: float | None = None, memory: int | None = None
) -> list[Planned]:
    """Bring every run of a plan to its end, one after the other; those that another process has are waited for, last.

    `Interrupted` when the user stops, `NoRoom` when the disk is full; what is finished stays.
    """
    limits, waiting = Limits(timeout, memory), list(planned)
    claims: dict[Path, Claims] = {}
    try:
        while waiting:
            for one in list(waiting):
                partial = _runs(one) / ".partial"
                if _attempt(one, claims.setdefault(partial, Claims(partial)), show, limits):
                    waiting.remove(one)
                    show(one, {})
                    if one.made:
                        observers.run_finished(one)
            if waiting:
                time.sleep(WAIT_SECONDS)
    except KeyboardInterrupt:
        raise Interrupted from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NoRoom(_no_room(planned[0])) from error
    return list(planned)


def _no_room(one: Planned) -> str:
    return (
        f"no room is left in {one.spec['results']}; what is finished is kept: make room, and the same command goes on from here"
    )


def _runs(one: Planned) -> Path:
    return Path(one.spec["results"]) / "runs"


def estimate_file(one: Planned) -> Path:
    """Where `--plan` leaves what it estimates of a run, until the run's own record holds it."""
    return _runs(one) / ".estimates" / f"{one.run.name}.json"


def _work_folder(one: Planned) -> Path:
    return _runs(one) / ".partial" / one.run.name


def _attempt(one: Planned, claims: Claims, show: Show, limits: Limits) -> bool:
    """Bring a run to its end, unless another process has it."""
    if one.state in ("done", "failed"):
        _tidy(one, claims)
        return True
    claim = claims.take(one.run.name)
    if claim is None:
        show(one, {**_read(_work_folder(one) / "heartbeat.json"), "elsewhere": True})
        return False
    try:
        if _settled_by_another(one):
            return True
        if one.state.startswith("plugin "):
            _record(one, one.state.removeprefix("plugin "), one.reason)
        else:
            _work(one, show, limits, claim)
    finally:
        claim.release()
    if one.state == "done":
        _tidy(one, claims)
    one.made = not claim.lost.is_set()
    return not claim.lost.is_set()


def _tidy(one: Planned, claims: Claims) -> None:
    """Remove what killed processes left of a run that is done, and what was begun of it with older code."""
    claims.sweep(one.run.name)
    estimate_file(one).unlink(missing_ok=True)
    for spec in records.unfinished(Path(one.spec["results"])):
        begun = records.Run(**spec["run"])
        if dataclasses.replace(begun, code=one.run.code) == one.run and not claims.held(begun.name):
            shutil.rmtree(_runs(one) / ".partial" / begun.name, ignore_errors=True)


def _settled_by_another(one: Planned) -> bool:
    """Whether another process has come to an end with a run since it was planned."""
    record = records.open_record(_runs(one) / one.run.name)
    outcome = records.outcome(record, one.spec) if record and record.told.get("written") != one.written else None
    if outcome is None:
        return False
    one.state, one.reason = ("done" if outcome[0] == "ok" else outcome[0]), outcome[1]
    return True


def _record(one: Planned, status: str, reason: str) -> None:
    """A run that came to no record of its own gets one from here."""
    records.give_up(one.spec, one.spec["provenance"], status, reason)
    shutil.rmtree(_work_folder(one), ignore_errors=True)
    one.state, one.reason = status, reason


def _work(one: Planned, show: Show, limits: Limits, claim: Claim) -> None:
    work = _work_folder(one)
    work.mkdir(parents=True, exist_ok=True)
    estimate = _read(estimate_file(one)) or None
    records.write_file(work / "spec.json", records.to_json({**one.spec, "parent": os.getpid(), "estimate": estimate}))
    for leftover in (work / "heartbeat.json", work / "log.txt"):
        leftover.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "inbench.worker", str(work / "spec.json")]
    child = Process(command, log=work / "log.txt", environment={**PATIENT, **os.environ})
    try:
        claim.add(child.pid)
        ended = _watch(one, child, show, limits, claim)
    except (KeyboardInterrupt, Interrupted):
        child.stop()
        raise Interrupted from None
    except BaseException:
        child.kill()
        raise
    if claim.lost.is_set():
        return
    if ended:
        _record(one, *ended)
    else:
        _conclude(one, child.end(), child)


def _watch(one: Planned, child: Process, show: Show, limits: Limits, claim: Claim) -> tuple[str, str] | None:
    """Wait for the end of a run; its status and reason where it was brought about from here."""
    heartbeat, began = _work_folder(one) / "heartbeat.json", time.monotonic()
    while child.poll() is None:
        time.sleep(POLL_SECONDS)
        show(one, _read(heartbeat))
        if claim.lost.is_set():  # this process was silent for so long that another one took the run over
            child.kill()
        elif limits.seconds is not None and time.monotonic() - began > limits.seconds:
            child.stop()
            return "timeout", f"took longer than {limits.seconds:g} seconds"
        elif limits.memory is not None and (held := child.memory()) > limits.memory:
            child.kill()
            return "oom", f"held {held / 2**20:.0f} MiB of memory, more than --memory {limits.memory / 2**20:.0f} MiB"
    return None


def _conclude(one: Planned, code: int, child: Process) -> None:
    """What a run that ended by itself has come to."""
    work = _work_folder(one)
    if code == INTERRUPTED:
        raise Interrupted
    if code == NO_ROOM:
        raise NoRoom(_no_room(one))
    lines = records.last_lines(work / "log.txt")
    outcome = records.outcome(records.open_record(_runs(one) / one.run.name), one.spec)
    if code in (0, 1) and outcome is not None and not (code == 1 and outcome[0] == "ok"):
        one.state, one.reason = ("done" if outcome[0] == "ok" else outcome[0]), outcome[1]
        records.add_log(_runs(one) / one.run.name, lines)
        shutil.rmtree(work, ignore_errors=True)
        return
    told = [line.strip() for line in lines if line.strip()]
    told = [line for line in told if line.startswith("Fatal Python error")] or told  # what follows is where, not what
    status = "oom" if code == -signal.SIGKILL and child.was_out_of_memory() else "failed"
    _record(one, status, _ending(code) + (f": {told[-1]}" if told else ""))


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (often: out of memory)" if name == "SIGKILL" else "")


def _read(heartbeat: Path) -> dict[str, Any]:
    try:
        found = json.loads(heartbeat.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
