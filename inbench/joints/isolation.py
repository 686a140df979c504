"""Isolation: a run's process in a group and a session of its own, its output bounded, its memory watched, its end certain."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from inbench.words.errors import UserError

GRACE_SECONDS = 20.0
NO_ROOM = 74
"""The exit code of a worker whose disk is full."""
INTERRUPTED = -signal.SIGINT
"""How a worker ends that was interrupted and left a checkpoint: by the signal, for 130 may be a plugin's exit code."""
LOG_HEAD, LOG_TAIL = 2**20, 2**18
"""Of what a run prints, the first MiB and the last quarter of one are kept."""
MARK = "INBENCH_PROCESS"
"""Whatever a run starts inherits this variable, so that it is found even where it left the group."""
SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size_in_bytes(text: str) -> int:
    """`4G`, `512M`, `1.5GiB` -> bytes. A `UserError` where it is none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    size = int(float(found[1]) * SIZES[found[2].upper()]) if found else 0
    if size < 1:
        raise UserError(f"--memory {text!r} is no size; write 4G, or 512M")
    return size


class Process:
    """A command that runs apart from this one."""

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        self.mark = uuid.uuid4().hex
        self.killed_before = out_of_memory_kills()
        reading, writing = os.pipe()
        self._reader = threading.Thread(target=_keep, args=(reading, log), daemon=True)
        self._reader.start()
        try:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                env={**environment, MARK: self.mark},
            )
        finally:
            os.close(writing)

    @property
    def pid(self) -> int:
        return int(self.child.pid)

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.child.poll()

    def end(self) -> int:
        """Its exit code, once it and whatever it started are gone and all it printed is in the log."""
        code, began = self.child.wait(), time.monotonic()
        while (left := marked(self.mark)) and time.monotonic() - began < GRACE_SECONDS:  # one may hang in the system
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self._reader.join(GRACE_SECONDS)
        return code

    def ask_to_stop(self) -> None:
        """Terminate it, without waiting: a worker stops with a checkpoint, and takes no second signal for haste."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Interrupt it, so that it stops with a checkpoint, then terminate it; after a while, or when the user interrupts a
        second time (`KeyboardInterrupt` goes on), kill it and whatever it started."""
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.child.wait(GRACE_SECONDS / 2)
                    break
        finally:
            self.kill()

    def kill(self) -> None:
        """End it, and whatever it started, at once."""
        self._signal(signal.SIGKILL)
        self.end()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.child.poll() is None:
                os.killpg(self.pid, number)

    def memory(self) -> int:
        """Bytes that it and whatever it started hold and no file backs, what they share counted once.

        Not the address space, as a system's own limit would have it: CUDA reserves far more of that than it uses.
        """
        return sum(map(held_by, marked(self.mark)))

    def was_out_of_memory(self) -> bool:
        """Whether the system killed something for want of memory while it ran."""
        return out_of_memory_kills() > self.killed_before


def ending(code: int, lines: Sequence[str]) -> str:
    """How a process came to its end, in words: its exit code or signal, and the last that it wrote."""
    killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else ""
    how = killed or f"ended with exit code {code}"
    told = [line.strip() for line in lines if line.strip()]
    told = [line for line in told if line.startswith("Fatal Python error")] or told  # what follows is where, not what
    return how + (" (often: out of memory)" if code == -signal.SIGKILL else "") + (f": {told[-1]}" if told else "")


def _keep(reading: int, log: Path) -> None:
    """Write what comes to the log, the first and the last of it; go on reading where the disk is full."""
    head, tail, lost = LOG_HEAD, collections.deque[bytes](), 0
    with contextlib.suppress(OSError), os.fdopen(reading, "rb", buffering=0) as source:
        while data := source.read(2**16):
            first, rest = data[:head], data[head:]
            head -= len(first)
            _append(log, first)
            if rest:
                tail.append(rest)
                while sum(map(len, tail)) > LOG_TAIL:
                    lost += len(tail.popleft())
    if tail:
        _append(log, (f"\n[{lost} bytes left out]\n".encode() if lost else b"") + b"".join(tail))


def _append(log: Path, data: bytes) -> None:
    with contextlib.suppress(OSError), log.open("ab") as file:
        file.write(data)


def marked(mark: str) -> list[int]:
    """The processes of this machine that carry a mark."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and not is_dead(int(entry.name)):
                found.append(int(entry.name))
    return found


def is_marked(pid: int) -> bool:
    """Whether a process leads a group that this room started."""
    with contextlib.suppress(OSError):
        return f"{MARK}=".encode() in Path(f"/proc/{pid}/environ").read_bytes() and os.getpgid(pid) == pid
    return False


def is_dead(pid: int) -> bool:
    """Whether a process has ended, though its parent has not looked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def held_by(pid: int) -> int:
    """Its part of the anonymous and shared memory in bytes; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def out_of_memory_kills() -> int:
    """How often the system has killed a process for want of memory; 0 where it does not say."""
    count = 0
    for file in ("/proc/vmstat", "/sys/fs/cgroup/memory.events"):
        with contextlib.suppress(OSError, ValueError):
            lines = Path(file).read_text().splitlines()
            count += sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return count
