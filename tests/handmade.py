"""Pictures, folders, zips and data sets made by hand, for the tests of what prepares them."""

import dataclasses
import io
import zipfile

import numpy as np
from PIL import Image

from inbench.joints import preparing
from inbench.words import seeds
from inbench.words.dataset import Dataset, Pictures, Split


def noise(seed, width=40, height=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels, form="PNG", **more):
    """The bytes of a picture file."""
    held = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(held, form, **more)
    return held.getvalue()


def flat(colour, mode, form, size=(40, 40)):
    return encoded(Image.new(mode, size, colour), form)


def written(root, files):
    """A folder of files, from their names and what is in them."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def zipped(path, files):
    """The same as a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def damaged(archive, name):
    """A zip whose member of that name no longer has its checksum."""
    data = bytearray(archive.read_bytes())
    data[data.index(name.encode()) + len(name) + 100] ^= 255
    archive.write_bytes(data)
    return archive


def tiles(start, count, size=32):
    """Pictures of noise that all differ, the same with every numpy."""
    bits = seeds.bits(np.arange(start, start + count, dtype=np.uint64), size * size * 3)
    return (bits >> np.uint64(56)).astype(np.uint8).reshape(count, size, size, 3)


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
    return preparing.prepare(dataset, label=label, code=code, source=source, size=size, folder=folder, report=report)


def left_in(folder):
    """What lies in a folder of prepared data."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
