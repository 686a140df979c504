"""The short form of the fault campaign: one of each kind, in real processes; the long one is `python -m tests.faults`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import driving
import filling
import fuzzing
import hosting
import killing
import page
import plugins
import pytest
import sharing

TARGETS = fuzzing.targets()


def quiet(_: str) -> None:
    """Reports go nowhere."""


def test_a_run_that_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    measured = {"kills": killing.campaign(tmp_path, 1, phases=["writing a checkpoint"], report=quiet)}
    assert page.faults(measured) == []


def test_hostile_plugins_do_no_harm_to_others(tmp_path: Path) -> None:
    names = ["segfault", "leaves-at-once", "forks"]
    measured = {"plugins": hosting.campaign(tmp_path, names, report=quiet)}
    assert page.faults(measured) == []


def test_seventeen_hostile_plugins_are_in_the_campaign() -> None:
    assert len(plugins.HOSTILE) == len(plugins.BY_NAME) == 17


def test_two_commands_at_once_compute_each_run_once(tmp_path: Path) -> None:
    measured = {"sharing": sharing.campaign(tmp_path, 2, 2)}
    assert page.faults(measured) == []


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    measured = {"full": filling.campaign(tmp_path, (8,))}
    if "rows" not in measured["full"]:
        pytest.skip(f"no small file system can be mounted here: {measured['full']['reason']}")
    assert page.faults(measured) == []
    assert measured["full"]["full"] == 1


def test_sixty_malformed_inputs_and_more_end_in_one_sentence(tmp_path: Path) -> None:
    measured = {"malformed": fuzzing.malformed(tmp_path)}
    assert measured["malformed"]["inputs"] >= 60
    assert page.faults(measured) == []


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_of_damaged_input_says_one_sentence(name: str, tmp_path: Path) -> None:
    assert fuzzing.fuzz(name, TARGETS[name], tmp_path, examples=25, seed=1) >= 25


def test_a_reader_that_writes_elsewhere_is_noticed(tmp_path: Path) -> None:
    def read(folder: Path, data: bytes) -> None:
        (tmp_path / "elsewhere").write_bytes(data)

    (tmp_path / "here").mkdir()
    fault = fuzzing.fault_of(fuzzing.Target(b"", read), b"", tmp_path / "here")
    assert fault.startswith("wrote outside of its folder: open ")


def interrupted(folder: Path, number: int, times: int, **options: Any) -> tuple[int, str, float]:
    """A command that is signalled while its run trains: exit code, what it said, how long it then took."""
    (plugin, *_) = plugins.written(folder / "plugins", [])
    words = driving.run(folder / "results", plugin, "steady", "--budget", "smoke[steps=400,batch=4]")
    process = driving.start(words, env=driving.environment(folder, SLOW="0.1"), **options)
    heartbeat = "runs/.partial/steady-*/heartbeat.json"
    while not any(json.loads(file.read_text())["done"] > 2 for file in (folder / "results").glob(heartbeat)):
        assert process.poll() is None
        time.sleep(0.05)
    began = time.monotonic()
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.1)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said, time.monotonic() - began


def ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_an_interrupt_is_heeded_where_a_shell_had_it_ignored(tmp_path: Path) -> None:
    """As `inbench run &` in a script."""
    code, said, _ = interrupted(tmp_path, signal.SIGINT, 1, preexec_fn=ignore_interrupts)
    assert (code, "Traceback" in said) == (130, False)
    assert list((tmp_path / "results").rglob("checkpoint.pt"))


def test_a_second_terminate_does_not_cost_the_checkpoint(tmp_path: Path) -> None:
    code, said, _ = interrupted(tmp_path, signal.SIGTERM, 3)
    assert (code, "Traceback" in said) == (130, False)
    assert list((tmp_path / "results").rglob("checkpoint.pt"))


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    plugin = plugins.written(tmp_path / "plugins", ["ignores-sigterm"])[1]
    words = driving.run(tmp_path / "results", plugin, "ignores-sigterm", "--budget", "smoke[steps=4,batch=4]")
    process = driving.start(words, env=driving.environment(tmp_path))
    while not (workers := driving.workers_of(process.pid)) or not _ignores(workers[0]):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - began < 3) == (130, True)
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0], 0)


def _ignores(pid: int) -> bool:
    """Whether a process ignores SIGTERM."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    mask = next(line.split()[1] for line in told.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))


def test_the_page_is_that_of_the_committed_measurements() -> None:
    text = page.PAGE.read_text()
    assert text == page.written(json.loads(page.MEASURED.read_text()), text)


def test_the_committed_campaign_reached_what_it_had_to() -> None:
    measured = json.loads(page.MEASURED.read_text())
    assert measured.keys() == {"kills", "plugins", "sharing", "full", "malformed", "fuzz"}
    assert page.faults(measured) == []


def test_the_long_form_is_one_command() -> None:
    done = subprocess.run(
        [*driving.command()[:1], "-m", "tests.faults", "--help"], cwd=driving.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "kills" in done.stdout) == (0, True)
