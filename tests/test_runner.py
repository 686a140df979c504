"""The runner as a script sees it: three lines, rows back, and nothing done twice."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import AUTO, SLOW, TINY, Child, carry_out, no_child, planned, workers

import inbench
from inbench.joints import isolation, registry
from inbench.words import clock, disk, records

Tiny = Callable[..., list[dict[str, Any]]]
Find = Callable[..., records.Record]
Write = Callable[..., str]

ROW = {
    "method", "params", "dataset", "mask", "train_mask", "budget", "size", "seeds", "status", "complete", "metrics",
}  # fmt: skip


@pytest.mark.usefixtures("here")
def test_three_lines_give_rows(tmp_path: Path) -> None:
    rows = inbench.run("mean-fill", **{**TINY, "results": tmp_path / "results"})
    assert [(row["method"], row["dataset"], row["mask"], row["status"]) for row in rows] == [
        ("mean-fill", "drawn-faces[test=12,train=40,val=8]", "center", "ok")
    ]
    assert inbench.table(tmp_path / "results").count("mean-fill") == 1


@pytest.mark.usefixtures("here")
def test_a_row_has_the_words_of_the_design(tiny: Tiny) -> None:
    (row,) = tiny(AUTO)
    assert row.keys() >= ROW
    assert (row["seeds"], row["size"], row["budget"], row["train_mask"]) == ([0], 32, "smoke[batch=4,steps=6]", "center")
    assert row["params"]["bottleneck"] == 16
    for metric in row["metrics"].values():
        assert metric.keys() == {"mean", "low", "high", "n", "unit", "better"}
        assert metric["low"] <= metric["mean"] <= metric["high"]


@pytest.mark.usefixtures("here")
def test_seeds_of_one_method_are_one_row(tiny: Tiny) -> None:
    (row,) = tiny(AUTO, seeds="0,1")
    assert sorted(row["seeds"]) == [0, 1]
    assert row["metrics"]["psnr"]["low"] < row["metrics"]["psnr"]["mean"] < row["metrics"]["psnr"]["high"]


@pytest.mark.usefixtures("here")
def test_seeds_stand_in_their_order(plugin: Write, tiny: Tiny) -> None:
    (row,) = tiny("slow", plugins=[plugin(SLOW)], seeds="0,1,2,3,4,5")
    assert row["seeds"] == [0, 1, 2, 3, 4, 5]


def test_what_is_done_starts_no_worker(tiny: Tiny) -> None:
    with workers(Child):
        first = tiny(f"mean-fill,{AUTO}")
    with workers(no_child):
        assert tiny(f"mean-fill,{AUTO}") == first


def test_only_what_is_missing_is_run(tiny: Tiny) -> None:
    started: list[str] = []

    def counted(command: list[str], **options: Any) -> Child:
        started.append(Path(command[-1]).parent.name)
        return Child(command, **options)

    with workers(Child):
        tiny("mean-fill")
    with workers(counted):
        tiny(f"mean-fill,{AUTO}", seeds="0,1")
    assert [name.rpartition("-")[0] for name in started] == ["autoencoder"] * 2


@pytest.mark.usefixtures("here")
def test_changed_code_runs_again_and_the_newer_record_is_shown(
    plugin: Write, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)  # as in a new process
    moments = itertools.count(10)
    monkeypatch.setattr(clock, "utc", lambda: f"2026-01-01T00:{next(moments)}:00Z")
    file = plugin(SLOW)
    (first,) = tiny("slow", plugins=[file])
    Path(file).write_text(Path(file).read_text().replace("1e-2", "2e-2"))
    (second,) = tiny("slow", plugins=[file])
    assert len(records.all_of(tmp_path / "results")) == 2
    assert first["metrics"] != second["metrics"]
    assert inbench.table(tmp_path / "results").count("| slow ") == 1


@pytest.mark.usefixtures("here")
def test_code_that_is_changed_back_is_shown_again(plugin: Write, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)
    moments = itertools.count(10)
    monkeypatch.setattr(clock, "utc", lambda: f"2026-01-01T00:{next(moments)}:00Z")
    file = plugin(SLOW)
    first = tiny("slow", plugins=[file])
    Path(file).write_text(Path(file).read_text().replace("1e-2", "2e-2"))
    tiny("slow", plugins=[file])
    plugin(SLOW)
    assert tiny("slow", plugins=[file]) == first


def test_changed_code_is_seen_without_a_new_process(plugin: Write, tmp_path: Path) -> None:
    file = plugin(SLOW)
    (first,) = planned(tmp_path / "results", "slow", plugins=[file])
    Path(file).write_text(Path(file).read_text().replace("1e-2", "2e-2"))
    (second,) = planned(tmp_path / "results", "slow", plugins=[file])
    assert first.run.code != second.run.code


def test_a_comment_is_no_change_of_code(plugin: Write, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)
    file = plugin(SLOW)
    with workers(Child):
        first = tiny("slow", plugins=[file])
    Path(file).write_text("# in other words\n" + Path(file).read_text())
    with workers(no_child):
        assert tiny("slow", plugins=[file]) == first


FLAKY = """
class Flaky(Learner):
    name = "flaky"

    def finish(self):
        if os.environ.get("FLAKY"):
            raise RuntimeError("not today")
"""


def test_what_failed_is_left_alone_until_it_is_asked_for(plugin: Write, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"plugins": [plugin(FLAKY)]}
    monkeypatch.setenv("FLAKY", "1")
    with workers(Child):
        (failed,) = tiny("flaky", **options)
    assert failed["status"] == "failed"
    monkeypatch.delenv("FLAKY")
    with workers(no_child):
        assert tiny("flaky", **options) == [failed]
    with workers(Child):
        (row,) = tiny("flaky", **options, rerun="failed")
    assert (row["status"], row["complete"]) == ("ok", True)


@pytest.mark.usefixtures("here")
def test_rerun_failed_leaves_alone_what_worked(tiny: Tiny) -> None:
    tiny("mean-fill")
    with workers(no_child):
        tiny("mean-fill", rerun="failed")


@pytest.mark.usefixtures("here")
def test_rerun_all_trains_again(tiny: Tiny, record: Find) -> None:
    tiny(AUTO)
    weights = record("autoencoder").folder / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    tiny(AUTO, rerun="all")
    assert weights.stat().st_mtime_ns > before


@pytest.mark.usefixtures("here")
def test_what_was_skipped_is_tried_again(tiny: Tiny, tmp_path: Path) -> None:
    (row,) = tiny("linear", mask="random80")
    assert row["status"] == "skipped"
    assert [one.state for one in planned(tmp_path / "results", "linear", mask="random80")] == ["missing"]


@pytest.mark.parametrize("name", ["weights.safetensors", "scores/center_side_16.csv"])
@pytest.mark.usefixtures("here")
def test_a_damaged_record_is_made_whole_again(name: str, tiny: Tiny, record: Find, tmp_path: Path) -> None:
    (row,) = tiny(AUTO)
    file = record("autoencoder").folder / name
    wanted = file.read_bytes()
    file.write_bytes(wanted[:-9] + b"? and then")
    assert [one.state for one in planned(tmp_path / "results", AUTO)] == ["damaged"]
    (again,) = tiny(AUTO)
    assert again["status"] == "ok"
    assert again["metrics"] == row["metrics"]
    assert file.read_bytes() == wanted
    assert disk.fault_of(file.parent if file.parent.name != "scores" else file.parent.parent) == ""


def test_what_takes_too_long_is_a_timeout(plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Find) -> None:
    monkeypatch.setenv("SLOW", "5")
    monkeypatch.setattr(isolation, "GRACE_SECONDS", 0.5)
    found = planned(tmp_path / "results", "slow", plugins=[plugin(SLOW)])
    carry_out(found, timeout=0.5)
    assert (found[0].state, found[0].reason) == ("timeout", "took longer than 0.5 seconds")
    assert record("slow").status == "timeout"


NO_LIBRARY = "raise inbench.Unavailable(\"pip install 'inbench[opencv]'\")"


def test_a_library_that_is_missing_when_a_plugin_loads_is_a_skipped_row(plugin: Write, tmp_path: Path) -> None:
    file = plugin(NO_LIBRARY, "needs_opencv.py")
    found = planned(tmp_path / "results", "all", plugins=[file])
    (one,) = carry_out([one for one in found if one.run.method == "needs-opencv"])
    assert (one.state, one.reason) == ("skipped", "pip install 'inbench[opencv]'")


def test_a_missing_library_is_a_skipped_row_where_the_method_is_asked_for_by_name(plugin: Write, tiny: Tiny) -> None:
    (row,) = tiny("needs-opencv", plugins=[plugin(NO_LIBRARY, "needs_opencv.py")])
    assert (row["status"], row["reason"]) == ("skipped", "pip install 'inbench[opencv]'")


def test_runs_on_several_masks_are_told_apart(tmp_path: Path) -> None:
    found = planned(tmp_path / "results", "autoencoder", mask="center,half", seeds="0,1")
    assert [one.title.partition(" on ")[2].partition(", ")[2] for one in found] == [
        "",
        "seed 1",
        "trained on half",
        "trained on half, seed 1",
    ]


def test_a_file_that_lacks_a_library_hides_no_method_that_has_its_name(plugin: Write, tmp_path: Path) -> None:
    found = planned(tmp_path / "results", "linear", plugins=[plugin(NO_LIBRARY, "linear.py")])
    assert [(one.run.method, one.state) for one in found] == [("linear", "missing")]


def test_a_size_that_a_method_does_not_do_is_a_skipped_row(tiny: Tiny) -> None:
    with workers(no_child):
        (row,) = tiny("linear", size=128, datasets="drawn-faces[train=2,val=1,test=1]")
    assert row["status"] == "skipped"
    assert "its sizes are 32, 64" in row["reason"]


@pytest.mark.usefixtures("here")
def test_a_broken_plugin_is_a_failed_row_among_all(plugin: Write, tmp_path: Path) -> None:
    file = plugin("1 / 0", "broken.py")
    found = {one.run.method: one for one in planned(tmp_path / "results", "all", plugins=[file])}
    assert found["broken"].state == "plugin failed"
    assert "ZeroDivisionError" in found["broken"].reason
    assert "broken.py:" in found["broken"].reason
    assert found["mean-fill"].state == "missing"


@pytest.mark.usefixtures("here")
def test_a_broken_plugin_is_a_row_whatever_its_file_is_called(plugin: Write, tmp_path: Path) -> None:
    file = plugin("1 / 0", "My.Plugin 2.py")
    found = [one for one in planned(tmp_path / "results", "all", plugins=[file]) if one.state == "plugin failed"]
    carry_out(found)
    assert [(one.told["run"]["method"], one.status) for one in records.all_of(tmp_path / "results")] == [
        ("My.Plugin 2", "failed")
    ]


def test_a_broken_data_set_is_no_row_among_all_methods(tmp_path: Path) -> None:
    file = tmp_path / "dots.py"
    file.write_text("import inbench\n\n@inbench.hookimpl\ndef inbench_datasets():\n    raise ValueError('no dots today')\n")
    found = {one.run.method for one in planned(tmp_path / "results", "all", plugins=[str(file)])}
    assert found == set(registry.load().names("method"))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"mask": ","}),
        pytest.param({"datasets": ""}),
        {"methods": ","},
    ],
)
def test_an_empty_list_is_refused(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(inbench.UserError):
        planned(tmp_path / "results", **{"methods": "mean-fill", **options})


FROM_FILE = """
import dataclasses
from pathlib import Path

class FromFile(Base):
    name = "from-file"

    @dataclasses.dataclass(frozen=True)
    class Params:
        weights: str = inbench.required("where it lies", local=True)
        sha256: str = inbench.required("what it is")

    def __init__(self, size, params):
        super().__init__(size, params)
        self.grey = inbench.known_file(params.weights, params.sha256)[0] / 255

    def inpaint(self, seen, hole, seed):
        return torch.full_like(seen, self.grey)
"""


@pytest.mark.usefixtures("here")
def test_where_a_file_lies_is_part_of_no_run_but_what_it_holds_is(plugin: Write, tiny: Tiny, tmp_path: Path) -> None:
    digests = {}
    for name, grey in (("one.bin", 100), ("same.bin", 100), ("other.bin", 200)):
        (tmp_path / name).write_bytes(bytes([grey]))
        digests[name] = hashlib.sha256(bytes([grey])).hexdigest()[:16]
    asked = {name: f"from-file[weights={tmp_path / name},sha256={digest}]" for name, digest in digests.items()}
    file = plugin(FROM_FILE)
    (row,) = tiny(asked["one.bin"], plugins=[file])
    assert (row["status"], row["params"], row["shown"]) == (
        *("ok", {"sha256": digests["one.bin"]}),
        f"from-file[sha256={digests['one.bin']}]",
    )
    with workers(no_child):
        assert tiny(asked["same.bin"], plugins=[file]) == [row]
    assert (
        len({row["metrics"]["l2"]["mean"] for name in ("one.bin", "other.bin") for row in tiny(asked[name], plugins=[file])})
        == 2
    )
    told = [path.read_text() for path in (tmp_path / "results").rglob("run.json")]
    assert len(told) == 2
    assert not [text for text in told if ".bin" in text]


@pytest.mark.usefixtures("here")
def test_another_file_than_the_one_that_was_said_is_a_failed_row(
    plugin: Write, tiny: Tiny, tmp_path: Path, record: Find
) -> None:
    (tmp_path / "weights.bin").write_bytes(b"other")
    (row,) = tiny(f"from-file[weights={tmp_path / 'weights.bin'},sha256={'0' * 16}]", plugins=[plugin(FROM_FILE)])
    assert row["status"] == "failed"
    assert "the SHA-256 of" in record("from-file").told["reason"]


def test_all_methods_are_those_that_need_no_option(plugin: Write, tmp_path: Path) -> None:
    found = planned(tmp_path / "results", "all", plugins=[plugin(FROM_FILE)])
    assert "mean-fill" in {one.run.method for one in found}
    assert "from-file" not in {one.run.method for one in found}
