"""The protocol's metrics, batched on the device, equal to scikit-image per image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from inbench.hookspecs import hookimpl
from inbench.metric import Metric
from inbench.records import MSE_FLOOR


def mean_over(value: Tensor, region: Tensor) -> Tensor:
    """Mean over the region's pixels and all channels: [N, C, S, S], bool [N, 1, S, S] -> [N]; NaN where the region is empty."""
    weight = region.to(value.dtype)
    return (value * weight).sum((1, 2, 3)) / (weight.sum((1, 2, 3)) * value.shape[1])


def psnr_of(mse: Tensor) -> Tensor:
    """10 log10(1 / mse) in dB for pixels in [0, 1]."""
    return -10 * mse.clamp_min(MSE_FLOOR).log10()


class L2(Metric):
    name = "l2"
    unit = "%"
    better = "lower"
    region = "hole"
    about = "100 x mean squared error over the hole, pixels in [-1, 1]"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"l2": 400 * mean_over((completed - image).square(), hole)}


class L1(Metric):
    name = "l1"
    unit = "%"
    better = "lower"
    region = "hole"
    about = "100 x mean absolute error over the hole, pixels in [-1, 1]"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"l1": 200 * mean_over((completed - image).abs(), hole)}


class Psnr(Metric):
    name = "psnr"
    unit = "dB"
    better = "higher"
    region = "hole"
    about = "mean over images of each image's PSNR over the hole, pixels in [0, 1]"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"psnr": psnr_of(mean_over((completed - image).square(), hole))}


class PsnrPooled(Metric):
    name = "psnr-pooled"
    unit = "dB"
    better = "higher"
    region = "hole"
    about = "PSNR of the mean squared error over all images' holes, pixels in [0, 1]"
    column = "mse"
    reduce = "psnr"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"mse": mean_over((completed - image).square(), hole)}


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


def window(size: int, like: Tensor) -> Tensor:
    """The 11-tap Gaussian of sigma 1.5 as a band matrix that keeps valid places only: [S - 10, S]."""
    taps = torch.arange(-5, 6, dtype=like.dtype, device=like.device)
    taps = (-taps.square() / (2 * 1.5**2)).exp()
    taps = taps / taps.sum()
    band = torch.zeros(size - 10, size, dtype=like.dtype, device=like.device)
    for row in range(size - 10):
        band[row, row : row + 11] = taps
    return band


def ssim_map(one: Tensor, other: Tensor) -> Tensor:
    """SSIM of Wang et al. 2004 at every valid window: [N, 3, S, S] -> [N, 3, S-10, S-10].

    11x11 Gaussian, sigma 1.5, L = 1, biased covariance.
    """
    band = window(one.shape[-1], one)

    def blur(value: Tensor) -> Tensor:
        return band @ value @ band.T

    mean_one, mean_other = blur(one), blur(other)
    variance_one = blur(one * one) - mean_one.square()
    variance_other = blur(other * other) - mean_other.square()
    covariance = blur(one * other) - mean_one * mean_other
    c1, c2 = 0.01**2, 0.03**2
    light = (2 * mean_one * mean_other + c1) / (mean_one.square() + mean_other.square() + c1)
    return light * (2 * covariance + c2) / (variance_one + variance_other + c2)


class Ssim(Metric):
    name = "ssim"
    better = "higher"
    region = "whole"
    about = "SSIM (Wang et al. 2004) of the completed image, mean of R, G, B over valid windows"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"ssim": ssim_map(completed, image).mean((1, 2, 3))}


class SsimHole(Metric):
    name = "ssim-hole"
    better = "higher"
    region = "hole"
    about = "the same SSIM map, mean over the windows centred in the hole"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"ssim-hole": mean_over(ssim_map(completed, image), hole[..., 5:-5, 5:-5])}


@hookimpl
def inbench_metrics() -> list[type[Metric]]:
    return [L2, Psnr, PsnrPooled, Ssim, L1, PsnrCompleted, SsimHole, KnownDrift]
