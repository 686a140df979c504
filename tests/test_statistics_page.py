"""The page on statistics: every command on it does what it says."""

import shlex
from pathlib import Path

import pytest
from test_tables import floor, lay

PAGE = (Path(__file__).parents[1] / "docs" / "statistics.md").read_text(encoding="utf-8")
COMMANDS = [line.partition("#")[0].strip() for line in PAGE.split("```")[1].strip().splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_works(line, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    floor(tmp_path / "results")
    lay(tmp_path / "results", "nearest", labels={"dataset": "drawn-faces"})
    lay(tmp_path / "results", "nearest")
    lay(tmp_path / "results", "nearest", labels={"dataset": "faces[train=500]"}, run={"data": "fewer"})
    lay(tmp_path / "results", "mean-fill")
    program, *words = shlex.split(line)
    told = command(*words)
    assert program == "inbench"
    assert told.code == 0, told.err
    assert told.out.startswith("**")
