"""The proofs behind ERRATA.md: each test is one entry."""

import jax
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import Uniform
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends, reply_interval
from eqsolve.mechanisms.vertical import (
    Contract,
    LinearDemand,
    PriceEffort,
    RootEffortDemand,
    SpatialDemand,
    VerticalMarket,
    effort_balance,
    effort_externalities,
    expected_sales,
    externalities,
)


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


# first-best prices and stocks of demand 10 - p + g p' + U[-3, 3], spill 0.2, cost 2, computed independently
USUAL = (0.5, 10.88634975164335, 6.2865295296348425)
BALANCED = (0.06821204176412617, 6.1895850323018955, 5.109657761342581)


def linear_incentives(case, **contract):
    """Expected sales, and the externalities under a contract, at a symmetric plan."""
    cross, price, stock = case
    demand = LinearDemand(10.0, 1.0, cross, 0.2, shocks=Uniform(-3.0, 6.0))
    market = VerticalMarket(demand, cost=2.0, contract=Contract(**contract), highest_price=14.0)
    plan = np.full(2, price), np.full(2, stock)
    return expected_sales(market, *plan), externalities(market, *plan)


def test_003_a_two_part_tariff_is_efficient_where_the_price_externality_vanishes():
    with jax.enable_x64(True):
        sales, found = linear_incentives(BALANCED, wholesale_price=2.267531293436626, fee=12.576623400892926)
        np.testing.assert_allclose(sales.d_price[1, 0], 0.0, atol=1e-7)
        for part in (found.price, found.stock):  # `test_coordination.py` has the search of all deviations
            np.testing.assert_allclose(part.collective, 0.0, atol=1e-6)
            np.testing.assert_allclose(part.private, 0.0, atol=1e-6)
        _, usual = linear_incentives(USUAL, wholesale_price=2.0)
        assert np.all(usual.price.private < -1.0)


def test_003_the_printed_buy_back_contract_makes_outlets_order_more():
    with jax.enable_x64(True):
        _, price, stock = USUAL
        sales, _ = linear_incentives(USUAL, wholesale_price=2.0)
        sold, out, drain = float(sales.sales[0]), float(sales.stockout[0]), float(sales.d_stock[1, 0])
        # (13) as printed, w - c - b (1 - s) - p drain = 0, and (14), p Et + b (y - Et) - w y = 0
        system = np.array([[1.0, -(1 - out)], [-stock, stock - sold]])
        w, b = np.linalg.solve(system, [2.0 + price * drain, -price * sold])
        np.testing.assert_allclose([w, b], [11.309, 12.328], atol=1e-3)
        assert b > price  # a unit left over brings more than a unit sold
        _, printed = linear_incentives(USUAL, wholesale_price=w, buy_back=b)
        np.testing.assert_allclose(printed.stock.private, -2 * price * drain, rtol=1e-5)
        assert np.all(printed.stock.private > 0.7)
        _, right = linear_incentives(USUAL, wholesale_price=price * out + 4.0 * (1 - out), buy_back=4.0)
        np.testing.assert_allclose(right.stock.private, 0.0, atol=1e-6)


def test_003_without_a_fee_outlets_keep_a_rent_or_are_indifferent():
    with jax.enable_x64(True):
        _, price, stock = USUAL
        sales, _ = linear_incentives(USUAL, wholesale_price=2.0)
        sold, out = float(sales.sales[0]), float(sales.stockout[0])
        assert sold > out * stock + 1.0
        for b in (0.0, 4.0, price):
            w = price * out + b * (1 - out)
            rent = price * sold + b * (stock - sold) - w * stock
            np.testing.assert_allclose(rent, (price - b) * (sold - out * stock), atol=1e-9)
        for stock_instead in (0.0, 2.0, stock, 9.0):  # at b = w = p nothing is earned, whatever is ordered
            demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
            market = VerticalMarket(demand, 2.0, Contract(price, buy_back=price), highest_price=14.0)
            actions = {"price": np.full(2, price), "stock": np.array([stock_instead, stock])}
            np.testing.assert_allclose(market.game().expect(actions)["outlet profit"][0], 0.0, atol=1e-12)


def test_003_the_first_two_terms_of_equation_17_do_not_vanish_at_the_first_best():
    with jax.enable_x64(True):
        sales, found = linear_incentives(USUAL, wholesale_price=2.0, revenue_royalty=0.25)
        worth = 0.25 * USUAL[1] * sales.d_price[1, 0]
        np.testing.assert_allclose(found.price.collective + found.price.vertical, worth, rtol=1e-5)
        np.testing.assert_allclose(found.price.private, -3 * worth, rtol=1e-5)
        assert np.all(worth > 0.5)


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
