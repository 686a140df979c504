"""The runner: one child process a run, its progress shown, its end recorded whatever it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from inbench import records
from inbench.errors import Interrupted
from inbench.plan import Planned

POLL_SECONDS = 0.25
GRACE_SECONDS = 20.0
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep instead of spinning: beside another busy process, spinning ones slow each other ten times."""

Show = Callable[[Planned, dict[str, Any]], None]
"""Called often with a run and what its worker last told of itself."""


def execute(planned: Sequence[Planned], *, show: Show, timeout: float | None = None) -> list[Planned]:
    """Bring every run of a plan to its end, one after the other. `Interrupted` when the user stops; what is finished stays."""
    for one in planned:
        if one.state in ("done", "failed"):
            show(one, {})
            continue
        if one.state.startswith("plugin "):
            _record(one, one.state.removeprefix("plugin "), one.reason)
        else:
            _work(one, show, timeout)
        show(one, {})
    return list(planned)


def _record(one: Planned, status: str, reason: str) -> None:
    """A run that came to no record of its own gets one from here."""
    runs = Path(one.spec["results"]) / "runs"
    work = runs / ".partial" / one.run.name
    records.give_up(one.spec, one.spec["provenance"], status, reason)
    shutil.rmtree(work, ignore_errors=True)
    one.state, one.reason = status, reason


def _work(one: Planned, show: Show, timeout: float | None) -> None:
    runs = Path(one.spec["results"]) / "runs"
    work = runs / ".partial" / one.run.name
    work.mkdir(parents=True, exist_ok=True)
    records.write_file(work / "spec.json", records.to_json(one.spec))
    heartbeat = work / "heartbeat.json"
    heartbeat.unlink(missing_ok=True)
    with (work / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "inbench.worker", str(work / "spec.json")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**PATIENT, **os.environ},
        )
    began = time.monotonic()
    try:
        while child.poll() is None:
            time.sleep(POLL_SECONDS)
            show(one, _read(heartbeat))
            if timeout is not None and time.monotonic() - began > timeout:
                _stop(child)
                _record(one, "timeout", f"took longer than {timeout:g} seconds")
                return
    except (KeyboardInterrupt, Interrupted):
        _stop(child)
        raise Interrupted from None
    outcome = records.outcome(records.open_record(runs / one.run.name), one.spec)
    if child.returncode in (0, 1) and outcome is not None and not (child.returncode == 1 and outcome[0] == "ok"):
        one.state, one.reason = ("done" if outcome[0] == "ok" else outcome[0]), outcome[1]
        shutil.rmtree(work, ignore_errors=True)
    elif child.returncode == 130:
        raise Interrupted
    else:
        lines = [line for line in records.last_lines(work / "log.txt") if line.strip()]
        _record(one, "failed", _ending(child.returncode) + (f": {lines[-1].strip()}" if lines else ""))


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (often: out of memory)" if name == "SIGKILL" else "")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the run to stop with a checkpoint; after a while, or a second interrupt, take it down."""
    try:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(GRACE_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    except ProcessLookupError:
        child.wait()


def _read(heartbeat: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(heartbeat.read_text())
    except (OSError, ValueError):
        return {}
    return found
