"""Perception without weights: how sharp a fill is, how its seam, its spectrum and its patches compare with the picture's."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from inbench.joints.hookspecs import hookimpl
from inbench.words import seeds
from inbench.words.metric import Metric
from inbench.words.protocol import MSE_FLOOR

LEVELS = 255.0
"""Between 0 and 1, for what is told in 8-bit levels."""


class Steps(Metric):
    """What the steps from a pixel to the next give: within the hole the column of gradient-energy, over its border seam's."""

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        sums = {name: completed.new_zeros(len(completed)) for name in ("inside", "ours", "theirs", "border", "excess")}
        for axis in (2, 3):
            here, there = hole.narrow(axis, 0, hole.shape[axis] - 1), hole.narrow(axis, 1, hole.shape[axis] - 1)
            inside, border = (here & there).to(image.dtype), (here ^ there).to(image.dtype)
            ours, theirs = completed.diff(dim=axis), image.diff(dim=axis)
            sums["inside"] += 3 * inside.sum((1, 2, 3))
            sums["ours"] += (ours.square() * inside).sum((1, 2, 3))
            sums["theirs"] += (theirs.square() * inside).sum((1, 2, 3))
            sums["border"] += 3 * border.sum((1, 2, 3))
            sums["excess"] += ((ours.abs() - theirs.abs()) * border).sum((1, 2, 3))
        energies = [(sums[whose] / sums["inside"]).clamp_min(2 * MSE_FLOOR) for whose in ("ours", "theirs")]
        return {
            "gradient-energy": 10 * (energies[0] / energies[1]).log10(),
            "seam": LEVELS * sums["excess"] / sums["border"],
        }


class GradientEnergy(Steps):
    name = "gradient-energy"
    unit = "dB"
    better = "zero"
    region = "hole"
    about = "mean squared step between neighbours in the hole over that of the image: below 0 too smooth, above 0 too rough"
    source = "the gradient measure of sharpness, as a ratio (Pertuz et al. 2013, a survey)"


class Seam(Steps):
    name = "seam"
    unit = "/255"
    better = "zero"
    region = "hole"
    about = "mean absolute step across the hole's border less that of the image: above 0 the border shows"
    source = "inbench"


@functools.lru_cache(maxsize=8)
def rings(size: int, device: torch.device) -> Tensor:
    """Averages the half plane of a real spectrum over rings of radius 1 to size / 2: [size * (size / 2 + 1), size / 2]."""
    down, across = torch.fft.fftfreq(size, 1 / size), torch.arange(size // 2 + 1)
    radius = (down[:, None].square() + across.square()).sqrt().round().long().flatten()
    twice = torch.where((across > 0) & (across < size // 2), 2.0, 1.0).double().expand(size, -1).flatten()
    held = torch.nn.functional.one_hot(radius, int(radius.max()) + 1)[:, 1 : size // 2 + 1] * twice[:, None]
    return (held / held.sum(0)).to(device)


LUMA = (0.299, 0.587, 0.114)
"""How much of brightness is in red, green and blue (ITU-R BT.601)."""


def within(hole: Tensor) -> Tensor:
    """Pixels of the hole whose four neighbours are in it too, opposite borders joined."""
    return functools.reduce(torch.logical_and, (hole.roll(step, axis) for axis in (2, 3) for step in (1, -1)), hole)


def spectrum(value: Tensor, inner: Tensor) -> Tensor:
    """Power of the brightness' Laplacian over the inner pixels, by radius: [N, 3, S, S] -> [N, S / 2].

    The Laplacian, with opposite borders joined, makes pictures about white: else what is cut off at the hole's border would
    stand over all that is fine.
    """
    luma = (value * value.new_tensor(LUMA)[:, None, None]).sum(1)
    rough = 4 * luma - luma.roll(1, 1) - luma.roll(-1, 1) - luma.roll(1, 2) - luma.roll(-1, 2)
    power: Tensor = torch.fft.rfft2(rough * inner[:, 0]).abs().square()
    return power.flatten(1) @ rings(value.shape[-1], value.device)


@functools.lru_cache(maxsize=8)
def noise(size: int, device: torch.device) -> Tensor:
    """What rounding to 8 bits gives a spectrum for each inner pixel, by radius: [S / 2]. Less is not told from nothing."""
    turns = 2 * np.pi * torch.fft.fftfreq(size, dtype=torch.float64)
    laplacian = 4 - 2 * turns.cos()[:, None] - 2 * turns[: size // 2 + 1].cos()
    level = MSE_FLOOR * sum(share**2 for share in LUMA)
    found: Tensor = level * laplacian.square().flatten().to(device) @ rings(size, device)
    return found


class Spectrum(Metric):
    name = "spectrum"
    unit = "dB"
    better = "lower"
    region = "hole"
    about = "power spectrum of the hole's Laplacian by radius against the image's: mean absolute difference of their logarithms"
    source = "radial power spectra, Durall et al. 2020; log-spectral distance, Gray and Markel 1976"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        inner = within(hole)
        count = inner.sum((1, 2, 3))
        rounding = count[:, None] * noise(image.shape[-1], image.device)
        ours, theirs = (10 * (spectrum(value, inner) + rounding).log10() for value in (completed, image))
        return {"spectrum": (ours - theirs).abs().mean(1).where(count > 0, torch.nan)}


DIRECTIONS, PATCH = 8, 3
COARSEST = 16
"""Pixels a side of the smallest level of a pyramid whose details are looked at."""


@functools.lru_cache(maxsize=8)
def directions(device: torch.device) -> Tensor:
    """Random directions in the space of patches, each at right angles to the others: [8, 3, 3, 3] float64, on every machine."""
    chance = seeds.unit(np.arange(2 * DIRECTIONS, dtype=np.uint64), 3 * PATCH**2)
    normal = np.sqrt(-2 * np.log1p(-chance[:DIRECTIONS])) * np.cos(2 * np.pi * chance[DIRECTIONS:])  # Box and Muller
    found = torch.from_numpy(np.ascontiguousarray(np.linalg.qr(normal.T).Q.T))
    return found.view(DIRECTIONS, 3, PATCH, PATCH).to(device)


@functools.lru_cache(maxsize=32)
def halving(size: int, device: torch.device) -> Tensor:
    """One axis blurred by 1 4 6 4 1 and every other place kept, borders mirrored: [size / 2, size]."""
    held = torch.zeros(size // 2, size, dtype=torch.float64)
    for place in range(size // 2):
        for offset, share in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
            at = abs(2 * place + offset)
            held[place, at if at < size else 2 * size - 2 - at] += share / 16
    return held.to(device)


@functools.lru_cache(maxsize=32)
def doubling(size: int, device: torch.device) -> Tensor:
    """The way back: every other place empty, then blurred, so that what is even stays as it was: [size, size / 2]."""
    held = 2 * halving(size, device).T
    return held / held.sum(1, keepdim=True)


def details(value: Tensor) -> list[Tensor]:
    """What each halving of a Laplacian pyramid (Burt and Adelson 1983) takes away: [N, 3, s, s] for s = S, S / 2, ... 16."""
    found = []
    while value.shape[-1] >= COARSEST:
        down, up = halving(value.shape[-1], value.device), doubling(value.shape[-1], value.device)
        smaller = down @ value @ down.T
        found.append(value - up @ smaller @ up.T)
        value = smaller
    return found


class PatchDistance(Metric):
    name = "patch-distance"
    unit = "/255"
    better = "lower"
    region = "hole"
    about = "sliced Wasserstein distance of the 3x3 patches of the hole's details, mean over the levels of a Laplacian pyramid"
    source = (
        "Rabin et al. 2011; of pictures, Karras et al. 2018 (here an image against its completion, but for the coarsest level)"
    )

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        found, here = [], hole
        for ours, theirs in zip(details(completed), details(image), strict=True):
            found.append(distance(ours, theirs, here))
            here = torch.nn.functional.max_pool2d(here.double(), 2) > 0
        return {"patch-distance": LEVELS * torch.stack(found).mean(0)}


def distance(ours: Tensor, theirs: Tensor, hole: Tensor) -> Tensor:
    """Of the patches centred in the hole, projected and sorted: [N, 3, s, s] twice -> [N]; NaN where there is none."""
    rows, columns = box_of(hole)
    reach = [slice(side.start, side.stop + PATCH - 1) for side in (rows, columns)]
    both = torch.nn.functional.pad(torch.cat([ours, theirs]), [PATCH // 2] * 4)[..., reach[0], reach[1]]
    projected = torch.nn.functional.conv2d(both, directions(both.device)).flatten(2)  # [2 N, 8, places]
    held = hole[..., rows, columns].flatten(2)
    projected.masked_fill_(~held.repeat(2, 1, 1), OUTSIDE)
    ours, theirs = in_order(projected).chunk(2)
    return (ours - theirs).abs().sum((1, 2)) / (DIRECTIONS * held.sum((1, 2)))


def in_order(values: Tensor) -> Tensor:
    """Sorted along the last axis. On a CPU by numpy, whose sort took a fiftieth of the time of torch's."""
    return torch.from_numpy(np.sort(values.numpy(), axis=-1)) if values.device.type == "cpu" else values.sort(-1).values


OUTSIDE = 1e3
"""More than any projection is: places outside a hole come last on both sides, and there differ by nothing."""


def box_of(hole: Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold all holes [N, 1, s, s], and at least one place."""
    found = []
    for missing in (hole.any(3).any(0)[0], hole.any(2).any(0)[0]):
        places = missing.nonzero()
        found.append(slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 1))
    return found[0], found[1]


@hookimpl
def inbench_metrics() -> list[type[Metric]]:
    return [GradientEnergy, Seam, Spectrum, PatchDistance]
