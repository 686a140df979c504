"""Decoding: boxes and turns to the exact pixel, shrinking with antialiasing, every kind of picture made RGB."""

import io
import struct
import zlib

import numpy as np
import pytest
from handmade import damaged, encoded, flat, noise, written, zipped
from PIL import Image

from inbench import Box, Decoded, Files, UserError, Warp
from inbench.joints import decoding

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


def shown(view, pixels, size, resizer="bilinear"):
    return np.asarray(view.shown(Image.fromarray(pixels), size, resizer))


def rgb(data, **more):
    return np.asarray(decoding.rgb(data, **more))


# Boxes


@pytest.mark.parametrize(
    ("width", "height", "side", "box"),
    [
        (96, 64, None, (16, 0, 80, 64)),
        (64, 96, None, (0, 16, 64, 80)),
        (97, 64, None, (16, 0, 80, 64)),
        (64, 64, None, (0, 0, 64, 64)),
        (178, 218, None, (0, 20, 178, 198)),
        (178, 218, 108, (35, 55, 143, 163)),
        (4, 4, 8, (-2, -2, 6, 6)),
    ],
)
def test_the_middle_is_a_square_in_the_middle(width, height, side, box):
    assert Box.middle(width, height, side) == Box(*box)


@pytest.mark.parametrize(
    ("box", "square"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10)),
        ((5, 0, 15, 4), (5, -3, 15, 7)),
        ((0, 5, 4, 15), (-3, 5, 7, 15)),
        ((0, 0, 10, 5), (0, -2, 10, 8)),
        ((3, 3, 4, 6), (2, 3, 5, 6)),
    ],
)
def test_a_box_made_square_keeps_its_middle_and_its_longer_side(box, square):
    assert Box(*box).squared() == Box(*square)


@pytest.mark.parametrize("resizer", FILTERS)
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("box", [(0, 0, 90, 70), (3, 5, 67, 69), (10, 20, 80, 30), (0, 0, 64, 64)])
def test_stretching_is_pillows(box, size, resizer):
    pixels = noise(1, 90, 70)
    expected = Image.fromarray(pixels).resize((size, size), FILTERS[resizer], box=box)
    assert (shown(Box(*box), pixels, size, resizer) == np.asarray(expected)).all()


@pytest.mark.parametrize("resizer", FILTERS)
def test_a_box_of_the_right_size_keeps_every_bit(resizer):
    pixels = noise(2, 90, 70)
    assert (shown(Box(7, 3, 71, 67), pixels, 64, resizer) == pixels[3:67, 7:71]).all()
    assert (shown(Box(0, 0, 64, 64), pixels[:64, :64], 64, resizer) == pixels[:64, :64]).all()


@pytest.mark.parametrize("box", [(-5, 0, 27, 32), (0, -7, 32, 25), (20, 10, 52, 42), (-4, -4, 28, 28), (-10, -12, 54, 52)])
def test_beyond_the_picture_its_edge_goes_on(box):
    pixels = noise(3, 40, 30)
    left, top, right, bottom = box
    rows, columns = np.arange(top, bottom).clip(0, 29), np.arange(left, right).clip(0, 39)
    wanted = pixels[rows][:, columns]
    size = right - left
    assert (shown(Box(*box), pixels, size)[: bottom - top] == wanted).all()


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 5, 5, 9), (5, 9, 9, 5)])
def test_an_empty_box_is_refused(box):
    with pytest.raises(ValueError, match="is empty"):
        shown(Box(*box), noise(4), 32)


@pytest.mark.parametrize("view", [Box(0, 0, 1000, 1000), Box(-900, 0, 32, 32), Warp(1e6, 0, 0, 0), Warp(20, 0, 5000, 0)])
def test_what_lies_far_outside_of_the_picture_is_refused_not_drawn(view):
    with pytest.raises(ValueError, match="far outside its 40x32"):
        shown(view, noise(5), 32)


def test_shrinking_a_box_is_antialiased():
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(shown(Box(0, 0, 256, 256), stripes, 32).astype(int) - 127).max() < 8


# Turns


@pytest.mark.parametrize("size", [32, 64, 128])
def test_a_warp_that_does_nothing_returns_the_picture_itself(size):
    pixels = noise(6, size, size)
    assert (shown(Warp(size, 0, 0, 0), pixels, size) == pixels).all()


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, 0), (0, 9), (13, 4), (26, 18)])
def test_a_move_by_whole_pixels_is_exact(right, down):
    pixels = noise(7, 90, 82)
    assert (shown(Warp(64, 0, right, down), pixels, 64) == pixels[down : down + 64, right : right + 64]).all()


@pytest.mark.parametrize("quarters", range(4))
def test_a_quarter_turn_is_exact(quarters):
    pixels = noise(8, 64, 64)
    a, b = ((64, 0), (0, 64), (-64, 0), (0, -64))[quarters]
    c, d = ((0, 0), (64, 0), (64, 64), (0, 64))[quarters]
    assert (shown(Warp(a, b, c, d), pixels, 64) == np.rot90(pixels, quarters)).all()


def test_half_a_pixel_is_the_mean_of_two():
    pixels = np.zeros((40, 72, 3), np.uint8)
    pixels[:, ::2] = 200
    assert np.abs(shown(Warp(32, 0, 4.5, 2), pixels, 32).astype(int) - 100).max() <= 1


@pytest.mark.parametrize(("scale", "size"), [(4, 64), (4, 32), (2, 64), (8, 32)])
def test_shrinking_a_checkerboard_makes_it_grey(scale, size):
    squares = (np.indices((scale * size, scale * size)).sum(0) % 2 * 255).astype(np.uint8)
    found = shown(Warp(scale * size, 0, 0, 0), squares[..., None].repeat(3, axis=2), size)
    assert np.abs(found.astype(float) - 127.5).max() <= 1


def test_shrinking_by_a_whole_number_takes_the_mean():
    pixels = noise(9, 128, 128)
    means = pixels.reshape(32, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(shown(Warp(128, 0, 0, 0), pixels, 32) - means).max() <= 1


def test_enlarging_a_ramp_keeps_it():
    ramp = np.repeat(np.arange(40, 168, 4, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    found = shown(Warp(32, 0, 0, 0), ramp, 64).astype(float)
    wanted = 40 + 4 * ((np.arange(64) + 0.5) / 2 - 0.5)
    assert np.abs(found[:, 1:-1] - wanted[None, 1:-1, None]).max() <= 1


@pytest.mark.parametrize(("c", "d"), [(-10, 0), (20, 0), (0, -10), (0, 20)])
def test_beyond_the_picture_a_warp_shows_its_edge(c, d):
    pixels = noise(10, 40, 40)
    rows, columns = (np.arange(32) + d).clip(0, 39), (np.arange(32) + c).clip(0, 39)
    assert (shown(Warp(32, 0, c, d), pixels, 32) == pixels[rows][:, columns]).all()


# Kinds of pictures


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (flat(77, "L", "PNG"), (77, 77, 77)),
        (flat(77, "L", "JPEG"), (77, 77, 77)),
        (flat((77, 255), "LA", "PNG"), (77, 77, 77)),
        (flat((10, 200, 30, 255), "RGBA", "PNG"), (10, 200, 30)),
        (flat(1, "1", "PNG"), (255, 255, 255)),
        (encoded(Image.new("RGB", (40, 40), (255, 0, 0)).convert("P")), (255, 0, 0)),
        (flat((0, 255, 255, 0), "CMYK", "TIFF"), (255, 0, 0)),
        (flat((10, 20, 30), "RGB", "BMP"), (10, 20, 30)),
        (flat((10, 20, 30), "RGB", "TIFF"), (10, 20, 30)),
        (encoded(Image.new("RGB", (40, 40), (10, 20, 30)), "WEBP", lossless=True), (10, 20, 30)),
    ],
    ids=["grey", "grey jpeg", "grey alpha", "rgba", "black and white", "palette", "cmyk", "bmp", "tiff", "webp"],
)
def test_every_kind_of_picture_becomes_rgb(data, colour):
    found = rgb(data)
    assert (found.dtype, found.shape) == (np.uint8, (40, 40, 3))
    assert (found == colour).all()


def test_a_cmyk_jpeg_becomes_rgb():
    found = rgb(flat((0, 255, 255, 0), "CMYK", "JPEG"))
    assert np.abs(found.astype(int) - (255, 0, 0)).max() < 6


def test_a_palette_with_transparent_colours_is_read_without_a_word():
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    assert (rgb(encoded(picture, transparency=bytes([0, 128]))) == (255, 0, 0)).all()


def test_a_picture_of_floats_is_refused():
    held = io.BytesIO()
    Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)).save(held, "TIFF")
    with pytest.raises(ValueError, match="save it with 8 or 16 bits"):
        decoding.rgb(held.getvalue())


@pytest.mark.parametrize("grey", [0, 1, 77, 128, 254, 255])
def test_a_grey_picture_of_16_bits_keeps_its_greys(grey):
    assert (rgb(encoded(np.full((40, 40), grey * 257, dtype=np.uint16))) == grey).all()


def with_orientation(pixels, orientation, form="PNG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, form, exif=exif)


TURNED = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: np.rot90(pixels, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    8: lambda pixels: np.rot90(pixels),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_its_camera_says_only_when_asked_to(orientation):
    pixels = noise(11)
    data = with_orientation(pixels, orientation)
    assert (rgb(data) == pixels).all()
    assert (rgb(data, upright=True) == TURNED[orientation](pixels)).all()


def test_upright_is_for_whoever_asks_a_set_of_pictures_for_it(tmp_path):
    pixels = noise(12, 32, 32)
    files = Files(written(tmp_path, {"a.png": with_orientation(pixels, 6)}))
    assert (Decoded(files, ["a.png"], 32, whole)[0:1][0] == pixels).all()
    assert (Decoded(files, ["a.png"], 32, whole, upright=True)[0:1][0] == np.rot90(pixels, -1)).all()


def head_of_png(width, height):
    """A PNG that tells of more pixels than it has."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path):
    files = Files(written(tmp_path / "set", {"large.png": head_of_png(8001, 8000), "bomb.png": head_of_png(60_000, 60_000)}))
    with pytest.raises(UserError, match=r"large\.png cannot be used: 8001x8000 is more than 64000000 pixels"):
        Decoded(files, ["large.png"], 32, whole)[0:1]
    with pytest.raises(UserError, match=r"bomb\.png cannot be used: "):
        Decoded(files, ["bomb.png"], 32, whole)[0:1]


# Sets of pictures


def whole(name, width, height):
    return Box(0, 0, width, height)


def album(count=20):
    return {f"p{place:02d}.png": encoded(noise(place, 32, 32)) for place in range(count)}


def images(source, names, size=32, view=whole, **more):
    return Decoded(Files(source), names, size, view, **more)


def test_pictures_come_in_the_order_of_their_names_whoever_decodes_them(tmp_path):
    source = zipped(tmp_path / "set.zip", album())
    names = [f"p{place:02d}.png" for place in (7, 3, 19, 0, 11, 4, 5)]
    found = images(source, names)
    assert len(found) == 7
    assert (found[0:7] == np.stack([noise(int(name[1:3]), 32, 32) for name in names])).all()
    assert (found[2:4] == found[0:7][2:4]).all()
    assert found[7:9].shape == (0, 32, 32, 3)


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_the_number_of_cores_changes_nothing(tmp_path, monkeypatch, workers):
    source, names = written(tmp_path / "set", album()), list(album())
    before = images(source, names)
    pixels = before[0:20]
    monkeypatch.setattr(decoding, "WORKERS", workers)
    after = images(source, names)
    assert (after[0:20] == pixels).all()
    assert after.digest() == before.digest()


def test_a_view_is_asked_for_each_picture_by_name_and_size(tmp_path):
    asked = []

    def view(name, width, height):
        asked.append((name, width, height))
        return Box.middle(width, height)

    source = written(tmp_path / "set", {"a.png": encoded(noise(1, 50, 40)), "b.png": encoded(noise(2, 30, 60))})
    images(source, ["a.png", "b.png"], view=view)[0:2]
    assert sorted(asked) == [("a.png", 50, 40), ("b.png", 30, 60)]


def test_how_pictures_were_resized_is_known(tmp_path):
    source = written(tmp_path / "set", album(2))
    found = images(source, ["p00.png"], resizer="lanczos")
    found[0:1]
    assert found.ways == {"Pillow lanczos, antialiased"}
    turned = images(source, ["p00.png"], view=lambda *_: Warp(32, 0, 0, 0))
    turned[0:1]
    assert turned.ways == {"Pillow bilinear on a finer grid, averaged"}


def test_the_digest_changes_with_the_bytes_and_the_names_alone(tmp_path):
    def digest(files, at):
        found = images(written(tmp_path / at, files), sorted(files))
        for start in range(0, len(files), 7):
            found[start : start + 7]
        return found.digest()

    files = album()
    one = digest(files, "one")
    turned = images(tmp_path / "one", sorted(files)[::-1])
    turned[0:20]
    assert turned.digest() == one
    assert digest(files, "same") == one
    assert digest(files | {"p03.png": encoded(noise(3, 32, 32), compress_level=0)}, "other bytes") != one
    assert digest({name.replace("p03", "q03"): data for name, data in files.items()}, "other names") != one
    assert digest(files | {"p03.png": files["p04.png"], "p04.png": files["p03.png"]}, "changed places") != one


BAD = {
    "empty": (b"", "is empty"),
    "html": (b"\n <!DOCTYPE html><html>404</html>", "is an HTML page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
    "text": (b"hello, I am a picture", "is no picture"),
    "cut png": (encoded(noise(1))[:900], "cannot be used: "),
    "cut jpeg": (encoded(noise(1), "JPEG")[:900], "cannot be used: "),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_named_with_what_to_do(tmp_path, kind):
    data, said = BAD[kind]
    source = written(tmp_path / "set", album(3) | {"p01.png": data})
    with pytest.raises(UserError, match=rf"set: p01\.png {said}.*; ask for it again$"):
        images(source, sorted(album(3)), advice="ask for it again")[0:3]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_that_is_skipped_is_known_and_the_others_are_as_they_were(tmp_path, kind):
    source = written(tmp_path / "set", album(3) | {"p01.png": BAD[kind][0]})
    found = images(source, sorted(album(3)), skip_bad=True)
    pixels = found[0:3]
    assert found.bad == {"p01.png"}
    assert (pixels[[0, 2]] == np.stack([noise(0, 32, 32), noise(2, 32, 32)])).all()
    assert not pixels[1].any()


def test_a_member_that_cannot_be_read_can_be_skipped_too(tmp_path):
    source = damaged(zipped(tmp_path / "set.zip", album(3)), "p01.png")
    with pytest.raises(UserError, match=r"set\.zip: p01\.png cannot be read"):
        images(source, sorted(album(3)))[0:3]
    found = images(source, sorted(album(3)), skip_bad=True)
    found[0:3]
    assert found.bad == {"p01.png"}


def test_a_view_that_there_is_none_for_is_the_pictures_fault(tmp_path):
    def view(name, width, height):
        raise ValueError(f"it is {width}x{height}")

    source = written(tmp_path / "set", album(1))
    with pytest.raises(UserError, match=r"p00\.png cannot be used: it is 32x32; fetch it again"):
        images(source, ["p00.png"], view=view)[0:1]


def test_a_grey_picture_and_a_coloured_one_come_together(tmp_path):
    files = {"a.png": flat(9, "L", "PNG", (32, 32)), "b.png": encoded(noise(1, 32, 32))}
    found = images(written(tmp_path / "set", files), ["a.png", "b.png"])[0:2]
    assert (found[0] == 9).all()
    assert (found[1] == noise(1, 32, 32)).all()


def test_a_picture_whose_form_is_not_in_its_ending_is_read(tmp_path):
    held = io.BytesIO()
    Image.fromarray(noise(1, 32, 32)).save(held, "PNG")
    found = images(written(tmp_path / "set", {"a.jpg": held.getvalue()}), ["a.jpg"])[0:1]
    assert (found[0] == noise(1, 32, 32)).all()
