"""Executors: chosen by name, their options read, and a clear sentence where one is not there."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Told, planned

from inbench.runs import executors
from inbench.runs.plan import Request
from inbench.words.errors import UserError

Command = Callable[..., Told]


@pytest.mark.parametrize(
    ("name", "options", "jobs", "said"),
    [
        ("slrum", (), None, "did you mean 'slurm'?"),
        ("local", ("gpus",), None, "'gpus' must be KEY=VALUE"),
        ("local", ("partition=gpu",), None, "'partition'"),
        ("local", ("gpus=0,0",), None, "each once"),
        ("local", ("gpus=first",), None, "numbers of GPUs"),
        ("local", ("gpus=0,1",), 3, "--jobs 3 is more than the 2 listed GPUs"),
        ("local", (), 0, "--jobs 0 must be at least 1"),
        ("slurm", ("partiton=gpu",), None, "did you mean 'partition'?"),
        ("slurm", ("gpus=many",), None, "a whole number"),
        ("slurm", ("sbatch='--qos",), None, "--executor-option sbatch='--qos"),
        ("ray", ("memory=much",), None, "is no size"),
        ("ray", ("retries=-1",), None, "at least 0"),
    ],
)
def test_a_bad_option_is_one_sentence(name: str, options: tuple[str, ...], jobs: int | None, said: str) -> None:
    with pytest.raises(UserError) as told:
        executors.chosen(name, options, jobs)
    assert said in str(told.value)


def words(results: Path, *more: str) -> list[str]:
    given = {name: str(value) for name, value in {**TINY, "results": results, "methods": "mean-fill"}.items()}
    return ["run", *(word for name, value in given.items() for word in (f"--{name}", value)), *more]


def test_slurm_that_is_not_there_is_said_before_anything_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = command(*words(tmp_path / "results", "--executor", "slurm"))
    assert (told.code, told.out) == (2, "")
    assert "there is no sbatch on this machine" in told.err
    assert not (tmp_path / "results").exists()


def test_ray_that_is_not_installed_names_what_to_type(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    told = command(*words(tmp_path / "results", "--executor", "ray"))
    assert told.code == 2
    assert "pip install 'inbench[ray]'" in told.err


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_a_ray_that_does_not_answer_is_one_sentence(command: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = command(*words(tmp_path / "results", "--executor", "ray", "--executor-option", f"address={address}"))
    assert told.code == 2
    assert f"nobody answers at {address}" in told.err


@pytest.mark.parametrize(
    ("executor", "options", "given", "device", "threads"),
    [
        ("local", (), {}, "auto", "cores"),
        ("local", ("gpus=0,1",), {}, "cuda", "half"),
        ("slurm", (), {}, "cpu", 1),
        ("slurm", ("gpus=1",), {}, "cuda", 1),
        ("slurm", (), {"threads": 3}, "cpu", 3),
        ("ray", ("gpus=0.5",), {"device": "cpu"}, "cpu", 1),
    ],
)
def test_a_request_is_fitted_to_who_computes_it(
    executor: str, options: tuple[str, ...], given: dict[str, Any], device: str, threads: object
) -> None:
    fitted = executors.fitting(Request(**given), executors.chosen(executor, options))
    assert fitted.device == device
    assert fitted.elsewhere == (executor != "local")
    assert {"cores": fitted.at_once == 1, "half": fitted.at_once == 2}.get(str(threads), True)


@pytest.mark.parametrize("executor", ["local", "slurm", "ray"])
def test_a_numbered_device_is_refused_where_each_run_sees_its_own_gpu_alone(executor: str) -> None:
    with pytest.raises(UserError, match=r"--device cuda:1 beside --executor-option gpus: .*; write --device cuda"):
        executors.fitting(Request(device="cuda:1"), executors.chosen(executor, ("gpus=1",)))


def test_the_precision_of_listed_gpus_is_theirs_and_has_to_be_written_where_they_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has = {"cuda": "float32", "cuda:0": "float32", "cuda:1": "bf16", "cuda:2": "bf16"}
    monkeypatch.setattr("inbench.joints.device.choose_device", lambda asked: asked)
    monkeypatch.setattr(
        "inbench.joints.device.choose_precision", lambda asked, device: has[device] if asked == "auto" else asked
    )
    asked = {"device": "cuda", "precision": "auto", "threads": 1}
    (one,) = planned(tmp_path / "results", "linear", gpus=(1, 2), **asked)
    assert one.run.precision == "bf16"
    with pytest.raises(UserError, match="the listed GPUs differ"):
        planned(tmp_path / "results", "linear", gpus=(0, 1), **asked)
    (one,) = planned(tmp_path / "results", "linear", gpus=(0, 1), **(asked | {"precision": "float32"}))
    assert one.run.precision == "float32"


def test_jobs_divide_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    for at_once, threads in ((1, 8), (3, 2), (20, 1)):
        (one,) = planned(tmp_path / "results", "mean-fill", threads=None, at_once=at_once)
        assert one.spec["threads"] == threads


def test_what_this_machine_cannot_know_of_a_node_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--precision auto cannot be known here"):
        planned(tmp_path / "results", "mean-fill", device="cuda", precision="auto", elsewhere=True)
    (one,) = planned(tmp_path / "results", "mean-fill", device="cuda", precision="bf16", threads=None, elsewhere=True)
    assert (one.spec["device"], one.spec["threads"]) == ("cuda", 1)
