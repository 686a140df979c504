"""The short form of the campaign on engines, on a real Slurm and a real Ray where installed; `make scale` is the long one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import campaign
import layout
import pytest
import ray_machine
import scale_page
import slurm_machine
from conftest import TINY, Child, Told, workers
from slurm_machine import Slurm

Command = Callable[..., Told]
needs_slurm = pytest.mark.skipif(bool(slurm_machine.lacking()), reason=slurm_machine.lacking())
needs_ray = pytest.mark.skipif(bool(ray_machine.lacking()), reason=ray_machine.lacking())


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm_machine.slurm(tmp_path_factory.mktemp("slurm")) as found:
        yield found


@pytest.fixture
def slurm(machine: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """A Slurm that the commands of this process reach."""
    monkeypatch.setenv("SLURM_CONF", machine.environment["SLURM_CONF"])
    return machine


def words(results: Path, *more: str, **given: str) -> list[str]:
    asked = {**TINY, "methods": "mean-fill", "results": results, "executor": "slurm", **given}
    return ["run", *(word for name, value in asked.items() for word in (f"--{name}", str(value))), *more]


def option(text: str) -> list[str]:
    return ["--executor-option", text]


@needs_slurm
def test_slurm_computes_the_same_bits_and_a_second_command_attaches(command: Command, slurm: Slurm, tmp_path: Path) -> None:
    given = {"methods": "mean-fill,autoencoder[bottleneck=16,width=8]"}
    with workers(Child):
        assert command(*words(tmp_path / "here", **{**given, "executor": "local"})).code == 0
    there = tmp_path / "there"
    told = command(*words(there, *option("memory=600M"), *option("wait=false"), **given))
    assert (told.code, "2 of 2 runs are with the engine" in told.err) == (0, True)
    sent = [path.name for path in (there / "runs" / ".submitted").iterdir()]
    counts = json.loads(command("status", "--results", str(there), "--json", "--executor", "slurm").out)["counts"]
    assert sum(counts.values()) == 2
    assert counts.get("lost", 0) + counts.get("interrupted", 0) == 0
    told = command(*words(there, **given))
    assert told.code == 0
    assert len(sent) == 1
    assert not list((there / "runs" / ".submitted").iterdir())
    assert len({line.split("_")[0] for line in slurm.said("squeue", "-h", "--array", "--states=all", "-o", "%i").split()}) == 1
    for path in (tmp_path / "here" / "runs").glob("[!.]*"):
        assert campaign.driving.numbers(path) == campaign.driving.numbers(there / "runs" / path.name)


@needs_slurm
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("partition=nope", "there are the partitions closed, debug"),
        ("memory=1T", "sbatch says: "),
        ("sbatch=--no-such-option", "unrecognized option"),
        ("time=soon", "Invalid --time specification"),
    ],
)
def test_what_slurm_refuses_is_one_sentence_and_nothing_is_left(
    given: str, said: str, command: Command, slurm: Slurm, tmp_path: Path
) -> None:
    told = command(*words(tmp_path / "results", *option(given)))
    assert (told.code, said in told.err) == (2, True), told.err
    assert "Traceback" not in told.err
    assert not list((tmp_path / "results").rglob("*.json*"))


@needs_slurm
def test_a_slurm_that_does_not_answer_is_one_sentence(
    command: Command, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "slurm.conf"
    told = slurm.conf.read_text().splitlines()
    port = f"SlurmctldPort={slurm_machine.free_port()}"
    conf.write_text("\n".join([port if line.startswith("SlurmctldPort") else line for line in told] + ["MessageTimeout=2", ""]))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    said = command(*words(tmp_path / "results"))
    assert said.code == 2
    assert "Unable to contact slurm controller" in said.err


@needs_slurm
def test_a_node_that_does_not_see_the_results_is_one_sentence_and_nothing_is_lost(
    command: Command, slurm: Slurm, tmp_path: Path
) -> None:
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a node cannot be shut out from a folder here: unshare -m is refused")
    results = tmp_path / "results"
    results.mkdir()
    slurm.kill("slurmd")
    slurm.start_node("unshare", "-m", "/bin/sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(results))
    try:
        told = command(*words(results))
    finally:
        slurm.kill("slurmd")
        slurm.start_node()
    assert told.code == 1
    assert f"a node of slurm does not see the results folder {results}" in told.err
    assert command(*words(results)).code == 0


@needs_ray
def test_ray_computes_the_same_bits_and_what_no_node_has_is_refused(tmp_path: Path) -> None:
    wanted = campaign.here(tmp_path, 1, "watched")
    with ray_machine.ray_cluster(nodes=1) as cluster:
        told = campaign.same(tmp_path, cluster, 1, wanted, "watched")
        trial = campaign.Trial(tmp_path, cluster)
        refused = trial.finish(trial.run("refused", 1, "--threads", "500", methods="watched"))
    assert (refused.returncode, "no node has 500 CPUs" in refused.stderr) == (2, True), refused.stderr
    assert scale_page.faults({"ray: same": told}) == []


def test_many_records_are_counted(tmp_path: Path) -> None:
    (row,) = layout.measured(tmp_path, [50], count_calls=False)
    assert scale_page.faults({"layout": {"rows": [row]}}) == []


def test_the_page_is_that_of_the_committed_measurements() -> None:
    text = scale_page.PAGE.read_text()
    assert text == scale_page.written(json.loads(scale_page.MEASURED.read_text()), text)


def test_the_committed_campaign_reached_what_it_had_to() -> None:
    measured = json.loads(scale_page.MEASURED.read_text())
    engines = ("slurm", "ray")
    assert measured.keys() >= {
        "layout",
        "slurm: many",
        *(f"{name}: {part}" for name in engines for part in ("same", "latency")),
    }
    assert scale_page.faults(measured) == []


def test_the_long_form_is_one_command() -> None:
    root = scale_page.ROOT
    done = subprocess.run(
        [sys.executable, "-m", "tests.scale", "--help"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "slurm" in done.stdout) == (0, True)
