"""Classics: what needs no training does what its paper says, told once more in plain loops."""

import math
import sys

import numpy as np
import pytest
import torch
from conftest import no_child, workers
from inbench_methods import bertalmio, criminisi

from inbench.joints import masks, registry
from inbench.words import brackets, params

SIZE = 32
OPENCV = ["navier-stokes", "telea"]
CLASSICS = ["bertalmio[loops=10]", "criminisi", *OPENCV]
SENTENCE = "pip install 'inbench[opencv]'"


def method(text, size=SIZE, **options):
    """A method by its name and options; the test is skipped where its library is missing."""
    named = brackets.parse(text)
    if named.name in OPENCV:
        pytest.importorskip("cv2")
    cls = registry.load().get("method", named.name).cls
    return cls(size, params.resolve(cls.Params, {**named.options, **options}, whose=named.name))


def pictures(count, size=SIZE, seed=0):
    """Smooth pictures with a little noise: [N, 3, S, S] in [0, 1]."""
    chance = np.random.default_rng(seed)
    rows, columns = np.indices((size, size)) / size
    waves = chance.uniform(-4, 4, (count, 3, 3, 1, 1))
    field = np.sin(waves[:, :, 0] * rows + waves[:, :, 1] * columns + waves[:, :, 2])
    field = 0.5 + 0.4 * field + chance.normal(0, 0.02, field.shape)
    return torch.from_numpy(field.clip(0, 1).astype(np.float32))


def rectangle(rows, columns, size=SIZE):
    hole = torch.zeros(1, 1, size, size, dtype=torch.bool)
    hole[..., slice(*rows), slice(*columns)] = True
    return hole


def drawn(name, count, size=SIZE):
    cls = {cls.name: cls for cls in masks.inbench_masks()}[name]
    mask = cls(cls.settle(cls.Params(), size))
    return torch.from_numpy(mask.draw([str(number) for number in range(count)], size))


def any_holes(size=SIZE):
    """Everything, nothing, one pixel, one pixel known, a half, thin strokes, four fifths: [7, 1, S, S]."""
    corner = rectangle((0, 1), (0, 1), size)
    special = [rectangle((0, size), (0, size), size), rectangle((0, 0), (0, 0), size), corner, ~corner]
    return torch.cat([*special, *(drawn(name, 1, size) for name in ("half", "thin", "random80"))])


def answer(built, image, hole):
    with torch.no_grad():
        return built.inpaint(image.masked_fill(hole, 0), hole, torch.arange(len(image)))


def squared_error(guess, image, hole):
    return (guess - image)[hole.expand_as(image)].square().mean().item()


# --- all of them


@pytest.mark.parametrize("name", CLASSICS)
@pytest.mark.parametrize("size", [32, 64])
def test_any_hole_gets_a_finite_answer_in_range(name, size):
    hole = any_holes(size)
    guess = answer(method(name, size), pictures(len(hole), size), hole)
    assert guess.shape == (len(hole), 3, size, size)
    assert guess.dtype == torch.float32
    assert guess.isfinite().all()
    assert guess.min() >= 0
    assert guess.max() <= 1


@pytest.mark.parametrize("name", CLASSICS)
def test_without_anything_known_the_answer_is_mid_grey(name):
    guess = answer(method(name), pictures(1), rectangle((0, SIZE), (0, SIZE)))
    assert guess.unique().tolist() == [pytest.approx(0.5, abs=0.002)]


@pytest.mark.parametrize("name", CLASSICS)
def test_an_image_gets_the_same_bits_alone_as_in_company(name):
    hole = any_holes()
    image, built = pictures(len(hole)), method(name)
    together = answer(built, image, hole)
    alone = torch.cat([answer(built, image[place : place + 1], hole[place : place + 1]) for place in range(len(hole))])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("name", ["bertalmio", "criminisi", "navier-stokes"])  # OpenCV's telea drifts by some levels
def test_a_constant_picture_stays_constant(name):
    hole = torch.cat([drawn("center", 1), drawn("half", 1), drawn("thin", 1)])
    image = torch.tensor([51, 102, 204]).view(1, 3, 1, 1).expand(3, 3, SIZE, SIZE) / 255
    assert (answer(method(name), image, hole) - image).abs().max() < 1e-5


@pytest.mark.parametrize("name", CLASSICS)
def test_nothing_is_learned_and_chance_plays_no_part(name):
    built = method(name)
    assert not built.learns()
    assert not built.chance
    assert not built.state_dict()


# --- navier-stokes, telea


@pytest.mark.parametrize("radius", [3, 5])
@pytest.mark.parametrize(("name", "flag"), [("navier-stokes", "INPAINT_NS"), ("telea", "INPAINT_TELEA")])
def test_the_answer_is_that_of_opencv(name, flag, radius):
    cv2 = pytest.importorskip("cv2")
    image, hole = pictures(3), torch.cat([drawn(rule, 1) for rule in ("center", "half", "random80")])
    guess = answer(method(name, radius=radius), image, hole)
    for place in range(3):
        pixels = (image.masked_fill(hole, 0)[place].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        missing = 255 * hole[place, 0].numpy().astype(np.uint8)
        expected = cv2.inpaint(np.ascontiguousarray(pixels), missing, radius, getattr(cv2, flag))
        assert np.array_equal((guess[place].permute(1, 2, 0).numpy() * 255).round(), expected)


@pytest.fixture
def without_opencv(monkeypatch):
    """A machine on which nobody installed it, for a registry that has not looked yet."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    for name in OPENCV:
        monkeypatch.delitem(sys.modules, f"inbench_methods.{name.replace('-', '_')}", raising=False)
    monkeypatch.setattr(registry, "_load", registry._load.__wrapped__)


@pytest.mark.usefixtures("without_opencv")
def test_without_opencv_each_of_its_methods_is_unavailable_under_its_own_name():
    faults = [fault for fault in registry.load().faults if fault.unavailable]
    assert [(fault.name, fault.reason) for fault in faults] == [(name, SENTENCE) for name in OPENCV]


@pytest.mark.usefixtures("without_opencv")
def test_without_opencv_each_of_its_methods_is_a_skipped_row(tiny):
    with workers(no_child):
        rows = tiny(",".join(OPENCV))
    assert sorted((row["method"], row["status"], row["reason"]) for row in rows) == [
        (name, "skipped", SENTENCE) for name in OPENCV
    ]


# --- bertalmio


def at(image, row, column):
    """A pixel; beyond the edge, the one at the edge."""
    return float(image[min(max(row, 0), len(image) - 1)][min(max(column, 0), len(image[0]) - 1)])


def laplacian_at(image, r, c):
    """A pixel beyond the edge has the Laplacian of the one at the edge."""
    r, c = min(max(r, 0), len(image) - 1), min(max(c, 0), len(image[0]) - 1)
    return at(image, r, c + 1) + at(image, r, c - 1) + at(image, r + 1, c) + at(image, r - 1, c) - 4 * at(image, r, c)


def transport_at(image, r, c):
    """I_t = (dL . N / |N|) |dI|, the paper's discrete scheme for one pixel; x runs along a row."""
    change = (
        laplacian_at(image, r, c + 1) - laplacian_at(image, r, c - 1),
        laplacian_at(image, r + 1, c) - laplacian_at(image, r - 1, c),
    )
    gradient = (at(image, r, c + 1) - at(image, r, c - 1)) / 2, (at(image, r + 1, c) - at(image, r - 1, c)) / 2
    if gradient == (0, 0):
        return 0
    along = -gradient[1] / math.hypot(*gradient), gradient[0] / math.hypot(*gradient)
    beta = change[0] * along[0] + change[1] * along[1]
    own = at(image, r, c)
    back = own - at(image, r, c - 1), own - at(image, r - 1, c)
    forth = at(image, r, c + 1) - own, at(image, r + 1, c) - own
    if beta > 0:
        parts = [min(slope, 0) for slope in back] + [max(slope, 0) for slope in forth]
    else:
        parts = [max(slope, 0) for slope in back] + [min(slope, 0) for slope in forth]
    return beta * math.sqrt(sum(part * part for part in parts))


def diffusion_at(image, r, c):
    """Curvature times gradient norm: (I_xx I_y^2 - 2 I_x I_y I_xy + I_yy I_x^2) / |dI|^2."""
    x, y = (at(image, r, c + 1) - at(image, r, c - 1)) / 2, (at(image, r + 1, c) - at(image, r - 1, c)) / 2
    xx = at(image, r, c + 1) - 2 * at(image, r, c) + at(image, r, c - 1)
    yy = at(image, r + 1, c) - 2 * at(image, r, c) + at(image, r - 1, c)
    corners = {(a, b): at(image, r + a, c + b) for a in (-1, 1) for b in (-1, 1)}
    xy = (corners[1, 1] + corners[-1, -1] - corners[1, -1] - corners[-1, 1]) / 4
    square = x * x + y * y
    return (xx * y * y - 2 * x * y * xy + yy * x * x) / square if square else 0


@pytest.mark.parametrize(
    ("step", "naive"),
    [(bertalmio.transport, transport_at), (bertalmio.diffusion, diffusion_at)],
    ids=["transport", "diffusion"],
)
def test_a_step_is_that_of_plain_loops(step, naive):
    image = torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    image[:3, :3] = 0.5  # flat: no direction
    expected = [[naive(image.tolist(), r, c) for c in range(6)] for r in range(7)]
    assert torch.allclose(step(image[None, None])[0, 0], torch.tensor(expected, dtype=torch.float64), atol=1e-12)


def test_a_round_is_the_transport_steps_then_the_diffusion_steps_in_the_hole_alone():
    image, hole = pictures(1), rectangle((10, 20), (12, 25))
    p = {"first": "ring", "colour": "rgb", "transport": 3, "diffusion": 2, "dt": 0.05}
    picture = answer(method("bertalmio", loops=0, **p), image, hole)
    low, high = picture.amin((2, 3), keepdim=True), picture.amax((2, 3), keepdim=True)
    for _ in range(2):
        for change in 3 * [bertalmio.transport] + 2 * [bertalmio.diffusion]:
            picture = torch.where(hole, (picture + 0.05 * change(picture)).clamp(low, high), picture)
    assert (answer(method("bertalmio", loops=2, **p), image, hole) - picture).abs().max() < 1e-6


def test_the_first_fill_goes_inwards_layer_by_layer():
    image, hole = pictures(1), rectangle((5, 12), (0, 9))
    value, known = image[0].double().numpy().copy(), ~hole[0, 0].numpy()
    while not known.all():
        layer = {}
        for r, c in np.argwhere(~known):
            spots = [(a, b) for a in range(r - 1, r + 2) for b in range(c - 1, c + 2) if 0 <= a < SIZE and 0 <= b < SIZE]
            if beside := [value[:, a, b] for a, b in spots if known[a, b]]:
                layer[r, c] = np.mean(beside, axis=0)
        for (r, c), mean in layer.items():
            value[:, r, c], known[r, c] = mean, True
    assert np.abs(answer(method("bertalmio", loops=0), image, hole)[0].numpy() - value).max() < 1e-5


def edge(slope):
    """Dark beside light, along a straight line: [1, 3, S, S], and a gap of eight rows across it."""
    rows, columns = np.indices((SIZE, SIZE))
    light = 0.2 + 0.6 / (1 + np.exp(-1.5 * (columns - 15.5 - slope * (rows - 15.5))))
    return torch.from_numpy(light.astype(np.float32)).expand(1, 3, SIZE, SIZE), rectangle((12, 20), (4, 28))


@pytest.mark.parametrize("slope", [0, 0.5, 1])
def test_a_straight_edge_is_continued_across_a_narrow_gap(slope):
    image, hole = edge(slope)
    error = squared_error(answer(method("bertalmio"), image, hole), image, hole)
    assert error < squared_error(answer(method("mean-fill"), image, hole), image, hole) / 50
    assert error < squared_error(answer(method("bertalmio", loops=0), image, hole), image, hole) / 5


@pytest.mark.parametrize("slope", [0, 1])
def test_transport_brings_an_edge_into_a_flat_start_sooner_than_diffusion_alone(slope):
    image, hole = edge(slope)
    both = squared_error(answer(method("bertalmio", first="ring"), image, hole), image, hole)
    diffused = squared_error(answer(method("bertalmio", first="ring", transport=0), image, hole), image, hole)
    assert both < diffused / 2


@pytest.mark.parametrize("first", ["peel", "ring", "grey"])
def test_steps_that_are_far_too_long_stay_finite(first):
    hole = any_holes()
    guess = answer(method("bertalmio", loops=5, dt=100, scale=255, first=first, smooth=3), pictures(len(hole)), hole)
    assert guess.isfinite().all()


def test_opponent_colours_go_there_and_back():
    image = pictures(2)
    assert (bertalmio.from_opponent(bertalmio.to_opponent(image)) - image).abs().max() < 1e-6
    assert bertalmio.to_opponent(torch.full((1, 3, 1, 1), 0.7)).flatten().tolist() == pytest.approx([0.7, 0, 0], abs=1e-6)


# --- criminisi


def filling(hole, *, side=5, size=20, copies=0, colour="lab", image=None):
    """A picture in the middle of being filled."""
    image = (pictures(1, size, seed=3) if image is None else image)[0].permute(1, 2, 0).numpy()
    image, hole = np.where(hole[0, 0, ..., None], 0, image), hole[0, 0].numpy()
    p = criminisi.CriminisiParams(patch=side, colour=colour)
    found = criminisi.Filling(image, hole, criminisi.known_patches(~hole, side), side, p)
    for _ in range(copies):
        target, confidence = found.first_target()
        found.copy(found.best_source(target), target, confidence)
    return found


def patch_of(r, c, side, size):
    """The pixels of a patch that are inside the picture."""
    half = side // 2
    near = [(r + a, c + b) for a in range(-half, half + 1) for b in range(-half, half + 1)]
    return [(a, b) for a, b in near if 0 <= a < size and 0 <= b < size]


def sides_of(r, c, size):
    return [(a, b) for a, b in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)) if 0 <= a < size and 0 <= b < size]


def slope_at(light, r, c, size):
    """Central differences, one-sided at the picture's edge: x, y."""
    left, right, above, below = max(c - 1, 0), min(c + 1, size - 1), max(r - 1, 0), min(r + 1, size - 1)
    return (light[r, right] - light[r, left]) / (right - left), (light[below, c] - light[above, c]) / (below - above)


def normal_at(known, r, c):
    """Sobel's gradient of what is known, of length one."""
    weights = {-1: 1, 0: 2, 1: 1}
    x = sum(weight * (at(known, r + a, c + 1) - at(known, r + a, c - 1)) for a, weight in weights.items())
    y = sum(weight * (at(known, r + 1, c + a) - at(known, r - 1, c + a)) for a, weight in weights.items())
    length = math.hypot(x, y)
    return (x / length, y / length) if length else (0, 0)


def naive_priorities(found, size):
    """C(p) and D(p) of every pixel of the front, one after the other."""
    known, side = found.known, found.side
    priorities = {}
    for r, c in np.argwhere(~known):
        if not any(known[spot] for spot in sides_of(r, c, size)):
            continue
        spots = patch_of(r, c, side, size)
        sure = sum(found.confidence[spot] for spot in spots if known[spot]) / len(spots)
        trusted = [spot for spot in spots if known[spot] and all(known[beside] for beside in sides_of(*spot, size))]
        x, y = max((slope_at(found.light, *spot, size) for spot in trusted), key=lambda s: math.hypot(*s), default=(0, 0))
        normal = normal_at(known, r, c)
        priorities[r, c] = sure, abs(-y * normal[0] + x * normal[1])
    return priorities


SHAPES = {
    "square": rectangle((7, 14), (6, 13), 20),
    "corner": rectangle((0, 7), (0, 9), 20),
    "holes": drawn("thin", 1, 32)[..., 6:26, 6:26] & ~rectangle((0, 6), (0, 20), 20) | rectangle((16, 20), (8, 14), 20),
}


@pytest.mark.parametrize("copies", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_priorities_are_those_of_plain_loops(shape, copies):
    found = filling(SHAPES[shape], copies=copies)
    expected = naive_priorities(found, 20)
    front = found.front()
    assert [tuple(spot) for spot in front] == list(expected)
    assert np.allclose(found.confidences(front), [sure for sure, _ in expected.values()], atol=1e-12)
    assert np.allclose(found.data(front), [data for _, data in expected.values()], atol=1e-12)
    assert max(data for _, data in expected.values()) > 0
    target, confidence = found.first_target()
    best = max(expected, key=lambda spot: expected[spot][0] * max(expected[spot][1], 1e-3))
    assert tuple(target) == best
    assert confidence == pytest.approx(expected[best][0])


def brute_force(found, target, image, hole):
    """Every patch inside the picture that was wholly known at the start, compared pixel by pixel."""
    size, half, best = len(image), found.side // 2, (math.inf, math.inf, (0, 0))
    for r in range(half, size - half):
        for c in range(half, size - half):
            if any(hole[spot] for spot in patch_of(r, c, found.side, size)):
                continue
            error = 0.0
            for a, b in patch_of(*target, found.side, size):
                if found.known[a, b]:
                    lent = found.colours[r + a - target[0], c + b - target[1]].astype(np.float64)
                    error += ((lent - found.colours[a, b]) ** 2).sum()
            best = min(best, (error, (r - target[0]) ** 2 + (c - target[1]) ** 2, (r, c)))
    return best[2]


@pytest.mark.parametrize("colour", ["lab", "rgb"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_best_match_is_that_of_a_search_through_all(shape, colour):
    found = filling(SHAPES[shape], colour=colour)
    hole = SHAPES[shape][0, 0].numpy()
    for _ in range(3):
        target, confidence = found.first_target()
        source = found.best_source(target)
        assert tuple(source) == brute_force(found, target, found.image, hole)
        found.copy(source, target, confidence)


def test_among_equal_matches_the_nearest_is_taken_then_the_first():
    hole = rectangle((8, 11), (8, 11), 20)
    found = filling(hole, image=torch.full((1, 3, 20, 20), 0.5))
    assert found.first_target()[0].tolist() == [8, 8]  # all corners are alike
    assert found.best_source(np.array([8, 8])).tolist() == [5, 8]  # as near as [8, 5]
    assert found.best_source(np.array([9, 10])).tolist() == [9, 13]


def test_a_copy_fills_what_is_missing_and_is_as_sure_as_its_target():
    found = filling(SHAPES["square"])
    before, known = found.image.copy(), found.known.copy()
    target, confidence = found.first_target()
    source = found.best_source(target)
    found.copy(source, target, confidence)
    new = found.known & ~known
    assert new.any()
    assert np.array_equal(found.image[~new], before[~new])
    assert set(found.confidence[new]) == {confidence}
    for spot in np.argwhere(new):
        assert np.array_equal(found.image[tuple(spot)], before[tuple(source + spot - target)])


@pytest.mark.parametrize("period", [3, 5])
def test_a_periodic_texture_is_filled_exactly(period):
    tile = torch.rand(1, 3, period, period, generator=torch.Generator().manual_seed(4))
    times = -(-64 // period)
    image = tile.repeat(1, 1, times, times)[..., :64, :64]
    for hole in (rectangle((20, 41), (18, 44), 64), drawn("half", 1, 64)):
        assert torch.equal(answer(method("criminisi", 64), image, hole), image)


def test_only_known_colours_are_used():
    image, hole = pictures(4), torch.cat([drawn(name, 1) for name in ("center", "half", "thin", "random80")])
    guess = answer(method("criminisi"), image, hole)
    assert torch.equal(guess[~hole.expand_as(guess)], image[~hole.expand_as(image)])
    for place in range(4):
        known = {tuple(colour) for colour in image[place][:, ~hole[place, 0]].T.tolist()}
        assert {tuple(colour) for colour in guess[place].flatten(1).T.tolist()} <= known


def test_where_no_patch_is_known_it_shrinks():
    image, hole = pictures(1), ~rectangle((10, 16), (8, 14))
    assert not criminisi.known_patches(~hole[0, 0].numpy(), 7).any()
    assert torch.equal(answer(method("criminisi"), image, hole), answer(method("criminisi", patch=5), image, hole))


def test_where_only_single_pixels_are_known_each_takes_the_nearest():
    image, hole = pictures(1), rectangle((0, SIZE), (0, SIZE))
    hole[..., 4, 4] = hole[..., 20, 25] = False
    guess = answer(method("criminisi"), image, hole)
    assert torch.equal(guess[0, :, 0, 0], image[0, :, 4, 4])
    assert torch.equal(guess[0, :, 31, 31], image[0, :, 20, 25])


def test_a_patch_has_a_middle():
    with pytest.raises(ValueError, match="patch must be odd"):
        criminisi.CriminisiParams(patch=8)
