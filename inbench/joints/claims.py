"""Claims: who computes a run, where several processes, on several machines, share one folder.

A claim is a file `NAME.claim.N` beside the run's work, made by a hard link, which is exclusive on every file system that has
them (O_EXCL where there are none). Its owner touches it every few seconds. One that is silent for a minute, by the clock of
whoever waits, or whose processes are gone from this machine, is taken over: the next number is claimed, so that of several
who see a silent claim one wins, and an owner that comes back sees that it has lost. No clock is compared with another
machine's, and no lock of the system is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inbench.joints import isolation

BEAT_SECONDS = 3.0
SILENT_SECONDS = 60.0


def place() -> str:
    """This machine, and this set of process numbers on it (a container has its own), without telling its name."""
    found = [platform.node()]
    with contextlib.suppress(OSError):
        found.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        found.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.sha256("\0".join(found).encode()).hexdigest()[:16]


def began(pid: int) -> str:
    """When a process of this machine began, so that another one with the same number is told apart; empty where it is gone."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if told[0] in "ZX" else told[19]


@dataclass
class Claim:
    """A run that this process computes, until it is released or lost."""

    file: Path
    number: int
    told: dict[str, Any]
    lost: threading.Event = field(default_factory=threading.Event)
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            self.check()

    def check(self) -> bool:
        """Whether it is still ours; says to the others that we are there."""
        try:
            os.utime(self.file)
            if max(_numbers(self.file), default=0) > self.number:
                self.lost.set()
        except FileNotFoundError:
            self.lost.set()
        except OSError:  # a network file system that is away for a moment: the others cannot see us, nor we them
            pass
        return not self.lost.is_set()

    def add(self, pid: int) -> None:
        """Another process that works on the run: while it lives, the claim is not that of a dead one."""
        self.told["processes"][str(pid)] = began(pid)
        beside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            beside.write_text(json.dumps(self.told))
            beside.replace(self.file)

    def release(self) -> None:
        self._done.set()
        self._thread.join()
        if not self.lost.is_set():
            with contextlib.suppress(OSError):
                self.file.unlink()


class Claims:
    """The claims in a folder, as this process sees them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, tuple[object, float]] = {}

    def take(self, name: str) -> Claim | None:
        """The claim on a run; None where somebody who is alive has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / f"{name}.claim"
        there = {number: _numbered(stem, number) for number in _numbers(stem)}
        if any(self.alive(file) for file in there.values()):
            return None
        number = max(there, default=0) + 1
        file = _numbered(stem, number)
        told = {"place": place(), "processes": {str(os.getpid()): began(os.getpid())}, "token": uuid.uuid4().hex}
        if not _create(file, json.dumps(told)):
            return None
        if set(_numbers(stem)) - {number} - there.keys():  # somebody else came at the same moment
            file.unlink()
            return None
        for silent in there.values():
            _end_orphans(silent)
            silent.unlink(missing_ok=True)
        return Claim(file, number, told)

    def alive(self, file: Path) -> bool:
        """Whether the owner of a claim is there."""
        try:
            with file.open("rb") as opened:  # opening asks a network file system anew; a bare stat may be answered from memory
                told, state = opened.read(10_000), os.fstat(opened.fileno())
        except FileNotFoundError:
            return False
        except OSError:
            return True
        if _is_gone(told):
            return False
        stamp, now = (told, state.st_mtime_ns), time.monotonic()
        seen, since = self._seen.get(file, (None, now))
        if seen != stamp:
            since = now
        self._seen[file] = stamp, since
        return now - since < SILENT_SECONDS

    def sweep(self, name: str) -> None:
        """Remove what is left of claims on a run whose owners are gone."""
        stem = self.folder / f"{name}.claim"
        for file in [_numbered(stem, number) for number in _numbers(stem)]:
            if not self.alive(file):
                file.unlink(missing_ok=True)
        for begun in self.folder.glob(f".{name}.claim.*"):  # of a process that was killed while it made one
            begun.unlink(missing_ok=True)

    def held(self, name: str) -> bool:
        """Whether somebody who is alive has a run."""
        stem = self.folder / f"{name}.claim"
        return any(self.alive(_numbered(stem, number)) for number in _numbers(stem))


def looks_alive(file: Path, now: float) -> bool:
    """Whether the owner of a claim seems to be there, at one look; who takes runs watches for longer. now: as files tell it."""
    try:
        return now - file.stat().st_mtime < SILENT_SECONDS and not _is_gone(file.read_bytes()[:10_000])
    except OSError:
        return False


def _numbered(stem: Path, number: int) -> Path:
    return stem.with_name(f"{stem.name.rpartition('.claim')[0]}.claim.{number}")


def _numbers(file: Path) -> list[int]:
    """The numbers of the claims on the same run."""
    name = file.name.rpartition(".claim")[0]
    ends = [path.name.removeprefix(f"{name}.claim.") for path in file.parent.glob(f"{name}.claim.*")]
    return sorted(int(end) for end in ends if end.isascii() and end.isdigit() and len(end) < 10)


def _create(file: Path, text: str) -> bool:
    """Make a file that must not be there yet, with its content at once."""
    beside = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        beside.write_text(text)  # a full disk raises here, and leaves nothing
        try:
            os.link(beside, file)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            with file.open("x") as opened:
                opened.write(text)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def _processes(told: bytes) -> Iterator[tuple[int, str]]:
    """The processes of a claim that are, or were, on this machine."""
    try:
        found = json.loads(told)
        if found["place"] == place():
            yield from ((int(pid), str(since)) for pid, since in found["processes"].items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _is_gone(told: bytes) -> bool:
    """Whether all processes of a claim were on this machine and have ended."""
    found = list(_processes(told))
    return bool(found) and not any(since and began(pid) == since for pid, since in found)


def _end_orphans(file: Path) -> None:
    """End what still works on a run that is taken over from a process of this machine."""
    with contextlib.suppress(OSError):
        for pid, since in _processes(file.read_bytes()):
            if since and began(pid) == since and pid != os.getpid() and isolation.is_marked(pid):
                os.killpg(pid, signal.SIGKILL)
