"""The protocol's metrics, batched on the device, equal to scikit-image per image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from inbench.joints.hookspecs import hookimpl
from inbench.words.metric import Metric
from inbench.words.protocol import MSE_FLOOR


def mean_over(value: Tensor, region: Tensor) -> Tensor:
    """Mean over the region's pixels and all channels: [N, C, S, S], bool [N, 1, S, S] -> [N]; NaN where the region is empty."""
    weight = region.to(value.dtype)
    return (value * weight).sum((1, 2, 3)) / (weight.sum((1, 2, 3)) * value.shape[1])


def psnr_of(mse: Tensor) -> Tensor:
    """10 log10(1 / mse) in dB for pixels in [0, 1]."""
    return -10 * mse.clamp_min(MSE_FLOOR).log10()


class SquaredError(Metric):
    """What one squared error over the hole gives: the columns of l2, psnr and psnr-pooled."""

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        mse = mean_over((completed - image).square(), hole)
        return {"l2": 400 * mse, "psnr": psnr_of(mse), "mse": mse}


class L2(SquaredError):
    name = "l2"
    unit = "%"
    better = "lower"
    region = "hole"
    about = "100 x mean squared error over the hole, pixels in [-1, 1]"


class L1(Metric):
    name = "l1"
    unit = "%"
    better = "lower"
    region = "hole"
    about = "100 x mean absolute error over the hole, pixels in [-1, 1]"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"l1": 200 * mean_over((completed - image).abs(), hole)}


class Psnr(SquaredError):
    name = "psnr"
    unit = "dB"
    better = "higher"
    region = "hole"
    about = "mean over images of each image's PSNR over the hole, pixels in [0, 1]"


class PsnrPooled(SquaredError):
    name = "psnr-pooled"
    unit = "dB"
    better = "higher"
    region = "hole"
    about = "PSNR of the mean squared error over all images' holes, pixels in [0, 1]"
    column = "mse"
    reduce = "psnr"


class PsnrCompleted(Metric):
    name = "psnr-completed"
    unit = "dB"
    better = "higher"
    region = "whole"
    about = "mean over images of the completed image's PSNR, pixels in [0, 1]"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"psnr-completed": psnr_of((completed - image).square().mean((1, 2, 3)))}


class KnownDrift(Metric):
    name = "known-drift"
    unit = "/255"
    better = "lower"
    region = "known"
    about = "how far the raw guess moved the known pixels, mean absolute difference in 8-bit levels"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"known-drift": 255 * mean_over((guess - image).abs(), ~hole)}


BLOCK = 27
"""Places that one product of the SSIM's blur gives: a band matrix is mostly zeros, and the shorter it is the fewer of them."""


def band(like: Tensor) -> Tensor:
    """The 11-tap Gaussian of sigma 1.5 as a band matrix that keeps valid places only: [BLOCK, BLOCK + 10]."""
    taps = torch.arange(-5, 6, dtype=like.dtype, device=like.device)
    taps = (-taps.square() / (2 * 1.5**2)).exp()
    taps = taps / taps.sum()
    held = torch.zeros(BLOCK, BLOCK + 10, dtype=like.dtype, device=like.device)
    for row in range(BLOCK):
        held[row, row : row + 11] = taps
    return held


def ssim_map(one: Tensor, other: Tensor) -> Tensor:
    """SSIM of Wang et al. 2004 at every valid window: [N, 3, H, W] -> [N, 3, H-10, W-10].

    11x11 Gaussian, sigma 1.5, L = 1, biased covariance. Rows stand first in memory, then columns, and the four moments side
    by side, so that the blur along each is a few large products for the whole batch.
    """
    (count, channels, height, width), gauss = one.shape, band(one)
    moments = one.new_empty(height, 4, count * channels, width)
    for place, value in enumerate((one, other)):
        moments[:, place].view(height, count, channels, width).copy_(value.permute(2, 0, 1, 3))
    torch.mul(moments[:, 0], moments[:, 1], out=moments[:, 2])
    torch.mul(moments[:, 0], moments[:, 0], out=moments[:, 3]).addcmul_(moments[:, 1], moments[:, 1])

    def blur(value: Tensor) -> Tensor:  # [S, M] -> [S-10, M]
        valid = len(value) - 10
        blurred = value.new_empty(valid, value.shape[1])
        for start in range(0, valid, BLOCK):
            stop = min(start + BLOCK, valid)
            torch.mm(gauss[: stop - start, : stop - start + 10], value[start : stop + 10], out=blurred[start:stop])
        return blurred

    down = blur(moments.view(height, -1)).view(-1, width)
    mean_one, mean_other, product, squares = blur(down.T).view(width - 10, height - 10, 4, -1).unbind(2)  # [W-10, H-10, N * 3]
    both, means = mean_one * mean_other, mean_one.square() + mean_other.square()
    c1, c2 = 0.01**2, 0.03**2
    found = (2 * both + c1) * (2 * (product - both) + c2) / ((means + c1) * (squares - means + c2))
    return found.view(width - 10, height - 10, count, channels).permute(2, 3, 1, 0)


def reach_of(hole: Tensor) -> tuple[slice, slice]:
    """Rows and columns of all windows that see something of the holes [N, 1, S, S], and at least one window."""
    found = []
    for missing in (hole.any(3).any(0)[0], hole.any(2).any(0)[0]):
        places = missing.nonzero()
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
        found.append(slice(min(max(0, first - 10), len(missing) - 11), max(11, last + 11)))
    return found[0], found[1]


class SsimMap(Metric):
    """The mean of one map, and its mean over the hole. A window that sees nothing of a hole compares equal pictures: 1."""

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        rows, columns = reach_of(hole)
        size, found = image.shape[-1] - 10, ssim_map(completed[..., rows, columns], image[..., rows, columns])
        of_hole = hole[..., 5:-5, 5:-5][
            ..., rows.start : rows.start + found.shape[2], columns.start : columns.start + found.shape[3]
        ]
        seen = found.shape[2] * found.shape[3]
        return {"ssim": 1 + (found.mean((1, 2, 3)) - 1) * seen / size**2, "ssim-hole": mean_over(found, of_hole)}


class Ssim(SsimMap):
    name = "ssim"
    better = "higher"
    region = "whole"
    about = "SSIM (Wang et al. 2004) of the completed image, mean of R, G, B over valid windows"


class SsimHole(SsimMap):
    name = "ssim-hole"
    better = "higher"
    region = "hole"
    about = "the same SSIM map, mean over the windows centred in the hole"


@hookimpl
def inbench_metrics() -> list[type[Metric]]:
    return [L2, Psnr, PsnrPooled, Ssim, L1, PsnrCompleted, SsimHole, KnownDrift]
