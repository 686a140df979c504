"""The short form of the fault campaign: one of each kind, in real processes; the long one is `python -m tests.faults`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
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
import tally

TARGETS = fuzzing.targets()


def quiet(_: str) -> None:
    """Reports go nowhere."""


def test_a_run_that_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    measured = {"kills": killing.campaign(tmp_path, 1, phases=["writing a checkpoint"], report=quiet)}
    assert tally.faults(measured) == []


def test_hostile_plugins_do_no_harm_to_others(tmp_path: Path) -> None:
    names = ["segfault", "leaves-at-once", "forks"]
    measured = {"plugins": hosting.campaign(tmp_path, names, report=quiet)}
    assert tally.faults(measured) == []


def test_seventeen_hostile_plugins_are_in_the_campaign() -> None:
    assert len(plugins.HOSTILE) == len(plugins.BY_NAME) == 17


def test_two_commands_at_once_compute_each_run_once(tmp_path: Path) -> None:
    measured = {"sharing": sharing.campaign(tmp_path, 2, 2)}
    assert tally.faults(measured) == []


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    measured = {"full": filling.campaign(tmp_path, (8,))}
    if "rows" not in measured["full"]:
        pytest.skip(f"no small file system can be mounted here: {measured['full']['reason']}")
    assert tally.faults(measured) == []
    assert measured["full"]["full"] == 1


def test_sixty_malformed_inputs_and_more_end_in_one_sentence(tmp_path: Path) -> None:
    measured = {"malformed": fuzzing.malformed(tmp_path)}
    assert measured["malformed"]["inputs"] >= 60
    assert tally.faults(measured) == []


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
    assert (process.returncode, time.monotonic() - began < 8) == (130, True)  # waiting for its end takes 20
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


GREEN = {"kills": 50, "same bits": 50, "finished runs lost": 0, "half files": 0}


def days(kept: tally.Tally) -> int:
    return len(kept.measured["kills"]["green"])


def test_the_long_form_is_counted_until_it_fails(tmp_path: Path) -> None:
    kept = tally.Tally(tmp_path / "tally.json")
    kept.keep("kills", GREEN)
    kept.keep("kills", GREEN)
    assert days(kept) == 2
    kept.keep("kills", {**GREEN, "kills": 8, "same bits": 8})
    assert (days(kept), tally.form("kills", kept.measured["kills"])) == (2, "short: 8 of 50 kills")
    kept.keep("kills", {**GREEN, "same bits": 49})
    assert days(kept) == 0


def test_the_whole_is_green_where_every_part_was_on_one_commit() -> None:
    def measured(last: list[str], twice: Sequence[str] = ("1 at other", "2 at this", "3 at this")) -> dict[str, Any]:
        parts = {part: {"green": twice} for part in tally.PARTS if part != "fuzz"}
        return {**parts, "fuzz": {"targets": [{"green": twice}, {"green": last}]}}

    assert tally.whole(measured(["2 at this", "3 at this"])) == (2, "this")
    assert tally.whole(measured(["2 at other", "3 at this"])) == (1, "this")
    assert tally.whole(measured(["2 at this", "3 at other"])) == (0, "")
    assert tally.whole(measured([])) == tally.whole({}) == tally.whole(measured(["3"])) == (0, "")
    assert tally.whole(measured(["3 at this with changes"], ["3 at this with changes"])) == (0, "")


def test_each_reader_is_counted_by_itself(tmp_path: Path) -> None:
    kept = tally.Tally(tmp_path / "tally.json")
    row = {"inputs": 9, "minutes": 10.0, "fault": ""}
    for reader, fault in (("one", ""), ("other", ""), ("one", ""), ("other", "a traceback")):
        kept.keep(f"fuzz: {reader}", {**row, "reader": reader, "fault": fault})
    assert [len(row["green"]) for row in kept.measured["fuzz"]["targets"]] == [2, 0]
    assert tally.faults(kept.measured) == ["other"]
    assert "| 0 " in page.tables(kept.measured)


def test_a_campaign_that_was_interrupted_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    file, readers = tmp_path / "tally.json", ["claim", "heartbeat"]
    kept = tally.Tally(file)
    kept.begin(["kills", *(f"fuzz: {reader}" for reader in readers)])
    kept.keep("kills", GREEN)
    words = ["-m", "tests.faults", "--continue", "--jobs", "2", "--minutes", "0.01", "--into", str(file)]
    done = driving.finish([*driving.command()[:1], *words], cwd=driving.ROOT)
    assert done.returncode == 0, done.stdout
    kept = tally.Tally(file)
    assert (kept.left(), days(kept)) == ([], 1)
    assert {row["reader"] for row in kept.measured["fuzz"]["targets"]} == set(readers)
    assert {tally.form("fuzz", row).partition(":")[0] for row in kept.measured["fuzz"]["targets"]} == {"short"}


def test_a_reader_that_kills_its_process_is_a_fault(tmp_path: Path) -> None:
    (row,) = fuzzing.campaign(tmp_path, 0.01, ["no such reader"])
    assert (row["inputs"], "KeyError" in row["fault"]) == (0, True)


def test_a_reader_that_hangs_is_noticed_though_it_takes_system_errors_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: Path, data: bytes) -> None:
        with contextlib.suppress(OSError):
            time.sleep(60)

    monkeypatch.setattr(fuzzing, "HANGS", 1)
    assert "still reading" in fuzzing.fault_of(fuzzing.Target(b"", read), b"", tmp_path)


def test_the_page_is_that_of_the_committed_measurements() -> None:
    text = page.PAGE.read_text()
    assert text == page.written(json.loads(page.MEASURED.read_text()), text)


def test_the_committed_campaign_reached_what_it_had_to_or_says_what_is_left() -> None:
    measured = json.loads(page.MEASURED.read_text())
    left = measured[tally.UNDER_WAY]
    done = [*measured.keys() - {"fuzz"}, *(f"fuzz: {row['reader']}" for row in measured["fuzz"]["targets"])]
    assert {*tally.units((), list(TARGETS))} <= {*done, *left}
    assert all(unit in page.PAGE.read_text() for unit in left)
    assert tally.faults(measured) == []


def test_the_long_form_is_one_command() -> None:
    done = subprocess.run(
        [*driving.command()[:1], "-m", "tests.faults", "--help"], cwd=driving.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "kills" in done.stdout) == (0, True)
