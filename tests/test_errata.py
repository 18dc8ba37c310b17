"""The proofs behind ERRATA.md: each test is one entry."""

import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import Uniform
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends, reply_interval
from eqsolve.mechanisms.vertical import SpatialDemand


def evenly(points):
    """Equally likely points that stand for the uniform distribution on [0, 1]."""
    return (np.arange(points) + 0.5) / points


def test_003_equal_marginal_distributions_do_not_make_the_outlets_symmetric():
    first = evenly(900)
    demand = np.stack([first, (first + 1 / 3) % 1], axis=1)
    np.testing.assert_allclose(np.sort(demand[:, 1]), first, atol=1e-15)  # the same distribution for both
    market = CompetingNewsvendors(price=10.0, margin=0.401, spill=0.5, demand=demand)
    found = market.game().expect({"stock": np.array([0.6, 0.6])})["stockout probability"]
    np.testing.assert_allclose(found, [23 / 45, 2 / 5], rtol=1e-12)
    ends = equilibrium_ends(market)
    assert ends.unique
    assert ends.lowest[0] > ends.lowest[1] + 0.06  # and the only equilibrium is not symmetric


@pytest.mark.parametrize("stock", [6.0, 10.0, 14.5])
def test_003_falling_replies_leave_room_for_many_equilibria(stock):
    first = 20 * evenly(400)
    market = CompetingNewsvendors(price=10.0, margin=0.25, spill=1.0, demand=np.stack([first, 20 - first], axis=1))
    reply = reply_interval(market, "outlet 1", 20 - stock)
    np.testing.assert_allclose([reply.lowest, reply.highest], stock, rtol=1e-12)  # slope -1, and ...
    flat = [float(reply_interval(market, "outlet 1", other).lowest) for other in (15.5, 17.0, 20.0)]
    np.testing.assert_allclose(flat, 4.975, rtol=1e-12)  # ... slope 0 where the other outlet's stock-outs do not matter
    assert eqs.certify(market.game(), {"stock": [stock, 20 - stock]}).certified
    assert not equilibrium_ends(market).unique


def test_003_shoppers_on_the_line_go_to_the_outlet_they_prefer():
    """Counted one by one: the first choice, and who of those would also buy at the other outlet."""
    reservation, travel, price = 10.0, 6.0, (3.0, 4.5)
    place = evenly(100_000)
    gain = np.stack([reservation - price[0] - travel * place, reservation - price[1] - travel * (1 - place)])
    first = np.mean((gain[0] >= gain[1]) & (gain[0] >= 0))
    shared = np.mean((gain[0] >= gain[1]) & (gain[1] >= 0))
    near, far = min((reservation - price[0]) / travel, 1.0), max(1 - (reservation - price[1]) / travel, 0.0)
    assert abs((near + far) / 2 - first) > 0.08  # the printed indifferent shopper: 0.542 in place of 0.625
    assert abs((near - far) - shared) > 0.3  # the printed overlap: everybody within reach of both
    parts = SpatialDemand(reservation, travel, Uniform(0.0, 1.0)).parts(np.array(price), None)
    np.testing.assert_allclose([parts.level[0], parts.mass[0]], [first, shared], atol=2e-5)
