"""Claims: one owner a run, whoever asks and however the last one ended."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inbench.joints import claims
from inbench.joints.claims import Claims

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def written(folder: Path, *, place: str, processes: dict[str, str], number: int = 1) -> Path:
    """Somebody's claim."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"run-0.claim.{number}"
    file.write_text(json.dumps({"place": place, "processes": processes, "token": "0"}))
    return file


def test_one_of_two_has_it_and_the_other_after_it(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    claim = first.take("run-0")
    assert claim is not None
    assert second.take("run-0") is None
    assert second.held("run-0")
    claim.release()
    assert not second.held("run-0")
    again = second.take("run-0")
    assert again is not None
    again.release()
    assert list(tmp_path.iterdir()) == []


def race(folder: str, barrier: object, taken: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    claim = Claims(Path(folder)).take("run-0")
    taken.put(claim is not None)  # type: ignore[attr-defined]
    barrier.wait()  # type: ignore[attr-defined]


def test_of_many_at_the_same_moment_at_most_one_has_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for turn in range(2):
        barrier, taken = context.Barrier(4), context.Queue()
        racing = [context.Process(target=race, args=(str(tmp_path / str(turn)), barrier, taken)) for _ in range(4)]
        for process in racing:
            process.start()
        assert sum(taken.get(timeout=30) for _ in racing) <= 1
        for process in racing:
            process.join()


def test_the_claim_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as child:
        file = written(tmp_path, place=claims.place(), processes={str(child.pid): claims.began(child.pid)})
        assert Claims(tmp_path).take("run-0") is None
        child.kill()
    claim = Claims(tmp_path).take("run-0")
    assert claim is not None
    assert not file.exists()
    claim.release()


def test_a_process_of_the_same_number_is_not_the_same_process(tmp_path: Path) -> None:
    written(tmp_path, place=claims.place(), processes={str(os.getpid()): "1"})
    claim = Claims(tmp_path).take("run-0")
    assert claim is not None
    claim.release()


def test_another_machines_claim_is_taken_over_when_it_has_been_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, place="elsewhere", processes={"1": "1"})
    monkeypatch.setattr(claims, "SILENT_SECONDS", 0.3)
    waiting = Claims(tmp_path)
    for _ in range(4):  # it beats
        os.utime(file)
        assert waiting.take("run-0") is None
        time.sleep(0.2)
    time.sleep(0.3)
    claim = waiting.take("run-0")
    assert claim is not None
    claim.release()


def test_who_was_silent_sees_that_it_has_lost(tmp_path: Path) -> None:
    claim = Claims(tmp_path).take("run-0")
    assert claim is not None
    assert claim.check()
    written(tmp_path, place="elsewhere", processes={}, number=2)
    assert not claim.check()
    assert claim.lost.is_set()
    claim.release()
    assert (tmp_path / "run-0.claim.2").exists()


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    claim = Claims(tmp_path).take("run-0")
    assert claim is not None
    assert Claims(tmp_path).take("run-0") is None
    claim.release()


def test_a_claim_tells_no_name_of_a_machine(tmp_path: Path) -> None:
    claim = Claims(tmp_path).take("run-0")
    assert claim is not None
    assert os.uname().nodename not in claim.file.read_text()
    claim.release()


def test_a_process_that_nobody_here_started_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim is a file in a shared folder: whoever writes it must not choose whom we kill."""
    monkeypatch.setattr(claims, "SILENT_SECONDS", 0.0)
    with subprocess.Popen(SLEEP, start_new_session=True) as child:
        written(tmp_path, place=claims.place(), processes={str(child.pid): claims.began(child.pid)})
        waiting = Claims(tmp_path)
        waiting.take("run-0")
        claim = waiting.take("run-0")
        assert claim is not None
        claim.release()
        assert child.poll() is None
        child.kill()


def test_a_full_disk_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, text: str) -> None:
        file.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        Claims(tmp_path).take("run-0")
    assert list(tmp_path.iterdir()) == []
