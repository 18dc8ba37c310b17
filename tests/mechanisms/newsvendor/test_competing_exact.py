import functools
from fractions import Fraction
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.datasets import load_restaurant_demand
from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends, reply_interval


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


LAMB_AND_STEAK = load_restaurant_demand().select("lamb", "steak")
EPS = np.finfo(float).eps


class RationalMarket:
    """A small market in exact arithmetic; equilibria are found by trying every vertex of the reply pieces.

    All best replies lie on the lines "my stock is what comes to me in scenario k", with or without spilled customers,
    or on 0, and the set of equilibria is a union of polygons whose corners are crossings of two such lines. Each
    crossing is tested by comparing payoffs at every kink, which for a concave payoff settles whether it is one.
    """

    def __init__(self, margin, spill, demand, weights):
        self.margin, self.spill, self.demand = margin, spill, demand
        self.weights = [Fraction(weight, sum(weights)) for weight in weights]

    def customers(self, i, other_stock):
        j = 1 - i
        return [own[i] + self.spill[j] * max(own[j] - other_stock, 0) for own in self.demand]

    def is_reply(self, i, stock, other_stock):
        customers = self.customers(i, other_stock)

        def profit(y):
            sales = sum(w * min(y, come) for w, come in zip(self.weights, customers, strict=True))
            return sales - (1 - self.margin[i]) * y

        here = profit(stock)
        return all(here >= profit(y) for y in {Fraction(0), *customers})

    def lines(self, i):
        """Lines a * y_1 + b * y_2 = c on which outlet i's replies lie."""
        unit, j = np.eye(2, dtype=int).tolist()[i], 1 - i
        found = {(unit[0], unit[1], Fraction(0))}
        for own in self.demand:
            found.add((unit[0], unit[1], own[i]))
            sloped = [Fraction(value) for value in unit]
            sloped[j] = self.spill[j]
            found.add((*sloped, own[i] + self.spill[j] * own[j]))
        return found

    def ends(self):
        stocks = set()
        lines = self.lines(0) | self.lines(1)
        for (a, b, c), (d, e, f) in product(lines, lines):
            determinant = a * e - b * d
            if determinant:
                stocks.add(((c * e - b * f) / determinant, (a * f - c * d) / determinant))
        found = [
            stock
            for stock in stocks
            if min(stock) >= 0 and self.is_reply(0, stock[0], stock[1]) and self.is_reply(1, stock[1], stock[0])
        ]
        assert found
        return [float(min(column)) for column in zip(*found, strict=True)], [
            float(max(column)) for column in zip(*found, strict=True)
        ]

    def market(self, dtype=float, equal=False):
        given = {"margin": self.margin, "spill": self.spill, "demand": self.demand}
        floats = {name: np.array(value, float).astype(dtype) for name, value in given.items()}
        weights = None if equal else np.array(self.weights, float).astype(dtype)
        return CompetingNewsvendors(price=dtype(7.0), **floats, probabilities=weights)


def rational_market(seed, scenarios, equal):
    rng = np.random.default_rng(seed)
    weights = [1] * scenarios if equal else (rng.integers(0, 4, scenarios) + np.eye(scenarios, dtype=int)[0]).tolist()
    levels = sum(weights)  # margins that are sums of probabilities, so that replies are intervals, and some in between
    margin = [Fraction(int(rng.integers(0, 2 * levels)), 2 * levels) for _ in range(2)]
    spill = [Fraction(int(rng.integers(0, 6)), 5) for _ in range(2)]
    if seed % 3 == 0:
        spill = [Fraction(1), Fraction(1)]
    if seed % 4 == 0:
        margin = [margin[0]] * 2
    demand = [tuple(Fraction(int(d)) for d in pair) for pair in rng.integers(0, 9, (scenarios, 2))]
    return RationalMarket(margin, spill, demand, weights)


@functools.cache
def solved_exactly(equal):
    cases = [rational_market(seed, 4, equal) for seed in range(30)]
    return cases, [case.ends() for case in cases]


@pytest.mark.parametrize(("equal", "dtype"), [(True, np.float64), (False, np.float64), (False, np.float32)])
def test_ends_are_the_extreme_vertices_of_the_set_of_equilibria(equal, dtype):
    cases, exact = solved_exactly(equal)
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(case.market(dtype, equal) for case in cases))
    found = jax.vmap(equilibrium_ends)(batch)
    lowest, highest = (np.array(side) for side in zip(*exact, strict=True))
    room = np.array([max(1 - float(case.spill[0] * case.spill[1]), 0.2) for case in cases])
    # a few units in the last place of at most 16 customers, over the contraction of the replies
    atol = (16 * 16 * np.finfo(dtype).eps / room)[:, None] * np.ones(2)
    assert np.all(np.abs(found.lowest - lowest) <= atol)
    assert np.all(np.abs(found.highest - highest) <= atol)
    assert found.unique.tolist() == np.all(lowest == highest, axis=1).tolist()
    assert found.lowest.dtype == dtype
    assert 5 <= np.sum(found.unique) <= 25  # the cases cover both
    assert np.all(found.lowest <= found.highest)
    limit = 3 * (np.finfo(dtype).nmant + 2)
    assert np.max(found.steps) < limit / 2  # the guaranteed end is far away


@pytest.mark.parametrize("seed", range(6))
def test_extremes_are_equilibria_in_exact_arithmetic(seed):
    case = rational_market(seed, 4, True)
    for stock in np.asarray(equilibrium_ends(case.market(equal=True)).extremes):
        # stocks are fractions with small denominators (products of spills in fifths over 1 - spill^2)
        one, two = (Fraction(float(value)).limit_denominator(10_000) for value in stock)
        assert abs(float(one) - stock[0]) + abs(float(two) - stock[1]) < 1e-12
        assert case.is_reply(0, one, two)
        assert case.is_reply(1, two, one)


def quantiles(values, margin):
    """Both ends of the interval of quantiles of equally likely integers at a rational margin."""
    ordered = sorted(values)
    position = margin * len(ordered)
    lowest = 0.0 if position == 0 else ordered[int(np.ceil(position)) - 1]
    return lowest, ordered[int(np.floor(position))]


def test_without_spill_the_ends_are_quantiles_and_ties_are_seen_however_the_margin_was_rounded():
    steps = np.arange(0, 1520, 95)  # every second one a multiple of 1/760
    exact = [[quantiles(column, Fraction(int(k), 1520)) for column in LAMB_AND_STEAK.T] for k in steps]
    # the margin as a user gets it: a fraction, from the end, from a cost, from a grid
    cost = 13.7 * (1520 - steps) / 1520
    for margins in (steps / 1520, 1 - (1520 - steps) / 1520, 1 - cost / 13.7, np.linspace(0, 0.9375, 16)):
        found = [equilibrium_ends(CompetingNewsvendors(13.7, margin, 0.0, LAMB_AND_STEAK)) for margin in margins]
        np.testing.assert_array_equal([np.stack([ends.lowest, ends.highest], -1) for ends in found], exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_are_not_seen_where_there_are_none(dtype):
    demand = (LAMB_AND_STEAK + np.arange(760)[:, None] / 1024).astype(dtype)  # no two days alike
    ordered = np.sort(demand[:, 0])
    shift = 1e5 * np.finfo(dtype).eps  # in scenarios; the tolerance is 8 * 760 times the precision
    for k in (76, 209, 551):
        below, above = (
            reply_interval(CompetingNewsvendors(dtype(1), dtype((k + move) / 760), dtype(0), demand), "outlet 1", 0.0)
            for move in (-shift, shift)
        )
        assert below.lowest == below.highest == ordered[k - 1]
        assert above.lowest == above.highest == ordered[k]


def test_probabilities_that_are_given_tie_like_equal_ones():
    weights = np.full(760, 1 / 760)
    for k in (1, 209, 380, 759):
        equal = equilibrium_ends(CompetingNewsvendors(10.0, k / 760, 0.35, LAMB_AND_STEAK))
        given = equilibrium_ends(CompetingNewsvendors(10.0, k / 760, 0.35, LAMB_AND_STEAK, weights))
        np.testing.assert_array_equal(equal.lowest, given.lowest)
        np.testing.assert_array_equal(equal.highest, given.highest)


def test_impossible_scenarios_do_not_matter():
    market = CompetingNewsvendors(10.0, 0.5, 0.5, [[4.0, 8.0], [8.0, 4.0]])
    padded = CompetingNewsvendors(10.0, 0.5, 0.5, [[0.0, 0.0], [4.0, 8.0], [8.0, 4.0], [99.0, 99.0]], [0, 0.5, 0.5, 0])
    for margin in (0.0, 0.5, 0.75, 1 - EPS):
        short, long = (
            equilibrium_ends(CompetingNewsvendors(10.0, margin, 0.5, case.demand, case.probabilities))
            for case in (market, padded)
        )
        assert short.lowest.tolist() == long.lowest.tolist()
        assert short.highest.tolist() == long.highest.tolist()


@pytest.mark.parametrize("spill", [0.0, 0.5, 1.0])
def test_with_one_scenario_both_outlets_stock_their_demand(spill):
    ends = equilibrium_ends(CompetingNewsvendors(10.0, 0.3, spill, [[10.0, 6.0]]))
    assert ends.lowest.tolist() == ends.highest.tolist() == [10.0, 6.0]
    assert ends.unique


def test_full_spill_over_between_mirrored_scenarios_leaves_a_continuum():
    # an outlet wants the low scenario's customers, 0 + (20 - other stock): every split of 20 is an equilibrium
    market = CompetingNewsvendors(10.0, 0.4, 1.0, [[0.0, 20.0], [20.0, 0.0]])
    ends = equilibrium_ends(market)
    assert ends.lowest.tolist() == [0.0, 0.0]
    assert ends.highest.tolist() == [20.0, 20.0]
    assert not ends.unique
    assert ends.extremes.tolist() == [[20.0, 0.0], [0.0, 20.0]]
    for stock in (0.0, 7.3, 20.0):
        reply = reply_interval(market, "outlet 2", stock)
        assert reply.lowest == reply.highest == 20.0 - stock


def test_a_continuum_of_odd_numbers_is_not_cut_short_by_rounding():
    high = 20.0 * np.sqrt(2)
    ends = equilibrium_ends(CompetingNewsvendors(10.0, 0.4, 1.0, [[0.0, high], [high, 0.0]]))
    np.testing.assert_allclose(ends.lowest, 0.0, atol=1e-12)
    np.testing.assert_allclose(ends.highest, high, rtol=1e-13)


def test_at_margin_zero_stocks_that_always_sell_are_all_replies():
    market = CompetingNewsvendors(10.0, 0.0, 0.5, [[4.0, 8.0], [8.0, 4.0]])
    reply = reply_interval(market, "outlet 1", 6.0)
    assert (float(reply.lowest), float(reply.highest)) == (0.0, 5.0)
    ends = equilibrium_ends(market)
    assert ends.lowest.tolist() == [0.0, 0.0]
    assert ends.highest.tolist() == [8.0, 8.0]  # against an outlet without stock


def test_symmetric_markets_have_mirrored_ends():
    demand = np.concatenate([LAMB_AND_STEAK, LAMB_AND_STEAK[:, ::-1]])
    for margin, spill in ((0.25, 0.6), (0.6, 0.9), (0.4, 1.0)):
        ends = equilibrium_ends(CompetingNewsvendors(10.0, margin, spill, demand))
        assert ends.lowest[0] == ends.lowest[1]
        assert ends.highest[0] == ends.highest[1]


def test_monotone_iteration_in_numpy_reaches_the_same_ends():
    """The textbook route: highest reply of one outlet, lowest of the other, from (most, 0) until nothing moves."""

    def reply(i, other_stock, count, spill):
        customers = LAMB_AND_STEAK[:, i] + spill * np.maximum(LAMB_AND_STEAK[:, 1 - i] - other_stock, 0)
        return np.partition(customers, count - 1)[count - 1]

    def largest(i, scenarios, spill):
        stock, before = 1e3, np.inf
        low, high = int(np.ceil(scenarios)), int(np.floor(scenarios)) + 1
        while before - stock > 4 * EPS * stock:
            before, stock = stock, reply(i, reply(1 - i, stock, low, spill), high, spill)
        return stock, reply(1 - i, stock, low, spill)

    for scenarios, spill in product((38, 100.5, 209, 551, 700.25), (0.25, 0.5, 0.9, 1.0)):
        ends = equilibrium_ends(CompetingNewsvendors(10.0, scenarios / 760, spill, LAMB_AND_STEAK))
        # the iteration stops up to 4 eps / (1 - spill^2) of the stock early
        atol = 100 * 16 * EPS / max(1 - spill**2, 0.1)
        for i in (0, 1):
            most, least = largest(i, scenarios, spill)
            np.testing.assert_allclose(ends.highest[i], most, atol=atol)
            np.testing.assert_allclose(ends.lowest[1 - i], least, atol=atol)


def test_no_outlet_gains_by_any_deviation_from_an_extreme():
    margin, spill = 0.725, 0.7
    found = equilibrium_ends(CompetingNewsvendors(10.0, margin, spill, LAMB_AND_STEAK))
    assert not found.unique
    stocks = np.linspace(0, 200, 20_001)
    for extreme in np.asarray(found.extremes):
        for i in (0, 1):
            customers = LAMB_AND_STEAK[:, i] + spill * np.maximum(LAMB_AND_STEAK[:, 1 - i] - extreme[1 - i], 0)
            profits = np.array([np.minimum(y, customers).mean() - (1 - margin) * y for y in [extreme[i], *stocks]])
            assert profits[0] >= profits.max() - 1e-13 * 200


def test_batches_equal_single_calls():
    margins, spills = np.array([0.05, 0.275, 0.9]), np.array([1.0, 0.15, 0.5])
    batch = jax.vmap(lambda m, s: equilibrium_ends(CompetingNewsvendors(10.0, m, s, LAMB_AND_STEAK)))(margins, spills)
    for lane in range(3):
        one = equilibrium_ends(CompetingNewsvendors(10.0, margins[lane], spills[lane], LAMB_AND_STEAK))
        np.testing.assert_allclose(batch.lowest[lane], one.lowest, rtol=8 * EPS)
        np.testing.assert_allclose(batch.highest[lane], one.highest, rtol=8 * EPS)
        assert batch.unique[lane] == one.unique
    assert batch.extremes.shape == (3, 2, 2)
    np.testing.assert_array_equal(batch.extremes[:, 0, 0], batch.highest[:, 0])
    np.testing.assert_array_equal(batch.extremes[:, 0, 1], batch.lowest[:, 1])


def test_traced_values_out_of_range_give_nan_in_their_lane_only():
    margins = np.array([0.5, 1.0, -0.1, np.nan, 0.5])
    demand = np.tile([[4.0, 8.0], [8.0, 4.0]], (5, 1, 1))
    demand[4, 0, 0] = np.inf
    build = jax.vmap(lambda m, d: CompetingNewsvendors(10.0, m, 0.5, d))
    ends = jax.vmap(equilibrium_ends)(build(margins, demand))
    assert ends.lowest[0].tolist() == [4.0, 4.0]
    assert np.all(np.isnan(ends.lowest[1:]))
    assert np.all(np.isnan(ends.highest[1:]))
    assert ends.unique.tolist() == [False] * 5


def test_replies_name_unknown_outlets_and_flag_negative_stocks():
    market = CompetingNewsvendors(10.0, 0.5, 0.5, [[4.0, 8.0]], outlets=("lamb", "steak"))
    with pytest.raises(ValueError, match=r"reply_interval: outlet 'lam' is unknown; .* Did you mean 'lamb'\?"):
        reply_interval(market, "lam", 1.0)
    assert np.isnan(reply_interval(market, "lamb", -1.0).lowest)


def test_ends_have_no_gradient():
    market = CompetingNewsvendors(10.0, 0.5, 0.5, [[4.0, 8.0], [8.0, 4.0]])
    with pytest.raises(ValueError, match="Reverse-mode differentiation does not work"):
        jax.grad(lambda m: jnp.sum(equilibrium_ends(m).lowest))(market)
