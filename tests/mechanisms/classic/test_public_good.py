import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.classic import (
    CobbDouglasPublicGood,
    QuasilinearPublicGood,
    cobb_douglas_contributions,
    quasilinear_contributions,
)


def cobb_douglas_payoff(income, weight):
    return lambda g: (income - g) ** weight * g.sum(-1, keepdims=True) ** (1 - weight)


def quasilinear_payoff(value, scale, income):
    return lambda g: value * scale * np.log(1 + g.sum(-1, keepdims=True) / scale) + income - g


@pytest.mark.parametrize("seed", range(6))
def test_no_player_gains_with_cobb_douglas_tastes(seed, largest_gain):
    rng = np.random.default_rng(seed)
    players = rng.integers(1, 7)
    income, weight = rng.uniform(0.5, 4, players), rng.uniform(0.2, 0.8, players)
    economy = CobbDouglasPublicGood(income, weight)
    contribution, payoff = cobb_douglas_contributions(economy), cobb_douglas_payoff(income, weight)
    assert largest_gain(payoff, contribution, 0.0, income) <= 1e-12
    assert largest_gain(payoff, 0.8 * contribution, 0.0, income) > 1e-5
    found = economy.game().expect({"contribution": jnp.asarray(contribution)})
    np.testing.assert_allclose(found["utility"], payoff(contribution[None])[0], rtol=1e-13)
    np.testing.assert_allclose(found["provision"], contribution.sum(), rtol=1e-14)


def test_redistribution_among_contributors_changes_nothing():
    before = CobbDouglasPublicGood([4.0, 3.0, 0.5], 0.4)
    after = CobbDouglasPublicGood([3.5, 3.5, 0.5], 0.4)
    first, second = cobb_douglas_contributions(before), cobb_douglas_contributions(after)
    assert first[2] == second[2] == 0
    np.testing.assert_allclose(first.sum(), second.sum(), rtol=1e-14)
    np.testing.assert_allclose(second - first, [-0.5, 0.5, 0.0], atol=1e-14)


def test_plan_for_equals_follows_the_samuelson_rule():
    # equal tastes and incomes: the best common contribution spends the share 1 - alpha of all income
    economy = CobbDouglasPublicGood([2.0] * 3, 0.6)
    game = economy.game()
    total = jax.jit(jax.vmap(lambda g: game.expect({"contribution": jnp.full(3, g)})["utility"].sum()))
    grid = jnp.linspace(0, 2, 2001)
    np.testing.assert_allclose(grid[jnp.argmax(total(grid))], 0.4 * 2.0, atol=1.1e-3)


@pytest.mark.parametrize(
    ("value", "income", "expected"),
    [
        ([4.0, 2.0, 3.0], 9.0, [6.0, 0.0, 0.0]),  # only the keenest contributes
        ([4.0, 2.0, 3.0], 5.0, [5.0, 0.0, 0.0]),  # her income is enough to leave the next one out
        ([4.0, 2.0, 3.0], 3.0, [3.0, 0.0, 1.0]),  # the next one tops up to his own level
        ([4.0, 2.0, 3.0], 1.5, [1.5, 0.0, 1.5]),
        ([4.0, 2.0, 3.0], 0.5, [0.5, 0.5, 0.5]),
        ([0.5, 1.0, 0.9], 9.0, [0.0, 0.0, 0.0]),  # nobody values the first unit enough
    ],
)
def test_quasilinear_contributions_follow_values(value, income, expected, largest_gain):
    economy = QuasilinearPublicGood(value, scale=2.0, income=income)
    contribution = quasilinear_contributions(economy)
    np.testing.assert_allclose(contribution, expected)
    assert largest_gain(quasilinear_payoff(np.array(value), 2.0, income), contribution, 0.0, income) <= 1e-12


def test_among_equals_every_split_is_an_equilibrium(largest_gain):
    payoff = quasilinear_payoff(np.array([3.0, 3.0, 3.0]), 2.0, 9.0)
    assert quasilinear_contributions(QuasilinearPublicGood([3.0] * 3, 2.0, 9.0)).sum() == 4.0
    for split in ([4.0, 0.0, 0.0], [1.0, 1.0, 2.0], [0.0, 0.5, 3.5]):
        assert largest_gain(payoff, split, 0.0, 9.0) <= 1e-12
    assert largest_gain(payoff, [1.0, 1.0, 1.0], 0.0, 9.0) > 1e-2


def test_quasilinear_outcomes_in_plain_numpy():
    economy = QuasilinearPublicGood([4.0, 2.0], scale=3.0, income=[5.0, 6.0])
    contribution = np.array([1.0, 0.5])
    found = economy.game().expect({"contribution": jnp.asarray(contribution)})
    expected = quasilinear_payoff(np.array([4.0, 2.0]), 3.0, np.array([5.0, 6.0]))(contribution[None])[0]
    np.testing.assert_allclose(found["utility"], expected, rtol=1e-14)
    assert found["provision"] == 1.5


@pytest.mark.parametrize("kind", [CobbDouglasPublicGood, QuasilinearPublicGood])
def test_derivatives_are_finite_at_corners(kind, derivatives, assert_finite):
    dtype = jnp.float32
    numbers = ([2.0, 5.0], 0.3) if kind is CobbDouglasPublicGood else ([0.5, 3.0], 2.0, [2.0, 5.0])
    economy = kind(*(jnp.asarray(x, dtype) for x in numbers))
    corners = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 5.0], [2.0, 5.0]], dtype)
    assert_finite(derivatives(economy.game(), {"contribution": corners}), dtype)


def test_income_bounds_contributions():
    lower, upper = CobbDouglasPublicGood([2.0, 5.0]).game().limits()
    np.testing.assert_array_equal(lower["contribution"], [0.0, 0.0])
    np.testing.assert_array_equal(upper["contribution"], [2.0, 5.0])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CobbDouglasPublicGood([1.0, -1.0]), r"CobbDouglasPublicGood\.income\[1\] is -1\.0"),
        (lambda: CobbDouglasPublicGood([1.0, 1.0], [0.5, 1.0]), r"private_weight\[1\] is 1\.0; give weights above 0"),
        (lambda: CobbDouglasPublicGood(1.0), r"CobbDouglasPublicGood\.income has shape \(\)"),
        (lambda: CobbDouglasPublicGood([1.0, np.inf]), r"CobbDouglasPublicGood\.income is inf at index \[1\]"),
        (lambda: QuasilinearPublicGood([1.0, 2.0], scale=0.0), r"QuasilinearPublicGood\.scale is 0\.0"),
        (lambda: QuasilinearPublicGood([1.0, 2.0], scale=[1.0]), r"QuasilinearPublicGood\.scale has shape \(1,\)"),
        (lambda: QuasilinearPublicGood([1.0, 0.0]), r"QuasilinearPublicGood\.value\[1\] is 0\.0"),
    ],
)
def test_impossible_economies_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
