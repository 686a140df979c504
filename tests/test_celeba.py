"""CelebA in its official layout: its parts, its people, its crops, and one clear sentence for each way its files go wrong."""

import cmath
import hashlib
import io
import statistics
from pathlib import Path

import numpy as np
import pytest
from handmade import encoded, flat, prepared, written, zipped
from inbench_datasets import celeba
from official_layouts import (
    ALL_FACES,
    FACE,
    FACES,
    IDENTITY,
    LANDMARKS,
    PARTITION,
    TRAIN_FACES,
    VAL_FACES,
    face_name,
    gradient,
    landmarks,
    official_part,
    partition,
    with_zipped_faces,
)
from official_layouts import celeba as files_of
from PIL import Image

import inbench
from inbench import Files, UserError
from inbench.joints import store

MINI = Path(inbench.__file__).parent.parent.parent / "shared" / "data" / "celeba_mini"
NOT_OFFICIAL = "the partition list is not the official file, so these are not the official parts"


def dataset(**params):
    return celeba.CelebA(celeba.CelebA.Params(**params))


def split_of(root, size=32, **params):
    return dataset(**params).prepare(root, size)


def ids_of(split):
    return {part: getattr(split, part).ids for part in store.PARTS}


def names(*numbers):
    return tuple(face_name(number) for number in numbers)


@pytest.fixture(scope="module")
def files():
    """A small CelebA: 8 train, 2 val, 2 test; two pictures of each person."""
    return files_of()


@pytest.fixture
def root(files, tmp_path):
    return written(tmp_path / "celeba", files)


# Parts, people, layouts


def test_the_partition_list_gives_the_parts(root):
    found = ids_of(split_of(root))
    assert found == {"train": names(*range(1, 9)), "val": names(9, 10), "test": names(11, 12)}


def test_people_are_the_groups(root):
    split = split_of(root)
    assert split.train.groups == ("100", "100", "101", "101", "102", "102", "103", "103")
    assert (split.val.groups, split.test.groups) == (("104", "104"), ("105", "105"))
    assert split.official


def test_a_person_that_the_list_leaves_out_is_a_person_of_his_own(root):
    text = (root / IDENTITY).read_text()
    (root / IDENTITY).write_text(text.replace("000003.jpg 101\n", ""))
    assert split_of(root).train.groups[2:4] == ("000003.jpg", "101")


def test_without_a_list_of_people_there_are_no_groups_and_a_note(root):
    (root / IDENTITY).unlink()
    split = split_of(root)
    assert split.train.groups is split.test.groups is None
    assert f"without {IDENTITY}, intervals take pictures of one person as independent" in split.notes
    assert IDENTITY not in split.lists


def test_what_was_done_is_said_in_the_notes_and_the_lists_by_their_hashes(root, files):
    split = split_of(root)
    assert split.notes[0].startswith("crop: turned and scaled by the five official landmarks to OpenFace's template")
    assert split.notes[1:] == (NOT_OFFICIAL,)
    assert split.lists == {name: hashlib.sha256(files[name].encode()).hexdigest() for name in (PARTITION, LANDMARKS, IDENTITY)}
    assert [split_of(root, crop=crop).notes[0] for crop in ("center178", "center108")] == [
        "crop: the middle square of 178 pixels",
        "crop: the middle square of 108 pixels",
    ]


def release(files):
    """Pictures and lists in the folders that the release has."""
    where = {PARTITION: "Eval", LANDMARKS: "Anno", IDENTITY: "Anno"}
    return {f"CelebA/{where.get(name, 'Img')}/{name}": data for name, data in files.items()}


LAYOUTS = {
    "folder": lambda files, at: written(at / "celeba", files),
    "folders of the release": lambda files, at: written(at / "download", release(files)),
    "one zip": lambda files, at: zipped(at / "celeba.zip", files),
    "one zip of the release": lambda files, at: zipped(at / "celeba.zip", release(files)),
    "the pictures in their zip": lambda files, at: written(at / "celeba", with_zipped_faces(files)),
    "their zip in the release": lambda files, at: written(at / "download", release(with_zipped_faces(files))),
    "both": lambda files, at: written(at / "celeba", files | with_zipped_faces(files)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same(layout, files, root, tmp_path):
    one, other = split_of(root), split_of(LAYOUTS[layout](files, tmp_path / "other"))
    assert ids_of(one) == ids_of(other)
    assert one.train.groups == other.train.groups
    assert (one.train.images[0:8] == other.train.images[0:8]).all()
    assert one.lists == other.lists


def test_prepared_it_is_whole_and_keeps_its_notes(root, tmp_path):
    told = prepared(dataset(), tmp_path / "data", source=root)
    assert told.fault() == ""
    assert told.manifest["counts"] == {"train": 8, "val": 2, "test": 2}
    assert told.manifest["sources"].keys() == {PARTITION, LANDMARKS, IDENTITY, "train", "val", "test"}
    assert told.manifest["resizer"] == "Pillow bilinear on a finer grid, averaged"
    assert NOT_OFFICIAL in told.manifest["notes"]


def test_a_picture_that_stands_in_two_official_parts_is_dropped_from_the_one_that_learns(root, tmp_path):
    (root / FACES / face_name(2)).write_bytes((root / FACES / face_name(12)).read_bytes())
    told = prepared(dataset(crop="center178"), tmp_path / "data", source=root)
    assert told.manifest["dropped"] == {"train": 1, "val": 0, "test": 0}
    assert face_name(2) not in told.part("train").ids


# Other splits


@pytest.fixture(scope="module")
def all_names():
    return [face_name(number) for number in range(1, ALL_FACES + 1)]


def test_the_official_list_is_known_and_leaves_no_note(all_names, tmp_path):
    numbers = range(1, ALL_FACES + 1)
    (tmp_path / PARTITION).write_bytes(partition([official_part(number) for number in numbers]).encode())
    parts, notes = celeba.members("official", Files(tmp_path), all_names)
    assert {part: len(found) for part, found in parts.items()} == {"train": 162_770, "val": 19_867, "test": 19_962}
    assert parts["test"][0] == face_name(VAL_FACES + 1)
    assert notes == []


def test_meng_200k_trains_on_the_first_200_000_files_and_says_what_that_means(all_names, tmp_path):
    parts, notes = celeba.members("meng-200k", Files(tmp_path), all_names)
    assert parts == {"train": all_names[:200_000], "test": all_names[200_000:]}
    assert len(parts["test"]) == 2_599
    shared = sum(official_part(int(name[:6])) == 2 for name in parts["train"])
    assert notes == [
        "split=meng-200k is no split by person, so people of its test pictures are among its training pictures; "
        f"its training pictures include {shared:,} of the official test part"
    ]


def test_yeh_2000_tests_on_the_first_2_000_files_and_says_what_that_means(all_names, tmp_path):
    parts, notes = celeba.members("yeh-2000", Files(tmp_path), all_names)
    assert parts == {"train": all_names[2_000:], "test": all_names[:2_000]}
    assert max(map(int, (name[:6] for name in parts["test"]))) <= TRAIN_FACES
    assert notes == ["split=yeh-2000 is no split by person, so people of its test pictures are among its training pictures"]


@pytest.mark.parametrize(("split", "count", "part"), [("meng-200k", "200,000", "train"), ("yeh-2000", "2,000", "test")])
def test_too_few_files_for_a_split_are_said(root, split, count, part):
    with pytest.raises(UserError, match=rf"split={split} gives the first {count} files to {part}, and .*celeba holds 12$"):
        split_of(root, split=split)


def test_the_first_files_are_those_by_name_whatever_the_list_says(tmp_path):
    count = 2_003
    data = encoded(gradient(0, 178, 218), "JPEG")
    files = files_of(count, parts=[2] * count, pictures=[data] * count)
    split = split_of(zipped(tmp_path / "celeba.zip", files), split="yeh-2000", crop="center178")
    assert (split.train.ids, split.val) == (names(2001, 2002, 2003), None)
    assert split.test.ids == names(*range(1, 2001))
    assert split.test.groups[:3] == ("100", "100", "101")


# Crops


TEMPLATE = np.array([[17.75, 10.71], [45.19, 10.18], [31.49, 27.01], [19.66, 41.08], [44.51, 40.59]])
"""Where OpenFace's template has the five points, in 64 x 64."""


def face(turn=0.0, scale=1.5, middle=(89, 109)):
    """Five points like the template's, turned by degrees and scaled, in whole pixels of a picture."""
    away = (TEMPLATE - 31.5) @ [1, 1j]
    found = complex(*middle) + away * scale * cmath.exp(1j * np.radians(turn))
    return tuple((round(point.real), round(point.imag)) for point in found)


def shown(tmp_path, pixels, five, size):
    """The crop of a picture with these landmarks."""
    files = files_of(5, pictures=[encoded(pixels, "JPEG", quality=100, subsampling=0)] * 5, points=[five] * 5)
    return split_of(written(tmp_path / "crop", files), size).test.images[0:1][0].astype(float)


def centre_of(image):
    """The middle of what is bright, x and y."""
    rows, columns = np.indices(image.shape[:2])
    weight = image.mean(axis=2)
    weight = np.where(weight > 12, weight, 0)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def fitted(five):
    """Where the five points come to lie in 64 x 64: the least-squares similarity onto the template, by numpy."""
    points = np.array(five, float) + 0.5
    x, y = points.T
    ones, none = np.ones(5), np.zeros(5)
    rows = np.concatenate([np.stack([x, -y, ones, none], 1), np.stack([y, x, none, ones], 1)])
    (a, b, c, d), *_ = np.linalg.lstsq(rows, (TEMPLATE + 0.5).T.reshape(-1), rcond=None)
    return np.stack([a * x - b * y + c, b * x + a * y + d], 1)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize(
    "five",
    [face(), face(turn=20, scale=1.2), face(turn=-35, scale=1.8, middle=(80, 120)), FACE],
    ids=["upright", "turned", "turned the other way", "as in CelebA"],
)
def test_the_five_landmarks_come_to_lie_on_the_template(tmp_path, five, size):
    for place, (x, y) in enumerate(five):
        pixels = np.zeros((218, 178, 3), np.uint8)
        pixels[y - 3 : y + 4, x - 3 : x + 4] = 255
        found = centre_of(shown(tmp_path, pixels, five, size))
        assert np.abs(found - (fitted(five)[place] * size / 64 - 0.5)).max() < 0.3  # the exact answer
        if five != FACE:  # a face of the template's own form
            assert np.abs(found - ((TEMPLATE[place] + 0.5) * size / 64 - 0.5)).max() < 1


def test_each_landmark_has_its_own_place(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255)]
    five, pixels = face(turn=10), np.zeros((218, 178, 3), np.uint8)
    for (x, y), colour in zip(five, colours, strict=True):
        pixels[y - 3 : y + 4, x - 3 : x + 4] = colour
    found = shown(tmp_path, pixels, five, 64)
    for (x, y), colour in zip(TEMPLATE, colours, strict=True):
        assert np.abs(found[round(y), round(x)] - colour).max() < 40


@pytest.mark.parametrize(
    ("middle", "axis"), [((160, 109), 0), ((18, 109), 0), ((89, 200), 1), ((89, 18), 1)], ids=["right", "left", "bottom", "top"]
)
def test_beyond_the_picture_its_edge_goes_on(tmp_path, middle, axis):
    ramp = np.linspace(60, 200, (218, 178)[axis])
    pixels = np.zeros((218, 178, 3), np.uint8)
    pixels[:] = ramp[:, None, None] if axis == 0 else ramp[None, :, None]
    found = shown(tmp_path, pixels, face(middle=middle), 64)
    assert np.ptp(found, axis=1 - axis).max() <= 3  # the same line all along, inside and outside
    assert np.ptp(found, axis=axis).min() > 30


@pytest.mark.parametrize(("crop", "box"), [("center178", (0, 20, 178, 198)), ("center108", (35, 55, 143, 163))])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_middle_squares_are_what_pillow_makes_of_them(files, root, crop, box, size):
    found = split_of(root, size, crop=crop).train.images[0:1][0]
    with Image.open(io.BytesIO(files[f"{FACES}/{face_name(1)}"])) as picture:
        expected = picture.resize((size, size), Image.Resampling.BILINEAR, box=box)
    assert (found == np.asarray(expected)).all()


def test_the_middle_squares_need_no_landmarks(root):
    (root / LANDMARKS).unlink()
    assert len(split_of(root, crop="center178").train.images[0:8]) == 8


# What goes wrong with the lists


def changed(root, name, old, new):
    text = (root / name).read_bytes().decode()
    assert old in text
    (root / name).write_bytes(text.replace(old, new, 1).encode())


@pytest.mark.parametrize("name", [PARTITION, LANDMARKS, IDENTITY])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("tail", ["", "\n", " \r\n\r\n"])
def test_line_ends_and_blanks_at_the_end_do_not_matter(root, name, end, tail):
    before = split_of(root)
    lines = [line + "  " for line in (root / name).read_text().splitlines()]
    (root / name).write_bytes((end.join(lines) + tail).encode())
    after = split_of(root)
    assert ids_of(after) == ids_of(before)
    assert after.train.groups == before.train.groups
    assert (after.train.images[0:8] == before.train.images[0:8]).all()


def says(root, sentence, **params):
    """One line, with the folder in it and this."""
    with pytest.raises(UserError) as error:
        split_of(root, **params)
    said = str(error.value)
    assert sentence in said
    assert str(root) in said
    assert "\n" not in said


@pytest.mark.parametrize("line", ["000003.jpg 3", "000003.jpg", "000003.jpg 0 0", "000003.jpg train"])
def test_a_part_that_is_none_is_said_with_its_line(root, line):
    changed(root, PARTITION, "000003.jpg 0", line)
    says(root, f"{PARTITION} line 3: {line!r} is no file name with 0, 1 or 2 (train, val, test) behind it")


def test_a_file_that_the_partition_names_twice_is_said_with_its_line(root):
    changed(root, PARTITION, "000003.jpg 0\r\n", "000003.jpg 0\r\n000003.jpg 2\r\n")
    says(root, f"{PARTITION} line 4")


def test_a_missing_picture_is_said_with_the_line_that_names_it(root):
    (root / FACES / face_name(3)).unlink()
    with pytest.raises(UserError, match=rf"{PARTITION} line 3 names 000003.jpg, which is not in img_align_celeba$"):
        split_of(root)
    (root / FACES / face_name(5)).unlink()
    (root / FACES / face_name(7)).unlink()
    says(root, f"{PARTITION} line 3 names 000003.jpg, which is not in img_align_celeba; 2 more are missing")


def test_a_picture_that_the_partition_leaves_out_is_said(root):
    changed(root, PARTITION, "000012.jpg 2\r\n", "")
    changed(root, PARTITION, "000011.jpg 2\r\n", "")
    says(root, f"{PARTITION} does not name 000011.jpg and 1 more")


def test_one_picture_that_the_partition_leaves_out_is_not_one_and_0_more(root):
    changed(root, PARTITION, "000012.jpg 2\r\n", "")
    with pytest.raises(UserError, match=rf"{PARTITION} does not name 000012.jpg$"):
        split_of(root)


@pytest.mark.parametrize("name", [PARTITION, LANDMARKS])
def test_a_missing_list_is_said_with_where_to_get_it(root, name):
    (root / name).unlink()
    says(root, f"holds no {name}; it comes with CelebA, see https://mmlab.ie.cuhk.edu.hk")


IMPOSTORS = {
    "html": (b"<!DOCTYPE html>\n<html>404</html>", "is an HTML page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("name", [PARTITION, LANDMARKS, IDENTITY])
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_what_stands_in_place_of_a_list_is_said(root, name, kind):
    data, sentence = IMPOSTORS[kind]
    (root / name).write_bytes(data)
    says(root, f"{name} {sentence}")


def test_a_list_that_is_no_text_is_said(root):
    (root / IDENTITY).write_bytes(b"000001.jpg \xff\xfe\r\n")
    says(root, f"{IDENTITY} is not UTF-8")


@pytest.mark.parametrize("told", ["11", "202599", "twelve", "12 12"])
def test_a_wrong_count_of_landmarks_is_said(root, told):
    changed(root, LANDMARKS, "12\n", f"{told}\n")
    says(root, f"{LANDMARKS} line 1 tells of {told} pictures, and 12 follow")


@pytest.mark.parametrize(
    ("old", "new"),
    [("lefteye_x ", "left_eye_x "), (" rightmouth_y\n", "\n"), ("lefteye_x lefteye_y", "lefteye_y lefteye_x"), ("12\n", "")],
)
def test_another_head_of_the_landmarks_is_said(root, old, new):
    changed(root, LANDMARKS, old, new)
    says(root, f"{LANDMARKS} must begin with a count and then the names lefteye_x lefteye_y righteye_x")


@pytest.mark.parametrize("numbers", ["69 111 108 111", "", f"{'1 ' * 9}x", f"{'7 ' * 12}", f"{'6.5 ' * 10}"])
def test_landmarks_that_are_not_ten_numbers_are_said_with_their_line(root, numbers):
    text = (root / LANDMARKS).read_text().splitlines()
    text[4] = f"000003.jpg {numbers}"
    (root / LANDMARKS).write_text("\n".join(text))
    says(root, f"{LANDMARKS} line 5: 000003.jpg must have ten whole numbers behind it, x and y of five points")


@pytest.mark.parametrize(
    "numbers", ["165 184 244 176 196 249 194 271 266 400", "-300 111 108 111 88 133 72 152 105 152", "5 " * 10]
)
def test_landmarks_of_pictures_in_the_wild_are_said_with_their_line(root, numbers):
    text = (root / LANDMARKS).read_text().splitlines()
    text[2] = f"000001.jpg {numbers}"
    (root / LANDMARKS).write_text("\n".join(text))
    says(root, f"{LANDMARKS} line 3: the landmarks of 000001.jpg are not those of a face in 178x218; is it the list of aligned")


def test_a_picture_without_landmarks_is_said(root):
    (root / LANDMARKS).write_text(landmarks([FACE] * 11))
    with pytest.raises(UserError, match=rf"celeba: {FACES}/000012.jpg cannot be used: {LANDMARKS} does not name it"):
        split_of(root).test.images[0:2]


@pytest.mark.parametrize("line", ["000003.jpg", "000003.jpg 101 7"])
def test_a_line_of_people_that_is_none_is_said(root, line):
    changed(root, IDENTITY, "000003.jpg 101", line)
    says(root, f"{IDENTITY} line 3: {line!r} is no file name with a person's number behind it")


# What goes wrong with the pictures


def test_without_pictures_it_is_said_where_to_get_them(files, tmp_path):
    lists = {name: data for name, data in files.items() if "/" not in name}
    says(written(tmp_path / "celeba", lists), f"holds no {FACES}, neither the folder nor {FACES}.zip; see https://mmlab")


def test_a_zip_in_a_zip_is_said(files, tmp_path):
    root = zipped(tmp_path / "celeba.zip", with_zipped_faces(files))
    says(root, f"holds {FACES}.zip, a zip in a zip; unpack the outer one and name the folder")


def test_pictures_in_a_zip_that_is_none_are_said(files, tmp_path):
    root = written(tmp_path / "celeba", with_zipped_faces(files) | {f"{FACES}.zip": b"<html>quota exceeded</html>"})
    says(root, f"{FACES}.zip is neither a folder nor a readable zip")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        *IMPOSTORS.values(),
        (b"no picture at all", "is no picture"),
        (encoded(gradient(3, 178, 218), "JPEG")[:1500], "cannot be used: "),
        (encoded(gradient(3, 218, 178), "JPEG"), "it is 218x178, and aligned CelebA pictures are 178x218"),
        (encoded(gradient(3, 89, 109), "JPEG"), "it is 89x109, and aligned CelebA pictures are 178x218"),
    ],
    ids=[*IMPOSTORS, "text", "cut off", "in the wild", "half as large"],
)
@pytest.mark.parametrize("crop", ["openface", "center178", "center108"])
def test_a_picture_that_is_none_is_said(root, tmp_path, data, sentence, crop):
    (root / FACES / face_name(3)).write_bytes(data)
    with pytest.raises(UserError, match=r"celeba: .*; fetch it again$") as error:
        prepared(dataset(crop=crop), tmp_path / "data", source=root)
    assert f"{FACES}/000003.jpg" in str(error.value)
    assert sentence in str(error.value)
    assert store.all_in(tmp_path / "data") == []


@pytest.mark.parametrize(
    ("data", "colour"),
    [(flat(90, "L", "JPEG", (178, 218)), (90, 90, 90)), (flat((0, 255, 255, 0), "CMYK", "JPEG", (178, 218)), (255, 0, 0))],
    ids=["grey", "cmyk"],
)
@pytest.mark.parametrize("crop", ["openface", "center178"])
def test_grey_and_cmyk_pictures_are_accepted(root, data, colour, crop):
    (root / FACES / face_name(3)).write_bytes(data)
    found = split_of(root, crop=crop).train.images[2:3][0]
    assert np.abs(found.astype(int) - colour).max() < 6


def test_its_files_have_to_be_named():
    with pytest.raises(UserError, match="inbench data prepare celeba --from PATH"):
        dataset().prepare(None, 64)


# Real pictures


@pytest.fixture
def mini():
    if not MINI.is_dir():
        pytest.skip(f"{MINI} is not here")
    return MINI


def test_real_pictures_are_prepared_with_no_person_in_two_parts(mini, tmp_path):
    told = prepared(dataset(), tmp_path, source=mini, size=64)
    assert told.manifest["counts"] == {"train": 81, "val": 19, "test": 20}
    people = [set(told.part(part).groups) for part in store.PARTS]
    assert sum(map(len, people)) == len(set.union(*people))
    assert told.fault() == ""


def test_the_official_values_of_the_first_pictures_are_all_train(mini, tmp_path):
    (tmp_path / PARTITION).write_bytes((mini / "list_eval_partition.official.txt").read_bytes())
    parts, _ = celeba.members("official", Files(tmp_path), list(names(*range(1, 121))))
    assert [len(found) for found in parts.values()] == [120, 0, 0]


def test_eyes_and_mouths_of_real_faces_are_in_the_papers_rows(mini):
    rows = {"eyes": [], "mouths": []}
    warps = celeba.openface(Files(mini))
    assert len(warps) == 120
    for line in (mini / LANDMARKS).read_text().splitlines()[2:]:
        name, *numbers = line.split()
        x, y = np.array(numbers, float).reshape(5, 2).T + 0.5
        warp = warps[name]
        within = ((x - warp.c) + 1j * (y - warp.d)) / complex(warp.a, warp.b)
        at = within.imag * 64 - 0.5
        rows["eyes"] += [*at[:2]]
        rows["mouths"] += [*at[3:]]
    assert 10 <= statistics.median(rows["eyes"]) <= 12
    assert 39 <= statistics.median(rows["mouths"]) <= 42
