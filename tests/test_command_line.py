"""The command line: from start to table, and one clear sentence for whatever the user got wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import AUTO, TINY, Child, Told, no_child, workers
from PIL import Image

from inbench.joints import registry
from inbench.words import records

Write = Callable[..., str]
OPTIONS = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]


Command = Callable[..., Told]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def run(command: Command, results: Path) -> Command:
    """`inbench run` on tiny data; later words win over the tiny ones."""
    return lambda *words: command("run", *OPTIONS, "--results", str(results), *words)


# From start to table


def test_one_command_goes_from_start_to_table_without_a_network(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with workers(Child):
        told = run("--methods", f"mean-fill,{AUTO}")
    assert told.code == 0
    assert "| mean-fill" in told.out
    assert "2 of 2 complete; 8 test images" in told.out
    assert "Protocol 1:" in told.out
    assert "2 runs" in told.err


def test_the_module_is_the_command(results: Path) -> None:
    words = [sys.executable, "-m", "inbench", "run", *OPTIONS, "--results", str(results), "--methods", "mean-fill", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, [row["method"] for row in json.loads(done.stdout)["rows"]]) == (0, ["mean-fill"])
    assert "Traceback" not in done.stderr
    code = "import sys; from inbench.commands.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    tables = subprocess.run([sys.executable, "-c", code, "tables", "--results", str(results)], capture_output=True, check=False)
    assert tables.returncode == 0
    assert b"| mean-fill" in tables.stdout


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_does_not_import_torch(words: list[str]) -> None:
    code = f"import sys; sys.argv[1:] = {words}; sys.modules['torch'] = None; from inbench.commands.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "inbench" in done.stdout


@pytest.mark.usefixtures("here")
def test_with_json_stdout_is_json_alone(run: Command) -> None:
    told = run("--methods", f"mean-fill,{AUTO}", "--json")
    rows = json.loads(told.out)["rows"]
    assert sorted(row["method"] for row in rows) == ["autoencoder", "mean-fill"]


def test_json_is_alone_when_a_plugin_talks(command: Command, plugin: Write) -> None:
    told = command("list", "--json", "--plugin", plugin("print('hello from a plugin')"))
    assert json.loads(told.out)["methods"]


@pytest.mark.usefixtures("here")
def test_a_failed_run_is_exit_1_and_the_others_are_kept(run: Command, plugin: Write, results: Path) -> None:
    file = plugin("class Breaks(Learner):\n    name = 'breaks'\n    def step(self, image, hole):\n        1 / 0\n")
    told = run("--methods", "breaks,mean-fill", "--plugin", file)
    assert told.code == 1
    assert "1 of 2 complete" in told.out
    assert "breaks: failed: ZeroDivisionError" in told.out
    assert {one.told["run"]["method"]: one.status for one in records.all_of(results)} == {"breaks": "failed", "mean-fill": "ok"}


@pytest.mark.usefixtures("here")
def test_a_skipped_run_is_exit_0_and_said(run: Command) -> None:
    told = run("--methods", "linear", "--mask", "random80")
    assert told.code == 0
    assert "linear learns one fixed hole" in told.out


def test_a_plugin_file_that_cannot_be_loaded_is_told_and_the_others_run(command: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_library\n")
    told = command(
        "run",
        "--methods",
        "mean-fill",
        "--plugin",
        str(tmp_path / "broken.py"),
        *OPTIONS,
        "--results",
        str(tmp_path / "results"),
    )
    assert told.code == 0, told.err
    assert "a plugin is left out" in told.err
    assert "No module named 'no_such_library'" in told.err
    told = command("run", "--methods", "mean-fill", "--mask", "mine", "--plugin", str(tmp_path / "broken.py"), *OPTIONS)
    assert "it may be in a plugin that is left out" in told.err


def test_an_interrupted_run_is_exit_130_and_says_that_nothing_is_lost(run: Command) -> None:
    class Stopped(Child):
        def __init__(self, *_: Any, **__: Any) -> None:
            self.returncode = -signal.SIGINT

    with workers(Stopped):
        told = run("--methods", "mean-fill")
    assert (told.code, told.out) == (130, "")
    assert "the same command goes on from here" in told.err.splitlines()[-1]
    with workers(Child):
        assert run("--methods", "mean-fill").code == 0


@pytest.mark.usefixtures("here")
def test_a_broken_plugin_does_not_stop_another_method(run: Command, plugin: Write) -> None:
    assert run("--methods", "mean-fill", "--plugin", plugin("1 / 0")).code == 0


# The other commands


@pytest.fixture
def scored(run: Command, results: Path) -> Path:
    """A results folder with one record."""
    with workers(Child):
        assert run("--methods", "mean-fill").code == 0
    return results


def test_tables_can_be_written_and_checked(command: Command, scored: Path, run: Command) -> None:
    words = ("tables", "--results", str(scored))
    assert command(*words, "--check").code == 1
    assert command(*words, "--write").code == 0
    assert (scored / "TABLES.md").read_text() == command(*words).out
    assert command(*words, "--check").code == 0
    with workers(Child):
        run("--methods", "biharmonic")
    stale = command(*words, "--check")
    assert stale.code == 1
    assert "stale" in stale.err
    assert stale.out == ""


def test_tables_between_markers_leave_the_text_around_them(command: Command, scored: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- inbench tables: begin -->\nold\n<!-- inbench tables: end -->\nafter\n")
    words = ("tables", "--results", str(scored))
    assert command(*words, "--write", str(page)).code == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| mean-fill" in text
    assert "old" not in text
    assert command(*words, "--check", str(page)).code == 0


def test_tables_as_json_are_rows(command: Command, scored: Path) -> None:
    (row,) = json.loads(command("tables", "--results", str(scored), "--json").out)["rows"]
    assert (row["method"], row["complete"]) == ("mean-fill", True)


def test_a_folder_called_like_a_data_set_of_inbenchs_own_is_told(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = "inbench: drawn-faces is a data set of inbench's own; the folder of that name is ./drawn-faces"
    assert said not in run("--methods", "mean-fill").err
    (tmp_path / "drawn-faces").mkdir()
    assert said in run("--methods", "mean-fill").err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tables", "--methosd", "x"], "unknown option '--methosd'; did you mean '--methods'? see inbench tables --help"),
        (["run", "--budgte=quick"], "unknown option '--budgte'; did you mean '--budget'? see inbench run --help"),
        (["data", "verfy"], "unknown act 'verfy'; did you mean 'verify'? see inbench data --help"),
        (["tabels"], "unknown command 'tabels'; did you mean 'tables'? see inbench --help"),
        (["run", "--rerun", "fail"], "unknown --rerun 'fail'; did you mean 'failed'? see inbench run --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_of_the_command_line_is_told_with_the_nearest(command: Command, words: list[str], told: str) -> None:
    found = command(*words)
    assert (found.code, found.err) == (2, f"inbench: {told}\n")


def test_tables_of_nothing_say_how_to_make_some(command: Command, tmp_path: Path) -> None:
    told = command("tables", "--results", str(tmp_path / "none"))
    assert (told.code, told.out) == (2, "")
    assert "inbench run --results" in told.err


def test_list_names_everything_there_is(command: Command) -> None:
    told = command("list")
    plugins = registry.load()
    for kind in registry.KINDS:
        assert all(f"  {name} " in told.out for name in plugins.names(kind))
    found = json.loads(command("list", "--json").out)
    assert {"methods", "datasets", "masks", "metrics", "budgets", "papers", "faults"} == found.keys()
    assert found["faults"] == []


def test_list_tells_what_is_broken_and_where(command: Command, plugin: Write) -> None:
    file = plugin("1 / 0", "broken.py")
    told = command("list", "--plugin", file)
    line = 1 + Path(file).read_text().split("\n").index("1 / 0")
    assert told.code == 0
    assert f"ZeroDivisionError: division by zero ({file}:{line})" in told.out


def test_doctor_says_what_this_machine_can_do(command: Command, plugin: Write) -> None:
    told = command("doctor", "--json")
    found = json.loads(told.out)
    assert told.code == 0
    assert {"python", "torch", "device", "precision", "threads", "prepared data"} <= found.keys()
    assert found["prepared data"] == os.environ["INBENCH_DATA"]
    assert command("doctor", "--plugin", plugin("1 / 0", "broken.py")).code == 1


# What the user got wrong


def refused(told: Told, results: Path, *parts: str) -> None:
    """Exit code 2, one sentence on stderr with these parts in it (pictures may be counted before), and nothing written."""
    assert told.code == 2
    assert told.out == ""
    (line,) = (line for line in told.err.splitlines() if not line.startswith("preparing "))
    assert line.startswith("inbench: ")
    for part in parts:
        assert part in line
    assert not results.exists()


WRONG: list[Any] = [
    ("--methods dense-gn", "unknown method 'dense-gn'; did you mean 'dense-gan'?"),
    (
        "--datasets drawn-face",
        "FILE.py. Pictures of your own are named by their path, as ./drawn-face",
    ),
    ("--mask centre", "unknown mask 'centre'; did you mean 'center'?"),
    ("--test-masks halve", "unknown mask 'halve'; did you mean 'half'?"),
    ("--budget quik", "unknown budget 'quik'; did you mean 'quick'?"),
    ("--budget quick[step=5]", "unknown parameter of budget quick 'step'; did you mean 'steps'?"),
    ("--budget quick[steps=0]", "at least 1"),
    ("--methods dense-gan[growht=4]", "unknown parameter of dense-gan 'growht'; did you mean 'growth'?"),
    ("--methods dense-gan[growth=many]", "dense-gan[growth=...] must be a whole number, not 'many'"),
    ("--methods dense-gan[growth=4", "opens a bracket that it never closes"),
    ("--methods mean-fill[p=1]", "mean-fill has no parameters"),
    ("--mask center[sid=4]", "did you mean 'side'?"),
    ("--mask center[side=64]", "larger than the image"),
    ("--datasets drawn-faces[trian=4]", "did you mean 'train'?"),
    ("--datasets ./nowhere", "there is no nowhere"),
    ("--datasets nowhere.zip", "there is no nowhere.zip"),
    ("--datasets folder", "data set 'folder' is what a path means"),
    ("--size 48", "--size 48 is no power of two from 32 to 256; write 32, 64, 128 or 256"),
    ("--size big", "argument --size: invalid int value: 'big'"),
    ("--device gpu", "unknown device 'gpu'"),
    pytest.param("--device cuda:x", "cuda:x"),
    ("--precision fp8", "unknown precision 'fp8'"),
    ("--seeds one", "--seeds 'one' must be whole numbers"),
    ("--seeds=-1", "must not be negative"),
    ("--threads 0", "--threads 0 must be at least 1"),
    ("--timeout 0", "--timeout 0 must be more than 0"),
    ("--keep weigths", "did you mean 'weights'?"),
    ("--score-on train", "'train' must be test or val"),
    ("--bogus", "--bogus"),
    ("--plugin nowhere.py", "there is no plugin file"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG)
def test_a_wrong_word_is_one_sentence(words: str, sentence: str, run: Command, results: Path) -> None:
    with workers(no_child):
        refused(run("--methods", "mean-fill", *words.split()), results, sentence)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_one_sentence(run: Command, results: Path) -> None:
    refused(run("--methods", "mean-fill", "--device", "cuda"), results, "--device cuda is not there", "--device cpu or auto")


@pytest.mark.parametrize("words", [[], ["runn"], ["tables", "--formats", "x"]], ids=" ".join)
def test_a_wrong_command_is_one_sentence(words: list[str], command: Command, results: Path) -> None:
    refused(command(*words), results, "--help")


@pytest.mark.parametrize("option", ["--results", "--data"])
def test_a_folder_that_cannot_be_written_is_one_sentence(option: str, run: Command, results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = run("--methods", "mean-fill", option, str(tmp_path / "file" / "folder"))
    refused(told, results, str(tmp_path / "file" / "folder"), f"another with {option}" if option == "--results" else option)


def test_a_broken_plugin_that_is_asked_for_says_where(run: Command, results: Path, plugin: Write) -> None:
    refused(run("--methods", "broken", "--plugin", plugin("1 / 0", "broken.py")), results, "'broken' is broken", "broken.py:")


def test_two_plugins_of_one_name_are_an_error_that_names_both(run: Command, results: Path, plugin: Write) -> None:
    file = plugin("class Mean(Base):\n    name = 'mean-fill'\n", "second.py")
    with workers(no_child):
        refused(run("--methods", "mean-fill", "--plugin", file), results, "inbench_methods.mean_fill", "second.py")


def test_no_name_can_command_a_terminal(run: Command, results: Path, plugin: Write) -> None:
    file = plugin(
        "class Colours(Learner):\n    name = 'colours'\n    def step(self, image, hole):\n        raise OSError('\\x1b[31m')\n"
    )
    with workers(Child):
        told = run("--methods", "colours", "--plugin", file)
    assert "OSError:  [31m" in told.err
    assert "\x1b" not in told.out + told.err
    assert "\x1b" not in run("--methods", "a\x1b[31mb").err


# Pictures of the user's


def picture(seed: int, ending: str = "PNG") -> bytes:
    held = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(held, ending)
    return held.getvalue()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Eight good pictures, and an index.csv that says which of them train, validate and test."""
    folder = tmp_path / "album"
    folder.mkdir()
    parts = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    for place in range(len(parts)):
        (folder / f"p{place}.png").write_bytes(picture(place))
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "split"), *((f"p{place}.png", part) for place, part in enumerate(parts))])
    return folder


BAD = {
    "corrupt": (b"\x00\x01 nothing like a picture", "is no picture"),
    "truncated": (picture(99, "JPEG")[:600], "cannot be used: "),
    "empty": (b"", "is empty"),
    "a-page": (b"<!DOCTYPE html><html>404</html>", "is an HTML page"),
}


@pytest.mark.parametrize(("data", "what"), BAD.values(), ids=BAD.keys())
def test_a_bad_picture_is_named_and_can_be_left_out(data: bytes, what: str, album: Path, run: Command, results: Path) -> None:
    (album / "holiday.jpg").write_bytes(data)
    with (album / "index.csv").open("a") as file:
        file.write("holiday.jpg,train\n")
    words = ("--methods", "mean-fill", "--datasets", str(album))
    refused(run(*words), results, "holiday.jpg", what, "--skip-bad-images")
    with workers(Child):
        told = run(*words, "--skip-bad-images", "--json")
    assert told.code == 0
    assert [row["dataset"] for row in json.loads(told.out)["rows"]] == ["album"]


@pytest.mark.usefixtures("here")
def test_pictures_left_out_are_counted(album: Path, run: Command) -> None:
    (album / "p0.png").write_bytes(b"")
    told = run("--methods", "mean-fill", "--datasets", str(album), "--skip-bad-images")
    assert "1 bad image" in told.out + told.err


def zipped(album: Path, file: Path, *, without: str = "") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(album.iterdir()):
            if path.name != without:
                archive.write(path, path.name)
    return file


@pytest.mark.usefixtures("here")
def test_a_folder_and_its_zip_give_the_same_numbers(album: Path, run: Command, tmp_path: Path) -> None:
    told = [
        json.loads(run("--methods", "mean-fill", "--datasets", str(source), "--json").out)["rows"][0]
        for source in (album, zipped(album, tmp_path / "album.zip"))
    ]
    assert told[0]["metrics"] == told[1]["metrics"]


def test_a_file_that_the_index_names_and_the_zip_lacks_is_named(
    album: Path, run: Command, results: Path, tmp_path: Path
) -> None:
    file = zipped(album, tmp_path / "album.zip", without="p3.png")
    refused(run("--methods", "mean-fill", "--datasets", str(file)), results, "album.zip: index.csv line 5 names 'p3.png'")


def test_a_folder_without_pictures_is_one_sentence(run: Command, results: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(run("--methods", "mean-fill", "--datasets", str(tmp_path / "empty")), results, "empty holds no pictures")


def test_a_zip_that_is_none_is_one_sentence(run: Command, results: Path, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_text("not found")
    refused(run("--methods", "mean-fill", "--datasets", str(tmp_path / "photos.zip")), results, "photos.zip", "readable zip")


def test_one_picture_in_two_parts_is_one_sentence(album: Path, run: Command, results: Path) -> None:
    (album / "p7.png").write_bytes((album / "p0.png").read_bytes())
    refused(run("--methods", "mean-fill", "--datasets", str(album)), results, "p7.png", "p0.png", "one part only")


def test_an_index_in_another_encoding_is_one_sentence(album: Path, run: Command, results: Path) -> None:
    (album / "index.csv").write_bytes("file,split\np0.png,Übung\n".encode("latin-1"))
    refused(run("--methods", "mean-fill", "--datasets", str(album)), results, "index.csv")


def test_a_lossless_part_without_a_file_column_is_one_sentence(album: Path, run: Command, results: Path) -> None:
    np.save(album.with_name("album.test.npy"), np.zeros((1, 32, 32, 3), np.uint8))
    album.with_name("album.test.csv").write_text("name\np0.png\n")
    refused(run("--methods", "mean-fill", "--datasets", str(album)), results, "album.test.csv")


def test_a_few_pictures_without_an_index_are_enough(album: Path, run: Command, results: Path) -> None:
    for name in ("index.csv", "p6.png", "p7.png"):
        (album / name).unlink()
    with workers(Child):
        assert run("--methods", "mean-fill", "--datasets", str(album)).code == 0
