"""Masks: True is missing, and an image has its hole from its id alone."""

import functools

import numpy as np
import pytest
from conftest import planned
from scipy import ndimage

from inbench.acts import scoring
from inbench.joints import choices, masks, registry, strokes
from inbench.words import params, seeds
from inbench.words.errors import UserError
from inbench.words.mask import Mask

IDS = [f"{number:06d}.jpg" for number in range(1, 9)]
COUNTS = {32: 256, 64: 96, 128: 24, 256: 8}
"""How many holes of strokes are looked at, by size: drawing them is what takes the time here."""
BINS = ["0-60", "0-10", "10-20", "20-30", "30-40", "40-50", "50-60"]


def made(cls, size=64, **given):
    return cls(cls.settle(params.resolve(cls.Params, given, whose=cls.name), size))


def chosen(text, size=64):
    """A mask as the user writes it."""
    return choices.mask(text, size, registry.load())


@functools.cache
def many(text, size, count=None):
    """Holes [n, S, S] of one mask: drawn once, looked at by several tests."""
    holes = chosen(text, size).mask.draw([str(number) for number in range(count or COUNTS[size])], size)[:, 0]
    holes.flags.writeable = False
    return holes


@pytest.fixture(params=[cls for cls in masks.inbench_masks() if cls is not masks.Mix], ids=lambda cls: cls.name)
def mask(request):
    return made(request.param)


def test_the_center_hole_is_rows_and_columns_16_to_47():
    expected = np.zeros((1, 1, 64, 64), dtype=bool)
    for row in range(16, 48):
        for column in range(16, 48):
            expected[0, 0, row, column] = True  # missing
    assert (made(masks.Center).draw(["a.jpg"], 64) == expected).all()


@pytest.mark.parametrize(
    ("size", "side", "first", "last"), [(64, 40, 12, 51), (64, 64, 0, 63), (32, 1, 15, 15), (64, 33, 15, 47)]
)
def test_a_center_of_another_side_is_in_the_middle_too(size, side, first, last):
    hole = made(masks.Center, size, side=side).draw(["a"], size)[0, 0]
    assert np.flatnonzero(hole.any(0))[[0, -1]].tolist() == [first, last]
    assert np.flatnonzero(hole.any(1))[[0, -1]].tolist() == [first, last]
    assert hole.sum() == side * side


def test_center_settles_to_half_the_side():
    assert masks.Center.settle(masks.Center.Params(), 128) == masks.Center.Params(side=64)


def test_a_center_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match=r"center\[side=65\] is larger than the image; at size 64 the side is at most 64"):
        made(masks.Center, 64, side=65)


def test_a_center_of_no_side_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        made(masks.Center, 64, side=0)


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("top", np.s_[:32, :]),
        ("bottom", np.s_[32:, :]),
        ("left", np.s_[:, :32]),
        ("right", np.s_[:, 32:]),
    ],
)
def test_a_half_is_the_one_it_says(part, missing):
    expected = np.zeros((64, 64), dtype=bool)
    expected[missing] = True
    assert (made(masks.Half, part=part).draw(IDS, 64) == expected).all()


def test_any_half_is_each_of_the_four_about_as_often():
    holes = made(masks.Half, 32).draw([str(number) for number in range(400)], 32)[:, 0]
    corners = holes[:, [0, 0, -1], [0, -1, 0]]  # tells the four halves apart
    _, counts = np.unique(corners, axis=0, return_counts=True)
    assert len(counts) == 4
    assert counts.min() > 70


def test_a_half_that_is_none_is_refused():
    with pytest.raises(UserError, match="one of any, top, bottom, left, right"):
        made(masks.Half, part="middle")


def test_random80_misses_four_fifths_pixel_by_pixel():
    holes = made(masks.Random80).draw([str(number) for number in range(100)], 64)
    assert abs(holes.mean() - 0.8) < 0.003
    assert np.abs(holes.mean((0, 1)) - 0.8).max() < 0.2
    neighbours = (holes[..., 1:] & holes[..., :-1]).mean()
    assert abs(neighbours - 0.64) < 0.005


def test_pattern25_misses_a_quarter_of_every_image_exactly():
    assert (made(masks.Pattern25).draw(IDS, 64).sum((1, 2, 3)) == 1024).all()


def test_pattern25_is_of_blobs():
    hole = made(masks.Pattern25).draw(IDS, 64)
    edges = (hole[..., 1:] != hole[..., :-1]).mean()
    assert edges < 0.08  # single pixels would give 0.375


def test_holes_are_bool_with_one_channel(mask):
    holes = mask.draw(IDS, 64)
    assert (holes.dtype, holes.shape) == (np.bool_, (8, 1, 64, 64))


def test_every_hole_misses_something_and_leaves_something(mask):
    holes = mask.draw([str(number) for number in range(64)], 64)
    assert holes.any((1, 2, 3)).all()
    assert not holes.all((1, 2, 3)).any()


def test_an_image_has_its_hole_in_every_subset_and_order(mask):
    whole = mask.draw(IDS, 64)
    assert (mask.draw(IDS[6:1:-2], 64) == whole[6:1:-2]).all()


def test_holes_of_ids_do_not_know_the_seed(mask):
    assert (mask.draw(IDS, 64, seed=1) == mask.draw(IDS, 64, seed=2)).all()


def test_training_holes_come_from_the_seed():
    rule = made(masks.Random80, 32)
    assert (rule.draw(3, 32, seed=1) == rule.draw(5, 32, seed=1)[:3]).all()
    assert (rule.draw(3, 32, seed=1) != rule.draw(3, 32, seed=2)).any()


def test_training_holes_are_not_the_test_holes():
    rule = made(masks.Random80, 32)
    assert (rule.draw(8, 32, seed=0) != rule.draw(IDS, 32)).any((1, 2, 3)).all()


HOLES = {
    "center": "17f779e8ef97e2f28c3b9d8e211f160528e19f385a10bb7d253c1514e2cf741d",
    "half": "8f1083e5143c25c5d97eb4322e972237c6d3a105d325921025d5895af9f1fe7b",
    "random80": "d12522626a2ce18542e481bcf395ec20142d519a3208a4127ec1d895f94319dc",
    "pattern25": "9fa01b05dfc6f78fafee8ba76aebb2df41896bd45991a57c47002149b197cc97",
    "box": "8c5f4aaef875620e6f30da37361dac54d0672dde92a10a31a9d64705377eb44c",
    "thin": "a3522e77668a5db4fe7d0ccd325ce5e4665864807e1cb274b004ee598bf43d70",
    "medium": "47d9e6daca3948b391fb0e5db73faac5333be31744c4cbb093e04c8fa02398a5",
    "thick": "c6cc08d881b9a8ab60c1972c64e9b8276045ad4c772fbe9ce43012d1645c8e47",
    "brush": "066f7686f570c72b792c0387e3028f77512a7a864d2c540455395dee6a7504f0",
}
STROKES = {
    ("thin", 32): "5e645f2eab20cbee3f25f0f0a16d6f4594fd038c226dd757d95d2fabc3611adb",
    ("thin", 256): "52c99e501cc7d0e7094f920ae705309f4084d9760386c34fc3d637d4002fd91f",
    ("medium", 32): "1c1032f4a14d5bad887aac6ca863ec5f6fa0222347158459bedf42f49423b3ac",
    ("medium", 256): "1be772ff2f35fd609f1537e8be262b1a94f65d0b080d5e400ccedc327b1894c0",
    ("thick", 32): "190e5dce024ed1eb82b2831ef1cbb5157b8b316f51bd50cdc79db3db9e78cab6",
    ("thick", 256): "0584eea8fc59f1413bfe490a0a62d61c55a75bc2be0866c3322cfa2ddcf0e655",
    ("brush", 32): "5000938392853952b4a7d9ec4dbb422d8eaccf58d47048fa36a0cd4c6f6cecc9",
    ("brush", 256): "5af91f6a36154362281af8aabb59b1d278975da87eebf2c3d7ce795ed981b040",
}
BRUSHES = {
    "0-10": "0b03c0678a2b34d1c436abf66a9c8321befc0289675500aa0e786dcd8fbcca52",
    "10-20": "57f9ac2f8b1e90150c7a743804d0d2f2b0420ca5ee0aeca042d8dc74b7260afe",
    "20-30": "0ac2097154666ab16b2dbf707a45072217ff1c9df85ed17eb7b5149900efd545",
    "30-40": "2ee5e41ff5ee27945adc3536e745fa4b89cb0324ab9dacd725343a33806581cc",
    "40-50": "c79b8f17e152d666bbed68e0100929e74b3a9d1110ae475d3ea7c0deae788a47",
    "50-60": "3628057a3c9c8d7cfe6f5850f0a0b07764ce42687c67acaac28dedd12a450217",
}


def test_the_holes_of_a_test_set_never_change(mask):
    assert scoring.holes_hash(mask.draw(IDS, 64)) == HOLES[mask.name]


@pytest.mark.parametrize(("name", "size"), STROKES)
def test_strokes_never_change_at_other_sizes_either(name, size):
    assert scoring.holes_hash(chosen(name, size).mask.draw(IDS, size)) == STROKES[name, size]


@pytest.mark.parametrize("ratio", BRUSHES)
def test_a_bin_of_brush_never_changes(ratio):
    assert scoring.holes_hash(chosen(f"brush[ratio={ratio}]").mask.draw(IDS, 64)) == BRUSHES[ratio]


def test_the_holes_of_a_mixture_never_change():
    holes = chosen("mix(center,half,box)").mask.draw(IDS, 64)
    assert scoring.holes_hash(holes) == "61c33de811a2bde9a770e7bd525c450b3359d0c7d96bfc2b1df31c907db3913b"


def test_a_mask_that_draws_floats_is_caught():
    class Soft(Mask):
        name = "soft"

        def holes(self, seeds, size):
            return np.zeros((len(seeds), size, size))

    with pytest.raises(ValueError, match=r"soft drew float64 .* not bool"):
        Soft(None).draw(IDS, 32)


# Drawing


def test_a_hole_is_the_same_alone_and_in_company(mask):
    whole = mask.draw(IDS, 64)
    assert all((mask.draw([one], 64)[0] == hole).all() for one, hole in zip(IDS, whole, strict=True))


def test_a_count_and_its_places_are_the_same_holes(mask):
    whole = mask.draw(6, 64, seed=3)
    assert (mask.draw([0, 1, 2, 3, 4, 5], 64, seed=3) == whole).all()
    assert (mask.draw(np.array([5, 2]), 64, seed=3) == whole[[5, 2]]).all()


def test_a_place_is_no_id():
    rule = made(masks.Random80, 32)
    assert (rule.draw([7], 32) != rule.draw(["7"], 32)).any()


@pytest.mark.parametrize("text", ["box", "medium", "mix(box,random80)"])
def test_it_does_not_matter_where_a_chunk_of_holes_ends(text):
    rule, ids = chosen(text, 32).mask, [str(number) for number in range(1027)]
    whole = rule.draw(ids, 32)
    assert (rule.draw(ids[1021:], 32) == whole[1021:]).all()
    assert (rule.draw(ids[5:], 32) == whole[5:]).all()


@pytest.mark.parametrize("of", [0, [], ()])
def test_no_holes_are_drawn_for_nothing(mask, of):
    assert mask.draw(of, 64).shape == (0, 1, 64, 64)


@pytest.mark.parametrize("size", COUNTS)
def test_every_mask_draws_at_every_size(mask, size):
    rule = made(type(mask), size)
    holes = rule.draw(IDS[:2], size)
    assert (holes.dtype, holes.shape) == (np.bool_, (2, 1, size, size))
    assert holes.any((1, 2, 3)).all()
    assert not holes.all((1, 2, 3)).any()
    assert (rule.draw(IDS[1:2], size) == holes[1:]).all()


# Boxes


def rectangles(holes):
    """First row, last row, first column, last column of each hole [n, S, S], which has to be one rectangle."""
    found = []
    for hole in holes:
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns)
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        found.append((rows[0], rows[-1], columns[0], columns[-1]))
    return np.array(found)


@pytest.mark.parametrize(("size", "least", "most"), [(32, 8, 20), (64, 16, 40), (128, 32, 80), (256, 64, 160)])
def test_a_box_has_sides_from_a_quarter_to_five_eighths_of_the_image(size, least, most):
    assert masks.Box.settle(masks.Box.Params(), size) == masks.Box.Params(least=least, most=most)
    top, bottom, left, right = rectangles(many("box", size, 200)).T
    for sides in (bottom - top + 1, right - left + 1):
        assert least <= sides.min() < least + size // 16
        assert most - size // 16 < sides.max() <= most


def test_boxes_have_every_size_they_may_and_reach_every_edge():
    top, bottom, left, right = rectangles(many("box[least=3,most=6]", 32, 1000)).T
    for first, last in ((top, bottom), (left, right)):
        sides, counts = np.unique(last - first + 1, return_counts=True)
        assert sides.tolist() == [3, 4, 5, 6]
        assert counts.min() > 190  # of 250
        assert (first.min(), last.max()) == (0, 31)
    assert abs(np.corrcoef(bottom - top, right - left)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        ({"least": 50}, (50, 50)),
        ({"least": 20}, (20, 40)),
        ({"most": 3}, (3, 3)),
        ({"most": 64}, (16, 64)),
        ({"least": 1, "most": 1}, (1, 1)),
    ],
)
def test_the_other_side_of_a_box_follows_the_one_that_is_told(given, settled):
    assert made(masks.Box, 64, **given).params == masks.Box.Params(*settled)


def test_a_box_as_large_as_the_image_hides_it():
    assert made(masks.Box, 32, least=32).draw(IDS, 32).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("box[least=10,most=5]", "box[least=10,most=5] does not fit; at size 64, 1 <= least <= most <= 64"),
        ("box[least=65]", "box[least=65,most=65] does not fit; at size 64, 1 <= least <= most <= 64"),
        ("box[most=65]", "box[least=16,most=65] does not fit; at size 64, 1 <= least <= most <= 64"),
        ("box[least=0]", "mask box[least=...] must be at least 1, not 0"),
        ("box[most=-3]", "mask box[most=...] must be at least 1, not -3"),
        ("box[least=half]", "mask box[least=...] must be a whole number, not 'half'"),
    ],
)
def test_a_box_that_does_not_fit_is_refused_in_one_sentence(text, said):
    with pytest.raises(UserError) as error:
        chosen(text)
    assert str(error.value) == said


# Strokes, after LaMa


@pytest.mark.parametrize("size", COUNTS)
@pytest.mark.parametrize("name", ["thin", "medium", "thick"])
def test_strokes_hide_something_and_at_most_half_of_the_image(name, size):
    share = many(name, size).mean((1, 2))
    assert share.min() > 0
    assert share.max() <= 0.5


@pytest.mark.parametrize("number", ["15781", "17361"])
def test_strokes_that_are_drawn_again_many_times_hide_at_most_half_too(number):
    assert 0 < made(masks.Thick, 32).draw([number], 32).mean() <= 0.5


@pytest.mark.parametrize("name", ["thin", "medium", "thick"])
def test_a_hole_of_strokes_is_the_same_shape_at_every_size(name):
    small, large = many(name, 32)[:24], many(name, 128)[:24]
    coarse = large.reshape(24, 32, 4, 32, 4).mean((2, 4)) >= 0.5
    assert np.median(np.abs(small.mean((1, 2)) - large.mean((1, 2)))) < 0.02
    assert np.median((coarse == small).mean((1, 2))) > 0.95


def test_thick_strokes_are_wider_than_medium_ones_and_those_than_thin_ones():
    def depth(name):
        """How far the deepest pixel of a hole is from a known one, on average, in shares of the side."""
        return np.mean([ndimage.distance_transform_edt(hole).max() for hole in many(name, 64)]) / 64

    assert 1.5 * depth("thin") < depth("medium")
    assert 1.2 * depth("medium") < depth("thick")


def test_the_strokes_themselves_are_as_wide_and_long_as_they_say():
    chance = seeds.of_ids([str(number) for number in range(400)], "hole")
    for cls in (masks.Thin, masks.Medium, masks.Thick):
        found = strokes.walks(chance, 256, strokes=cls.strokes, length=cls.length, width=cls.width)
        assert (2 * found.half.min(), 2 * found.half.max()) == (5, 4 + cls.width)
        assert abs(2 * found.half.mean() - (5 + (cls.width - 1) / 2)) < cls.width / 20
        assert np.hypot(found.x1 - found.x0, found.y1 - found.y0).max() < 9 + cls.length + 1.5  # ends are whole pixels
        for ends in (found.x0, found.y0, found.x1, found.y1):
            assert (ends.min(), ends.max() <= 256) == (0, True)
        segments = np.bincount(found.hole, minlength=400)
        assert cls.strokes[0] <= segments.min() <= segments.max() <= strokes.JOINTS * cls.strokes[1]


@pytest.mark.parametrize("cls", [masks.Medium, masks.Thick])
def test_about_three_holes_in_thirteen_are_of_rectangles(cls):
    class Strokes(cls):
        boxes = None

    holes = many(cls.name, 64)
    others = (holes != Strokes(None).draw([str(number) for number in range(len(holes))], 64)[:, 0]).any((1, 2))
    assert abs(others.mean() - 3 / 13) < 0.12
    for hole in holes[others]:  # no corner of a rectangle is cut: each pixel is in a square of four
        assert (ndimage.binary_opening(hole, np.ones((2, 2))) == hole).all()


# Geometry


def segments(seed, count, size, holes=3):
    """Random segments: some of no length, some beyond the edge, some thinner than a pixel."""
    chance = np.random.default_rng(seed)
    x0, y0, x1, y1 = chance.uniform(-0.3 * size, 1.3 * size, (4, count)).astype(np.float32)
    x1[::5], y1[::5] = x0[::5], y0[::5]
    half = chance.uniform(0.2, size / 4, count).astype(np.float32)
    half[::7] = 0.4
    return strokes.Segments(chance.integers(0, holes, count), x0, y0, x1, y1, half)


def naive(found, count, size):
    """For each pixel of each hole, the least distance to a segment in half widths of it, and to its rim in pixels."""
    nearest, rim = np.full((2, count, size, size), np.inf)
    for hole, x0, y0, x1, y1, half in zip(found.hole, found.x0, found.y0, found.x1, found.y1, found.half, strict=True):
        x0, y0, x1, y1, half = (float(number) for number in (x0, y0, x1, y1, half))
        dx, dy = x1 - x0, y1 - y0
        for row in range(size):
            for column in range(size):
                along = (column - x0) * dx + (row - y0) * dy
                share = 0.0 if dx == dy == 0 else min(1.0, max(0.0, along / (dx * dx + dy * dy)))
                away = ((column - x0 - share * dx) ** 2 + (row - y0 - share * dy) ** 2) ** 0.5
                nearest[hole, row, column] = min(nearest[hole, row, column], away / half)
                rim[hole, row, column] = min(rim[hole, row, column], abs(away - half))
    return nearest, rim


@pytest.mark.parametrize(("seed", "count", "size"), [(0, 24, 16), (1, 3, 33), (2, 60, 8), (3, 1, 24)])
def test_strokes_are_drawn_as_a_loop_over_all_pixels_would(seed, count, size):
    some = segments(seed, count, size)
    nearest, rim = naive(some, 3, size)
    clear = rim > 1e-4  # on the rim itself rounding decides
    assert clear.mean() > 0.999
    assert (strokes.drawn(some, 3, size) == (nearest <= 1))[clear].all()


def test_how_near_the_nearest_stroke_is_agrees_with_a_loop_over_all_pixels():
    some = segments(4, 40, 12)
    nearest, _ = naive(some, 3, 12)
    assert np.allclose(strokes.nearness(some, 3, 12), nearest**2, rtol=1e-4, atol=1e-5)


def test_a_stroke_is_drawn_the_same_alone_and_in_company():
    some = segments(5, 80, 256)
    together = strokes.drawn(some, 3, 256)
    alone = np.zeros_like(together)
    for place in range(80):
        alone |= strokes.drawn(some[place : place + 1], 3, 256)
    assert (together == alone).all()


def test_a_stroke_of_no_length_is_a_disc():
    number = np.array([7.0], dtype=np.float32)
    disc = strokes.drawn(strokes.Segments(np.array([0]), number, number, number, number, number / 2), 1, 16)[0]
    rows, columns = np.indices((16, 16))
    assert (disc == ((rows - 7) ** 2 + (columns - 7) ** 2 <= 3.5**2)).all()


def test_a_stroke_far_beyond_the_edge_hides_nothing():
    far = np.array([300.0], dtype=np.float32)
    assert not strokes.drawn(strokes.Segments(np.array([0]), far, far, far + 9, far, far / 100), 1, 32).any()


def test_without_strokes_nothing_is_drawn():
    none = np.zeros(0, dtype=np.float32)
    assert not strokes.drawn(strokes.Segments(np.zeros(0, dtype=np.int64), *[none] * 5), 2, 32).any()


def test_a_stroke_joins_on_where_the_last_one_ended():
    found = strokes.walks(np.array([11], dtype=np.uint64), 256, strokes=(1, 1), length=40, width=10)
    assert len(found.x0) > 1
    assert (found.x1[:-1] == found.x0[1:]).all()
    assert (found.y1[:-1] == found.y0[1:]).all()


# Brush


@pytest.mark.parametrize("size", COUNTS)
@pytest.mark.parametrize("ratio", BINS)
def test_a_bin_of_brush_holds_to_the_pixel(ratio, size):
    low, high = (int(percent) for percent in ratio.split("-"))
    missing = many(f"brush[ratio={ratio}]", size, COUNTS[size] // 4).sum((1, 2))
    assert (100 * missing > low * size * size).all()
    assert (100 * missing <= high * size * size).all()


def test_the_shares_of_a_bin_are_all_over_it():
    missing = many("brush[ratio=10-20]", 32, 600).sum((1, 2))  # 103 to 204
    counts, _ = np.histogram(missing, bins=6, range=(102.5, 204.5))
    assert counts.min() > 65  # of 100
    assert (missing.min(), missing.max()) == (103, 204)


def test_brush_widens_the_same_strokes_from_bin_to_bin():
    narrow, wide = many("brush[ratio=10-20]", 64, 24), many("brush[ratio=40-50]", 64, 24)
    assert (narrow <= wide).all()


def test_brush_takes_what_is_nearest_to_its_strokes():
    chance = seeds.of_ids(IDS, "hole")  # as Mask.draw has them
    away = strokes.nearness(strokes.walks(chance, 64, strokes=(1, 4), length=120, width=16), len(IDS), 64)
    holes = made(masks.Brush, ratio="20-30").holes(chance, 64)
    for hole, distance in zip(holes, away, strict=True):
        assert distance[hole].max() <= distance[~hole].min()


def test_the_smallest_values_are_taken_and_of_equal_ones_the_first():
    field = np.random.default_rng(0).integers(0, 5, (20, 6, 6)).astype(np.float32)  # many are equal
    counts = np.arange(1, 21)
    for found, values, count in zip(masks.smallest(field, counts), field, counts, strict=True):
        expected = np.zeros(36, dtype=bool)
        expected[np.argsort(values.reshape(-1), kind="stable")[:count]] = True
        assert (found.reshape(-1) == expected).all()


def test_a_bin_that_is_none_is_refused():
    with pytest.raises(UserError, match="one of 0-60, 0-10, 10-20, 20-30, 30-40, 40-50, 50-60, not '5-10'"):
        chosen("brush[ratio=5-10]")


# Mixtures


def owners(text, members, size=32, count=900):
    """Whose hole each hole of a mixture is: [members, n]; it has to be that of a member for the same id."""
    ids = [str(number) for number in range(count)]
    mixed = chosen(text, size).mask.draw(ids, size)
    found = np.array([(chosen(member, size).mask.draw(ids, size) == mixed).all((1, 2, 3)) for member in members])
    assert found.any(0).all()
    return found


def test_a_mixture_uses_each_member_about_equally_and_draws_its_own_holes():
    found = owners("mix(center,random80,box)", ["center", "random80", "box"])
    assert (found.sum(0) == 1).all()
    assert found.mean(1) == pytest.approx([1 / 3] * 3, abs=0.06)


def test_a_mixture_in_a_mixture_uses_all_of_its_members():
    found = owners("mix(box,mix(center,random80))", ["box", "center", "random80"])
    assert found.mean(1) == pytest.approx([1 / 2, 1 / 4, 1 / 4], abs=0.06)


def test_a_mixture_of_all_draws_one_hole_alone_too():
    rule = chosen("mix(center,half,random80,pattern25,box,thin,medium,thick,brush)", 32).mask
    whole = rule.draw(IDS, 32)
    assert all((rule.draw([one], 32)[0] == hole).all() for one, hole in zip(IDS, whole, strict=True))


def test_training_holes_of_a_mixture_come_from_the_seed_and_the_place():
    rule = chosen("mix(center,random80)", 32).mask
    whole = rule.draw(20, 32, seed=1)
    assert (rule.draw([19, 3], 32, seed=1) == whole[[19, 3]]).all()
    assert (rule.draw(20, 32, seed=2) != whole).any()


def test_the_order_of_members_does_not_matter():
    one, other = chosen("mix(half[part=left],center)"), chosen(" mix( center , half[part=left] ) ")
    assert one.canonical == other.canonical == "mix(center[side=32],half[part=left])"
    assert one.shown == other.shown == "mix(center,half[part=left])"
    assert (one.mask.draw(40, 64) == other.mask.draw(40, 64)).all()


@pytest.mark.parametrize("text", ["mix(center,half)", "mix(box[least=4],brush[ratio=0-10],mix(thin,thick))"])
def test_the_canonical_form_of_a_mixture_chooses_it_again(text):
    one = chosen(text)
    for again in (chosen(one.canonical), chosen(one.typed), chosen(one.shown)):
        assert again.canonical == one.canonical
        assert (again.mask.draw(12, 64) == one.mask.draw(12, 64)).all()


@pytest.mark.parametrize(
    "text", ["mix", "mix()", "mix(center)", "mix(center,)", "mix(center,center[side=32])", "mix[of=center]", "mix[]"]
)
def test_a_mixture_of_fewer_than_two_is_refused(text):
    with pytest.raises(UserError) as error:
        chosen(text)
    assert str(error.value) == "mix takes two masks or more: write mix(center,half)"


def test_only_mix_takes_masks():
    with pytest.raises(UserError) as error:
        chosen("half(center,box)")
    assert str(error.value) == "'half(center,box)': only mix takes masks in (...); the options of half go into [...]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mix(center,halve)", "unknown mask 'halve'; did you mean 'half'"),
        ("mix(center,box[least=65])", r"box\[least=65,most=65\] does not fit"),
        ("mix(center,half(box,thin))", r"'half\(box,thin\)': only mix takes masks"),
    ],
)
def test_a_wrong_member_is_refused_as_it_would_be_alone(text, said):
    with pytest.raises(UserError, match=said):
        chosen(text)


def test_all_test_masks_are_those_that_need_no_telling_and_no_mixture(tmp_path):
    (one,) = planned(tmp_path, "mean-fill", test_masks="all")
    assert [text.partition("[")[0] for text in one.spec["test_masks"]] == [
        "box", "brush", "center", "half", "medium", "pattern25", "random80", "thick", "thin"
    ]  # fmt: skip
