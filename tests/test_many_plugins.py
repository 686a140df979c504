"""Two hundred installed plugins cost nothing where none is asked for, and less than a millisecond each where all are listed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from inbench.commands import cli, scaffold
from inbench.joints import registry

COUNT = 200
MOST_SECONDS = 1e-3
"""Of processor time, for each plugin, beyond its own import."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with as many distributions as pip would have installed there."""
    top = tmp_path_factory.mktemp("site")
    for number in range(COUNT):
        name, module = f"many-{number}", f"inbench_many_{number}"
        (top / module).mkdir()
        (top / module / "__init__.py").write_text(scaffold.source("method", name))
        told = top / f"{module}-0.1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: inbench-{name}\nVersion: 0.1.0\n")
        (told / "entry_points.txt").write_text(f"[inbench]\n{name} = {module}\n")
    return top


def test_help_looks_at_none_of_them(crowd: Path) -> None:
    """It loads no registry, so that it does not even know that they are there."""
    code = (
        "import sys; from inbench.commands import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "looked = ('inbench_many', 'inbench.joints.registry', 'importlib.metadata', 'torch')\n"
        "print([name for name in sys.modules if name.startswith(looked)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(crowd)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"


def best_of(times: int, act: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        act()
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.usefixtures("capsys")
def test_a_list_of_them_costs_less_than_a_millisecond_each(crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> registry.Registry:
        registry._load.cache_clear()
        assert cli.main(["list"]) == 0
        return registry.load()

    before = len(look().plugins["method"])
    without = best_of(5, look)
    monkeypatch.syspath_prepend(str(crowd))
    found = look()  # the first look imports them
    assert len(found.plugins["method"]) == before + COUNT
    assert found.faults == []
    each = (best_of(5, look) - without) / COUNT
    assert each < MOST_SECONDS, f"{1e3 * each:.2f} ms each"
    registry._load.cache_clear()
    for number in range(COUNT):
        del sys.modules[f"inbench_many_{number}"]
