"""Statistics: intervals against theory, against a direct resampling, and against scipy."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from inbench.readers import statistics


def normal(count, seed=0):
    return np.random.default_rng(seed).normal(20, 3, count)


def half_width(values, owners):
    _, low, high = statistics.bootstrap(values, owners)
    return (high - low) / 2


def test_the_value_is_the_mean():
    values = normal(50)
    mean, low, high = statistics.bootstrap(values, range(50))
    assert mean == pytest.approx(values.mean(), rel=1e-12)
    assert low < mean < high


@pytest.mark.parametrize("count", [100, 400])
def test_the_interval_of_normal_values_is_that_of_theory(count):
    values = normal(count)
    theory = 1.96 * values.std(ddof=1) / math.sqrt(count)
    assert half_width(values, range(count)) == pytest.approx(theory, rel=0.15)


def test_the_interval_is_that_of_a_direct_resampling():
    values, owners = normal(40), [place // 4 for place in range(40)]
    taken = statistics.weights(tuple(owners)).astype(int)
    means = [np.repeat(values, row).mean() for row in taken]
    _, low, high = statistics.bootstrap(values, owners)
    assert (low, high) == pytest.approx(tuple(np.quantile(means, expanded(10))), rel=1e-12)


def expanded(groups):
    """The levels of the percentiles of a 95 % interval: Hesterberg 2015."""
    tail = scipy.stats.norm.cdf(scipy.stats.t.ppf(0.025, groups - 1) * math.sqrt(groups / (groups - 1)))
    return [tail, 1 - tail]


def test_each_resample_draws_as_many_groups_as_there_are():
    owners = [0] * 5 + [1] * 3 + [2] * 2 + [7]
    taken = statistics.weights(tuple(owners))
    assert taken.shape == (statistics.RESAMPLES, 11)
    for owner in set(owners):  # all of a group together
        mine = taken[:, np.array(owners) == owner]
        assert (mine == mine[:, :1]).all()
    assert (taken[:, [0, 5, 8, 10]].sum(1) == 4).all()


def test_draws_are_the_same_every_time():
    statistics.weights.cache_clear()
    one = statistics.bootstrap(normal(30), range(30))
    statistics.weights.cache_clear()
    assert statistics.bootstrap(normal(30), range(30)) == one


def test_the_names_of_groups_do_not_matter():
    values = normal(12)
    assert statistics.bootstrap(values, [0, 0, 1, 1, 2, 2] * 2) == statistics.bootstrap(values, [5, 5, 8, 8, 9, 9] * 2)


def test_groups_that_are_alike_widen_the_interval():
    people = np.repeat(normal(25), 16) + np.random.default_rng(1).normal(0, 0.3, 400)
    owners = [place // 16 for place in range(400)]
    assert half_width(people, owners) > 3 * half_width(people, range(400))


@pytest.mark.parametrize("owners", [[0], [4, 4, 4]])
def test_one_image_or_one_group_has_no_interval(owners):
    value, low, high = statistics.bootstrap(np.full(len(owners), 3.0), owners)
    assert value == 3.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_images_without_a_value_are_left_out():
    values = np.array([1.0, np.nan, 3.0, np.inf, 5.0])
    assert statistics.bootstrap(values, range(5)) == statistics.bootstrap(np.array([1.0, 3.0, 5.0]), [0, 2, 4])


def test_no_values_at_all_are_not_a_number():
    assert all(map(math.isnan, statistics.bootstrap(np.array([np.nan, np.nan]), [0, 1])))


def test_pooled_psnr_is_taken_after_the_mean():
    mse = np.array([0.04, 0.01, 0.0025] * 4)
    mean, low, high = statistics.bootstrap(mse, range(12), reduce="psnr")
    assert mean == pytest.approx(-10 * math.log10(0.0175), rel=1e-12)
    assert low < mean < high
    assert -10 * math.log10(0.04) <= low
    assert high <= -10 * math.log10(0.0025)


def test_far_from_nothing_p_falls_as_that_of_a_t_test_does():
    one, other = normal(60), normal(60)[::-1]
    for shift in (2.0, 3.0):
        found = statistics.paired(one + shift, other, range(60)).p
        assert found < 2 / 1001
        assert math.log(found) == pytest.approx(math.log(scipy.stats.ttest_rel(one + shift, other).pvalue), rel=0.2)


def test_the_interval_over_seeds_is_that_of_scipy():
    values = [21.3, 21.9, 20.7, 21.1]
    low, high = scipy.stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert statistics.over_seeds(values) == pytest.approx((np.mean(values), low, high), rel=1e-12)


def test_two_seeds_have_the_wide_interval_they_deserve():
    mean, low, high = statistics.over_seeds([1.0, 2.0])
    assert (mean, high - mean, mean - low) == pytest.approx((1.5, 12.706204736 * 0.5, 12.706204736 * 0.5))


def test_seeds_that_agree_have_an_interval_of_nothing():
    assert statistics.over_seeds([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(("reduce", "value"), [("mean", 0.01), ("psnr", 20.0)])
def test_a_mean_is_reduced_as_the_metric_states(reduce, value):
    assert float(statistics.reduced(np.float64(0.01), reduce)) == pytest.approx(value)


def test_no_error_at_all_is_a_finite_psnr():
    assert math.isfinite(statistics.reduced(np.float64(0.0), "psnr"))


# Differences


def test_a_paired_difference_is_that_of_the_two_bootstraps():
    one, other, owners = normal(40), normal(40) + 0.3, list(range(40))
    found = statistics.paired(one, other, owners)
    drawn = statistics.weights(tuple(owners)).astype(float)
    low, high = np.quantile(drawn @ (one - other) / drawn.sum(1), expanded(40))
    assert (found.value, found.low, found.high) == pytest.approx(((one - other).mean(), low, high), abs=1e-12)


def test_what_is_hard_for_both_does_not_count():
    hard = normal(60) * 10
    one, other = hard + np.random.default_rng(1).normal(0.5, 0.1, 60), hard
    found = statistics.paired(one, other, range(60))
    assert 0 < found.low < found.value < found.high
    assert found.high - found.low < 0.1 * 2 * half_width(one, range(60))


@pytest.mark.parametrize("reduce", ["mean", "psnr"])
@pytest.mark.parametrize("seed", range(5))
def test_a_difference_turned_around_changes_its_sign_alone(seed, reduce):
    one, other = np.random.default_rng(seed).uniform(0.001, 0.05, (2, 30))
    there, back = (statistics.paired(*sides, range(30), reduce=reduce) for sides in ((one, other), (other, one)))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-9)
    assert there.p == back.p


@pytest.mark.parametrize("seed", range(5))
def test_a_chance_under_five_per_cent_means_that_the_interval_leaves_nothing_out(seed):
    one, other = np.random.default_rng(seed).normal(0, 1, (2, 50))
    one += 0.25 * seed
    found = statistics.paired(one, other, range(50))
    assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_the_p_of_few_images_is_about_that_of_a_t_test():
    for seed in range(5):
        one = np.random.default_rng(seed).normal(0.4, 1, 16)
        told = statistics.paired(one, np.zeros(16), range(16)).p
        assert told == pytest.approx(scipy.stats.ttest_1samp(one, 0).pvalue, rel=0.35, abs=0.01)


@pytest.mark.parametrize("owners", [[0], [1, 1]])
def test_of_one_image_or_one_group_nothing_is_told(owners):
    found = statistics.paired(np.full(len(owners), 3.0), np.ones(len(owners)), owners)
    assert found.value == 2.0
    assert all(map(math.isnan, (found.low, found.high, found.p)))
    (error,) = statistics.over_images([np.ones((len(owners), 1))] * 2, [1, -1], owners, ["mean"])
    told = statistics.between_seeds([3.0, 3.1], [1.0, 1.1], error)
    assert all(map(math.isnan, (told.low, told.high, told.p)))


def test_what_is_no_number_has_no_p():
    assert math.isnan(statistics.between_seeds([math.nan] * 3, [20.0, 21.0, 22.0]).p)
    assert math.isnan(statistics.paired(np.full(9, np.nan), np.ones(9), range(9)).p)


def test_a_method_against_itself_is_no_difference():
    found = statistics.paired(normal(20), normal(20), range(20))
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_trainings_are_compared_by_welchs_test():
    one, other = [21.3, 21.9, 20.7, 21.1], [20.1, 20.3, 20.2]
    told = scipy.stats.ttest_ind(one, other, equal_var=False)
    interval = told.confidence_interval(0.95)
    found = statistics.between_seeds(one, other)
    assert (found.p, found.low, found.high) == pytest.approx((told.pvalue, interval.low, interval.high), rel=1e-10)


def test_one_training_beside_several_is_taken_to_vary_as_they_do():
    several, single = [21.3, 21.9, 20.7], 20.1
    mean, spread = np.mean(several), np.std(several, ddof=1)
    t = (mean - single) / (spread * math.sqrt(1 / 3 + 1))  # Crawford and Howell 1998, eq. 1
    for found in (statistics.between_seeds(several, [single]), statistics.between_seeds([single], several)):
        assert abs(found.value) == pytest.approx(mean - single)
        assert found.p == pytest.approx(2 * scipy.stats.t.sf(t, 2))
        assert found.high - found.low == pytest.approx(2 * scipy.stats.t.ppf(0.975, 2) * spread * math.sqrt(4 / 3))


def test_several_trainings_against_what_has_no_chance_are_a_sample_against_a_number():
    told = scipy.stats.ttest_1samp([21.3, 21.9, 20.7], 20.1)
    found = statistics.between_seeds([21.3, 21.9, 20.7], [20.1], fixed=(False, True))
    assert found.p == pytest.approx(told.pvalue)
    assert statistics.between_seeds([20.0, 20.0], [20.0]).p == 1.0


def test_what_learns_in_closed_form_has_the_spread_of_its_own_values():
    one, other = [21.3, 21.9, 20.7], [20.1, 20.3, 20.2]
    assert statistics.between_seeds(one, other, fixed=(False, True)) == statistics.between_seeds(one, other)


def test_the_error_over_images_of_one_mean_is_that_of_theory():
    values = normal(200)
    (found,) = statistics.over_images([values[:, None]], [1], range(200), ["mean"])
    assert found.squared == pytest.approx(values.var(ddof=1) / 200, rel=0.1)
    assert found.freedom == 199


def test_the_error_over_images_of_a_difference_leaves_out_what_is_hard_for_both():
    chance, hard = np.random.default_rng(1), normal(200) * 10
    ours, theirs = ([(hard + chance.normal(0, 0.1, 200))[:, None] for _ in range(count)] for count in (3, 2))
    (found,) = statistics.over_images([*ours, *theirs], [1 / 3] * 3 + [-1 / 2] * 2, range(200), ["mean"])
    expected = (np.mean(ours, axis=0) - np.mean(theirs, axis=0)).var(ddof=1) / 200
    assert found.squared == pytest.approx(expected, rel=0.15)


def test_the_error_over_images_counts_groups_and_leaves_out_images_without_a_value():
    values = np.array([1.0, 2.0, np.nan, 4.0, 7.0])[:, None]
    (found,) = statistics.over_images([values, values], [0.5, 0.5], [0, 0, 1, 2, 2], ["psnr"])
    assert found.freedom == 1
    both = np.hstack([np.arange(5.0)[:, None], values])
    alone = [statistics.over_images([both[:, [place]]], [1], [0, 0, 1, 2, 2], ["mean"])[0] for place in range(2)]
    assert statistics.over_images([both], [1], [0, 0, 1, 2, 2], ["mean", "mean"]) == alone


def test_the_choice_of_images_widens_what_is_said_of_trainings():
    images = statistics.Error(0.04, 99)
    mean, low, high = statistics.over_seeds([20.0, 20.1, 20.2], images)
    half = math.hypot(scipy.stats.t.ppf(0.975, 2) * math.sqrt(0.01 / 3), scipy.stats.t.ppf(0.975, 99) * 0.2)
    assert (mean, low, high) == pytest.approx((20.1, 20.1 - half, 20.1 + half))
    found = statistics.between_seeds([20.0, 20.1, 20.2], [19.5, 19.6, 19.7], images)
    assert found.value == pytest.approx(0.5)
    assert found.p > 0.01 > statistics.between_seeds([20.0, 20.1, 20.2], [19.5, 19.6, 19.7]).p
    assert statistics.separable(0.2, images, 3) > statistics.separable(0.2, statistics.NO_ERROR, 3)
    assert statistics.seeds_for(0.2, images, 0.1) is None


def test_holm_is_the_step_down_of_its_definition():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([0.02]) == [0.02]
    assert statistics.holm([]) == []


def test_few_seeds_cannot_separate_a_small_difference():
    for seeds in (3, 10):
        least, limit = statistics.separable(0.2, statistics.NO_ERROR, seeds), scipy.stats.t.ppf(0.975, 2 * seeds - 2)
        drawn = np.random.default_rng(0).normal(0, 0.2, (2, 20_000, seeds)) + np.array([0, least])[:, None, None]
        t = (drawn[1].mean(1) - drawn[0].mean(1)) / np.sqrt(drawn.var(2, ddof=1).sum(0) / seeds)
        assert (t > limit).mean() == pytest.approx(statistics.POWER, abs=0.02)
    no_more = statistics.NO_ERROR
    needed = statistics.seeds_for(0.2, no_more, 0.1)
    assert statistics.separable(0.2, no_more, needed) <= 0.1 < statistics.separable(0.2, no_more, needed - 1)
    assert statistics.seeds_for(100, no_more, 0.1) is None


def test_many_columns_have_the_intervals_of_each():
    values = np.random.default_rng(0).normal(0, 1, (30, 4))
    values[3, 1] = values[:, 3] = np.nan
    found = statistics.bootstraps(np.abs(values), range(30), ["mean", "mean", "psnr", "mean"])
    for place, reduce in enumerate(["mean", "mean", "psnr", "mean"]):
        alone = statistics.bootstrap(np.abs(values[:, place]), range(30), reduce=reduce)
        assert found[place] == pytest.approx(alone, abs=1e-12, nan_ok=True)


# How often an interval holds the truth


def test_intervals_of_one_training_hold_the_truth_19_times_of_20():
    chance = np.random.default_rng(0)
    drawn = 20 + 2.5 * chance.standard_t(8, (100, 4000))
    found = np.array(statistics.bootstraps(drawn, range(100), ["mean"] * 4000))
    assert 0.93 <= np.mean((found[:, 1] <= 20) & (found[:, 2] >= 20)) <= 0.97


@pytest.mark.parametrize("count", [2, 3, 5, 7, 8, 16])
def test_intervals_of_few_images_hold_the_truth_19_times_of_20_and_p_goes_with_them(count):
    drawn = np.random.default_rng(0).normal(20, 2.5, (count, 4000))
    found = np.array(statistics.bootstraps(drawn, range(count), ["mean"] * 4000))
    assert 0.925 <= np.mean((found[:, 1] <= 20) & (found[:, 2] >= 20)) <= 0.97
    told = [statistics.paired(column, np.full(count, 20.0), range(count)) for column in drawn.T[:1000]]
    assert 0.03 <= np.mean([one.p < 0.05 for one in told]) <= 0.07
    assert np.mean([(one.p < 0.05) == (not one.low <= 0 <= one.high) for one in told]) >= 0.99


@pytest.mark.parametrize(("training", "image"), [(0.3, 0.3), (0.02, 3.0), (0.5, 1.0)])
def test_intervals_over_trainings_hold_what_other_trainings_and_other_images_would_come_to(training, image):
    chance, held = np.random.default_rng(0), []
    for _ in range(1000):
        seeds, images = chance.normal(0, training, 3), chance.normal(0, image, 50)
        scores = [(20 + seed + images + chance.normal(0, 0.3, 50))[:, None] for seed in seeds]
        (error,) = statistics.over_images(scores, [1 / 3] * 3, range(50), ["mean"])
        _, low, high = statistics.over_seeds([one.mean() for one in scores], error)
        held.append(low <= 20 <= high)
    assert 0.93 <= np.mean(held) <= 0.99  # what is peculiar to a training on an image is counted twice


def test_intervals_of_five_seeds_hold_the_truth_19_times_of_20():
    drawn = np.random.default_rng(0).normal(20, 0.3, (4000, 5))
    held = [low <= 20 <= high for _, low, high in map(statistics.over_seeds, drawn)]
    assert 0.93 <= np.mean(held) <= 0.97


# Whatever the numbers are


@settings(deadline=None, max_examples=30, database=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_ever_makes_a_claim_harder_and_keeps_the_order(chances):
    found = statistics.holm(chances)
    assert all(one <= adjusted <= 1 for one, adjusted in zip(chances, found, strict=True))
    order = np.argsort(chances, kind="stable")
    assert list(np.array(found)[order]) == sorted(found)


@settings(deadline=None, max_examples=30, database=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12), st.floats(-1e3, 1e3))
def test_an_interval_moves_with_its_values_and_lies_within_them_unless_they_are_few(values, shift):
    column = np.array(values)
    value, low, high = statistics.bootstrap(column, range(len(values)))
    moved = statistics.bootstrap(column + shift, range(len(values)))
    assert moved == pytest.approx((value + shift, low + shift, high + shift), abs=1e-9)
    assert low <= value + 1e-9
    assert value <= high + 1e-9
    if len(values) >= statistics.FEW_GROUPS:
        assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


@pytest.mark.parametrize("centres", [(0.5, -0.5), (-0.3, 0.3), (2.0, 2.0), (2.0, -2.0)])
def test_two_that_are_as_far_from_zero_are_seldom_told_apart_whichever_sides_they_lie_on(centres):
    """What both find hard moves both means alike, and may bring two of different sides to one."""
    chance, told = np.random.default_rng(5), 0
    for _ in range(200):
        shared = chance.normal(0, 4, 128)
        one, other = (centre + shared + chance.normal(0, 1, 128) for centre in centres)
        apart, together = (statistics.paired(one, sign * other, range(128)) for sign in (1, -1))
        found = statistics.farther_from_zero(apart, together)
        told += not found.low <= 0 <= found.high
    assert told <= 20


def test_farther_from_zero_is_the_difference_of_the_distances():
    chance = np.random.default_rng(6)
    for one, other in ((5, 2), (-5, -2), (5, -2), (-2, 5)):
        values = [centre + chance.normal(0, 1, 400) for centre in (one, other)]
        apart, together = (statistics.paired(values[0], sign * values[1], range(400)) for sign in (1, -1))
        found = statistics.farther_from_zero(apart, together)
        assert found.value == pytest.approx(abs(values[0].mean()) - abs(values[1].mean()))
        assert found.low < abs(one) - abs(other) < found.high
