"""Verify, pack, merge: damage is shown, archives are not trusted, and numbers that are here are never replaced by others."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import AUTO, Child, Told, planned, workers

from inbench.commands import packing
from inbench.joints import files
from inbench.readers import counting, curves
from inbench.words import disk, records
from inbench.words.errors import UserError

Command = Callable[..., Told]
Tiny = Callable[..., list[dict[str, Any]]]
Find = Callable[..., records.Record]


@pytest.fixture
def made(tiny: Tiny, tmp_path: Path) -> Path:
    """A results folder with a learner and a method that learns nothing."""
    with workers(Child):
        tiny(f"mean-fill,{AUTO}")
    return tmp_path / "results"


def change(record: records.Record, name: str, data: bytes) -> None:
    """Change a file of a record and its hash, as somebody might who wants other numbers."""
    disk.commit(record.folder, {name: data})


def retold(record: records.Record, **more: Any) -> None:
    change(record, "run.json", disk.to_json({**record.told, **more}))


def folder_of(results: Path, method: str) -> Path:
    return next((results / "runs").glob(f"{method}-*"))


def test_what_was_written_is_sound(made: Path, command: Command) -> None:
    told = command("verify", "--results", str(made))
    assert (told.code, told.out.splitlines()[-1]) == (0, "2 of 2 records are sound")


def test_a_damaged_record_is_shown_not_counted_and_made_anew(made: Path, command: Command, tiny: Tiny, tmp_path: Path) -> None:
    file = folder_of(made, "mean-fill") / "scores" / "center_side_16.csv"
    file.write_bytes(file.read_bytes().replace(b"0.1", b"0.2", 1))
    told = command("verify", "--results", str(made))
    assert told.code == 1
    assert "center_side_16.csv is not what was written" in told.out
    shown = command("tables", "--results", str(made))
    assert "| mean-fill" not in shown.out
    assert "1 damaged records are not counted" in shown.out
    with workers(Child):
        tiny(f"mean-fill,{AUTO}")
    assert command("verify", "--results", str(made)).code == 0


def test_means_that_are_not_those_of_the_rows_are_found(made: Path, record: Find) -> None:
    found = record("mean-fill")
    (mask,) = found.scores
    entry = {**found.scores[mask], "means": {**found.scores[mask]["means"], "psnr": 40.0}}
    retold(found, scores={mask: entry})
    assert "psnr on center[side=16] is 40, but the mean of its rows is" in packing.fault_of(found.folder)


def shifted(rows: bytes) -> bytes:
    """A field more in each line than the first names."""
    first, *lines = rows.splitlines(keepends=True)
    return first + b"".join(b"more," + line for line in lines)


@pytest.mark.parametrize("damaged", [shifted, lambda rows: b"\t" + rows, lambda rows: rows.replace(b"id,", b'"id,x",', 1)])
def test_rows_that_pandas_may_take_for_others_are_damage_and_never_counted(
    damaged: Callable[[bytes], bytes], made: Path, command: Command, record: Find
) -> None:
    found = record("mean-fill")
    (entry,) = found.scores.values()
    change(found, entry["file"], damaged((found.folder / entry["file"]).read_bytes()))
    assert f"{entry['file']} cannot be read" in packing.fault_of(found.folder)
    assert "1 damaged records are not counted" in command("tables", "--results", str(made)).out


@pytest.mark.parametrize(
    ("part", "name", "wrong"),
    [
        ("", "started_from", 1), ("", "scheduled", 1), ("", "places", "one"), ("labels", "licence", 1),
        ("provenance", "hardware", [1]),
        ("provenance", "data", "x"), ("costs", "estimated", 1), ("costs", "updates", []), ("metrics", "about", 1),
        ("scores", "guesses", [1]), ("scores", "sets", []), ("scores", "costs", 1),
    ],
)  # fmt: skip
def test_what_a_record_tells_beside_its_numbers_has_its_kind(
    part: str, name: str, wrong: object, made: Path, record: Find
) -> None:
    found = record("mean-fill")
    told = json.loads((found.folder / "run.json").read_text())
    places = told[part].values() if part in ("metrics", "scores") else [told[part] if part else told]
    for place in places:
        place[name] = wrong
    change(found, "run.json", disk.to_json(told))
    fault = packing.fault_of(found.folder)
    assert name in fault
    assert fault.endswith("of another kind")


@pytest.mark.parametrize(
    ("change_in", "said"),
    [
        (
            lambda told: next(iter(told["scores"].values()))["costs"].update(images_per_second=0),
            "no images_per_second on center",
        ),
        (lambda told: told.update(validation=[{"step": 1, "psnr": 9.0}]), "has a validation and no steps"),
        (lambda told: told.update(status="failed", costs={"parameters": "x"}), "has costs parameters of another kind"),
    ],
)
def test_what_tables_divide_by_is_there(change_in: Callable[[Any], None], said: str, made: Path, record: Find) -> None:
    found = record("mean-fill")
    told = json.loads((found.folder / "run.json").read_text())
    change_in(told)
    change(found, "run.json", disk.to_json(told))
    assert said in packing.fault_of(found.folder)


def test_what_was_scored_was_scored_by_the_primary_metric(command: Command, made: Path, record: Find) -> None:
    found = record("mean-fill")
    told = json.loads((found.folder / "run.json").read_text())
    told["metrics"]["psnr"] = told["metrics"].pop("psnr-pooled")
    change(found, "run.json", disk.to_json(told))
    assert packing.fault_of(found.folder).endswith("has scores and no metric psnr-pooled")
    assert "1 damaged records are not counted" in command("tables", "--results", str(made)).out


@pytest.mark.parametrize(("group", "why"), [("x", "holds what is no number"), ("1e300", "has groups beyond any count")])
def test_groups_are_numbers(group: str, why: str, made: Path, record: Find) -> None:
    found = record("mean-fill")
    (entry,) = found.scores.values()
    first, *lines = (found.folder / entry["file"]).read_text().splitlines()
    cells = [line.split(",") for line in lines]
    rows = [first, *(",".join([cell[0], group, *cell[2:]]) for cell in cells)]
    change(found, entry["file"], ("\n".join(rows) + "\n").encode())
    assert packing.fault_of(found.folder) == f"{found.folder.name}/{entry['file']} {why}"


def test_the_order_of_the_rows_is_not_what_pairs_two_methods(made: Path, command: Command, record: Find) -> None:
    compared = ("compare", "mean-fill", AUTO, "--results", str(made))
    before, found = command(*compared).out, record("mean-fill")
    (entry,) = found.scores.values()
    first, *lines = (found.folder / entry["file"]).read_bytes().splitlines(keepends=True)
    assert len(lines) > 2
    change(found, entry["file"], b"".join([first, *reversed(lines)]))
    assert command(*compared).out == before


def test_a_record_under_the_name_of_another_run_is_found(made: Path) -> None:
    folder = folder_of(made, "mean-fill")
    folder.rename(folder.with_name("mean-fill-000000000000"))
    assert "is not the name of the run" in packing.fault_of(folder.with_name("mean-fill-000000000000"))


def test_a_pack_holds_light_files_and_comes_back_the_same(made: Path, command: Command, tmp_path: Path) -> None:
    archive, other = tmp_path / "records.zip", tmp_path / "other"
    assert command("pack", str(archive), "--results", str(made)).code == 0
    with zipfile.ZipFile(archive) as packed:
        assert {Path(name).suffix for name in packed.namelist()} == {"", ".json", ".gz"}
    told = command("merge", str(archive), "--results", str(other))
    assert (told.code, told.out.count(": added")) == (0, 2)
    assert command("tables", "--results", str(other)).out == command("tables", "--results", str(made)).out
    assert command("verify", "--results", str(other)).code == 0
    again = command("merge", str(archive), str(made), "--results", str(other))
    assert (again.code, again.out.count(": here already")) == (0, 4)


def test_a_short_pack_keeps_five_digits_and_is_the_same_run(made: Path, command: Command, tmp_path: Path, record: Find) -> None:
    archive, whole, short, other = (tmp_path / name for name in ("short.zip", "whole.zip", "short", "other"))
    assert command("pack", str(archive), "--short", "--results", str(made)).code == 0
    assert command("pack", str(whole), "--results", str(made)).code == 0
    assert archive.stat().st_size < whole.stat().st_size
    assert command("merge", str(archive), "--results", str(short)).code == 0
    assert command("verify", "--results", str(short)).code == 0
    assert command("tables", "--results", str(short)).out == command("tables", "--results", str(made)).out
    had = record("autoencoder")
    kept = records.open_record(short / "runs" / had.name)
    assert kept is not None
    (mask,) = had.scores
    assert sorted(path.name for path in kept.folder.rglob("*.gz")) == ["center_side_16.csv.gz", "curve.csv.gz"]
    before, after = counting.frame(had, mask), counting.frame(kept, mask)
    assert list(before.index) == list(after.index)
    assert not before["psnr"].equals(after["psnr"])
    assert after["psnr"].to_numpy() == pytest.approx(before["psnr"].to_numpy(), rel=5e-5)
    assert curves.losses_of(kept)["loss"][1] == pytest.approx(curves.losses_of(had)["loss"][1], rel=5e-5)
    assert command("merge", str(whole), "--results", str(short)).out.count(": here already") == 2
    assert command("merge", str(whole), str(archive), "--results", str(other)).out.count(": here already") == 2


def test_another_curve_contradicts_also_beside_a_short_one(made: Path, command: Command, tmp_path: Path, record: Find) -> None:
    archive, other, had = tmp_path / "short.zip", tmp_path / "other", record("autoencoder")
    assert command("pack", str(archive), "--short", "--results", str(made)).code == 0
    curve = had.text(records.CURVE)
    first = b",".join(curve.splitlines()[1].split(b",")[:2])
    nearly = first[:-1] + (b"2" if first.endswith(b"1") else b"1")
    for changed, told in (
        (curve.replace(first, nearly, 1), "here already"),
        (curve.replace(first, b"1,9.5", 1), "curve.csv is another"),
        (b"\xff no curve", "curve.csv is another"),
    ):
        shutil.rmtree(other, ignore_errors=True)
        change(had, records.CURVE, changed)
        command("merge", str(archive), "--results", str(other))
        assert told in command("merge", str(made), "--results", str(other)).out


def test_what_is_no_csv_and_what_is_a_name_is_not_shortened() -> None:
    assert packing.shortened(b"") == b""
    assert packing.shortened(b"\xff") == b"\xff"
    assert packing.shortened(b'id,psnr,n\n1.2345678,1.2345678,12345678\n"a,b",hello,nan\n') == (
        b'id,psnr,n\n1.2345678,1.2346,12345678\n"a,b",hello,nan\n'
    )


def test_weights_are_packed_where_the_terms_allow_it(made: Path, command: Command, tmp_path: Path, record: Find) -> None:
    archive = tmp_path / "records.zip"
    assert command("pack", str(archive), "--weights", "--results", str(made)).code == 0
    assert sum(name.endswith(".safetensors") for name in zipfile.ZipFile(archive).namelist()) == 1
    archive.unlink()
    found = record("autoencoder")
    retold(found, provenance={**found.told["provenance"], "data": {"terms": "not to be passed on"}})
    told = command("pack", str(archive), "--weights", "--results", str(made))
    assert told.code == 2
    assert "forbid to pass them on (not to be passed on); drop --weights" in told.err
    assert not archive.exists()


def test_other_numbers_of_one_run_are_told_with_where_they_came_from_and_never_taken(
    made: Path, command: Command, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other)
    folder = folder_of(other, "mean-fill")
    found = records.open_record(folder)
    assert found is not None
    (mask,) = found.scores
    rows = found.rows(mask).replace(b"e-", b"1e-").splitlines()
    head, first, *rest = found.rows(mask).decode().splitlines()
    cells = first.split(",")
    column = head.split(",").index("ssim")
    cells[column] = str(float(cells[column]) / 2)
    rows = [head, ",".join(cells), *rest]
    means = {**found.scores[mask]["means"], "ssim": None}
    told = {**found.told, "scores": {mask: {**found.scores[mask], "means": means}}}
    disk.commit(folder, {str(found.scores[mask]["file"]): "\n".join(rows).encode(), "run.json": disk.to_json(told)})
    before = {path: path.read_bytes() for path in folder_of(made, "mean-fill").rglob("*") if path.is_file()}
    merged = command("merge", str(other), "--results", str(made))
    assert merged.code == 1
    assert "contradicts: other numbers on" in merged.out
    assert "; there 20" in merged.out
    assert {path: path.read_bytes() for path in folder_of(made, "mean-fill").rglob("*") if path.is_file()} == before


def test_scores_in_the_file_of_others_are_never_taken(made: Path, command: Command, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other)
    found = records.open_record(folder_of(other, "mean-fill"))
    assert found is not None
    ((mask, entry),) = found.scores.items()
    elsewhere = {**found.told, "scores": {mask.replace("center", "box"): {**entry, "shown": "box"}}}
    disk.commit(found.folder, {"run.json": disk.to_json(elsewhere)})
    before = {path: path.read_bytes() for path in folder_of(made, "mean-fill").rglob("*") if path.is_file()}
    merged = command("merge", str(other), "--results", str(made))
    assert merged.code == 1
    assert "have the file of other scores here" in merged.out
    assert {path: path.read_bytes() for path in folder_of(made, "mean-fill").rglob("*") if path.is_file()} == before


def test_a_mean_near_nothing_is_that_of_its_rows(made: Path, record: Find) -> None:
    found = record("mean-fill")
    ((mask, entry),) = found.scores.items()
    head, *lines = found.rows(mask).decode().splitlines()
    column = head.split(",").index("seam")
    exact = np.linspace(-9.87654321, 9.87654321, len(lines)) + 1e-4 / 3
    cells = [line.split(",") for line in lines]
    for row, value in zip(cells, exact, strict=True):
        row[column] = f"{value:.7g}"
    told = {**found.told, "scores": {mask: {**entry, "means": {**entry["means"], "seam": float(exact.mean())}}}}
    rows = "\n".join([head, *map(",".join, cells)]) + "\n"
    disk.commit(found.folder, {entry["file"]: rows.encode(), "run.json": disk.to_json(told)})
    assert packing.fault_of(found.folder) == ""


def test_weights_may_be_larger_than_any_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    with zipfile.ZipFile(tmp_path / "records.zip", "w") as archive:
        archive.writestr("weights.safetensors", bytes(1000))
    assert len(files.Files(tmp_path / "records.zip").read("weights.safetensors")) == 1000
    with zipfile.ZipFile(tmp_path / "records.zip", "a") as archive:
        archive.writestr("picture.png", bytes(1000))
    with pytest.raises(UserError, match=r"picture\.png.*would unpack"):
        files.Files(tmp_path / "records.zip")


def test_scores_on_another_mask_are_added(made: Path, tiny: Tiny, command: Command, tmp_path: Path, record: Find) -> None:
    with workers(Child):
        tiny("mean-fill", into="other", test_masks="half")
    merged = command("merge", str(tmp_path / "other"), "--results", str(made))
    assert "extended: half" in merged.out
    assert record("mean-fill").told["labels"]["masks"] == {"center[side=16]": "center", "half[part=any]": "half"}
    with workers(Child):
        assert [one.state for one in planned(made, "mean-fill", test_masks="center,half")] == ["done"]


def test_scores_on_another_mask_are_added_to_a_record_with_more_metrics(
    made: Path, tiny: Tiny, command: Command, tmp_path: Path, record: Find
) -> None:
    found = record("mean-fill")
    ((mask, entry),) = found.scores.items()
    more = {**found.told["metrics"], "twice": {**found.told["metrics"]["ssim"], "column": "twice"}}
    means = {**entry["means"], "twice": entry["means"]["ssim"]}
    head, *lines = found.rows(mask).decode().splitlines()
    place = head.split(",").index("ssim")
    rows = "\n".join([f"{head},twice", *(f"{line},{line.split(',')[place]}" for line in lines)]) + "\n"
    told = {**found.told, "metrics": more, "scores": {mask: {**entry, "means": means}}}
    disk.commit(found.folder, {entry["file"]: rows.encode(), "run.json": disk.to_json(told)})
    with workers(Child):
        tiny("mean-fill", into="other", test_masks="half")
        tiny("mean-fill", into="older")
    assert command("merge", str(tmp_path / "older"), "--results", str(made)).out.count("here already") == 1
    merged = command("merge", str(tmp_path / "other"), "--results", str(made)).out
    assert "extended: half[part=any]; no longer scored by twice, which what is new lacks or has by another source" in merged
    assert packing.fault_of(found.folder) == ""
    assert "twice" not in record("mean-fill").told["metrics"]


def test_scores_take_the_place_of_none(made: Path, command: Command, tmp_path: Path, record: Find) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other)
    found = record("mean-fill")
    (mask,) = found.scores
    told = {**found.told, "scores": {mask: records.nothing("failed", "a full moon", "center")}}
    disk.commit(found.folder, {"run.json": disk.to_json(told)}, remove=(found.scores[mask]["file"],))
    assert "extended: center" in command("merge", str(other), "--results", str(made)).out
    assert record("mean-fill").scores[mask]["status"] == "ok"
    assert packing.fault_of(found.folder) == ""


def test_fewer_images_and_fewer_looks_at_validation_contradict_nothing(
    made: Path, tiny: Tiny, command: Command, tmp_path: Path
) -> None:
    with workers(Child):
        tiny(f"mean-fill,{AUTO}", into="other", budget="smoke[steps=6,batch=4,test_images=4,val_times=6]")
    told = command("merge", str(tmp_path / "other"), "--results", str(made))
    assert (told.code, told.out.count("here already")) == (0, 2)


def test_scores_on_more_images_than_there_are_here_are_told(made: Path, tiny: Tiny, command: Command, tmp_path: Path) -> None:
    with workers(Child):
        tiny("mean-fill", into="fewer", budget="smoke[steps=6,batch=4,test_images=4]")
    told = command("merge", str(made), "--results", str(tmp_path / "fewer")).out
    assert "here already: center has 8 images there, 4 here: inbench run goes on" in told


def zipped(file: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        if link:
            told = zipfile.ZipInfo(link)
            told.external_attr = 0o120777 << 16
            archive.writestr(told, "/etc/passwd")
    return file


BOMB = b"0" * 2**26
SHA = disk.sha256(b"{}")
ARCHIVES: list[tuple[str, dict[str, bytes], str]] = [
    ("traversal", {"../run/done": b"{}"}, "leads out"),
    ("absolute", {"/tmp/run/done": b"{}"}, "leads out"),
    ("backslash", {"run\\..\\done": b"{}"}, "leads out"),
    ("bomb", {"run/done": b"{}", "run/run.json": BOMB}, "would unpack to"),
    ("empty", {}, "holds no records"),
    ("no-record", {"a.txt": b"a"}, "holds no records"),
    ("list-of-nothing", {"run/done": b"{}"}, "no list of files"),
    ("list-is-none", {"run/done": b"[1]"}, "no list of files"),
    ("list-leads-out", {"run/done": b'{"../../x.csv": "' + b"0" * 64 + b'"}'}, "no list of files"),
    ("list-is-deep", {"run/done": b"[" * 100_000}, "no list of files"),
    ("missing-file", {"run/done": json.dumps({"run.json": "0" * 64}).encode()}, "is missing"),
    ("other-hash", {"run/done": json.dumps({"run.json": "0" * 64}).encode(), "run/run.json": b"{}"}, "is not what was written"),
    ("no-run", {"run/done": json.dumps({"run.json": SHA}).encode(), "run/run.json": b"{}"}, "has no key"),
]


@pytest.mark.parametrize(("name", "members", "why"), ARCHIVES, ids=[one[0] for one in ARCHIVES])
def test_an_archive_is_not_trusted(name: str, members: dict[str, bytes], why: str, command: Command, tmp_path: Path) -> None:
    told = command("merge", str(zipped(tmp_path / "bad.zip", members)), "--results", str(tmp_path / "inside" / "results"))
    assert told.code in (1, 2)
    assert why in told.out + told.err
    left = [path for path in (tmp_path / "inside").rglob("*") if path.is_file()]
    assert left == []


def test_links_are_not_followed(made: Path, command: Command, tmp_path: Path) -> None:
    told = command("merge", str(zipped(tmp_path / "bad.zip", {"run/done": b"{}"}, link="run/run.json")), "--results", str(made))
    assert (told.code, "is a link" in told.err) == (2, True)
    (tmp_path / "other" / "runs" / "run").mkdir(parents=True)
    (tmp_path / "other" / "runs" / "run" / "done").symlink_to("/etc/passwd")
    told = command("merge", str(tmp_path / "other"), "--results", str(made))
    assert (told.code, "a link that leads out" in told.err) == (2, True)


def test_a_merge_of_nothing_is_one_sentence(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no"):
        packing.merge(made, [tmp_path / "nowhere"])
    with pytest.raises(UserError, match="itself"):
        packing.merge(made, [Path(os.path.relpath(made))])
