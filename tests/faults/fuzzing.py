"""Fuzzing: every reader is given damaged input; it must say so in one sentence or leave it out, and write nowhere else.

`python fuzzing.py READER FOLDER MINUTES` fuzzes one reader, and prints what came out as JSON.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import exchange_readers
import hypothesis
import readers
from driving import SECONDS
from hypothesis import strategies as st
from readers import Target

from inbench.words import brackets
from inbench.words.errors import UserError

HANGS = 60
"""Seconds after which a reader of a small file hangs, even on a machine that is busy with other readers."""


class Hangs(BaseException):
    """Not an OSError as TimeoutError is: a reader would take it for a fault of the file."""


def targets() -> dict[str, Target]:
    """Every reader there is, by what it reads."""
    return {**readers.targets(), **exchange_readers.targets()}


# What is damaged

NOTHING = (b"", b"\0" * 64, b"\xff\xfe{}", b"<!DOCTYPE html><html>404</html>")
BAD_JSON = (
    b"{", b"null", b"[]", b"7", b'"text"', b"[" * 100_000, b'{"a":' * 20_000, b'{"schema": 1e999}', b'{"schema": "1"}',
    b'{"run": {}, "key": null}', b'{"../../x": "0"}', b'{"\\ud800": "\\udfff"}', b"{}", b"1" * 5000,
)  # fmt: skip


def cases() -> list[tuple[str, str, bytes]]:
    """Malformed inputs, several for every reader: reader, what is wrong, bytes."""
    made = []
    for name, target in targets().items():
        bad = [
            *NOTHING,
            target.base[: len(target.base) // 2],
            target.base + target.base,
            *(BAD_JSON if target.is_json else ()),
            *target.odd,
        ]
        made += [(name, f"{place}: {data[:20]!r}", data) for place, data in enumerate(bad)]
    return made


@st.composite
def torn(draw: st.DrawFn, base: bytes) -> bytes:
    """A sound input with some bytes cut out, put in or turned over."""
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        stop = start + draw(st.integers(0, 40))
        data[start:stop] = draw(st.binary(max_size=40))
    return bytes(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def retold(draw: st.DrawFn, base: bytes) -> bytes:
    """Sound JSON in which some values are others, or gone."""
    told = copy.deepcopy(json.loads(base))
    for _ in range(draw(st.integers(1, 3))):
        here = told
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(here[key], (dict, list)) and here[key] and draw(st.booleans()):
                here = here[key]
                continue
            if draw(st.integers(0, 3)) == 0:
                del here[key]
            else:
                here[key] = draw(VALUES)
            break
    return json.dumps(told).encode(errors="replace")


# Trying them

_outside: list[str] = []
_inside: list[Path] = []


def _watch_writes(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever is opened for writing, made, moved or removed outside the folder of the target."""
    if not _inside or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        return
    for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
        if not isinstance(path, (str, bytes)):
            continue
        text, folder = os.fsdecode(path), arguments[-1]
        if event in ("os.remove", "os.rmdir", "os.mkdir") and folder != -1:  # relative to an open folder
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        if not _allowed(text):
            _outside.append(f"{event} {text}")


def _allowed(path: str) -> bool:
    resolved = os.path.realpath(path)
    return path in ("/dev/null",) or "__pycache__" in path or any(resolved.startswith(str(here)) for here in _inside)


def _too_long(number: int, frame: object) -> None:
    raise Hangs(f"still reading after {HANGS} seconds")


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    if not getattr(sys, "inbench_faults_watched", False):
        sys.addaudithook(_watch_writes)
        sys.inbench_faults_watched = True  # type: ignore[attr-defined]
    before = signal.signal(signal.SIGALRM, _too_long)
    _inside.append(Path(os.path.realpath(folder)))
    try:
        yield
    finally:
        _inside.pop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fault_of(target: Target, data: bytes, folder: Path) -> str:
    """What a reader does wrong with an input; empty where it says one sentence, or leaves the input out."""
    _outside.clear()
    with _guarded(folder):
        signal.alarm(HANGS)
        try:
            target.read(folder, data)
        except UserError as error:
            return "" if str(error).strip() else "an empty sentence"
        except (Exception, Hangs):
            return traceback.format_exc(limit=-3)
        finally:
            signal.alarm(0)
    return f"wrote outside of its folder: {_outside[0]}" if _outside else ""


def malformed(folder: Path) -> dict[str, Any]:
    """All cases, once."""
    found, every = [], targets()
    for place, (name, what, data) in enumerate(cases()):
        here = folder / str(place)
        here.mkdir()
        fault = fault_of(every[name], data, here)
        if fault:
            found.append(f"{name}, {what}: {fault}")
        shutil.rmtree(here)
    for fault in found:
        print(fault)
    return {"inputs": len(cases()), "readers": len(every), "faults": found}


def fuzz(name: str, target: Target, folder: Path, *, examples: int, seed: int) -> int:
    """Try so many damaged inputs; raises where a reader does something wrong with one. How many were tried."""
    count = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(_damaged(target))
    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        fault = fault_of(target, data, folder)
        assert not fault, f"{name}: {fault}"

    one()
    return count


def _damaged(target: Target) -> st.SearchStrategy[bytes]:
    kinds = [torn(target.base), st.binary(max_size=200)]
    return st.one_of(*kinds, *([retold(target.base)] * 2 if target.is_json else []))


def campaign(folder: Path, minutes: float, names: Sequence[str], *, seed: int = 0, jobs: int = 1) -> Iterator[dict[str, Any]]:
    """Fuzz each reader for so many minutes of the clock, or until it fails, in a process of its own, so many at a time."""
    waiting, running = list(names), dict[str, tuple[subprocess.Popen[bytes], float]]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _started(name, folder / brackets.file_name(name), minutes, seed), time.monotonic()
            for name, (process, began) in list(running.items()):
                if time.monotonic() - began > 60 * minutes + SECONDS:  # it hangs where no alarm reaches it
                    process.kill()
                if process.poll() is not None:
                    del running[name]
                    yield _row_of(name, folder / brackets.file_name(name), process.returncode)
            time.sleep(0.1)
    finally:
        for process, _ in running.values():
            process.kill()
            process.wait()


def _started(name: str, folder: Path, minutes: float, seed: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    with (folder / "said.txt").open("wb") as said:
        words = [sys.executable, __file__, name, str(folder), f"{minutes:g}", str(seed)]
        return subprocess.Popen(words, stdout=said, stderr=subprocess.STDOUT)


def _row_of(name: str, folder: Path, code: int) -> dict[str, Any]:
    """What a process told at its end; where it did not come to it, that is the fault."""
    lines = (folder / "said.txt").read_text(errors="replace").splitlines()
    with contextlib.suppress(ValueError, IndexError):
        row = json.loads(lines[-1])
        if code == 0 and isinstance(row, dict):
            return row
    last = " | ".join(lines[-5:])
    return {"reader": name, "inputs": 0, "minutes": 0.0, "fault": f"the process ended with exit code {code}: {last}"}


def one_reader(name: str, folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Fuzz a reader for so many minutes of the clock, or until it fails; another seed tries other inputs."""
    target, began, tried, fault = targets()[name], time.monotonic(), 0, ""
    place = folder / "place"
    place.mkdir()
    while not fault and time.monotonic() - began < 60 * minutes:
        try:
            tried += fuzz(name, target, place, examples=50, seed=seed + tried)
        except AssertionError as error:
            fault = str(error)
    return {"reader": name, "inputs": tried, "minutes": round((time.monotonic() - began) / 60, 1), "fault": fault}


if __name__ == "__main__":
    print(json.dumps(one_reader(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
