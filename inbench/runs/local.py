"""The executor `local`: runs on this machine, one after the other, or as many at once as told; one on each listed GPU."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from inbench.joints.claims import Claims
from inbench.runs.runner import POLL_SECONDS, WAIT_SECONDS, Attempt, Limits, Show, no_room
from inbench.words import params
from inbench.words.errors import Interrupted, NoRoom, UserError, disk_full
from inbench.words.params import param
from inbench.words.planned import Planned


@dataclass(frozen=True)
class Options:
    """What `--executor-option` sets."""

    gpus: str = param("", "numbers of GPUs, such as 0,1: a run at a time on each")


class Local:
    """Runs in child processes of this one."""

    name: ClassVar[str] = "local"
    elsewhere: ClassVar[bool] = False

    def __init__(self, options: Mapping[str, str], jobs: int | None) -> None:
        asked = params.resolve(Options, options, whose="executor local").gpus
        gpus = [word.strip() for word in asked.split(",") if word.strip()]
        if not all(gpu.isdigit() for gpu in gpus) or len({*gpus}) < len(gpus):
            raise UserError(f"--executor-option gpus={asked} must be numbers of GPUs, each once, such as gpus=0,1")
        if gpus and jobs is not None and jobs > len(gpus):
            raise UserError(f"--jobs {jobs} is more than the {len(gpus)} listed GPUs, which take one run at a time each")
        self.listed = tuple(map(int, gpus))
        self.gpus, self.at_once = len(gpus), jobs or len(gpus) or 1
        self.slots: list[Mapping[str, str]] = [{"CUDA_VISIBLE_DEVICES": name} for name in _named(self.listed)[: self.at_once]]
        self.slots = self.slots or [{}] * self.at_once

    def execute(self, planned: Sequence[Planned], *, show: Show, limits: Limits) -> None:
        """Bring every run of a plan to its end; those that another process has are waited for, last.

        `Interrupted` when the user stops, `NoRoom` when the disk is full; what is finished stays.
        """
        claims: dict[Path, Claims] = {}
        waiting = [Attempt(one, claims.setdefault(one.runs, Claims(one.runs / ".partial")), limits) for one in planned]
        try:
            self._work_through(waiting, show)
        except (KeyboardInterrupt, Interrupted):
            _stop([attempt for attempt in waiting if attempt.at_work])
            raise Interrupted from None
        except OSError as error:
            _stop(waiting, at_once=True)
            if not disk_full(error):
                raise
            raise NoRoom(no_room(planned[0])) from error
        except BaseException:
            _stop(waiting, at_once=True)
            raise

    def _work_through(self, waiting: list[Attempt], show: Show) -> None:
        free, held = list(self.slots), dict[int, Mapping[str, str]]()
        while waiting:
            for attempt in list(waiting):
                if not attempt.at_work and not free:
                    continue
                over = attempt.go_on(show, held.get(id(attempt)) or (free[0] if free else {}))
                if attempt.at_work and id(attempt) not in held:
                    held[id(attempt)] = free.pop(0)
                elif not attempt.at_work and id(attempt) in held:
                    free.append(held.pop(id(attempt)))
                if over:
                    waiting.remove(attempt)
                    self._end(attempt.one, show)
            if waiting:
                time.sleep(POLL_SECONDS if held else WAIT_SECONDS)

    @staticmethod
    def _end(one: Planned, show: Show) -> None:
        show(one, {})
        if one.made:
            from inbench.runs import observers  # it loads every plugin

            observers.run_finished(one)


def _named(listed: Sequence[int]) -> list[str]:
    """What CUDA calls each of the listed GPUs, of those that this process may see."""
    outer = os.environ.get("CUDA_VISIBLE_DEVICES")
    if outer is None:
        return [str(number) for number in listed]
    names = [name.strip() for name in outer.split(",") if name.strip()]
    if beyond := [number for number in listed if number >= len(names)]:
        raise UserError(
            f"--executor-option gpus: there is no GPU {beyond[0]} among the {len(names)} of CUDA_VISIBLE_DEVICES={outer}; "
            "they are counted from 0"
        )
    return [names[number] for number in listed]


def _stop(attempts: Sequence[Attempt], *, at_once: bool = False) -> None:
    """Stop what is at work, all of it at the same time; at once where the user interrupts a second time."""
    if len(attempts) > 1 and not at_once:
        for attempt in attempts:
            attempt.ask_to_stop()
    for attempt in attempts:
        try:
            attempt.stop(at_once=at_once)
        except KeyboardInterrupt:
            at_once = True
