"""`inbench plugins`: every plugin with where it came from, and what is wrong with those that are broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Told

import inbench
from inbench.joints import hookspecs

WHOLE = """
class Grey(Base):
    name = "grey"
"""


def test_it_tells_what_is_built_in(command: Callable[..., Told]) -> None:
    told = command("plugins")
    assert told.code == 0
    assert told.out.startswith(f"inbench {inbench.__version__}, version {hookspecs.API} of the hooks\n\nbuilt in:\n")
    lines = {line.split("  ")[1]: line for line in told.out.splitlines() if line.startswith("  ")}
    assert set(lines) >= {"methods", "data sets", "masks", "metrics"}
    assert "dense-gan" in lines["methods"]
    assert "celeba" in lines["data sets"]


def test_a_file_is_told_with_what_it_brings(command: Callable[..., Told], plugin: Callable[..., str]) -> None:
    file = plugin(WHOLE)
    told = command("plugins", "--plugin", file)
    assert told.code == 0
    assert told.out.endswith(f"\n{file}:\n  methods    grey\n")
    entry = json.loads(command("plugins", "--plugin", file, "--json").out)["plugins"][-1]
    assert entry == {
        "name": "trial",
        "origin": file,
        "version": "",
        "status": "ok",
        "brings": {"methods": ["grey"]},
        "observes": False,
        "faults": [],
    }


def test_a_broken_one_is_told_with_its_line_and_the_exit_code_says_so(command: Callable[..., Told], tmp_path: Path) -> None:
    file = tmp_path / "torn.py"
    file.write_text("import inbench\nimport no_such_library\n")
    told = command("plugins", "--plugin", str(file))
    assert told.code == 1
    assert f"broken: {file}: ModuleNotFoundError: No module named 'no_such_library'; install it" in told.out
    assert told.out.endswith(f"({file}:2)\n")
    (entry,) = (one for one in json.loads(command("plugins", "--plugin", str(file), "--json").out)["plugins"] if one["faults"])
    assert entry["status"] == "broken"
    assert entry["faults"][0]["where"] == f"{file}:2"


def test_one_that_lacks_a_library_is_not_broken(command: Callable[..., Told], tmp_path: Path) -> None:
    file = tmp_path / "poor.py"
    file.write_text("import inbench\nraise inbench.Unavailable('type: pip install rich')\n")
    told = command("plugins", "--plugin", str(file))
    assert told.code == 0
    assert told.out.endswith(f"unavailable: {file}: type: pip install rich ({file}:2)\n")


@pytest.mark.parametrize("asked", ["plugins", "list"])
def test_a_name_that_commands_a_terminal_is_made_harmless(asked: str, command: Callable[..., Told], tmp_path: Path) -> None:
    file = tmp_path / "bell.py"
    file.write_text("raise RuntimeError('\\x1b[2J')\n")
    assert "\x1b" not in command(asked, "--plugin", str(file)).out
