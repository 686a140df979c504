"""Perception: on pictures where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor

from inbench.joints import masks, perception
from inbench.words.metric import Metric

ALL: list[Metric] = [cls(cls.Params()) for cls in perception.inbench_metrics()]
NAMES = [metric.name for metric in ALL]


def pictures(count: int = 3, size: int = 64, seed: int = 0) -> Tensor:
    """Noise with about the spectrum of a photograph: [N, 3, S, S] in [0, 1]."""
    chance = np.random.default_rng(seed)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    made = np.fft.ifft2(np.fft.fft2(chance.normal(size=(count, 3, size, size))) / (radius + 1 / size)).real
    made = (made - made.min((2, 3), keepdims=True)) / np.ptp(made, axis=(2, 3), keepdims=True)
    return torch.from_numpy(np.ascontiguousarray(0.1 + 0.8 * made))  # numpy before 2 hands out transposed ones


def center(count: int = 3, size: int = 64) -> Tensor:
    hole = torch.zeros(count, 1, size, size, dtype=torch.bool)
    hole[..., size // 4 : -size // 4, size // 4 : -size // 4] = True
    return hole


def everything(count: int = 3, size: int = 64) -> Tensor:
    return torch.ones(count, 1, size, size, dtype=torch.bool)


def drawn(mask: str, count: int = 3, size: int = 64) -> Tensor:
    cls = {one.name: one for one in masks.inbench_masks()}[mask]
    params = cls.settle(cls.Params(), size)
    return torch.from_numpy(cls(params).draw([str(number) for number in range(count)], size))


def blurred(image: Tensor, sigma: float = 1.5) -> Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), (0, 0, sigma, sigma)))


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    return image + sigma * torch.from_numpy(np.random.default_rng(9).normal(size=image.shape))


def measured(guess: Tensor, image: Tensor, hole: Tensor) -> dict[str, Tensor]:
    completed = torch.where(hole, guess, image)
    found: dict[str, Tensor] = {}
    for metric in ALL:
        found |= metric.per_image(guess, completed, image, hole)
    return found


@pytest.mark.parametrize("mask", ["center", "random80", "thick", "half"])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_picture_itself_is_0_by_every_measure(mask: str, size: int) -> None:
    image = pictures(size=size)
    for name, column in measured(image, image, drawn(mask, size=size)).items():
        assert column.tolist() == [0, 0, 0], name


@pytest.mark.parametrize("hole", [center(), drawn("random80")], ids=["center", "random80"])
def test_blur_lowers_the_gradient_energy_and_noise_raises_it(hole: Tensor) -> None:
    image = pictures()
    assert (measured(blurred(image), image, hole)["gradient-energy"] < -3).all()
    assert (measured(noisy(image), image, hole)["gradient-energy"] > 1).all()


@pytest.mark.parametrize("name", ["spectrum", "patch-distance"])
def test_more_blur_and_more_noise_are_further_away(name: str) -> None:
    image, hole = pictures(), center()
    for spoilt, little, much in ((blurred, 0.7, 2.0), (noisy, 0.03, 0.2)):
        near, far = (measured(spoilt(image, amount), image, hole)[name] for amount in (little, much))
        assert (near > 0).all()
        assert (near < far).all()


def test_half_the_contrast_is_a_quarter_of_the_energy_at_every_radius() -> None:
    image = torch.from_numpy(np.random.default_rng(1).uniform(size=(3, 3, 64, 64)))
    found = measured(0.25 + image / 2, image, everything())
    assert found["gradient-energy"] == pytest.approx([-6.0206] * 3, abs=1e-4)
    assert found["spectrum"] == pytest.approx([6.0206] * 3, abs=1e-2)


def test_a_shift_leaves_the_spectrum_alone_and_hardly_moves_the_patches() -> None:
    image = pictures()
    shifted, blur = image.roll((5, 11), (2, 3)), blurred(image, 1.0)
    moved, softened = measured(shifted, image, everything()), measured(blur, image, everything())
    assert moved["spectrum"] == pytest.approx([0] * 3, abs=1e-9)
    assert (moved["patch-distance"] < softened["patch-distance"] / 5).all()
    squared = (shifted - image).square().mean((1, 2, 3)), (blur - image).square().mean((1, 2, 3))
    assert (squared[0] > 5 * squared[1]).all()  # where squared errors say the opposite


def test_another_brightness_has_the_same_details() -> None:
    image = pictures()
    found = measured(image + 0.05, image, everything())
    for name in ("gradient-energy", "spectrum", "patch-distance"):
        assert found[name] == pytest.approx([0] * 3, abs=1e-8), name


def test_a_step_of_51_levels_at_the_border_is_a_seam_of_51_levels() -> None:
    image = torch.full((3, 3, 64, 64), 0.4, dtype=torch.float64)
    for by in (0.2, -0.2):
        assert measured(image + by, image, center())["seam"] == pytest.approx([51] * 3)


def test_a_seam_that_the_picture_has_itself_is_none() -> None:
    image = pictures()
    image[..., 16:48, 16:48] += 0.1
    flat = image.clone()
    flat[..., 16:48, 16:48] = image[..., :16, :16].mean()
    assert (measured(blurred(image, 0.5), image, center())["seam"].abs() < 8).all()
    smooth = torch.full_like(image, 0.5)
    assert (measured(smooth, noisy(smooth, 0.1), center())["seam"] < 0).all()


def test_a_flat_fill_is_at_the_floor_of_8_bits_and_no_lower() -> None:
    image = pictures()
    found = measured(torch.full_like(image, 0.5), image, center())
    assert (found["gradient-energy"] < -20).all()
    assert all(column.isfinite().all() for column in found.values())
    assert measured(image, torch.full_like(image, 0.5), center())["gradient-energy"].isfinite().all()


def test_rings_are_means_of_the_whole_spectrum() -> None:
    value = np.random.default_rng(2).normal(size=(64, 64))
    power = np.abs(np.fft.fft2(value)) ** 2
    radius = np.rint(np.hypot(*np.meshgrid(np.fft.fftfreq(64, 1 / 64), np.fft.fftfreq(64, 1 / 64), indexing="ij")))
    expected = [power[radius == ring].mean() for ring in range(1, 33)]
    half = torch.fft.rfft2(torch.from_numpy(value)).abs().square().flatten()
    assert (half @ perception.rings(64, torch.device("cpu"))) == pytest.approx(expected)


def test_the_details_and_what_is_left_are_the_picture() -> None:
    image = pictures(size=32)
    cpu = torch.device("cpu")
    fine, coarse = perception.details(image)
    down = [perception.halving(size, cpu) for size in (32, 16)]
    up = [perception.doubling(size, cpu) for size in (32, 16)]
    left = down[1] @ (down[0] @ image @ down[0].T) @ down[1].T
    back = up[0] @ (up[1] @ left @ up[1].T + coarse) @ up[0].T + fine
    assert torch.allclose(back, image)
    assert torch.allclose(perception.details(torch.full((1, 3, 64, 64), 0.7).double())[1], torch.zeros(1).double(), atol=1e-12)


@pytest.mark.parametrize("hole", [center(), drawn("thick"), drawn("half")], ids=["center", "thick", "half"])
def test_the_patch_distance_of_a_level_is_that_of_scipy(hole: Tensor) -> None:
    ours, theirs = pictures(seed=3), pictures(seed=4)
    found = perception.distance(ours, theirs, hole)
    filters = perception.directions(torch.device("cpu")).numpy()
    for place in range(3):
        projected = [
            [
                sum(ndimage.correlate(value[place, channel].numpy(), one[channel], mode="constant") for channel in range(3))
                for one in filters
            ]
            for value in (ours, theirs)
        ]
        where = hole[place, 0].numpy()
        expected = [stats.wasserstein_distance(one[where], other[where]) for one, other in zip(*projected, strict=True)]
        assert float(found[place]) == pytest.approx(np.mean(expected), abs=1e-9)


def test_directions_are_at_right_angles_and_of_length_1() -> None:
    flat = perception.directions(torch.device("cpu")).flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(len(flat)).double())


def test_a_batch_gives_what_its_images_give_alone() -> None:
    image, hole = pictures(), torch.cat([center(1), drawn("thick", 1), drawn("random80", 1)])
    guess = noisy(image, 0.05)
    together = measured(guess, image, hole)
    for place in range(3):
        one = slice(place, place + 1)
        for name, column in measured(guess[one], image[one], hole[one]).items():
            assert float(column) == pytest.approx(float(together[name][place]), abs=1e-10), name


def test_an_empty_hole_has_no_value_and_breaks_nothing() -> None:
    image, hole = pictures(), center()
    hole[1] = False
    for name, column in measured(noisy(image), image, hole).items():
        assert column.isfinite().tolist() == [True, False, True], name


def test_a_hole_of_single_pixels_has_a_seam_and_nothing_within() -> None:
    image, hole = pictures(), torch.zeros_like(center())
    hole[..., ::4, ::4] = True
    found = measured(noisy(image), image, hole)
    assert found["seam"].isfinite().all()
    assert found["gradient-energy"].isnan().all()
    assert found["spectrum"].isnan().all()


def test_known_pixels_of_the_guess_count_for_nothing() -> None:
    image, hole = pictures(), center()
    guess = noisy(image)
    other = torch.where(hole, guess, 1 - guess)
    for name, column in measured(guess, image, hole).items():
        assert torch.equal(column, measured(other, image, hole)[name]), name


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_every_metric_says_what_it_is_and_whose(metric: Metric) -> None:
    assert metric.about
    assert metric.source
    assert metric.unit in ("dB", "/255")
    assert metric.region == "hole"
    assert metric.better in ("lower", "zero")
