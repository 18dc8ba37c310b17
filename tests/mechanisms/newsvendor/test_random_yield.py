import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from vendor_laws import Exponential, TwoPoint

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
