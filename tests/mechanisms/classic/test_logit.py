import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from eqsolve.mechanisms.classic import LogitBertrand, logit_bertrand_equilibrium
from eqsolve.mechanisms.classic.logit import logit_bertrand_jacobian, logit_bertrand_outcomes

MARKET = LogitBertrand(
    quality=np.array([2.0, 1.0, 3.0, 0.5]),
    cost=np.array([1.0, 0.5, 2.0, 0.0]),
    price_sensitivity=1.3,
    market_size=7.0,
    owners=["left", "right", "left", "other"],
)
OWNED = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def shares(price, market=MARKET):
    attraction = np.exp(np.asarray(market.quality) - float(market.price_sensitivity) * np.asarray(price))
    return attraction / (1 + attraction.sum())


def profits(price):
    return OWNED @ (7.0 * (np.asarray(price) - np.asarray(MARKET.cost)) * shares(price))


def test_no_firm_gains_with_any_of_its_prices():
    price = logit_bertrand_equilibrium(MARKET)
    upper = np.asarray(MARKET.game().limits()[1]["price"])
    for firm, owned in enumerate(OWNED.astype(bool)):

        def loss(own, firm=firm, owned=owned):
            changed = price.copy()
            changed[owned] = own
            return -profits(changed)[firm]

        box = [(0, high) for high in upper[owned]]
        best = optimize.shgo(loss, box, n=32, options={"ftol": 1e-14})
        assert best.success
        assert -best.fun <= profits(price)[firm] * (1 + 1e-12)
        np.testing.assert_allclose(best.x, price[owned], atol=1e-4)  # profit is flat at its maximum


def test_markups_are_the_known_ones():
    price = logit_bertrand_equilibrium(MARKET)
    firm_shares = OWNED @ shares(price)
    known = 1 / (1.3 * (1 - firm_shares))
    np.testing.assert_allclose(price - np.asarray(MARKET.cost), known @ OWNED, rtol=1e-12)


def test_a_single_owner_charges_the_lambert_markup():
    market = LogitBertrand(MARKET.quality, MARKET.cost, 1.3, owners=["all"] * 4)
    value = np.exp(np.asarray(MARKET.quality) - 1.3 * np.asarray(MARKET.cost)).sum()
    markup = (1 + special.lambertw(value / np.e).real) / 1.3
    np.testing.assert_allclose(logit_bertrand_equilibrium(market), np.asarray(MARKET.cost) + markup, rtol=1e-12)
    assert np.all(np.asarray(MARKET.cost) + markup < market.game().limits()[1]["price"])


def test_extreme_qualities_stay_finite():
    market = LogitBertrand([800.0, 700.0, -900.0], cost=[1e3, 0.0, 1.0], price_sensitivity=2.0)
    price = logit_bertrand_equilibrium(market)
    residual = (
        (price - np.asarray(market.cost)) * 2.0 * (1 - special.softmax(np.append(market.quality - 2 * price, 0))[:-1])
    )
    np.testing.assert_allclose(residual, 1.0, rtol=1e-9)


def test_outcomes_in_plain_numpy():
    price = np.array([2.0, 1.0, 4.0, 0.7])
    found = MARKET.game().expect({"price": jnp.asarray(price)})
    np.testing.assert_allclose(found["share"], shares(price), rtol=1e-12)
    np.testing.assert_allclose(found["profit"], profits(price), rtol=1e-12)
    attraction = np.exp(np.asarray(MARKET.quality) - 1.3 * price)
    np.testing.assert_allclose(found["consumer surplus"], 7.0 / 1.3 * np.log1p(attraction.sum()), rtol=1e-12)
    np.testing.assert_allclose(found["welfare"], found["consumer surplus"] + found["profit"].sum(), rtol=1e-12)


def test_jacobian_is_the_derivative_of_the_outcomes():
    price = jnp.array([2.0, 1.0, 4.0, 0.7])
    automatic = jax.jit(jax.jacfwd(lambda p: logit_bertrand_outcomes(MARKET, {"price": p}, None)))(price)
    for name, row in logit_bertrand_jacobian(MARKET, {"price": price}).items():
        np.testing.assert_allclose(row["price"], automatic[name], rtol=1e-11, atol=1e-14)


def test_welfare_is_stationary_at_cost():
    slope = logit_bertrand_jacobian(MARKET, {"price": MARKET.cost})["welfare"]["price"]
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)


def test_derivatives_are_finite_at_corners(derivatives, assert_finite):
    dtype = jnp.float32
    market = jax.tree.map(lambda leaf: leaf.astype(dtype), MARKET)
    lower, upper = market.game().limits()
    assert_finite(derivatives(market.game(), {"price": jnp.stack([lower["price"], upper["price"]])}), dtype)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"owners": ["a"]}, r"LogitBertrand\.owners is \('a',\); name the owner of each of the 2 products"),
        ({"price_sensitivity": 0.0}, r"LogitBertrand\.price_sensitivity is 0\.0"),
        ({"market_size": [1.0, 1.0]}, r"LogitBertrand\.market_size has shape \(2,\); give one number"),
        ({"cost": [1.0, -1.0]}, r"LogitBertrand\.cost\[1\] is -1\.0"),
        ({"quality": [np.inf, 1.0]}, r"LogitBertrand\.quality is inf at index \[0\]"),
        ({"quality": 1.0}, r"LogitBertrand\.quality has shape \(\)"),
    ],
)
def test_impossible_markets_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LogitBertrand(**({"quality": [1.0, 1.0], "cost": 1.0} | change))
