"""Sharing: several commands at once on one results folder, each asked for the same runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import driving
import plugins

WORDS = ("--budget", "smoke[steps=20,batch=4]")


def campaign(folder: Path, processes: int, runs: int) -> dict[str, Any]:
    """So many processes, the same so many runs: how often a training began, and what the records are."""
    (plugin, *_) = plugins.written(folder / "plugins", [])
    begun = folder / "begun.txt"
    environment = driving.environment(folder, BEGUN=str(begun), SLOW="0.02")
    seeds = ",".join(map(str, range(runs)))
    results = folder / "shared"
    words = driving.run(results, plugin, "steady", *WORDS, "--seeds", seeds)
    driving.finish(driving.run(folder / "alone", plugin, "plain", *WORDS), env=environment)  # so that the data is there
    began = time.monotonic()
    started = [driving.start(words, env=environment) for _ in range(processes)]
    said = [process.communicate(timeout=driving.SECONDS) for process in started]
    checked = driving.finish(driving.command("verify", "--results", str(results)))
    whole = f"{runs} of {runs} records are sound"
    return {
        "processes": processes,
        "runs": runs,
        "trainings begun": len(begun.read_text().splitlines()),
        "records": len(driving.runs(results)),
        "verified": checked.returncode == 0 and whole in checked.stdout,
        "exit codes": sorted(process.returncode for process in started),
        "commands that show all rows": sum("1 of 1 complete" in out for out, _ in said),
        "half files": len(driving.litter(results)),
        "seconds": round(time.monotonic() - began),
    }
