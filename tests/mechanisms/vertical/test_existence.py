"""Where equilibria in pure strategies begin: located by `existence_threshold`, and checked by hand on both sides."""

import jax
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.mechanisms.vertical import existence_threshold, linear_market, travel_market

SEARCH = eqs.Search(points=(401, 33, 15))


def with_spill(spill):
    return linear_market(0.5, 4.0, spill, 4.0)


def with_travel_cost(travel_cost):
    return travel_market(travel_cost, 0.3, 0.5, 2.0)


def profit(mine, rival, spill, draws):
    """Profits of an outlet at many own prices and stocks, averaged over draws, in NumPy."""
    price, stock = (np.asarray(value)[..., None] for value in mine)
    own = np.maximum(10 - price + 0.5 * rival[0] + draws[0], 0.0)
    other = np.maximum(10 - rival[0] + 0.5 * price + draws[1], 0.0)
    callers = own + spill * np.maximum(other - rival[1], 0.0)
    return np.mean(price * np.minimum(stock, callers), axis=-1) - 4.0 * np.asarray(mine[1])


@pytest.mark.slow
def test_too_much_spill_ends_the_equilibrium():
    with jax.enable_x64(True):
        found = existence_threshold(with_spill, 0.0, 1.0, tolerance=0.01, search=SEARCH)
        assert not found.certified_above
        assert found.high - found.low <= 0.01
        at = {spill: eqs.solve_nash(with_spill(spill).game()).actions for spill in (found.low, found.high)}
    middles = (np.arange(100) + 0.5) / 100 * 8 - 4
    draws = np.stack(np.meshgrid(middles, middles)).reshape(2, -1)
    for spill, gains in ((found.low - 0.02, False), (found.high + 0.02, True)):
        plan = at[found.low if spill < found.low else found.high]
        price, stock = (float(plan[name][0]) for name in ("price", "stock"))
        own = np.meshgrid(np.linspace(0.0, 20.0, 41), np.linspace(0.0, 20.0, 41))
        best = np.max(profit(own, (price, stock), spill, draws))
        kept = profit((price, stock), (price, stock), spill, draws)
        assert (best > kept + 0.02) == gains, (spill, best, kept)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_too_cheap_travel_ends_the_equilibrium():
    with jax.enable_x64(True):
        found = existence_threshold(with_travel_cost, 0.2, 5.0, tolerance=1e-3, search=SEARCH)
    assert found.certified_above
    assert found.regret_low > found.regret_high
    assert 0.2 < found.low < found.high < 5.0
