"""Time, read only when the device is done, and the memory this process holds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def now(device: torch.device | None = None) -> float:
    """Seconds on a steady clock, after everything sent to the device has finished."""
    if device is not None and device.type != "cpu":
        import torch

        torch.cuda.synchronize(device) if device.type == "cuda" else torch.mps.synchronize()
    return time.perf_counter()


class Stopwatch:
    """Seconds of work on a device, on top of those before; what is done aside does not count."""

    def __init__(self, device: torch.device, before: float = 0.0) -> None:
        self._device, self._before, self._began = device, before, now(device)

    def seconds(self) -> float:
        return self._before + now(self._device) - self._began

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        began = now(self._device)
        yield
        self._began += now(self._device) - began


def utc() -> str:
    """The moment, as written in records."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def anonymous_bytes() -> int:
    """Anonymous memory of this process (RssAnon), without the pages of mapped files; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


class MemoryPeak:
    """Watches this process's anonymous memory while it is open; `peak` is in bytes."""

    def __init__(self, every: float = 0.1) -> None:
        self.peak = 0
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryPeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, anonymous_bytes())
            if self._stop.wait(self._every):
                return
