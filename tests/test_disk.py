"""Disk: all of a change or none of it, whatever moment a kill comes at."""

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from inbench.words import disk, records

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
    return {name: disk.where(folder, name).read_bytes() for name in disk.listed(folder)}


def kills(change, folder, monkeypatch):
    """Do a change in a fresh folder, killed at each moment in turn; yields after each kill, and ends when there was none."""
    for moment in range(1000):
        shutil.rmtree(folder, ignore_errors=True)
        disk.commit(folder, OLD)
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
    disk.commit(tmp_path / "run", OLD)
    assert files_of(tmp_path / "run") == OLD
    assert disk.fault_of(tmp_path / "run") == ""


def test_a_later_change_adds_and_replaces(tmp_path):
    disk.commit(tmp_path / "run", OLD)
    disk.commit(tmp_path / "run", NEW)
    assert files_of(tmp_path / "run") == OLD | NEW
    assert disk.fault_of(tmp_path / "run") == ""


def test_what_is_removed_is_gone_and_not_missed(tmp_path):
    disk.commit(tmp_path / "run", OLD)
    disk.commit(tmp_path / "run", {"run.json": b"{}"}, remove=("weights.safetensors",))
    assert set(files_of(tmp_path / "run")) == {"run.json", "scores/center.csv"}
    assert disk.fault_of(tmp_path / "run") == ""


def test_a_kill_at_any_moment_leaves_the_old_record_or_the_new_one(tmp_path, monkeypatch):
    folder, seen = tmp_path / "run", set()
    for moment in kills(lambda: disk.commit(folder, NEW), folder, monkeypatch):
        disk.settle(folder)
        assert disk.fault_of(folder) == "", f"killed at {moment}"
        listed = {name: (folder / name).read_bytes() for name in json.loads((folder / "done").read_text())}
        assert listed in (OLD, OLD | NEW), f"killed at {moment}"
        seen.add(listed == OLD)
    assert seen == {True, False}


def test_a_kill_at_any_moment_leaves_no_file_that_is_not_listed(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    change = {"run.json": NEW["run.json"]}
    for moment in kills(lambda: disk.commit(folder, change, remove=("weights.safetensors",)), folder, monkeypatch):
        disk.settle(folder)
        listed = set(json.loads((folder / "done").read_text()))
        there = {name for name in files_of(folder) if not Path(name).name.startswith(".")}  # half-written ones are hidden
        assert there == listed, f"killed at {moment}"


def test_a_change_after_a_kill_counts_whole(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for _ in kills(lambda: disk.commit(folder, NEW), folder, monkeypatch):
        disk.commit(folder, {"scores/last.csv": b"last"})
        assert disk.fault_of(folder) == ""
        assert files_of(folder) in (OLD | {"scores/last.csv": b"last"}, OLD | NEW | {"scores/last.csv": b"last"})


def test_a_kill_while_settling_is_settled_again(tmp_path, monkeypatch):
    folder, twice = tmp_path / "run", tmp_path / "twice"
    for _ in kills(lambda: disk.commit(folder, NEW), folder, monkeypatch):
        for second in range(8):
            shutil.rmtree(twice, ignore_errors=True)
            shutil.copytree(folder, twice)
            with monkeypatch.context() as patched:
                Kill(patched, second)
                with contextlib.suppress(Killed):
                    disk.settle(twice)
            disk.settle(twice)
            assert disk.fault_of(twice) == ""


def test_a_first_record_cut_short_is_no_record(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for moment in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        with monkeypatch.context() as patched:
            Kill(patched, moment)
            try:
                disk.commit(folder, OLD)
            except Killed:
                pass
            else:
                return
        record = records.open_record(folder)
        assert record is None or (read_of(folder) == OLD and disk.fault_of(folder) == "")


def test_a_reader_sees_the_old_record_or_the_new_one_and_writes_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    for _ in kills(lambda: disk.commit(folder, NEW), folder, monkeypatch):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        record = records.open_record(folder)
        assert record.told in ({"schema": 1, "old": 1}, {"schema": 1, "new": 1})
        assert disk.fault_of(folder) == ""
        assert read_of(folder) in (OLD, OLD | NEW)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_record_is_never_gone_while_another_takes_its_place(tmp_path, monkeypatch):
    work, final = tmp_path / ".partial" / "run", tmp_path / "run"
    for moment in kills(lambda: disk.publish(work, final, NEW), final, monkeypatch):
        assert records.open_record(final) is not None, f"killed at {moment}"


def test_a_file_without_room_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    disk.commit(tmp_path / "run", OLD)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        disk.commit(tmp_path / "run", NEW)
    assert files_of(tmp_path / "run") == OLD


def test_a_published_record_appears_whole(tmp_path):
    disk.publish(tmp_path / ".partial" / "run", tmp_path / "run", OLD)
    assert files_of(tmp_path / "run") == OLD
    assert disk.fault_of(tmp_path / "run") == ""


def test_a_published_record_takes_the_place_of_the_old_one(tmp_path):
    disk.publish(tmp_path / ".partial" / "run", tmp_path / "run", OLD)
    disk.publish(tmp_path / ".partial" / "run", tmp_path / "run", {"run.json": b"{}"})
    assert files_of(tmp_path / "run") == {"run.json": b"{}"}
    assert [path.name for path in (tmp_path / ".partial" / "run").iterdir()] == []


def test_an_interrupted_file_leaves_nothing_behind(tmp_path):
    def interrupted():
        with disk.whole_file(tmp_path / "a.md") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_while_publishing_leaves_no_half_record(tmp_path, monkeypatch):
    work, final = tmp_path / ".partial" / "run", tmp_path / "run"
    for moment in kills(lambda: disk.publish(work, final, NEW), final, monkeypatch):
        record = records.open_record(final)
        assert record is None or (disk.fault_of(final) == "" and read_of(final) in (OLD, NEW)), f"killed at {moment}"
        disk.publish(work, final, NEW)
        assert files_of(final) == NEW
        shutil.rmtree(work, ignore_errors=True)


def test_a_changed_file_is_found(tmp_path):
    disk.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "scores" / "center.csv").write_bytes(b"0ld")
    assert disk.fault_of(tmp_path / "run") == "run/scores/center.csv is not what was written"


def test_a_missing_file_is_found(tmp_path):
    disk.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "weights.safetensors").unlink()
    assert disk.fault_of(tmp_path / "run") == "run/weights.safetensors is missing"


@pytest.mark.parametrize("done", [None, b"", b"{", b"{}"])
def test_a_missing_or_broken_list_of_files_is_found(tmp_path, done):
    disk.commit(tmp_path / "run", OLD)
    (tmp_path / "run" / "done").unlink()
    if done is not None:
        (tmp_path / "run" / "done").write_bytes(done)
    assert "no list of its files" in disk.fault_of(tmp_path / "run")


def test_nothing_is_written_by_a_second_look(tmp_path):
    disk.commit(tmp_path / "run", OLD)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    records.open_record(tmp_path / "run")
    disk.settle(tmp_path / "run")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
