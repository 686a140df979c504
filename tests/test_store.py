"""The store: every picture prepared once, whole or not at all, no picture in two parts."""

import dataclasses
import json
import os

import numpy as np
import pytest

from inbench import seeds, store
from inbench.dataset import Dataset, Pictures, Split
from inbench.errors import UserError


def tiles(start, count, size=32):
    """Pictures of noise that all differ, the same with every numpy."""
    noise = seeds.bits(np.arange(start, start + count, dtype=np.uint64), size * size * 3)
    return (noise >> np.uint64(56)).astype(np.uint8).reshape(count, size, size, 3)


class Decoder:
    """Pictures that count how many of them were asked for, and may break off."""

    def __init__(self, images, breaks_at=None):
        self.images, self.breaks_at, self.given = images, breaks_at, 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, part):
        if self.breaks_at is not None and part.start >= self.breaks_at:
            raise self.error
        self.given += len(self.images[part])
        return self.images[part]

    error = OSError("the disk is gone")


class Tiles(Dataset):
    """A data set made by hand."""

    name = "tiles"
    summary = "pictures of noise"
    licence = "CC0-1.0"

    @dataclasses.dataclass(frozen=True)
    class Params:
        shade: int = 0

    def __init__(self, split, params=None):
        super().__init__(params or self.Params())
        self.split, self.times = split, 0

    def prepare(self, source, size):
        self.times += 1
        return self.split


def named(prefix, images, groups=None):
    return Pictures(tuple(f"{prefix}-{place:03d}" for place in range(len(images))), images, groups)


def split(train=30, test=5, **more):
    return Split(named("train", Decoder(tiles(0, train))), named("test", Decoder(tiles(1000, test))), **more)


def prepared(dataset, folder, *, label="tiles", code="c0de", source=None, size=32, report=lambda *_: None):
    return store.prepare(dataset, label=label, code=code, source=source, size=size, folder=folder, report=report)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_pictures_come_back_as_they_were_with_their_ids_and_groups(tmp_path):
    train = named("train", Decoder(tiles(0, 6)), ("a", "a", "b", "b", "c", 'Ünï, "d"\n'))
    held = named("val", Decoder(tiles(500, 2)), ("x", "y"))
    told = prepared(Tiles(Split(train, split().test, held)), tmp_path)
    part = told.part("train")
    assert (part.images == tiles(0, 6)).all()
    assert part.ids == list(train.ids)
    assert part.groups == list(train.groups)
    assert told.part("test").groups is None
    assert told.manifest["counts"] == {"train": 6, "val": 2, "test": 5}


def test_the_second_time_nothing_is_decoded_again(tmp_path):
    pictures = split()
    dataset = Tiles(pictures)
    first = prepared(dataset, tmp_path)
    given = pictures.train.images.given
    second = prepared(dataset, tmp_path)
    assert (dataset.times, pictures.train.images.given, given) == (1, 30, 30)
    assert first.folder == second.folder


def test_every_picture_is_decoded_once_even_where_val_is_carved(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHUNK", 7)
    pictures = split()
    prepared(Tiles(pictures), tmp_path)
    assert (pictures.train.images.given, pictures.test.images.given) == (30, 5)


def test_parts_are_mapped_into_memory_and_cannot_be_written(tmp_path):
    images = prepared(Tiles(split()), tmp_path).part("train").images
    assert isinstance(images, np.memmap)
    assert (images.dtype, images.flags.writeable) == (np.uint8, False)


def test_the_content_hash_never_changes(tmp_path):
    assert (
        prepared(Tiles(split()), tmp_path).manifest["content"]
        == "3be32f5ce49dca03d01dcde34c2ce617745b2edd36b5927fc34d446905878a88"
    )


def test_the_content_hash_does_not_depend_on_the_chunks_or_the_label(tmp_path, monkeypatch):
    one = prepared(Tiles(split()), tmp_path, label="one").manifest["content"]
    monkeypatch.setattr(store, "CHUNK", 4)
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
    held = store._carved(Pictures(ids, np.zeros((4000, 1))))
    assert 160 < held.sum() < 240


def test_the_carved_pictures_never_change():
    ids = tuple(f"{place:06d}.jpg" for place in range(100))
    assert np.flatnonzero(store._carved(Pictures(ids, np.zeros((100, 1))))).tolist() == [12, 56, 74]


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


def test_the_same_picture_in_two_parts_is_refused(tmp_path):
    test = named("test", Decoder(np.concatenate([tiles(1000, 3), tiles(4, 1)])))
    val = named("val", Decoder(tiles(500, 2)))
    with pytest.raises(UserError, match=r"'test-003' \(test\) is the same picture as 'train-004' \(train\)"):
        prepared(Tiles(Split(split().train, test, val)), tmp_path)
    assert left_in(tmp_path) == []


def test_a_part_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match="the test part has no pictures"):
        prepared(Tiles(Split(split().train, Pictures((), np.zeros((0, 32, 32, 3))))), tmp_path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("breaks_at", [0, 8, 24])
def test_an_interrupted_preparation_leaves_nothing(tmp_path, monkeypatch, error, breaks_at):
    monkeypatch.setattr(store, "CHUNK", 8)
    broken = Decoder(tiles(0, 30), breaks_at)
    broken.error = error
    with pytest.raises(type(error)):
        prepared(Tiles(Split(named("train", broken), split().test)), tmp_path)
    assert left_in(tmp_path) == []
    assert prepared(Tiles(split()), tmp_path).manifest["counts"]["test"] == 5


def test_what_a_kill_left_behind_is_not_taken_for_whole(tmp_path):
    whole = prepared(Tiles(split()), tmp_path).folder
    (whole / "manifest.json").unlink()  # it is written last
    whole.rename(tmp_path / f".{whole.name}-abc")
    dataset = Tiles(split())
    prepared(dataset, tmp_path)
    assert dataset.times == 1


def test_of_two_that_prepare_at_once_both_end_well(tmp_path):
    class Slow(Tiles):
        def prepare(self, source, size):
            prepared(Tiles(split()), tmp_path)  # another process is first
            return super().prepare(source, size)

    told = prepared(Slow(split()), tmp_path)
    assert told.manifest["counts"]["test"] == 5
    assert left_in(tmp_path) == [told.folder.name]


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
    monkeypatch.setattr(store, "CHUNK", 8)
    told = []
    prepared(Tiles(split()), tmp_path, report=lambda *each: told.append(each))
    assert [each for each in told if each[1] == each[2]] == [("train+val", 30, 30), ("test", 5, 5)]
    assert [done for part, done, _ in told if part == "train+val"] == [8, 16, 24, 30]


def test_the_manifest_says_what_it_is(tmp_path):
    told = prepared(Tiles(split(notes=("2 bad images skipped",))), tmp_path)
    manifest = json.loads((told.folder / "manifest.json").read_text())
    assert manifest["licence"] == "CC0-1.0"
    assert manifest["notes"] == ["2 bad images skipped"]
    assert manifest["size"] == 32


def test_a_label_with_odd_letters_stays_in_its_folder(tmp_path):
    told = prepared(Tiles(split()), tmp_path, label="../up [a=1]/x")
    assert told.folder.parent == tmp_path


def test_the_first_n_of_a_part_are_those_by_hash(tmp_path):
    part = prepared(Tiles(split()), tmp_path).part("test")
    assert part.first(2) == part.first(None)[:2]
    assert sorted(part.first(None)) == [0, 1, 2, 3, 4]


def test_ids_that_stand_twice_are_refused():
    with pytest.raises(ValueError, match="twice"):
        Pictures(("a", "a"), np.zeros((2, 1)))


def test_prepared_data_lives_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("INBENCH_DATA", str(tmp_path / "here"))
    assert store.default_folder() == tmp_path / "here"
    monkeypatch.delenv("INBENCH_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.default_folder() == tmp_path / "inbench" / "data"
