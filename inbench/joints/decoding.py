"""Decoding: from the bytes of a picture file to the uint8 square that is learned from, on all cores."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inbench.joints.files import Files, impostor
from inbench.words.dataset import Pixels
from inbench.words.errors import UserError

MOST_PIXELS = 64_000_000
WORKERS = os.cpu_count() or 1
"""Threads: Pillow decodes and resizes outside Python's lock."""
RESIZERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}
"""Pillow's filters; all of them widen with the scale, so that shrinking is antialiased."""


@dataclass(frozen=True)
class Box:
    """The part of a picture that is shown, in pixels: columns left to right - 1, rows top to bottom - 1.

    It is stretched to the square. Where it reaches beyond the picture, the picture's edge goes on.
    """

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def middle(cls, width: int, height: int, side: int | None = None) -> Box:
        """The square of a side in the middle of a picture; the largest that fits, unless told."""
        side = side or min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return cls(left, top, left + side, top + side)

    def squared(self) -> Box:
        """The square around this box, with its middle and its longer side."""
        width, height = self.right - self.left, self.bottom - self.top
        side = max(width, height)
        left, top = self.left - (side - width) // 2, self.top - (side - height) // 2
        return Box(left, top, left + side, top + side)

    def shown(self, picture: Image.Image, size: int, resizer: str) -> Image.Image:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"the box {self.left, self.top, self.right, self.bottom} is empty")
        if self == Box(0, 0, *picture.size) and picture.size == (size, size):
            return picture
        # the filter reaches as far beyond the box as it is wide: the edge of a crop is what the whole picture would show there
        picture, dx, dy = _with_edges(picture, self.left, self.top, self.right, self.bottom)
        box = (self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)
        return picture.resize((size, size), RESIZERS[resizer], box=box)


@dataclass(frozen=True)
class Warp:
    """Turned, scaled and moved: the square's point u, v (0 to 1) shows the picture's x = a u - b v + c, y = b u + a v + d.

    Points are measured in pixels of the picture, the middle of its first pixel at 0.5, 0.5. Sampled bilinearly on a grid at
    least as fine as the picture, then averaged: so shrinking is antialiased. Beyond the picture its edge goes on.
    """

    a: float
    b: float
    c: float
    d: float

    def shown(self, picture: Image.Image, size: int, resizer: str) -> Image.Image:
        a, b, c, d = self.a, self.b, self.c, self.d
        corners = [(a * u - b * v + c, b * u + a * v + d) for u in (0, 1) for v in (0, 1)]
        xs, ys = zip(*corners, strict=True)
        picture, dx, dy = _with_edges(
            picture, math.floor(min(xs)) - 1, math.floor(min(ys)) - 1, math.ceil(max(xs)) + 1, math.ceil(max(ys)) + 1
        )
        fine = max(1, math.ceil(math.hypot(a, b) / size - 1e-9))
        side = fine * size
        matrix = (a / side, -b / side, c + dx, b / side, a / side, d + dy)
        found = picture.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        return found.reduce(fine) if fine > 1 else found


def _with_edges(picture: Image.Image, left: int, top: int, right: int, bottom: int) -> tuple[Image.Image, int, int]:
    """The picture with its edges repeated as far as a box reaches beyond it, and where its first pixel has gone to."""
    before = max(0, -left), max(0, -top)
    after = max(0, right - picture.width), max(0, bottom - picture.height)
    if not any((*before, *after)):
        return picture, 0, 0
    if max(*before, *after) > 4 * max(picture.size):
        raise ValueError(
            f"the part to be shown, {left, top, right, bottom}, lies far outside its {picture.width}x{picture.height}"
        )
    edges = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    return Image.fromarray(np.pad(np.asarray(picture), edges, mode="edge")), *before


View = Callable[[str, int, int], Box | Warp]
"""Which part of a picture is shown: from its name, width and height. Raises ValueError where there is no telling."""


class Decoded:
    """Pictures that are decoded when a slice is asked for: uint8 [n, S, S, 3], RGB.

    view: which part of each is shown; upright: turn pictures as their camera says (EXIF); skip_bad: leave damaged pictures
    out, in place of a `UserError` that names the first one. `bad` holds the names of those that were left out, `ways` how
    pictures were brought to their size, and `digest()` identifies the bytes of all that were read.
    """

    def __init__(
        self,
        files: Files,
        names: Sequence[str],
        size: int,
        view: View,
        *,
        resizer: str = "bilinear",
        upright: bool = False,
        skip_bad: bool = False,
        advice: str = "fetch it again",
    ) -> None:
        self.files, self.names, self.size, self.view = files, names, size, view
        self.resizer, self.upright, self.skip_bad, self.advice = resizer, upright, skip_bad, advice
        self.bad: set[str] = set()
        self.ways: set[str] = set()
        self._hashes: dict[str, bytes] = {}
        self._pool = ThreadPoolExecutor(WORKERS)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, part: slice) -> Pixels:
        names = self.names[part]
        found = np.zeros((len(names), self.size, self.size, 3), np.uint8)

        def fill(first: int) -> None:
            for place in range(first, len(names), WORKERS):
                self._one(names[place], found[place])

        list(self._pool.map(fill, range(WORKERS)))
        return found

    def digest(self) -> str:
        """SHA-256 over the names and bytes of the pictures read so far."""
        whole = hashlib.sha256()
        for name in sorted(self._hashes):
            whole.update(f"{name}\0".encode() + self._hashes[name])
        return whole.hexdigest()

    def _one(self, name: str, into: Pixels) -> None:
        try:
            data = self.files.read(name)
        except UserError:
            if not self.skip_bad:
                raise
            self.bad.add(name)
            return
        self._hashes[name] = hashlib.sha256(data).digest()
        wrong = impostor(data)
        try:
            if not wrong:
                into[:] = np.asarray(self._shown(name, data))
                return
        except UnidentifiedImageError:
            wrong = "is no picture"
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            wrong = f"cannot be used: {error}"
        if not self.skip_bad:
            raise UserError(f"{self.files.source}: {name} {wrong}; {self.advice}")
        self.bad.add(name)

    def _shown(self, name: str, data: bytes) -> Image.Image:
        picture = rgb(data, upright=self.upright)
        view = self.view(name, *picture.size)
        self.ways.add(
            f"Pillow {self.resizer}, antialiased" if isinstance(view, Box) else "Pillow bilinear on a finer grid, averaged"
        )
        return view.shown(picture, self.size, self.resizer)


def rgb(data: bytes, *, upright: bool = False) -> Image.Image:
    """Bytes of a picture file, decoded to 8-bit RGB whatever its mode. Raises what Pillow raises, or ValueError."""
    with Image.open(io.BytesIO(data)) as file:
        picture: Image.Image = file
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} is more than {MOST_PIXELS} pixels")
        if upright:
            picture = ImageOps.exif_transpose(picture)
        if picture.mode == "F":
            raise ValueError("its pixels are floats, whose range is anybody's guess; save it with 8 or 16 bits a channel")
        if picture.mode.startswith("I"):  # 16-bit grey; convert() would cut it off at 255
            picture = Image.fromarray((np.asarray(picture, dtype=np.int64).clip(0, 65535) // 257).astype(np.uint8))
        if "transparency" in picture.info:
            picture = picture.convert("RGBA")
        if picture.mode != "RGB":
            return picture.convert("RGB")
        picture.load()
        return picture
