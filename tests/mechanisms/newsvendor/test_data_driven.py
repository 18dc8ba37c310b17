from fractions import Fraction

import jax
import numpy as np
import pytest

from eqsolve.mechanisms.newsvendor.data_driven import bootstrap_order, order_from_sample


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def average_profit(y, sample, weights, price, cost, salvage, penalty, tax):
    sold = np.minimum(y, sample)
    earned = price * sold + salvage * (y - sold) - penalty * (sample - sold) - (cost + tax) * y
    return weights @ earned / weights.sum()


def test_no_order_earns_more_on_the_sample():
    rng = np.random.default_rng(2)
    money = {"price": 9.0, "cost": 4.0, "salvage": 1.0, "penalty": 1.5, "tax": 0.25}
    for weighted in (False, True):
        sample = rng.integers(0, 30, 23).astype(float)
        weights = rng.integers(0, 5, 23).astype(float) if weighted else np.ones(23)
        found = order_from_sample(sample, **money, weights=weights if weighted else None)
        values = [average_profit(y, sample, weights, **money) for y in np.unique(sample)]
        assert found == np.unique(sample)[np.argmax(values)]


def test_ties_go_to_the_smallest_order_despite_rounding():
    sample = np.arange(1.0, 761.0)
    for percent in range(1, 100):
        # price 1, cost 1 - m: the fractile m is a share of 760 observations on paper, not in binary
        exact = -(-Fraction(percent, 100) * 760 // 1)
        assert order_from_sample(sample, 1.0, 1 - percent / 100) == exact, percent


def test_corners():
    sample = [9.0, 4.0, 6.0]
    assert order_from_sample(sample, 3.0, 4.0) == 0.0
    assert order_from_sample(sample, 10.0, 0.0) == 9.0
    assert order_from_sample(sample, 10.0, 4.0, salvage=5.0) == np.inf
    assert order_from_sample([-3.0, -2.0], 10.0, 4.0) == 0.0
    assert order_from_sample([7.0], 10.0, 4.0) == 7.0
    assert order_from_sample(sample, 10.0, 1.0, weights=[0.0, 1.0, 1.0]) == 6.0
    single = order_from_sample(np.float32(sample), np.float32(8.0), np.float32(2.0))
    assert single.dtype == np.float32
    batch = jax.jit(jax.vmap(lambda price: order_from_sample(np.array(sample), price, 2.0)))
    np.testing.assert_array_equal(batch(np.array([2.5, 5.0, 9.0, -1.0, np.nan])), [4.0, 6.0, 9.0, np.nan, np.nan])


def test_bootstrap_agrees_with_resampling_by_hand():
    rng = np.random.default_rng(3)
    sample = np.round(rng.gamma(4.0, 5.0, 60), 1)
    money = {"price": 9.0, "cost": 4.0, "salvage": 1.0, "penalty": 1.5, "tax": 0.25}
    found = bootstrap_order(jax.random.key(4), sample, **money, resamples=4000, confidence=0.9)
    np.testing.assert_allclose(found.profit, average_profit(float(found.order), sample, np.ones(60), **money))
    drawn = rng.choice(sample, (4000, 60))
    orders = np.quantile(drawn, 6.25 / 9.5, axis=1, method="inverted_cdf")
    profits = [average_profit(float(found.order), row, np.ones(60), **money) for row in drawn]
    # two independent bootstraps of 4000: quantiles at 5 % differ by a few hundredths of the interval
    for interval, reference in ((found.order_interval, orders), (found.profit_interval, profits)):
        ends = np.quantile(reference, [0.05, 0.95])
        np.testing.assert_allclose(interval, ends, atol=0.1 * (ends[1] - ends[0]))
    again = bootstrap_order(jax.random.key(4), sample, **money, resamples=4000, confidence=0.9)
    np.testing.assert_array_equal(found.order_interval, again.order_interval)


def test_intervals_hold_the_truth_as_often_as_they_say():
    # demand uniform on [0, 100], fractile 0.7: the true order is 70 and earns 10 (70 - 24.5) - 3 * 70 = 245
    samples = jax.random.uniform(jax.random.key(5), (400, 80), maxval=100.0)
    keys = jax.random.split(jax.random.key(6), 400)
    found = jax.jit(jax.vmap(lambda key, row: bootstrap_order(key, row, 10.0, 3.0, resamples=200)))(keys, samples)
    low, high = np.asarray(found.order_interval).T
    cover = np.mean((low <= 70) & (high >= 70))
    # 95 % with a standard error of 1.1 %, and less than nominal in samples of 80
    assert 0.90 <= cover <= 0.985


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"weights has shape \(2,\)"):
        order_from_sample([1.0, 2.0, 3.0], 8.0, 2.0, weights=[1.0, 1.0])
    with pytest.raises(ValueError, match=r"sum of weights is 0.0"):
        order_from_sample([1.0], 8.0, 2.0, weights=[0.0])
    with pytest.raises(ValueError, match=r"order_from_sample\['sample'\] is nan"):
        order_from_sample([1.0, np.nan], 8.0, 2.0)
    with pytest.raises(ValueError, match=r"price is -8.0"):
        order_from_sample([1.0], -8.0, 2.0)
    with pytest.raises(ValueError, match=r"confidence is 95"):
        bootstrap_order(jax.random.key(0), [1.0], 8.0, 2.0, confidence=95)
    with pytest.raises(ValueError, match=r"resamples is 0"):
        bootstrap_order(jax.random.key(0), [1.0], 8.0, 2.0, resamples=0)
    with pytest.raises(ValueError, match=r"order_from_sample: price has shape \(2,\); give one number"):
        order_from_sample([9.0, 4.0], price=[8.0, 100.0], cost=[7.0, 1.0])
    with pytest.raises(ValueError, match=r"bootstrap_order: tax has shape \(1,\)"):
        bootstrap_order(jax.random.key(0), [9.0, 4.0], 8.0, 2.0, tax=[1.0])
    for resamples in (10.0, "10", True, np.array([10, 20])):
        with pytest.raises(TypeError, match=r"resamples is .*; give a whole number"):
            bootstrap_order(jax.random.key(0), [1.0], 8.0, 2.0, resamples=resamples)
    for confidence in ("0.9", None, True, np.array([0.9, 0.95])):
        with pytest.raises(TypeError, match=r"confidence is .*; give a Python number"):
            bootstrap_order(jax.random.key(0), [1.0], 8.0, 2.0, confidence=confidence)
    with pytest.raises(ValueError, match="confidence is nan"):
        bootstrap_order(jax.random.key(0), [1.0], 8.0, 2.0, confidence=np.nan)


def test_an_observation_without_weight_is_never_returned():
    # a fractile below its rounding is reached by nothing, and would be by the weightless smallest demand
    assert order_from_sample([1.0, 5.0, 9.0], 1.0 + 1e-15, 1.0, weights=[0.0, 1.0, 1.0]) == 5.0
