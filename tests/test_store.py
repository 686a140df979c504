"""The store: what was prepared is found again, read without being loaded, and known by its content."""

import json
import time

import numpy as np
import pytest
from handmade import Decoder, Tiles, left_in, named, prepared, split, tiles

from inbench.joints import store
from inbench.words.dataset import Pictures, Split
from inbench.words.errors import UserError


@pytest.fixture
def whole(tmp_path):
    """A prepared set of three parts, with groups."""
    train = named("train", Decoder(tiles(0, 6)), ("a", "a", "b", "b", "c", 'Ünï, "d"\n'))
    held = named("val", Decoder(tiles(500, 2)), ("x", "y"))
    return prepared(Tiles(Split(train, split().test, held)), tmp_path)


def test_pictures_come_back_as_they_were_with_their_ids_and_groups(whole):
    part = whole.part("train")
    assert (part.images == tiles(0, 6)).all()
    assert part.ids == [f"train-{place:03d}" for place in range(6)]
    assert part.groups == ["a", "a", "b", "b", "c", 'Ünï, "d"\n']
    assert whole.part("test").groups is None
    assert whole.manifest["counts"] == {"train": 6, "val": 2, "test": 5}


@pytest.mark.parametrize("part", store.PARTS)
def test_parts_are_mapped_into_memory_and_cannot_be_written(whole, part):
    images = whole.part(part).images
    assert isinstance(images, np.memmap)
    assert (images.dtype, images.flags.writeable) == (np.uint8, False)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_the_first_n_of_a_part_are_those_by_hash(whole):
    part = whole.part("test")
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


# What is wrong with a set


def test_a_whole_set_has_no_fault(whole):
    assert whole.fault() == ""


@pytest.mark.parametrize("part", store.PARTS)
@pytest.mark.parametrize("place", [128, -1])
def test_one_changed_byte_is_found(whole, part, place):
    file = whole.folder / f"{part}.npy"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert whole.fault() == "the pictures are not those that were prepared"


@pytest.mark.parametrize("name", ["train.npy", "val.csv"])
def test_a_file_that_is_gone_is_found(whole, name):
    (whole.folder / name).unlink()
    assert whole.fault().startswith("a part cannot be read: ")
    assert name in whole.fault()


@pytest.mark.parametrize("left", [-1, 200, 128, 60, 1, 0])
def test_an_array_that_was_cut_off_is_found(whole, left):
    file = whole.folder / "test.npy"
    file.write_bytes(file.read_bytes()[:left])
    assert whole.fault().startswith("a part cannot be read: ")


def test_an_id_or_group_that_changed_is_found(whole):
    file = whole.folder / "train.csv"
    text = file.read_text(encoding="utf-8")
    for old, new in (("train-000,a", "train-009,a"), ("train-000,a", "train-000,b")):
        file.write_text(text.replace(old, new), encoding="utf-8")
        assert whole.fault() == "the pictures are not those that were prepared"


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_list_with_too_few_rows_is_found(whole, part):
    file = whole.folder / f"{part}.csv"
    file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:3]), encoding="utf-8")
    assert whole.fault()


def test_a_picture_in_two_parts_is_found(whole):
    for suffix in ("npy", "csv"):
        (whole.folder / f"val.{suffix}").write_bytes((whole.folder / f"test.{suffix}").read_bytes())
    parts = {name: whole.part(name) for name in store.PARTS}
    content = store.content_hash(
        {name: [store.digest_of(image) for image in part.images] for name, part in parts.items()},
        {name: (part.ids, part.groups) for name, part in parts.items()},
    )
    (whole.folder / "manifest.json").write_text(json.dumps({**whole.manifest, "content": content}))
    assert store.Prepared(whole.folder).fault() == "5 pictures are in two parts"


# Finding


def find(dataset, folder, *, code="c0de", size=32):
    return store.find(dataset, code=code, size=size, folder=folder)


def other():
    return Tiles(Split(named("train", Decoder(tiles(7000, 9))), named("test", Decoder(tiles(8000, 3)))))


@pytest.fixture
def two(tmp_path):
    """One data set prepared from two sources, one after the other."""
    sources = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for source in sources:
        source.write_text(source.name)
    found = []
    for source, dataset in zip(sources, (Tiles(split()), other()), strict=True):
        found.append(prepared(dataset, tmp_path / "data", source=source))
        time.sleep(0.02)  # as fine as a file system's clock may be
    return tmp_path, sources, found


def test_the_set_that_was_prepared_last_is_found(two):
    folder, _, (_, last) = two
    assert find(Tiles(split()), folder / "data") == last
    assert store.all_in(folder / "data")[0] == last


def test_a_set_that_was_asked_for_again_is_the_last_one(two):
    folder, sources, (first, _) = two
    again = prepared(Tiles(split()), folder / "data", source=sources[0])
    assert again.folder == first.folder
    assert find(Tiles(split()), folder / "data") == first
    assert len(left_in(folder / "data")) == 2


def test_a_set_of_another_size_or_with_other_options_is_not_taken(tmp_path):
    prepared(Tiles(split()), tmp_path)
    for dataset, size in ((Tiles(split()), 64), (Tiles(split(), Tiles.Params(shade=1)), 32)):
        with pytest.raises(UserError, match=r"data set tiles.* is not prepared at size"):
            find(dataset, tmp_path, size=size)


def test_a_set_that_is_not_there_names_the_command(tmp_path):
    with pytest.raises(
        UserError, match=r"is not prepared at size 64; name its files once: inbench data prepare 'tiles' --from PATH$"
    ):
        find(Tiles(split()), tmp_path / "nowhere", size=64)
    with pytest.raises(UserError, match=r"inbench data prepare 'tiles\[shade=3\]' --from PATH --size 32$"):
        find(Tiles(split(), Tiles.Params(shade=3)), tmp_path)


def test_a_set_prepared_by_other_code_is_refused_with_the_command(tmp_path):
    prepared(Tiles(split()), tmp_path, code="old")
    with pytest.raises(
        UserError, match=r"another version of inbench; once more: inbench data prepare 'tiles' --from PATH --size 32"
    ):
        find(Tiles(split()), tmp_path)


def test_a_set_in_an_older_form_is_refused_with_the_command(tmp_path):
    told = prepared(Tiles(split()), tmp_path)
    recipe = {**told.manifest["recipe"], "store": store.VERSION - 1}
    (told.folder / "manifest.json").write_text(json.dumps({**told.manifest, "recipe": recipe}))
    with pytest.raises(UserError, match="another version of inbench; once more: inbench data prepare"):
        find(Tiles(split()), tmp_path)


def test_what_is_not_whole_is_not_listed(tmp_path):
    told = prepared(Tiles(split()), tmp_path)
    (tmp_path / ".half").mkdir()
    (tmp_path / ".half" / "manifest.json").write_text("{}")
    (tmp_path / "none").mkdir()
    assert [found.folder for found in store.all_in(tmp_path)] == [told.folder]
    assert store.all_in(tmp_path / "nowhere") == []


def test_a_set_whose_name_begins_with_a_dot_is_listed_too(tmp_path):
    told = prepared(Tiles(split()), tmp_path, label=".faces")
    assert [found.folder for found in store.all_in(tmp_path)] == [told.folder]
