"""Records: what identifies a run, and what of a folder is a record."""

import dataclasses
import gzip
import json

import pytest

from inbench.words import disk, records
from inbench.words.errors import UserError
from inbench.words.records import Run

RUN = Run("dense-gan", {"tv": 1e-06, "growth": 32}, "c0de", "da7a", 64, "center[side=32]", 100, 8, "float32", 0)
PSNR = {"unit": "dB", "better": "higher", "reduce": "psnr", "column": "mse"}


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
    assert Run(**json.loads(disk.to_json(dataclasses.asdict(RUN)))).key == RUN.key


@pytest.mark.parametrize("version", ["KEY_VERSION", "PROTOCOL"])
def test_the_key_changes_with_its_version_and_the_protocols(monkeypatch, version):
    before = RUN.key
    monkeypatch.setattr(records, version, getattr(records, version) + 1)
    assert RUN.key != before


def test_a_newer_schema_is_refused_in_one_sentence(tmp_path):
    told = records.new(RUN, labels={}, status="ok") | {"schema": records.SCHEMA + 1, "inbench": "9.9"}
    disk.commit(tmp_path / "run", {"run.json": disk.to_json(told)})
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
    told = disk.to_json(records.new(RUN, labels=labels, status="failed"))
    for name in ("b-1", "a-2", ".partial/c-3", "a-1"):
        disk.commit(tmp_path / "runs" / name, {"run.json": told})
    assert [record.folder.name for record in records.all_of(tmp_path)] == ["a-1", "a-2", "b-1"]


@pytest.mark.parametrize("masks", [["center", "half"], ["half", "center"]])
def test_a_hole_that_came_to_nothing_keeps_no_other_from_being_scored(tmp_path, masks):
    labels = {"method": "m", "dataset": "d", "budget": "quick", "any_budget": False, "masks": {}, "train_mask": None}
    costs = {"train_seconds": 1.0, "cpu_seconds": 1.0, "peak_memory_bytes": 1, "parameters": 1}
    more = {"costs": costs, "provenance": {"hardware": {}}, "metrics": {"psnr-pooled": PSNR}}
    told = records.new(RUN, labels=labels, status="ok", **more)
    told["scores"] = {"center": records.nothing("oom", "no room", "center")}
    disk.commit(tmp_path / RUN.name, {"run.json": disk.to_json(told)})
    record = records.open_record(tmp_path / RUN.name)
    assert record.damage() == ""
    assert records.outcome(record, {"test_masks": masks, "part": "test", "wanted": 4}) is None
    assert records.outcome(record, {"test_masks": ["center"], "part": "test", "wanted": 4}) == ("oom", "no room")


def test_scores_that_a_second_training_took_away_are_still_to_be_made(tmp_path):
    labels = {"method": "m", "dataset": "d", "budget": "quick", "any_budget": False, "masks": {}, "train_mask": None}
    told = records.new(RUN, labels=labels, status="ok")
    told["scores"] = {"center": records.nothing("interrupted", "not scored since it was trained again", "center", 4)}
    assert not records.is_scored(records.Record(tmp_path, told), "center", 4)


def test_rows_may_be_zipped(tmp_path):
    told = records.new(RUN, labels={}, status="ok", scores={"center": {"file": "scores/center.csv"}})
    files = {"run.json": disk.to_json(told), "scores/center.csv.gz": gzip.compress(b"id,psnr\n")}
    disk.commit(tmp_path / "run", files)
    assert records.open_record(tmp_path / "run").rows("center") == b"id,psnr\n"


def test_runs_that_were_begun_are_known(tmp_path):
    spec = disk.to_json({"run": dataclasses.asdict(RUN)})
    (tmp_path / "runs" / ".partial" / "a-1").mkdir(parents=True)
    (tmp_path / "runs" / ".partial" / "a-1" / "spec.json").write_bytes(spec)
    (tmp_path / "runs" / ".partial" / "b-1").mkdir()
    (tmp_path / "runs" / ".partial" / "b-1" / "spec.json").write_text('{"ru')
    assert list(records.unfinished(tmp_path)) == [json.loads(spec)]


def test_json_of_records_is_sorted_and_holds_no_nan():
    assert disk.to_json({"b": 1, "a": None}) == b'{\n "a": null,\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        disk.to_json({"a": float("nan")})


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_record_with_a_number_that_json_has_not_is_none(tmp_path, number):
    told = disk.to_json(records.new(RUN, labels={}, status="ok")).replace(
        b'"costs": {}', b'"costs": {"more": %b}' % number.encode()
    )
    assert number.encode() in told
    disk.commit(tmp_path / "run", {"run.json": told})
    assert records.open_record(tmp_path / "run") is None


def test_the_last_lines_of_a_log_are_its_last(tmp_path):
    (tmp_path / "log.txt").write_bytes(b"\xff\n" + b"\n".join(str(line).encode() for line in range(100)))
    assert records.last_lines(tmp_path / "log.txt") == [str(line) for line in range(88, 100)]
    assert records.last_lines(tmp_path / "none.txt") == []


def test_statuses_are_those_of_the_design():
    assert records.STATUSES == ("ok", "failed", "timeout", "oom", "diverged", "skipped", "interrupted")
