"""The file layout with very many records: how long `inbench status` takes, and how often it asks the file system."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "faults"))


import driving
import far
import reference

MOST_TRACED = 10_000
"""Tracing makes a command many times slower."""


def generate(results: Path, count: int) -> None:
    """So many light records of one method, each with a seed and a key of its own, sound and whole; those there are stay."""
    from inbench.words import disk, records

    template = reference.on_drawn_faces("autoencoder")
    told = json.loads((template / "run.json").read_text())
    others = {name: (template / name).read_bytes() for name in disk.listed(template) if name != "run.json"}
    hashes = {name: disk.sha256(data) for name, data in others.items()}
    for seed in range(count):
        run = dataclasses.replace(records.Run(**told["run"]), seed=seed)
        folder = results / "runs" / run.name
        if (folder / "done").is_file():
            continue
        text = disk.to_json({**told, "run": run.told, "key": run.key})
        for name, data in {
            **others,
            "run.json": text,
            "done": disk.to_json({**hashes, "run.json": disk.sha256(text)}),
        }.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def timed(words: Sequence[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    began = time.monotonic()
    done = driving.finish(words, seconds=3600)
    return round(time.monotonic() - began, 1), done


def calls(words: Sequence[str]) -> int | None:
    """How many times a command asks for a file or a folder by name, or reads one; None where it cannot be counted here."""
    if shutil.which("strace") is None:
        return None
    strace = ["strace", "-f", "-c", "-e", "trace=openat,newfstatat,stat,lstat,getdents64,statx,readlink,unlink,mkdir"]
    done = driving.finish([*strace, *words], seconds=3600)
    totals = [line.split() for line in done.stderr.splitlines() if line.endswith(" total")]
    return int(totals[-1][3]) if totals else None


def measured(folder: Path, counts: Sequence[int], *, count_calls: bool = True) -> list[dict[str, Any]]:
    """For each number of records: `inbench status`, and what it asks the file system for."""
    rows = []
    none = driving.command("status", "--results", str(folder / "none"))
    base = calls(none) if count_calls else None
    for count in counts:
        results = folder / str(count)
        generate(results, count)
        words = driving.command("status", "--results", str(results), "--json")
        seconds, done = timed(words)
        counted = json.loads(done.stdout)["counts"]
        asked = calls(words) if count_calls and count <= MOST_TRACED else None
        per_record = None if asked is None or base is None else round((asked - base) / count, 1)
        rows.append({
            "records": count, "counted": counted.get("done", 0), "status seconds": seconds, "calls a record": per_record,
        })  # fmt: skip
    return rows


def planning(folder: Path, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Planning one more run of a method, and its look for a checkpoint to begin at, where that many of it are there."""
    from inbench.joints import starts
    from inbench.runs import plan

    rows = []
    for count in counts:
        results = folder / str(count)
        generate(results, count)
        request = plan.Request("autoencoder", "drawn-faces[train=40,val=8,test=12]", size=32, device="cpu", precision="float32",
                               results=results, data=folder / "data")  # fmt: skip
        plan.make(dataclasses.replace(request, results=folder / "none"), lambda *_: None)  # the data is there
        began = time.monotonic()
        (one,) = plan.make(request, lambda *_: None)
        planned = time.monotonic()
        assert starts.of(one.run, results / "runs", starts.place_of({})) is None
        rows.append({"records": count, "planning": round(planned - began, 2), "start": round(time.monotonic() - planned, 2)})
    return rows


def far_away(folder: Path, counts: Sequence[int], delays: Sequence[float]) -> list[dict[str, Any]]:
    """`inbench status` where each question to the file system takes longer, on a view that nobody has looked at yet."""
    rows = []
    for count in counts:
        generate(folder / str(count), count)
        for delay in delays:
            with far.mounted(folder / str(count), folder / f"far-{count}-{delay}", delay) as results:
                seconds, done = timed(driving.command("status", "--results", str(results), "--json"))
            counted = json.loads(done.stdout)["counts"]
            rows.append({"records": count, "delay": delay, "counted": counted.get("done", 0), "status seconds": seconds})
    return rows
