"""Holes from files: folders, zips and .npz of them, known by their content, and one clear sentence for each that is none."""

import gc
import io
import pickle
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from handmade import damaged, encoded, flat, noise, written, zipped
from PIL import Image

import inbench
from inbench.joints import choices, registry
from inbench.joints.mask_files import FromFiles
from inbench.words import brackets
from inbench.words.errors import UserError

PACK = Path(inbench.__file__).parent.parent.parent / "shared/data/masks64/nvidia_test_masks64.npz"
IDS = [f"{number:06d}.jpg" for number in range(60)]


def blots(count=3, height=64, width=64, seed=0):
    """Holes that all differ, each with missing and known pixels: bool [n, height, width]."""
    return np.random.default_rng(seed).random((count, height, width)) < np.linspace(0.2, 0.8, count)[:, None, None]


def pictures(holes):
    """The same as PNG files, white where a pixel is missing."""
    return {f"{place}.png": encoded(hole.astype(np.uint8) * 255) for place, hole in enumerate(holes)}


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def chosen(path, size=64, **options):
    return choices.mask(brackets.write("from-files", {"path": path, **options}), size, registry.load())


def drawn(path, size=64, **options):
    return chosen(path, size, **options).mask.draw(IDS, size)[:, 0]


def content(path, size=64, **options):
    return chosen(path, size, **options).mask.params.content


def refused(path, size=64, **options):
    """What is said of files that are no holes: one line, which names them."""
    with pytest.raises(UserError) as error:
        chosen(path, size, **options)
    said = str(error.value)
    assert str(path) in said
    assert "\n" not in said
    return said


FORMS = {
    "folder": lambda root, holes: written(root / "set", pictures(holes)),
    "zip": lambda root, holes: zipped(root / "set.zip", pictures(holes)),
    "npz of bool": lambda root, holes: npz(root / "set.npz", holes=holes),
    "npz of 0 and 1": lambda root, holes: npz(root / "set.npz", holes=holes.astype(np.int64)),
    "npz of 0 and 255": lambda root, holes: npz(root / "set.npz", holes=holes.astype(np.uint8) * np.uint8(255)),
    "npz of 0 and 65535": lambda root, holes: npz(root / "set.npz", holes=holes.astype(np.uint16) * np.uint16(65535)),
    "npz of bits": lambda root, holes: npz(root / "set.npz", packed=np.packbits(holes), shape=np.array(holes.shape)),
    "npz of rows of bits": lambda root, holes: npz(
        root / "set.npz", packed=np.packbits(holes.reshape(len(holes), -1), axis=1), shape=np.array(holes.shape), ratio=[0.5]
    ),
}


@pytest.fixture(params=FORMS)
def form(request, tmp_path):
    """Lays holes down in one of the forms that are read."""
    return lambda holes: FORMS[request.param](tmp_path, holes)


# What is read


def test_each_image_gets_one_of_the_holes_and_all_are_used(form):
    holes = blots()
    found = drawn(form(holes))
    places = [[bool((one == hole).all()) for hole in holes].index(True) for one in found]
    assert set(places) == {0, 1, 2}


def test_black_is_the_hole_where_one_says_so(form):
    path = form(blots())
    assert (drawn(path, hole="black") == ~drawn(path, hole="white")).all()


def test_a_single_hole_is_enough(form):
    hole = blots(1)
    assert (drawn(form(hole)) == hole).all()


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_holes_of_another_size_are_scaled_by_the_nearest_pixel(tmp_path, size):
    (hole,) = blots(1, 48, 96, seed=5)
    expected = np.zeros((size, size), dtype=bool)
    for row in range(size):
        for column in range(size):
            expected[row, column] = hole[int((row + 0.5) * 48 / size), int((column + 0.5) * 96 / size)]
    assert (drawn(written(tmp_path / "set", pictures([hole])), size) == expected).all()
    assert (drawn(npz(tmp_path / "set.npz", holes=np.stack([hole, hole])), size) == expected).all()


def test_an_image_has_its_hole_in_every_subset_and_order(form):
    rule = chosen(form(blots(7))).mask
    whole = rule.draw(IDS, 64)
    assert (rule.draw(IDS[9:1:-3], 64) == whole[9:1:-3]).all()
    assert (rule.draw([IDS[4]], 64)[0] == whole[4]).all()
    assert (rule.draw([3, 1], 64, seed=2) == rule.draw(4, 64, seed=2)[[3, 1]]).all()


def test_a_compressed_npz_is_read_too(tmp_path):
    holes = blots()
    np.savez_compressed(tmp_path / "set.npz", holes=holes)
    assert (drawn(tmp_path / "set.npz") == drawn(npz(tmp_path / "plain.npz", holes=holes))).all()


@pytest.mark.parametrize(
    "kind",
    ["L", "1", "RGB", "RGBA", "P", "0 and 1", "16 bits", "almost black and white"],
)
def test_every_kind_of_black_and_white_picture_is_read(tmp_path, kind):
    (hole,) = blots(1)
    picture = Image.fromarray(hole.astype(np.uint8) * 255)
    if kind == "0 and 1":
        picture = Image.fromarray(hole.astype(np.uint8))
    elif kind == "16 bits":
        picture = Image.fromarray(hole.astype(np.uint16) * np.uint16(65535))
    elif kind == "almost black and white":
        picture = Image.fromarray(np.where(hole, 250, 5).astype(np.uint8))
    else:
        picture = picture.convert(kind)
    assert (drawn(written(tmp_path / "set", {"a.png": encoded(picture)})) == hole).all()


def test_a_palette_with_transparent_colours_is_read_without_a_word(tmp_path):
    (hole,) = blots(1)
    picture = Image.fromarray(hole.astype(np.uint8), "L").convert("P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    assert (drawn(written(tmp_path / "set", {"a.png": encoded(picture, transparency=bytes([0, 128]))})) == hole).all()


def test_other_files_beside_the_holes_are_passed_over(tmp_path):
    files = {"readme.txt": b"hello", ".hidden.png": b"no picture", "__MACOSX/._0.png": b"no picture"}
    path = written(tmp_path / "set", files | pictures(blots()))
    assert content(path) == content(written(tmp_path / "other", pictures(blots())))


def test_a_pixel_that_is_grey_here_and_there_is_black_or_white(tmp_path):
    hole = blots(1)[0]
    level = hole.astype(np.uint8) * 255
    level[0, :10] = [127, 128] * 5  # 10 of 4096
    expected = hole.copy()
    expected[0, :10] = [False, True] * 5
    assert (drawn(written(tmp_path / "set", {"a.png": encoded(level)})) == expected).all()


# What it is called


def test_the_content_is_twelve_letters_of_a_hash(form):
    assert len(content(form(blots()))) == 12
    assert set(content(form(blots()))) <= set("0123456789abcdef")


def test_the_same_files_have_the_same_content_wherever_they_lie(tmp_path):
    one = written(tmp_path / "here" / "set", pictures(blots()))
    shutil.copytree(one, tmp_path / "there" / "set")
    packed = zipped(tmp_path / "set.zip", {f"inside/{name}": data for name, data in pictures(blots()).items()})
    first, second, third = (chosen(path) for path in (one, tmp_path / "there" / "set", packed))
    assert first.canonical == second.canonical == third.canonical
    assert (first.mask.draw(IDS, 64) == third.mask.draw(IDS, 64)).all()


def test_the_content_does_not_know_the_size(tmp_path):
    path = written(tmp_path / "set", pictures(blots()))
    assert content(path, 32) == content(path, 128)


def test_the_content_changes_with_every_file(tmp_path):
    files = pictures(blots(4))
    others = [
        files,
        {name: data for name, data in files.items() if name != "3.png"},
        files | {"4.png": files["0.png"]},
        files | {"0.png": files["1.png"], "1.png": files["0.png"]},
        files | {"0.png": encoded(~blots(4)[0])},
        {f"{place}{name}": data for place, (name, data) in enumerate(files.items())},
    ]
    assert len({content(written(tmp_path / str(place) / "set", some)) for place, some in enumerate(others)}) == len(others)


@pytest.mark.parametrize(("kind", "top"), [(np.bool_, 1), (np.int8, 1), (np.uint8, 255), (np.uint16, 65535), (np.int64, 256)])
def test_the_content_changes_with_a_pixel_of_an_npz(tmp_path, kind, top):
    holes = blots().astype(kind) * kind(top)
    other = holes.copy()
    other[1, 3, 4] = 0 if holes[1, 3, 4] else top
    first, second = npz(tmp_path / "first.npz", holes=holes), npz(tmp_path / "second.npz", holes=other)
    assert content(first) != content(second)


def test_no_form_but_the_typed_one_holds_the_path(form):
    path = form(blots())
    choice = chosen(path, pack="blots")
    assert choice.canonical == f"from-files[content={choice.mask.params.content},hole=white,pack=blots]"
    for told in (choice.canonical, choice.shown):
        assert "path" not in told
        assert str(path) not in told
        assert path.name not in told
    assert f"path={path}" in choice.typed


def test_a_pack_is_called_as_its_file_unless_told(tmp_path):
    assert chosen(npz(tmp_path / "irregular.npz", holes=blots())).mask.params.pack == "irregular"
    assert chosen(written(tmp_path / "drawn", pictures(blots()))).mask.params.pack == "drawn"
    assert chosen(tmp_path / "drawn", pack="mine").mask.params.pack == "mine"


def test_what_is_typed_chooses_the_same_again(form):
    choice = chosen(form(blots()), hole="black", pack="blots")
    again = choices.mask(choice.typed, 64, registry.load())
    assert (again.canonical, again.shown, again.typed) == (choice.canonical, choice.shown, choice.typed)
    assert (again.mask.draw(IDS, 64) == choice.mask.draw(IDS, 64)).all()


def test_what_is_typed_of_a_mixture_with_files_chooses_it_again(form):
    text = f"mix(center,from-files[path={form(blots())},hole=black])"
    choice = choices.mask(text, 64, registry.load())
    again = choices.mask(choice.typed, 64, registry.load())
    assert again.canonical == choice.canonical
    assert "path" not in choice.canonical
    assert (again.mask.draw(IDS, 64) == choice.mask.draw(IDS, 64)).all()


@pytest.mark.parametrize("folder", ["plain", "with blanks", "[old]", "mix(a)"])
def test_what_is_typed_chooses_the_same_again_in_any_folder(tmp_path, monkeypatch, folder):
    (tmp_path / folder).mkdir()
    npz(tmp_path / folder / "set.npz", holes=blots())
    monkeypatch.chdir(tmp_path / folder)
    choice = chosen("set.npz")
    monkeypatch.chdir(tmp_path)
    assert choices.mask(choice.typed, 64, registry.load()).canonical == choice.canonical


@pytest.mark.parametrize("folder", ["a,b", "old]"])
def test_a_path_that_brackets_cannot_hold_is_refused(tmp_path, monkeypatch, folder):
    (tmp_path / folder).mkdir()
    npz(tmp_path / folder / "set.npz", holes=blots())
    monkeypatch.chdir(tmp_path / folder)
    with pytest.raises(UserError, match="holds a comma or an odd bracket; rename it"):
        chosen("set.npz")


def test_a_path_under_the_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    npz(tmp_path / "set.npz", holes=blots())
    assert chosen("~/set.npz").mask.params.path == str(tmp_path / "set.npz")


def test_other_files_than_those_of_a_content_are_refused(tmp_path):
    path, other = npz(tmp_path / "a.npz", holes=blots()), npz(tmp_path / "b.npz", holes=blots(seed=1))
    assert chosen(path, content=content(path)).canonical == chosen(path).canonical
    said = refused(other, content=content(path))
    assert said == f"the holes in {other} are not those of content={content(path)}; now it is {content(other)}"


@pytest.mark.parametrize("form", ["folder", "npz of bool"])
def test_files_that_have_changed_since_are_refused(tmp_path, form):
    before = chosen(FORMS[form](tmp_path, blots()))
    FORMS[form](tmp_path, blots(seed=1))
    with pytest.raises(UserError, match="are not those of content="):
        choices.mask(before.typed, 64, registry.load())


# What is refused


def test_a_mask_without_a_path_is_refused():
    with pytest.raises(UserError, match=r"needs 'path'; write .*from-files\[path=...\]"):
        choices.mask("from-files", 64, registry.load())


def test_a_path_that_is_not_there_is_refused(tmp_path):
    for name in ("nowhere", "nowhere.zip", "nowhere.npz"):
        assert refused(tmp_path / name) == (
            f"there is no {tmp_path / name}; from-files[path=...] is a folder, a zip or an .npz of holes"
        )


def test_a_colour_that_is_neither_is_refused(tmp_path):
    with pytest.raises(UserError, match="must be one of white, black, not 'grey'"):
        chosen(npz(tmp_path / "set.npz", holes=blots()), hole="grey")


@pytest.mark.parametrize(
    "lay",
    [
        lambda root: written(root / "set", {"notes.txt": b"hello"}),
        lambda root: zipped(root / "set.zip", {}),
        lambda root: npz(root / "set.npz", holes=np.zeros((0, 64, 64), dtype=bool)),
        lambda root: npz(root / "set.npz", packed=np.zeros(0, dtype=np.uint8), shape=np.array([0, 64, 64])),
    ],
    ids=["folder", "zip", "npz", "npz of bits"],
)
def test_files_without_a_hole_are_refused(tmp_path, lay):
    assert "holds no holes; from-files[path=...] is a folder, a zip or an .npz of holes" in refused(lay(tmp_path))


@pytest.mark.parametrize(("colour", "what"), [(False, "nothing"), (True, "everything")])
def test_a_hole_that_hides_nothing_or_everything_is_refused(form, colour, what):
    holes = blots()
    holes[1] = colour
    said = refused(form(holes))
    assert f"1{'.png' if '.png' in said else ''} hides {what}; take it out" in said
    assert "is black the hole?" in said


def test_a_hole_too_small_for_the_size_is_refused(tmp_path):
    hole = np.zeros((1, 256, 256), dtype=bool)
    hole[0, 0, 0] = True
    path = written(tmp_path / "set", pictures(hole))
    assert chosen(path, 256).mask.draw(1, 256).sum() == 1
    assert "0.png hides nothing" in refused(path, 32)


def laid(root, name, data):
    """One file among good holes."""
    return written(root / "set", pictures(blots()) | {name: data})


PAGE = b"<!DOCTYPE html>\n<html><body>404</body></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("p.png", PAGE, "p.png is an HTML page"),
        ("p.png", POINTER, "p.png is a Git LFS pointer"),
        ("p.png", b"", "p.png is empty"),
        ("p.png", encoded(blots(1)[0])[:60], "p.png is no readable picture of a hole"),
        ("p.png", encoded(blots(1)[0])[:-30], "p.png is no readable picture of a hole"),
        ("p.jpg", encoded(noise(0), "JPEG"), r"p.jpg is \d+% grey; a mask is black and white \(saved as PNG, not as JPEG\)"),
        ("p.png", flat(100, "L", "PNG"), "p.png is 100% grey; a mask is black and white"),
        ("p.png", encoded(noise(0)), r"p.png is \d+% grey"),
    ],
    ids=["page", "pointer", "empty", "cut short", "end cut off", "grey jpeg", "grey", "colours"],
)
def test_a_picture_that_is_no_hole_is_refused_by_its_name(tmp_path, name, data, said):
    path = laid(tmp_path, name, data)
    with pytest.raises(UserError, match=said):
        chosen(path)
    assert refused(path).startswith(f"{path}: {name} is ")


@pytest.mark.parametrize("data", [PAGE, POINTER, b"", b"no picture"], ids=["page", "pointer", "empty", "text"])
def test_what_is_said_of_a_page_is_for_people(tmp_path, data):
    assert " object at 0x" not in refused(laid(tmp_path, "p.png", data))


def test_a_damaged_picture_in_a_zip_is_refused_by_its_name(tmp_path):
    path = damaged(zipped(tmp_path / "set.zip", pictures(blots())), "1.png")
    assert "1.png cannot be read" in refused(path)


def headed(shape, data=b""):
    """A zip with an array that tells of more than it holds."""
    held = io.BytesIO()
    np.lib.format.write_array_header_1_0(held, {"descr": "|b1", "fortran_order": False, "shape": shape})
    return {"holes.npy": held.getvalue() + data}


def in_bytes(save, *arrays, **named):
    held = io.BytesIO()
    save(held, *arrays, **named)
    return held.getvalue()


def spoilt():
    """A compressed .npz whose data no longer unpack."""
    data = bytearray(in_bytes(np.savez_compressed, holes=blots(20)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.infolist()[0].header_offset
    name, extra = (int.from_bytes(data[start + place : start + place + 2], "little") for place in (26, 28))
    data[start + 30 + name + extra] = 0x07  # a block of a kind that there is not
    return bytes(data)


FILES = {
    "a page": PAGE,
    "nothing": b"",
    "text": b"1,0,1\n",
    "a bare pickle": pickle.dumps([1, 2]),
    "one array without the archive": in_bytes(np.save, blots()),
    "damaged where it is compressed": spoilt(),
    "no arrays": in_bytes(np.savez),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_that_is_no_npz_is_refused(tmp_path, data):
    refused(written(tmp_path, {"set.npz": data}) / "set.npz")


def test_an_npz_that_is_cut_short_is_refused_and_closed(tmp_path):
    path = written(tmp_path, {"set.npz": in_bytes(np.savez, holes=blots())[:3000]}) / "set.npz"
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert "is no .npz of holes" in refused(path)
        gc.collect()
    assert [str(warning.message) for warning in found] == []


@pytest.mark.parametrize("shape", [(10**6, 10**5, 10**5), (4, 64, 64)])
def test_an_npz_that_tells_of_more_than_it_holds_is_refused(tmp_path, shape):
    assert "is no .npz of holes" in refused(zipped(tmp_path / "set.npz", headed(shape, b"12345")))


def test_a_damaged_npz_is_refused(tmp_path):
    path = npz(tmp_path / "set.npz", holes=blots())
    data = bytearray(path.read_bytes())
    data[5000] ^= 255
    path.write_bytes(data)
    assert "is no .npz of holes" in refused(path)


def test_a_pickled_npz_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = npz(tmp_path / "set.npz", holes=np.array([[[Trap()]]], dtype=object))
    assert "is no .npz of holes: Object arrays cannot be loaded" in refused(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"holes": blots().astype(np.float32)}, "must be bool or whole numbers [n, height, width], not float32 [3, 64, 64]"),
        ({"holes": blots().astype(np.complex64)}, "must be bool or whole numbers"),
        ({"holes": np.full((3, 4, 4), "x")}, "must be bool or whole numbers"),
        ({"holes": blots()[0]}, "must hold one array [n, height, width], or packed and shape; it holds holes [64, 64]"),
        ({"holes": blots()[..., None]}, "it holds holes [3, 64, 64, 1]"),
        ({"holes": np.array(True)}, "it holds holes []"),
        ({"a": blots(), "b": blots(2)}, "it holds a [3, 64, 64], b [2, 64, 64]"),
        ({}, "it holds nothing"),
        ({"packed": np.packbits(blots())}, "it holds packed [1536]"),
        ({"holes": np.arange(3 * 64 * 64).reshape(3, 64, 64) % 256}, "hole 0 is 93% grey; a mask is black and white"),
        ({"packed": np.packbits(blots())[:-1], "shape": [3, 64, 64]}, "packed does not hold the bits of the shape [3, 64, 64]"),
        ({"packed": blots(), "shape": [3, 64, 64]}, "packed does not hold the bits of the shape [3, 64, 64]"),
        ({"packed": np.packbits(blots()), "shape": [3, 4096]}, "packed does not hold the bits of the shape [3, 4096]"),
    ],
)
def test_an_npz_of_something_else_is_refused(tmp_path, arrays, said):
    assert said in refused(npz(tmp_path / "set.npz", **arrays))


@pytest.mark.parametrize("shape", [64, "a", ["a", "b", "c"], [3, -64, -64], [-3, 64, 64]])
def test_bits_of_no_shape_are_refused(tmp_path, shape):
    refused(npz(tmp_path / "set.npz", packed=np.packbits(blots()), shape=np.array(shape)))


def test_holes_without_a_pixel_are_refused(tmp_path):
    refused(npz(tmp_path / "set.npz", holes=np.zeros((2, 0, 64), dtype=bool)))


# A pack that others use


@pytest.mark.skipif(not PACK.exists(), reason=f"{PACK} is not on this machine")
def test_the_pack_of_irregular_holes_is_read_as_its_own_arrays_say():
    """12,000 holes, 2,000 for each ten percent of the image that is missing, as measured at 512 pixels a side."""
    rule = chosen(PACK).mask
    assert isinstance(rule, FromFiles)
    with np.load(PACK) as held:
        holes = np.unpackbits(held["packed"]).reshape(held["shape"]).astype(bool)
        ratio = held["hole_ratio_512"]
    assert holes.shape == (12_000, 64, 64)
    for place, share in enumerate(ratio.reshape(6, 2000)):
        assert place / 10 < share.min() < share.max() <= (place + 1) / 10
    assert np.abs(holes.mean((1, 2)) - ratio).max() < 0.02
    known = {hole.tobytes() for hole in holes}
    found = rule.draw([str(number) for number in range(600)], 64)[:, 0]
    assert {hole.tobytes() for hole in found} <= known
    counts, _ = np.histogram(found.mean((1, 2)), bins=6, range=(0, 0.6))
    assert counts.min() > 70  # of 100
    thin = [place for place, hole in enumerate(found) if hole.mean() < 0.09]
    assert {found[place].tobytes() for place in thin} <= {hole.tobytes() for hole in holes[:2000]}
