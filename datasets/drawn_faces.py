"""drawn-faces: portraits drawn on the spot, as many as you like, with nothing to download and nobody's likeness.

Each picture is a sitter with a pose, a light and a taste in hair, painted in layers from the wall to the glasses.
As in a real portrait, what a hole hides is partly told by what stays visible (skin and light by forehead and jaw, brows
and beard by the hair, glasses by their arms, an open mouth by the chin) and partly not (gaze, smile).

Bits are the same on every machine: chance is counter-based, and all the rest is elementwise `+ - * /`, square roots,
comparisons and floors in float32, which IEEE 754 pins to the last bit. Hence no exp, no sin, no power and no sums.

Lengths are in half pictures: a picture is [-1, 1] x [-1, 1], x to the right and y down.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import inbench

Plane = NDArray[np.floating[Any]]  # float32: a number a picture [n, 1, 1] or a pixel [n, h, w]
Colour = NDArray[np.floating[Any]]  # three planes: [3, n, 1, 1] or [3, n, h, w]
Stops = tuple[tuple[int, int, int], ...]  # the colours of a scale, 0 to 255

CROWN, BROWS, EYES, NOSE, MOUTH = -0.80, -0.30, -0.14, 0.17, 0.40  # heights in a face that looks straight at us
APART = 0.27  # from the middle of the face to the middle of an eye

SKINS = (240, 206, 186), (232, 190, 164), (220, 172, 140), (202, 150, 114), (164, 116, 84), (122, 84, 62), (96, 66, 50)
HAIRS = (26, 21, 20), (48, 33, 26), (84, 56, 38), (122, 74, 42), (186, 144, 88), (222, 190, 138)
LIPS = (190, 120, 110), (178, 92, 90), (170, 50, 60)
BROWN_EYES = (40, 24, 16), (96, 60, 32)
OTHER_EYES = (70, 110, 150), (120, 150, 160), (86, 110, 66), (120, 98, 50)
FRAMES = (16, 14, 14), (50, 30, 22), (120, 40, 36), (170, 150, 110), (190, 190, 196)
WALLS = (34, 38, 46), (92, 72, 62), (84, 104, 82), (190, 176, 156), (132, 158, 186), (212, 212, 210), (88, 98, 124)
BLUSH, EYEBALL, TEETH = ((255, 199, 194),), ((237, 232, 227),), ((255, 248, 232),)


class DrawnFaces(inbench.Dataset):
    name = "drawn-faces"
    summary = "portraits drawn on the spot: pose, light, hair, eyes, glasses, beards; no download, any number"
    licence = "CC0-1.0 (drawn by inbench)"
    shareable = True

    @dataclasses.dataclass(frozen=True)
    class Params:
        train: int = inbench.param(4096, "training pictures", low=1)
        val: int = inbench.param(256, "validation pictures", low=1)
        test: int = inbench.param(512, "test pictures", low=1)
        seed: int = inbench.param(0, "another seed draws other sitters", low=0)

    def prepare(self, source: Path | None, size: int) -> inbench.Split:
        def part(name: str, count: int) -> inbench.Pictures:
            ids = tuple(f"{name}-{index:06d}" for index in range(count))
            return inbench.Pictures(ids, Portraits(seeds_of(self.params.seed, ids), size))

        counts = self.params
        return inbench.Split(part("train", counts.train), part("test", counts.test), part("val", counts.val))


def seeds_of(seed: int, ids: tuple[str, ...]) -> NDArray[np.uint64]:
    """One seed a picture, by SHA-256 of the data set's seed and the picture's id (its part and its number)."""
    digests = (hashlib.sha256(f"drawn-faces/1 {seed} {name}".encode()).digest() for name in ids)
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], dtype=np.uint64)


class Portraits:
    """Pictures that are drawn when they are asked for: a slice gives uint8 `[n, S, S, 3]`."""

    pixels_at_once = 1 << 16  # few enough for the planes to stay in a processor's cache

    def __init__(self, seeds: NDArray[np.uint64], size: int) -> None:
        self.seeds, self.size = seeds, size

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, part: slice, /) -> NDArray[np.uint8]:
        seeds = self.seeds[part]
        images = np.empty((len(seeds), self.size, self.size, 3), dtype=np.uint8)
        step = max(1, self.pixels_at_once // self.size**2)
        for first in range(0, len(seeds), step):
            images[first : first + step] = portraits(seeds[first : first + step], self.size)
        return images


def portraits(seeds: NDArray[np.uint64], size: int) -> NDArray[np.uint8]:
    """The pictures of these seeds, painted from the back to the front."""
    chance = Chance(seeds)
    sitter = Sitter(chance)
    canvas = Canvas(chance, sitter, size)
    hair, before_face, shadow, sheen = haircut(canvas, sitter, chance)
    background(canvas, chance)
    canvas.lay(hair, sitter.hair, 0.75 * sheen)
    neck_and_clothes(canvas, sitter, chance)
    ears(canvas, sitter)
    head(canvas, sitter)
    nose(canvas, sitter, chance)
    beard(canvas, sitter, chance)
    mouth(canvas, sitter, chance)
    eyes(canvas, sitter, chance)
    brows(canvas, sitter, chance)
    canvas.light -= shadow
    canvas.lay(before_face, sitter.hair, sheen)
    glasses(canvas, sitter, chance)
    return developed(canvas, chance, seeds)


class Chance:
    """Random traits, one a picture, `[n, 1, 1]`: each call takes the next number of every picture's stream."""

    def __init__(self, seeds: NDArray[np.uint64]) -> None:
        numbers = inbench.unit(seeds, 256, purpose=0).astype(np.float32)
        self.numbers: Iterator[Plane] = iter(numbers.T[:, :, None, None])

    def even(self, low: float = 0.0, high: float = 1.0) -> Plane:
        """Anywhere between two bounds."""
        return low + (high - low) * next(self.numbers)

    def near(self, middle: float, reach: float) -> Plane:
        """Mostly near the middle, never further from it than the reach."""
        return middle + reach * ((self.even() + self.even() + self.even()) / 1.5 - 1)

    def often(self, share: Plane | float) -> Plane:
        """1 for this share of the pictures, else 0."""
        return (self.even() < share).astype(np.float32)

    def dye(self, vivid: float) -> Colour:
        """Any colour, from a grey to one this vivid."""
        grey, vivid_here = self.even(0.1, 0.85), vivid * self.even()
        return grey + vivid_here * (np.stack([self.even(), self.even(), self.even()]) - 0.5)

    def on(self, scale: Stops) -> Colour:
        """Any colour on a scale."""
        return rgb(scale, self.even())


def rgb(scale: Stops, place: Plane | float = 0.0) -> Colour:
    """The colour at a place of a scale, from 0, its first stop, to 1, its last."""
    colour: Colour = np.zeros((3, 1, 1, 1), np.float32)
    for index, stop in enumerate(scale):
        share = np.maximum(1 - np.abs(place * np.float32(len(scale) - 1) - index), 0)
        colour = colour + share * np.array(stop, np.float32)[:, None, None, None] / 255
    return colour


class Sitter:
    """What several features share: it is why the visible part of a face says something about the hidden part."""

    def __init__(self, chance: Chance) -> None:
        self.sturdy = chance.often(0.5)  # a broad jaw, thick brows, pale lips, mostly short hair, perhaps a beard
        self.age, dark = chance.even(), chance.even()
        self.skin = rgb(SKINS, dark)
        young = rgb(HAIRS, chance.even() * (1 - 0.75 * dark))  # fair hair is rare where the skin is dark
        grey = cut(5 * self.age - 3.9 + chance.near(0, 0.4))
        self.hair = young + grey * (chance.even(0.45, 0.78) - young)
        self.gape = chance.often(0.45) * chance.even(0.02, 0.13)  # of the mouth: it lowers the chin
        self.width = chance.near(0.515, 0.045) + 0.02 * self.sturdy  # half of the head's
        self.chin = chance.near(0.69, 0.05) + 0.02 * self.sturdy + 0.6 * self.gape
        self.jaw = chance.near(0.1, 0.2) + 0.2 * self.sturdy  # 0 is round, 1 square
        self.turn, self.nod = chance.near(0, 0.2), chance.near(0, 0.06)  # how far they move the middle of the face
        self.sun_x, self.sun_y = chance.even(-1, 1), chance.even(-0.8, 0.1)  # where the light comes from
        self.contrast = chance.even(0.15, 0.6)

    def skull(self, x: Plane, y: Plane, longer: Plane | float = 0.0) -> Plane:
        """Below 1 inside the head's outline, whose jaw turns with the face."""
        below = np.maximum(y + 0.08, 0) / (self.chin + longer + 0.08)
        above = np.minimum(y + 0.08, 0) / (CROWN + 0.08)
        across = (x - 0.5 * self.turn * below * below) / (self.width + 0.5 * longer)
        across, above, below = across * across, above * above, below * below
        form: Plane = across + above + below - np.minimum(across, 1) * (0.2 * above + self.jaw * below)
        return form

    def lit(self, across: Plane, down: Plane | float) -> Plane:
        """The light on a ball at this place, in radii from its middle."""
        depth: Plane = np.sqrt(np.maximum(1 - 0.9 * (across * across + down * down), 0))
        facing: Plane = self.sun_x * across + self.sun_y * down + 0.8 * depth
        return 1 + self.contrast * (facing - 0.85)


class Canvas:
    """The pictures under the brush: their colours as in an even light, the light on them, and where each pixel lies.

    body_x, body_y: in a frame that moves with the sitter; x, y: that tilts with the head too; u, v: that turns and nods
    with the face too, so that the eyes are at v = EYES in every picture.
    """

    def __init__(self, chance: Chance, sitter: Sitter, size: int) -> None:
        steps = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
        right, down = steps[None, None, :] - chance.near(0, 0.07), steps[None, :, None] - chance.near(0, 0.05)
        scale, t = chance.near(1.0, 0.08), chance.near(0, 0.09)
        cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        self.pixel = 2 / size / scale  # the side of one, [n, 1, 1]
        self.body_x, self.body_y = np.broadcast_arrays(right, down)
        self.x, self.y = (cos * right + sin * down) / scale, (cos * down - sin * right) / scale
        # A turn moves most what is nearest to us, the middle of the face, and leaves the outline where it is.
        nearness = np.maximum(1 - 3.2 * self.x * self.x - 0.8 * self.y * self.y, 0)
        self.u, self.v = self.x - sitter.turn * nearness, self.y - sitter.nod * nearness
        self.light: Plane = np.ones_like(self.x)
        self.colour: Colour = np.zeros((3, *self.x.shape), np.float32)

    def part(self, top: float, bottom: float, side: float) -> Canvas:
        """The same canvas through a window, as wide to the left as to the right: small things need few pixels."""
        size = self.x.shape[-1]
        rows = slice(int((top + 1) * size / 2), int((bottom + 1) * size / 2))
        columns = slice(int((1 - side) * size / 2), size - int((1 - side) * size / 2))
        window = copy.copy(self)
        for name in ("body_x", "body_y", "x", "y", "u", "v", "light", "colour"):
            setattr(window, name, getattr(self, name)[..., rows, columns])
        return window

    def paint(self, cover: Plane, colour: Colour | float) -> None:
        """Colours what is there, and leaves the light on it."""
        self.colour += cover * (colour - self.colour)

    def lay(self, cover: Plane, colour: Colour, light: Plane) -> None:
        """Puts something before what is there, in a light of its own."""
        self.paint(cover, colour)
        self.light += cover * (light - self.light)

    def within(self, form: Plane, radius: Plane | float) -> Plane:
        """The cover of `form < 1`, where form is quadratic and has about this radius; its edge is one pixel wide."""
        return cut(0.5 + (1 - form) * (0.5 * radius / self.pixel))

    def band(self, off: Plane, half: Plane | float) -> Plane:
        """The cover of a band of this half width around `off == 0`; thinner than a pixel, it fades."""
        return cut(np.minimum(0.5 + (half - np.abs(off)) / self.pixel, 2 * half / self.pixel))

    def where(self, off: Plane) -> Plane:
        """The cover of `off > 0`."""
        return cut(0.5 + off / self.pixel)


def cut(value: Plane) -> Plane:
    """The value, at least 0 and at most 1."""
    limited: Plane = np.clip(value, 0, 1)
    return limited


def oval(across: Plane, down: Plane, wide: Plane | float, high: Plane | float) -> Plane:
    """Below 1 in an ellipse of these half axes."""
    across, down = across / wide, down / high
    return across * across + down * down


def soft(form: Plane) -> Plane:
    """1 in the middle of `form < 1`, 0 at its edge, smooth between."""
    inside: Plane = np.maximum(1 - form, 0)
    return inside * inside


def wave(phase: Plane) -> Plane:
    """From -1 to 1 and back in a period of 1, in straight lines."""
    off: Plane = np.abs(phase - np.floor(phase + 0.5))
    return 4 * off - 1


def background(canvas: Canvas, chance: Chance) -> None:
    """A wall in two tones with a few things before it, more or less out of focus."""
    x, y = canvas.body_x, canvas.body_y
    here, there = chance.on(WALLS), chance.on(WALLS)
    slope = cut(0.5 + chance.near(0, 0.6) * x + chance.near(0, 0.6) * y)
    canvas.colour += here + slope * (there - here)
    for _ in range(3):
        wide, high = chance.even(0.2, 0.9), chance.even(0.2, 1.4)
        thing = oval(x - chance.even(-1.2, 1.2), y - chance.even(-1.2, 1.0), wide, high)
        canvas.paint(cut((1 - thing) * chance.even(1, 6)) * chance.even(0, 0.8), chance.on(WALLS))


def haircut(canvas: Canvas, sitter: Sitter, chance: Chance) -> tuple[Plane, Plane, Plane, Plane]:
    """The cover of the hair, the cover of what of it is before the face, its shadow on the face, and the light on it.

    Hair is what lies outside an arch around the face and inside one around the skull, down to where it is cut.
    """
    long, bald = chance.often(0.8 - 0.68 * sitter.sturdy), chance.often(0.09 * sitter.sturdy)
    fringe, curl = chance.often(0.28 - 0.08 * sitter.sturdy), chance.often(0.35) * chance.even(0.3, 1)
    receding = sitter.sturdy * (1 - fringe) * cut(2 * chance.even() * sitter.age - 0.7)
    phase, sweep = chance.even(), chance.near(0, 0.25)

    top = chance.even(0.02, 0.14) + 0.06 * curl
    sides = chance.even(0.0, 0.04) + long * chance.even(0.03, 0.14) + 0.08 * curl
    flare = long * chance.even(-0.1, 0.25) * np.maximum(canvas.y, 0)
    across = (canvas.x + 0.3 * sitter.turn) / (sitter.width + sides + flare)
    up = np.minimum(canvas.y + 0.1, 0) / (CROWN + 0.1 - top * (1 + 2 * sweep * across))
    lumps = 0.06 * curl * wave(3 * across + 2.3 * canvas.y + phase) * wave(1.1 * across - 3.1 * canvas.y)
    outer_arch = across * across + up * up * (1 - 0.3 * np.minimum(across * across, 1)) + lumps
    end = chance.even(-0.3, 0.0) * (1 - long) + chance.even(0.35, 1.3) * long
    ends = end - 0.1 * across * across + 0.04 * wave(3 * across + phase)
    uncut = cut(0.5 + (ends - canvas.y) / (canvas.pixel + 0.14 * (1 - long)))  # short hair fades out
    hair = canvas.within(outer_arch, sitter.width) * uncut * (1 - bald)

    frays = (chance.even(0, 0.03) + 0.03 * fringe) * (wave(5 * canvas.u + phase) + wave(13 * canvas.u))
    hairline = chance.near(-0.54, 0.06) + 0.2 * fringe - 0.45 * receding + sweep * canvas.u + frays
    aside = canvas.u / ((chance.even(0.92, 1.04) - 0.14 * long) * sitter.width)
    above = np.minimum(canvas.v - 0.05, 0) / np.minimum(hairline - 0.05, -0.15)
    inner_arch = aside * aside + above * above
    before_face = hair * (1 - canvas.within(inner_arch, 0.4))
    shadow = 0.22 * hair * cut(5 * inner_arch - 4)

    strand = across * chance.even(2, 4) / (1.5 - up) + 0.25 * curl * wave(2.3 * canvas.y + across)
    strands = wave(strand + phase) + wave(2.7 * strand + 0.3 * canvas.y) + wave(5.1 * strand - phase)
    sheen = 0.5 * sitter.contrast * soft(oval(across - 0.5 * sitter.sun_x, up - 0.62, 0.7, 0.3))
    return hair, before_face, shadow, sitter.lit(0.9 * across, -0.9 * up) + 0.07 * strands + sheen


def neck_and_clothes(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """A neck in the shadow of the head, and a shirt, round or pointed at the neck, with stripes or a collar."""
    body = canvas.part(0.1, 1.0, 1.0)
    x, y, wide = body.body_x - 0.3 * sitter.turn, body.body_y, 0.27 + 0.07 * sitter.sturdy
    neck = body.within(x * x / (wide * wide), wide) * body.where(y - 0.3)
    out_of_shadow = cut(4 * (y - 0.3 * sitter.sun_x * x - sitter.chin + 0.05))
    body.lay(neck, sitter.skin, (0.62 + 0.3 * out_of_shadow) * sitter.lit(0.9 * x / wide, 0.0))

    low = chance.near(0.86, 0.08)
    round_neck = body.within(oval(x, y - 0.7, wide + 0.08, low - 0.62), 0.15)
    pointed_neck = body.where(chance.even(0.4, 0.8) * (low + 0.15 - y) - np.abs(x))
    bare = round_neck + chance.often(0.5) * (pointed_neck - round_neck)
    shirt = body.where(y - 0.76 - chance.even(0.2, 0.5) * x * x) * (1 - bare)
    collar = chance.often(0.4) * body.within(oval(x, y - 0.7, wide + 0.16, low - 0.5), 0.15)
    stripes = chance.often(0.2) * cut(2 * wave(chance.even(2, 7) * (x * chance.often(0.5) + y)))
    cloth, trim = chance.dye(0.8), chance.dye(0.5)
    light = sitter.lit(0.6 * x, 0.5 * (y - 0.9)) + 0.05 * wave(2.2 * x - 1.3 * y)
    body.lay(shirt, cloth + np.maximum(stripes, collar) * (trim - cloth), light)


def ears(canvas: Canvas, sitter: Sitter) -> None:
    """Two ears; the one turned to us shows more."""
    beside = canvas.part(-0.4, 0.5, 0.9)
    for side in (-1.0, 1.0):
        x, y = side * (beside.x + 0.45 * sitter.turn) - sitter.width - 0.01, beside.y - 0.03
        light = sitter.lit(0.7 * side + x, y) - 0.08 - 0.2 * soft(oval(x, y, 0.06, 0.11))
        beside.lay(beside.within(oval(x, y, 0.085, 0.15), 0.09), sitter.skin, light)


def head(canvas: Canvas, sitter: Sitter) -> None:
    """Skin, round in the light, with eye sockets, blush, cheekbones, a chin, and folds from the nose to the mouth."""
    cover = canvas.within(sitter.skull(canvas.x, canvas.y), sitter.width)
    canvas.lay(cover, sitter.skin, sitter.lit(canvas.x / sitter.width, canvas.y / 0.8))
    face = canvas.part(-0.5, 0.95, 0.75)
    aside, v = np.abs(face.u), face.v
    face.light -= 0.2 * soft(oval(aside - APART, v - EYES + 0.03, 0.2, 0.14))
    face.paint(0.25 * soft(oval(aside - 0.3, v - 0.17, 0.22, 0.2)), sitter.skin * rgb(BLUSH))
    for across, down, radius in ((aside - 0.3, v - 0.12, 0.2), (face.u, v - 0.6, 0.16)):
        bump = soft(oval(across, down, radius, radius))
        face.light += sitter.contrast * bump * (0.12 + 3 * sitter.sun_y * down)
    fold = cut(1 - 12 * np.abs(aside - 0.12 - 0.75 * (v - NOSE))) * cut(1 - 60 * (v - 0.28) * (v - 0.28))
    face.light -= (0.06 + 0.2 * sitter.age * sitter.age) * fold


def nose(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """A ridge that widens down to a ball with wings and nostrils; it stands out, so a turn moves it further."""
    face = canvas.part(-0.4, 0.6, 0.5)
    tip, wide = NOSE + chance.near(0, 0.04), chance.near(0.1, 0.025) + 0.01 * sitter.sturdy
    down = cut((face.v - EYES + 0.06) / (tip - EYES + 0.06))
    u, v = face.u - 0.35 * sitter.turn * down, face.v - tip
    aside, across = np.abs(u), u / (0.05 + 0.75 * wide * down)
    ridge = np.maximum(1 - across * across, 0) * cut(0.72 - 12 * v) * np.minimum(3 * down, 1)
    face.light += ridge * (0.05 + 1.6 * sitter.contrast * sitter.sun_x * across)
    ball = soft(oval(u, v, wide, 0.1))
    face.light += sitter.contrast * ball * (0.25 + sitter.sun_x * u / wide + 6 * sitter.sun_y * v)
    face.light -= 0.2 * soft(oval(aside - wide, v - 0.03, 0.045, 0.06))
    face.light -= 0.22 * soft(oval(u + 0.08 * sitter.sun_x, v - 0.1, 1.2 * wide, 0.07))  # the shadow it casts
    nostrils = face.within(oval(aside - 0.5 * wide, v - 0.055, 0.3 * wide, 0.02), 0.02)
    face.paint(0.75 * nostrils, 0.35 * sitter.skin)


def beard(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """None, stubble, full, long, or only round the mouth; with it, or alone, a moustache."""
    face = canvas.part(-0.2, 1.0, 0.75)
    u, v = face.u, face.v
    dense = sitter.sturdy * chance.often(0.5) * np.maximum(chance.often(0.5), chance.even(0.12, 0.45))
    long, goatee = chance.often(0.35) * chance.even(0, 0.2), chance.often(0.25)
    cheeks = np.maximum(chance.near(0.36, 0.06) - 2.1 * u * u, -0.05) - 0.02 * wave(9 * u)
    grown = cut(0.5 + 10 * (v - cheeks)) * face.within(sitter.skull(face.x, face.y, long), sitter.width)
    grown = grown * (1 - goatee * cut(10 * np.abs(u) - 1.4))
    moustache = face.band(v - MOUTH + 0.085 + 0.4 * sitter.gape - 0.5 * u * u, 0.045 - 0.72 * u * u)
    moustache_alone = sitter.sturdy * chance.often(0.12)
    cover = np.maximum(grown * dense, moustache * np.maximum(0.9 * dense, moustache_alone))
    face.paint(0.9 * cover, 0.9 * sitter.hair)
    face.light += cover * (0.05 * (wave(13 * u + 0.5 * v) + wave(29 * u - 3 * v)) - 0.04)


def mouth(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """Lips along a curve, and teeth where they are open."""
    face = canvas.part(0.1, 0.9, 0.6)
    smile = chance.near(0.04, 0.07)
    wide = chance.near(0.2, 0.04) + 0.4 * np.maximum(smile, 0)
    full = chance.near(0.05, 0.02) * (1 - 0.2 * sitter.sturdy)
    across = face.u / wide
    bow = 1 - across * across
    v = face.v - MOUTH - smile * (bow - 0.6)
    above, below = -0.35 * sitter.gape * bow, 0.65 * sitter.gape * bow
    upper = above - 0.85 * full * bow * (1 - 0.3 * np.maximum(1 - 30 * across * across, 0))
    lower = below + 1.2 * full * bow
    lips = face.band(v - (upper + lower) / 2, (lower - upper) / 2)
    bare, red = 0.86 * sitter.skin, chance.on(LIPS) * (0.3 + 0.7 * sitter.skin[:1])
    face.paint(lips, bare + (0.4 + 0.5 * (1 - sitter.sturdy) * chance.even()) * (red - bare))
    face.light -= 0.14 * lips * cut(0.5 - 12 * v)
    face.light += 0.12 * soft(oval(face.u, v - below - 0.6 * full, 0.6 * wide, 0.5 * full))
    face.light -= 0.16 * soft(oval(face.u, v - lower - 0.03, 0.7 * wide, 0.05))
    line = 0.008 * cut(4 * bow)
    face.paint(face.band(v - (above + below) / 2, (below - above) / 2 + line), 0.28 * sitter.skin)
    teeth = np.minimum(0.3 * sitter.gape * bow, 0.025)
    face.paint(face.band(v - above - teeth, teeth), chance.even(0.75, 0.92) * rgb(TEETH))


def eyes(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """Two eyes at once, each the other's mirror image but for the gaze and the glint."""
    face = canvas.part(-0.5, 0.2, 0.7)
    side = np.where(face.u < 0, np.float32(-1), np.float32(1))
    out = side * face.u - chance.near(APART, 0.03)
    across = out / chance.near(0.118, 0.018)
    lid, awake = 1 - across * across, chance.near(0.062, 0.025) * (1 - chance.often(0.05))
    v = face.v - EYES + chance.near(0.1, 0.25) * out
    over, under = -awake * lid, (0.3 * awake + 0.014) * lid
    ball = face.band(v - (over + under) / 2, (under - over) / 2)
    face.paint(ball, rgb(EYEBALL))

    x, y = side * out - chance.near(0, 0.05), v - chance.near(-0.012, 0.02)
    brown, other = chance.on(BROWN_EYES), chance.on(OTHER_EYES)
    colour = brown + chance.often(0.6 * sitter.skin[2]) * (other - brown)  # dark skin has mostly brown eyes
    iris = oval(x, y, 0.06, 0.06)
    face.paint(ball * face.within(iris, 0.06), colour * np.clip(1.25 - 0.6 * iris, 0.5, 1.3))
    face.paint(ball * face.within(oval(x, y, 0.026, 0.026), 0.026), 0.03)
    face.light -= 0.25 * ball * cut(1 - 16 * (v - over))
    face.paint(0.9 * ball * face.within(oval(x - 0.022 * sitter.sun_x, y + 0.022, 0.017, 0.017), 0.017), 1.0)

    lashes = (0.02 - 0.008 * sitter.sturdy) * cut(4 * lid + 0.6)
    face.paint(0.85 * face.band(v - over + 0.006, lashes), 0.25 * sitter.hair)
    face.light -= 0.18 * face.band(v - over + 0.045, 0.01 * lid)  # the crease of the lid
    face.light -= (0.05 + 0.15 * sitter.age) * soft(oval(out, v - 0.085, 0.12, 0.04))


def brows(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """Two arches in the colour of the hair, a little darker."""
    face = canvas.part(-0.6, 0.1, 0.75)
    out = np.abs(face.u) - APART - 0.02
    across = out / chance.near(0.17, 0.02)
    bow = 1 - across * across
    v = face.v - BROWS + chance.near(0, 0.035) + chance.near(0.03, 0.04) * bow - chance.near(0, 0.2) * out
    thick = chance.near(0.021, 0.008) + 0.009 * sitter.sturdy
    cover = face.band(v, thick * (1 - 0.4 * np.maximum(across, 0)) * cut(4 * bow))
    face.paint(cover * chance.even(0.6, 0.95), 0.7 * sitter.hair)


def glasses(canvas: Canvas, sitter: Sitter, chance: Chance) -> None:
    """Two rims, a bridge, and arms that run to the ears, where they are seen beside a hidden face."""
    face = canvas.part(-0.5, 0.3, 0.85)
    worn, dark, thick = chance.often(0.22), chance.often(0.15), chance.even(0.008, 0.024)
    wide, high = chance.near(0.185, 0.025), chance.near(0.135, 0.04)
    out, v = np.abs(face.u) - chance.near(0.275, 0.01), face.v - EYES - 0.02
    across, down = out * out / (wide * wide), v * v / (high * high)
    lens = across + down - chance.even() * np.minimum(across, 1) * np.minimum(down, 1)
    rims = face.band((lens - 1) * 0.5 * high, thick)
    bridge_and_arms = face.band(v + 0.03, thick) * face.where(np.abs(out) - wide)
    bridge_and_arms *= face.where(sitter.width + 0.03 - np.abs(face.x))
    shine = 0.1 * cut(2 * wave(1.7 * face.x + 1.2 * face.y + chance.even()) - 0.6)
    face.paint(worn * face.within(lens, high) * (0.06 + 0.8 * dark), 0.08 + shine)
    face.paint(worn * np.maximum(rims, bridge_and_arms), chance.on(FRAMES) * (1 - 0.85 * dark))


def developed(canvas: Canvas, chance: Chance, seeds: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The photograph: colour in its light, exposure, a cast, fewer or no colours, and grain, in 8 bits."""
    warm, exposure = chance.near(0, 0.06), chance.near(1.0, 0.14)
    vivid = np.minimum(chance.even(0.75, 1.15), 1) * (1 - chance.often(0.04))
    light = exposure * np.maximum(canvas.light, 0.05)
    # Walls and skin throw light into the shadows, most of it red: the three channels darken unlike.
    red = canvas.colour[0] * (0.07 + 0.93 * light) * (1 + warm)
    green = canvas.colour[1] * (0.02 + 0.98 * light)
    blue = canvas.colour[2] * (0.04 + 0.96 * light) * (1 - warm)
    grey = 0.3 * red + 0.59 * green + 0.11 * blue
    chances = 4096 * inbench.unit(seeds, grey[0].size, purpose=1).astype(np.float32).reshape(grey.shape)
    whole = np.floor(chances)  # one number makes two, its first 12 bits and the next 12
    grain = chance.even(0.004, 0.02) * (whole / 4096 + (chances - whole) - 1)
    images = np.empty((*grey.shape, 3), np.uint8)
    for channel, plane in enumerate((red, green, blue)):
        images[..., channel] = 255 * cut(grey + vivid * (plane - grey) + grain) + 0.5
    return images


@inbench.hookimpl
def inbench_datasets() -> list[type[inbench.Dataset]]:
    return [DrawnFaces]
