"""Metrics: equal to scikit-image for every image, and to what one works out by hand."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inbench.acts import scoring
from inbench.joints import masks, metrics

CPU = torch.device("cpu")
FLOOR_DB = 10 * math.log10(12 * 255**2)
ALL = [cls(cls.Params()) for cls in metrics.inbench_metrics()]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors on many threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_pictures(count, size, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def smooth_pictures(count, size, seed):
    chance = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) / size
    waves = chance.uniform(0, 6, (count, 4, 3))
    field = np.sin(
        waves[:, 0, None, None] * rows[None, ..., None]
        + waves[:, 1, None, None] * columns[None, ..., None]
        + waves[:, 2, None, None]
    )
    return np.round(127.5 + 100 * field).astype(np.uint8)


def center(count, size=64):
    return masks.Center(masks.Center.Params(side=size // 2)).draw([str(number) for number in range(count)], size)


def measured(guesses, images, holes):
    return scoring.measure(ALL, guesses, images, holes, CPU)


def completed_of(guesses, images, holes):
    return np.where(holes[:, 0, ..., None], guesses, images) / 255


def oracle(completed, image):
    value, whole_map = structural_similarity(
        completed,
        image,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
        full=True,
    )
    return value, whole_map[5:-5, 5:-5]


PAIRS = {
    "random": (random_pictures(4, 64, 1), random_pictures(4, 64, 2)),
    "smooth": (smooth_pictures(4, 64, 3), smooth_pictures(4, 64, 4)),
    "near": (smooth_pictures(4, 64, 5), smooth_pictures(4, 64, 5) ^ 3),
    "flat": (np.full((4, 64, 64, 3), 7, np.uint8), np.full((4, 64, 64, 3), 250, np.uint8)),
}


@pytest.fixture(params=PAIRS, ids=str)
def pair(request):
    return PAIRS[request.param]


def test_ssim_is_that_of_scikit_image(pair):
    found = measured(*pair, center(4))["ssim"]
    expected = [oracle(one, image)[0] for one, image in zip(completed_of(*pair, center(4)), pair[1] / 255, strict=True)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_ssim_hole_is_the_oracles_map_over_the_hole(pair):
    found = measured(*pair, center(4))["ssim-hole"]
    expected = [
        oracle(one, image)[1][11:43, 11:43].mean()
        for one, image in zip(completed_of(*pair, center(4)), pair[1] / 255, strict=True)
    ]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_ssim_map_is_the_oracles_at_every_valid_window(pair):
    one, other = (torch.from_numpy(pictures / 255).permute(0, 3, 1, 2) for pictures in pair)
    found = metrics.ssim_map(one, other).permute(0, 2, 3, 1).numpy()
    expected = np.stack([oracle(*both)[1] for both in zip(pair[0] / 255, pair[1] / 255, strict=True)])
    assert np.abs(found - expected).max() < 1e-6


def test_psnr_is_that_of_scikit_image_on_the_hole(pair):
    found = measured(*pair, center(4))["psnr"]
    expected = [
        peak_signal_noise_ratio(image[16:48, 16:48] / 255, guess[16:48, 16:48] / 255, data_range=1)
        for guess, image in zip(*pair, strict=True)
    ]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "where", [(0, 1, 0, 1), (63, 64, 63, 64), (0, 64, 30, 31), (50, 64, 0, 20), (5, 60, 2, 64), (0, 64, 0, 64)]
)
def test_ssim_is_that_of_the_whole_map_wherever_the_hole_is(pair, where):
    top, bottom, left, right = where
    holes = np.zeros((4, 1, 64, 64), dtype=np.bool_)
    holes[:3, :, top:bottom, left:right] = True  # and a picture without a hole
    holes[1] = False
    holes[1, :, top, left] = True
    one, other = (torch.from_numpy(value).permute(0, 3, 1, 2) for value in (completed_of(*pair, holes), pair[1] / 255))
    whole, centred = metrics.ssim_map(one, other), torch.from_numpy(holes[..., 5:-5, 5:-5])
    found = measured(*pair, holes)
    assert found["ssim"] == pytest.approx(whole.mean((1, 2, 3)).numpy(), abs=1e-12)
    assert found["ssim-hole"] == pytest.approx(metrics.mean_over(whole, centred).numpy(), abs=1e-12, nan_ok=True)


def test_psnr_completed_is_that_of_scikit_image_on_the_whole(pair):
    found = measured(*pair, center(4))["psnr-completed"]
    expected = [
        peak_signal_noise_ratio(image, one, data_range=1)
        for one, image in zip(completed_of(*pair, center(4)), pair[1] / 255, strict=True)
    ]
    assert found == pytest.approx(expected, abs=1e-6)


def test_errors_of_a_random_hole_are_those_of_numpy():
    guesses, images = PAIRS["smooth"]
    holes = masks.Random80(None).draw([str(number) for number in range(4)], 64)
    found = measured(guesses, images, holes)
    for place in range(4):
        off = (guesses[place][holes[place, 0]] / 255.0) - (images[place][holes[place, 0]] / 255.0)
        assert found["mse"][place] == pytest.approx((off**2).mean(), rel=1e-12)
        assert found["l1"][place] == pytest.approx(200 * np.abs(off).mean(), rel=1e-12)
        assert found["l2"][place] == pytest.approx(400 * (off**2).mean(), rel=1e-12)


def test_a_hole_off_by_a_fifth_everywhere_gives_the_figures_worked_out_by_hand():
    images = np.full((1, 64, 64, 3), 100, dtype=np.uint8)
    found = measured(images + 51, images, center(1))  # 51 / 255 = 0.2
    assert found["l2"] == pytest.approx([16.0], rel=1e-12)  # 400 x 0.2^2
    assert found["l1"] == pytest.approx([40.0], rel=1e-12)  # 200 x 0.2
    assert found["psnr"] == pytest.approx([13.979400086720377], rel=1e-12)  # 10 log10(25)
    assert found["mse"] == pytest.approx([0.04], rel=1e-12)
    assert found["psnr-completed"] == pytest.approx([20.0], rel=1e-12)  # a quarter of the picture: 10 log10(100)
    assert found["known-drift"] == pytest.approx([51.0], rel=1e-12)


def test_known_drift_sees_the_known_pixels_only():
    images = np.full((1, 32, 32, 3), 100, dtype=np.uint8)
    holes = center(1, 32)
    guesses = images.copy()
    guesses[holes[:, 0]] = 255
    guesses[0, 0, 0] = 100 + 12  # one of 768 known pixels
    assert measured(guesses, images, holes)["known-drift"] == pytest.approx([12 / 768], rel=1e-12)


def test_what_the_guess_says_of_known_pixels_moves_no_other_metric():
    guesses, images = PAIRS["smooth"]
    holes = center(4)
    other = np.where(holes[:, 0, ..., None], guesses, 255 - guesses)
    one, two = measured(guesses, images, holes), measured(other, images, holes)
    for name in set(one) - {"known-drift"}:
        assert (one[name] == two[name]).all()
    assert (one["known-drift"] != two["known-drift"]).all()


def test_identical_pictures_stop_at_the_floor():
    images = PAIRS["random"][0]
    found = measured(images, images, center(4))
    assert found["psnr"] == pytest.approx([FLOOR_DB] * 4)
    assert found["psnr-completed"] == pytest.approx([FLOOR_DB] * 4)
    assert found["ssim"] == pytest.approx([1.0] * 4)
    assert found["ssim-hole"] == pytest.approx([1.0] * 4)
    assert found["l2"].tolist() == found["l1"].tolist() == found["known-drift"].tolist() == [0.0] * 4


def test_pooled_psnr_is_that_of_the_mean_squared_error():
    guesses, images = PAIRS["smooth"]
    found = scoring.means(ALL, measured(guesses, images, center(4)))
    off = guesses[:, 16:48, 16:48] / 255 - images[:, 16:48, 16:48] / 255
    assert found["psnr-pooled"] == pytest.approx(-10 * np.log10((off**2).mean()), rel=1e-12)


def test_pooled_psnr_is_never_above_the_mean_psnr():
    images = PAIRS["random"][0]
    for guesses in (images, images ^ 1, PAIRS["smooth"][0]):
        found = scoring.means(ALL, measured(guesses, images, center(4)))
        assert found["psnr-pooled"] <= found["psnr"] + 1e-9


def test_a_batch_gives_what_its_images_give_alone():
    guesses, images = PAIRS["smooth"]
    holes = masks.Pattern25(None).draw([str(number) for number in range(4)], 64)
    together = measured(guesses, images, holes)
    for place in range(4):
        alone = measured(guesses[place : place + 1], images[place : place + 1], holes[place : place + 1])
        for name, values in together.items():
            assert alone[name] == pytest.approx(values[place : place + 1], abs=1e-12)


def test_an_empty_hole_has_no_value_and_breaks_nothing():
    images = PAIRS["smooth"][0][:2]
    holes = np.zeros((2, 1, 64, 64), dtype=bool)
    holes[1] = center(1)
    found = measured(PAIRS["smooth"][1][:2], images, holes)
    for name in ("l2", "l1", "psnr", "mse", "ssim-hole"):
        assert np.isnan(found[name]).tolist() == [True, False]
    assert scoring.means(ALL, found)["l2"] == found["l2"][1]


def test_a_hole_over_the_whole_image_has_no_drift():
    images = PAIRS["smooth"][0][:1]
    found = measured(images, images, np.ones((1, 1, 64, 64), dtype=bool))
    assert np.isnan(found["known-drift"]).all()
    assert scoring.means(ALL, found)["known-drift"] is None


def test_a_hole_at_the_very_edge_has_no_windows_of_its_own():
    images, holes = PAIRS["smooth"][0][:1], np.zeros((1, 1, 64, 64), dtype=bool)
    holes[..., :5, :] = True
    found = measured(PAIRS["smooth"][1][:1], images, holes)
    assert np.isnan(found["ssim-hole"]).all()
    assert np.isfinite(found["ssim"]).all()


def test_every_column_is_float64_with_a_number_an_image(pair):
    for values in measured(*pair, center(4)).values():
        assert (values.dtype, values.shape) == (np.float64, (4,))


def test_every_metric_gives_the_column_it_names(pair):
    assert {metric.column or metric.name for metric in ALL} == set(measured(*pair, center(4)))
