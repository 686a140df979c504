"""contextual-attention: the sizes of its layer table, and each formula against a plain loop over the same formula."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from inbench_methods import contextual_attention
from inbench_methods.contextual_attention import Attention, ContextualAttention, ContextualAttentionParams

from inbench.acts import scoring
from inbench.joints import masks
from inbench.joints.device import autocast_forwards

SMALL = ContextualAttention.small
OPTIONS = [
    {},
    {"dilation": "paper"},
    {"fill": "grey"},
    {"init": "torch"},
    {"rate": 1},
    {"cosine": "background"},
    {"patch": 5},
    {"propagation": 1},
    {"spare": False},
    {"critic_steps": 2},
    {"gamma": 1.0},
]


def pictures(count, size=32, seed=0):
    """Smooth pictures with a little noise: [N, 3, S, S] in [0, 1]."""
    chance = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) / size
    waves = chance.uniform(-4, 4, (count, 3, 3, 1, 1))
    field = np.sin(waves[:, :, 0] * rows + waves[:, :, 1] * columns + waves[:, :, 2])
    field = 0.5 + 0.4 * field + chance.normal(0, 0.02, field.shape)
    return torch.from_numpy(field.clip(0, 1).astype(np.float32))


def drawn(name, count, size):
    cls = {cls.name: cls for cls in masks.inbench_masks()}[name]
    mask = cls(cls.settle(cls.Params(), size))
    return torch.from_numpy(mask.draw([str(number) for number in range(count)], size))


def square(size, top, left, height, width):
    hole = torch.zeros(1, 1, size, size, dtype=torch.bool)
    hole[..., top : top + height, left : left + width] = True
    return hole


def all_kinds(size):
    """Six holes: nothing, everything, one pixel, strokes, noise, a square: [6, 1, S, S]."""
    half = size // 2
    some = [square(size, 0, 0, 0, 0), square(size, 0, 0, size, size), square(size, 0, size - 1, 1, 1)]
    return torch.cat(
        [*some, drawn("thick", 1, size), drawn("random80", 1, size), square(size, half // 2, half // 2, half, half)]
    )


def small(size=32, **options):
    torch.manual_seed(0)
    return ContextualAttention(size, dataclasses.replace(SMALL, **options)).train()


def answer(method, image, hole):
    method.eval()
    with torch.no_grad():
        return method.inpaint(image.masked_fill(hole, 0), hole, torch.arange(len(image)))


# --- sizes: (channels in, channels out, kernel, side of what comes out) at 64, from the paper's appendix

ENCODER = [(4, 32, 5, 64), (32, 64, 3, 32), (64, 64, 3, 32), (64, 128, 3, 16), (128, 128, 3, 16), (128, 128, 3, 16)]
MIDDLE = [(128, 128, 3, 16)] * 4
DECODER = [(128, 128, 3, 16), (128, 64, 3, 32), (64, 64, 3, 32), (64, 32, 3, 64), (32, 16, 3, 64), (16, 3, 3, 64)]
TABLES = {
    "coarse": [*ENCODER, *MIDDLE, (128, 128, 3, 16), *DECODER],
    "refinement": [*ENCODER, *MIDDLE, *ENCODER, *MIDDLE[:2], (256, 128, 3, 16), *DECODER],
    "global_critic": [(3, 64, 5, 32), (64, 128, 5, 16), (128, 256, 5, 8), (256, 256, 5, 4), (256 * 4 * 4, 1, 1, 1)],
    "local_critic": [(3, 64, 5, 16), (64, 128, 5, 8), (128, 256, 5, 4), (256, 512, 5, 2), (512 * 2 * 2, 1, 1, 1)],
}
PARAMETERS = {"coarse": 1_447_427, "refinement": 2_317_731, "global_critic": 2_672_001, "local_critic": 4_308_609}
ATTENTION = 64 * 64 * (9 * 128 + 16 * 128)
"""Multiply-adds of the layer: 64 places look at 64 patches of 3x3, and mix 64 of 4x4."""


@pytest.fixture(scope="module")
def whole():
    return ContextualAttention(64, ContextualAttentionParams()).eval()


@pytest.mark.parametrize("name", TABLES)
def test_each_network_has_the_parameters_of_its_layer_table(whole, name):
    by_hand = sum(before * after * kernel**2 + after for before, after, kernel, _ in TABLES[name])
    assert sum(parameter.numel() for parameter in getattr(whole, name).parameters()) == by_hand == PARAMETERS[name]


@pytest.mark.parametrize("name", TABLES)
def test_each_network_has_the_multiply_adds_of_its_layer_table(whole, name):
    by_hand = sum(before * after * kernel**2 * side**2 for before, after, kernel, side in TABLES[name])
    channels, side = (4, 64) if name in ("coarse", "refinement") else (3, 64 if name == "global_critic" else 32)
    told = [torch.zeros(1, channels, side, side)]
    if name == "refinement":
        by_hand += ATTENTION
        told.append(square(64, 16, 16, 32, 32))
    with torch.no_grad(), scoring.Operations() as operations:
        getattr(whole, name)(*told)
    assert operations.total == 2 * by_hand


def test_two_stages_without_attention_have_the_parameters_that_the_paper_counts():
    assert 2 * PARAMETERS["coarse"] / 1e6 == pytest.approx(2.9, abs=0.05)  # the paper says 2.9 M


def test_the_dilations_are_the_papers_at_256_and_reach_as_far_at_other_sizes():
    found = {size: contextual_attention.dilations(size, "scaled") for size in ContextualAttention.sizes}
    assert found == {32: [1, 1, 1, 2], 64: [1, 1, 2, 4], 128: [1, 2, 4, 8], 256: [2, 4, 8, 16]}
    assert contextual_attention.dilations(256, "paper") == contextual_attention.dilations(128, "paper") == [2, 4, 8, 16]
    assert contextual_attention.dilations(64, "paper") == [2, 4, 8, 15]


def test_both_stages_are_clipped_to_the_range_of_pictures(whole):
    with torch.no_grad():
        for stage in whole.guess(20 * torch.randn(1, 3, 64, 64), square(64, 16, 16, 32, 32)):
            assert stage.shape == (1, 3, 64, 64)
            assert stage.abs().max() == 1


def test_signals_come_through_from_the_start(whole):
    with torch.no_grad():
        x = whole.coarse[:-1](torch.rand(2, 4, 64, 64) * 2 - 1)
    assert 0.05 < x.std() < 2


# --- the attention layer


def plain_attention(x, hole, p):
    """Section 4.1 for one image, patch by patch, in float64: numpy [C, s, s] and bool [S, S] -> [C, s, s]."""
    rate, reach, rows = p.rate, p.patch // 2, x.shape[-1] // p.rate
    places = [(row, column) for row in range(rows) for column in range(rows)]
    seen = np.pad(x[:, ::rate, ::rate], ((0, 0), (reach, reach), (reach, reach)), mode="reflect")
    patches = {(r, c): seen[:, r : r + p.patch, c : c + p.patch].flatten() for r, c in places}
    length = {place: np.linalg.norm(patch) if p.cosine == "both" else 1.0 for place, patch in patches.items()}
    match = {(b, f): patches[b] @ patches[f] / np.linalg.norm(patches[b]) / length[f] for b in places for f in places}
    for down, right in ((0, 1), (1, 0)):
        before, near = match, range(-(p.propagation // 2), p.propagation // 2 + 1)
        match = {
            (b, f): sum(
                before.get(((b[0] + i * down, b[1] + i * right), (f[0] + i * down, f[1] + i * right)), 0.0) for i in near
            )
            for b, f in before
        }
    block = hole.shape[-1] // rows
    missing = {(r, c): hole[r * block : (r + 1) * block, c * block : (c + 1) * block].any() for r, c in places}
    touch = {}
    for r, c in places:
        around = [
            missing[i, j] for i in range(r - reach, r + reach + 1) for j in range(c - reach, c + reach + 1) if (i, j) in missing
        ]
        touch[r, c] = sum(around) / len(around)
    least = min(touch.values())
    background = [place for place in places if touch[place] < least + 1e-9]
    raw = np.pad(x, ((0, 0), (rate // 2, rate - rate // 2), (rate // 2, rate - rate // 2)), mode="reflect")
    pasted, count = np.zeros_like(raw), np.zeros_like(raw)
    for f in places:
        weights = np.exp([p.scale * (match[b, f] - max(match[b, f] for b in background)) for b in background])
        here = (slice(None), slice(f[0] * rate, (f[0] + 2) * rate), slice(f[1] * rate, (f[1] + 2) * rate))
        for b, weight in zip(background, weights / weights.sum(), strict=True):
            pasted[here] += weight * raw[:, b[0] * rate : (b[0] + 2) * rate, b[1] * rate : (b[1] + 2) * rate]
        count[here] += 1
    first, last = rate // 2, rate // 2 + x.shape[-1]
    return (pasted / count)[:, first:last, first:last]


@pytest.mark.parametrize(
    "options", [{}, {"rate": 1}, {"cosine": "background", "scale": 0.5}, {"propagation": 1}, {"patch": 1}, {"propagation": 5}]
)
def test_the_layer_is_that_of_a_plain_loop_for_each_image_and_its_own_hole(options):
    p = dataclasses.replace(SMALL, **options)
    torch.manual_seed(0)
    x, hole = torch.randn(3, 5, 12, 12), torch.cat([square(48, 0, 0, 9, 30), square(48, 20, 20, 1, 1), drawn("half", 1, 48)])
    found = Attention(p)(x, hole)
    for place in range(3):
        expected = plain_attention(x[place].double().numpy(), hole[place, 0].numpy(), p)
        assert np.abs(found[place].numpy() - expected).max() < 1e-4


@pytest.mark.parametrize("rate", [1, 2])
def test_a_hole_in_a_repeated_texture_gets_the_texture_back(rate):
    torch.manual_seed(0)
    texture = torch.rand(1, 8, 4, 4).repeat(1, 1, 8, 8)  # [1, 8, 32, 32] from one 4x4 pattern
    hole = square(128, 48, 40, 32, 40)
    guess = texture + 0.1 * torch.randn(1, 8, 32, 32) * F.max_pool2d(hole.float(), 4)  # nearly right, as from a coarse net
    found = Attention(dataclasses.replace(SMALL, rate=rate, scale=300.0))(guess, hole)
    assert (guess - texture).abs().max() > 0.2
    assert (found - texture).abs().max() < 1e-5


@pytest.mark.parametrize("hole", [square(64, 16, 16, 32, 32), square(64, 7, 30, 10, 2), square(64, 0, 0, 1, 1)])
def test_patches_that_touch_the_hole_are_never_used(hole):
    x = torch.randn(1, 4, 16, 16)
    attention = Attention(SMALL).attend(x, hole)[0]  # [64 patches, 64 places]
    for row in range(8):
        for column in range(8):
            around = hole[..., max(0, 8 * row - 8) : 8 * row + 16, max(0, 8 * column - 8) : 8 * column + 16]
            if around.any():
                assert (attention[8 * row + column] == 0).all()
            else:
                assert (attention[8 * row + column] > 0).any()
    assert attention.sum(0) == pytest.approx(torch.ones(64), abs=1e-5)


def test_what_is_in_the_hole_changes_nothing_that_is_pasted():
    hole, layer = square(64, 16, 16, 32, 32), Attention(SMALL)
    x = torch.randn(1, 4, 16, 16)
    attention = layer.attend(x, hole)
    other = torch.where(F.max_pool2d(hole.float(), 4) > 0, 100.0, x)
    assert (layer.paste(x, attention) - layer.paste(other, attention)).abs().max() == 0


def test_without_background_the_patches_that_touch_the_hole_least_are_used():
    x, hole = torch.randn(3, 4, 8, 8), torch.cat([square(32, 8, 8, 16, 16), square(32, 0, 0, 32, 32), square(32, 0, 0, 25, 32)])
    attention = Attention(SMALL).attend(x, hole)
    used = (attention > 0).any(2)
    assert used[0].nonzero().flatten().tolist() == [0, 3, 12, 15]  # the corners see one missing place of four
    assert used[1].all()
    assert attention.sum(1) == pytest.approx(torch.ones(3, 16), abs=1e-5)
    assert (Attention(dataclasses.replace(SMALL, spare=False))(x, hole) == 0).all()


def test_the_layer_lets_gradients_through_for_any_hole():
    x = torch.randn(6, 4, 16, 16)
    x[0] = 0  # as a ReLU may leave it
    x.requires_grad_()
    Attention(SMALL)(x, all_kinds(64)).square().sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad[1:].flatten(1).abs().amax(1) > 0).all()


def test_the_layer_works_in_float32_under_autocast():
    x, hole = torch.randn(2, 4, 16, 16), square(64, 16, 16, 32, 32).expand(2, -1, -1, -1)
    with torch.autocast("cpu", torch.bfloat16):
        found = Attention(SMALL)(x.bfloat16(), hole)
    assert found.dtype == torch.float32
    assert (found == Attention(SMALL)(x.bfloat16().float(), hole)).all()


# --- the discount, the local critic's square


@pytest.mark.parametrize("gamma", [0.9, 0.5])
def test_the_discount_is_that_of_a_naive_loop(gamma):
    hole = all_kinds(32)
    found = contextual_attention.discount(hole, gamma)
    for place in range(6):
        missing = hole[place, 0].numpy()
        known = np.argwhere(~missing)
        for row in range(32):
            for column in range(32):
                steps = np.abs(known - (row, column)).sum(1).min() if len(known) else 0
                assert found[place, 0, row, column].item() == pytest.approx(gamma**steps, rel=1e-4)


def test_the_discount_falls_as_far_across_a_hole_at_every_size():
    middle = [
        contextual_attention.discount(square(s, s // 4, s // 4, s // 2, s // 2), 0.9 ** (256 / s))[0, 0, s // 2, s // 2]
        for s in (64, 256)
    ]
    assert middle[0].item() == pytest.approx(0.9**64, rel=1e-3)
    assert middle[1].item() == pytest.approx(0.9**64, rel=1e-3)


@pytest.mark.parametrize(
    ("hole", "at"),
    [
        (square(64, 16, 16, 32, 32), (16, 16)),  # its own square
        (square(64, 20, 4, 8, 40), (8, 8)),  # around the middle of its bounding box
        (square(64, 0, 63, 1, 1), (0, 32)),  # moved inside
        (square(64, 0, 32, 64, 32), (16, 32)),  # the middle of what is too long
        (square(64, 0, 0, 64, 64), (16, 16)),
        (square(64, 0, 0, 0, 0), (16, 16)),  # nothing missing: the middle
        (square(64, 10, 12, 1, 1) | square(64, 29, 40, 1, 1), (4, 10)),
    ],
)
def test_the_local_critic_looks_at_the_square_around_the_hole(hole, at):
    assert tuple(first.item() for first in contextual_attention.corner(hole, 32)) == at


def test_each_image_of_a_batch_is_cut_at_its_own_square_and_lets_gradients_through():
    x = torch.randn(3, 2, 8, 8, requires_grad=True)
    at = (torch.tensor([0, 4, 2]), torch.tensor([1, 4, 0]))
    found = contextual_attention.cut(x, at, 4)
    for place, (row, column) in enumerate(zip(*(first.tolist() for first in at), strict=True)):
        assert (found[place] == x[place, :, row : row + 4, column : column + 4]).all()
    found.sum().backward()
    assert x.grad.sum((1, 2, 3)).tolist() == [32, 32, 32]


# --- training


def test_the_gradient_penalty_is_that_of_a_naive_loop():
    torch.manual_seed(0)
    critic = contextual_attention.critic_net(32, (4, 8, 8, 8))
    real, fake, hole = torch.rand(6, 3, 32, 32) * 2 - 1, torch.rand(6, 3, 32, 32) * 2 - 1, all_kinds(32)
    torch.manual_seed(5)
    found = contextual_attention.gradient_penalty(critic, real, fake, hole)
    torch.manual_seed(5)
    t = torch.rand(6, 1, 1, 1).double()
    exact, total = copy.deepcopy(critic).double(), 0.0
    for place in range(6):
        between = t[place] * real[place].double() + (1 - t[place]) * fake[place].double()
        between.requires_grad_()
        exact(between[None]).backward()
        length = math.sqrt(sum(value**2 for value in between.grad[hole[place].expand(3, -1, -1)].tolist()))
        total += (length - 1) ** 2 / 6
    assert found.item() == pytest.approx(total, abs=1e-5)


def test_mirror_padding_put_together_is_torchs_own():
    x = torch.rand(2, 3, 6, 7)
    for before, after in ((0, 0), (1, 1), (2, 3), (5, 4)):
        made = contextual_attention.put_together(contextual_attention.put_together(x, before, after, 2), before, after, 3)
        assert torch.equal(made, F.pad(x, [before, after] * 2, mode="reflect"))
        assert torch.equal(made, contextual_attention.mirrored(x, before, after))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_gradient_of_the_penalty_is_that_of_small_differences(precision):
    method = small()
    autocast_forwards(method, "cpu", precision)
    real, fake, hole = pictures(4) * 2 - 1, pictures(4, seed=1) * 2 - 1, drawn("center", 4, 32)

    def penalty(critic, kind=torch.float32):
        torch.manual_seed(5)
        return contextual_attention.gradient_penalty(critic, real.to(kind), fake.to(kind), hole)

    penalty(method.global_critic).backward()
    plain = small().double().global_critic
    weight, mine, step = plain[2].weight, method.global_critic[2].weight.grad, 1e-4
    direction = mine.double() / mine.norm()
    slopes = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
        slopes.append(penalty(plain, torch.float64).item())
        with torch.no_grad():
            weight -= sign * step * direction
    assert mine.dtype == torch.float32
    assert mine.norm().item() == pytest.approx(
        (slopes[0] - slopes[1]) / (2 * step), rel=1e-3 if precision == "float32" else 0.05
    )


@pytest.fixture(scope="module")
def stepped():
    """A step with weights that show, and what the networks said before and after it."""
    weights = {"coarse": 1.5, "reconstruction": 0.7, "known": 0.4, "adversarial": 0.3, "penalty": 2.0}
    method = small(lr=0.01, **weights)
    before = copy.deepcopy(method)
    image, hole = pictures(4), drawn("thick", 4, 32)
    told = {name: value.item() for name, value in method.step(image, hole).items()}
    x = image * 2 - 1
    with torch.no_grad():
        coarse, fine = before.guess(x, hole)
    return {"before": before, "after": method, "told": told, "x": x, "hole": hole, "first": coarse, "second": fine} | weights


def test_the_errors_of_both_stages_are_discounted_in_the_hole_and_plain_outside(stepped):
    missing = stepped["hole"].expand(-1, 3, -1, -1)
    discount = contextual_attention.discount(stepped["hole"], 0.99**8).expand(-1, 3, -1, -1).double()
    rec = known = 0.0
    for stage, weight in (("first", 1.5), ("second", 1.0)):
        off = (stepped[stage] - stepped["x"]).abs().double()
        rec += weight * (discount * off)[missing].mean().item()
        known += weight * off[~missing].mean().item()
    assert stepped["told"]["reconstruction"] == pytest.approx(rec, rel=1e-4)
    assert stepped["told"]["known"] == pytest.approx(known, rel=1e-4)


def test_the_critics_tell_real_from_completed(stepped):
    before, x, hole = stepped["before"], stepped["x"], stepped["hole"]
    completed = torch.where(hole, stepped["second"], x)
    rows, columns = contextual_attention.corner(hole, 16)
    with torch.no_grad():
        expected = before.global_critic(x).mean() - before.global_critic(completed).mean()
        for place in range(4):
            here = (
                slice(place, place + 1),
                slice(None),
                slice(rows[place], rows[place] + 16),
                slice(columns[place], columns[place] + 16),
            )
            expected += (before.local_critic(x[here]) - before.local_critic(completed[here])).mean() / 4
    assert stepped["told"]["distance"] == pytest.approx(expected.item(), abs=1e-5)


def test_the_generator_meets_the_critics_that_have_just_learned(stepped):
    after, completed = stepped["after"], torch.where(stepped["hole"], stepped["second"], stepped["x"])
    with torch.no_grad():
        whole, part = after.views(completed, stepped["hole"])
        expected = -after.global_critic(whole).mean() - after.local_critic(part).mean()
    assert stepped["told"]["adversarial"] == pytest.approx(expected.item(), abs=1e-5)


def test_the_loss_is_the_weighted_sum(stepped):
    expected = sum(stepped[name] * stepped["told"][name] for name in ("reconstruction", "known", "adversarial"))
    assert stepped["told"]["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_generator_does_not_move_the_critics_nor_they_the_generator():
    for still, moving in (("critic_adam", "generator_adam"), ("generator_adam", "critic_adam")):
        method = small()
        getattr(method, still).param_groups[0]["lr"] = 0.0
        before = {name: copy.deepcopy(getattr(method, name).param_groups[0]["params"]) for name in (still, moving)}
        method.step(pictures(2), drawn("center", 2, 32))
        moved = {
            name: any(
                (one != two).any()
                for one, two in zip(before[name], getattr(method, name).param_groups[0]["params"], strict=True)
            )
            for name in before
        }
        assert moved == {still: False, moving: True}
        assert all(parameter.requires_grad for parameter in method.parameters())


def test_the_critics_take_as_many_steps_as_told():
    method, steps = small(critic_steps=3), []
    method.critic_adam.register_step_post_hook(lambda *_: steps.append("critics"))
    method.generator_adam.register_step_post_hook(lambda *_: steps.append("generator"))
    method.step(pictures(2), drawn("center", 2, 32))
    assert steps == ["critics"] * 3 + ["generator"]


def test_the_settings_are_the_released_ones():
    p, method = ContextualAttentionParams(), small()
    assert (p.coarse, p.reconstruction, p.known, p.adversarial, p.penalty, p.gamma, p.lr) == (
        1.2,
        1.2,
        1.2,
        0.001,
        10,
        0.99,
        1e-4,
    )
    assert method.generator_adam.defaults["betas"] == method.critic_adam.defaults["betas"] == (0.5, 0.9)


def test_it_learns_eight_pictures_by_heart():
    method, image, hole = small(lr=1e-3), pictures(8), drawn("center", 8, 32)
    torch.manual_seed(1)
    told = [sum(method.step(image, hole)[name].item() for name in ("reconstruction", "known")) for _ in range(100)]
    assert sum(told[-5:]) < 0.5 * sum(told[:5])


def test_twenty_steps_in_bfloat16_stay_numbers():
    method, image, hole = small(64, lr=1e-3), pictures(6, 64), all_kinds(64)
    autocast_forwards(method, "cpu", "bf16")
    for _ in range(20):
        losses = method.step(image, hole)
        assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    assert all(parameter.isfinite().all() for parameter in method.parameters())
    assert all(parameter.grad.dtype == torch.float32 for parameter in method.parameters())


# --- answers


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, *options.items())) if options else "default")
def test_any_hole_gets_a_finite_step_and_a_picture_under_every_option(options):
    method, image, hole = small(**options), pictures(6), all_kinds(32)
    assert all(loss.isfinite() for loss in method.step(image, hole).values())
    assert all(parameter.grad.isfinite().all() for parameter in method.parameters())
    guess = answer(method, image, hole)
    assert guess.shape == image.shape
    assert guess.min() >= 0
    assert guess.max() <= 1


@pytest.mark.parametrize("size", [32, 64])
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(size):
    method, image, hole = small(size, scale=100.0), pictures(6, size), all_kinds(size)
    method.step(image, hole)
    together = answer(method, image, hole)
    for place in range(6):
        one = slice(place, place + 1)
        assert (answer(method, image[one], hole[one]) - together[one]).abs().max() < 1e-5


def test_the_answer_does_not_see_the_hole():
    method, image, hole = small(64), pictures(2, 64), drawn("center", 2, 64)
    method.eval()
    with torch.no_grad():
        guesses = [method.guess(torch.where(hole, colour, image * 2 - 1), hole)[1] for colour in (-1.0, 0.7)]
    assert (guesses[0] == guesses[1]).all()


@pytest.mark.parametrize("name", ["patch", "propagation"])
def test_a_window_without_a_middle_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be odd"):
        ContextualAttentionParams(**{name: 4})
