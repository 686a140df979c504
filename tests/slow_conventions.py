"""Every convention worked out from its definition, window by window and picture by picture, with none of the suite's code.

`python tests/slow_conventions.py` prints what tests/conventions.json holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2gray

Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One image and its guess, uint8 [S, S, 3], and its hole, bool [S, S]."""

    guess: NDArray[np.uint8]
    image: NDArray[np.uint8]
    hole: NDArray[np.bool_]

    @property
    def pasted(self) -> NDArray[np.uint8]:
        done = self.image.copy()
        done[self.hole] = self.guess[self.hole]
        return done


def example() -> list[Pair]:
    """Two pictures with texture and guesses of them, by arithmetic only, such that no two conventions come to the same.

    The holes reach the border, one guess is much worse than the other, turns a part of the picture inside out (a negative
    covariance), and both move known pixels.
    """
    row, column, channel = np.indices((64, 64, 3))
    pairs = []
    for number, corner in enumerate(((0, 16), (32, 20))):
        image = (37 * row + (91 + number) * column + 53 * channel + (row * column) % 29 * 7 + 17 * number) // 3 % 256
        noise = (1 + 3 * number) * ((13 * row + 7 * column + 5 * number + 3 * channel) % 41 - 20)
        hole = np.zeros((64, 64), dtype=np.bool_)
        hole[corner[0] : corner[0] + 32, corner[1] : corner[1] + 32] = True
        guess = image + np.where(hole[..., None], noise, noise // 8)
        inside = (row // 16 == 2) & (column // 16 == 2)
        guess = np.where(inside & (number == 1), 255 - image, guess)
        pairs.append(Pair(guess.clip(0, 255).astype(np.uint8), image.astype(np.uint8), hole))
    return pairs


def unit(picture: NDArray[np.uint8]) -> Picture:
    return picture.astype(np.float64) / 255


def both(picture: NDArray[np.uint8]) -> Picture:
    """In [-1, 1]."""
    return picture.astype(np.float64) / 127.5 - 1


def ssim(one: Picture, other: Picture, weights: Picture, span: float, *, sample: bool = False, clamp: bool = False) -> Picture:
    """Wang et al. 2004, eq. 13, at every place where the window fits, with moments about the window's own means: [h, w]."""
    side = len(weights)
    a, b = (np.lib.stride_tricks.sliding_window_view(picture, (side, side)) for picture in (one, other))
    mean_a, mean_b = ((weights * part).sum((2, 3)) for part in (a, b))
    from_a, from_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    factor = side**2 / (side**2 - 1) if sample else 1.0
    var_a, var_b, cov = (
        factor * (weights * x * y).sum((2, 3)) for x, y in ((from_a, from_a), (from_b, from_b), (from_a, from_b))
    )
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    contrast = (2 * cov + c2) / (var_a + var_b + c2)
    found: Picture = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * (contrast.clip(0) if clamp else contrast)
    return found


def bell() -> Picture:
    rows, columns = np.mgrid[-5:6, -5:6]
    weights = np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))
    return weights / weights.sum()


def flat(side: int) -> Picture:
    return np.full((side, side), 1 / side**2)


def channels(one: Picture, other: Picture, weights: Picture, span: float = 1, pad: str = "", **more: bool) -> Picture:
    """A map for each channel: [3, h, w]."""
    if pad:
        edge = [(len(weights) // 2,) * 2] * 2 + [(0, 0)]
        one, other = (np.pad(picture, edge, mode=pad) for picture in (one, other))  # type: ignore[call-overload]
    return np.stack([ssim(one[..., channel], other[..., channel], weights, span, **more) for channel in range(3)])


def luma(picture: NDArray[np.uint8]) -> Picture:
    """Y of YIQ, in 8 bits."""
    red, green, blue = (unit(picture)[..., channel] for channel in range(3))
    return np.round(255 * (0.299 * red + 0.587 * green + 0.114 * blue))


def cut(picture: Picture, hole: NDArray[np.bool_]) -> Picture:
    """The hole cut out: all of them are 32 x 32."""
    return picture[hole].reshape(32, 32, *picture.shape[2:])


def decibels(mse: float) -> float:
    return float(-10 * np.log10(mse))


def mse(one: Picture, other: Picture) -> float:
    return float(((one - other) ** 2).mean())


PER_IMAGE: dict[str, Callable[[Pair], float]] = {
    "l2-hole-01": lambda p: 100 * mse(unit(p.guess)[p.hole], unit(p.image)[p.hole]),
    "l2-hole-11": lambda p: 100 * mse(both(p.guess)[p.hole], both(p.image)[p.hole]),
    "l2-whole-01": lambda p: 100 * mse(unit(p.pasted), unit(p.image)),
    "l2-whole-11": lambda p: 100 * mse(both(p.pasted), both(p.image)),
    "rmse-hole": lambda p: 100 * mse(unit(p.guess)[p.hole], unit(p.image)[p.hole]) ** 0.5,
    "rmse-whole": lambda p: 100 * mse(unit(p.pasted), unit(p.image)) ** 0.5,
    "l2-relative-hole": lambda p: (
        100 * ((unit(p.guess) - unit(p.image))[p.hole] ** 2).sum() / (unit(p.image)[p.hole] ** 2).sum()
    ),
    "l2-relative-whole": lambda p: 100 * ((unit(p.pasted) - unit(p.image)) ** 2).sum() / (unit(p.image) ** 2).sum(),
    "l1-hole-01": lambda p: 100 * np.abs(unit(p.guess) - unit(p.image))[p.hole].mean(),
    "l1-hole-11": lambda p: 100 * np.abs(both(p.guess) - both(p.image))[p.hole].mean(),
    "l1-whole-01": lambda p: 100 * np.abs(unit(p.pasted) - unit(p.image)).mean(),
    "l1-whole-255": lambda p: np.abs(p.pasted.astype(int) - p.image).mean(),
    "l1-relative-hole": lambda p: 100 * np.abs(unit(p.guess) - unit(p.image))[p.hole].sum() / unit(p.image)[p.hole].sum(),
    "l1-relative-whole": lambda p: 100 * np.abs(unit(p.pasted) - unit(p.image)).sum() / unit(p.image).sum(),
    "mae-sum-grey": lambda p: (
        100 * np.abs(rgb2gray(p.image) - rgb2gray(p.pasted)).sum() / (rgb2gray(p.image) + rgb2gray(p.pasted)).sum()
    ),
    "mae-sum-rgb": lambda p: 100 * np.abs(p.pasted.astype(int) - p.image).sum() / (p.pasted.astype(int) + p.image).sum(),
    "psnr-hole": lambda p: decibels(mse(unit(p.guess)[p.hole], unit(p.image)[p.hole])),
    "psnr-whole": lambda p: decibels(mse(unit(p.pasted), unit(p.image))),
    "psnr-whole-grey": lambda p: decibels(mse(rgb2gray(p.pasted), rgb2gray(p.image))),
    "psnr-raw": lambda p: decibels(mse(unit(p.guess), unit(p.image))),
    "psnr-zits": lambda p: 1 + decibels(mse(unit(p.pasted), unit(p.image)) + 1e-7),
    "psnr-1e-8": lambda p: decibels(mse(unit(p.pasted), unit(p.image)) + 1e-8),
    "ssim-gauss": lambda p: channels(unit(p.pasted), unit(p.image), bell()).mean(),
    "ssim-gauss-zeros": lambda p: channels(unit(p.pasted), unit(p.image), bell(), pad="constant").mean(),
    "ssim-gauss-mirror": lambda p: channels(unit(p.pasted), unit(p.image), bell(), pad="reflect").mean(),
    "ssim-uniform-7": lambda p: channels(unit(p.pasted), unit(p.image), flat(7), sample=True).mean(),
    "ssim-grey-51": lambda p: ssim(rgb2gray(p.pasted), rgb2gray(p.image), flat(51), 1, sample=True).mean(),
    "ssim-y": lambda p: ssim(luma(p.pasted), luma(p.image), bell(), 255, clamp=True).mean(),
    "ssim-255-l1": lambda p: channels(p.pasted.astype(float), p.image.astype(float), bell(), pad="constant").mean(),
    "ssim-zits": lambda p: ssim(rgb2gray(p.pasted[..., ::-1]), rgb2gray(p.image[..., ::-1]), flat(7), 2, sample=True).mean(),
    "ssim-hole-map": lambda p: channels(unit(p.pasted), unit(p.image), bell())[:, p.hole[5:-5, 5:-5]].mean(),
    "ssim-crop-gauss": lambda p: channels(cut(unit(p.guess), p.hole), cut(unit(p.image), p.hole), bell()).mean(),
    "ssim-crop-uniform-7": lambda p: channels(
        cut(unit(p.guess), p.hole), cut(unit(p.image), p.hole), flat(7), sample=True
    ).mean(),
    "ssim-crop-grey-7": lambda p: ssim(
        cut(rgb2gray(p.guess), p.hole), cut(rgb2gray(p.image), p.hole), flat(7), 1, sample=True
    ).mean(),
}


def values(pairs: list[Pair]) -> dict[str, float]:
    """Every convention: means over images, and what is pooled before the logarithm."""
    found = {name: float(np.mean([measure(pair) for pair in pairs])) for name, measure in PER_IMAGE.items()}
    found["psnr-hole-pooled"] = decibels(np.mean([mse(unit(p.guess)[p.hole], unit(p.image)[p.hole]) for p in pairs]))
    found["psnr-whole-pooled"] = decibels(np.mean([mse(unit(p.pasted), unit(p.image)) for p in pairs]))
    return dict(sorted(found.items()))


if __name__ == "__main__":
    print(json.dumps(values(example()), indent=1))
