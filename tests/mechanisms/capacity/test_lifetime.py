"""Dedicated capacity over its life: trusted numbers, plain quadrature and search, envelope results."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from eqsolve.demand.finite import DiscreteTable
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity.dedicated_optimum import dedicated_optimum
from eqsolve.mechanisms.capacity.families import QuadraticRevenue, RootRevenue, ShiftedLogRevenue
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, use_of
from eqsolve.mechanisms.capacity.tariffs import naive_full_cost

QUADRATIC = QuadraticRevenue(10.0, 0.5)
TRUSTED = {"rtol": 1e-8, "atol": 1e-9}


def stationary(revenue, shocks, w, v=12.0):
    return LifetimeDivision(revenue, shocks, w, v, 0.1, periods=5)


def facts(division):
    found = dedicated_optimum(division)
    margin = float(found.limited_volatility[0])
    use = found.use
    return [float(x) for x in (found.capacity, found.npv, found.annual_profit, use.output[0], use.full[0], margin)]


def test_stationary_first_best_is_the_trusted_one():
    """Source: independent computation (cases B1, B4, B7, B10)."""
    uniform = stationary(QUADRATIC, Uniform(0.9, 0.2), 2.0)
    expected = [4.834430230463054, 44.29859523829198, 11.68585782660753, 4.834430230463054, 1.0, 2.165569769536946]
    np.testing.assert_allclose(facts(uniform), expected, **TRUSTED)
    discrete = stationary(QUADRATIC, DiscreteTable([0.5, 0.9, 1.2, 1.5], [0.3, 0.3, 0.2, 0.2]), 2.0)
    expected = [5.04918604351865, 38.94274450526466, 10.272997895722234, 4.434430230463055, 0.7, -2.0491860435186497]
    np.testing.assert_allclose(facts(discrete), expected, **TRUSTED)
    log = stationary(ShiftedLogRevenue(30.0, 2.0), Uniform(0.7, 0.6), 3.0)
    expected = [2.8657303576751354, 34.12932137747443, 9.003229000612007, 2.8657303576751354, 1.0, 1.3158988386758619]
    np.testing.assert_allclose(facts(log), expected, **TRUSTED)
    corner = stationary(ShiftedLogRevenue(8.0, 2.0), Uniform(0.8, 0.4), 2.0)
    assert facts(corner)[:4] == [0.0, 0.0, 0.0, 0.0]
    for division in (uniform, discrete, log):
        assert np.all(dedicated_optimum(division).first_unit > 0)


X, W = np.array([1.0, 1.2, 0.9]), np.array([2.0, 2.9, 0.5])
LAWS = [(0.4, 1.6), (0.6, 1.8), (0.3, 1.1)]


def margin_by_quadrature(k, t, theta=20.0):
    """Optimal margin of period t with R = theta e sqrt(q), by the definition and adaptive quadrature."""
    low, high = LAWS[t]

    def margin(e):
        q = min((X[t] * theta * e / (2 * W[t])) ** 2, k)
        return (X[t] * theta * e * np.sqrt(q) - W[t] * q) / (high - low)

    kink = 2 * W[t] * np.sqrt(k) / (X[t] * theta)
    return quad(margin, low, high, points=[min(max(kink, low), high)], epsabs=1e-12)[0]


def test_nonstationary_first_best_is_the_best_by_search():
    price, rate = 7.0, 0.1
    npv = lambda k: sum(margin_by_quadrature(k, t) * 1.1 ** -(t + 1) for t in range(3)) - price * k  # noqa: E731
    best = minimize_scalar(lambda k: -npv(k), bounds=(1, 60), method="bounded", options={"xatol": 1e-9})
    low, high = np.array(LAWS).T
    batch = LifetimeDivision(RootRevenue(20.0), Uniform(low, high - low), W, price, rate, multiplier=X)
    found = dedicated_optimum(batch)
    assert (found.limited_volatility < 0).any()  # otherwise there would be little to test
    np.testing.assert_allclose(found.capacity, best.x, rtol=1e-6)
    np.testing.assert_allclose(found.npv, -best.fun, rtol=1e-10)
    one_each = eqx.tree_at(lambda d: d.shocks, batch, tuple(Uniform(a, b - a) for a, b in LAWS))
    np.testing.assert_allclose(use_of(one_each, 9.0).revenue, use_of(batch, 9.0).revenue, rtol=1e-13)


def test_shocks_without_a_highest_value():
    """Lognormal shocks, R = 20 e sqrt(q): by the law's loss function E max(10 e / sqrt(k) - w, 0) = c."""
    division = LifetimeDivision(RootRevenue(20.0), LogNormal(s=0.5), 2.0, 3.0, 0.0, periods=1)
    found = dedicated_optimum(division)
    root = np.sqrt(float(found.capacity))
    worth = lambda z: max(np.exp(0.5 * z) * 10 / root - 2, 0) * np.exp(-(z**2) / 2)  # noqa: E731
    above = quad(worth, -12, 12, points=[np.log(root / 5) / 0.5], epsabs=1e-12)
    np.testing.assert_allclose(above[0] / np.sqrt(2 * np.pi), 3.0, rtol=1e-9)
    assert found.limited_volatility[0] == -2
    assert naive_full_cost(division).chosen(division, jnp.ones(1)) == np.inf


def test_laws_of_several_families_share_one_life():
    laws = (Uniform(0.9, 0.2), DiscreteTable([0.5, 1.5], [0.5, 0.5]))
    division = LifetimeDivision(QUADRATIC, laws, 2.0, 3.0, 0.0)
    use = use_of(division, 5.0)
    np.testing.assert_allclose(use.output, [5.0, 4.0], rtol=1e-13)
    np.testing.assert_allclose(use.revenue, [10 * 5 - 12.5, (10 * 0.5 * 3 - 4.5 + 10 * 1.5 * 5 - 12.5) / 2], rtol=1e-13)
    np.testing.assert_allclose(use.full, [1.0, 0.5], rtol=1e-13)


@partial(jax.jit, static_argnums=0)
def slopes(pick, division):
    return jax.jacfwd(lambda x: (lambda o: (o.capacity, o.annual_profit))(pick(division, x)))(jnp.zeros(2))


def moved(division, by):
    """User cost up by by[0], variable cost by by[1], in every period."""
    worth = jnp.sum(division.discounts)
    where = lambda d: (d.price, d.variable_cost)  # noqa: E731
    new = (division.price + by[0] * worth, division.variable_cost + by[1])
    return dedicated_optimum(eqx.tree_at(where, division, new))


def test_derivatives_are_those_of_the_envelope_and_of_the_first_order_condition():
    """dk/dc = -1 / (2 h P(bind)), dprofit/dc = -k, dprofit/dw = -E q, for any law; h is the coefficient of q^2."""
    for law in (Uniform(0.4, 1.2), DiscreteTable([0.5, 0.9, 1.2, 1.5], [0.3, 0.3, 0.2, 0.2])):
        division = stationary(QUADRATIC, law, 2.0)
        found = dedicated_optimum(division)
        capacity, profit = slopes(moved, division)
        np.testing.assert_allclose(capacity[0], -1 / (2 * 0.5 * found.use.full[0]), rtol=1e-9)
        np.testing.assert_allclose(profit, [-found.capacity, -found.use.output[0]], rtol=1e-9)
        # E q = (theta E e - w - c) / (2 h) whatever the volatility
        np.testing.assert_allclose(found.use.output[0], 10 * law.mean() - 2 - division.user_cost, rtol=1e-12)


def test_money_and_goods_may_be_measured_in_any_unit():
    base = dedicated_optimum(stationary(QUADRATIC, Uniform(0.4, 1.2), 2.0))
    a, b = 1e6, 1e-3  # money times a, goods times b
    scaled = stationary(QuadraticRevenue(10.0 * a / b, 0.5 * a / b**2), Uniform(0.4, 1.2), 2.0 * a / b, 12.0 * a / b)
    found = dedicated_optimum(scaled)
    np.testing.assert_allclose(found.capacity, base.capacity * b, rtol=1e-12)
    np.testing.assert_allclose(found.npv, base.npv * a, rtol=1e-11)


def test_single_precision_works():
    quadratic = QuadraticRevenue(jnp.float32(10.0), jnp.float32(0.5))
    law = Uniform(jnp.float32(0.9), jnp.float32(0.2))
    division = LifetimeDivision(quadratic, law, jnp.float32(2.0), jnp.float32(12.0), jnp.float32(0.1), periods=5)
    found = dedicated_optimum(division)
    assert found.capacity.dtype == jnp.float32
    np.testing.assert_allclose(found.capacity, 4.83443, rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: LifetimeDivision(QUADRATIC, Uniform(0.9, 0.2), 2.0, 12.0, 0.1), "periods"),
        (lambda: LifetimeDivision(QUADRATIC, Uniform(0.9, 0.2), [2.0, 1.0], 12.0, 0.1, periods=3), "periods"),
        (lambda: LifetimeDivision(QUADRATIC, Uniform(0.9, 0.2), -2.0, 12.0, 0.1, periods=3), "variable_cost"),
        (lambda: LifetimeDivision(QUADRATIC, Uniform(0.9, 0.2), 2.0, 12.0, 0.1, [1.0, 0.0]), "multiplier"),
        (lambda: LifetimeDivision(QUADRATIC, (), 2.0, 12.0, 0.1, periods=3), "shocks is empty"),
        (lambda: LifetimeDivision(QuadraticRevenue([1.0, 2.0], 1.0), Uniform(), 0.0, 1.0, 0.1, periods=1), "several"),
    ],
)
def test_errors_name_the_field(build, named):
    with pytest.raises(ValueError, match=named):
        build()


def test_what_is_no_law_or_revenue_is_refused():
    with pytest.raises(TypeError, match=r"shocks\[0\]"):
        LifetimeDivision(QUADRATIC, (1.0,), 2.0, 12.0, 0.1, periods=3)
    with pytest.raises(TypeError, match="revenue"):
        LifetimeDivision(3.0, Uniform(), 2.0, 12.0, 0.1, periods=3)
