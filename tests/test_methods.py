"""Methods: the sizes their papers give, and the same numbers as a plain reading of the same formulas."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from inbench_methods import (
    autoencoder,
    biharmonic,
    context_encoder,
    dense_gan,
    linear,
    mean_fill,
    mean_image,
    nearest,
    ppca,
    semantic_inpainting,
)
from skimage.restoration import inpaint_biharmonic
from torch import nn

from inbench import Unavailable, uniform
from inbench.acts import scoring
from inbench.joints import masks
from inbench.words.params import NoParams


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors on many threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def millions(make, *told):
    """Parameters of a network, without room for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make(*told).parameters()) / 1e6


def pictures(count, size=32, seed=0):
    """Smooth pictures with a little noise: [N, 3, S, S] in [0, 1]."""
    chance = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) / size
    waves = chance.uniform(-4, 4, (count, 3, 3, 1, 1))
    field = np.sin(waves[:, :, 0] * rows + waves[:, :, 1] * columns + waves[:, :, 2])
    field = 0.5 + 0.4 * field + chance.normal(0, 0.02, field.shape)
    return torch.from_numpy(field.clip(0, 1).astype(np.float32))


def holes(name, count, size=32):
    cls = {cls.name: cls for cls in masks.inbench_masks()}[name]
    mask = cls(cls.settle(cls.Params(), size))
    return torch.from_numpy(mask.draw([str(number) for number in range(count)], size))


def square(size, first, side):
    hole = torch.zeros(1, 1, size, size, dtype=torch.bool)
    hole[..., first : first + side, first : first + side] = True
    return hole


def answer(method, image, hole):
    method.eval()
    with torch.no_grad():
        return method.inpaint(image.masked_fill(hole, 0), hole, torch.arange(len(image)))


# --- sizes


@pytest.mark.parametrize(
    ("options", "parameters", "multiply_adds"),
    [
        ({}, 5.50, 0.600),
        ({"dense": False}, 1.90, 0.200),
        ({"dense": False, "plain": "matched"}, 5.42, 0.330),
        ({"growth": 16, "stem": 32, "up": 64}, 1.38, 0.154),
        ({"layers": 6}, 9.28, 1.046),
        ({"growth": 24}, 3.99, 0.429),
    ],
)
def test_the_dense_generator_has_the_size_of_its_layer_table(options, parameters, multiply_adds):
    p = dense_gan.DenseGanParams(**options)
    assert millions(dense_gan.Generator, 64, p) == pytest.approx(parameters, rel=0.005)
    net = dense_gan.Generator(64, p).eval()
    with torch.no_grad(), scoring.Operations() as operations:
        net(torch.zeros(1, 3, 64, 64))
    assert operations.total / 2e9 == pytest.approx(multiply_adds, rel=0.005)


def test_the_dense_discriminator_has_five_strided_convolutions():
    net = dense_gan.Discriminator(64, dense_gan.DenseGanParams())
    assert millions(dense_gan.Discriminator, 64, dense_gan.DenseGanParams()) == pytest.approx(6.95, rel=0.005)
    assert [layer.out_channels for layer in net.layers if isinstance(layer, nn.Conv2d)] == [64, 128, 256, 512, 512]


def test_the_autoencoder_has_the_parameters_of_its_layer_table():
    assert millions(autoencoder.coder, 64, 3, 512, 64) == pytest.approx(13.9, rel=0.005)


def test_the_context_encoder_has_the_parameters_of_its_layer_table():
    assert millions(context_encoder.generator, 64, context_encoder.ContextEncoderParams()) == pytest.approx(71.1, rel=0.005)


def test_the_dcgan_has_the_parameters_of_its_layer_table():
    p = semantic_inpainting.SemanticInpaintingParams()
    assert millions(semantic_inpainting.generator, 64, p) == pytest.approx(3.58, rel=0.005)
    assert millions(semantic_inpainting.discriminator, 64, p) == pytest.approx(2.77, rel=0.005)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("module", [autoencoder, context_encoder, semantic_inpainting], ids=lambda module: module.__name__)
def test_widths_bring_every_size_down_to_four_by_four(module, size):
    sides = module.widths(size, 64)
    assert size == 4 * 2 ** len(sides)
    assert sides[-1] == 512 or size == 32
    if size == 64:
        assert sides == [64, 128, 256, 512]


def test_the_dense_generator_keeps_the_side_and_ends_in_tanh():
    net = dense_gan.Generator(64, dense_gan.DenseGan.small).eval()
    with torch.no_grad():
        out = net(10 * torch.randn(2, 3, 64, 64))
    assert out.shape == (2, 3, 64, 64)
    assert out.abs().max() <= 1


def test_a_dense_block_shows_each_layer_all_that_came_before():
    block = dense_gan.DenseBlock(5, layers=3, growth=4)
    assert [layer[2].in_channels for layer in block.layers] == [5, 9, 13]
    x = torch.randn(2, 5, 8, 8)
    assert (block(x)[:, :5] == x).all()
    assert block(x).shape[1] == block.out_channels == 17


# --- mean-fill, biharmonic


def test_mean_fill_gives_the_mean_colour_of_the_known_pixels():
    image, hole = torch.zeros(1, 3, 32, 32), square(32, 8, 16)
    image[0, 0], image[0, 1, :16], image[0, 2, 0, 0] = 0.25, 0.75, 1.0
    image[0, :, 10, 10] = 1.0  # in the hole: of no account
    guess = answer(mean_fill.MeanFill(32, NoParams()), image, hole)
    assert guess[0, :, 12, 12].tolist() == pytest.approx([0.25, 0.375, 1 / 768])


def test_mean_fill_without_anything_known_is_grey():
    whole = torch.ones(1, 1, 32, 32, dtype=torch.bool)
    assert (answer(mean_fill.MeanFill(32, NoParams()), pictures(1), whole) == 0.5).all()


@pytest.mark.parametrize("name", ["center", "half", "random80"])
def test_biharmonic_is_that_of_scikit_image(name):
    image, hole = pictures(2), holes(name, 2)
    guess = answer(biharmonic.Biharmonic(32, NoParams()), image, hole)
    for place in range(2):
        seen = image.masked_fill(hole, 0)[place].permute(1, 2, 0).double().numpy()
        expected = inpaint_biharmonic(seen, hole[place, 0].numpy(), channel_axis=-1).clip(0, 1)
        assert np.abs(guess[place].permute(1, 2, 0).numpy() - expected).max() < 1e-4


def test_biharmonic_takes_a_hole_over_the_whole_image_and_one_of_nothing():
    image, hole = pictures(2), torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    hole[0] = True
    guess = answer(biharmonic.Biharmonic(32, NoParams()), image, hole)
    assert (guess[0] == 0.5).all()
    assert (guess[1] - image[1]).abs().max() < 1e-6


# --- mean-image, nearest, ppca


def passed(method, image, hole, *, batch=16):
    for start in range(0, len(image), batch):
        part = image[start : start + batch]
        method.step(part, hole.expand(len(part), -1, -1, -1))
    method.finish()
    return method


def test_the_mean_image_is_the_mean_of_the_training_pictures():
    image, hole = pictures(40), square(32, 8, 16)
    guess = answer(passed(mean_image.MeanImage(32, NoParams()), image, hole), image[:3], hole)
    assert (guess[..., 8:24, 8:24] - image.mean(0)[..., 8:24, 8:24]).abs().max() < 1e-6
    assert (guess.masked_fill(hole, 0) == image[:3].masked_fill(hole, 0)).all()


def test_the_nearest_picture_lends_its_hole_to_a_picture_like_it():
    image, hole = pictures(40), square(32, 8, 16)
    method = passed(nearest.Nearest(32, nearest.NearestParams()), image, hole)
    asked = (image[[7, 31, 0]] + 0.02).clamp(0, 1)
    assert (answer(method, asked, hole)[..., 8:24, 8:24] - image[[7, 31, 0], :, 8:24, 8:24]).abs().max() < 1 / 255


@pytest.mark.parametrize("name", ["center", "half", "random80"])
def test_the_nearest_picture_is_the_one_a_search_finds(name):
    image, asked = (pictures(count, seed=seed).mul(255).round() / 255 for count, seed in ((50, 1), (6, 2)))
    hole = holes(name, 6)
    guess = answer(passed(nearest.Nearest(32, nearest.NearestParams()), image, square(32, 8, 16)), asked, hole)
    for place in range(6):
        away = ((image - asked[place]) * ~hole[place]).square().sum((1, 2, 3))
        assert (guess[place] - image[away.argmin()])[hole[place].expand(3, -1, -1)].abs().max() < 1e-6


def test_the_nearest_picture_comes_from_the_first_that_were_kept():
    image, hole = pictures(40), square(32, 8, 16)
    method = passed(nearest.Nearest(32, nearest.NearestParams(keep=20)), image, hole)
    assert len(method.kept) == 20
    again = nearest.Nearest(32, method.params)
    again.load_state_dict(method.state_dict())
    assert (answer(again, image[30:33], hole) == answer(method, image[30:33], hole)).all()


def low_rank(count, directions, *, noise=0.0):
    """Pictures that a Gaussian of few directions explains: [count, 3, 32, 32] around mid grey."""
    chance = np.random.default_rng(5)
    basis = chance.normal(0, 0.01, (directions, 3 * 32 * 32))
    flat = 0.5 + chance.normal(0, 1, (count, directions)) @ basis + noise * chance.normal(0, 1, (count, 3 * 32 * 32))
    return torch.from_numpy(flat.astype(np.float32)).view(count, 3, 32, 32)


@pytest.mark.parametrize("name", ["center", "half", "random80"])
def test_ppca_gives_back_pictures_of_few_directions_under_any_hole(name):
    image = low_rank(206, 6)
    method = passed(ppca.Ppca(32, ppca.PpcaParams(directions=12, noise=1)), image[:200], square(32, 8, 16))
    hole = holes(name, 6)
    off = (answer(method, image[200:], hole) - image[200:]).abs().max()
    assert off < 0.1 * image.std()


def test_ppca_is_the_mean_of_its_gaussian_given_the_known_pixels():
    image = low_rank(200, 6, noise=0.02)
    method = passed(ppca.Ppca(32, ppca.PpcaParams(directions=4, noise=1)), image, square(32, 8, 16))
    hole = holes("random80", 2)
    guess = answer(method, image[:2], hole).flatten(1).double().numpy()
    weight, mean = method.weight.double().numpy(), method.mean.double().numpy()
    covariance = weight @ weight.T + method.noise.item() * np.eye(len(mean))
    for place in range(2):
        missing = hole[place].expand(3, -1, -1).flatten().numpy()
        known = image[place].flatten().double().numpy()[~missing] - mean[~missing]
        right = mean[missing] + covariance[np.ix_(missing, ~missing)] @ np.linalg.solve(
            covariance[np.ix_(~missing, ~missing)], known
        )
        assert np.abs(guess[place][missing] - right.clip(0, 1)).max() < 1e-4


def test_ppca_finds_the_directions_that_a_full_decomposition_finds():
    image = low_rank(300, 8, noise=0.001)
    method = passed(ppca.Ppca(32, ppca.PpcaParams(directions=8, noise=1)), image, square(32, 8, 16))
    flat = (image - image.mean(0)).flatten(1).double()
    spread = torch.linalg.svdvals(flat).square()[:8] / len(image)
    found = method.weight.double().square().sum(0) + method.noise.double()
    assert torch.allclose(found, spread, rtol=0.02)


# --- linear


def taught(image, hole, *, batch=32, choices=1, weakest=1.0):
    method = linear.Linear(image.shape[-1], linear.LinearParams(weakest=weakest, choices=choices))
    for start in range(0, len(image), batch):
        part = image[start : start + batch]
        method.step(part, hole.expand(len(part), -1, -1, -1))
    method.finish()
    return method


def ridge(image, hole, strength):
    """y = mean(y) + W (x - mean(x)) in float64, W from the normal equations."""
    flat, missing = image.flatten(1).double().numpy(), hole[0].expand(3, -1, -1).flatten().numpy()
    x, y = flat[:, ~missing], flat[:, missing]
    mean_x, mean_y = x.mean(0), y.mean(0)
    weight = np.linalg.solve((x - mean_x).T @ (x - mean_x) + strength * np.eye(x.shape[1]), (x - mean_x).T @ (y - mean_y))
    return lambda new: mean_y + (new.flatten(1).double().numpy()[:, ~missing] - mean_x) @ weight


FEW, MANY = 160, 600
"""Pictures for a hole that leaves 240 pixels, 720 values: the pictures themselves are solved for, or their sums."""


@pytest.mark.parametrize("count", [FEW, MANY])
def test_linear_solves_the_smaller_system(count):
    image, hole = pictures(count), square(32, 2, 28)
    method = linear.Linear(32, linear.LinearParams())
    for start in range(0, count, 32):
        part = image[start : start + 32]
        method.step(part, hole.expand(len(part), -1, -1, -1))
    assert isinstance(method.ridge(), linear.Dual if count == FEW else linear.Primal)


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("strength", [1.0, 16.0])
def test_linear_is_ridge_regression(strength, count):
    image, hole = pictures(count), square(32, 2, 28)
    new = pictures(5, seed=9)
    guess = answer(taught(image, hole, weakest=strength), new, hole)
    expected = ridge(image, hole, strength)(new).clip(0, 1)
    assert np.abs(guess.flatten(1)[:, hole[0].expand(3, -1, -1).flatten()].numpy() - expected).max() < 1e-4


@pytest.mark.parametrize("count", [FEW, MANY])
def test_linear_chooses_the_strength_that_is_best_on_the_held_out_twentieth(count):
    image, hole = pictures(count), square(32, 2, 28)
    chosen = taught(image, hole, batch=40, choices=5, weakest=0.05)
    held = torch.arange(count) % 40 % 20 == 19
    missing = hole[0].expand(3, -1, -1).flatten()
    errors = {}
    for power in range(5):
        off = ridge(image[~held], hole, 0.05 * 4**power)(image[held]).clip(0, 1) - image[held].flatten(1)[:, missing].numpy()
        errors[power] = (off[:, ::8] ** 2).mean()
    best = min(errors, key=errors.get)
    expected = ridge(image, hole, 0.05 * 4**best)(image[:4]).clip(0, 1)
    assert np.abs(answer(chosen, image[:4], hole).flatten(1)[:, missing].numpy() - expected).max() < 1e-3


def test_linear_gives_what_is_missing_outside_its_hole_the_training_mean():
    image, hole = pictures(60), square(32, 2, 28)
    method, other = taught(image, hole), square(32, 0, 2)
    guess = answer(method, pictures(2, seed=5), other)
    mean = image.mean(0)
    assert (guess[..., :2, :2] - mean[:, :2, :2]).abs().max() < 1e-5


def test_linear_answers_as_if_the_mean_stood_where_more_is_missing():
    image, hole = pictures(60), square(32, 2, 28)
    method, new, wide = taught(image, hole), pictures(3, seed=5), square(32, 1, 30)
    filled = torch.where(wide, image.mean(0), new)
    guess = answer(method, new, wide)
    expected = ridge(image, hole, 1.0)(filled).clip(0, 1)
    assert np.abs(guess.flatten(1)[:, hole[0].expand(3, -1, -1).flatten()].numpy() - expected).max() < 1e-4


def test_linear_refuses_holes_that_differ():
    method = linear.Linear(32, linear.Linear.small)
    with pytest.raises(Unavailable, match="one fixed hole"):
        method.step(pictures(4), holes("random80", 4))
    method = linear.Linear(32, linear.Linear.small)
    method.step(pictures(4), square(32, 2, 28).expand(4, -1, -1, -1))
    with pytest.raises(Unavailable, match="one fixed hole"):
        method.step(pictures(4), square(32, 3, 28).expand(4, -1, -1, -1))


def test_linear_comes_back_from_its_weights():
    image, hole = pictures(60), square(32, 2, 28)
    method = taught(image, hole)
    again = linear.Linear(32, method.params)
    again.load_state_dict(method.state_dict())
    assert (answer(again, image[:2], hole) == answer(method, image[:2], hole)).all()


# --- semantic-inpainting


def poisson(seen, guess, hole):
    """The discrete Poisson equation by a sparse solver: the guess's differences between neighbours, known pixels around."""
    size, found = hole.shape[-1], seen.copy()
    numbers = np.full((size, size), -1)
    numbers[hole] = np.arange(hole.sum())
    matrix, right = scipy.sparse.lil_matrix((hole.sum(), hole.sum())), np.zeros((hole.sum(), 3))
    for row, column in zip(*np.nonzero(hole), strict=True):
        own = numbers[row, column]
        for beside in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if not (0 <= beside[0] < size and 0 <= beside[1] < size):
                continue
            matrix[own, own] += 1
            right[own] += guess[:, row, column] - guess[:, beside[0], beside[1]]
            if hole[beside]:
                matrix[own, numbers[beside]] -= 1
            else:
                right[own] += seen[:, beside[0], beside[1]]
    found[:, hole] = scipy.sparse.linalg.spsolve(matrix.tocsr(), right).T
    return found.clip(0, 1)


@pytest.mark.parametrize("name", ["center", "half", "random80", "pattern25"])
def test_poisson_blending_is_that_of_a_sparse_solver(name):
    image, guess, hole = pictures(2), pictures(2, seed=7), holes(name, 2)
    seen = image.masked_fill(hole, 0)
    blended = semantic_inpainting.blend(seen, guess, hole)
    for place in range(2):
        expected = poisson(seen[place].double().numpy(), guess[place].double().numpy(), hole[place, 0].numpy())
        assert np.abs(blended[place].numpy() - expected).max() < 1e-4


def test_a_guess_that_is_right_is_blended_into_itself():
    image, hole = pictures(2), holes("center", 2)
    assert (semantic_inpainting.blend(image.masked_fill(hole, 0), image, hole) - image).abs().max() < 1e-5


def test_a_guess_of_another_brightness_is_blended_into_the_picture():
    image, hole = 0.3 + 0.4 * pictures(2), holes("center", 2)
    assert (semantic_inpainting.blend(image.masked_fill(hole, 0), image + 0.2, hole) - image).abs().max() < 1e-5


def test_an_image_without_known_pixels_keeps_its_guess():
    guess, whole = pictures(1), torch.ones(1, 1, 32, 32, dtype=torch.bool)
    assert (semantic_inpainting.blend(torch.zeros_like(guess), guess, whole) == guess).all()


def test_blending_does_not_depend_on_the_rest_of_the_batch():
    image, guess = pictures(3), pictures(3, seed=7)
    hole = torch.cat([holes("center", 1), holes("random80", 1), torch.zeros(1, 1, 32, 32, dtype=torch.bool)])
    together = semantic_inpainting.blend(image.masked_fill(hole, 0), guess, hole)
    for place in range(3):
        one = slice(place, place + 1)
        alone = semantic_inpainting.blend(image[one].masked_fill(hole[one], 0), guess[one], hole[one])
        assert (alone - together[one]).abs().max() < 1e-6
    assert (together[2] == image[2]).all()


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("name", ["center", "random80"])
def test_the_context_weight_is_the_share_of_missing_neighbours(window, name):
    hole = holes(name, 1, 32)
    found = semantic_inpainting.context_weight(hole, window)[0, 0]
    reach = window // 2
    for row in range(32):
        for column in range(32):
            around = hole[0, 0, max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            expected = 0.0 if hole[0, 0, row, column] else around.float().mean().item()
            assert found[row, column].item() == pytest.approx(expected, abs=1e-6)


def test_beside_a_straight_edge_the_context_weight_falls_by_sevenths():
    hole = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    hole[..., 16:48, 16:48] = True
    found = semantic_inpainting.context_weight(hole, 7)[0, 0, 32]
    assert (found[15], found[14], found[13], found[12]) == pytest.approx((21 / 49, 14 / 49, 7 / 49, 0))


def test_the_latent_search_fits_the_known_pixels_better_with_more_steps():
    torch.manual_seed(0)
    method = semantic_inpainting.SemanticInpainting(32, semantic_inpainting.SemanticInpainting.small).eval()
    hole, seed = holes("center", 2), torch.tensor([3, 4])
    with torch.no_grad():
        y = method.generator(torch.rand(2, 8) * 2 - 1)
        weight, errors = semantic_inpainting.context_weight(hole, 7), []
        for steps in (0, 20):
            method.params = semantic_inpainting.SemanticInpaintingParams(latent=8, width=8, latent_steps=steps, latent_lr=0.05)
            errors.append((weight * (method.search(y, hole, seed) - y)).abs().sum((1, 2, 3)))
    assert (errors[1] < 0.8 * errors[0]).all()


def test_the_latent_search_moves_no_weights_and_leaves_them_learnable():
    torch.manual_seed(0)
    method = semantic_inpainting.SemanticInpainting(32, semantic_inpainting.SemanticInpainting.small)
    before = copy.deepcopy(method.state_dict())
    answer(method, pictures(2), holes("center", 2))
    assert all((before[name] == value).all() for name, value in method.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in method.parameters())


def test_the_same_seed_finds_the_same_answer_and_another_another():
    torch.manual_seed(0)
    method = semantic_inpainting.SemanticInpainting(32, semantic_inpainting.SemanticInpainting.small).eval()
    y, hole = pictures(2) * 2 - 1, holes("center", 1).expand(2, -1, -1, -1)
    y[1] = y[0]
    with torch.no_grad():
        same = method.search(y, hole, torch.tensor([5, 5]))
        other = method.search(y, hole, torch.tensor([5, 6]))
    assert (same[0] - same[1]).abs().max() < 1e-6
    assert (other[0] - other[1]).abs().max() > 1e-6


# --- dense-gan: eq. 2 to 5


def test_total_variation_is_the_sum_over_neighbours():
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    total = 0.0
    for image in x:
        for channel in image:
            for row in range(5):
                for column in range(6):
                    if row < 4:
                        total += abs(channel[row + 1, column] - channel[row, column]).item()
                    if column < 5:
                        total += abs(channel[row, column + 1] - channel[row, column]).item()
    assert dense_gan.total_variation(x).item() == pytest.approx(total / 2, rel=1e-12)


def test_a_flat_picture_has_no_total_variation():
    assert dense_gan.total_variation(torch.full((2, 3, 8, 8), 0.3)).item() == 0


def log_sigmoid(logits):
    """log D of each logit, in float64."""
    return [math.log(1 / (1 + math.exp(-logit))) for logit in logits.double().flatten().tolist()]


def mean(numbers):
    return sum(numbers) / len(numbers)


@pytest.fixture(scope="module")
def dense_step():
    """A step of dense-gan with weights that show, and what its two networks said before and after it."""
    torch.manual_seed(0)
    weights = {"reconstruction": 0.9, "adversarial": 0.3, "tv": 1e-4}
    params = dense_gan.DenseGanParams(growth=4, layers=2, stem=8, up=16, critic=8, lr=0.05, **weights)
    method = dense_gan.DenseGan(32, params).train()
    image, hole = pictures(4), holes("center", 4)
    before = copy.deepcopy(method)
    x = image * 2 - 1
    with torch.no_grad():
        guess = before.generator(torch.where(hole, 0.0, x))  # the hole is mid grey
        real, fake = before.discriminator(x), before.discriminator(guess)
    losses = method.step(image, hole)
    with torch.no_grad():
        fake_after = copy.deepcopy(method.discriminator)(guess)
    told = {name: value.item() for name, value in losses.items()}
    return {"told": told, "x": x, "guess": guess, "real": real, "fake": fake, "fake_after": fake_after} | weights


def test_dense_gan_reconstructs_the_whole_image(dense_step):
    off = (dense_step["guess"] - dense_step["x"]).double().numpy()
    assert dense_step["told"]["reconstruction"] == pytest.approx((off**2).sum() / off.size, rel=1e-5)  # eq. 3


def test_the_discriminator_of_dense_gan_tells_real_from_fake(dense_step):
    expected = -mean(log_sigmoid(dense_step["real"])) - mean(log_sigmoid(-dense_step["fake"]))  # log(1 - D) = log D(-logit)
    assert dense_step["told"]["discriminator"] == pytest.approx(expected, rel=1e-5)  # eq. 4


def test_the_generator_of_dense_gan_meets_the_discriminator_that_has_just_learned(dense_step):
    assert dense_step["told"]["adversarial"] == pytest.approx(-mean(log_sigmoid(dense_step["fake_after"])), rel=1e-4)
    assert dense_step["told"]["adversarial"] != pytest.approx(-mean(log_sigmoid(dense_step["fake"])), rel=1e-3)


def test_the_total_variation_of_dense_gan_is_that_of_its_guess(dense_step):
    guess = dense_step["guess"].double().numpy()
    total = np.abs(np.diff(guess, axis=2)).sum() + np.abs(np.diff(guess, axis=3)).sum()
    assert dense_step["told"]["tv"] == pytest.approx(total / len(guess), rel=1e-5)  # eq. 5


def test_the_loss_of_dense_gan_is_their_weighted_sum(dense_step):
    told = dense_step["told"]
    expected = sum(dense_step[name] * told[name] for name in ("reconstruction", "adversarial", "tv"))
    assert told["loss"] == pytest.approx(expected, rel=1e-5)  # eq. 2


def test_the_weights_of_dense_gan_are_the_papers():
    p = dense_gan.DenseGanParams()
    assert (p.reconstruction, p.adversarial, p.tv, p.lr, p.layers) == (0.999, 0.001, 1e-6, 2e-4, 4)
    small = dense_gan.DenseGan(32, dense_gan.DenseGan.small)
    assert small.generator_adam.defaults["betas"] == small.discriminator_adam.defaults["betas"] == (0.5, 0.9)


def test_the_generator_of_dense_gan_does_not_move_its_discriminator():
    torch.manual_seed(0)
    params = dense_gan.DenseGanParams(growth=4, layers=2, stem=8, up=16, critic=8)
    method = dense_gan.DenseGan(32, params).train()
    method.discriminator_adam.param_groups[0]["lr"] = 0.0
    before = copy.deepcopy(list(method.discriminator.parameters()))
    first = copy.deepcopy(list(method.generator.parameters()))
    method.step(pictures(4), holes("center", 4))
    assert all((one == other).all() for one, other in zip(before, method.discriminator.parameters(), strict=True))
    assert any((one != other).any() for one, other in zip(first, method.generator.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in method.parameters())


def test_without_an_adversary_the_discriminator_costs_nothing():
    method = dense(adversarial=0.0)
    before = copy.deepcopy(method.discriminator.state_dict())
    method.discriminator.register_forward_pre_hook(lambda *_: pytest.fail("it was asked"))
    assert set(method.step(pictures(2), holes("center", 2))) == {"loss", "reconstruction", "tv"}
    assert all(value.equal(before[name]) for name, value in method.discriminator.state_dict().items())


@pytest.mark.parametrize(
    ("cls", "options", "told"),
    [
        (dense_gan.DenseGanParams, {"plain": "matched"}, "add dense=false"),
        (
            dense_gan.DenseGanParams,
            {"hole_weight": 5.0, "reconstruction_region": "hole"},
            "reconstruction-region=whole, not hole",
        ),
        (context_encoder.ContextEncoderParams, {"channel_wise": True, "bottleneck": 7}, "leave bottleneck out"),
    ],
)
def test_an_option_that_would_do_nothing_beside_another_is_refused(cls, options, told):
    with pytest.raises(ValueError, match=told):
        cls(**options)


# --- context-encoder


@pytest.mark.parametrize("overlap", [0, 4])
@pytest.mark.parametrize("name", ["center", "half", "random80"])
def test_the_error_of_the_context_encoder_weighs_hole_and_band(overlap, name):
    torch.manual_seed(0)
    params = context_encoder.ContextEncoderParams(bottleneck=16, width=8, overlap=overlap, border=10.0)
    method = context_encoder.ContextEncoder(32, params).train()
    image, hole = pictures(2), holes(name, 2)
    x = image * 2 - 1
    with torch.no_grad():
        filled = torch.where(hole, torch.tensor(context_encoder.FILLS["caffe"]).view(1, 3, 1, 1) * 2 - 1, x)
        guess = copy.deepcopy(method).generator(filled)
    told = method.step(image, hole)["reconstruction"].item()
    total, counted = 0.0, 0
    for place in range(2):
        missing = hole[place, 0].numpy()
        for row in range(32):
            for column in range(32):
                rows, columns = (slice(max(0, at - overlap), at + overlap + 1) for at in (row, column))
                if missing[rows, columns].any():
                    off = (guess[place, :, row, column] - x[place, :, row, column]).double().square().sum().item()
                    total += off * (1.0 if missing[row, column] else 10.0)
                    counted += 3
    assert told == pytest.approx(total / counted, rel=1e-5)


def test_the_loss_of_the_context_encoder_is_its_weighted_sum():
    torch.manual_seed(0)
    method = context_encoder.ContextEncoder(32, context_encoder.ContextEncoder.small).train()
    told = {name: value.item() for name, value in method.step(pictures(2), holes("center", 2)).items()}
    assert told["loss"] == pytest.approx(0.999 * told["reconstruction"] + 0.001 * told["adversarial"], rel=1e-5)


@pytest.mark.parametrize("sees", ["predicted", "completed"])
def test_the_discriminator_of_the_context_encoder_sees_the_context_only_where_it_is_told_to(sees):
    torch.manual_seed(0)
    params = context_encoder.ContextEncoderParams(bottleneck=16, width=8, critic_sees=sees)
    method, shown = context_encoder.ContextEncoder(32, params).train(), []
    method.discriminator.register_forward_pre_hook(lambda _, given: shown.append(given[0].detach().clone()))
    image = pictures(2)
    method.step(image, holes("center", 2))
    around = torch.ones(32, 32, dtype=torch.bool)
    around[4:28, 4:28] = False
    x = image * 2 - 1
    assert len(shown) == 2
    for given in shown:
        assert given[..., around].equal(x[..., around] if sees == "completed" else torch.zeros_like(x[..., around]))
    assert shown[0][..., ~around].equal(x[..., ~around])
    assert not shown[1][..., ~around].equal(x[..., ~around])


def test_the_context_encoder_learns_as_its_authors_did():
    p = context_encoder.ContextEncoderParams()
    assert (p.bottleneck, p.overlap, p.border, p.reconstruction) == (4000, 4, 10.0, 0.999)
    assert (p.lr_generator, p.lr_discriminator) == (2e-3, 2e-4)


def test_the_gradient_of_the_context_encoder_is_that_of_its_loss():
    torch.manual_seed(0)
    params = context_encoder.ContextEncoderParams(bottleneck=16, width=8, reconstruction=0.6, lr_discriminator=0.0)
    method = context_encoder.ContextEncoder(32, params).train()
    image, hole = pictures(4), holes("center", 4)
    plain = copy.deepcopy(method)
    method.step(image, hole)

    x = image * 2 - 1
    guess = plain.generator(torch.where(hole, plain.fill, x))
    wide = torch.zeros_like(hole)
    wide[..., 4:28, 4:28] = True  # the hole is 8..23, the band four pixels around it
    weight = torch.where(hole, 1.0, 10.0) * wide
    rec = (weight * (guess - x).square()).sum() / (3 * wide.sum())
    adv = -torch.nn.functional.logsigmoid(plain.discriminator(guess * wide)).mean()
    (0.6 * rec + 0.4 * adv).backward()
    for one, other in zip(method.generator.parameters(), plain.generator.parameters(), strict=True):
        assert (one.grad - other.grad).abs().max() <= 1e-4 * other.grad.abs().max() + 1e-7


# --- autoencoder


def test_the_autoencoder_learns_the_whole_image():
    torch.manual_seed(0)
    method = autoencoder.Autoencoder(32, autoencoder.Autoencoder.small).train()
    image, hole = pictures(4), holes("center", 4)
    x = image * 2 - 1
    with torch.no_grad():
        guess = copy.deepcopy(method).net(torch.where(hole, 0.0, x))
    assert method.step(image, hole)["loss"].item() == pytest.approx((guess - x).double().square().mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    "cls",
    [autoencoder.Autoencoder, context_encoder.ContextEncoder, dense_gan.DenseGan],
    ids=lambda cls: cls.name,
)
def test_a_network_that_learns_comes_closer(cls):
    torch.manual_seed(0)
    method, image, hole = cls(32, cls.small).train(), pictures(8), holes("center", 8)
    names = ("reconstruction", "loss")
    told = []
    for _ in range(20):
        losses = method.step(image, hole)
        told.append(next(losses[name] for name in names if name in losses).item())
    assert mean(told[-5:]) < 0.95 * mean(told[:5])


def test_the_autoencoder_can_learn_the_hole_alone():
    torch.manual_seed(0)
    method = autoencoder.Autoencoder(32, autoencoder.AutoencoderParams(bottleneck=16, width=8, region="hole")).train()
    image, hole = pictures(4), holes("half", 4)
    x = image * 2 - 1
    with torch.no_grad():
        guess = copy.deepcopy(method).net(torch.where(hole, 0.0, x))
    missing = hole.expand(-1, 3, -1, -1)
    assert method.step(image, hole)["loss"].item() == pytest.approx(
        (guess - x)[missing].double().square().mean().item(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("cls", "optimizer"),
    [(autoencoder.Autoencoder, "adam"), (dense_gan.DenseGan, "generator_adam"), (dense_gan.DenseGan, "discriminator_adam")],
)
def test_the_learning_rate_stays_or_falls_along_a_cosine(cls, optimizer):
    found = {}
    for schedule in ("constant", "cosine"):
        method = cls(32, dataclasses.replace(cls.small, schedule=schedule)).train()
        found[schedule] = []
        for progress in (0.0, 0.5, 0.75):
            method.progress = progress
            method.step(pictures(2), holes("center", 2))
            found[schedule].append(getattr(method, optimizer).param_groups[0]["lr"])
    assert found["constant"] == [2e-4] * 3
    assert found["cosine"] == pytest.approx([2e-4, 1e-4, 2e-4 * (1 - math.sqrt(0.5)) / 2])


def test_the_hole_can_be_a_fourth_channel_of_the_autoencoder():
    method = autoencoder.Autoencoder(32, autoencoder.AutoencoderParams(bottleneck=16, width=8, mask_channel=True)).eval()
    image, hole = pictures(2), holes("center", 2)
    assert method.net[0].in_channels == 4
    grey = image.masked_fill(hole, 0.5)  # the colour of the hole, so the fourth channel alone tells them apart
    other = torch.zeros_like(hole)
    seed = torch.zeros(2, dtype=torch.int64)
    assert not torch.equal(method.inpaint(grey, hole, seed), method.inpaint(grey, other, seed))


# --- dense-gan: every open choice


def dense(**options):
    torch.manual_seed(0)
    return dense_gan.DenseGan(32, dense_gan.DenseGanParams(growth=4, layers=2, stem=8, up=16, critic=8, **options)).train()


@pytest.mark.parametrize("reduction", ["mean", "sum", "norm"])
@pytest.mark.parametrize("region", ["whole", "hole", "known"])
def test_dense_gan_reconstructs_the_region_it_is_told(region, reduction):
    guess, x, hole = torch.randn(3, 3, 32, 32), torch.randn(3, 3, 32, 32), holes("half", 3)
    found = dense(reconstruction_region=region, reduction=reduction).reconstruction(guess, x, hole).item()
    taken = {"whole": np.ones((3, 1, 32, 32), bool), "hole": hole.numpy(), "known": ~hole.numpy()}[region]
    squares = [((g - y) ** 2)[np.broadcast_to(t, g.shape)] for g, y, t in zip(guess.numpy(), x.numpy(), taken, strict=True)]
    expected = {
        "mean": np.concatenate(squares).mean(),
        "sum": np.mean([one.sum() for one in squares]),
        "norm": np.mean([math.sqrt(one.sum()) for one in squares]),
    }[reduction]
    assert found == pytest.approx(expected, rel=1e-5)


def test_dense_gan_can_weigh_the_hole_more():
    guess, x, hole = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32), holes("center", 2)
    squares, weight = ((guess - x) ** 2).double(), torch.where(hole, 10.0, 1.0).double()
    expected = (squares * weight).sum() / (3 * weight.sum())
    assert dense(hole_weight=10).reconstruction(guess, x, hole).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_literal_eq_3_has_no_gradient_in_the_hole():
    guess, x, hole = torch.randn(2, 3, 32, 32, requires_grad=True), torch.randn(2, 3, 32, 32), holes("center", 2)
    dense(reconstruction_region="known").reconstruction(guess, x, hole).backward()
    assert (guess.grad[hole.expand(-1, 3, -1, -1)] == 0).all()
    assert (guess.grad[~hole.expand(-1, 3, -1, -1)] != 0).any()


def test_the_literal_eq_4_is_the_discriminators_objective():
    method = dense(adversarial_form="eq4", lr=0.0)
    image, hole = pictures(4), holes("center", 4)
    before = copy.deepcopy(method)
    told = method.step(image, hole)
    with torch.no_grad():
        x = image * 2 - 1
        real, fake = before.discriminator(x), before.discriminator(before.guess(x, hole))
    assert told["adversarial"].item() == pytest.approx(mean(log_sigmoid(real)) + mean(log_sigmoid(-fake)), rel=1e-4)
    assert told["adversarial"].item() == pytest.approx(-told["discriminator"].item(), rel=1e-4)


@pytest.mark.parametrize(("fill", "colour"), [("grey", 0.0), ("black", -1.0), ("mean", None)])
def test_the_hole_is_filled_with_the_colour_it_is_told(fill, colour):
    method = dense(fill=fill)
    image, hole = pictures(3) * 2 - 1, holes("half", 3)
    entered = []
    method.generator.register_forward_pre_hook(lambda net, given: entered.append(given[0]))
    method.guess(image, hole)
    for place in range(3):
        missing = hole[place].expand(3, -1, -1)
        for channel in range(3):
            known = image[place, channel][~hole[place, 0]]
            expected = known.mean() if colour is None else colour
            assert (entered[0][place, channel][hole[place, 0]] - expected).abs().max() < 1e-5
        assert (entered[0][place][~missing] == image[place][~missing]).all()


def test_the_critic_can_be_shown_the_completed_picture():
    method = dense(critic_sees="completed")
    image, hole = pictures(2), holes("center", 2)
    shown = []
    method.discriminator.register_forward_pre_hook(lambda net, given: shown.append(given[0].detach().clone()))
    method.step(image, hole)
    known = ~hole.expand(-1, 3, -1, -1)
    assert all((fake[known] == (image * 2 - 1)[known]).all() for fake in shown)


@pytest.mark.parametrize(
    "options",
    [
        {"dense": False},
        {"dense": False, "plain": "matched"},
        {"skips": "after"},
        {"skips": "off"},
        {"pool": "max"},
        {"bottleneck": "fc"},
        {"fill": "mean", "mask_channel": True},
        {"output": "linear"},
        {"first_bn": False, "head": "softmax"},
        {"init": "torch"},
        {"reconstruction_region": "hole", "reduction": "norm"},
        {"adversarial_form": "eq4", "critic_sees": "completed"},
    ],
    ids=lambda options: ",".join(f"{name}={value}" for name, value in options.items()),
)
def test_every_reading_of_dense_gan_learns_and_answers_any_hole(options):
    method, image, hole = dense(**options), pictures(8), holes("center", 8)
    told = [method.step(image, hole)["reconstruction"].item() for _ in range(20)]
    assert mean(told[-5:]) < mean(told[:5])
    for name in ("center", "random80"):
        guess = answer(method, image[:2], holes(name, 2))
        assert guess.isfinite().all()
        assert 0 <= guess.min() <= guess.max() <= 1


# --- context-encoder and semantic-inpainting: more choices


def test_a_channel_wise_layer_joins_every_place_of_a_channel_with_every_other_and_no_other_channel():
    torch.manual_seed(0)
    layer = context_encoder.ChannelWise(3)
    assert layer.weight.numel() == 3 * 16 * 16
    x = torch.randn(1, 3, 4, 4, requires_grad=True)
    layer(x)[0, 1, 2, 3].backward()
    assert (x.grad[0, 1] != 0).all()
    assert (x.grad[0, [0, 2]] == 0).all()


def test_the_context_encoder_works_with_a_channel_wise_layer_in_place_of_its_bottleneck():
    torch.manual_seed(0)
    params = context_encoder.ContextEncoderParams(channel_wise=True, width=8, fill="grey")
    method, image, hole = context_encoder.ContextEncoder(32, params).train(), pictures(8), holes("center", 8)
    told = [method.step(image, hole)["reconstruction"].item() for _ in range(20)]
    assert mean(told[-5:]) < 0.95 * mean(told[:5])


def test_the_small_context_encoder_has_the_parameters_of_its_layer_table():
    p = context_encoder.ContextEncoderParams(bottleneck=512)
    assert millions(context_encoder.generator, 64, p) == pytest.approx(13.9, rel=0.005)


def test_the_latent_search_tells_both_its_losses_of_each_image():
    torch.manual_seed(0)
    method = semantic_inpainting.SemanticInpainting(32, semantic_inpainting.SemanticInpainting.small)
    answer(method, pictures(3), holes("center", 3))
    assert set(method.logged) == {"context", "prior"}
    assert all(values.shape == (3,) and values.isfinite().all() for values in method.logged.values())
    assert (method.logged["prior"] <= 0).all()  # lambda log(1 - D)


@pytest.mark.parametrize(
    "cls",
    [autoencoder.Autoencoder, context_encoder.ContextEncoder, dense_gan.DenseGan],
    ids=lambda cls: cls.name,
)
def test_a_network_learns_eight_pictures_by_heart(cls):
    torch.manual_seed(0)
    method, image, hole = cls(32, cls.small).train(), pictures(8), holes("center", 8)
    missing = hole.expand(-1, 3, -1, -1)
    start = (answer(method, image, hole) - image)[missing].square().mean().item()
    method.train()
    for _ in range(400):
        method.step(image, hole)
    assert (answer(method, image, hole) - image)[missing].square().mean().item() < 0.2 * start


def test_the_losses_of_the_latent_search_are_those_of_the_paper():
    torch.manual_seed(0)
    params = semantic_inpainting.SemanticInpaintingParams(latent=8, width=8, latent_steps=1, prior=0.5)
    method = semantic_inpainting.SemanticInpainting(32, params)
    image, hole = pictures(3), holes("half", 3)
    answer(method, image, hole)
    with torch.no_grad():
        z = uniform(torch.arange(3), 8) * 2 - 1
        picture = method.generator(z)
        real = method.discriminator(picture).flatten().double().sigmoid()
    off = (picture - (image.masked_fill(hole, 0) * 2 - 1)).abs().double()
    for place in range(3):
        context = 0.0
        for row in range(32):
            for column in range(32):
                if not hole[place, 0, row, column]:
                    window = hole[place, 0, max(0, row - 3) : row + 4, max(0, column - 3) : column + 4].double()
                    context += (window.mean() * off[place, :, row, column].sum()).item()  # eq. 3 and 4
        assert method.logged["context"][place].item() == pytest.approx(context, rel=1e-5)
        assert method.logged["prior"][place].item() == pytest.approx(0.5 * math.log(1 - real[place].item()), rel=1e-5)  # eq. 5
