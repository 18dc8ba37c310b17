"""The proofs behind ERRATA.md: each test is one entry."""

import jax
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends, reply_interval
from eqsolve.mechanisms.vertical import PriceEffort, RootEffortDemand, effort_balance, effort_externalities


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


def effort_first_best(b, g, e, f):
    """The symmetric first best of demand 10 - b p + g p' + e sqrt(s) - f sqrt(s') at cost 2, by hand."""
    price = (10 + 2 * (b - g) - (e - f) ** 2) / (2 * (b - g) - (e - f) ** 2 / 2)
    return price, ((e - f) * (price - 2) / 2) ** 2


@pytest.mark.parametrize(
    ("b", "g", "e", "f", "right", "printed"),
    [(1.0, 0.2, 1.1, 0.8, "ceiling", "floor"), (1.0, 0.6, 0.6, 0.1, "floor", "ceiling")],
)
def test_003_lemma_1_names_floor_and_ceiling_the_wrong_way_round(b, g, e, f, right, printed):
    price, effort = effort_first_best(b, g, e, f)
    with jax.enable_x64(True):
        found = effort_balance(PriceEffort(RootEffortDemand(10.0, b, g, e, f), 2.0, 50.0, 150.0), price, effort)
    assert printed == ("floor" if found.price_ratio < found.effort_ratio else "ceiling")  # as the lemma is printed
    wholesale = float(found.wholesale_for_effort)

    def gain(restraint):
        """What an outlet gains by its best price and effort, the rival at the first best: a grid in plain NumPy."""
        low, high = (price, 40.0) if restraint == "floor" else (0.0, price)
        own, root = np.linspace(low, high, 2001)[:, None], np.linspace(0, 12, 2001)
        sold = lambda p, z: 10 - b * p + g * price + e * z - f * np.sqrt(effort)  # noqa: E731
        here = sold(price, np.sqrt(effort)) * (price - wholesale) - effort
        return np.max(sold(own, root) * (own - wholesale) - root**2) - here

    assert gain(right) < 1e-9
    assert gain(printed) > 1.0


def test_003_the_terms_that_lower_effort_are_those_of_equation_4_not_3():
    b, g, e, f = 1.0, 0.6, 0.6, 0.1  # too much price competition
    price, effort = effort_first_best(b, g, e, f)
    with jax.enable_x64(True):
        model = PriceEffort(RootEffortDemand(10.0, b, g, e, f), 2.0, 50.0, 150.0)
        right_for_price = effort_balance(model, price, effort).wholesale_for_price
        sold = PriceEffort(model.demand, 2.0, 50.0, 150.0, wholesale_price=right_for_price)
        found = effort_externalities(sold, np.full(2, price), np.full(2, effort))
    np.testing.assert_allclose(found.vertical_price + found.horizontal_price, 0.0, atol=1e-12)
    slope = e / 2 / np.sqrt(effort)
    distortion = -(price - 2) * slope * (g / b - f / e)
    assert distortion < -0.5
    np.testing.assert_allclose(found.vertical_effort + found.horizontal_effort, distortion, rtol=1e-12)
