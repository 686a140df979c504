"""The folder data set: any folder or zip of pictures, and one clear sentence for each that is none."""

import csv
from pathlib import Path

import numpy as np
import pytest
from handmade import damaged, encoded, noise, written, zipped
from inbench_datasets import folder
from PIL import Image

from inbench import Box, Decoded, Files, UserError

EMBED = Path(__file__).parents[2] / "shared" / "data" / "embed64" / "embed64.zip"


def some(index="file,split\na.png,train\nb.png,train\nc.png,test\n", **more):
    files = {f"{letter}.png": encoded(noise(place)) for place, letter in enumerate("abc")}
    return {**files, "index.csv": index, **more}


def prepared(source, size=32, **params):
    return folder.Folder(folder.Folder.Params(**params)).prepare(Path(source), size)


def read(split):
    """Every picture of a split, as the store reads them."""
    for pictures in (split.train, split.val, split.test):
        if pictures is not None:
            pictures.images[0 : len(pictures.ids)]


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """Where files come to lie: as a folder or as a zip."""

    def lay(files):
        return zipped(tmp_path / "set.zip", files) if request.param == "zip" else written(tmp_path / "set", files)

    return lay


def test_index_csv_gives_the_parts(place):
    split = prepared(place(some("file,split\nc.png,train\na.png,val\nb.png,test\n")))
    assert (split.train.ids, split.val.ids, split.test.ids) == (("c.png",), ("a.png",), ("b.png",))
    assert split.train.groups is None


def test_fewer_training_pictures_are_always_among_the_more(place):
    source = place(some("file,split\na.png,train\nb.png,train\nc.png,test\nd.png,train\n", **{"d.png": encoded(noise(3))}))
    one, two, three = (prepared(source, train=count) for count in (1, 2, 3))
    assert [len(split.train.ids) for split in (one, two, three)] == [1, 2, 3]
    assert set(one.train.ids) < set(two.train.ids) < set(three.train.ids) == {"a.png", "b.png", "d.png"}
    assert one.test.ids == three.test.ids == prepared(source).test.ids


def test_more_training_pictures_than_there_are_is_said(place):
    with pytest.raises(UserError, match="has 2 training pictures, not 9; write train=2 or less"):
        prepared(place(some()), train=9)


def test_without_val_rows_val_is_left_to_the_store(place):
    assert prepared(place(some())).val is None


def test_pictures_are_the_middle_square_of_what_is_in_the_files(place):
    split = prepared(place(some()))
    assert (split.test.images[0:1][0] == np.asarray(Image.fromarray(noise(2)[:, 4:36]))).all()


FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


@pytest.mark.parametrize("resize", FILTERS)
@pytest.mark.parametrize("size", [32, 64])
def test_pictures_are_resized_as_pillow_does_with_that_filter(place, resize, size):
    split = prepared(place(some()), size, resize=resize)
    expected = Image.fromarray(noise(2)).resize((size, size), FILTERS[resize], box=(4, 0, 36, 32))
    assert (split.test.images[0:1][0] == np.asarray(expected)).all()


def test_stretch_shows_all_of_a_picture_made_square(place):
    split = prepared(place(some()), crop="stretch")
    expected = Image.fromarray(noise(2)).resize((32, 32), Image.Resampling.BILINEAR)
    assert (split.test.images[0:1][0] == np.asarray(expected)).all()


@pytest.mark.parametrize(("width", "height"), [(32, 20), (20, 32)])
def test_pad_shows_all_of_a_picture_and_its_edges_go_on(place, width, height):
    pixels = noise(7, width, height)
    split = prepared(place(some() | {"c.png": encoded(pixels)}), crop="pad")
    around = ((6, 6), (0, 0), (0, 0)) if width > height else ((0, 0), (6, 6), (0, 0))
    assert (split.test.images[0:1][0] == np.pad(pixels, around, mode="edge")).all()


def test_pictures_are_turned_as_their_camera_says(place):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn it clockwise
    pixels = noise(8, 40, 32)
    split = prepared(place(some() | {"c.png": encoded(pixels, exif=exif)}))
    assert (split.test.images[0:1][0] == np.rot90(pixels, -1)[4:36]).all()


@pytest.mark.parametrize("column", ["group", "identity"])
def test_group_and_identity_become_groups(place, column):
    split = prepared(place(some(f"file,split,{column}\na.png,train,7\nb.png,train,9\nc.png,test,7\n")))
    assert (split.train.groups, split.test.groups) == (("7", "9"), ("7",))


def test_group_comes_before_identity(place):
    split = prepared(place(some("identity,group,file,split\n1,x,a.png,train\n2,y,b.png,train\n3,z,c.png,test\n")))
    assert split.train.groups == ("x", "y")


@pytest.mark.parametrize("column", ["class", "label", "source"])
def test_a_class_never_becomes_a_group(place, column):
    split = prepared(place(some(f"file,split,{column}\na.png,train,7\nb.png,train,9\nc.png,test,7\n")))
    assert split.train.groups is None


@pytest.mark.parametrize("owners", ["x..", ".x.", "..x"])
def test_pictures_without_a_group_do_not_share_one(place, owners):
    rows = "".join(f"{name}.png,train,{owner.strip('.')}\n" for name, owner in zip("abc", owners, strict=True))
    split = prepared(place(some(f"file,split,group\n{rows}d.png,test,y\n") | {"d.png": encoded(noise(9))}))
    assert split.train.groups is not None
    assert len(set(split.train.groups)) == 3


def test_an_index_with_crlf_blanks_and_a_byte_order_mark_works(place):
    split = prepared(place(some("\ufefffile,split\r\n a.png , train \r\nb.png,train\r\nc.png,test\r\n")))
    assert split.train.ids == ("a.png", "b.png")


def test_pictures_in_folders_are_named_from_the_top(place):
    split = prepared(
        place(
            {
                "x/a.png": encoded(noise(0)),
                "y/a.png": encoded(noise(1)),
                "index.csv": "file,split\nx/a.png,train\ny/a.png,test\n",
            }
        )
    )
    assert (split.train.ids, split.test.ids) == (("x/a.png",), ("y/a.png",))


def test_without_an_index_about_a_tenth_tests(place):
    files = {f"{number}.png": encoded(noise(number, 4, 4)) for number in range(200)}
    split = prepared(place(files))
    assert 10 <= len(split.test.ids) <= 30
    assert set(split.test.ids) | set(split.train.ids) == set(files)
    assert not set(split.test.ids) & set(split.train.ids)


def test_few_test_pictures_drawn_by_hash_are_told_and_those_of_the_users_own_are_not(place, tmp_path):
    files = {f"{letter}.png": encoded(noise(number)) for number, letter in enumerate("abcdefghijkl")}
    drawn = prepared(place(files))
    (note,) = drawn.notes
    assert note.startswith(f"the hash of their names draws only {len(drawn.test.ids)} test picture")
    own = {f"{part}/{name}": data for part in ("train", "test") for name, data in files.items()}
    assert prepared(written(tmp_path / "own", own)).notes == prepared(written(tmp_path / "listed", some())).notes == ()


def test_parts_by_hash_never_change():
    rows = folder.by_hash([f"{number:02d}.png" for number in range(40)])
    assert [row.file for row in rows if row.split == "test"] == ["02.png", "03.png", "06.png", "33.png"]


def test_hidden_files_and_other_files_are_no_pictures(place):
    files = some() | {"._a.png": b"resource", "notes.txt": b"hello", "__MACOSX/._b.png": b"resource"}
    del files["index.csv"]
    source = place(files)
    assert Files(source).pictures() == ["a.png", "b.png", "c.png"]


def test_a_folder_and_its_zip_give_the_same(tmp_path):
    one, other = prepared(written(tmp_path / "set", some())), prepared(zipped(tmp_path / "set.zip", some()))
    assert one.train.ids == other.train.ids
    assert (one.train.images[0:2] == other.train.images[0:2]).all()


def test_an_index_naming_a_missing_file_says_the_line(place):
    with pytest.raises(UserError, match=r"index.csv line 3 names 'z.png', which is not there"):
        prepared(place(some("file,split\na.png,train\nz.png,train\nc.png,test\n")))


def test_the_line_said_is_that_of_the_file_where_lines_are_blank(place):
    with pytest.raises(UserError, match=r"index.csv line 5 names 'z.png'"):
        prepared(place(some("file,split\n\n\na.png,train\nz.png,train\nc.png,test\n")))


def test_a_wrong_split_says_the_line_and_the_words(place):
    with pytest.raises(UserError, match=r"index.csv line 4: the split 'tset' must be train, val or test"):
        prepared(place(some("file,split\na.png,train\nb.png,train\nc.png,tset\n")))


def test_a_short_row_is_a_wrong_split(place):
    with pytest.raises(UserError, match="line 3: the split ''"):
        prepared(place(some("file,split\na.png,train\nb.png\nc.png,test\n")))


def test_a_file_named_twice_is_refused(place):
    with pytest.raises(UserError, match=r"line 4 names 'a.png' a second time"):
        prepared(place(some("file,split\na.png,train\nc.png,test\na.png,test\n")))


def test_a_quote_that_is_not_closed_says_after_which_line(place):
    rows = "".join(f"x{place},train,{'y' * 40}\n" for place in range(4000))
    with pytest.raises(UserError, match=r"index.csv is no CSV after line 2: field larger.*is a quote not closed"):
        prepared(place(some(f'file,split,group\na.png,train,a\n"b.png,train,b\n{rows}')))


@pytest.mark.parametrize("index", ["name,split\na.png,train\n", "file;split\na.png;train\n", "\n"])
def test_an_index_without_its_columns_is_refused(place, index):
    with pytest.raises(UserError, match=r"index.csv has no column 'file'"):
        prepared(place(some(index)))


@pytest.mark.parametrize(
    ("index", "said"),
    [("", "is empty"), ("<html>404</html>", "is an HTML page"), ("version https://git-lfs.github.com/spec/v1\n", "Git LFS")],
    ids=["empty", "html", "lfs"],
)
def test_what_stands_in_place_of_an_index_is_said(place, index, said):
    with pytest.raises(UserError, match=rf"set.*: index.csv .*{said}"):
        prepared(place(some(index)))


def test_an_index_that_is_no_utf_8_is_refused(place):
    with pytest.raises(UserError, match=r"index.csv"):
        prepared(place(some("file,split,group\na.png,train,Jos\xe9\nb.png,train,x\nc.png,test,y\n".encode("latin-1"))))


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_part_that_nobody_is_in_is_said(place, part):
    other = "test" if part == "train" else "train"
    with pytest.raises(UserError, match=f"no pictures whose split is {part}"):
        prepared(place(some(f"file,split\na.png,{other}\nb.png,{other}\n")))


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        prepared(tmp_path)


def test_a_zip_without_pictures_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        prepared(zipped(tmp_path / "set.zip", {"a.txt": "hello"}))


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>404</html>"])
def test_what_is_no_zip_is_said(tmp_path, content):
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(UserError, match="neither a folder nor a readable zip"):
        prepared(tmp_path / "set.zip")


def test_a_cut_off_zip_is_said(tmp_path):
    whole = zipped(tmp_path / "set.zip", some()).read_bytes()
    (tmp_path / "set.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="neither a folder nor a readable zip"):
        prepared(tmp_path / "set.zip")


def test_a_damaged_member_of_a_zip_is_named(tmp_path):
    split = prepared(damaged(zipped(tmp_path / "set.zip", some()), "b.png"))
    with pytest.raises(UserError, match=r"set\.zip: b\.png cannot be read"):
        read(split)


def test_a_damaged_member_of_a_zip_can_be_left_out(tmp_path):
    split = prepared(damaged(zipped(tmp_path / "set.zip", some()), "b.png"), skip_bad_images=True)
    read(split)
    assert split.train.images.bad == {"b.png"}


def broken_png():
    data = bytearray(encoded(noise(1)))
    data[data.index(b"IDAT") + 60] ^= 255
    return bytes(data)


BAD = {
    "empty": (b"", "is empty"),
    "html": (b"\n  <!DOCTYPE html><html>404</html>", "is an HTML page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer"),
    "text": (b"hello, I am a picture", "is no picture"),
    "cut jpeg": (encoded(noise(1), "JPEG")[:900], "cannot be used: "),
    "cut png": (encoded(noise(1))[:900], "cannot be used: "),
    "corrupt png": (broken_png(), "cannot be used: "),
    "head only": (encoded(noise(1))[:20], "."),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_named_with_what_it_is_when_it_is_read(place, kind):
    data, said = BAD[kind]
    split = prepared(place(some() | {"b.png": data}))
    with pytest.raises(UserError, match=f"set.*: b.png {said}.*--skip-bad-images"):
        read(split)


def test_skipped_pictures_are_told(place):
    bad = {f"bad {place}.png": data for place, (data, _) in enumerate(BAD.values())}
    index = some()["index.csv"] + "".join(f"{name},train\n" for name in bad)
    split = prepared(place(some(index) | bad), skip_bad_images=True)
    read(split)
    assert split.train.images.bad == set(bad)
    assert split.test.images.bad == set()


def test_a_picture_that_the_index_leaves_out_is_not_looked_at(place):
    assert prepared(place(some() | {"unused.png": b""})).train.ids == ("a.png", "b.png")


def sidecar(source, images, index):
    np.save(source.with_name("set.test.npy"), images)
    source.with_name("set.test.csv").write_text(index)


def test_folders_named_as_the_parts_are_the_parts(place):
    files = {
        f"{part}/{letter}.png": encoded(noise(ord(letter)))
        for part, letter in zip(("train", "train", "test"), "abc", strict=True)
    }
    split = prepared(place(files))
    assert (split.train.ids, split.val, split.test.ids) == (("train/a.png", "train/b.png"), None, ("test/c.png",))
    elsewhere = prepared(place({**files, "d.png": encoded(noise(4))}))
    assert len(elsewhere.train.ids) + len(elsewhere.test.ids) == 4


def test_a_lossless_test_part_beside_it_replaces_the_test_pictures(place):
    source = place(some("file,split\na.png,train\nb.png,test\nc.png,test\n"))
    images = np.stack([noise(8, 32, 32), noise(9, 32, 32)])
    sidecar(source, images, "file,split,identity\nb.png,test,4\nc.png,test,5\n")
    split = prepared(source)
    assert (split.test.ids, split.test.groups) == (("b.png", "c.png"), ("4", "5"))
    assert (split.test.images[0:2] == images).all()
    assert split.train.ids == ("a.png",)


def test_a_lossless_part_of_other_pictures_is_refused(place):
    source = place(some())
    sidecar(source, noise(8, 32, 32)[None], "file\na.png\n")  # which is learned from
    with pytest.raises(UserError, match=r"set.test.csv must name the test pictures .*, all and no others; look at 'a.png'"):
        prepared(source)


def test_a_class_of_the_lossless_part_never_becomes_a_group(place):
    source = place(some())
    sidecar(source, noise(8, 32, 32)[None], "file,split,class\nc.png,test,4\n")
    assert prepared(source).test.groups is None


def test_a_lossless_part_of_another_size_is_not_used(place):
    source = place(some())
    sidecar(source, noise(8, 64, 64)[None], "file\nc.png\n")
    assert isinstance(prepared(source, 32).test.images, Decoded)
    assert not isinstance(prepared(source, 64).test.images, Decoded)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((2, 32, 32, 3), np.uint8), r"must be uint8 \[1, S, S, 3\]"),
        (np.zeros((1, 32, 32, 3)), "it is float64"),
        (np.zeros((1, 32, 32), np.uint8), "a picture for each row"),
    ],
)
def test_a_lossless_part_of_another_form_is_refused(place, images, said):
    source = place(some())
    sidecar(source, images, "file\nc.png\n")
    with pytest.raises(UserError, match=said):
        prepared(source)


def test_a_lossless_part_that_is_no_array_is_refused(place):
    source = place(some())
    sidecar(source, noise(1)[None], "file\nc.png\n")
    source.with_name("set.test.npy").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"set.test.npy is no array of pictures"):
        prepared(source)


def test_a_lossless_part_that_is_empty_is_refused(place):
    source = place(some())
    sidecar(source, noise(1)[None], "file\nc.png\n")
    source.with_name("set.test.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"set.test.npy is no array of pictures"):
        prepared(source)


@pytest.mark.parametrize("index", ["name\nc.png\n", "file\nc.png\nc.png\n"])
def test_rows_of_the_lossless_part_that_give_no_ids_are_refused(place, index):
    source = place(some())
    sidecar(source, np.stack([noise(8, 32, 32)] * (index.count("c.png"))), index)
    with pytest.raises(UserError, match=r"set.test.csv"):
        prepared(source)


def test_what_is_read_is_the_source_and_what_lies_beside_it(place):
    source = place(some())
    dataset = folder.Folder(folder.Folder.Params())
    assert dataset.reads(source) == [source]
    sidecar(source, noise(8, 32, 32)[None], "file\nc.png\n")
    assert [path.name for path in dataset.reads(source)] == [source.name, "set.test.npy", "set.test.csv"]


def test_the_folder_one_is_in_can_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(written(tmp_path / "set", some()))
    assert folder.Folder(folder.Folder.Params()).reads(Path(".")) == [Path(".")]


def test_the_free_pictures_at_hand_are_read_without_loss():
    if not EMBED.is_file():
        pytest.skip(f"{EMBED} is not here")
    pixels = np.load(EMBED.with_suffix(".npy"))
    with EMBED.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    images = Decoded(Files(EMBED), names, 64, lambda name, width, height: Box.middle(width, height))
    assert len(names) == 24
    assert (images[0:24] == pixels).all()
