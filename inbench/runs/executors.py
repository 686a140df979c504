"""Executors: who has planned runs computed. Each is a room of its own, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Protocol

from inbench.runs.runner import Limits, Show
from inbench.words.errors import UserError, unknown
from inbench.words.planned import Planned

if TYPE_CHECKING:
    from inbench.runs.plan import Request

NAMES = ("local", "slurm", "ray")


class Executor(Protocol):
    """Takes planned runs and has each brought to its end; what each has come to is in its state and in its record."""

    name: ClassVar[str]
    elsewhere: ClassVar[bool]
    """Whether runs are computed on other machines than this one."""
    at_once: int
    """How many runs it computes on this machine at the same time."""
    gpus: int
    """How many GPUs were asked for; 0: none was named."""
    listed: tuple[int, ...]
    """Which GPUs of this machine, as this process counts them; of another machine none."""

    def execute(self, planned: Sequence[Planned], *, show: Show, limits: Limits) -> None: ...


def chosen(name: str, options: Sequence[str] = (), jobs: int | None = None) -> Executor:
    """The executor of a name, with options as typed (`KEY=VALUE`)."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs} must be at least 1")
    given: dict[str, str] = {}
    for text in options:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UserError(f"--executor-option {text!r} must be KEY=VALUE, such as partition=gpu")
        given[key] = value
    if name == "local":
        from inbench.runs.local import Local

        return Local(given, jobs)
    if name == "slurm":
        from inbench.runs.slurm import Slurm

        return Slurm(given, jobs)
    if name == "ray":
        from inbench.runs.ray_cluster import Ray

        return Ray(given, jobs)
    raise unknown("executor", name, NAMES)


def fitting(request: Request, executor: Executor) -> Request:
    """A request as its executor computes it: the cores divided, the device that of the nodes."""
    device = request.device
    if device == "auto" and (executor.gpus or executor.elsewhere):
        device = "cuda" if executor.gpus else "cpu"
    if executor.gpus and device.startswith("cuda:"):
        raise UserError(f"--device {device} beside --executor-option gpus: a run sees its own GPU alone; write --device cuda")
    return replace(request, at_once=executor.at_once, elsewhere=executor.elsewhere, device=device, gpus=executor.listed)
