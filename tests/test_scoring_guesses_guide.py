"""The guide: its commands run, in their order, in an empty folder, and come to what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Child, Told, workers

import inbench

GUIDE = Path(inbench.__file__).parent.parent / "docs" / "scoring-guesses.md"
SCRIPTS = ("fill.py", "worst.py")
SMALL = {"export": ["--images", "12", "--size", "32"], "run": ["--size", "32", "--budget", "smoke[test_images=12]"]}
"""What the tests add, so that the same commands take less time."""


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Told]) -> dict[str, str]:
    """What every command of the guide printed."""
    pytest.importorskip("cv2")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    scripts = [text for kind, text in blocks if kind == "python"]
    for name, text in zip(SCRIPTS, scripts, strict=True):
        Path(name).write_text(text, encoding="utf-8")
    printed = {}
    for line in "".join(text for kind, text in blocks if not kind).splitlines():
        program, *words = shlex.split(line)
        if program == "python":
            subprocess.run([sys.executable, *words], check=True)
            continue
        with workers(Child):
            told = command(*words, *SMALL.get(words[0], []))
        assert told.code == 0, told.err
        printed[line] = told.out
    return printed


def test_a_script_that_knows_nothing_of_inbench_has_the_row_of_the_method_to_the_last_digit(guided: dict[str, str]) -> None:
    assert len(guided) == 8
    rows = {row["method"]: row for row in json.loads(guided["inbench tables --json"])["rows"]}
    assert rows["opencv-ns"]["metrics"] == rows["navier-stokes"]["metrics"]
    assert rows["opencv-ns"]["metrics"]["worst"]["n"] == 12
    assert rows["opencv-ns"]["external"]["licence"] == "Apache-2.0"
    assert "| opencv-ns § " in guided["inbench tables"]
    ours, theirs = (guided[f"inbench conventions {what}"] for what in ("navier-stokes", "guesses --export to-fill"))
    assert ours.split("\n", 1)[1] == theirs.split("\n", 1)[1]
    csv = {path.parent.parent.name.rsplit("-", 1)[0]: path.read_bytes() for path in Path("results/runs").glob("*/scores/*.csv")}
    assert csv["opencv-ns"] == csv["navier-stokes"]
