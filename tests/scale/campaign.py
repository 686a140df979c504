"""What is done to engines, all of it for real: the same runs as here, cancelled jobs, killed nodes, many runs at once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "faults"))

import driving
from ray_machine import Cluster, ray_cluster
from slurm_machine import Slurm, slurm, until
from watched import Watch

WORDS = ("--budget", "smoke[steps=12,batch=4]")
METHODS = "watched,autoencoder[bottleneck=16,width=8]"
FIRST_SECONDS = 120.0
OF_ENGINES = ("SLURM_CONF", "RAY_AUTH_MODE")
"""What a command has to know of an engine that was started for a test."""


@contextlib.contextmanager
def engine(name: str, folder: Path) -> Iterator[Slurm | Cluster]:
    if name == "slurm":
        with slurm(folder / "slurm") as machine:
            yield machine
    else:
        with ray_cluster() as cluster:
            yield cluster


class Trial:
    """A results folder, the watched plugin, and commands on them."""

    def __init__(self, folder: Path, machine: Slurm | Cluster | None, pace: float = 0.0) -> None:
        self.folder, self.machine = folder, machine
        self.watch = Watch(folder / "plugin", pace)

    def run(self, results: str, seeds: int, *words: str, methods: str = METHODS, local: bool = False) -> list[str]:
        chosen = ",".join(map(str, range(seeds)))
        on = [] if local or self.machine is None else self.machine.words()
        return driving.run(self.folder / results, self.watch.file, methods, *WORDS, "--seeds", chosen, *on, *words)

    def environment(self) -> dict[str, str]:
        own = {} if self.machine is None else self.machine.environment
        return {**driving.environment(self.folder), **{name: own[name] for name in OF_ENGINES if name in own}}

    def finish(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return driving.finish(words, env=self.environment())

    def start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        return driving.start(words, env=self.environment())

    def numbers(self, results: str) -> dict[str, dict[str, str]]:
        """The bits of every record, by the name of its folder, which holds its key."""
        return {path.name: driving.numbers(path) for path in driving.runs(self.folder / results).values()}

    def status(self, results: str) -> dict[str, Any]:
        done = self.finish(driving.command("status", "--results", str(self.folder / results), "--json"))
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def here(folder: Path, seeds: int, methods: str = METHODS) -> dict[str, dict[str, str]]:
    """The runs on this machine, whose keys and bits an engine has to come to."""
    trial = Trial(folder, None)
    assert trial.finish(trial.run("here", seeds, methods=methods)).returncode == 0
    return trial.numbers("here")


def same(
    folder: Path, machine: Slurm | Cluster, seeds: int, wanted: dict[str, dict[str, str]], methods: str = METHODS
) -> dict[str, Any]:
    """The same runs on an engine: keys and bits."""
    trial = Trial(folder, machine)
    began = time.monotonic()
    done = trial.finish(trial.run("there", seeds, methods=methods))
    seconds = time.monotonic() - began
    found = trial.numbers("there")
    return {
        "runs": len(wanted),
        "exit codes": [done.returncode],
        "same keys": len(wanted.keys() & found.keys()),
        "same bits": sum(found.get(name) == numbers for name, numbers in wanted.items()),
        "left": len(driving.litter(folder / "there")) + len(list((folder / "there/runs/.submitted").iterdir())),
        "seconds": round(seconds),
    }


def struck(folder: Path, machine: Slurm | Cluster, seeds: int, name: str, wanted: dict[str, dict[str, str]]) -> dict[str, Any]:
    """In the middle of all runs something goes wrong; the command that waits, and if need be the next one, completes them.

    wanted: the bits of each record where nothing went wrong.
    """
    trial = Trial(folder, machine, pace=0.3)
    first = trial.start(trial.run("struck", seeds))
    half = (folder / "struck" / "runs").glob
    until(lambda: len([*half("[!.]*/run.json")]) >= seeds // 2 and trial.watch.lines("step"), "half of the runs", 900)
    done_before = len([*half("[!.]*/run.json")])
    began = time.monotonic()
    machine.strikes()[name]()
    trial.watch.set_pace(0.0)
    said = first.communicate(timeout=900)[1]
    codes = [first.returncode]
    if first.returncode:
        again = trial.finish(trial.run("struck", seeds))
        codes.append(again.returncode)
    found, ends = trial.numbers("struck"), trial.watch.ends()
    return {
        "engine": machine.name,
        "struck by": name,
        "runs": len(wanted),
        "done before": done_before,
        "complete": len(found),
        "same bits": sum(found.get(name) == numbers for name, numbers in wanted.items()),
        "ended twice": sum(count > 1 for count in ends.values()),
        "trained at once": len(trial.watch.at_once()),
        "exit codes": codes,
        "said": said.strip().splitlines()[-1] if said.strip() else "",
        "seconds after": round(time.monotonic() - began),
    }


def many(folder: Path, machine: Slurm, runs: int) -> dict[str, Any]:
    """So many planned runs handed over at once and held there; how many arrays, how long the command and its last part took."""
    trial = Trial(folder, machine)
    hold = ["--executor-option", "sbatch=--hold", "--executor-option", "wait=false"]
    trial.finish(trial.run("many", 1, methods="mean-fill", local=True))  # the data is there
    began = time.monotonic()
    process = trial.start(trial.run("many", runs, *hold, methods="watched"))
    submitted = folder / "many" / "runs" / ".submitted"
    until(submitted.is_dir, "the submission", 300)
    planned = time.monotonic()
    said = process.communicate(timeout=300)[1]
    ended = time.monotonic()
    jobs = machine.said("squeue", "--noheader", "-o", "%F").split()
    tasks = machine.said("squeue", "--noheader", "--array", "-o", "%i").split()
    queued = trial.status("many")["counts"].get("queued")
    machine.cancel()
    return {
        "runs": runs,
        "exit code": process.returncode,
        "arrays": len({*jobs}),
        "tasks": len(tasks),
        "queued": queued,
        "submitting": round(ended - planned, 1),
        "seconds of the command": round(ended - began, 1),
        "said": said.strip().splitlines()[-1],
    }


def first_step(trial: Trial, results: str, *, local: bool) -> float:
    """Seconds from the start of a command to the first step of its run."""
    trial.watch.forget()
    began = time.time()
    process = trial.start(trial.run(results, 1, methods="watched", local=local))
    until(lambda: trial.watch.lines("step"), "the first step", FIRST_SECONDS)
    process.communicate(timeout=300)
    return trial.watch.lines("step")[0][2] - began


def latency(folder: Path, machine: Slurm | Cluster, rounds: int) -> dict[str, Any]:
    """From the command to the first step: here, and on an engine, in turn."""
    trial = Trial(folder, machine)
    trial.finish(trial.run("warm", 1, methods="mean-fill", local=True))
    here, there = [], []
    for turn in range(rounds):
        here.append(round(first_step(trial, f"here-{turn}", local=True), 2))
        there.append(round(first_step(trial, f"there-{turn}", local=False), 2))
    above = sorted(there)[rounds // 2] - sorted(here)[rounds // 2]
    return {"here": here, "there": there, "above": round(above, 2), "load": round(os.getloadavg()[0], 1)}
