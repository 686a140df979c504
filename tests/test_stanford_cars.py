"""Stanford Cars in both official layouts: boxes to the pixel, fields by name, and one clear sentence for what is wrong."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from handmade import encoded, noise, prepared, written, zipped
from inbench_datasets import stanford_cars
from official_layouts import (
    ALL_CARS,
    BOXES,
    PARTS_FIELDS,
    WHOLE_FIELDS,
    annotations,
    car,
    cars_in_one,
    cars_in_parts,
    rows_of,
)
from PIL import Image

import inbench
from inbench import Files, UserError
from inbench.joints import store

MINI = Path(inbench.__file__).parent.parent.parent / "shared" / "data" / "cars_mini"
TRAIN, TEST = "devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat"


def dataset(**params):
    return stanford_cars.StanfordCars(stanford_cars.StanfordCars.Params(**params))


def split_of(root, size=32, **params):
    return dataset(**params).prepare(root, size)


@pytest.fixture
def root(tmp_path):
    """Six cars to learn from and three to be tested on, in parts."""
    return written(tmp_path / "cars", cars_in_parts())


# Layouts and parts


def in_parts(count, part):
    return tuple(f"cars_{part}/{number:05d}.jpg" for number in range(1, count + 1))


@pytest.mark.parametrize("lay", [written, zipped], ids=["folder", "zip"])
@pytest.mark.parametrize("devkit", ["devkit/", "", "car_devkit/devkit/"])
def test_the_layout_in_parts_gives_its_parts(tmp_path, lay, devkit):
    split = split_of(lay(tmp_path / "cars.zip", cars_in_parts(devkit=devkit)))
    assert (split.train.ids, split.test.ids, split.val) == (in_parts(6, "train"), in_parts(3, "test"), None)
    assert split.train.groups is None
    assert split.official


@pytest.mark.parametrize("lay", [written, zipped], ids=["folder", "zip"])
def test_the_layout_in_one_gives_the_parts_by_its_test_field(tmp_path, lay):
    split = split_of(lay(tmp_path / "cars.zip", cars_in_one(test=lambda number: number % 3 == 0)))
    assert split.train.ids == tuple(f"car_ims/{number:06d}.jpg" for number in (1, 2, 4, 5, 7, 8))
    assert split.test.ids == tuple(f"car_ims/{number:06d}.jpg" for number in (3, 6, 9))


def test_a_folder_around_everything_does_not_matter(tmp_path):
    split = split_of(written(tmp_path / "data" / "stanford_cars", cars_in_parts()).parent)
    assert split.train.ids == in_parts(6, "train")


@pytest.mark.parametrize("made", [cars_in_parts, cars_in_one])
def test_every_picture_is_shown_by_its_own_box(tmp_path, made):
    files = made()
    split = split_of(written(tmp_path / "cars", files))
    seeds = {"cars_test": 500}
    for pictures in (split.train, split.test):
        for image_id, image in zip(pictures.ids, pictures.images[0 : len(pictures.ids)], strict=True):
            folder, number = image_id.removesuffix(".jpg").split("/")
            left, top, right, bottom = car(seeds.get(folder, 0) + int(number) - 1)[1]
            with Image.open(io.BytesIO(files[image_id])) as picture:
                box = (left - 1, top - 1, right, bottom)
                expected = picture.resize((32, 32), Image.Resampling.BILINEAR, box=box)
            assert (image == np.asarray(expected)).all()


def test_a_test_list_without_labels_is_enough(tmp_path):
    split = split_of(written(tmp_path / "cars", cars_in_parts(labels=False)))
    assert split.test.ids == in_parts(3, "test")
    assert split.lists.keys() == {"cars_train_annos.mat", "cars_test_annos.mat"}


@pytest.mark.parametrize("count", [1, 2])
def test_few_cars_are_read_like_many(tmp_path, count):
    assert split_of(written(tmp_path / "cars", cars_in_parts(train=count, test=1))).train.ids == in_parts(count, "train")


def test_fields_are_taken_by_their_names(tmp_path):
    one = split_of(written(tmp_path / "one", cars_in_parts()))
    other = split_of(written(tmp_path / "other", cars_in_parts(fields=PARTS_FIELDS[::-1])))
    assert (one.train.images[0:6] == other.train.images[0:6]).all()
    one = split_of(written(tmp_path / "in one", cars_in_one()))
    other = split_of(written(tmp_path / "the other", cars_in_one(fields=("class", "test", *BOXES[::-1], "relative_im_path"))))
    assert one.test.ids == other.test.ids
    assert (one.train.images[0:6] == other.train.images[0:6]).all()


def test_lists_are_known_by_their_hashes_and_the_crop_is_said(root):
    files = cars_in_parts()
    split = split_of(root)
    assert split.lists == {file.split("/")[-1]: hashlib.sha256(files[file]).hexdigest() for file in (TRAIN, TEST)}
    assert split.notes == ("crop: the car's box, stretched to a square",)
    assert [split_of(root, crop=crop).notes for crop in ("box-pad", "full")] == [
        ("crop: the square around the car's box",),
        ("crop: the whole picture, stretched to a square",),
    ]


@pytest.mark.parametrize("made", [cars_in_parts, cars_in_one])
def test_prepared_it_is_whole(tmp_path, made):
    told = prepared(dataset(), tmp_path / "data", source=written(tmp_path / "cars", made()))
    assert told.fault() == ""
    assert sum(told.manifest["counts"].values()) == 9
    assert told.manifest["counts"]["test"] == 3
    assert told.manifest["resizer"] == "Pillow bilinear, antialiased"


def test_a_car_that_is_tested_on_too_is_dropped_from_what_learns(tmp_path):
    files = cars_in_parts()
    files["cars_train/00002.jpg"] = files["cars_test/00003.jpg"]
    told = prepared(dataset(crop="full"), tmp_path / "data", source=written(tmp_path / "cars", with_whole_boxes(files)))
    assert sum(told.manifest["dropped"].values()) == 1
    assert told.part("test").ids == list(in_parts(3, "test"))


def with_whole_boxes(files):
    """The same with small boxes that lie in every picture."""
    return {
        **files,
        TRAIN: annotations(rows_of([f"{n:05d}.jpg" for n in range(1, 7)], [(1, 1, 9, 9)] * 6, "fname"), PARTS_FIELDS),
    }


# Boxes


def one_car(tmp_path, pixels, box, size=32, **params):
    """How a car is shown; the picture is PNG under its official name, so that no pixel changes."""
    files = cars_in_parts(train=1, boxes=[box], pictures=[encoded(pixels)])
    return split_of(written(tmp_path / "cars", files), size, **params).train.images[0:1][0]


@pytest.mark.parametrize("at", [(1, 1), (7, 12), (49, 29)], ids=["first pixel", "inside", "last pixel"])
def test_a_box_counts_from_1_and_includes_its_last_pixel(tmp_path, at):
    left, top = at[0] - 1, at[1] - 1
    pixels = noise(1, 80, 60)
    pixels[:, [max(0, left - 1), min(79, left + 32)]] = (255, 0, 0)  # right outside of the box
    pixels[[max(0, top - 1), min(59, top + 32)]] = (255, 0, 0)
    around = pixels[top : top + 32, left : left + 32]
    around[[0, -1]] = (0, 255, 0)  # its own border
    around[:, [0, -1]] = (0, 255, 0)
    found = one_car(tmp_path, pixels, (left + 1, top + 1, left + 32, top + 32))
    assert (found == around).all()
    for line in (found[0], found[-1], found[:, 0], found[:, -1]):
        assert (line == (0, 255, 0)).all()


def test_a_box_is_stretched_as_pillow_stretches(tmp_path):
    pixels = noise(2, 80, 60)
    found = one_car(tmp_path, pixels, (5, 11, 70, 33), 64)
    expected = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR, box=(4, 10, 70, 33))
    assert (found == np.asarray(expected)).all()


def test_box_pad_shows_the_square_around_the_box(tmp_path):
    pixels = noise(3, 80, 60)
    found = one_car(tmp_path, pixels, (21, 25, 52, 36), crop="box-pad")  # 32 wide, 12 high
    assert (found == pixels[14:46, 20:52]).all()


def test_where_the_square_reaches_beyond_the_picture_its_edge_goes_on(tmp_path):
    pixels = noise(4, 80, 60)
    found = one_car(tmp_path, pixels, (21, 1, 52, 12), crop="box-pad")  # ten rows above the picture
    assert (found[10:] == pixels[:22, 20:52]).all()
    assert (found[:10] == pixels[0, 20:52]).all()


def test_full_shows_the_whole_picture_stretched(tmp_path):
    pixels = noise(5, 80, 60)
    found = one_car(tmp_path, pixels, (21, 1, 52, 12), crop="full")
    assert (found == np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR))).all()


def test_a_box_of_one_pixel_is_a_box(tmp_path):
    pixels = np.full((60, 80, 3), 90, np.uint8)
    assert (one_car(tmp_path, pixels, (21, 31, 21, 31)) == 90).all()


@pytest.mark.parametrize("box", [(0, 1, 10, 10), (1, 0, 10, 10), (1, 1, 81, 10), (1, 1, 10, 61), (70, 50, 90, 70)])
@pytest.mark.parametrize("crop", ["box-stretch", "box-pad", "full"])
def test_a_box_that_reaches_out_of_its_picture_is_said(tmp_path, box, crop):
    said = (
        rf"cars: cars_train/00001\.jpg cannot be used: its box {re.escape(str(box))} does not lie in its 80x60; fetch it again$"
    )
    with pytest.raises(UserError, match=said):
        one_car(tmp_path, noise(7, 80, 60), box, crop=crop)


@pytest.mark.parametrize("box", [(30, 10, 20, 40), (10, 40, 30, 20), (10, 10, 9, 30)])
@pytest.mark.parametrize("crop", ["box-stretch", "box-pad"])
def test_an_empty_box_is_said(tmp_path, box, crop):
    with pytest.raises(UserError, match=r"cars_train/00001\.jpg cannot be used: its box .* is empty"):
        one_car(tmp_path, noise(8, 80, 60), box, crop=crop)


# What goes wrong


def says(root, sentence, **params):
    """One line, with the folder in it and this."""
    with pytest.raises(UserError) as error:
        split_of(root, **params)
    said = str(error.value)
    assert sentence in said
    assert str(root) in said
    assert "\n" not in said


def test_a_missing_picture_is_said(root):
    (root / "cars_train/00004.jpg").unlink()
    says(root, "the lists name cars_train/00004.jpg, which is not there")
    (root / "cars_test/00001.jpg").unlink()
    (root / "cars_test/00002.jpg").unlink()
    says(root, "the lists name cars_train/00004.jpg, which is not there; 2 more are missing")


def test_a_missing_picture_of_the_layout_in_one_is_said(tmp_path):
    files = cars_in_one()
    del files["car_ims/000008.jpg"]
    says(written(tmp_path / "cars", files), "the lists name car_ims/000008.jpg, which is not there")


@pytest.mark.parametrize(("name", "said"), [(TRAIN, "cars_train_annos.mat"), (TEST, "cars_test_annos.mat")])
def test_a_missing_list_is_said_with_where_to_get_it(root, name, said):
    (root / name).unlink()
    says(root, f"holds no {said} (of the devkit), and no cars_annos.mat either; see the page at Stanford is gone")


def test_a_folder_of_pictures_alone_is_said(tmp_path):
    says(written(tmp_path / "cars", {"cars_train/00001.jpg": car(1)[0]}), "holds no cars_train_annos.mat")


@pytest.mark.parametrize(
    "data", [b"<!DOCTYPE html><html>404</html>", b"version https://git-lfs.github.com/spec/v1\noid", b"", b"hello " * 50]
)
@pytest.mark.parametrize("name", [TRAIN, TEST])
def test_a_list_that_is_no_matlab_file_is_said(root, name, data):
    (root / name).write_bytes(data)
    says(root, f"{name} ")


@pytest.mark.parametrize("left", [50, 127, 130, 140, 200, 300, -10])
def test_a_list_that_was_cut_off_is_said(root, left):
    (root / TRAIN).write_bytes((root / TRAIN).read_bytes()[:left])
    says(root, TRAIN)


@pytest.mark.parametrize("place", [137, 150, 250, -4])
def test_a_list_with_a_wrong_byte_is_said(root, place):
    data = bytearray((root / TRAIN).read_bytes())
    data[place] ^= 0xFF
    (root / TRAIN).write_bytes(data)
    says(root, TRAIN)


@pytest.mark.parametrize("field", [*BOXES, "fname"])
def test_a_field_that_is_lacking_is_named(tmp_path, field):
    files = cars_in_parts(fields=tuple(name for name in PARTS_FIELDS if name != field))
    says(written(tmp_path / "cars", files), f"the annotations in {TRAIN} have no {field!r}")


@pytest.mark.parametrize("field", ["relative_im_path", "test", "bbox_y2"])
def test_a_field_that_the_layout_in_one_lacks_is_named(tmp_path, field):
    files = cars_in_one(fields=tuple(name for name in WHOLE_FIELDS if name != field))
    says(written(tmp_path / "cars", files), f"the annotations in cars_annos.mat have no {field!r}")


def test_a_matlab_file_of_something_else_is_said(root):
    scipy.io.savemat(root / TRAIN, {"class_names": np.arange(3)})
    says(root, f"{TRAIN} has no 'annotations'")
    scipy.io.savemat(root / TRAIN, {"annotations": np.arange(3)})
    says(root, f"the annotations in {TRAIN} have no 'bbox_x1'")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<html>404</html>", "is an HTML page"),
        (b"", "is empty"),
        (car(2)[0][:700], "cannot be used: "),
        (b"hello", "is no picture"),
    ],
    ids=["html", "empty", "cut off", "text"],
)
def test_a_picture_that_is_none_is_said(root, tmp_path, data, sentence):
    (root / "cars_test/00002.jpg").write_bytes(data)
    with pytest.raises(UserError, match=rf"cars: cars_test/00002\.jpg {sentence}"):
        prepared(dataset(), tmp_path / "data", source=root)
    assert store.all_in(tmp_path / "data") == []


def test_its_files_have_to_be_named():
    with pytest.raises(UserError, match="inbench data prepare stanford-cars --from PATH"):
        dataset().prepare(None, 64)


# The split of Meng et al.


def test_meng_14k_is_14_000_and_2_185_drawn_by_hash():
    names = [f"car_ims/{number:06d}.jpg" for number in range(1, ALL_CARS + 1)]
    parts = stanford_cars.meng(names, Path("cars"))
    assert (len(parts["train"]), len(parts["test"])) == (14_000, 2_185)
    assert sorted(parts["train"] + parts["test"]) == names
    assert stanford_cars.meng(names[::-1], Path("cars")) == parts
    assert parts["test"][:3] == ["car_ims/000005.jpg", "car_ims/000006.jpg", "car_ims/000020.jpg"]
    assert 0.1 < np.mean([int(name[8:14]) <= ALL_CARS // 2 for name in parts["test"]]) < 0.9  # from all over


@pytest.mark.parametrize("made", [cars_in_parts, cars_in_one])
def test_too_few_cars_for_meng_14k_are_said(tmp_path, made):
    says(written(tmp_path / "cars", made()), "split=meng-14k needs all 16,185 pictures, and", split="meng-14k")


# Real pictures and lists


@pytest.fixture
def mini():
    if not MINI.is_dir():
        pytest.skip(f"{MINI} is not here")
    return MINI


@pytest.mark.parametrize(
    ("name", "count"),
    [("cars_train_annos.mat", 8_144), ("cars_test_annos.mat", 8_041), ("cars_test_annos_withlabels.mat", 8_041)],
)
def test_the_official_lists_are_read_whole(mini, name, count):
    rows = stanford_cars.rows(Files(mini / "official_devkit"), name, "fname")
    assert len(rows) == count
    assert [stanford_cars.text(row, "fname") for row in rows[[0, -1]]] == ["00001.jpg", f"{count:05d}.jpg"]
    assert all(int(row["bbox_x1"]) >= 1 and int(row["bbox_x2"]) > int(row["bbox_x1"]) for row in rows)


@pytest.mark.parametrize("crop", ["box-stretch", "box-pad", "full"])
def test_real_pictures_are_prepared(mini, tmp_path, crop):
    told = prepared(dataset(crop=crop), tmp_path, source=mini, size=64)
    counts = told.manifest["counts"]
    assert (counts["train"] + counts["val"], counts["test"]) == (50, 25)
    assert sum(told.manifest["dropped"].values()) == 0
    assert told.fault() == ""
