"""Timing: every case warmed up, then timed in rounds, all cases in turn, so that a drift of the machine hits all alike.

pytest-benchmark times one case to its end before the next, so the rounds are ours; its statistics and its file format are used.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

import torch
from pytest_benchmark.stats import Stats

from inbench.joints.device import fingerprint
from inbench.runs import plan
from inbench.runs.cases import Act, Case, Setting, Traffic
from inbench.words import clock
from inbench.words.errors import Unavailable

ROUND_SECONDS = 0.02
"""A round of a case repeats its act until it is about this long: the clock's own cost is then nothing."""
MEMORY_EVERY = 0.002

Report = Callable[[str, int, int], None]


@dataclass
class Timed:
    """What was found of a case: seconds of one act, a round each; or why there are none."""

    case: Case
    act: Act | None = None
    iterations: int = 1
    seconds: list[float] = field(default_factory=list)
    peak_memory: int = 0
    flops: int = 0
    moved: int = 0
    status: str = "ok"
    reason: str = ""

    def attempt(self, work: Callable[[Timed], None]) -> None:
        """Do something with the case; what goes wrong in it ends this case and no other."""
        try:
            work(self)
        except Unavailable as error:
            self.act, self.status, self.reason = None, "skipped", str(error)
        except (Exception, SystemExit) as error:  # plugins are other people's code: whatever they raise is a row
            self.act, self.status, self.reason = None, "failed", f"{type(error).__name__}: {error}"


def measure(cases: Sequence[Case], setting: Setting, rounds: int, report: Report) -> list[Timed]:
    """Make every case ready, one after the other, then time all of them in turn, round after round."""
    held: dict[str, int] = {}
    found = [Timed(case) for case in cases]
    for place, one in enumerate(found):
        report(f"warming up {one.case.name}, {one.case.group}", place + 1, len(found))
        one.attempt(lambda timed: warm_up(timed, setting.at, held))
    for number in range(rounds):
        report("rounds", number + 1, rounds)
        for one in found:
            if one.act is not None:
                one.attempt(lambda timed: time_once(timed, setting.at))
    return found


def warm_up(timed: Timed, device: torch.device, held: dict[str, int]) -> None:
    """Build the case and act three times: for its memory, for its operations, and for how long it takes.

    held: what the process held before a subject was built, by subject.
    """
    case = timed.case
    clock.now(device)  # CUDA is asked for its memory by number only once it was asked for something else
    give_back_free_memory()
    base = held.setdefault(case.subject, memory_now(device))
    with clock.MemoryPeak(MEMORY_EVERY) as watched:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        timed.act = case.ready()
        timed.act()
        clock.now(device)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else max(watched.peak, clock.anonymous_bytes())
    timed.peak_memory = max(0, peak - base)
    with Traffic() as counted:
        timed.act()
    timed.flops, timed.moved = (case.flops, case.moved) if case.flops or case.moved else (counted.total, counted.moved)
    began = clock.now(device)
    timed.act()
    timed.iterations = max(1, round(ROUND_SECONDS / max(clock.now(device) - began, 1e-6)))


def time_once(timed: Timed, device: torch.device) -> None:
    """A round of one case; the device is done before either reading of the clock."""
    assert timed.act is not None
    began = clock.now(device)
    for _ in range(timed.iterations):
        timed.act()
    timed.seconds.append((clock.now(device) - began) / timed.iterations)


def memory_now(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else clock.anonymous_bytes()


def give_back_free_memory() -> None:
    """The C library keeps what was freed; a case that fills it again would seem to need nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if platform.system() == "Linux" else None
    if trim is not None:
        trim(0)


def machine(device: str) -> dict[str, Any]:
    """Where the times were taken, and with which libraries: nothing of it names the host."""
    return {
        "hardware": fingerprint(device),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in ("inbench", "torch", "numpy", "scikit-image")},
    }


def extra(timed: Timed, setting: Setting) -> dict[str, Any]:
    """What is known of a case beside its times."""
    return {
        **asdict(setting),
        "images": timed.case.images,
        "peak_memory_bytes": timed.peak_memory,
        "flops": timed.flops,
        "bytes_moved": timed.moved,
    }


def told(found: Sequence[Timed], setting: Setting) -> dict[str, Any]:
    """The form of pytest-benchmark's JSON; cases without times stand beside, with the reason."""
    return {
        "machine_info": machine(setting.device),
        "commit_info": plan.commit(),
        "benchmarks": [_entry(one, setting) for one in found if one.status == "ok"],
        "without_times": [
            {"group": one.case.group, "name": one.case.name, "status": one.status, "reason": one.reason}
            for one in found
            if one.status != "ok"
        ],
        "datetime": clock.utc(),
        "version": metadata.version("pytest-benchmark"),
    }


def _entry(timed: Timed, setting: Setting) -> dict[str, Any]:
    stats = Stats()
    for seconds in timed.seconds:
        stats.update(seconds)
    return {
        "group": timed.case.group,
        "name": timed.case.name,
        "fullname": f"{timed.case.group}: {timed.case.name}",
        "params": None,
        "param": None,
        "extra_info": extra(timed, setting),
        "options": {},
        "stats": {**stats.as_dict(), "data": timed.seconds, "iterations": timed.iterations},
    }
