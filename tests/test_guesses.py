"""Guesses from elsewhere: read whole, or refused with one sentence."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Told
from PIL import Image

from inbench.acts import exporting
from inbench.words import records

Command = Callable[..., Told]
WORDS = ("--dataset", TINY["datasets"], "--size", "32", "--mask", "center")


@pytest.fixture
def out(command: Command, tmp_path: Path) -> Path:
    """An export."""
    told = command("export", *WORDS, "--output", str(tmp_path / "out"))
    assert told.code == 0, told.err
    return tmp_path / "out"


@pytest.fixture
def guesses(out: Path, tmp_path: Path) -> Path:
    """A folder of guesses: grey in every hole, known pixels as they were."""
    folder = tmp_path / "guesses"
    folder.mkdir()
    for image in json.loads((out / "manifest.json").read_text())["images"]:
        seen, hole = (np.array(Image.open(out / kind / image["file"])) for kind in ("seen", "holes"))
        seen[hole == 255] = 128
        Image.fromarray(seen).save(folder / image["file"])
    return folder


@pytest.fixture
def score(command: Command, out: Path, tmp_path: Path) -> Command:
    """`inbench score` of guesses for that export."""

    def call(source: Path, *words: str, export: bool = True) -> Told:
        named = ("--export", str(out)) if export else ()
        return command(
            "score", "--guesses", str(source), "--name", "mine", "--results", str(tmp_path / "results"), *named, *words
        )

    return call


def stacked(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Guesses as arrays, by the manifest's order, and their ids."""
    images = json.loads((folder.parent / "out" / "manifest.json").read_text())["images"]
    pixels = np.stack([np.asarray(Image.open(folder / image["file"])) for image in images])
    return pixels, [image["id"] for image in images]


def rows(tmp_path: Path) -> bytes:
    """The rows of the one record there is."""
    (found,) = records.all_of(tmp_path / "results")
    (mask,) = found.scores
    return found.rows(mask)


def test_a_folder_a_zip_an_npz_and_an_npy_are_the_same_guesses(score: Command, guesses: Path, tmp_path: Path) -> None:
    assert score(guesses).code == 0
    wanted = rows(tmp_path)
    pixels, ids = stacked(guesses)
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        for file in guesses.iterdir():
            archive.write(file, f"inside/{file.name}")
    np.save(tmp_path / "g.npy", pixels)
    np.savez(tmp_path / "g.npz", pixels[::-1], ids=np.array(ids[::-1]))
    np.savez(tmp_path / "bytes.npz", guesses=pixels, ids=np.array([image_id.encode() for image_id in ids]))
    for name in ("g.zip", "g.npy", "g.npz", "bytes.npz"):
        assert score(tmp_path / name).code == 0
        assert rows(tmp_path) == wanted  # and still one record
    (tmp_path / "npz.npy").write_bytes((tmp_path / "g.npz").read_bytes())
    told = score(tmp_path / "npz.npy")
    assert (told.code, "npz.npy is an archive of arrays; call it npz.npz" in told.err) == (2, True)


def test_the_manifest_is_found_in_and_beside_the_guesses(score: Command, guesses: Path, out: Path, tmp_path: Path) -> None:
    for place in (guesses / "manifest.json", tmp_path / "manifest.json"):
        place.write_bytes((out / "manifest.json").read_bytes())
        assert score(guesses, export=False).code == 0
        place.unlink()
    missing = score(guesses, export=False)
    assert (missing.code, "add --dataset, or --export DIR" in missing.err) == (2, True)
    assert score(guesses, *WORDS, export=False).code == 0


def test_an_npz_that_was_exported_names_itself(command: Command, score: Command, guesses: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.npz"
    assert command("export", *WORDS, "--output", str(file)).code == 0
    pixels, ids = stacked(guesses)
    np.save(tmp_path / "g.npy", pixels)
    assert score(tmp_path / "g.npy", "--export", str(file), export=False).code == 0
    with np.load(file) as held:
        np.savez(
            tmp_path / "whole.npz", guesses=pixels, **{name: held[name] for name in ("holes", "manifest")}, ids=np.array(ids)
        )
    assert score(tmp_path / "whole.npz", export=False).code == 0


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colours: int, *more: bytes) -> bytes:
    """A PNG of zeros, whatever its header says of bits and colours."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colours]
    lines = (b"\0" + bytes(width * channels * depth // 8)) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (32, 32)).save(held, "JPEG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(16, 32, 8, 2), "is 16x32, not 32x32"),
        (png(32, 32, 8, 0), "is grey; guesses are 8-bit RGB"),
        (png(32, 32, 8, 6), "is RGB with alpha; guesses are 8-bit RGB"),
        (png(32, 32, 8, 4), "is grey with alpha"),
        (png(32, 32, 8, 3, chunk(b"PLTE", bytes(3))), "is a picture with a palette"),
        (png(32, 32, 16, 2), "has 16 bits a channel; guesses have 8"),
        (png(32, 32, 8, 2, chunk(b"tRNS", bytes(6))), "has a transparent colour"),
        (png(32, 32, 8, 2)[:60], "is a damaged PNG"),
        (jpeg(), "is no PNG, whatever its name says"),
        (b"", "is empty"),
        (b"<html>404</html>", "is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_picture_is_one_sentence(score: Command, guesses: Path, tmp_path: Path, data: bytes, said: str) -> None:
    file = sorted(guesses.iterdir())[3]
    file.write_bytes(data)
    told = score(guesses)
    assert (told.code, told.out) == (2, "")
    assert f"{file.name} {said}" in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "results").exists()


def test_missing_extra_and_lossy_pictures_are_said(score: Command, guesses: Path, tmp_path: Path) -> None:
    one, other, *_ = sorted(guesses.iterdir())
    (guesses / "stranger.png").write_bytes(one.read_bytes())
    extra = score(guesses)
    assert "holds 1 pictures that are none of the 12 asked for: stranger.png" in extra.err
    one.unlink()
    assert f"lacks 1 of 12 pictures: {one.name} (and holds stranger.png, which are none of them)" in score(guesses).err
    (guesses / "stranger.png").unlink()
    other.rename(other.with_suffix(".jpg"))
    assert "guesses are PNG, named as in seen/" in score(guesses).err
    assert not (tmp_path / "results").exists()


def test_arrays_that_are_not_guesses_are_one_sentence_each(score: Command, guesses: Path, tmp_path: Path) -> None:
    pixels, ids = stacked(guesses)
    file = tmp_path / "g.npz"
    for arrays, said in (
        ({"guesses": pixels / 255}, "np.uint8(255 * guesses + 0.5)"),
        ({"guesses": pixels.transpose(0, 3, 1, 2)}, "channels come last"),
        ({"guesses": pixels[:5]}, "[5, 32, 32, 3], not uint8 [12, 32, 32, 3]"),
        ({"guesses": pixels.astype(np.int64)}, "int64 [12, 32, 32, 3], not uint8"),
        ({"guesses": np.array([None] * 12)}, "holds no arrays that can be read"),
        ({"one": pixels, "two": pixels}, "must hold `guesses`"),
        ({"guesses": pixels, "ids": np.array(["x", *ids[1:]])}, "lacks 1 of 12 ids"),
        ({"guesses": pixels, "ids": np.array([ids[0], *ids[:-1]])}, "an id stands twice"),
        ({"guesses": pixels, "holes": np.zeros((3, 3), np.uint8)}, "`holes` is uint8 [3, 3], not uint8 [12, 32, 32]"),
    ):
        np.savez(file, **arrays)
        told = score(file)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
    file.write_bytes(b"no zip")
    assert "holds no arrays that can be read" in score(file).err
    np.savez(file, guesses=pixels)
    assert "add `ids`" in score(file, *WORDS, export=False).err
    np.savez_compressed(file, guesses=pixels, bomb=np.zeros(2**27, np.uint8))
    assert "would unpack to 128 MB" in score(file).err
    assert "there is no" in score(tmp_path / "nothing.npz").err
    assert not (tmp_path / "results").exists()


def test_guesses_for_other_pictures_or_holes_are_refused(
    command: Command, score: Command, guesses: Path, tmp_path: Path
) -> None:
    for words, said in (
        (("--mask", "half"), "the guesses were made for the mask center, not for half"),
        (("--dataset", "drawn-faces[train=40,val=8,test=13]"), "made for the data set drawn-faces"),
        (("--size", "64"), "the guesses were made for size 32, not for --size 64"),
        (("--part", "val"), "the guesses were made for the test part, not for val"),
        (("--images", "3"), "the guesses were made for 12 images, not for the 3 asked for"),
    ):
        told = score(guesses, *words)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
    assert not (tmp_path / "results").exists()


def test_a_manifest_that_was_changed_or_is_newer_is_refused(score: Command, guesses: Path, out: Path) -> None:
    file = out / "manifest.json"
    text = file.read_text()
    for changed, said in (
        (text.replace('"size": 32', '"size": 64'), "is not as inbench export wrote it"),
        (text.replace('"export": 1', '"export": 2'), "was written by a newer inbench"),
        ("{}", "is no manifest of inbench export"),
        (json.dumps(exporting.sealed({"export": 1, "images": [], "mask": {}})), "is no manifest of inbench export"),
        (json.dumps(exporting.sealed({**json.loads(text), "polarity": "grey"})), "is not as inbench export wrote it"),
        ("[1, 2", "is no manifest of inbench export"),
    ):
        file.write_text(changed)
        told = score(guesses)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
    file.unlink()
    assert "--export is the folder or .npz" in score(guesses).err


def test_holes_that_come_with_guesses_are_checked(score: Command, guesses: Path, out: Path) -> None:
    (guesses / "holes").mkdir()
    files = sorted((out / "holes").iterdir())
    for file in files:
        (guesses / "holes" / file.name).write_bytes(file.read_bytes())
    assert score(guesses).code == 0
    assert "the wrong way round; add --polarity white" in score(guesses, "--polarity", "black").err
    hole = np.array(Image.open(files[0]))
    hole[0, 0] = 255
    Image.fromarray(hole).save(guesses / "holes" / files[0].name)
    assert "1 of 12 holes that came with the guesses are others" in score(guesses).err
    Image.fromarray(hole[:8]).save(guesses / "holes" / files[0].name)
    assert "is not 32x32" in score(guesses).err
    (guesses / "holes" / files[0].name).unlink()
    assert "lacks 1 of 12 holes" in score(guesses).err


def test_red_and_blue_the_wrong_way_round_are_seen(score: Command, guesses: Path) -> None:
    for file in guesses.iterdir():
        Image.fromarray(np.asarray(Image.open(file))[..., ::-1]).save(file)
    assert "red and blue are swapped" in score(guesses).err


def test_known_pixels_that_were_changed_are_said_and_pasted_back(score: Command, guesses: Path, tmp_path: Path) -> None:
    quiet = score(guesses)
    assert (quiet.code, quiet.err) == (0, "")
    first = rows(tmp_path).splitlines()
    for file in sorted(guesses.iterdir())[:5]:
        pixels = np.array(Image.open(file))
        pixels[0] = 255 - pixels[0]
        Image.fromarray(pixels).save(file)
    told = score(guesses)
    assert "known pixels were changed in 5 of 12 guesses" in told.err
    assert "known pixels changed in 5 images, pasted back" in told.out
    found = max(records.all_of(tmp_path / "results"), key=lambda record: record.told["written"])
    second = found.rows("center[side=16]").splitlines()
    drift = first[0].split(b",").index(b"known-drift")
    changed = [one.split(b",")[drift] != other.split(b",")[drift] for one, other in zip(first, second, strict=True)]
    assert sum(changed) == 5
    others = [[cell for place, cell in enumerate(line.split(b",")) if place != drift] for line in (*first, *second)]
    assert others[: len(first)] == others[len(first) :]
