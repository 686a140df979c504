"""Records: all of a change or none of it, whatever moment a kill comes at."""

import contextlib
import dataclasses
import errno
import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from inbench.words import records
from inbench.words.errors import UserError
from inbench.words.records import Run

RUN = Run("dense-gan", {"tv": 1e-06, "growth": 32}, "c0de", "da7a", 64, "center[side=32]", 100, 8, "float32", 0)
OLD = {"run.json": b'{"schema": 1, "old": 1}', "scores/center.csv": b"old", "weights.safetensors": b"w" * 100}
NEW = {"run.json": b'{"schema": 1, "new": 1}', "scores/center.csv": b"new", "scores/half.csv": b"added"}


class Killed(BaseException):
    """Nothing of the program runs after it."""


class Kill:
    """Kills at the n-th change of the file system."""

    def __init__(self, monkeypatch, after):
        self.left = after
        for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "rename"), (Path, "mkdir"), (Path, "open")):
            monkeypatch.setattr(owner, name, self.counting(name, getattr(owner, name)))
        monkeypatch.setattr(os, "fsync", self.counting("fsync", os.fsync))
        monkeypatch.setattr(shutil, "rmtree", self.counting("rmtree", shutil.rmtree))

    def counting(self, name, real):
        def call(*args, **more):
            writes = name != "open" or any(letter in (*args[1:], "r")[0] for letter in "wax")
            if writes:
                if self.left == 0:
                    raise Killed
                self.left -= 1
            return real(*args, **more)

        return call


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "done"
    }


def read_of(folder):
    """What a reader sees, which settles nothing."""
    return {name: records.where(folder, name).read_bytes() for name in records.listed(folder)}


def kills(change, folder, monkeypatch):
    """Do a change in a fresh folder, killed at each moment in turn; yields after each kill, and ends when there was none."""
    for moment in range(1000):
        shutil.rmtree(folder, ignore_errors=True)
        records.commit(folder, OLD)
        with monkeypatch.context() as patched:
            Kill(patched, moment)
            try:
                change()
            except Killed:
                pass
            else:
                assert moment > 5
                return
        yield moment


def test_a_record_holds_what_was_written(tmp_path):
    records.commit(tmp_path / "run", OLD)
    assert files_of(tmp_path / "run") == OLD
    assert records.fault_of(tmp_path / "run") == ""


def test_a_later_change_adds_and_replaces(tmp_path):
    records.commit(tmp_path / "run", OLD)
    records.commit(tmp_path / "run", NEW)
    assert files_of(tmp_path / "run") == OLD | NEW
    assert records.fault_of(tmp_path / "run") == ""


def test_what_is_removed_is_gone_and_not_missed(tmp_path):
    records.commit(tmp_path / "run", OLD)
    records.commit(tmp_path / "run", {"run.json": b"{}"}, remove=("weights.safetensors",))
    assert set(files_of(tmp_path / "run")) == {"run.json", "scores/center.csv"}
    assert records.fault_of(tmp_path / "run") == ""


def test_a_kill_at_any_moment_leaves_the_old_record_or_the_new_one(tmp_path, monkeypatch):
    folder, seen = tmp_path / "run", set()
    for moment in kills(lambda: records.commit(folder, NEW), folder, monkeypatch):
        records.settle(folder)
        assert records.fault_of(folder) == "", f"killed at {moment}"
        listed = {name: (folder / name).read_bytes() for name in json.loads((folder / "done").read_text())}
        assert listed in (OLD, OLD | NEW), f"killed at {moment}"
        seen.add(listed == OLD)
    assert seen == {True, False}


def test_a_kill_at_any_moment_leaves_no_file_that_is_not_listed(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    change = {"run.json": NEW["run.json"]}
    for moment in kills(lambda: records.commit(folder, change, remove=("weights.safetensors",)), folder, monkeypatch):
        records.settle(folder)
        listed = set(json.loads((folder / "done").read_text()))
        there = {name for name in files_of(folder) if not Path(name).name.startswith(".")}  # half-written ones are hidden
        assert there == listed, f"killed at {moment}"


def test_a_change_after_a_kill_counts_whole(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for _ in kills(lambda: records.commit(folder, NEW), folder, monkeypatch):
        records.commit(folder, {"scores/last.csv": b"last"})
        assert records.fault_of(folder) == ""
        assert files_of(folder) in (OLD | {"scores/last.csv": b"last"}, OLD | NEW | {"scores/last.csv": b"last"})


def test_a_kill_while_settling_is_settled_again(tmp_path, monkeypatch):
    folder, twice = tmp_path / "run", tmp_path / "twice"
    for _ in kills(lambda: records.commit(folder, NEW), folder, monkeypatch):
        for second in range(8):
            shutil.rmtree(twice, ignore_errors=True)
            shutil.copytree(folder, twice)
            with monkeypatch.context() as patched:
                Kill(patched, second)
                with contextlib.suppress(Killed):
                    records.settle(twice)
            records.settle(twice)
            assert records.fault_of(twice) == ""


def test_a_first_record_cut_short_is_no_record(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for moment in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        with monkeypatch.context() as patched:
            Kill(patched, moment)
            try:
                records.commit(folder, OLD)
            except Killed:
                pass
            else:
                return
        record = records.open_record(folder)
        assert record is None or (read_of(folder) == OLD and records.fault_of(folder) == "")


def test_a_reader_sees_the_old_record_or_the_new_one_and_writes_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for _ in kills(lambda: records.commit(folder, NEW), folder, monkeypatch):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        record = records.open_record(folder)
        assert record.told in ({"schema": 1, "old": 1}, {"schema": 1, "new": 1})
        assert records.fault_of(folder) == ""
        assert read_of(folder) in (OLD, OLD | NEW)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_record_is_never_gone_while_another_takes_its_place(tmp_path, monkeypatch):
    work, final = tmp_path / ".partial" / "run", tmp_path / "run"
    for moment in kills(lambda: records.publish(work, final, NEW), final, monkeypatch):
        assert records.open_record(final) is not None, f"killed at {moment}"


def test_a_file_without_room_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    records.commit(tmp_path / "run", OLD)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        records.commit(tmp_path / "run", NEW)
    assert files_of(tmp_path / "run") == OLD


def test_a_published_record_appears_whole(tmp_path):
    records.publish(tmp_path / ".partial" / "run", tmp_path / "run", OLD)
    assert files_of(tmp_path / "run") == OLD
    assert records.fault_of(tmp_path / "run") == ""


def test_a_published_record_takes_the_place_of_the_old_one(tmp_path):
    records.publish(tmp_path / ".partial" / "run", tmp_path / "run", OLD)
    records.publish(tmp_path / ".partial" / "run", tmp_path / "run", {"run.json": b"{}"})
    assert files_of(tmp_path / "run") == {"run.json": b"{}"}
    assert [path.name for path in (tmp_path / ".partial" / "run").iterdir()] == []


def test_an_interrupted_file_leaves_nothing_behind(tmp_path):
    def interrupted():
        with records.whole_file(tmp_path / "a.md") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_while_publishing_leaves_no_half_record(tmp_path, monkeypatch):
    work, final = tmp_path / ".partial" / "run", tmp_path / "run"
    for moment in kills(lambda: records.publish(work, final, NEW), final, monkeypatch):
        record = records.open_record(final)
        assert record is None or (records.fault_of(final) == "" and read_of(final) in (OLD, NEW)), f"killed at {moment}"
        records.publish(work, final, NEW)
        assert files_of(final) == NEW
        shutil.rmtree(work, ignore_errors=True)


def test_a_changed_file_is_found(tmp_path):
    records.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "scores" / "center.csv").write_bytes(b"0ld")
    assert records.fault_of(tmp_path / "run") == "run/scores/center.csv is not what was written"


def test_a_missing_file_is_found(tmp_path):
    records.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "weights.safetensors").unlink()
    assert records.fault_of(tmp_path / "run") == "run/weights.safetensors is missing"


@pytest.mark.parametrize("done", [None, b"", b"{", b"{}"])
def test_a_missing_or_broken_list_of_files_is_found(tmp_path, done):
    records.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "done").unlink()
    if done is not None:
        (tmp_path / "run" / "done").write_bytes(done)
    assert "no list of its files" in records.fault_of(tmp_path / "run")


def test_nothing_is_written_by_a_second_look(tmp_path):
    records.commit(tmp_path / "run", OLD)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    records.open_record(tmp_path / "run")
    records.settle(tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_key_never_changes():
    assert RUN.key == "f641ca38cdc28552d839f7b575ed7b8cea29ff2a41440df05f32788f05ee7b9c"
    assert RUN.name == f"dense-gan-{RUN.key[:12]}"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Run)])
def test_the_key_changes_with_every_field(field):
    value = getattr(RUN, field)
    other = {"tv": 2e-06, "growth": 32} if field == "params" else value + 1 if isinstance(value, int) else f"{value}x"
    assert dataclasses.replace(RUN, **{field: other}).key != RUN.key


def test_the_key_does_not_depend_on_the_order_of_params():
    assert dataclasses.replace(RUN, params={"growth": 32, "tv": 1e-06}).key == RUN.key


def test_the_key_comes_back_from_json():
    assert Run(**json.loads(records.to_json(dataclasses.asdict(RUN)))).key == RUN.key


@pytest.mark.parametrize("version", ["KEY_VERSION", "PROTOCOL"])
def test_the_key_changes_with_its_version_and_the_protocols(monkeypatch, version):
    before = RUN.key
    monkeypatch.setattr(records, version, getattr(records, version) + 1)
    assert RUN.key != before


def test_a_newer_schema_is_refused_in_one_sentence(tmp_path):
    told = records.new(RUN, labels={}, status="ok") | {"schema": records.SCHEMA + 1, "inbench": "9.9"}
    records.commit(tmp_path / "run", {"run.json": records.to_json(told)})
    with pytest.raises(UserError, match=r"written by a newer inbench \(9.9\).*pip install -U inbench") as error:
        records.open_record(tmp_path / "run")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"null", b"[]"])
def test_a_folder_without_a_readable_run_json_is_no_record(tmp_path, content):
    (tmp_path / "run").mkdir()
    if content is not None:
        (tmp_path / "run" / "run.json").write_bytes(content)
    assert records.open_record(tmp_path / "run") is None


def test_all_records_come_in_the_order_of_their_names(tmp_path):
    labels = {"method": "m", "dataset": "d", "budget": "quick", "any_budget": False, "masks": {}, "train_mask": None}
    told = records.to_json(records.new(RUN, labels=labels, status="failed"))
    for name in ("b-1", "a-2", ".partial/c-3", "a-1"):
        records.commit(tmp_path / "runs" / name, {"run.json": told})
    assert [record.folder.name for record in records.all_of(tmp_path)] == ["a-1", "a-2", "b-1"]


def test_rows_may_be_zipped(tmp_path):
    told = records.new(RUN, labels={}, status="ok", scores={"center": {"file": "scores/center.csv"}})
    files = {"run.json": records.to_json(told), "scores/center.csv.gz": gzip.compress(b"id,psnr\n")}
    records.commit(tmp_path / "run", files)
    assert records.open_record(tmp_path / "run").rows("center") == b"id,psnr\n"


def test_runs_that_were_begun_are_known(tmp_path):
    spec = records.to_json({"run": dataclasses.asdict(RUN)})
    (tmp_path / "runs" / ".partial" / "a-1").mkdir(parents=True)
    (tmp_path / "runs" / ".partial" / "a-1" / "spec.json").write_bytes(spec)
    (tmp_path / "runs" / ".partial" / "b-1").mkdir()
    (tmp_path / "runs" / ".partial" / "b-1" / "spec.json").write_text('{"ru')
    assert list(records.unfinished(tmp_path)) == [json.loads(spec)]


def test_json_of_records_is_sorted_and_holds_no_nan():
    assert records.to_json({"b": 1, "a": None}) == b'{\n "a": null,\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        records.to_json({"a": float("nan")})


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_record_with_a_number_that_json_has_not_is_none(tmp_path, number):
    told = records.to_json(records.new(RUN, labels={}, status="ok")).replace(
        b'"costs": {}', b'"costs": {"more": %b}' % number.encode()
    )
    assert number.encode() in told
    records.commit(tmp_path / "run", {"run.json": told})
    assert records.open_record(tmp_path / "run") is None


def test_the_last_lines_of_a_log_are_its_last(tmp_path):
    (tmp_path / "log.txt").write_bytes(b"\xff\n" + b"\n".join(str(line).encode() for line in range(100)))
    assert records.last_lines(tmp_path / "log.txt") == [str(line) for line in range(88, 100)]
    assert records.last_lines(tmp_path / "none.txt") == []


def test_statuses_are_those_of_the_design():
    assert records.STATUSES == ("ok", "failed", "timeout", "oom", "diverged", "skipped", "interrupted")
