"""`inbench new`: what it writes works as it stands, and a name that cannot be is refused with one that can."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY, Told

from inbench.commands import scaffold
from inbench.joints import registry
from inbench.words import params
from inbench.words.errors import UserError

KINDS = tuple(registry.KINDS)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_found_whole(kind: str, tmp_path: Path) -> None:
    made = scaffold.new(kind, "first-idea")
    assert made.files == ["first_idea.py", "test_first_idea.py"]
    found = registry.load([made.files[0]])
    assert found.faults == []
    plugin = found.get(kind, "first-idea")
    assert (plugin.cls.__name__, plugin.origin) == ("FirstIdea", str(tmp_path / "first_idea.py"))
    compile(Path(made.files[1]).read_text(), made.files[1], "exec")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_s_own_name_is_left(kind: str) -> None:
    text = scaffold.source(kind, "first-idea")
    example = scaffold.EXAMPLES[kind]
    assert not [name for name in (example, scaffold.module_of(example), scaffold.class_of(example)) if name in text]
    made = scaffold.new(kind, example)
    assert Path(made.files[0]).read_text() == scaffold.template(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_a_template_says_what_it_does(kind: str) -> None:
    scaffold.new(kind, "first-idea")
    told = params.described(registry.load(["first_idea.py"]).get(kind, "first-idea").cls.Params)
    assert all(more.get("about") for _, _, more in told)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_the_last_command_that_it_tells_comes_to_a_row(kind: str, command: Callable[..., Told]) -> None:
    told = json.loads(command("new", kind, "mine", "--json").out)
    assert told["next"][0] == "inbench check mine.py"
    program, *words = told["next"][-1].split()
    assert program == "inbench"
    methods = "mean-fill,mine" if kind == "method" else "mean-fill"
    few = [methods if word == "all" else word for word in words]
    small = ["--size", "32", "--threads", "1", "--json", *(() if kind == "dataset" else ("--datasets", TINY["datasets"]))]
    ran = command(*few, *small)
    assert ran.code == 0, ran.err
    rows = {row["method"]: row for row in json.loads(ran.out)["rows"]}
    assert {row["status"] for row in rows.values()} == {"ok"}
    row = rows["mine" if kind == "method" else "mean-fill"]
    assert "mine" in (row["method"], row["dataset"], row["mask"], *row["metrics"])


def test_it_says_what_was_written_and_what_to_type_next(command: Callable[..., Told]) -> None:
    told = command("new", "mask", "spots")
    assert told.out.splitlines() == [
        "wrote spots.py, test_spots.py",
        "next:",
        "  inbench check spots.py",
        "  inbench run --mask spots --methods all --budget smoke --plugin spots.py",
    ]


def test_a_package_has_an_entry_point_and_its_test() -> None:
    made = scaffold.new("method", "first-idea", package=True)
    top = Path("inbench-first-idea")
    assert {str(file.relative_to(top)) for file in top.rglob("*") if file.is_file()} == {
        "pyproject.toml",
        "README.md",
        "src/inbench_first_idea/__init__.py",
        "tests/test_first_idea.py",
    }
    assert "pip install -e inbench-first-idea" in made.next
    assert '[project.entry-points.inbench]\nfirst-idea = "inbench_first_idea"\n' in (top / "pyproject.toml").read_text()


@pytest.mark.parametrize(("kind", "folder"), scaffold.FOLDERS.items())
def test_in_a_checkout_it_goes_where_it_is_found_by_itself(
    kind: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.setattr(scaffold, "ROOT", tmp_path)
    made = scaffold.new(kind, "first-idea")
    assert made.files == [f"{folder}/first_idea.py", "tests/test_first_idea.py"]
    assert made.next[0] == "inbench check first-idea"
    assert "--plugin" not in made.next[1]
    assert f"from inbench_{folder}.first_idea import FirstIdea" in Path(made.files[1]).read_text()


REFUSED = {  # the name: what is said
    "Mine": "'Mine' is no name; write lower-case words joined by hyphens, a letter first, such as 'mine'",
    "MyIdea": "such as 'my-idea'",
    "my_idea.py": "such as 'my-idea-py'",
    "3d": "such as 'my-3d'",
    "../mine": "such as 'mine'",
    "": "'' is no name; write lower-case words joined by hyphens, a letter first",
    "all": "'all' means every method; choose another name",
    "mean-fill": "method 'mean-fill' is already taken by inbench_methods.mean_fill; choose another name",
    "class": "'class' is a word of Python or of the plugin itself; choose another name, such as 'my-class'",
    "tensor": "'tensor' is a word of Python or of the plugin itself; choose another name, such as 'my-tensor'",
    "numpy": "numpy.py would hide the module 'numpy'; choose another name, such as 'my-numpy'",
    "random": "random.py would hide the module 'random'; choose another name, such as 'my-random'",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_cannot_be_is_refused_in_a_sentence(name: str, tmp_path: Path, command: Callable[..., Told]) -> None:
    told = command("new", "method", name)
    assert (told.code, told.out) == (2, "")
    assert REFUSED[name] in told.err
    assert told.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_package_does_not_take_the_name_of_a_part_of_inbench() -> None:
    with pytest.raises(UserError, match=r"inbench_methods\.py would hide"):
        scaffold.new("method", "methods", package=True)


@pytest.mark.parametrize("file", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(file: str, tmp_path: Path) -> None:
    Path(file).write_text("mine\n")
    with pytest.raises(UserError, match=f"{file} is there already and stays as it is"):
        scaffold.new("method", "mine")
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert Path(file).read_text() == "mine\n"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    Path("inbench-mine").write_text("a file where the folder would be")
    with pytest.raises(UserError, match=r"cannot be written \(.*\); go to a folder of yours"):
        scaffold.new("method", "mine", package=True)


@pytest.mark.usefixtures("here")
def test_a_new_paper_stands_beside_our_rows_and_claims_something(command: Callable[..., Told]) -> None:
    told = json.loads(command("new", "paper", "doe2026", "--json").out)
    assert told["files"] == ["doe2026.toml"]
    missing = command("tables", "--paper", "doe2026.toml").out
    assert "1 not run yet: inbench run --paper doe2026.toml --table 1 runs what is missing" in missing
    small = ("--datasets", f"faces={TINY['datasets']}", "--budget", TINY["budget"], "--paper", "doe2026.toml", "--claims")
    assert command("run", *small[:-1], "--size", "64", "--claims").code == 0
    shown = command("tables", "--paper", "doe2026.toml", "--datasets", f"faces={TINY['datasets']}").out
    assert "*[30.00]*" in shown
    assert "0 of 1 complete" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["meng2020"], "no name for a paper of yours"),
        (["Doe 2026"], "no name for a paper of yours"),
        (["doe2026", "--package"], "a paper is a file; leave out --package"),
    ],
)
def test_what_cannot_be_a_new_paper_is_refused(words: list[str], told: str, command: Callable[..., Told]) -> None:
    assert told in command("new", "paper", *words).err
