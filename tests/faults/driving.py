"""How the fault campaign drives inbench: real commands in real processes, on tiny data, from outside."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "tests"))  # what these parts share with the tests, where pytest is not there to say so
TINY = (
    "--datasets", "drawn-faces[train=40,val=8,test=12]", "--size", "32", "--device", "cpu", "--precision", "float32",
    "--threads", "1",
)  # fmt: skip
SECONDS = 600
"""No command of a campaign takes longer; one that does hangs."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "inbench", *words]


def run(results: Path, plugin: Path, methods: str, *words: str) -> list[str]:
    """The words of `inbench run`."""
    return command("run", *TINY, "--results", str(results), "--plugin", str(plugin), "--methods", methods, *words)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Prepared data of the campaign's own."""
    return {**os.environ, "INBENCH_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT), "INBENCH_PLUGINS": "", **more}


def finish(words: Sequence[str], seconds: float = SECONDS, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False, **options)


def start(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a command in a session of its own, so that it can be killed with all it started."""
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL to a command and to its workers, as when a machine goes down."""
    for pid in [*workers_of(process.pid), process.pid]:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()


def workers_of(parent: int) -> list[int]:
    """The children of a process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(told[1]) == parent:
            found.append(int(entry.parent.name))
    return found


def numbers(record: Path) -> dict[str, str]:
    """What must be the same bits in a record: weights, losses, scores, guesses, by their hashes."""
    kept = [path for path in sorted(record.rglob("*")) if path.suffix in (".safetensors", ".csv", ".npy")]
    return {path.relative_to(record).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


def runs(results: Path) -> dict[str, Path]:
    """The folders of the records, by method and seed."""
    found = {}
    for file in sorted((results / "runs").glob("[!.]*/run.json")):
        told = json.loads(file.read_text())
        found[f"{told['run']['method']}/{told['run']['seed'] or 0}"] = file.parent
    return found


def litter(results: Path) -> list[str]:
    """Files under a results folder that no record lists, and whatever lies in `.partial`."""
    left = [path.relative_to(results).as_posix() for path in (results / "runs" / ".partial").rglob("*")]
    for record in (results / "runs").glob("[!.]*"):
        listed = {"done", *json.loads((record / "done").read_text())}
        there = {path.relative_to(record).as_posix() for path in record.rglob("*") if path.is_file()}
        left += [f"{record.name}/{name}" for name in sorted(there - listed)]
    return left


def unsound(results: Path) -> list[str]:
    """Records that do not hold what they list."""
    from inbench.words import disk

    return [fault for fault in map(disk.fault_of, sorted((results / "runs").glob("[!.]*"))) if fault]
