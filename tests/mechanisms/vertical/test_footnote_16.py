"""Footnote 16 of paper 003: outlets that are perfect substitutes may differ, one serving only the other's overflow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs

SCENARIOS = eqs.Scenarios(lambda params: (params["consumers"], params["chance"]))


def outcomes(params, actions, consumers):
    """All consumers call at outlet 1; proportional rationing sends a share of them on to outlet 2."""
    price, stock = actions["price"], actions["stock"]
    demand = consumers * (1 - price[0] / 100)
    unserved = jnp.maximum(1 - stock[0] / jnp.where(demand > 0, demand, 1.0), 0.0) * consumers
    second = unserved * (1 - price[1] / 100)
    sold = jnp.minimum(jnp.stack([demand, second]), stock)
    return {"profit": jnp.sum(price * sold - params["cost"] * stock), "sold": sold}


def game():
    high = {"price": np.array([99.0, 99.0]), "stock": np.array([130.0, 130.0])}
    return eqs.Game(
        {"consumers": np.array([100.0, 120.0]), "chance": np.array([0.95, 0.05]), "cost": 1.0},
        actions=[eqs.Action("price", (2,), "chain"), eqs.Action("stock", (2,), "chain")],
        bounds=eqs.Box({"price": np.ones(2), "stock": np.zeros(2)}, high),
        outcomes=outcomes,
        rule=SCENARIOS,
        pay={"chain": {"profit": 1.0}},
        total={"profit": 1.0},
    )


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def profit(p1, y1, p2, y2):
    """The same market in plain NumPy."""
    total = -1.0 * (y1 + y2)
    for consumers, chance in ((100, 0.95), (120, 0.05)):
        first = consumers * (1 - p1 / 100)
        second = np.maximum(1 - y1 / first, 0) * consumers * (1 - p2 / 100)
        total = total + chance * (p1 * np.minimum(first, y1) + p2 * np.minimum(second, y2))
    return total


def test_the_second_outlet_serves_the_overflow_of_the_high_state():
    # independent computation: outlet 1 serves a hundred consumers in full
    p1 = np.linspace(1, 99, 98_001)
    single = 100 * (1 - p1 / 100) * (p1 - 1)
    assert p1[single.argmax()] == pytest.approx(50.5)
    np.testing.assert_allclose(single.max(), 2450.25, rtol=1e-12)
    plan = {"price": jnp.array([50.5, 60.0]), "stock": jnp.array([49.5, 8.0])}
    np.testing.assert_allclose(game().expect(plan)["profit"], 2466.25, rtol=1e-12)
    np.testing.assert_allclose(8.0 / 49.5, 0.16161616161616163, rtol=1e-12)  # below the 0.2 of the footnote
    p2, y2 = np.linspace(1, 99, 981)[:, None], np.linspace(0, 20, 401)[None]
    values = profit(50.5, 49.5, p2, y2)
    best = np.unravel_index(values.argmax(), values.shape)
    np.testing.assert_allclose([p2[best[0], 0], y2[0, best[1]], values.max()], [60.0, 8.0, 2466.25], rtol=1e-12)


def test_the_best_plan_for_both_outlets_is_no_worse_and_not_alike():
    found = eqs.solve_first_best(game())
    best = float(found.objectives["planner"])
    (p1, p2), (y1, y2) = (np.asarray(found.actions[name]) for name in ("price", "stock"))
    np.testing.assert_allclose(profit(p1, y1, p2, y2), best, rtol=1e-12)
    assert best >= 2466.25 - 1e-6
    assert y2 < 0.2 * y1
    assert p2 > p1
