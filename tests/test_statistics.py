"""Statistics: intervals against theory, against a direct resampling, and against scipy."""

import math

import numpy as np
import pytest
import scipy.stats

from inbench import statistics


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
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), rel=1e-12)


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


def test_one_image_has_an_interval_of_nothing():
    assert statistics.bootstrap(np.array([3.0]), [0]) == (3.0, 3.0, 3.0)


def test_images_without_a_value_are_left_out():
    values = np.array([1.0, np.nan, 3.0, np.inf, 5.0])
    assert statistics.bootstrap(values, range(5)) == statistics.bootstrap(np.array([1.0, 3.0, 5.0]), [0, 2, 4])


def test_no_values_at_all_are_not_a_number():
    assert all(map(math.isnan, statistics.bootstrap(np.array([np.nan, np.nan]), [0, 1])))


def test_pooled_psnr_is_taken_after_the_mean():
    mse = np.array([0.04, 0.01, 0.0025])
    mean, low, high = statistics.bootstrap(mse, range(3), reduce="psnr")
    assert mean == pytest.approx(-10 * math.log10(0.0175), rel=1e-12)
    assert low < mean < high
    assert -10 * math.log10(0.04) <= low
    assert high <= -10 * math.log10(0.0025)


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
