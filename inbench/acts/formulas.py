"""Formulas: the ways in which papers and their code measure a guess, from pairs of pictures to a value an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inbench.words.mask import Holes
from inbench.words.protocol import MSE_FLOOR

Values = NDArray[np.float64]
GREY, LUMA = (0.2125, 0.7154, 0.0721), (0.299, 0.587, 0.114)
"""Weights of R, G, B: scikit-image's rgb2gray (BT.709), and the Y of YIQ (BT.601)."""


class NotHere(Exception):
    """A convention that says nothing about these pictures: why."""


@dataclass(frozen=True)
class Pairs:
    """Pictures in [0, 1], float64 [N, S, S, 3]: the raw guess, the guess pasted into the image, the image. hole: [N, S, S]."""

    guess: Values
    completed: Values
    image: Values
    hole: NDArray[np.bool_]

    @classmethod
    def of(cls, guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes) -> Pairs:
        guess, image = guesses / 255.0, images / 255.0
        return cls(guess, np.where(holes[:, 0, :, :, None], guess, image), image, holes[:, 0])

    def cropped(self) -> tuple[Values, Values]:
        """What lies in the hole, where every hole is a filled rectangle and all are of one size: [N, h, w, 3] twice."""
        corners = []
        for hole in self.hole:
            rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
            if not len(rows) or hole.sum() != (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1):
                raise NotHere("the hole is no rectangle")
            corners.append((rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
        if len({(bottom - top, right - left) for top, bottom, left, right in corners}) > 1:
            raise NotHere("the holes are of several sizes")

        def cut(pictures: Values) -> Values:
            boxes = zip(pictures, corners, strict=True)
            return np.stack([picture[top:bottom, left:right] for picture, (top, bottom, left, right) in boxes])

        return cut(self.guess), cut(self.image)


Measure = Callable[[Pairs], Values]


# Differences


def _error(pairs: Pairs, region: str, power: int) -> Values:
    """Mean over a region's pixels and channels of |difference|^power, pixels in [0, 1]: [N]."""
    picture = pairs.guess if region == "raw" else pairs.completed
    apart = np.abs(picture - pairs.image) ** power
    return _over_hole(apart, pairs.hole) if region == "hole" else _mean(apart)


def _mean(what: Values) -> Values:
    found: Values = what.mean((1, 2, 3))
    return found


def _over_hole(what: Values, hole: NDArray[np.bool_]) -> Values:
    """Mean over the hole's pixels and channels: [N]."""
    if not hole.any((1, 2)).all():
        raise NotHere("a hole is empty")
    found: Values = (what * hole[..., None]).sum((1, 2, 3)) / (what.shape[3] * hole.sum((1, 2)))
    return found


def error(region: str, power: int, times: float, *, root: bool = False) -> Measure:
    """`times` the mean error of an image, or its root."""

    def measure(pairs: Pairs) -> Values:
        found = _error(pairs, region, power)
        return times * (np.sqrt(found) if root else found)

    return measure


def _no_black(level: Values) -> Values:
    """What an error is taken relative to. Raises `NotHere` where that is nothing."""
    if not level.all():
        raise NotHere("a picture is black there")
    return level


def relative(region: str, power: int) -> Measure:
    """100 x the error over the mean of the image's own values to the same power."""

    def measure(pairs: Pairs) -> Values:
        own = pairs.image**power
        level = _over_hole(own, pairs.hole) if region == "hole" else _mean(own)
        return 100 * _error(pairs, region, power) / _no_black(level)

    return measure


def over_sum(*, grey: bool) -> Measure:
    """100 x the sum of differences over the sum of both pictures."""

    def measure(pairs: Pairs) -> Values:
        one, other = (grey_of(picture) if grey else picture for picture in (pairs.image, pairs.completed))
        found: Values = 100 * np.abs(one - other).sum((1, 2, 3)) / _no_black((one + other).sum((1, 2, 3)))
        return found

    return measure


def decibels(mse: Any) -> Any:
    return -10 * np.log10(np.maximum(mse, MSE_FLOOR))


def psnr(region: str, *, grey: bool = False) -> Measure:
    def measure(pairs: Pairs) -> Values:
        if grey:
            return np.asarray(decibels(_mean((grey_of(pairs.completed) - grey_of(pairs.image)) ** 2)))
        return np.asarray(decibels(_error(pairs, region, 2)))

    return measure


def psnr_with(offset: float, inside: float) -> Measure:
    """PSNR of the whole picture with something added to it, and something inside its logarithm."""
    return lambda pairs: offset - 10 * np.log10(_error(pairs, "whole", 2) + inside)


# SSIM


def grey_of(pictures: Values, weights: tuple[float, float, float] = GREY) -> Values:
    """[N, H, W, 3] -> [N, H, W, 1]."""
    found: Values = (pictures @ np.array(weights))[..., None]
    return found


def _gauss(mode: str) -> Callable[[Values], Values]:
    """Blur of 11 taps, sigma 1.5, along rows and columns of [N, H, W, C]."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def blur(what: Values) -> Values:
        down: Values = ndimage.correlate1d(what, taps, axis=1, mode=mode)
        both: Values = ndimage.correlate1d(down, taps, axis=2, mode=mode)
        return both

    return blur


def _uniform(side: int) -> Callable[[Values], Values]:
    return lambda what: ndimage.uniform_filter(what, (1, side, side, 1))


def ssim_map(
    one: Values,
    other: Values,
    blur: Callable[[Values], Values],
    *,
    span: float = 1.0,
    sample: float = 1.0,
    clamp: bool = False,
) -> Values:
    """SSIM of Wang et al. 2004 at every pixel. span: its L; sample: n / (n - 1) for sample covariances; clamp: none below 0."""
    mean_one, mean_other = blur(one), blur(other)
    variances = sample * (blur(one**2) - mean_one**2 + blur(other**2) - mean_other**2)
    covariance = sample * (blur(one * other) - mean_one * mean_other)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    contrast = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * mean_one * mean_other + c1) / (mean_one**2 + mean_other**2 + c1)
    found: Values = luminance * (np.maximum(contrast, 0) if clamp else contrast)
    return found


def _inner(found: Values, border: int) -> Values:
    if min(found.shape[1:3]) <= 2 * border:
        raise NotHere(f"the window needs {2 * border + 1} pixels a side")
    return found[:, border:-border, border:-border]


def gauss(
    border: Literal["valid", "constant", "mirror"],
    *,
    region: str = "whole",
    prepare: Callable[[Values], Values] = lambda pictures: pictures,
    span: float = 1.0,
    clamp: bool = False,
) -> Measure:
    """SSIM with the Gaussian window; at the border: windows that fit, zeros around, or the picture mirrored."""

    def measure(pairs: Pairs) -> Values:
        one, other = pairs.cropped() if region == "crop" else (pairs.completed, pairs.image)
        blur = _gauss("constant" if border == "valid" else border)
        found = ssim_map(prepare(one), prepare(other), blur, span=span, clamp=clamp)
        found = _inner(found, 5) if border == "valid" else found
        if region == "hole":
            return _over_hole(found, pairs.hole[:, 5:-5, 5:-5])
        return _mean(found)

    return measure


def uniform(
    side: int,
    *,
    region: str = "whole",
    prepare: Callable[[Values], Values] = lambda pictures: pictures,
    span: float = 1.0,
) -> Measure:
    """SSIM with equal weights and sample covariances, over windows that fit: scikit-image's own default."""

    def measure(pairs: Pairs) -> Values:
        one, other = pairs.cropped() if region == "crop" else (pairs.completed, pairs.image)
        if min(one.shape[1:3]) < side:
            raise NotHere(f"the window needs {side} pixels a side")
        n = side * side
        found = ssim_map(prepare(one), prepare(other), _uniform(side), span=span, sample=n / (n - 1))
        return _mean(_inner(found, side // 2))

    return measure


def times_255(pictures: Values) -> Values:
    return pictures * 255


def luma_8_bit(pictures: Values) -> Values:
    return np.rint(255 * grey_of(pictures, LUMA))


def grey_of_bgr(pictures: Values) -> Values:
    return grey_of(pictures[..., ::-1])
