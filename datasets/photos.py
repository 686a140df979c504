"""photos: squares cut at several scales from six free photographs that come inside the scikit-image wheel.

Each photograph is cut from left to right into a region to train on, one to test on and one to validate on; no pixel is
in two of them. Squares lie on grids over a region and are shrunk by means in whole numbers, so that their bits are the
same everywhere. (Three photographs are JPEG: their bits are those of libjpeg-turbo, which comes inside Pillow.)
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import inbench

Pixels = NDArray[np.uint8]

PHOTOGRAPHS = {
    "astronaut": "astronaut.png",  # Eileen Collins, by NASA; public domain
    "chelsea": "chelsea.png",  # a cat, by Stéfan van der Walt; CC0
    "coffee": "coffee.png",  # by Rachel Michetti; CC0
    "hubble": "hubble_deep_field.jpg",  # the eXtreme Deep Field, by NASA; public domain
    "retina": "retina.jpg",  # by Mikael Häggström; CC0
    "rocket": "rocket.jpg",  # a Falcon 9, by SpaceX; public domain
}
REGIONS = {"train": (0, 3), "test": (3, 4), "val": (4, 5)}  # in fifths of the photograph's width
SCALES = 1, 2, 3, 4, 6, 8, 12, 16  # pixels of the photograph to a side of one of ours
SMALLEST = 8  # smaller squares than an eighth of the photograph's height show little but texture
BLACK = 8  # of 255: a square darker than this in most places shows what is around the retina
FLAT = 48  # of 255: a square none of whose channels spans as much shows an empty sky or wall


class Photos(inbench.Dataset):
    name = "photos"
    summary = "squares from six free photographs in the scikit-image wheel: astronaut, cat, coffee, galaxies, retina, rocket"
    licence = "public domain (NASA, SpaceX) and CC0-1.0 (S. van der Walt, R. Michetti, M. Häggström), says scikit-image"
    citation = "van der Walt et al., scikit-image: image processing in Python, PeerJ 2:e453, 2014"
    shareable = True

    @dataclasses.dataclass(frozen=True)
    class Params:
        stride: int = inbench.param(16, "from square to square, in 64ths of a side; twice that for val", low=4, high=32)

    def prepare(self, source: Path | None, size: int) -> inbench.Split:
        photographs = {name: read(file) for name, file in PHOTOGRAPHS.items()}
        stride = self.params.stride
        strides = {"train": stride, "test": stride, "val": 2 * stride}
        seen: set[bytes] = set()
        parts = {part: pictures(photographs, part, size, strides[part], seen) for part in REGIONS}
        return inbench.Split(parts["train"], parts["test"], parts["val"])


def read(file: str) -> Pixels:
    """A photograph of the wheel, [height, width, 3]; no network, and no import of scikit-image itself."""
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise inbench.Unavailable("the photographs come inside scikit-image; type: pip install scikit-image")
    path = Path(package.submodule_search_locations[0]) / "data" / file
    if not path.is_file():
        raise inbench.Unavailable(f"this scikit-image came without {file}; type: pip install --force-reinstall scikit-image")
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def pictures(photographs: dict[str, Pixels], part: str, size: int, stride: int, seen: set[bytes]) -> inbench.Pictures:
    """Every square of one part that shows something and has not been seen before."""
    ids, images, groups = [], [], []
    for name, photograph in photographs.items():
        for scale, row, column, square in squares(photograph, part, size, stride):
            if shows_something(square) and square.tobytes() not in seen:
                seen.add(square.tobytes())
                ids.append(f"{name}-x{scale}-{row:04d}-{column:04d}")
                images.append(square)
                groups.append(name)
    if not ids:
        raise inbench.UserError(f"the photographs are too small for {part} squares of {size}; sizes 32, 64, 128 and 256 work")
    return inbench.Pictures(tuple(ids), np.stack(images), tuple(groups))


def shows_something(square: Pixels) -> bool:
    """Whether a square is neither mostly black nor the same all over."""
    lit = np.count_nonzero(square.max(axis=2) >= BLACK)
    return bool(2 * lit >= len(square) ** 2 and np.ptp(square, axis=(0, 1)).max() >= FLAT)


def squares(photograph: Pixels, part: str, size: int, stride: int) -> Iterator[tuple[int, int, int, Pixels]]:
    """Scale, top row, left column in the photograph, and pixels of every square on the grids over one region."""
    height, width, _ = photograph.shape
    left, right = (fifth * width // 5 for fifth in REGIONS[part])
    sums = np.pad(photograph[:, left:right].cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    for scale in SCALES:
        side = scale * size
        if side * SMALLEST >= height:
            for row in range(0, height - side + 1, side * stride // 64):
                for column in range(0, right - left - side + 1, side * stride // 64):
                    corners = sums[row : row + side + 1 : scale, column : column + side + 1 : scale]
                    yield scale, row, left + column, means(corners, scale * scale)


def means(corners: NDArray[np.int64], area: int) -> Pixels:
    """Each box's mean, rounded: from the sums above and left of its corners, [S + 1, S + 1, 3] -> [S, S, 3]."""
    boxes = np.diff(np.diff(corners, axis=0), axis=1)
    rounded: Pixels = ((boxes + area // 2) // area).astype(np.uint8)
    return rounded


@inbench.hookimpl
def inbench_datasets() -> list[type[inbench.Dataset]]:
    return [Photos]
