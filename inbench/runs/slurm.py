"""The executor `slurm`: an array job, a task a run, by Slurm's own commands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from inbench.joints.submissions import Submission
from inbench.runs.engines import ENDED, QUEUED, RUNNING, Engine, Told
from inbench.words import params
from inbench.words.errors import UserError
from inbench.words.params import param

COMMAND_SECONDS = 60
OPEN = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
AT_WORK = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}


@dataclass(frozen=True)
class Options:
    """What `--executor-option` sets; cores are the run's threads."""

    partition: str = param("", "where; empty: Slurm's default")
    time: str = param("", "most time for a run, as in 2:00:00; empty: the partition's default")
    memory: str = param("", "memory for a run, as in 8G; empty: the partition's default")
    gpus: int = param(0, "GPUs for a run", low=0)
    account: str = param("", "who pays")
    sbatch: str = param("", "further words for sbatch, as in '--qos=low --constraint=a100'")
    wait: bool = param(True, "false: submit, and come back at once")


class Slurm(Engine):
    """Slurm, as the commands on this machine reach it."""

    name: ClassVar[str] = "slurm"

    def __init__(self, options: Mapping[str, str], jobs: int | None) -> None:
        self.options: Options = params.resolve(Options, options, whose="executor slurm")
        try:
            self.more = shlex.split(self.options.sbatch)
        except ValueError as error:
            raise UserError(f"--executor-option sbatch={self.options.sbatch} is no list of words: {error}") from None
        self.jobs, self.gpus, self.wait = jobs, self.options.gpus, self.options.wait

    def check(self) -> None:
        for name in ("sbatch", "squeue"):
            if shutil.which(name) is None:
                raise UserError(
                    f"--executor slurm: there is no {name} on this machine; type the command where Slurm's are, "
                    "or take --executor local"
                )

    def most(self) -> int:
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _said(["scontrol", "show", "config"]), re.MULTILINE)
        return max(1, int(found[1]) - 1) if found else 1000

    def submit(self, submission: Submission, threads: int) -> None:
        asked = self.options
        limit = f"%{self.jobs}" if self.jobs else ""
        words = ["sbatch", "--parsable", f"--job-name={_job(submission)}", f"--array=0-{len(submission.names) - 1}{limit}"]
        words += ["--requeue", "--ntasks=1", f"--cpus-per-task={threads}", "--output=/dev/null"]
        chosen = {"partition": asked.partition, "time": asked.time, "mem": asked.memory, "account": asked.account}
        words += [f"--{name}={value}" for name, value in chosen.items() if value]
        words += [f"--gpus={asked.gpus}"] if asked.gpus else []
        words += self.more
        _said(words, given=f'#!/bin/sh\nexec {shlex.join(submission.words())} "$SLURM_ARRAY_TASK_ID"\n')

    def ask(self, submission: Submission) -> Mapping[int, Told]:
        columns = "ArrayTaskID:12,State:16,exit_code:10,Reason:60"
        text = _said(["squeue", "--noheader", "--array", "--states=all", f"--name={_job(submission)}", "-O", columns])
        found: dict[int, Told] = {}
        for line in text.splitlines():
            number, state, code, *reason = line.split(None, 3)
            if number.isdigit():
                found[int(number)] = _told(state, int(code), (reason or [""])[0].strip())
        return found


def _told(state: str, code: int, reason: str) -> Told:
    why = "" if reason == "None" else reason
    if state in OPEN:
        return Told(QUEUED, why)
    if state in AT_WORK:
        return Told(RUNNING, why)
    return Told(ENDED, state.lower().replace("_", " "), code >> 8 or int(state != "COMPLETED"))


def _job(submission: Submission) -> str:
    """The name of its job, by which any later command finds it."""
    return f"inbench-{submission.id}"


def _said(words: Sequence[str], given: str = "") -> str:
    """What one of Slurm's commands says; a `UserError` with its own words where it refuses."""
    try:
        done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"{words[0]} did not answer in {COMMAND_SECONDS} seconds; is Slurm there? see sinfo") from None
    if done.returncode:
        lines = [line.partition("error: ")[2] or line for line in done.stderr.splitlines() if line.strip()]
        raise UserError(
            f"--executor slurm: {words[0]} says: {'; '.join(lines) or f'exit code {done.returncode}'}{_hint(lines)}"
        )
    return done.stdout


def _hint(lines: Sequence[str]) -> str:
    if any("partition" in line for line in lines):
        done = subprocess.run(["sinfo", "-h", "-o", "%R"], capture_output=True, text=True, check=False)
        names = ", ".join(sorted({*done.stdout.split()}))
        return f"; there are the partitions {names}: --executor-option partition=NAME" if names else ""
    return ""
