"""Bench: every case runs; where benchmarks are on it is timed: `pytest tests/test_bench.py --benchmark-only`."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, Told
from pytest_benchmark.fixture import BenchmarkFixture

from inbench.commands import cli
from inbench.joints import choices, registry, store
from inbench.joints.device import choose_precision
from inbench.runs import bench, cases, plan
from inbench.runs.cases import Case, Setting
from inbench.words import params
from inbench.words.brackets import Named, value_text

Command = Callable[..., Told]
DATA = TINY["datasets"]
NAMES = registry.load().names("method")
SMALL, WHOLE = Setting(32, 4, "cpu", "float32"), Setting(64, 16, "cpu", choose_precision("auto", "cpu"))


def small(name: str) -> Named:
    """A method in its tiny form."""
    values = params.values_of(registry.load().get("method", name).cls.small)
    return Named(name, {key: value_text(value) for key, value in values.items()})


def listed(methods: list[Named], setting: Setting, data: store.Prepared) -> list[Case]:
    return cases.all_of(list(methods), setting, data, registry.load())


SHOWN = [f"{case.group}: {case.name}" for case in listed([Named(name) for name in NAMES], WHOLE, store.Prepared(Path()))]


@pytest.fixture(scope="module")
def setting(request: pytest.FixtureRequest) -> Setting:
    return WHOLE if request.config.option.benchmark_enable else SMALL


@pytest.fixture(scope="module")
def every_case(setting: Setting) -> list[Case]:
    """Tiny ones, or where benchmarks are on the ones that users have."""
    named, data = (
        ([small(name) for name in NAMES], DATA) if setting is SMALL else ([Named(name) for name in NAMES], "drawn-faces")
    )
    prepared = choices.dataset(data, registry.load()).prepared(setting.size, store.default_folder(), lambda *_: None)
    return listed(named, setting, prepared)


@pytest.mark.parametrize("place", range(len(SHOWN)), ids=SHOWN)
def test_a_case(place: int, every_case: list[Case], setting: Setting, benchmark: BenchmarkFixture) -> None:
    timed = bench.Timed(every_case[place])
    timed.attempt(lambda one: bench.warm_up(one, setting.at, {}))
    if timed.status == "skipped":
        pytest.skip(timed.reason)
    assert timed.act is not None, timed.reason
    benchmark.group, benchmark.extra_info = timed.case.group, bench.extra(timed, setting)
    benchmark.pedantic(timed.act, rounds=9, iterations=timed.iterations)


# How it is measured


def case(name: str, ready: Callable[[], Any]) -> Case:
    return Case("metric", name, ready, name)


def test_the_rounds_of_all_cases_are_in_turn() -> None:
    acted: list[str] = []

    def ready(name: str) -> Callable[[], None]:
        def act() -> None:
            acted.append(name)
            torch.zeros(2**24).sum()  # long enough that a round is one act

        return act

    found = bench.measure([case("a", lambda: ready("a")), case("b", lambda: ready("b"))], SMALL, 3, lambda *_: None)
    rounds = [name for name, same in zip(acted, [None, *acted], strict=False) if name != same]
    assert rounds == ["a", "b"] * 4  # once each to warm up, then three times
    assert [len(one.seconds) for one in found] == [3, 3]


def test_a_case_that_breaks_in_a_round_ends_alone() -> None:
    left = iter(range(4))
    broken, whole = bench.measure([case("a", lambda: lambda: next(left)), case("b", lambda: int)], SMALL, 2, lambda *_: None)
    assert (broken.status, broken.reason, len(whole.seconds)) == ("failed", "StopIteration: ", 2)


def test_memory_is_what_a_case_needs_above_what_was_held() -> None:
    held = torch.ones(2**24)
    (found,) = bench.measure([case("a", lambda: lambda: torch.ones(2**25).sum())], SMALL, 1, lambda *_: None)
    assert 100e6 < found.peak_memory < 200e6  # 134 MB
    assert held[0] == 1


def test_operations_and_bytes_are_counted() -> None:
    one = torch.rand(64, 64)
    (found,) = bench.measure([case("a", lambda: lambda: (one @ one).view(-1))], SMALL, 1, lambda *_: None)
    assert (found.flops, found.moved) == (2 * 64**3, 3 * 4 * 64**2)


def test_only_a_closed_form_is_taught_before_it_answers() -> None:
    data = choices.dataset(DATA, registry.load()).prepared(32, store.default_folder(), lambda *_: None)
    linear, learner = (cases.Contestant(small(name), SMALL, data, registry.load()).taught for name in ("linear", "autoencoder"))
    assert linear.weight.numel() > 0  # type: ignore[union-attr]
    assert not learner.training


# The command


WORDS = ("bench", "--datasets", DATA, "--size", "32", "--batch", "2", "--device", "cpu", "--threads", "1", "--rounds", "2")


@pytest.fixture
def timed(command: Command) -> Command:
    return lambda *more: command(*WORDS, *more)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file of timings, and the tables that were printed with it."""
    file, out = tmp_path_factory.mktemp("saved") / "now.json", io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert cli.main([*WORDS, "--methods", "mean-fill", "--save", str(file)]) == 0
    return file, out.getvalue()


def test_a_table_for_each_kind_of_case(timed: Command, tmp_path: Path) -> None:
    told = timed("--methods", "mean-fill,linear", "--save", str(tmp_path / "now.json"))
    assert told.code == 0
    for group in ("machine", "train step", "answer alone", "answers to a batch", "metric", "data", "mask"):
        assert f"**{group}**" in told.out
    assert "- mean-fill: skipped: learns nothing" in told.out
    assert re.search(r"\| linear +\| +[\d.]+ \|", told.out)
    written = (tmp_path / "now.json").read_text()
    assert str(tmp_path) not in written
    shown = subprocess.run(  # pytest-benchmark's own reader takes it
        [sys.executable, "-m", "pytest_benchmark", "compare", str(tmp_path / "now.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "linear" in shown.stdout


def test_a_saved_file_gives_the_same_tables_again(command: Command, saved: tuple[Path, str], tmp_path: Path) -> None:
    file, printed = saved
    words = ("tables", "--timings", str(file))
    assert command(*words).out == printed
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- inbench now: begin -->\n<!-- inbench now: end -->\n")
    assert command(*words, "--check", str(page)).code == 1
    assert command(*words, "--write", str(page)).code == 0
    assert command(*words, "--check", str(page)).code == 0
    assert printed.strip() in page.read_text()


def test_a_document_without_a_place_for_timings_is_left_as_it_is(
    command: Command, saved: tuple[Path, str], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a document")
    told = command("tables", "--timings", str(saved[0]), "--write", str(page))
    assert (told.code, page.read_text()) == (2, "a document")
    assert "write <!-- inbench now: begin --> and <!-- inbench now: end --> where they go" in told.err


def test_a_method_that_breaks_is_a_row_and_exit_1(timed: Command, plugin: Callable[..., str]) -> None:
    file = plugin("class Breaks(Learner):\n    name = 'breaks'\n    def step(self, image, hole):\n        1 / 0\n")
    told = timed("--methods", "breaks,mean-fill", "--plugin", file, "--json")
    assert told.code == 1
    found = json.loads(told.out)
    assert [one["reason"] for one in found["without_times"]] == ["ZeroDivisionError: division by zero", "learns nothing"]
    assert {"breaks", "mean-fill"} <= {one["name"] for one in found["benchmarks"] if one["group"] == "answer alone"}
    assert "breaks, train step: ZeroDivisionError" in told.err


def changed(saved: Path, folder: Path, **machine: Any) -> str:
    """A saved file as if everything had been faster, there or elsewhere."""
    found = json.loads(saved.read_text())
    found["machine_info"] |= machine
    for entry in found["benchmarks"]:
        entry["stats"]["median"] /= 1000
    then = folder / "then.json"
    then.write_text(json.dumps(found))
    return str(then)


def test_what_became_slower_is_told_and_exit_1(timed: Command, saved: tuple[Path, str], tmp_path: Path) -> None:
    told = timed("--methods", "mean-fill", "--compare", changed(saved[0], tmp_path), "--fail-above", "10%")
    assert told.code == 1
    assert "times then.json" in told.out
    assert re.search(r"mean-fill, answer alone: [\d.,]+ times as long as in then.json", told.err)


def test_times_of_another_machine_are_not_held_to_a_bar(timed: Command, saved: tuple[Path, str], tmp_path: Path) -> None:
    words = ("--methods", "mean-fill", "--compare", changed(saved[0], tmp_path, hardware={"cpu": "another"}))
    told = timed(*words, "--fail-above", "10%")
    assert (told.code, told.out) == (2, "")
    assert "another then; drop --fail-above" in told.err
    told = timed(*words)
    assert told.code == 0
    assert "cannot be held against this" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-above", "10%"], "add --compare FILE.json"),
        (["--fail-above", "much", "--compare", "x.json"], "must be a share such as 10%"),
        (["--compare", "missing.json"], "is no file of timings"),
        (["--methods", "linea"], "did you mean 'linear'?"),
        (["--rounds", "0"], "--rounds 0 must be at least 1"),
        (["--size", "33"], "--size 33"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_timed(timed: Command, words: list[str], said: str) -> None:
    told = timed(*words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err


def test_the_machine_is_told_without_its_name() -> None:
    told = bench.machine("cpu")
    assert set(told) == {"hardware", "threads", "python", "libraries"}
    assert set(plan.commit()) == {"commit", "dirty"}
