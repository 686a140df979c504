"""Kills: SIGKILL to a whole command at random moments of every phase of a run; afterwards the same command goes on."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import driving
import plugins

STEPS = 40
WORDS = (
    "--budget",
    f"smoke[steps={STEPS},batch=4,ema=0.9]",
    "--test-masks",
    "center,half",
    "--keep",
    "weights,guesses,checkpoint",
)


def _phase(results: Path) -> str:
    """Where the run of `steady` is, seen from outside."""
    work = next((results / "runs" / ".partial").glob("steady-*/"), None)
    record = next((results / "runs").glob("steady-*/"), None)
    if record is not None and any(record.rglob("*.next")):
        return "adding scores"
    if work is None:
        return "planning" if record is None else "ending"
    if (work / "record").exists():
        return "writing the record"
    if any(work.glob(".checkpoint.pt.*")):
        return "writing a checkpoint"
    try:
        beat = json.loads((work / "heartbeat.json").read_text())
    except (OSError, ValueError):
        return "starting"
    return "scoring" if beat["phase"].startswith("scoring") else "training"


DELAYS = {"planning": 2.0, "starting": 2.0, "training": 0.8, "scoring": 0.2, "ending": 0.05}
"""A kill comes at a random moment in the first so many seconds of a phase; the others are over in a moment."""
PHASES = [
    "planning",
    "starting",
    "training",
    "writing a checkpoint",
    "writing the record",
    "scoring",
    "adding scores",
    "ending",
]


def _kill_in(phase: str, words: list[str], results: Path, chance: random.Random, environment: dict[str, str]) -> str:
    """Start a command and kill it, and its worker, in a phase; the phase it was killed in, empty where it ended before."""
    process, delay = driving.start(words, env=environment), chance.uniform(0, DELAYS.get(phase, 0.002))
    seen = None
    while process.poll() is None:
        now = _phase(results)
        if now == phase and seen is None:
            seen = time.monotonic()
        if seen is not None and time.monotonic() - seen >= delay:
            driving.kill_all(process)
            return now
        if seen is None:
            time.sleep(0.0005 if now not in ("planning", "starting") else 0.01)
    process.communicate()
    return ""


def campaign(
    folder: Path,
    kills: int,
    *,
    seed: int = 0,
    phases: Sequence[str] = PHASES,
    minutes: float = float("inf"),
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Kill a run so many times, or for so long, each time in a fresh folder; compare what the same command then comes to."""
    (plugin, *_) = plugins.written(folder / "plugins", [])
    environment = driving.environment(folder, SLOW="0.03")
    straight = driving.run(folder / "straight", plugin, "plain,steady", *WORDS)
    done = driving.finish(straight, env=environment)
    assert done.returncode == 0, done.stderr
    wanted = {name: driving.numbers(path) for name, path in driving.runs(folder / "straight").items()}
    chance, counts = random.Random(seed), dict.fromkeys(PHASES, 0)
    same = lost = half = killed = 0
    wanted_phases = itertools.cycle(phases)
    began = time.monotonic()
    while killed < kills and time.monotonic() - began < 60 * minutes:
        results = folder / "killed"
        shutil.rmtree(results, ignore_errors=True)
        shutil.copytree(folder / "straight", results)  # `plain` is finished, and must stay
        shutil.rmtree(driving.runs(results)["steady/0"])
        words = driving.run(results, plugin, "plain,steady", *WORDS)
        phase = _kill_in(next(wanted_phases), words, results, chance, environment)
        if not phase:
            continue
        killed += 1
        counts[phase] += 1
        lost += driving.numbers(driving.runs(results)["plain/0"]) != wanted["plain/0"]
        broken = driving.unsound(results)
        again = driving.finish(words, env={**environment, "SLOW": "0"})
        found = {name: driving.numbers(path) for name, path in driving.runs(results).items()}
        same += again.returncode == 0 and found == wanted
        broken += driving.litter(results) + driving.unsound(results)
        half += len(broken)
        told = "same" if found == wanted else "OTHER"
        report(f"kill {killed} of {kills}, {phase}: exit {again.returncode}, {told} bits {broken or ''}")
        if found != wanted:
            report(again.stderr[-2000:])
    return {"kills": killed, "by phase": counts, "same bits": same, "finished runs lost": lost, "half files": half}
