"""Submissions: what is handed to an engine, whole or not at all, and what a node does with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import planned

from inbench.joints import submissions
from inbench.runs.runner import Limits


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = planned(tmp_path / "results", "mean-fill,linear")
    found[1].written = "2026-01-01"
    written = submissions.write("slurm", Limits(5.0, 2**30), found)
    (read,) = submissions.all_of(tmp_path / "results", "slurm")
    assert read == written
    assert submissions.all_of(tmp_path / "results", "ray") == []
    assert (read.names, read.limits) == (tuple(one.run.name for one in found), {"seconds": 5.0, "memory": 2**30})
    assert [read.run(at) for at in range(2)] == found
    read.forget()
    assert submissions.all_of(tmp_path / "results") == []


def test_what_is_damaged_is_not_read(tmp_path: Path) -> None:
    written = submissions.write("slurm", Limits(), planned(tmp_path / "results", "mean-fill"))
    (written.folder / "runs.jsonl").write_text("{")
    with pytest.raises(ValueError, match="no run 0"):
        written.run(0)
    (written.folder / "about.json").write_text('{"executor": "slurm", "names": 3}')
    assert submissions.all_of(tmp_path / "results") == []


def test_a_node_that_does_not_see_it_ends_with_a_code_of_its_own(tmp_path: Path) -> None:
    written = submissions.write("slurm", Limits(), planned(tmp_path / "results", "mean-fill"))
    words = [*written.words(), "0"]
    written.forget()
    assert subprocess.run(words, check=False).returncode == submissions.NOT_VISIBLE
    assert not written.folder.exists()
