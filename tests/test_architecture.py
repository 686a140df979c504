"""The house: its floors as a table, and that every import goes downhill."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inbench

ROOT = Path(inbench.__file__).parent.parent
FLOORS = ("words", "joints", "acts", "runs", "commands")
"""Folders, from the ground up. Imports go down, or sideways without a circle. The face is as high as the commands."""
WITH_TORCH = {"method", "metric"}
"""Words that say what a tensor is."""
FACE = [
    "Box", "Dataset", "Decoded", "Files", "Mask", "Method", "Metric", "Pictures", "SetMetric", "Split",
    "Unavailable", "UserError", "Warp",
    "adam", "by_budget", "hookimpl", "known_file", "param", "required", "run", "table", "uniform", "unit",
]  # fmt: skip
NAMELESS = {"utils", "util", "common", "core", "misc", "base", "helpers", "tools"}

HOUSE = ROOT / "inbench"
ROOMS = {
    file.stem: file
    for folder in (HOUSE, *(HOUSE / name for name in (*FLOORS, "readers")))
    for file in sorted(folder.glob("*.py"))
    if file.stem != "__init__" or folder == HOUSE
}
READERS = {room for room, file in ROOMS.items() if file.parent.name == "readers"}
"""They stand on the words that need no torch, and on each other; only the face is above them."""
HEIGHT = {
    room: FLOORS.index(file.parent.name) if file.parent != HOUSE else len(FLOORS) - 1
    for room, file in ROOMS.items()
    if room not in READERS
}
PLUGINS = [file for folder in ("methods", "datasets") for file in sorted((ROOT / folder).glob("*.py"))]
FILES = [*ROOMS.values(), *PLUGINS]


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module or member that is imported anywhere, but for what only the type checker sees."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for node in tree.orelse:
            yield from imports(node)
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        yield from (f"{'.' * tree.level}{tree.module or ''}.{alias.name}" for alias in tree.names)
    for node in ast.iter_child_nodes(tree):
        yield from imports(node)


def imported_by(file: Path) -> set[str]:
    return set(imports(ast.parse(file.read_text(encoding="utf-8"))))


def rooms_used(room: str) -> set[str]:
    """The rooms that a room imports; the package's version is no room."""
    found = set()
    for name in imported_by(ROOMS[room]) - {"inbench.__version__"}:
        first, *rest = name.split(".")
        if first == "inbench":
            member = rest[1] if len(rest) > 1 and rest[0] in (*FLOORS, "readers") else rest[0] if rest else ""
            found.add(member if member in ROOMS else "__init__")
    return found


def test_every_room_stands_on_a_floor() -> None:
    folders = {file.parent.name for file in HOUSE.rglob("*.py")} - {"templates"}
    assert folders == {"inbench", "readers", *FLOORS}
    files = [file for file in HOUSE.rglob("*.py") if file.stem != "__init__" and file.parent.name != "templates"]
    assert len(files) == len({file.stem for file in files}) == len(set(ROOMS) - {"__init__"})  # no name stands for two rooms


@pytest.mark.parametrize("room", sorted(HEIGHT))
def test_imports_go_downhill(room: str) -> None:
    for used in rooms_used(room):
        height = HEIGHT["__init__"] if used in READERS else HEIGHT[used]
        assert height <= HEIGHT[room], f"{room} imports {used}, a floor above it"


def test_imports_run_in_no_circle() -> None:
    uses = {room: rooms_used(room) - {"__init__"} for room in ROOMS}
    while free := [room for room, used in uses.items() if not used & uses.keys()]:
        for room in free:
            del uses[room]
    assert uses == {}


@pytest.mark.parametrize("room", sorted(READERS))
def test_a_reader_measures_nothing(room: str) -> None:
    assert rooms_used(room) <= {room for room, height in HEIGHT.items() if height == 0} - WITH_TORCH | READERS
    assert not any(name.partition(".")[0] == "torch" for name in imported_by(ROOMS[room]))


def test_no_import_is_relative() -> None:
    assert not [(file.name, name) for file in FILES for name in imported_by(file) if name.startswith(".")]


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: file.stem)
def test_a_plugin_imports_the_face_alone(file: Path) -> None:
    for name in imported_by(file):
        first, _, rest = name.partition(".")
        assert first not in ("inbench_methods", "inbench_datasets", "methods", "datasets"), f"{name} is another plugin"
        assert first != "inbench" or not rest or rest in FACE, f"{name} is a room, not the face"


UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_unpickled(file: Path) -> None:
    """A file of somebody else's must not run as code: checkpoints, arrays and weights are read as data alone."""
    assert not {name.partition(".")[0] for name in imported_by(file)} & UNSAFE
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            safe = ("weights_only", "True") if ast.unparse(node.func) == "torch.load" else ("allow_pickle", "False")
            assert given.get(safe[0]) == safe[1], f"{file.name}:{node.lineno}"


def test_nothing_imports_a_plugin_by_name() -> None:
    for room, file in ROOMS.items():
        assert not [name for name in imported_by(file) if name.startswith(("inbench_", "methods", "datasets"))], room


def test_nothing_names_a_plugin_but_the_protocol_its_floor() -> None:
    """A name in the code is an import by another road. `linear` is what the protocol calls the floor."""
    names = {file.stem.replace("_", "-") for file in PLUGINS} - {"folder", "drawn-faces"}
    found = {
        (room, node.value)
        for room, file in ROOMS.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert found == {("protocol", "linear")}


def test_the_plugin_folders_are_no_packages() -> None:
    assert not [folder for folder in ("methods", "datasets") if (ROOT / folder / "__init__.py").exists()]


def test_the_face_is_pinned() -> None:
    assert inbench.__all__ == FACE
    assert all(getattr(inbench, name) is not None for name in FACE)


def test_a_name_that_the_face_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="masks_of_all_kinds"):
        inbench.masks_of_all_kinds  # noqa: B018


QUICK = ("commands.cli", "readers.tables", "readers.paper_sheets", "readers.comparison")


@pytest.mark.parametrize("room", ["inbench", *(f"inbench.{room}" for room in QUICK)])
def test_what_should_be_quick_imports_neither_torch_nor_matplotlib(room: str) -> None:
    code = f"import {room}, sys; sys.exit(bool({{'torch', 'matplotlib'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_room_names_say_what_they_hold() -> None:
    assert not {file.stem for file in FILES} & NAMELESS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_short_and_begins_with_what_it_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    told = ast.get_docstring(ast.parse(text))
    assert told
    assert told.splitlines()[0].endswith((".", "?", ":"))
