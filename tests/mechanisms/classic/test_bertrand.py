import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.classic import LinearBertrand, linear_bertrand_equilibrium
from eqsolve.mechanisms.classic.bertrand import linear_bertrand_jacobian, linear_bertrand_outcomes

EFFECT = np.array([[3.0, -1.0, -0.5], [-0.8, 2.0, -0.7], [-0.2, 0.4, 1.5]])  # substitutes, and one complement


def payoff(intercept, cost, effect=EFFECT):
    return lambda p: (p - cost) * (intercept - p @ effect.T)


def test_symmetric_duopoly_is_the_textbook_formula():
    # q = a - b p + d p_other: p = (a + b c) / (2 b - d)
    market = LinearBertrand([10.0, 10.0], [[2.0, -1.0], [-1.0, 2.0]], cost=1.0)
    np.testing.assert_allclose(linear_bertrand_equilibrium(market), [(10.0 + 2.0) / 3.0] * 2)


@pytest.mark.parametrize("seed", range(5))
def test_no_firm_gains(seed, largest_gain):
    rng = np.random.default_rng(seed)
    intercept, cost = rng.uniform(5, 10, 3), rng.uniform(0, 2, 3)
    market = LinearBertrand(intercept, EFFECT, cost)
    price, upper = linear_bertrand_equilibrium(market), market.game().limits()[1]["price"]
    assert np.all(price < upper)
    assert largest_gain(payoff(intercept, cost), price, 0.0, upper) <= 1e-12
    assert largest_gain(payoff(intercept, cost), 0.9 * price, 0.0, upper) > 1e-3


def test_replies_to_prices_in_the_box_stay_in_it():
    market = LinearBertrand([5.0, 9.0, 1.0], EFFECT, cost=[2.0, 0.0, 4.0])
    upper = market.game().limits()[1]["price"]
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3) * np.asarray(upper)
    own = np.diag(EFFECT)
    others = corners @ EFFECT.T - corners * own
    replies = (np.asarray(market.intercept) - others + own * np.asarray(market.cost)) / (2 * own)
    assert np.all(replies <= upper + 1e-12)


def test_outcomes_and_jacobian():
    market = LinearBertrand([5.0, 9.0, 4.0], EFFECT, cost=[2.0, 0.0, 1.0])
    price = jnp.array([1.0, 2.0, 3.0])
    found = market.game().expect({"price": price})
    np.testing.assert_allclose(found["quantity"], np.array([5.0, 9.0, 4.0]) - EFFECT @ np.asarray(price))
    np.testing.assert_allclose(found["profit"], payoff(np.array([5.0, 9.0, 4.0]), np.array([2.0, 0.0, 1.0]))(price))
    automatic = jax.jit(jax.jacfwd(lambda p: linear_bertrand_outcomes(market, {"price": p}, None)))(price)
    for name, row in linear_bertrand_jacobian(market, {"price": price}).items():
        np.testing.assert_allclose(row["price"], automatic[name], rtol=1e-12)


def test_derivatives_are_finite_at_corners(derivatives, assert_finite):
    dtype = jnp.float32
    market = LinearBertrand(*(jnp.asarray(x, dtype) for x in ([5.0, 9.0, 4.0], EFFECT, [0.0, 0.0, 1.0])))
    lower, upper = market.game().limits()
    assert_finite(derivatives(market.game(), {"price": jnp.stack([lower["price"], upper["price"]])}), dtype)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intercept": [1.0, 0.0]}, r"LinearBertrand\.intercept\[1\] is 0\.0; give numbers above zero"),
        ({"price_effect": [[1.0, 0.0]]}, r"price_effect has shape \(1, 2\); give one row and one column"),
        ({"price_effect": [[2.0, -1.0], [-2.0, 2.0]]}, r"row \[1\] is 0\.0; own-price effects must outweigh"),
        ({"price_effect": [[-2.0, 0.0], [0.0, 2.0]]}, r"row \[0\] is -2\.0; own-price effects must outweigh"),
        ({"cost": -1.0}, r"LinearBertrand\.cost\[0\] is -1\.0"),
        ({"cost": [1.0, np.nan]}, r"LinearBertrand\.cost is nan at index \[1\]"),
    ],
)
def test_impossible_markets_are_refused(change, message):
    given = {"intercept": [1.0, 1.0], "price_effect": [[2.0, -1.0], [-1.0, 2.0]], "cost": 0.0}
    with pytest.raises(ValueError, match=message):
        LinearBertrand(**(given | change))


def test_closed_form_refuses_negative_sales():
    market = LinearBertrand([10.0, 1.0], [[2.0, -1.0], [-1.0, 2.0]], cost=[0.0, 9.0])
    with pytest.raises(ValueError, match="give negative sales"):
        linear_bertrand_equilibrium(market)
