import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.mechanisms.classic.substitution import DemandSubstitution, substitution_jacobian
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors

SPILL = np.array([[0.0, 0.5, 0.25], [0.4, 0.0, 0.6], [0.0, 1.0, 0.0]])
PRICE, WHOLESALE, COST, SALVAGE = np.array([10.0, 8.0, 12.0]), np.array([4.0, 5.0, 6.0]), 3.0, 1.0
DEMAND = np.random.default_rng(3).integers(0, 12, (15, 3)).astype(float)
CHANCE = np.random.default_rng(4).dirichlet(np.ones(15))


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def market():
    return DemandSubstitution(PRICE, WHOLESALE, SPILL, DEMAND, CHANCE, COST, SALVAGE)


def plain(stocks):
    """Expected profits of outlets [points, outlets] and of everybody [points], customer by customer in NumPy."""
    outlets, chain = np.zeros_like(stocks), np.zeros(len(stocks))
    for chance, demand in zip(CHANCE, DEMAND, strict=True):
        turned_away = np.maximum(demand - stocks, 0)
        customers = demand + turned_away @ SPILL
        sold = np.minimum(customers, stocks)
        revenue = PRICE * sold + SALVAGE * (stocks - sold)
        outlets += chance * (revenue - WHOLESALE * stocks)
        chain += chance * np.sum(revenue - COST * stocks, axis=1)
    return outlets, chain


def test_profits_and_slopes():
    stocks = np.random.default_rng(5).uniform(0, 14, (6, 3))
    game = market().game()
    found = jax.vmap(lambda stock: game.expect({"stock": stock}))(jnp.asarray(stocks))
    outlets, chain = plain(stocks)
    np.testing.assert_allclose(found["profit"], outlets, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose((found["profit"] + found["manufacturer profit"]).sum(axis=1), chain, rtol=1e-12)
    slopes = jax.vmap(lambda stock: substitution_jacobian(market(), {"stock": stock}))(jnp.asarray(stocks))
    for j, step in enumerate(1e-6 * np.eye(3)):
        difference = (plain(stocks + step)[0] - plain(stocks - step)[0]) / 2e-6
        np.testing.assert_allclose(slopes["profit"]["stock"][:, :, j], difference, atol=1e-7)


def test_two_outlets_are_the_competing_newsvendors():
    demand = DEMAND[:, :2]
    spill = [[0.0, 0.3], [0.8, 0.0]]
    mine = DemandSubstitution([10.0, 8.0], [4.0, 6.0], spill, demand).game()
    other = CompetingNewsvendors([10.0, 8.0], [0.6, 0.25], [0.3, 0.8], demand).game()
    stock = {"stock": jnp.array([5.3, 7.1])}
    np.testing.assert_allclose(mine.expect(stock)["profit"], other.expect(stock)["profit"], rtol=1e-12)


def test_the_equilibrium_leaves_no_better_stock():
    found = eqs.solve_nash(market().game(), solver=eqs.BestReply())
    stock = np.asarray(found.actions["stock"])
    here = plain(stock[None])[0][0]
    for i in range(3):
        trial = np.tile(stock, (4001, 1))
        trial[:, i] = np.linspace(0, 30, 4001)
        assert plain(trial)[0][:, i].max() <= here[i] + 1e-9


def test_the_best_plan_beats_a_grid():
    plan = eqs.solve_first_best(market().game())
    grid = np.array(list(itertools.product(np.arange(0, 19, 0.75), repeat=3)))
    best = plain(np.asarray(plan.actions["stock"])[None])[1][0]
    assert best >= plain(grid)[1].max() - 1e-9


def test_the_total_is_not_concave_and_the_best_plan_closes_an_outlet():
    # both outlets expect four customers; every customer of the second is worth more at the first
    game = DemandSubstitution([30.0, 10.0], [8.0, 5.0], [[0.0, 0.0], [1.0, 0.0]], [[4.0, 4.0]]).game()

    def total(stock):
        return float(game.expect({"stock": jnp.array(stock)})["profit"].sum())

    # with eight units at the first outlet the slope in the second stock is -25 up to the demand of four, then -5
    np.testing.assert_allclose([total([8.0, y]) for y in (2.0, 4.0, 6.0)], [126.0, 76.0, 66.0])
    plan = eqs.solve_first_best(game)
    np.testing.assert_allclose(plan.actions["stock"], [8.0, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spill": SPILL[:2]}, r"spill has shape \(2, 3\)"),
        ({"spill": SPILL + 0.5 * np.eye(3)}, r"diagonal\[0\] is 0.5"),
        ({"spill": 2 * SPILL}, r"sum of row \[0\] is 1.5"),
        ({"spill": -SPILL}, r"spill\[0, 1\] is -0.5"),
        ({"salvage": 4.5}, r"wholesale_price - salvage\[0\] is -0.5"),
        ({"price": [1.0, 2.0]}, r"price has shape \(2,\)"),
        ({"demand": DEMAND[:, :1]}, r"demand has shape \(15, 1\)"),
        ({"probabilities": CHANCE[:4]}, r"probabilities has shape \(4,\)"),
        ({"probabilities": 2 * CHANCE}, r"sum of DemandSubstitution.probabilities is (2|1.9)"),
    ],
)
def test_bad_input_is_named(change, message):
    good = {"price": PRICE, "wholesale_price": WHOLESALE, "spill": SPILL, "demand": DEMAND, "probabilities": CHANCE}
    with pytest.raises(ValueError, match=message):
        DemandSubstitution(**(good | change))
