"""The package as it is installed: two mapped folders, a file dropped in is seen, nothing undeclared is imported."""

from __future__ import annotations

import ast
import importlib
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import inbench
from inbench.joints import registry

ROOT = Path(inbench.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAPPED = {"inbench_methods": "methods", "inbench_datasets": "datasets"}
DISTRIBUTION_OF = {
    "skimage": "scikit-image",
    "markupsafe": "jinja2",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "pytest_benchmark": "pytest-benchmark",
}

NEW = """
import inbench

class Grey(inbench.Method):
    name, summary, paper, licence = "grey", "mid grey", "none", "none"

    def inpaint(self, seen, hole, seed):
        return seen * 0 + 0.5

@inbench.hookimpl
def inbench_methods():
    return [Grey]
"""


def test_the_plugin_folders_are_mapped_to_packages() -> None:
    tools = PROJECT["tool"]["setuptools"]
    assert tools["package-dir"] == MAPPED
    floors = {f"inbench.{file.parent.name}" for file in (ROOT / "inbench").glob("*/__init__.py")}
    assert set(tools["packages"]) == {"inbench", *floors, *MAPPED}


@pytest.mark.parametrize(("package", "folder"), MAPPED.items())
def test_a_mapped_package_is_its_folder(package: str, folder: str) -> None:
    first, *_ = importlib.import_module(package).__path__  # an editable installation adds a hook
    assert Path(first) == ROOT / folder


@pytest.mark.parametrize(("package", "folder"), MAPPED.items())
def test_every_file_in_a_plugin_folder_brings_a_plugin(package: str, folder: str) -> None:
    kind = folder.removesuffix("s")
    origins = {plugin.origin for plugin in registry.load().plugins[kind].values()}
    assert origins == {f"{package}.{file.stem}" for file in (ROOT / folder).glob("*.py")}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of methods/ in its place, for a registry that has not looked yet."""
    folder = tmp_path / "methods"
    shutil.copytree(ROOT / "methods", folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(importlib.import_module("inbench_methods"), "__path__", [str(folder)])
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return folder


def test_a_file_dropped_into_methods_is_seen(copied: Path) -> None:
    (copied / "grey.py").write_text(NEW)
    found = registry.load()
    assert found.get("method", "grey").origin == "inbench_methods.grey"
    assert {"mean-fill", "dense-gan"} < set(found.names("method"))


def test_a_broken_file_dropped_into_methods_is_listed_and_the_others_work(copied: Path) -> None:
    (copied / "grey.py").write_text(NEW + "\n1 / 0\n")
    found = registry.load()
    assert [(fault.name, fault.where) for fault in found.faults] == [("grey", f"{copied / 'grey.py'}:{NEW.count(chr(10)) + 2}")]
    assert "mean-fill" in found.names("method")


def test_our_datasets_folder_hides_no_other_package() -> None:
    """Hugging Face's `datasets` is a package of that name; ours is a plain folder, so Python prefers theirs."""
    assert not (ROOT / "datasets" / "__init__.py").exists()
    assert "datasets" not in PROJECT["tool"]["setuptools"]["packages"]


def test_the_types_are_shipped() -> None:
    assert (ROOT / "inbench" / "py.typed").is_file()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["inbench"]


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "inbench.__version__"}
    assert metadata.version("inbench") == inbench.__version__


def test_the_command_is_installed() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="inbench")
    assert script.value == PROJECT["project"]["scripts"]["inbench"] == "inbench.commands.cli:main"


def test_everything_that_is_imported_is_declared() -> None:
    told = PROJECT["project"]
    extras = [word for name, words in told["optional-dependencies"].items() if name != "test" for word in words]
    declared = {word.partition(">=")[0] for word in told["dependencies"] + extras}
    used: set[str] = set()
    for folder in ("inbench", *MAPPED.values()):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                used |= {name.partition(".")[0] for name in names}
    third_party = used - set(sys.stdlib_module_names) - {"inbench"}
    assert {DISTRIBUTION_OF.get(name, name) for name in third_party} == declared
