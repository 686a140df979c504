"""The example distribution: built, installed with the wheel of inbench in an environment of its own, shown, checked and run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from test_plugin_guide import AFTER, INSTALL, LINES, ROOT, SMALL

from inbench.commands import scaffold

EXAMPLE = ROOT / "examples" / "inbench-tiny-net"
MOST_LINES = 40
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "results", "tests")


def test_the_example_is_what_new_writes() -> None:
    texts, _ = scaffold.distribution("method", "tiny-net", EXAMPLE.parent)
    assert {file: file.read_text(encoding="utf-8") for file in texts} == texts
    assert LINES[INSTALL - 1] == "inbench new method tiny-net --package"


def test_the_example_is_short() -> None:
    (plugin,) = (EXAMPLE / "src").rglob("*.py")
    assert len([line for line in plugin.read_text(encoding="utf-8").splitlines() if line.strip()]) < MOST_LINES


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the two wheels; its other libraries are those of this one."""
    top = tmp_path_factory.mktemp("apart")
    pip, quiet = [sys.executable, "-m", "pip"], ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    sources = [shutil.copytree(source, top / source.name, ignore=LEFT_OUT) for source in (ROOT, EXAMPLE)]
    wheels = [*pip, "wheel", *quiet, "--no-build-isolation", "--wheel-dir", str(top / "wheels"), *map(str, sources)]
    subprocess.run(wheels, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top / "venv")], check=True)
    (site,) = (top / "venv" / "lib").glob("*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    built = map(str, (top / "wheels").iterdir())
    subprocess.run([*pip, "--python", str(top / "venv" / "bin" / "python"), "install", *quiet, *built], check=True)
    return top / "venv" / "bin"


def test_the_wheel_holds_what_new_writes_from(apart: Path) -> None:
    (wheel,) = (apart.parents[1] / "wheels").glob("inbench-[0-9]*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {f"inbench/commands/templates/{file.name}" for file in scaffold.TEMPLATES.glob("*.*")} <= held


def test_the_guide_s_commands_show_check_and_run_it(apart: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = [
        apart / "python",
        "-c",
        "import inbench, inbench_tiny_net as ours; print(inbench.__file__, ours.__file__, sep='\\n')",
    ]
    found = subprocess.run(where, cwd=tmp_path, env=alone, capture_output=True, text=True, check=True).stdout.splitlines()
    assert all(Path(file).is_relative_to(apart.parent) for file in found), found
    said = {}
    for line in AFTER:
        program, *words = shlex.split(line)
        words += SMALL if words[0] == "run" else []
        done = subprocess.run(
            [apart / program, *words, "--json"], cwd=tmp_path, env=alone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said[words[0]] = json.loads(done.stdout)
    (entry,) = (one for one in said["plugins"]["plugins"] if one["name"] == "tiny-net")
    assert (entry["origin"], entry["version"], entry["status"]) == ("inbench-tiny-net: inbench_tiny_net", "0.1.0", "ok")
    assert entry["brings"] == {"methods": ["tiny-net"]}
    assert [(row["method"], row["status"]) for row in said["run"]["rows"]] == [("mean-fill", "ok"), ("tiny-net", "ok")]
    (record,) = (tmp_path / "results" / "runs").glob("tiny-net-*/run.json")
    assert json.loads(record.read_text())["provenance"]["version"] == "0.1.0"
