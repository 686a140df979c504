"""Preparing: every picture decoded once, whole or not at all, no picture in two parts, whoever else prepares or dies."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from handmade import Decoder, Tiles, encoded, left_in, named, noise, prepared, split, tiles, written, zipped
from inbench_datasets.folder import Folder

from inbench.joints import claims, preparing, store
from inbench.joints.decoding import Box, Decoded
from inbench.joints.files import Files
from inbench.words.dataset import Pictures, Split
from inbench.words.errors import UserError


def notes_of(told):
    return told.manifest["notes"]


def test_the_second_time_nothing_is_decoded_again(tmp_path):
    pictures = split()
    dataset = Tiles(pictures)
    first = prepared(dataset, tmp_path)
    given = pictures.train.images.given
    second = prepared(dataset, tmp_path)
    assert (dataset.times, pictures.train.images.given, given) == (1, 30, 30)
    assert first.folder == second.folder


def test_every_picture_is_decoded_once_even_where_val_is_carved(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "CHUNK", 7)
    pictures = split()
    prepared(Tiles(pictures), tmp_path)
    assert (pictures.train.images.given, pictures.test.images.given) == (30, 5)


def test_the_content_hash_never_changes(tmp_path):
    content = prepared(Tiles(split()), tmp_path).manifest["content"]
    assert content == "3be32f5ce49dca03d01dcde34c2ce617745b2edd36b5927fc34d446905878a88"


def test_the_content_hash_does_not_depend_on_the_chunks_or_the_label(tmp_path, monkeypatch):
    one = prepared(Tiles(split()), tmp_path, label="one").manifest["content"]
    monkeypatch.setattr(preparing, "CHUNK", 4)
    assert prepared(Tiles(split()), tmp_path, label="two").manifest["content"] == one


def test_the_content_hash_knows_pixels_ids_groups_and_parts(tmp_path):
    pixels, val = tiles(0, 6), named("val", Decoder(tiles(500, 2)))
    turned, grouped = pixels.copy(), tuple("abcabc")
    turned[3, 0, 0, 0] ^= 1
    splits = [
        Split(named("train", Decoder(pixels)), split().test, val),
        Split(named("train", Decoder(turned)), split().test, val),
        Split(named("other", Decoder(pixels)), split().test, val),
        Split(named("train", Decoder(pixels), grouped), split().test, val),
        Split(named("train", Decoder(pixels)), val, split().test),
    ]
    found = {prepared(Tiles(each), tmp_path / str(place)).manifest["content"] for place, each in enumerate(splits)}
    assert len(found) == len(splits)


# What prepares anew


@pytest.mark.parametrize(("change", "value"), [("code", "other"), ("size", 64), ("label", "other")])
def test_what_the_recipe_says_prepares_anew(tmp_path, change, value):
    size = 64 if change == "size" else 32
    prepared(Tiles(split()), tmp_path)
    dataset = Tiles(Split(named("train", Decoder(tiles(0, 9, size))), named("test", Decoder(tiles(99, 3, size)))))
    prepared(dataset, tmp_path, **{change: value})
    assert dataset.times == 1


def test_other_params_prepare_anew(tmp_path):
    prepared(Tiles(split()), tmp_path)
    dataset = Tiles(split(), Tiles.Params(shade=1))
    prepared(dataset, tmp_path)
    assert dataset.times == 1


def test_a_changed_source_file_prepares_anew(tmp_path):
    source, dataset = tmp_path / "faces.zip", Tiles(split())
    for content, times in ((b"one", 1), (b"one", 1), (b"two", 2)):
        source.write_bytes(content)
        prepared(dataset, tmp_path / "data", source=source)
        assert dataset.times == times


def test_a_changed_source_folder_prepares_anew(tmp_path):
    source, dataset = tmp_path / "faces", Tiles(split())
    source.mkdir()
    (source / "a.png").write_bytes(b"one")
    prepared(dataset, tmp_path / "data", source=source)
    prepared(dataset, tmp_path / "data", source=source)
    assert dataset.times == 1
    state = (source / "a.png").stat()
    (source / "a.png").write_bytes(b"two")
    os.utime(source / "a.png", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    prepared(dataset, tmp_path / "data", source=source)
    assert dataset.times == 2
    (source / "b.png").write_bytes(b"new")
    prepared(dataset, tmp_path / "data", source=source)
    assert dataset.times == 3


def test_a_set_that_lost_its_manifest_is_prepared_anew(tmp_path):
    (prepared(Tiles(split()), tmp_path).folder / "manifest.json").unlink()
    assert prepared(Tiles(split()), tmp_path).fault() == ""


# Carving


def test_val_is_carved_by_hash_whatever_the_order(tmp_path):
    images = tiles(0, 60)
    straight = Pictures(tuple(f"{place}.png" for place in range(60)), Decoder(images))
    turned = Pictures(straight.ids[::-1], Decoder(images[::-1]))
    one, other = (prepared(Tiles(Split(each, split().test)), tmp_path / str(id(each))) for each in (straight, turned))
    held = one.part("val").ids
    assert sorted(held) == sorted(other.part("val").ids)
    assert sorted(held + one.part("train").ids) == sorted(straight.ids)


def test_about_a_twentieth_is_carved():
    ids = tuple(f"{place}.png" for place in range(4000))
    held = preparing._carved(Pictures(ids, np.zeros((4000, 1))))
    assert 160 < held.sum() < 240


def test_the_carved_pictures_never_change():
    ids = tuple(f"{place:06d}.jpg" for place in range(100))
    assert np.flatnonzero(preparing._carved(Pictures(ids, np.zeros((100, 1))))).tolist() == [12, 56, 74]


def test_val_is_carved_by_whole_groups(tmp_path):
    groups = tuple(f"person {place // 4}" for place in range(80))
    told = prepared(Tiles(Split(named("train", Decoder(tiles(0, 80)), groups), split().test)), tmp_path)
    train, val = set(told.part("train").groups), set(told.part("val").groups)
    assert val
    assert not train & val


def test_a_handful_of_pictures_is_carved_too(tmp_path):
    told = prepared(Tiles(split(train=2)), tmp_path)
    assert told.manifest["counts"] == {"train": 1, "val": 1, "test": 5}


def test_pictures_of_one_group_cannot_be_carved(tmp_path):
    train = named("train", Decoder(tiles(0, 4)), ("a",) * 4)
    with pytest.raises(UserError, match="at least two groups"):
        prepared(Tiles(Split(train, split().test)), tmp_path)
    assert left_in(tmp_path) == []


# The same picture in two parts


def test_a_picture_in_two_of_the_users_parts_is_refused_with_both_names(tmp_path):
    test = named("test", Decoder(np.concatenate([tiles(1000, 3), tiles(4, 1)])))
    val = named("val", Decoder(tiles(500, 2)))
    with pytest.raises(UserError, match=r"'train-004' \(train\) is the same picture as 'test-003' \(test\)"):
        prepared(Tiles(Split(split().train, test, val)), tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("place", range(30))
def test_a_picture_of_a_carved_part_that_tests_too_is_refused(tmp_path, place):
    with pytest.raises(UserError, match=rf"'train-{place:03d}' \((train|val)\) is the same picture as 'test-000' \(test\)"):
        prepared(Tiles(Split(split().train, named("test", Decoder(tiles(place, 1))))), tmp_path)
    assert left_in(tmp_path) == []


def test_an_official_split_drops_from_what_learns_and_counts_it(tmp_path):
    test = named("test", Decoder(tiles(1000, 5)))
    val = named("val", Decoder(np.concatenate([tiles(500, 3), tiles(1001, 1)])))
    train = named("train", Decoder(np.concatenate([tiles(0, 6), tiles(1000, 2), tiles(502, 1)])))
    told = prepared(Tiles(Split(train, test, val, official=True)), tmp_path)
    assert told.manifest["counts"] == {"train": 6, "val": 3, "test": 5}
    assert told.manifest["dropped"] == {"train": 3, "val": 1, "test": 0}
    assert {part: told.part(part).ids for part in store.PARTS} == {
        "train": list(train.ids[:6]),
        "val": list(val.ids[:3]),
        "test": list(test.ids),
    }
    assert (told.part("train").images == tiles(0, 6)).all()
    assert "3 train pictures that another part has too were left out" in notes_of(told)
    assert "1 val pictures that another part has too were left out" in notes_of(told)
    assert told.fault() == ""


def test_an_official_split_drops_before_val_is_carved(tmp_path):
    train = named("train", Decoder(np.concatenate([tiles(1000, 3), tiles(0, 30)])))
    told = prepared(Tiles(Split(train, split().test, official=True)), tmp_path)
    assert sum(told.manifest["dropped"].values()) == 3
    assert told.manifest["counts"]["test"] == 5
    assert sum(told.manifest["counts"].values()) == 35


def test_where_nothing_is_left_of_a_part_that_is_said(tmp_path):
    with pytest.raises(UserError, match="the train part has no pictures left"):
        prepared(Tiles(Split(named("train", Decoder(tiles(1000, 2))), split().test, split().train, official=True)), tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("official", [True, False])
def test_equal_pictures_of_train_are_never_on_both_sides_of_the_carving(tmp_path, official):
    images = np.concatenate([tiles(0, 90), tiles(0, 90)])
    told = prepared(Tiles(Split(named("train", Decoder(images)), split().test, official=official)), tmp_path)
    train, val = ({image.tobytes() for image in told.part(part).images} for part in ("train", "val"))
    assert not train & val
    assert len(train | val) == 90
    counts, dropped = told.manifest["counts"], told.manifest["dropped"]
    assert counts["train"] + counts["val"] + dropped["train"] + dropped["val"] == 180
    assert dropped["train"] + dropped["val"] > 0
    for part in ("train", "val"):
        said = f"{dropped[part]} {part} pictures that another part has too were left out"
        assert (said in notes_of(told)) == (dropped[part] > 0)
    assert told.fault() == ""


def test_equal_pictures_inside_one_part_stay(tmp_path):
    images = np.concatenate([tiles(0, 3), tiles(0, 3)])
    told = prepared(Tiles(Split(named("train", Decoder(images)), split().test, named("val", Decoder(tiles(500, 2))))), tmp_path)
    assert told.manifest["counts"]["train"] == 6
    assert told.manifest["dropped"] == {"train": 0, "val": 0, "test": 0}


# Pictures that cannot be used


BAD = {"p1.png": b"", "p7.png": b"<html>404</html>", "p9.png": encoded(noise(9))[:900]}


def album(parts="ttttttvvtxx", **more):
    """A folder of pictures and the part of each: t(rain), v(al), x (test)."""
    words = {"t": "train", "v": "val", "x": "test"}
    rows = "".join(f"p{place}.png,{words[part]}\n" for place, part in enumerate(parts))
    files = {f"p{place}.png": encoded(noise(place)) for place in range(len(parts))}
    return {**files, "index.csv": f"file,split\n{rows}", **more}


def folder(*, skip=False):
    return Folder(Folder.Params(skip_bad_images=skip))


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """Where files come to lie: as a folder or as a zip."""

    def lay(files):
        return zipped(tmp_path / "set.zip", files) if request.param == "zip" else written(tmp_path / "set", files)

    return lay


def test_a_bad_picture_is_found_while_preparing_and_nothing_is_left(place, tmp_path):
    source = place(album() | {"p8.png": b"hello"})
    assert len(folder().prepare(source, 32).train.ids) == 7  # nothing is decoded yet
    with pytest.raises(UserError, match=r"p8\.png is no picture; mend or remove it, .*--skip-bad-images"):
        prepared(folder(), tmp_path / "data", source=source)
    assert left_in(tmp_path / "data") == []


def test_skipped_pictures_are_counted_in_the_notes_whatever_their_part(place, tmp_path):
    told = prepared(folder(skip=True), tmp_path / "data", source=place(album() | BAD))
    assert told.manifest["counts"] == {"train": 6, "val": 1, "test": 1}
    assert notes_of(told) == [f"3 bad images skipped: {', '.join(sorted(BAD)[:3])}"]
    assert told.part("train").ids == ["p0.png", "p2.png", "p3.png", "p4.png", "p5.png", "p8.png"]
    assert (told.part("train").images[1] == np.asarray(folder().prepare(place(album()), 32).train.images[2:3][0])).all()


def test_skipped_pictures_are_not_taken_for_equal_ones(place, tmp_path):
    told = prepared(folder(skip=True), tmp_path / "data", source=place(album() | {"p0.png": b"", "p6.png": b"", "p9.png": b""}))
    assert sum(told.manifest["dropped"].values()) == 0


def test_a_bad_picture_is_left_out_whatever_its_id_is(place, tmp_path):
    files = Files(place({f"p{count}.png": b"" if count == 3 else encoded(noise(count)) for count in range(8)}))
    images = Decoded(files, files.pictures(), 32, lambda name, width, height: Box.middle(width, height), skip_bad=True)
    train = Pictures(tuple(name.removesuffix(".png") for name in files.pictures()), images, None)
    told = prepared(Tiles(Split(train, split().test)), tmp_path / "data")
    assert (sum(told.manifest["counts"].values()), notes_of(told)) == (12, ["1 bad image skipped: p3.png"])


def test_one_name_in_two_parts_is_refused(tmp_path):
    twice = Split(named("same", Decoder(tiles(0, 9))), named("same", Decoder(tiles(99, 3))))
    with pytest.raises(UserError, match=r"'same-000' is in the .* part and in the test part"):
        prepared(Tiles(twice), tmp_path)


def test_a_part_of_which_every_picture_is_bad_is_said(place, tmp_path):
    with pytest.raises(UserError, match="the test part has no pictures left"):
        prepared(folder(skip=True), tmp_path / "data", source=place(album() | {"p9.png": b"", "p10.png": b""}))
    assert left_in(tmp_path / "data") == []


@pytest.mark.parametrize("bad", range(8))
def test_a_picture_that_cannot_be_used_does_not_take_the_carved_part_away(tmp_path, bad):
    source = written(tmp_path / "set", album("ttttttttx") | {f"p{bad}.png": b""})
    assert sum(prepared(folder(skip=True), tmp_path / "data", source=source).manifest["counts"].values()) == 8


def test_what_was_read_is_known_by_its_bytes(tmp_path):
    one = prepared(folder(), tmp_path / "data", source=written(tmp_path / "set", album()))
    other = prepared(folder(), tmp_path / "data", source=zipped(tmp_path / "set.zip", album()))
    changed = prepared(
        folder(), tmp_path / "data", source=zipped(tmp_path / "set.zip", album() | {"p6.png": encoded(noise(99))})
    )
    assert one.manifest["sources"].keys() == {"train", "val", "test"}
    assert one.manifest["sources"] == other.manifest["sources"]
    told = {part for part, digest in changed.manifest["sources"].items() if digest != one.manifest["sources"][part]}
    assert told == {"val"}
    assert one.manifest["resizer"] == "Pillow bilinear, antialiased"


# Whole or not at all


def test_a_part_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match="the test part has no pictures"):
        prepared(Tiles(Split(split().train, Pictures((), np.zeros((0, 32, 32, 3))))), tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("breaks_at", [0, 8, 24])
def test_an_interrupted_preparation_leaves_nothing(tmp_path, monkeypatch, error, breaks_at):
    monkeypatch.setattr(preparing, "CHUNK", 8)
    broken = Decoder(tiles(0, 30), breaks_at)
    broken.error = error
    with pytest.raises(type(error)):
        prepared(Tiles(Split(named("train", broken), split().test)), tmp_path)
    assert left_in(tmp_path) == []
    assert store.all_in(tmp_path) == []
    told = prepared(Tiles(split()), tmp_path)
    assert (told.manifest["counts"]["test"], told.fault()) == (5, "")


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 32, 32, 3)), np.zeros((9, 16, 32, 3), np.uint8), np.zeros((9, 32, 32), np.uint8)]
)
def test_pictures_of_another_form_are_the_data_sets_fault(tmp_path, wrong):
    with pytest.raises(ValueError, match="pictures came as"):
        prepared(Tiles(Split(named("train", wrong), split().test)), tmp_path)
    assert left_in(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--data DIR"):
        prepared(Tiles(split()), tmp_path / "file" / "data")


def test_progress_ends_at_the_number_of_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "CHUNK", 8)
    told = []
    prepared(Tiles(split()), tmp_path, report=lambda *each: told.append(each))
    assert [(done, total) for _, done, total in told if done == total] == [(5, 5), (30, 30)]
    assert [done for _, done, total in told if total == 30] == [8, 16, 24, 30]


def test_the_manifest_says_what_it_is(tmp_path):
    lists = {"list.txt": "0123"}
    told = prepared(Tiles(split(notes=("crop: none",), lists=lists)), tmp_path)
    manifest = json.loads((told.folder / "manifest.json").read_text())
    assert manifest["licence"] == "CC0-1.0"
    assert manifest["notes"] == ["crop: none"]
    assert manifest["size"] == 32
    assert manifest["sources"] == lists
    assert manifest["dropped"] == {"train": 0, "val": 0, "test": 0}
    assert manifest["versions"].keys() == {"numpy", "pillow", "scikit-image"}


def test_a_label_with_odd_letters_stays_in_its_folder(tmp_path):
    told = prepared(Tiles(split()), tmp_path, label="../up [a=1]/x")
    assert told.folder.parent == tmp_path


# Other processes


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from handmade import Decoder, Tiles, named, prepared, split, tiles
from inbench.words.dataset import Split

here = Path(sys.argv[1])

class Slow(Decoder):
    def __getitem__(self, part):
        (here / "in-the-middle").touch()
        while not (here / "go").exists():
            time.sleep(0.01)
        return super().__getitem__(part)

slow = Split(named("train", Slow(tiles(0, 30))), split().test)
told = prepared(Tiles(slow), here / "data", report=lambda *each: print(*each, flush=True))
print("folder", told.folder, slow.train.images.given, flush=True)
"""


@pytest.fixture
def child(tmp_path):
    """Starts processes that prepare a set and stop in the middle of it until a file `go` is there."""
    with contextlib.ExitStack() as started:

        def start():
            words = [sys.executable, "-c", CHILD.format(tests=str(Path(__file__).parent)), str(tmp_path)]
            process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            started.callback(process.communicate)
            started.callback(process.kill)
            return process

        yield start


def wait_for(file):
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end, f"{file} never came"
        time.sleep(0.01)


def test_a_process_killed_in_the_middle_leaves_nothing_that_looks_whole(tmp_path, child):
    process = child()
    wait_for(tmp_path / "in-the-middle")
    process.send_signal(signal.SIGKILL)
    process.wait()
    data = tmp_path / "data"
    assert any(path.name.startswith(".tiles") for path in data.iterdir() if path.is_dir())  # what it had begun
    assert store.all_in(data) == []
    told = prepared(Tiles(split()), data)
    assert told.fault() == ""
    assert left_in(data) == [told.folder.name]


def test_of_two_processes_one_works_and_the_other_waits_for_it(tmp_path, child):
    first = child()
    wait_for(tmp_path / "in-the-middle")
    second = child()
    said = second.stdout.readline()  # nothing else can come before the first one has gone on
    assert "in another process 0 0" in said
    (tmp_path / "go").touch()
    ends = [process.communicate(timeout=60)[0].splitlines()[-1].split() for process in (first, second)]
    assert ends[0][:2] == ends[1][:2]
    assert [int(end[2]) for end in ends] == [30, 0]
    assert left_in(tmp_path / "data") == [Path(ends[0][1]).name]


def test_who_waited_for_a_process_that_died_prepares_the_set(tmp_path, child):
    first = child()
    wait_for(tmp_path / "in-the-middle")
    second = child()
    assert "in another process" in second.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "go").touch()
    end = second.communicate(timeout=60)[0].splitlines()[-1].split()
    assert int(end[2]) == 30
    assert store.Prepared(Path(end[1])).fault() == ""


def test_who_stood_still_so_long_that_another_took_over_uses_the_others_set(tmp_path, child, monkeypatch):
    monkeypatch.setattr(claims, "SILENT_SECONDS", 0.5)
    first = child()
    wait_for(tmp_path / "in-the-middle")
    first.send_signal(signal.SIGSTOP)
    told = prepared(Tiles(split()), tmp_path / "data")
    (tmp_path / "go").touch()
    first.send_signal(signal.SIGCONT)
    end = first.communicate(timeout=60)[0].splitlines()[-1].split()
    assert (first.returncode, Path(end[1]), told.fault()) == (0, told.folder, "")
    assert left_in(tmp_path / "data") == [told.folder.name]


# No room


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk can be mounted by root alone")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_too_small_is_said_before_anything_is_decoded(small_disk):
    pictures = split(train=400)
    with pytest.raises(UserError, match=r"405 pictures of 32 x 32 need 1\.2 MB, and .* has \d\.\d MB left; .*--data DIR"):
        prepared(Tiles(pictures), small_disk)
    assert pictures.train.images.given == pictures.test.images.given == 0
    assert left_in(small_disk) == []


def test_a_set_that_no_disk_can_hold_is_said_too(tmp_path):
    with pytest.raises(UserError, match=r"35 pictures of 1048576 x 1048576 need 115448720\.9 MB, and .*--data DIR"):
        prepared(Tiles(split()), tmp_path, size=2**20)
    assert left_in(tmp_path) == []


def test_a_disk_that_fills_up_on_the_way_is_said_and_nothing_is_left(small_disk):
    count = 2**20 // (32 * 32 * 3) - 7  # the pictures and the claim alone would just find room
    with pytest.raises(UserError, match=r"no room is left in .*/disk; make some, or name another folder with --data DIR"):
        prepared(Tiles(split(train=count)), small_disk)
    assert left_in(small_disk) == []
    assert prepared(Tiles(split()), small_disk).fault() == ""


def test_an_error_page_in_place_of_the_only_picture_is_named(tmp_path):
    source = written(tmp_path / "set", {"a.jpg": "<!DOCTYPE html><html>404</html>"})
    with pytest.raises(UserError, match=r"no pictures whose split is train; and a.jpg is an HTML page"):
        prepared(Folder(Folder.Params()), tmp_path, source=source)


def test_where_the_only_picture_is_one_nothing_more_is_said(tmp_path):
    source = written(tmp_path / "set", {"a.png": encoded(noise(1))})
    with pytest.raises(UserError, match=r"no pictures whose split is train$"):
        prepared(Folder(Folder.Params()), tmp_path, source=source)
