"""What the tests share: prepared data of their own, nothing of the user's, and runs small enough for two cores."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import statistics
import subprocess
import textwrap
import time
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inbench_datasets import drawn_faces
from PIL import Image
from plugin_text import FOOT, HEAD
from pytest_benchmark.fixture import BenchmarkFixture

import inbench
from inbench import Files
from inbench.commands import cli
from inbench.joints import device, isolation
from inbench.readers import timings
from inbench.runs import bench, plan
from inbench.runs.local import Local
from inbench.runs.runner import Limits, Show
from inbench.words import records

THREADS = 1
"""Networks this small gain nothing from a second thread, and beside another busy process they lose most of their speed."""

TINY: dict[str, Any] = {
    "datasets": "drawn-faces[train=40,val=8,test=12]",
    "budget": "smoke[steps=6,batch=4]",
    "size": 32,
    "device": "cpu",
    "precision": "float32",
    "threads": THREADS,
}
AUTO = "autoencoder[bottleneck=16,width=8]"
SLOW = """
class Slow(Learner):
    name = "slow"

    def step(self, image, hole):
        time.sleep(float(os.environ.get("SLOW", "0")))
        return super().step(image, hole)
"""

BREAKS = """
class Breaks(Base):
    name = "breaks"

    def inpaint(self, seen, hole, seed):
        raise ValueError("not today")
"""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Benchmarks are off unless asked for, and `--benchmark-only` asks for them."""
    config.option.benchmark_enable |= config.option.benchmark_only


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """What a timing depends on, in place of the host's name and clock rates."""
    return bench.machine(device.choose_device("auto"))


def pytest_benchmark_generate_commit_info() -> dict[str, Any]:
    return plan.commit()


@pytest.fixture(scope="session", autouse=True)
def own_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared data that all tests share, no plugins but the ones a test names, one number of threads."""
    if not request.config.option.benchmark_enable:
        torch.set_num_threads(THREADS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INBENCH_DATA", str(tmp_path_factory.mktemp("data")))
        patch.delenv("INBENCH_PLUGINS", raising=False)
        yield


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """The command line and the worker take signals over; each test gives them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., str]:
    """Writes a plugin file: two base classes, then the text (Python), then the hook that returns every class with a name."""

    def write(text: str, name: str = "trial.py") -> str:
        file = tmp_path / name
        file.write_text(HEAD + textwrap.dedent(text) + FOOT)
        return str(file)

    return write


class Child:
    """`python -P -m ROOM FILE` in this process, in place of a child: the same code, without seconds of imports."""

    pid = 2**30  # nobody's: a stop must not reach this process

    def __init__(self, command: list[str], *, stdout: int, **_: Any) -> None:
        log = os.fdopen(os.dup(stdout), "w", buffering=1)
        with log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                self.returncode = importlib.import_module(command[-2]).main(command[-1:])
            except SystemExit as end:
                self.returncode = int(end.code or 0)
            except Exception:
                traceback.print_exc()
                self.returncode = 1

    def poll(self) -> int:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode


def no_child(*_: Any, **__: Any) -> None:
    pytest.fail("a worker was started")


def planned(results: Path, methods: str, **options: Any) -> list[plan.Planned]:
    """The plan of tiny runs."""
    return plan.make(plan.Request(methods=methods, **{**TINY, "results": results, **options}), lambda *_: None)


def carry_out(found: list[plan.Planned], show: Show = lambda *_: None, *, timeout: float | None = None) -> list[plan.Planned]:
    """Bring planned runs to their ends on this machine."""
    Local({}, None).execute(found, show=show, limits=Limits(timeout))
    return found


@contextlib.contextmanager
def workers(child: Any) -> Iterator[None]:
    """Something else than a child process, for as long as this is open."""
    with pytest.MonkeyPatch.context() as patch:
        tools = types.SimpleNamespace(Popen=child, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
        patch.setattr(isolation, "subprocess", tools)
        yield


@pytest.fixture
def here() -> Iterator[None]:
    """Runs are worked through in this process."""
    with workers(Child):
        yield


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """`inbench.run` on tiny data, into a folder of `tmp_path`."""

    def run(methods: str, *, into: str = "results", **options: Any) -> list[dict[str, Any]]:
        return inbench.run(methods, **{**TINY, "results": tmp_path / into, **options})

    return run


@dataclass(frozen=True)
class Told:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command in this process."""

    def call(*words: str) -> Told:
        capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return Told(code, told.out, told.err)

    return call


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory, own_world: None) -> Path:
    """A results folder with kept guesses of three methods on two masks; whoever changes it takes a copy."""
    results = tmp_path_factory.mktemp("pictured")
    with workers(Child):
        inbench.run(f"mean-fill,mean-image,{AUTO}", **{**TINY, "results": results, "test_masks": "center,random80"})
    return results


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Any]:
    """The one record of a method in a folder of `tmp_path`."""

    def find(method: str, *, into: str = "results") -> records.Record:
        (found,) = (one for one in records.all_of(tmp_path / into) if one.told["run"]["method"] == method)
        return found

    return find


@pytest.fixture(scope="session")
def reported(own_world: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder that a report has everything of: learners, a failure, hostile names; see `reported.py`."""
    import reported

    return reported.made(tmp_path_factory.mktemp("reported"))


REST_SECONDS = 0.3
"""Between the sides: the workers of a loader run ahead, and would take the processor from whoever is timed next."""


@pytest.fixture
def rounds(benchmark: BenchmarkFixture) -> int:
    """How many rounds are measured: one where benchmarks are off."""
    return 9 if benchmark.enabled else 1


@pytest.fixture
def judge(benchmark: BenchmarkFixture) -> Callable[..., None]:
    """Keeps what was measured for the table in the documents, and asserts its bar; only where benchmarks are on."""

    def judged(values: list[float], what: str, bar: float, *, against: str, unit: str = "times", at_most: bool = False) -> None:
        if benchmark.enabled:
            found = {"what": what, "against": against, "values": values, "bar": bar, "unit": unit, "at_most": at_most}
            benchmark.extra_info["ratio"] = found
            median, wanted = (timings.in_unit(found, value) for value in (statistics.median(values), bar))
            print(f"\n{what} against {against}: {median} (bar {wanted}), {timings.verdict(found)}")
            assert timings.verdict(found) == "met"

    return judged


@pytest.fixture
def ratio(benchmark: BenchmarkFixture, judge: Callable[..., None]) -> Callable[..., None]:
    """How many times faster ours is than theirs, a number a round, the sides in turn."""

    def compare(ours: Callable[[], object], theirs: Callable[[], object], rounds: int, what: str, bar: float, *, against: str):
        seconds = []

        def other_side() -> None:
            began = time.perf_counter()
            theirs()
            seconds.append(time.perf_counter() - began)
            time.sleep(REST_SECONDS if benchmark.enabled else 0)

        benchmark.pedantic(ours, setup=other_side, rounds=rounds)
        own = benchmark.stats.stats.data if benchmark.enabled else seconds
        judge([theirs / ours for theirs, ours in zip(seconds, own, strict=True)], what, bar, against=against)

    return compare


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Faces of 178 x 218 as JPEG files."""
    folder = tmp_path_factory.mktemp("jpegs")
    faces = drawn_faces.DrawnFaces(drawn_faces.DrawnFaces.Params(train=16, val=1, test=1)).prepare(None, 256).train.images[:16]
    for place in range(256):
        Image.fromarray(np.asarray(faces[place % 16])[19:237, 39:217]).save(folder / f"{place:06d}.jpg", quality=92)
    return Files(folder)
