"""The heartbeat of a run: how far it is, for whoever looks; and when it should stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path

from inbench.acts import training
from inbench.words import clock
from inbench.words.errors import Interrupted

BEAT_SECONDS = 0.5
ORPHAN_SECONDS = 20.0
"""So long a run whose parent is gone has for its checkpoint, whatever its method is busy with."""


class Heart:
    """Tells the outside how far the run is, and the run when it should stop (a signal, or its parent is gone)."""

    def __init__(self, file: Path, steps: int | None, parent: int) -> None:
        self.file, self.steps, self.pid = file, steps, os.getpid()
        self.stop = self.interrupted = False
        self._last = 0.0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._mind_parent, args=(parent,), daemon=True).start()

    def _on_signal(self, number: int, frame: object) -> None:
        if number == signal.SIGINT and self.interrupted:  # a second SIGTERM is no haste: engines send it to all processes
            end_by_interrupt()
        self.stop, self.interrupted = True, self.interrupted or number == signal.SIGINT

    def _mind_parent(self, parent: int) -> None:
        while parent in (os.getppid(), os.getpid()):
            time.sleep(BEAT_SECONDS)
        self.stop = True
        time.sleep(ORPHAN_SECONDS)
        os._exit(130)

    def beat(self, phase: str, done: int, total: int, rate: float = 0.0, left: float | None = None) -> None:
        if os.getpid() != self.pid:  # a copy that a plugin forked and let run on: there is one of us
            os._exit(1)
        if time.monotonic() - self._last > BEAT_SECONDS or done == total:
            self._last = time.monotonic()
            told = {
                "phase": phase,
                "done": done,
                "total": total,
                "rate": rate,
                "left": left,
                "utc": clock.utc(),
                "pid": os.getpid(),
            }
            beside = self.file.with_suffix(".new")
            with contextlib.suppress(OSError):  # a full disk
                beside.write_text(json.dumps(told))
                beside.replace(self.file)
        if self.stop:
            raise Interrupted

    def training(self, progress: training.Progress) -> None:
        total = self.steps or progress.step
        rate = progress.images / progress.seconds if progress.seconds else 0.0
        left = progress.seconds / progress.step * (total - progress.step) if progress.seconds else None
        self.beat("training", progress.step, total, rate, left)


def end_by_interrupt() -> None:
    """End this process as an interrupt ends one: by the signal. An exit code could as well be a plugin's."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
