import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from vendor_laws import Exponential, TwoHumps, TwoPoint

from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.newsvendor.price_setting import AdditivePriceSetting, MultiplicativePriceSetting

LEVELS = (np.arange(20_000) + 0.5) / 20_000


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def average_profit(firm, price, order, noise):
    """Profit averaged over realised noise."""
    a, b, c, s, g = (float(getattr(firm, n)) for n in ("intercept", "slope", "cost", "salvage", "penalty"))
    demand = a - b * price + noise if isinstance(firm, AdditivePriceSetting) else a * price**-b * noise
    short, left = np.maximum(demand - order, 0), np.maximum(order - demand, 0)
    return np.mean(price * np.minimum(order, demand) + s * left - g * short - c * order)


FIRMS = {
    "additive uniform": AdditivePriceSetting(100.0, 2.0, 10.0, Uniform(-20.0, 40.0), 3.0, 4.0),
    "additive exponential": AdditivePriceSetting(60.0, 3.0, 12.0, Exponential(9.0), -1.0),
    "multiplicative uniform": MultiplicativePriceSetting(1000.0, 2.0, 10.0, Uniform(0.2, 1.6), 3.0, 4.0),
    "multiplicative exponential": MultiplicativePriceSetting(5e3, 1.6, 10.0, Exponential(1.0), 2.0),
}


@pytest.mark.parametrize("name", FIRMS)
def test_the_plan_is_the_maximum_of_average_profit(name):
    firm = FIRMS[name]
    plan, noise = firm.solve(), np.asarray(firm.noise.ppf(LEVELS))
    at = float(plan.price), float(plan.order)
    best = average_profit(firm, *at, noise)
    # averages over 20,000 quantiles: the tail of the exponential weighs about its mean / 20,000
    np.testing.assert_allclose(best, plan.profit, rtol=5e-4)
    starts = [(at[0] * x, at[1] * y) for x, y in ((0.7, 1.3), (1.5, 0.5))]
    for start in starts:
        found = minimize(lambda v: -average_profit(firm, *v, noise), start, method="Nelder-Mead")
        assert -found.fun <= best + 1e-5 * abs(best)
    np.testing.assert_allclose(found.x, at, rtol=2e-2)
    assert bool(plan.price_order_holds)
    assert (plan.price <= plan.riskless_price) == name.startswith("additive")
    assert int(np.sum(plan.peaks)) == 1


def test_additive_uniform_solves_the_reduced_condition():
    # noise on [-A, A], c = 10: p(z) = p0 - (A - z)^2 / (8 A) and (p - c)(A - z) = c (A + z)
    plan = AdditivePriceSetting(100.0, 2.0, 10.0, Uniform(-20.0, 40.0)).solve()
    price = lambda z: 30 - (20 - z) ** 2 / 80 / 4  # noqa: E731
    z = brentq(lambda z: (price(z) - 10) * (20 - z) - 10 * (20 + z), -20, 20, xtol=1e-13)
    np.testing.assert_allclose([plan.factor, plan.price], [z, price(z)], rtol=1e-12)
    np.testing.assert_allclose(plan.order, 100 - 2 * price(z) + z, rtol=1e-12)


def profile(firm, factors):
    return np.asarray(jax.jit(lambda z: firm.profit(firm.best_price(z), z))(factors))


@pytest.mark.parametrize(("chance", "best"), [(0.6, 0), (0.55, 2)])
def test_several_stationary_points_and_the_best_of_them(chance, best):
    # between the humps more stock raises the price and with it the value of stock: a peak in each, a minimum between
    firm = AdditivePriceSetting(60.0, 1.0, 20.0, TwoHumps(0.0, 56.0, 4.0, chance))
    plan, factors = firm.solve(), np.linspace(0, 60, 60_001)
    profits = profile(firm, factors)
    turns = factors[1:-1][np.diff(np.sign(np.diff(profits))) != 0]
    assert len(turns) == 3
    np.testing.assert_allclose(plan.stationary[:3], turns, atol=2e-3)
    assert np.all(np.isnan(plan.stationary[3:]))
    assert plan.peaks.tolist()[:4] == [True, False, True, False]
    np.testing.assert_allclose(plan.profit, profits.max(), rtol=1e-8)
    assert plan.factor == plan.stationary[best]


def test_the_best_factor_may_be_an_end_of_the_support_or_a_discrete_value():
    for chance, factor, profit in ((0.6, 0.0, 400.0), (0.5, 60.0, 625.0)):
        plan = AdditivePriceSetting(60.0, 1.0, 20.0, TwoPoint(0.0, 60.0, chance)).solve()
        np.testing.assert_allclose([plan.factor, plan.profit], [factor, profit], rtol=1e-12, atol=1e-12)


def test_profit_derivatives_vanish_and_parameters_differentiate():
    def plan(theta):
        a, b, c, width = theta
        return AdditivePriceSetting(a, b, c, Uniform(-width / 2, width), 2.0, 1.0).solve()

    theta = np.array([100.0, 2.0, 10.0, 40.0])
    values = jax.jit(lambda theta: jnp.stack([plan(theta).price, plan(theta).order]))
    jacobian = jax.jit(jax.jacfwd(values))(theta)
    for i in range(4):
        step = 1e-5 * theta[i] * np.eye(4)[i]
        np.testing.assert_allclose(
            jacobian[:, i], (values(theta + step) - values(theta - step)) / (2 * step[i]), rtol=1e-6, atol=1e-8
        )
    firm, at = AdditivePriceSetting(100.0, 2.0, 10.0, Uniform(-20.0, 40.0), 2.0, 1.0), plan(theta)
    slopes = jax.grad(firm.profit, (0, 1))(at.price, at.factor)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-11)


def test_without_noise_to_speak_of_the_price_is_riskless():
    for kind, wide in ((AdditivePriceSetting, 1e-7), (MultiplicativePriceSetting, 1e-9)):
        plan = kind(100.0, 2.0, 10.0, Uniform(1.0, wide)).solve()
        np.testing.assert_allclose(plan.price, plan.riskless_price, rtol=1e-8)


def test_money_rescales_a_batch():
    def price(scale, kind):
        firm = kind(100.0, 2.0 / scale if kind is AdditivePriceSetting else 2.0, 10.0 * scale, Uniform(0.5, 1.0))
        return firm.solve().price / scale

    for kind in (AdditivePriceSetting, MultiplicativePriceSetting):
        prices = jax.jit(jax.vmap(lambda scale, kind=kind: price(scale, kind)))(np.array([1.0, 3.0, 0.01]))
        np.testing.assert_allclose(prices, prices[0], rtol=1e-12)


def test_precision_and_bad_input():
    single = AdditivePriceSetting(*np.float32([100.0, 2.0, 10.0]), Uniform(np.float32(-20), np.float32(40))).solve()
    double = AdditivePriceSetting(100.0, 2.0, 10.0, Uniform(-20.0, 40.0)).solve()
    assert single.price.dtype == np.float32
    np.testing.assert_allclose([single.price, single.order], [double.price, double.order], rtol=1e-5)
    with pytest.raises(ValueError, match=r"MultiplicativePriceSetting.slope is 1.0; give an elasticity above 1"):
        MultiplicativePriceSetting(100.0, 1.0, 10.0, Uniform(1.0, 2.0))
    with pytest.raises(ValueError, match=r"cost - salvage is 0.0"):
        AdditivePriceSetting(100.0, 1.0, 10.0, Uniform(1.0, 2.0), salvage=10.0)
    with pytest.raises(ValueError, match=r"intercept has shape \(2,\)"):
        AdditivePriceSetting([100.0, 1.0], 1.0, 10.0, Uniform(1.0, 2.0))
    traced = jax.jit(lambda b: MultiplicativePriceSetting(100.0, b, 10.0, Uniform(1.0, 2.0)).solve().price)
    assert np.isnan(traced(0.9))


def test_no_plan_sells_below_cost_or_orders_less_than_nothing():
    @jax.jit
    @jax.vmap
    def solve(intercept, slope, low, width):
        return AdditivePriceSetting(intercept, slope, 10.0, Uniform(low, width)).solve()

    # demand 1 - 2 p + X is negative at any price above a cost of 10; 30 - 2 p + X reaches 11 there
    plan = solve(*np.array([[1.0, 30.0], [2.0, 2.0], [-1.0, -1.0], [2.0, 2.0]]))
    for name in ("price", "factor", "order", "profit"):
        values = getattr(plan, name)
        assert np.isnan(values[0]), name
        assert np.isfinite(values[1]), name
    assert not plan.price_order_holds[0]
    assert plan.price[1] >= 10
    assert plan.order[1] >= 0
    np.testing.assert_allclose(plan.riskless_price, [21 / 4, 50 / 4])
