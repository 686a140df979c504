"""The executor `local`: several runs at a time, stopped together, each on a GPU of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SLOW, Child, planned, workers

from inbench.runs.local import Local
from inbench.runs.runner import Limits
from inbench.words import records
from inbench.words.errors import Interrupted, UserError
from inbench.words.planned import Planned

Write = Callable[..., str]


def test_two_runs_at_a_time_are_stopped_together_and_keep_their_checkpoints(
    plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW", "0.05")
    found = planned(tmp_path / "results", "slow", plugins=[plugin(SLOW)], seeds="0,1,2", budget="smoke[steps=2000,batch=4]")
    learning: set[str] = set()

    def stop_when_two_learn(one: Planned, beat: dict[str, Any]) -> None:
        if beat.get("phase") == "training" and beat["done"] > 2:
            learning.add(one.run.name)
        if len(learning) == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        Local({}, 2).execute(found, show=stop_when_two_learn, limits=Limits())
    partial = tmp_path / "results" / "runs" / ".partial"
    assert {file.parent.name for file in partial.glob("*/checkpoint.pt")} == learning
    assert len(list(records.unfinished(tmp_path / "results"))) == 2
    assert not list(partial.glob("*.claim.*"))


@pytest.mark.parametrize(
    ("outer", "listed", "given"),
    [(None, "4,7", ["4", "7"]), ("2,3", "0,1", ["2", "3"]), ("GPU-a1,MIG-b2", "1,0", ["MIG-b2", "GPU-a1"])],
)
def test_each_run_has_one_of_the_listed_gpus(
    outer: str | None, listed: str, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if outer is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", outer)
    seen: list[str | None] = []

    class Noted(Child):
        """A worker in this process that says which GPU it was given; it is at work for one look more than it needs."""

        def __init__(self, command: list[str], **options: Any) -> None:
            seen.append(options["env"].get("CUDA_VISIBLE_DEVICES"))
            super().__init__(command, **options)
            self.looks = 0

        def poll(self) -> int | None:  # type: ignore[override]
            self.looks += 1
            return self.returncode if self.looks > 1 else None

    found = planned(tmp_path / "results", "mean-fill,nearest,linear")
    with workers(Noted):
        Local({"gpus": listed}, None).execute(found, show=lambda *_: None, limits=Limits())
    assert [one.state for one in found] == ["done"] * 3
    assert (seen[:2], seen[2] in given) == (given, True)


def test_a_gpu_that_an_allocation_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    with pytest.raises(UserError, match=r"no GPU 2 among the 2 of CUDA_VISIBLE_DEVICES=2,3; they are counted from 0"):
        Local({"gpus": "0,2"}, None)
