"""Families of revenue and the best use of shared capacity: direct maximisation, finite differences, invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from eqsolve.mechanisms.capacity import (
    CustomRevenue,
    LogRevenue,
    MixedRevenue,
    PowerRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    ShiftedLogRevenue,
    own_price,
    own_value,
    reallocate,
    shadow_price,
    shared_value,
)

THETA, H, SHIFT, COST = [10.0, 8.0, 5.0], [0.5, 0.4, 0.6], [1.0, 2.0, 3.0], [1.0, 0.5, 0.2]


def shifted(params, q, shock):
    return params["scale"] * shock * jnp.log1p(q / params["shift"])


REVENUES = {
    "quadratic": lambda: QuadraticRevenue(THETA, H),
    "scaled": lambda: ScaledQuadraticRevenue(THETA, H),
    "power": lambda: PowerRevenue(THETA, 0.3),
    "powers": lambda: PowerRevenue(THETA, [2.0, 0.5, 0.7]),
    "root": lambda: RootRevenue(THETA),
    "log": lambda: LogRevenue(THETA),
    "shifted log": lambda: ShiftedLogRevenue(THETA, SHIFT),
    "saturating": lambda: SaturatingRevenue(THETA, [1.0, 2.0, 0.5]),
    "mixed": lambda: MixedRevenue(QuadraticRevenue(10.0, 0.5), RootRevenue(8.0), ShiftedLogRevenue(5.0, 3.0)),
    "custom": lambda: CustomRevenue({"scale": jnp.asarray(THETA), "shift": jnp.asarray(SHIFT)}, shifted, most=1e6),
}
PLAIN = {  # marginal revenue of each division, in plain NumPy
    "quadratic": lambda q, e: np.array(THETA) * e - 2 * np.array(H) * q,
    "scaled": lambda q, e: e * (np.array(THETA) - 2 * np.array(H) * q),
    "power": lambda q, e: np.array(THETA) * e * q**-0.3,
    "powers": lambda q, e: np.array(THETA) * e * q ** -np.array([2.0, 0.5, 0.7]),
    "root": lambda q, e: np.array(THETA) * e / 2 / np.sqrt(q),
    "log": lambda q, e: np.array(THETA) * e / q,
    "shifted log": lambda q, e: np.array(THETA) * e / (np.array(SHIFT) + q),
    "saturating": lambda q, e: np.array(THETA) * e / np.array([1, 2, 0.5]) * np.exp(-q / np.array([1, 2, 0.5])),
    "custom": lambda q, e: np.array(THETA) * e / (np.array(SHIFT) + q),
}
FAST = ("quadratic", "saturating")
SOME = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in REVENUES]
CAPACITY = np.array([0.3, 1.0, 3.0, 6.0, 10.0, 20.0, 40.0])
SHOCK = np.random.default_rng(0).uniform(0.3, 1.7, (7, 3))


@pytest.fixture(autouse=True)
def _in_64_bit():
    with jax.enable_x64(True):
        yield


@jax.jit
def used(revenue, cost, capacity, shock):
    """An allocation, the gradient of its value, and the slopes of its price."""
    slopes = jax.vmap(jax.grad(shared_value, argnums=(1, 2, 3)), (None, None, 0, 0))(revenue, cost, capacity, shock)
    bends = jax.vmap(jax.grad(shadow_price, argnums=(2, 3)), (None, None, 0, 0))(revenue, cost, capacity, shock)
    return reallocate(revenue, cost, capacity, shock), slopes, bends


@pytest.mark.parametrize("name", SOME)
def test_value_and_price_move_as_finite_differences_say(name):
    revenue, cost, step = REVENUES[name](), jnp.asarray(COST), 1e-5
    found, (by_cost, by_capacity, by_shock), (bend, tilt) = used(revenue, cost, CAPACITY, SHOCK)
    np.testing.assert_allclose(by_capacity, found.price, rtol=1e-12)
    np.testing.assert_allclose(by_cost, -found.quantity, rtol=1e-12, atol=1e-12)
    assert np.all(np.sum(found.quantity, axis=1) <= CAPACITY * (1 + 1e-12))
    binding = np.asarray(found.price) > 0
    np.testing.assert_allclose(np.sum(found.quantity, axis=1)[binding], CAPACITY[binding], rtol=1e-12)

    def moved(what, capacity, shock):
        return np.asarray(getattr(used(revenue, cost, capacity, shock)[0], what))

    def slope(what, dk, de):
        up, down = moved(what, CAPACITY + dk, SHOCK + de), moved(what, CAPACITY - dk, SHOCK - de)
        return (up - down) / (2 * step)

    np.testing.assert_allclose(by_capacity, slope("value", step, 0.0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(bend, slope("price", step, 0.0), rtol=1e-6, atol=1e-7)
    for i in range(3):
        np.testing.assert_allclose(by_shock[:, i], slope("value", 0.0, step * np.eye(3)[i]), rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(tilt[:, i], slope("price", 0.0, step * np.eye(3)[i]), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", [n if n == "quadratic" else pytest.param(n, marks=pytest.mark.slow) for n in PLAIN])
def test_prices_are_those_of_a_scalar_root_in_plain_numpy(name):
    found = used(REVENUES[name](), jnp.asarray(COST), CAPACITY, SHOCK)[0]
    for k, e, price, quantity in zip(CAPACITY, SHOCK, found.price, found.quantity, strict=True):

        def wanted(p, e=e, k=k):
            total = []
            for i in range(3):
                net = lambda q, i=i: PLAIN[name](np.full(3, q), e)[i] - COST[i] - p  # noqa: E731
                total.append(0.0 if net(1e-12) <= 0 else k * 9 if net(k * 9) >= 0 else brentq(net, 1e-12, k * 9))
            return np.array(total)

        free = wanted(0.0)
        if free.sum() <= k:
            np.testing.assert_allclose(price, 0.0)
            np.testing.assert_allclose(quantity, free, rtol=1e-9, atol=1e-9)
        else:
            best = brentq(lambda p, wanted=wanted, k=k: wanted(p).sum() - k, 0.0, 1e4, xtol=1e-12)
            np.testing.assert_allclose(price, best, rtol=1e-8)


@pytest.mark.slow
def test_the_value_is_the_maximum():
    revenue, k, e = REVENUES["mixed"](), 6.0, SHOCK[3]
    found = used(revenue, jnp.asarray(COST), jnp.full(7, k), jnp.broadcast_to(e, (7, 3)))[0].value[0]

    def loss(q):
        r = (10 * e[0] - 0.5 * q[0]) * q[0] + 8 * e[1] * np.sqrt(max(q[1], 0)) + 5 * e[2] * np.log1p(q[2] / 3)
        return np.dot(COST, q) - r

    limit = {"type": "ineq", "fun": lambda q: k - q.sum()}
    best = minimize(loss, np.full(3, 1.0), bounds=[(0, k)] * 3, constraints=[limit], tol=1e-12)
    np.testing.assert_allclose(found, -best.fun, rtol=1e-7)


def test_ends_and_missing_numbers():
    root = RootRevenue([10.0, 8.0])
    none = reallocate(root, 0.0, 0.0, [1.0, 1.0])
    assert float(none.price) == np.inf
    assert float(none.value) == 0.0
    np.testing.assert_allclose(reallocate(root, 0.0, 4.0, [1.0, 0.0]).quantity, [4.0, 0.0])
    np.testing.assert_allclose(reallocate(root, 0.0, 4.0, [0.0, 0.0]).value, 0.0)
    straight = QuadraticRevenue([10.0, 6.0], 0.5)
    np.testing.assert_allclose(reallocate(straight, 0.0, 0.0, [1.0, 1.0]).price, 10.0)
    np.testing.assert_allclose(jax.grad(lambda k: shadow_price(straight, 0.0, k, [1.0, 1.0]))(0.0), -1.0)
    for bad in ((-1.0, [1.0, 1.0]), (4.0, [np.nan, 1.0]), (np.nan, [1.0, 1.0])):
        for family in (root, straight):
            assert np.isnan(shared_value(family, 0.0, *bad))
    kept = jax.grad(lambda theta: own_value(RootRevenue(theta), 0.0, 0.0, 1.0))(3.0)
    assert float(kept) == 0.0


@pytest.mark.parametrize("use", ["efficient", "literal"])
def test_own_use_of_capacity(use):
    revenue, k = QuadraticRevenue(10.0, 0.5), np.array([2.0, 7.0, 9.0, 12.0])
    sold = k if use == "literal" else np.minimum(k, 8.0)
    np.testing.assert_allclose(own_value(revenue, 2.0, k, 1.0, use), 8 * sold - 0.5 * sold**2)
    net = 8 - k
    np.testing.assert_allclose(own_price(revenue, 2.0, k, 1.0, use), net if use == "literal" else np.maximum(net, 0))


def test_conventions_and_misuse():
    np.testing.assert_allclose(QuadraticRevenue.halved(10.0, 1.0).revenue(3.0, 1.0), 30 - 4.5)
    np.testing.assert_allclose(QuadraticRevenue(10.0, 1.0).revenue(3.0, 1.0), 30 - 9)
    for family in (lambda: QuadraticRevenue(10.0, 0.0), lambda: PowerRevenue(1.0, 1.0), lambda: RootRevenue(-1.0)):
        with pytest.raises(ValueError, match="give"):
            family()
    with pytest.raises(ValueError, match="one shock per division"):
        reallocate(QuadraticRevenue(THETA, H), 0.0, 1.0, [1.0, 1.0])
    assert np.isnan(jax.jit(lambda h: QuadraticRevenue(10.0, h).marginal(1.0, 1.0))(-1.0))


@pytest.mark.parametrize("name", list(PLAIN))
def test_marginals_and_their_inverses(name):
    revenue, q = REVENUES[name](), np.array([0.5, 2.0, 6.0])
    e = np.array([0.7, 1.0, 1.4])
    price = revenue.marginal(q, e)
    np.testing.assert_allclose(price, PLAIN[name](q, e), rtol=1e-12)
    positive = np.asarray(price) > 0
    np.testing.assert_allclose(np.asarray(revenue.inverse_marginal(price, e))[positive], q[positive], rtol=1e-9)
    np.testing.assert_allclose(revenue.shock_at(q, price), e, rtol=1e-9)
    slope = jax.vmap(jax.grad(lambda q: jnp.sum(revenue.revenue(q, e))))(jnp.broadcast_to(q, (1, 3)))[0]
    np.testing.assert_allclose(slope, price, rtol=1e-12, atol=1e-15)  # rounding of revenue itself
    np.testing.assert_allclose(revenue.of(1).marginal(q[1], e[1]), price[1], rtol=1e-12)


def test_32_bit():
    with jax.enable_x64(False):
        found = reallocate(ShiftedLogRevenue([30.0, 14.0], [2.0, 3.0]), [2.0, 1.0], 6.0, [1.2, 0.9])
    assert found.price.dtype == jnp.float32
    with jax.enable_x64(True):
        exact = reallocate(ShiftedLogRevenue([30.0, 14.0], [2.0, 3.0]), [2.0, 1.0], 6.0, [1.2, 0.9])
    np.testing.assert_allclose(found.price, exact.price, rtol=2e-6)
    np.testing.assert_allclose(found.value, exact.value, rtol=2e-6)
