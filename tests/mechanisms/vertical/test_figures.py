"""Figures of paper 003: what they show is right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand import Uniform
from eqsolve.mechanisms.vertical import (
    Contract,
    SpatialDemand,
    deviation_gains,
    draw_deviations,
    draw_line,
    existence_threshold,
    linear_market,
    plan_at,
    travel_market,
)

PLAN = (10.886349, 6.286530)  # independent computation of the best plan at the parameters below


def profit(price, stock, wholesale, draws):
    """Outlet 1's profit while outlet 2 keeps to the plan, summed over draws in NumPy."""
    own = np.maximum(10 - price + 0.5 * PLAN[0] + draws[0], 0.0)
    rival = np.maximum(10 - PLAN[0] + 0.5 * price + draws[1], 0.0)
    callers = own + 0.2 * np.maximum(rival - PLAN[1], 0.0)
    return np.mean(price * np.minimum(stock, callers)) - wholesale * stock


def test_gains_are_those_of_the_best_stock_at_each_price():
    market = linear_market(0.5, 3.0, 0.2, 2.0)
    plan = plan_at(market, *PLAN)
    prices = np.concatenate([[7.0, 9.0, 13.0], np.linspace(8.0, 20.0, 118)])  # as many as in figures
    tried, gains = deviation_gains(market, plan, Contract(2.0, floor=8.0), prices)
    np.testing.assert_array_equal(tried, prices.astype(tried.dtype))
    assert np.isnan(gains[0])  # the floor forbids it
    middles = (np.arange(400) + 0.5) / 400 * 6 - 3
    draws = np.stack(np.meshgrid(middles, middles)).reshape(2, -1)
    kept = profit(*PLAN, 2.0, draws)
    stocks = np.linspace(0.0, 16.0, 161)
    expected = [max(profit(price, stock, 2.0, draws) for stock in stocks) - kept for price in prices[1:3]]
    np.testing.assert_allclose(gains[1:3], expected, atol=5e-3)


def test_a_contract_that_works_stays_below_zero_in_the_figure():
    market = linear_market(0.5, 3.0, 0.2, 2.0)
    plan = plan_at(market, *PLAN)
    figure = draw_deviations(market, plan, {"at cost": Contract(2.0), "floor": Contract(2.353609, floor=PLAN[0])})
    at_cost, floor = (line.get_ydata() for line in figure.axes[0].get_lines()[:2])
    assert np.nanmax(at_cost) > 4
    assert np.nanmax(floor) < 1e-3
    assert np.isnan(floor[0])


def test_marginal_shoppers_lie_where_their_gains_say():
    figure = draw_line(SpatialDemand(10.0, 6.0, Uniform(0.5, 1.0)), [6.0, 7.0])
    dots = [
        tuple(float(xy) for xy in line.get_xydata()[0])
        for line in figure.axes[0].get_lines()
        if len(line.get_xdata()) == 1
    ]
    np.testing.assert_allclose(dots, [(2 / 3, 0.0), (0.5, 0.0), (7 / 12, 0.5)])
    beyond = draw_line(SpatialDemand(10.0, 3.0, Uniform(0.5, 1.0)), [6.0, 7.0])
    assert sum(len(line.get_xdata()) == 1 for line in beyond.axes[0].get_lines()) == 2  # outlet 1 reaches everybody
    with pytest.raises(ValueError, match=r"prices is 6\.0"):
        draw_line(SpatialDemand(10.0, 3.0, Uniform(0.5, 1.0)), 6.0)


def test_standard_markets_are_what_they_say():
    market = travel_market(6.0, 0.25, 0.4, 2.0, wholesale_price=3.0)
    assert float(market.contract.wholesale_price) == 3.0
    parts = market.demand.parts(jnp.zeros(2), jnp.asarray(1.0))
    np.testing.assert_allclose(parts.level, 10 * 0.6 / 2, rtol=1e-6)  # shoppers, halved
    np.testing.assert_allclose(parts.slope, 10 * 0.4 / 2, rtol=1e-6)  # loyal customers at price zero
    assert market.demand.common.scenarios()[0].tolist() == [0.75, 1.25]


@pytest.mark.parametrize(
    ("numbers", "match"),
    [
        ((1.0, 3.0, 0.2, 2.0), r"linear_market: substitution is 1.0; give a number in \[0, 1\)"),
        ((0.5, 0.0, 0.2, 2.0), "linear_market: spread is 0.0"),
        ((0.5, 3.0, 1.2, 2.0), "linear_market: spill is 1.2"),
        ((0.5, 3.0, 0.2, np.nan), "linear_market: cost is nan"),
        ((0.5, [3.0, 2.0], 0.2, 2.0), "linear_market: spread has shape"),
    ],
)
def test_standard_markets_name_what_is_out_of_range(numbers, match):
    with pytest.raises(ValueError, match=match):
        linear_market(*numbers)


def test_numbers_out_of_range_are_nan_where_they_are_traced():
    highest = jax.jit(lambda s: linear_market(s, 3.0, 0.2, 2.0).highest_price)(1.5)
    shoppers = jax.jit(lambda share: travel_market(6.0, 0.3, share, 2.0).demand.shoppers)(1.0)
    assert np.isnan(highest)
    assert np.isnan(shoppers)


def test_misuse_is_named():
    for wrong in ([6.0, np.nan], [6.0, -1.0], [np.inf, 6.0]):
        with pytest.raises(ValueError, match="draw_line: prices is"):
            draw_line(SpatialDemand(10.0, 3.0, Uniform(0.5, 1.0)), wrong)
    with pytest.raises(TypeError, match="give a SpatialDemand"):
        draw_line(linear_market(0.5, 3.0, 0.2, 2.0).demand, [5.0, 5.0])
    with pytest.raises(ValueError, match=r"plan_at: price is -5\.0"):
        plan_at(linear_market(0.5, 3.0, 0.2, 2.0), -5.0, 6.0)
    for market, low in ((linear_market(0.5, 3.0, 0.2, 2.0), 0.1), (linear_market, "a")):
        with pytest.raises(TypeError, match="existence_threshold"):
            existence_threshold(market, low, 2.0)
    with pytest.raises(TypeError, match="return a VerticalMarket"):
        existence_threshold(lambda value: 3, 0.0, 1.0)
