"""Shared linear constraints: equilibria and prices against enumeration of active sets and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from constrained import (
    COURNOT,
    NAMES,
    ONES,
    all_equilibria,
    constrained_game,
    random_games,
    river_basin,
    solve_all,
)

import eqsolve as eqs

WEIGHT = np.array([2.0, 1.0, 1.5])


def test_river_basin_has_the_published_equilibrium():
    linear, matrix, use, limit = river_basin()
    x, prices, status, _ = solve_all((linear, matrix, use, limit, ONES))
    (wanted,) = all_equilibria(linear, matrix, use, limit)
    assert status == ["converged"]
    np.testing.assert_allclose(np.concatenate([x[0], prices[0]]), wanted, rtol=1e-9, atol=1e-12)
    # published to three digits after iterations that were stopped early: 21.149, 16.028, 2.726 and 0.574, 0
    np.testing.assert_allclose(x[0], [21.149, 16.028, 2.726], rtol=3e-4)
    np.testing.assert_allclose(prices[0], [0.574, 0.0], atol=1e-3)


def test_random_games_agree_with_the_enumeration_of_active_sets():
    games = list(zip(*random_games(200), strict=True))
    x, prices, status, _ = solve_all(*games)
    contradictory = 0
    for i, game in enumerate(games):
        wanted = all_equilibria(*game)
        if not wanted:  # a strictly monotone game has an equilibrium unless the limits contradict each other
            contradictory += 1
            assert status[i] == "infeasible"
            assert np.all(np.isnan(x[i]))
            assert np.all(np.isnan(prices[i]))
            continue
        assert len(wanted) == 1
        found = np.concatenate([x[i], prices[i]])
        assert status[i] == "converged", i
        np.testing.assert_allclose(found, wanted[0], atol=1e-8 * (1 + np.max(np.abs(found))))
    assert contradictory > 10


FREE = np.array([2.375, 1.875, 2.375])  # its equilibrium without constraints, exact in binary


@pytest.mark.parametrize(
    ("use", "limit", "status", "actions", "prices"),
    [
        # an emission cap of half the free output: (9 - p, ...) with sum x = 3 gives p = 29/6
        ([ONES, 0 * ONES], [3.0, 1.0], "converged", [7 / 6, 2 / 3, 7 / 6], [29 / 6, 0.0]),
        ([ONES, -ONES], [100.0, 0.0], "converged", FREE, [0.0, 0.0]),
        ([ONES, -ONES], [1e9, 1e9], "converged", FREE, [0.0, 0.0]),
        # at least eight in all: everybody sells 11 / 24 more, for a subsidy of 4 * 11 / 24
        ([-ONES, ONES], [-8.0, 9.0], "converged", FREE + 11 / 24, [11 / 6, 0.0]),
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.5, 0.25], "converged", [0.5, 3.875, 0.25], [3.875, 4.125]),
        # a limit that repeats a bound: what is due to which is arbitrary
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 0.0], "degenerate", [0.0, 4.25, 0.0], None),
        ([1e-9 * ONES, ONES], [3e-9, 9.0], "converged", [7 / 6, 2 / 3, 7 / 6], [29 / 6 * 1e9, 0.0]),
        # twice the same limit: what each copy costs is arbitrary, the actions are not
        ([ONES, 2 * ONES], [3.0, 6.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, -ONES], [3.0, -3.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, ONES], [6.625, 6.625], "degenerate", FREE, [0.0, 0.0]),
        ([ONES, -ONES], [0.0, 0.0], "degenerate", [0.0, 0.0, 0.0], None),
        ([ONES, 0 * ONES], [3.0, 0.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, -ONES], [3.0, -3.001], "infeasible", None, None),
        ([ONES, -ONES], [-1e-6, 9.0], "infeasible", None, None),
        ([ONES, 0 * ONES], [3.0, -1.0], "infeasible", None, None),
        ([ONES, ONES], [np.nan, 3.0], "nonfinite", None, None),
    ],
)
def test_corners_of_a_capped_oligopoly(use, limit, status, actions, prices):
    x, found, code, _ = solve_all((*COURNOT, use, limit, ONES))
    assert code == [status]
    if status in ("infeasible", "nonfinite"):
        assert np.all(np.isnan(x))
        assert np.all(np.isnan(found))
    if actions is not None:
        np.testing.assert_allclose(x[0], actions, atol=1e-9)
    if prices is not None:
        np.testing.assert_allclose(found[0], prices, rtol=1e-9, atol=1e-12)


def test_units_of_money_goods_and_limits_do_not_matter():
    linear, matrix, use, limit = river_basin()
    base_x, base_prices, _, _ = solve_all((linear, matrix, use, limit, ONES))
    scales = [(money, good, unit) for money in (1e-6, 1e6) for good in (1e-4, 1e4) for unit in (1e-5, 1e5)]
    games = [(linear * m / g, matrix * m / g**2, use * u / g, limit * u, ONES) for m, g, u in scales]
    x, prices, status, _ = solve_all(*games)
    assert set(status) == {"converged"}
    for (money, good, unit), actions, price in zip(scales, x, prices, strict=True):
        np.testing.assert_allclose(actions / good, base_x[0], rtol=1e-9)
        np.testing.assert_allclose(price * unit / money, base_prices[0], rtol=1e-9)


def test_weights_divide_the_price_among_players():
    linear, matrix, use, limit = river_basin()
    x, prices, _, found = solve_all((linear, matrix, use, limit, WEIGHT), (linear, matrix, use, limit, 3 * ONES))
    (wanted,) = all_equilibria(linear, matrix, use, limit, WEIGHT)
    np.testing.assert_allclose(np.concatenate([x[0], prices[0]]), wanted, rtol=1e-9, atol=1e-12)
    for name, r in zip(NAMES, WEIGHT, strict=True):
        np.testing.assert_allclose(found.player_prices[name]["first"][0], prices[0, 0] / r)
    (equal,) = all_equilibria(linear, matrix, use, limit)  # equal weights of any size: the variational equilibrium
    np.testing.assert_allclose(x[1], equal[:3], rtol=1e-9)
    own = [found.player_prices[name]["first"][1] for name in NAMES]
    np.testing.assert_allclose(own, equal[3], rtol=1e-9)


def test_relabelling_players_relabels_actions_and_leaves_prices():
    linear, matrix, use, limit = river_basin()
    turn = [2, 0, 1]
    moved = (linear[turn], matrix[np.ix_(turn, turn)], use[:, turn], limit, ONES)
    x, prices, _, _ = solve_all((linear, matrix, use, limit, ONES), moved)
    np.testing.assert_allclose(x[1], x[0][turn], rtol=1e-10)
    np.testing.assert_allclose(prices[1], prices[0], rtol=1e-10)


def test_float32_agrees_to_its_own_accuracy():
    linear, matrix, use, limit = river_basin()
    (wanted,) = all_equilibria(linear, matrix, use, limit)
    with jax.enable_x64(False):
        found = eqs.solve_nash(constrained_game(linear, matrix, use, limit))
        assert found.actions["x"].dtype == jnp.float32
        assert found.status == eqs.Status.converged
    np.testing.assert_allclose(found.actions["x"], wanted[:3], rtol=1e-4)
    np.testing.assert_allclose(found.prices["first"], wanted[3], rtol=1e-4)


def everything(linear, matrix, use, limit, weight):
    found = eqs.solve_nash(constrained_game(linear, matrix, use, limit, weight))
    return jnp.concatenate([found.actions["x"], jnp.stack(list(found.prices.values()))])


@pytest.fixture(scope="module")
def slopes():
    """Derivatives in all arrays of two games; in the second the first limit is met exactly, at a price of zero."""
    met = (*COURNOT, np.array([ONES, 0 * ONES]), np.array([6.625, 1.0]), ONES)
    games = [(*river_basin(), WEIGHT), met]
    slope = jax.jit(jax.vmap(jax.jacfwd(everything, argnums=(0, 1, 2, 3, 4))))
    return slope(*(np.stack(parts) for parts in zip(*games, strict=True)))


def test_sensitivities_of_actions_and_prices_match_differences_of_the_reference(slopes):
    game = (*river_basin(), WEIGHT)
    step = 1e-6
    for which, entry in [(0, (0,)), (1, (0, 1)), (2, (0, 2)), (2, (1, 0)), (3, (0,)), (3, (1,)), (4, (0,)), (4, (2,))]:

        def moved(by, which=which, entry=entry):
            parts = [part.copy() for part in game]
            parts[which][entry] += by
            return all_equilibria(*parts)[0]

        difference = (moved(step) - moved(-step)) / (2 * step)
        np.testing.assert_allclose(slopes[which][(0, slice(None), *entry)], difference, rtol=1e-6, atol=1e-7)


def market(linear, matrix, excess):
    """Player a sells to b and c: x_b + x_c - x_a equals `excess`; the second market holds nothing up."""
    return constrained_game(linear, matrix, jnp.array([[-1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]), excess, kind="equal")


def test_a_market_clears_at_the_price_of_its_equality():
    """Cost x_a^2 / 2; b buys at utility 8 x - x^2 / 2; c must take 1 at utility 4 x - x^2 / 2.

    a: -x_a + p = 0, b: 8 - x_b - p = 0, x_a = x_b + 1, so p = 9 / 2; c's own price tops p up to its utility 4 - 1.
    """
    linear, matrix = jnp.array([0.0, 8.0, 4.0]), -jnp.eye(3)

    def outcome(linear, excess):
        found = eqs.solve_nash(market(linear, matrix, excess))
        return jnp.concatenate([found.actions["x"], jnp.stack(list(found.prices.values()))]), found

    slopes, found = jax.jit(jax.jacrev(outcome, argnums=(0, 1), has_aux=True))(linear, jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(found.actions["x"], [4.5, 3.5, 1.0], rtol=1e-9)
    np.testing.assert_allclose(list(found.prices.values()), [4.5, -1.5], rtol=1e-9)
    np.testing.assert_allclose(list(found.slack.values()), 0.0, atol=1e-12)
    assert found.status == eqs.Status.converged
    # p = (8 + x_c - excess) / 2: half of the buyer's utility, minus half of what is taken out of the market
    np.testing.assert_allclose(slopes[0][3], [-0.5, 0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(slopes[1][3], [-0.5, 0.5], atol=1e-9)


def test_a_limit_that_is_met_without_a_price_has_no_two_sided_derivative(slopes):
    in_limit = slopes[3][1]
    assert np.all(np.isnan(in_limit[:4, 0]))
    np.testing.assert_allclose(in_limit[4], 0.0)  # the second limit is slack whatever happens
