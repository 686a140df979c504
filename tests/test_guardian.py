"""The guardian: on a node, a run is brought to its end as `inbench run` does it, with nobody above but the engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SLOW, carry_out, no_child, planned, workers

from inbench.joints import submissions
from inbench.joints.claims import Claims
from inbench.joints.submissions import Submission
from inbench.runs import guardian
from inbench.runs.runner import Limits
from inbench.words import records

Write = Callable[..., str]


def submitted(results: Path, methods: str, **options: Any) -> Submission:
    return submissions.write("slurm", Limits(), planned(results, methods, **options))


@pytest.mark.usefixtures("here")
def test_a_run_is_computed_and_recorded(tmp_path: Path) -> None:
    given = submitted(tmp_path / "results", "mean-fill,linear")
    assert guardian.main([str(given.folder), "1"]) == 0
    assert [record.name for record in records.all_of(tmp_path / "results")] == [given.names[1]]
    with workers(no_child):  # as after a requeue
        assert guardian.main([str(given.folder), "1"]) == 0


@pytest.mark.usefixtures("here")
def test_a_run_that_fails_is_a_record_and_exit_code_1(plugin: Write, tmp_path: Path) -> None:
    file = plugin(
        "class Breaks(Base):\n    name = 'breaks'\n    def inpaint(self, seen, hole, seed):\n        raise ValueError\n"
    )
    given = submitted(tmp_path / "results", "breaks", plugins=[file])
    assert guardian.main([str(given.folder), "0"]) == 1


def test_data_that_the_node_does_not_see_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = planned(tmp_path / "results", "mean-fill")
    one.spec["data"] = str(tmp_path / "elsewhere")
    given = submissions.write("slurm", Limits(), [one])
    assert guardian.main([str(given.folder), "0"]) == submissions.NOT_VISIBLE
    assert "name a shared folder with --data DIR" in capsys.readouterr().err
    assert records.all_of(tmp_path / "results") == []


@pytest.mark.usefixtures("here")
def test_a_run_that_somebody_has_is_waited_for_and_not_computed_again(tmp_path: Path) -> None:
    """A task that was requeued while the node that had it still works."""
    carry_out(planned(tmp_path / "theirs", "mean-fill"))
    given = submitted(tmp_path / "results", "mean-fill")
    runs, code = tmp_path / "results" / "runs", list[int]()
    claim = Claims(runs / ".partial").take(given.names[0])
    assert claim is not None
    waiting = threading.Thread(target=lambda: code.append(guardian.bring_to_its_end(given.run(0), Limits())))
    with workers(no_child):
        waiting.start()
        time.sleep(0.7)
        assert waiting.is_alive()
        shutil.copytree(tmp_path / "theirs" / "runs" / given.names[0], runs / given.names[0])
        claim.release()
        waiting.join(20)
    assert code == [0]


def test_a_guardian_whose_engine_is_gone_stops_with_a_checkpoint(
    plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW", "0.05")
    given = submitted(tmp_path / "results", "slow", plugins=[plugin(SLOW)], budget="smoke[steps=2000,batch=4]")
    partial = tmp_path / "results" / "runs" / ".partial"
    beat = partial / given.names[0] / "heartbeat.json"
    engine = subprocess.Popen(["/bin/sh", "-c", '"$@" & wait', "engine", *given.words(), "0"])
    for _ in range(1200):
        if beat.is_file() and '"training"' in beat.read_text():
            break
        time.sleep(0.05)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    for _ in range(1200):  # its last act, on however busy a machine
        if "stopped; what it had is kept" in given.log(0).read_text():
            break
        time.sleep(0.05)
    assert "stopped; what it had is kept" in given.log(0).read_text()
    assert (beat.parent / "checkpoint.pt").is_file()
    assert not list(partial.glob("*.claim.*"))
    monkeypatch.setenv("SLOW", "0")
    assert [one.state for one in planned(tmp_path / "results", "slow", plugins=[str(tmp_path / "trial.py")],
                                         budget="smoke[steps=2000,batch=4]")] == ["interrupted"]  # fmt: skip
