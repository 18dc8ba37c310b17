from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from vendor_laws import Exponential, TwoPoint

from eqsolve.demand.finite import DiscreteTable
from eqsolve.demand.geometric import Geometric
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.newsvendor.random_yield import RandomCapacity, RandomYield
from eqsolve.mechanisms.newsvendor.single import Newsvendor


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def uniform_profit(received, paid):
    """Expected profit with demand uniform on [10, 30], price 10, salvage 1, penalty 2, in plain numbers."""
    over = np.where(received < 10, 0, np.where(received > 30, received - 20, (received - 10) ** 2 / 40))
    short = 20 - received + over
    return 10 * (received - over) + over - 2 * short - paid


DEMAND = Uniform(10.0, 20.0)
VENDOR = Newsvendor(10.0, 4.0, DEMAND, 1.0, 2.0, 0.5)
ARRIVING = Uniform(0.4, 0.5)


def test_yield_profit_is_an_integral_and_the_order_its_maximum():
    firm = RandomYield(VENDOR, ARRIVING)
    orders = np.array([5.0, 14.0, 25.0, 45.0, 90.0])
    found = firm.profit(orders)
    for i, y in enumerate(orders):
        kinks = [k for k in (10 / y, 30 / y) if 0.4 < k < 0.9]
        integral = quad(lambda u, y=y: uniform_profit(u * y, 4.5 * y) / 0.5, 0.4, 0.9, points=kinks or None)[0]
        np.testing.assert_allclose(found[i], integral, rtol=1e-12)
    grid = np.linspace(0, 100, 4001)
    profits = np.asarray(firm.profit(grid))
    best = firm.order()
    assert abs(grid[np.argmax(profits)] - best) <= 0.025
    assert profits.max() <= firm.profit(best) + 1e-12
    np.testing.assert_allclose(jax.grad(firm.profit)(best), 0, atol=1e-12)


def test_yield_closed_form():
    # demand uniform on [0, 100], p = 10, c = 4, every arrival below 100: E[U (1 - U y / 100)] 10 = 4
    vendor = Newsvendor(10.0, 4.0, Uniform(0.0, 100.0))
    for low, width in ((0.5, 0.5), (0.6, 0.2), (0.0, 1.0)):
        first = low + width / 2
        second = first**2 + width**2 / 12
        order = RandomYield(vendor, Uniform(low, width)).order()
        np.testing.assert_allclose(order, 100 * (first - 0.4) / second, rtol=1e-13)
    certain = RandomYield(vendor, Uniform(1.0, 1e-9)).order()
    np.testing.assert_allclose(certain, vendor.order(), rtol=1e-8)


def test_yield_with_exponential_and_with_discrete_demand():
    # U uniform on [0, 1]: E[U e^{-tU}] = (1 - e^{-t} (1 + t)) / t^2 with t = y / mean
    order = RandomYield(Newsvendor(10.0, 3.0, Exponential(8.0)), Uniform(0.0, 1.0)).order()
    t = brentq(lambda t: 10 * (1 - np.exp(-t) * (1 + t)) / t**2 - 3, 0.1, 9, xtol=1e-14)
    np.testing.assert_allclose(order, 8 * t, rtol=1e-11)
    # demand 4 or 9, each with probability one half: P(D > Uy) = 1, 1/2, 0 on three pieces of U
    two = RandomYield(Newsvendor(10.0, 2.0, TwoPoint(4.0, 9.0, 0.5)), Uniform(0.5, 0.5))
    profits = []
    grid = np.linspace(0, 20, 401)
    shares = 0.5 + 0.5 * (np.arange(4000) + 0.5) / 4000
    for y in grid:
        received = shares * y
        sales = 0.5 * np.minimum(received, 4) + 0.5 * np.minimum(received, 9)
        profits.append(10 * sales.mean() - 2 * y)
    assert abs(grid[np.argmax(profits)] - two.order()) < 0.1


def test_derivatives_of_the_order():
    def order(theta):
        price, cost, width, share = theta
        return RandomYield(Newsvendor(price, cost, Uniform(10.0, width), 1.0), Uniform(share, 0.5)).order()

    theta, compiled, gradient = np.array([10.0, 4.0, 20.0, 0.4]), jax.jit(order), jax.jit(jax.grad(order))
    for i in range(4):
        step = 1e-5 * np.eye(4)[i]
        difference = (compiled(theta + step) - compiled(theta - step)) / 2e-5
        np.testing.assert_allclose(gradient(theta)[i], difference, rtol=1e-6, err_msg=str(i))


def test_random_capacity_leaves_the_order_as_it_is():
    firm = RandomCapacity(VENDOR, Uniform(12.0, 30.0))
    grid = np.linspace(0, 60, 2401)
    profits = np.asarray(firm.profit(grid))
    order = float(firm.order())
    assert order == float(VENDOR.order())
    assert abs(grid[np.argmax(profits)] - order) <= 0.025
    for y in (5.0, 15.0, 20.0, 35.0, 50.0):
        kinks = [k for k in (y, 30.0) if 12 < k < 42]
        integral = quad(lambda k, y=y: uniform_profit(min(y, k), 4.5 * min(y, k)) / 30, 12, 42, points=kinks or None)[0]
        np.testing.assert_allclose(firm.profit(y), integral, rtol=1e-12)
    # the slope is that without a limit, times the chance that the limit does not bind
    slope = jax.jit(jax.vmap(jax.grad(firm.profit)))(np.array([15.0, 20.0, 25.0]))
    free = jax.jit(jax.vmap(jax.grad(VENDOR.profit)))(np.array([15.0, 20.0, 25.0]))
    np.testing.assert_allclose(slope, free * np.array([27, 22, 17]) / 30, rtol=1e-11)
    # a capacity that never binds changes nothing
    np.testing.assert_allclose(RandomCapacity(VENDOR, Uniform(99.0, 1.0)).profit(20.0), VENDOR.profit(20.0), rtol=1e-13)


def test_corners_batches_and_precision():
    cost = np.float32([4.0, 9.0, 0.5, 0.4])  # mean yield 0.65, price 10: 9 > 6.5; salvage 0.65 pays for 0.5 and 0.4
    vendors = Newsvendor(10.0, cost, Uniform(np.float32(10), np.float32(20)), np.float32(1.0))
    orders = RandomYield(vendors, Uniform(np.float32(0.4), np.float32(0.5))).order()
    assert orders.dtype == np.float32
    double = RandomYield(Newsvendor(10.0, 4.0, DEMAND, 1.0), ARRIVING).order()
    np.testing.assert_allclose(orders, [double, 0.0, np.inf, np.inf], rtol=1e-5)
    # leftovers cost nothing: the smallest share serves the largest demand
    free = RandomYield(Newsvendor(10.0, 0.0, DEMAND), ARRIVING).order()
    np.testing.assert_allclose(free, 75.0, rtol=1e-14)
    traced = jax.jit(lambda low: RandomYield(VENDOR, Uniform(low, 0.5)).order())
    assert np.isnan(traced(-0.1))
    assert np.isnan(traced(jnp.nan))
    with pytest.raises(ValueError, match=r"RandomYield.arriving: the lowest value is -0.5"):
        RandomYield(VENDOR, Uniform(-0.5, 1.0))
    with pytest.raises(TypeError, match=r"RandomCapacity.capacity is 5.0; give a continuous Distribution"):
        RandomCapacity(VENDOR, 5.0)


@eqx.filter_jit
def found(firm, orders):
    return firm.order(), firm.profit(orders)


def over_lognormal(function, s, scale, *kinks):
    """The mean of a function of a lognormal number, by SciPy on pieces between kinks."""
    edges = sorted([-9.0, 9.0, *np.clip(np.log(np.array(kinks) / scale) / s, -9, 9)])
    integrand = lambda z: function(scale * np.exp(s * z)) * stats.norm.pdf(z)  # noqa: E731
    return sum(quad(integrand, *ends, epsabs=1e-13, limit=200)[0] for ends in pairwise(edges))


def test_unbounded_arrivals_and_demand():
    firm = RandomYield(Newsvendor(10.0, 4.0, Exponential(100.0)), LogNormal(0.5, 0.8))
    order, profit = found(firm, np.array([0.0, 100.0, np.inf, -1.0, np.nan]))
    served = lambda y: over_lognormal(lambda u: -np.expm1(-u * y / 100), 0.5, 0.8)  # noqa: E731
    slope = lambda y: over_lognormal(lambda u: 10 * u * np.exp(-u * y / 100), 0.5, 0.8) - 4  # noqa: E731
    np.testing.assert_allclose(order, brentq(slope, 10, 300, xtol=1e-12), rtol=1e-9)
    np.testing.assert_allclose(profit, [0, 1000 * served(100.0) - 400, -np.inf, np.nan, np.nan], rtol=1e-10)
    # demand bounded: the tail of the arrival passes its end
    capped = RandomYield(Newsvendor(10.0, 4.0, Uniform(0.0, 100.0), salvage=3.0), LogNormal(1.0, 0.5))
    sold = over_lognormal(lambda u: np.where(150 * u < 100, 150 * u - (150 * u) ** 2 / 200, 50.0), 1.0, 0.5, 2 / 3)
    received = 75 * np.exp(0.5)
    np.testing.assert_allclose(capped.profit(150.0), 10 * sold + 3 * (received - sold) - 600, rtol=1e-9)


def test_demand_that_is_zero_or_less_on_average():
    vendors = Newsvendor(10.0, 1.0, Normal(np.array([0.0, -5.0]), 10.0))
    order, profit = found(RandomYield(vendors, Uniform(0.999, 0.002)), vendors.order())
    np.testing.assert_allclose(order, vendors.order(), rtol=1e-6)
    np.testing.assert_allclose(profit, vendors.profit(vendors.order()), rtol=1e-5)


def test_narrow_demand_is_resolved():
    firm = RandomYield(Newsvendor(10.0, 2.0, Normal(100.0, 0.5)), Uniform(0.2, 0.8))
    order, profit = found(firm, 200.0)
    law, kinks = stats.norm(100, 0.5), [0.48, 0.49, 0.5, 0.51, 0.52]

    def sales(u):
        z = 400 * u - 200
        return 200 * u - 0.5 * (z * stats.norm.cdf(z) + stats.norm.pdf(z))

    integral = quad(lambda u: (10 * sales(u) - 400) / 0.8, 0.2, 1, points=kinks, epsabs=1e-12)[0]
    np.testing.assert_allclose(profit, integral, rtol=1e-12)
    slope = lambda y: quad(lambda u: 12.5 * u * law.sf(u * y), 0.2, 1, points=[0.58, 0.6, 0.62], epsabs=1e-13)[0] - 2  # noqa: E731
    np.testing.assert_allclose(order, brentq(slope, 166, 168, xtol=1e-12), rtol=1e-10)


def test_finite_and_countable_demand_are_summed():
    table = DiscreteTable([10.0, 20.0, 40.0], [0.3, 0.3, 0.4])
    order, profit = found(RandomYield(Newsvendor(10.0, 4.0, table), Uniform(0.5, 0.5)), 30.0)
    # U uniform on [1/2, 1]: E[U; U > t] = 1 - t^2
    beyond = lambda y, d: 0.75 - (1 - np.clip(d / y, 0.5, 1) ** 2)  # noqa: E731
    values, chances = np.array([10.0, 20.0, 40.0]), np.array([0.3, 0.3, 0.4])
    np.testing.assert_allclose(order, brentq(lambda y: 10 * chances @ beyond(y, values) - 4, 20.1, 39, xtol=1e-13))
    np.testing.assert_allclose(profit, 57.5, rtol=1e-14)
    values = np.arange(1.0, 800.0)
    chances = stats.geom(0.05).pmf(values)
    order, profit = found(RandomYield(Newsvendor(10.0, 4.0, Geometric(0.05)), Uniform(0.5, 0.5)), 30.0)
    np.testing.assert_allclose(order, brentq(lambda y: 10 * chances @ beyond(y, values) - 4, 5, 39, xtol=1e-13))
    shares = np.clip(values / 30, 0.5, 1)
    left = 30 * (1 - shares) ** 2 + np.where(values < 15, 15 - values, 0)
    np.testing.assert_allclose(profit, 10 * (22.5 - chances @ left) - 120, rtol=1e-11)


def test_capacity_against_quadrature():
    vendor = Newsvendor(10.0, 4.0, Normal(30.0, 5.0), 1.0, 2.0)
    _, profit = found(RandomCapacity(vendor, LogNormal(0.5, 35.0)), np.array([35.0, np.inf, -1.0]))

    def earned(received):
        z = (received - 30) / 5
        left = 5 * (z * stats.norm.cdf(z) + stats.norm.pdf(z))
        return 10 * (received - left) + left - 2 * (30 - received + left) - 4 * received

    integrals = [over_lognormal(lambda k, y=y: earned(min(k, y)), 0.5, 35.0, 15, 30, 35, 45) for y in (35.0, 1e9)]
    np.testing.assert_allclose(profit, [*integrals, np.nan], rtol=1e-10)
    table = DiscreteTable([10.0, 20.0, 40.0], [0.3, 0.3, 0.4])
    # capacity uniform on [0, 40]: E min(20, K) = 15, E min(10, K) = 8.75
    np.testing.assert_allclose(
        RandomCapacity(Newsvendor(10.0, 4.0, table), Uniform(0.0, 40.0)).profit(20.0),
        10 * (0.3 * 8.75 + 0.7 * 15) - 60, rtol=1e-14,
    )  # fmt: skip


def test_single_precision_keeps_what_it_holds():
    laws = Exponential(np.float32(100)), LogNormal(np.float32(0.5), np.float32(0.8))
    order, profit = found(RandomYield(Newsvendor(np.float32(10), np.float32(4), laws[0]), laws[1]), np.float32(100))
    double = found(RandomYield(Newsvendor(10.0, 4.0, Exponential(100.0)), LogNormal(0.5, 0.8)), 100.0)
    assert order.dtype == profit.dtype == np.float32
    np.testing.assert_allclose(order, double[0], rtol=1e-4)
    np.testing.assert_allclose(profit, double[1], rtol=1e-4)
