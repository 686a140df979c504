"""The executor `ray`: a task a run on a Ray cluster, under an actor that outlives the command which submitted it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from inbench.joints import isolation
from inbench.joints.submissions import Submission
from inbench.runs.engines import ENDED, QUEUED, RUNNING, Engine, Told
from inbench.words import params
from inbench.words.errors import UserError
from inbench.words.params import param

NAMESPACE = "inbench"
REACH_SECONDS = 10.0
LINGER_SECONDS = 600.0
"""So long the actor of runs that have all ended can still be asked for their exit codes."""


@dataclass(frozen=True)
class Options:
    """What `--executor-option` sets; CPUs are the run's threads."""

    address: str = param("auto", "HOST:PORT or ray://HOST:PORT; auto: RAY_ADDRESS or this machine's; local: one of its own")
    gpus: float = param(0.0, "GPUs for a run", low=0)
    memory: str = param("", "memory for a run, as in 8G, which Ray counts and does not hold it to")
    retries: int = param(3, "how often a run is started again whose node went down", low=0)
    wait: bool = param(True, "false: submit, and come back at once")


def guarded(words: Sequence[str]) -> int:
    """One run on a node, by its command line: its exit code."""
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL).returncode


class Keeper:
    """Holds the tasks of one submission. Where its node goes down Ray starts it anew, and whatever has not ended again."""

    def __init__(self, commands: Sequence[Sequence[str]], asked: Mapping[str, Any], most: int | None) -> None:
        self.codes: dict[int, int | str] = {}
        self.begun: dict[Any, int] = {}
        self._commands, self._asked, self._most = list(enumerate(commands)), dict(asked), most or len(commands)
        threading.Thread(target=self._keep, daemon=True).start()

    def known(self) -> tuple[list[int], dict[int, int | str]]:
        """The numbers of the runs that Ray has, and of the ended ones the exit codes, or why there is none."""
        return list(self.begun.values()), dict(self.codes)

    def _keep(self) -> None:
        import ray

        task = ray.remote(guarded).options(**self._asked)
        while self._commands or self.begun:
            while self._commands and len(self.begun) < self._most:
                number, words = self._commands.pop(0)
                self.begun[task.remote(words)] = number
            ended, _ = ray.wait(list(self.begun), num_returns=1, timeout=1.0)
            for one in ended:
                number = self.begun.pop(one)
                try:
                    self.codes[number] = ray.get(one)
                except Exception as error:  # Ray has many, each with its own class
                    self.codes[number] = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        threading.Event().wait(LINGER_SECONDS)
        ray.kill(ray.get_runtime_context().current_actor)


class Ray(Engine):
    """A Ray cluster, reached by its address."""

    name: ClassVar[str] = "ray"

    def __init__(self, options: Mapping[str, str], jobs: int | None) -> None:
        self.options: Options = params.resolve(Options, options, whose="executor ray")
        self.memory = isolation.size_in_bytes(self.options.memory) if self.options.memory else None
        self.jobs, self.wait = jobs, self.options.wait
        self.gpus = -int(-self.options.gpus // 1)

    def check(self) -> None:
        try:
            import ray
        except ImportError:
            raise UserError("--executor ray needs Ray: pip install 'inbench[ray]'") from None
        address = self.options.address
        if address == "auto":
            address = os.environ.get("RAY_ADDRESS", "auto")
        if ray.is_initialized():
            return
        _knock(address)
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="error", configure_logging=False)
        except Exception as error:
            said = str(error).strip().splitlines()
            raise UserError(f"--executor ray: {address} cannot be used: {said[0] if said else type(error).__name__}") from None

    def most(self) -> int:
        return 10_000

    def submit(self, submission: Submission, threads: int) -> None:
        import ray

        asked = {"num_cpus": threads, "num_gpus": self.options.gpus, "max_retries": self.options.retries}
        if self.memory is not None:
            asked["memory"] = self.memory
        self._check_room(asked)
        commands = [[*submission.words(), str(number)] for number in range(len(submission.names))]
        keeper = ray.remote(Keeper).options(
            name=submission.id, namespace=NAMESPACE, lifetime="detached", max_restarts=-1, num_cpus=0, max_concurrency=4
        )
        ray.get(keeper.remote(commands, asked, self.jobs).known.remote(), timeout=60)

    def _check_room(self, asked: Mapping[str, Any]) -> None:
        """Ray would wait for ever for what no node has."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        wanted = {"CPU": asked["num_cpus"], "GPU": asked["num_gpus"], "memory": asked.get("memory", 0)}
        if not any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
            raise UserError(
                f"--executor ray: no node has {wanted['CPU']} CPUs, {wanted['GPU']:g} GPUs and {wanted['memory']} bytes of "
                "memory for a run; ask for less with --threads and --executor-option"
            )

    def ask(self, submission: Submission) -> Mapping[int, Told]:
        import ray

        try:
            keeper = ray.get_actor(submission.id, namespace=NAMESPACE)
            has, codes = ray.get(keeper.known.remote(), timeout=REACH_SECONDS)
        except ValueError:  # there is no such actor
            return {}
        except Exception:  # it is being started on another node
            return dict.fromkeys(range(len(submission.names)), Told(QUEUED, "its keeper is being started again"))
        told = {number: Told(QUEUED) for number in range(len(submission.names))}
        told |= {number: Told(RUNNING) for number in has}
        for number, code in codes.items():
            told[number] = Told(ENDED, code, 1) if isinstance(code, str) else Told(ENDED, f"exit code {code}", code)
        return told

    def release(self, submission: Submission) -> None:
        import ray

        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(submission.id, namespace=NAMESPACE))
        super().release(submission)


def _knock(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--executor ray: nobody answers at {address} ({error.strerror or error}); start it with ray start --head, "
            "or name another with --executor-option address=HOST:PORT"
        ) from None
