"""What `inbench run --plan` shows: every run with its state, and what is left to do in time, memory and bytes."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabulate import tabulate

from inbench.commands.progress import duration
from inbench.readers.formats import plain
from inbench.runs import runner
from inbench.words import disk, records
from inbench.words.planned import Planned

TRIAL_SECONDS = 300
TO_DO = ("missing", "stale", "interrupted", "damaged", "unscored")
ASKED = ("train_seconds", "peak_memory_bytes")
"""What an estimate and a record both tell."""


def told(planned: list[Planned], results: Path, report: Callable[[int, int], None]) -> dict[str, Any]:
    """Every run's state and estimate, the sum of what is to do, and how far past estimates were off."""
    to_do = [one for one in planned if one.state in TO_DO]
    trials: dict[str, dict[str, Any]] = {}
    for done, one in enumerate(to_do, 1):
        rest = left(one)
        alike = repr((dataclasses.replace(one.run, seed=0), one.spec["test_masks"], rest))
        if alike not in trials:
            trials[alike] = trial({**one.spec, "left": rest})
        if "seconds" in trials[alike]:
            file = runner.estimate_file(one)
            file.parent.mkdir(parents=True, exist_ok=True)
            disk.write_file(file, disk.to_json(trials[alike]))
        one.spec["estimate"] = trials[alike]
        if "skipped" in trials[alike]:
            one.came_to("skipped", trials[alike]["skipped"])
        report(done, len(to_do))
    runs: list[dict[str, Any]] = [
        {"title": one.title, "name": one.run.name, "state": one.state.removeprefix("plugin "), "reason": one.reason}
        | {"estimate": one.spec.get("estimate")}
        for one in planned
    ]
    found = [run["estimate"] for run in runs if run["estimate"] and "seconds" in run["estimate"]]
    total = {
        "runs": sum(one.state in TO_DO for one in planned),
        "seconds": sum(one["seconds"] for one in found),
        "peak_memory_bytes": max((one["peak_memory_bytes"] for one in found), default=0),
        "disk_bytes": sum(one["disk_bytes"] for one in found),
    }
    return {"runs": runs, "total": total, "past": past(results)}


def left(one: Planned) -> dict[str, int]:
    """The steps and the answers that a run still has to do: not what was trained before, nor what is scored already."""
    steps, masks = one.run.steps or 0, one.spec["test_masks"]
    record = records.open_record(one.runs / one.run.name) if one.state == "unscored" else None
    if record is not None:
        keys = [records.score_key(mask, one.spec["part"]) for mask in masks]
        scored = [records.is_scored(record, key, one.spec["wanted"]) for key in keys]
        is_trained = "weights.safetensors" in disk.listed(record.folder)
        return {"steps": 0 if is_trained else steps, "answers": scored.count(False) * one.spec["wanted"]}
    done = 0
    if (one.work / "checkpoint.pt").is_file() and one.heartbeat.get("phase") == "training":
        done = min(int(one.heartbeat.get("done", 0)), steps)
    return {"steps": steps - done, "answers": len(masks) * one.spec["wanted"]}


def trial(spec: dict[str, Any]) -> dict[str, Any]:
    """Time some steps and answers of a run in a process of its own; the reason in place of numbers where that fails."""
    with tempfile.NamedTemporaryFile("wb", suffix=".json") as file:
        file.write(disk.to_json(spec))
        file.flush()
        words = [sys.executable, "-P", "-m", "inbench.runs.estimates", file.name]
        environment = {**runner.PATIENT, **os.environ}
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False, env=environment)
            found = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            return {"reason": f"its trial took longer than {TRIAL_SECONDS} seconds"}
        except (ValueError, IndexError):
            lines = done.stderr.strip().splitlines()
            return {"reason": f"its trial failed: {lines[-1] if lines else f'exit code {done.returncode}'}"}
    return found if isinstance(found, dict) and found.keys() & {"seconds", "skipped"} else {"reason": "its trial said nothing"}


def past(results: Path) -> dict[str, Any]:
    """How many times what was estimated the runs here have taken: the middle one, the least, the most, and how many."""
    found: dict[str, Any] = {}
    costs = [record.told["costs"] for record in records.all_of(results)]
    for name in ASKED:
        pairs = [(cost[name], cost["estimated"].get(name)) for cost in costs if isinstance(cost.get("estimated"), dict)]
        ratios = [
            took / estimated for took, estimated in pairs if took and isinstance(estimated, (int, float)) and estimated > 0
        ]
        if ratios:
            found[name] = {
                "median": round(statistics.median(ratios), 3), "least": round(min(ratios), 3), "most": round(max(ratios), 3),
                "runs": len(ratios),
            }  # fmt: skip
    return found


def in_words(said: dict[str, Any]) -> str:
    """The same for people."""
    rows, reasons = [], []
    for run in said["runs"]:
        estimate = run["estimate"] or {}
        cells = ["", "", ""]
        if "seconds" in estimate:
            cells = [duration(estimate["seconds"]), mib(estimate["peak_memory_bytes"]), mib(estimate["disk_bytes"])]
        rows.append([plain(run["title"]), run["state"], *cells])
        if reason := run["reason"] or estimate.get("reason", ""):
            reasons.append(f"{plain(run['title'])}: {plain(reason)}")
    head, sides = ["run", "state", "time", "memory", "disk"], ("left", "left", "right", "right", "right")
    shown: str = tabulate(rows, headers=head, disable_numparse=True, colalign=sides)
    total = said["total"]
    lines = [
        *reasons,
        f"{total['runs']} of {len(rows)} runs to do: {duration(total['seconds'])}, one after the other, "
        f"{mib(total['peak_memory_bytes'])} of memory at most, {mib(total['disk_bytes'])} on the disk",
    ]
    names = {"train_seconds": "training time", "peak_memory_bytes": "memory"}
    for name, ratio in said["past"].items():
        lines.append(
            f"past estimates: {names[name]} was {ratio['median']:.2f} times what was estimated, "
            f"{ratio['least']:.2f} to {ratio['most']:.2f} over {ratio['runs']} runs"
        )
    if not said["past"]:
        lines.append("past estimates: none yet; a run that was estimated here says so in its record")
    return "\n".join([shown, "", *lines])


def mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
