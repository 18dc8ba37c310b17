"""Quadratic revenue and uniform shocks: the closed forms against sums over a fine grid of states, in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand import Uniform
from eqsolve.demand.joint import Independent
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    QuadraticRevenue,
    expected_own_price,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
)

STATES = 800
OWN = (0.3, 0.7)  # shares of all capacity that are a division's own


def draws(count, seed=5):
    """Random environments: some with idle states, some with a division that is not served in some."""
    unit = np.random.default_rng(seed).uniform(size=(count, 11))
    low = 0.1 + 0.9 * unit[:, 6:8]
    return {
        "scale": 3 + 3 * unit[:, 0:2],
        "curvature": 0.3 + unit[:, 2:4],
        "cost": 0.2 + 1.8 * unit[:, 4:6],
        "low": low,
        "width": 0.1 + 1.9 * unit[:, 8:10],
        "capacity": 0.1 + 11 * unit[:, 10],
    }


def environment(given):
    shocks = Independent(*(Uniform(given["low"][i], given["width"][i]) for i in (0, 1)))
    return CapacityEnvironment(QuadraticRevenue(given["scale"], given["curvature"]), 1.0, shocks, given["cost"])


def found(given):
    """Prices and values, and the derivatives of values and prices by differentiation."""
    divisions, k = environment(given), given["capacity"]
    own = k * jnp.array(OWN)
    return {
        "price": expected_shadow_price(divisions, k),
        "value": expected_shared_value(divisions, k),
        "own price": expected_own_price(divisions, own),
        "own value": expected_own_value(divisions, own),
        "price's slope": jax.grad(lambda k: expected_shadow_price(divisions, k))(k),
        "own price's slope": jnp.diagonal(jax.jacfwd(lambda k: expected_own_price(divisions, k))(own)),
    }


def summed(given, k):
    """Prices and values of shared and of own capacity by sums over states."""
    unit = (np.arange(STATES) + 0.5) / STATES
    margins = [given["scale"][i] * (given["low"][i] + given["width"][i] * unit) - given["cost"][i] for i in (0, 1)]
    a1, a2 = margins[0][:, None], margins[1][None]
    h1, h2 = given["curvature"]
    both = (h2 * a1 + h1 * a2 - 2 * h1 * h2 * k) / (h1 + h2)
    price = np.maximum.reduce([a1 - 2 * h1 * k + 0 * a2, a2 - 2 * h2 * k + 0 * a1, both, 0 * a1 * a2])
    sold = [np.maximum(a - price, 0) / (2 * h) for a, h in ((a1, h1), (a2, h2))]
    value = sum(a * q - h * q * q for a, q, h in ((a1, sold[0], h1), (a2, sold[1], h2)))
    own = [np.clip(margins[i] / (2 * (h1, h2)[i]), 0, OWN[i] * k) for i in (0, 1)]
    return {
        "price": price.mean(),
        "value": value.mean(),
        "own price": [
            np.maximum(a - 2 * h * s * k, 0).mean() for a, h, s in zip(margins, (h1, h2), (0.3, 0.7), strict=True)
        ],
        "own value": [(a * q - h * q * q).mean() for a, q, h in zip(margins, own, (h1, h2), strict=True)],
    }


def test_prices_and_values_are_sums_over_states():
    with jax.enable_x64(True):
        given = draws(40)
        values = jax.jit(jax.vmap(found))(jax.tree.map(jnp.asarray, given))
    step = 1e-4
    for i in range(40):
        one = {name: value[i] for name, value in given.items()}
        expected = summed(one, one["capacity"])
        for name, value in expected.items():
            np.testing.assert_allclose(values[name][i], value, atol=2e-5)  # the grid's own error
        rise = (summed(one, one["capacity"] + step)["price"] - summed(one, one["capacity"] - step)["price"]) / (
            2 * step
        )
        np.testing.assert_allclose(values["price's slope"][i], rise, atol=4e-3)  # steps of the grid's kinks


def test_envelopes_hold_to_rounding():
    with jax.enable_x64(True):
        given = jax.tree.map(jnp.asarray, draws(200, seed=6))

        def slopes(one):
            divisions, k = environment(one), one["capacity"]
            step = 1e-5
            ends = jnp.stack([k + step, k - step])
            price = jax.vmap(lambda k: expected_shadow_price(divisions, k))(ends)
            value = jax.vmap(lambda k: expected_shared_value(divisions, k))(ends)
            return (value[0] - value[1]) / (2 * step), (price[0] - price[1]) / (2 * step)

        value_slope, price_slope = jax.jit(jax.vmap(slopes))(given)
        values = jax.jit(jax.vmap(found))(given)
    np.testing.assert_allclose(value_slope, values["price"], atol=1e-8)
    np.testing.assert_allclose(price_slope, values["price's slope"], atol=1e-4)  # smooth but for kinks of second order


def test_it_does_not_matter_which_division_comes_first():
    given = jax.tree.map(jnp.asarray, draws(50, seed=7))
    swapped = {name: value[:, ::-1] if value.ndim == 2 else value for name, value in given.items()}
    price = jax.jit(jax.vmap(lambda one: expected_shadow_price(environment(one), one["capacity"])))
    eps = float(jnp.finfo(price(given).dtype).eps)
    np.testing.assert_allclose(price(given), price(swapped), atol=100 * eps)


@pytest.mark.parametrize("capacity", [-1.0, np.nan])
def test_no_such_capacity_is_nan(capacity):
    divisions = environment({name: value[0] for name, value in draws(1).items()})
    assert np.isnan(expected_shadow_price(divisions, capacity))
    assert np.all(np.isnan(expected_own_value(divisions, [capacity, capacity])))
