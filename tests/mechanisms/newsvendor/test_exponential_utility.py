import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from vendor_laws import Exponential, Logistic, TwoPoint

from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.newsvendor.exponential_utility import ExponentialUtility
from eqsolve.mechanisms.newsvendor.single import Newsvendor


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@eqx.filter_jit
def solved(firm, orders):
    return firm.order(), firm.certainty_equivalent(orders)


def by_quadrature(y, r, density, low, high, penalty):
    def utility(d):
        return np.exp(-r * (10 * min(y, d) + max(y - d, 0) - penalty * max(d - y, 0) - 4.5 * y)) * density(d)

    middle = np.clip(y, low, high)
    total = quad(utility, low, middle, epsabs=0, epsrel=1e-12)[0] + quad(utility, middle, high, epsabs=0)[0]
    return -np.log(total) / r


CASES = {
    "uniform": (Uniform(10.0, 20.0), lambda d: 1 / 20, 10.0, 30.0),
    "exponential": (Exponential(8.0), lambda d: np.exp(-d / 8) / 8, 0.0, 600.0),
    "logistic": (Logistic(18.0, 1.5), lambda d: 1 / (6 * np.cosh((d - 18) / 3) ** 2), -120.0, 170.0),
}
ORDERS = np.array([5.0, 12.0, 25.0, 34.0])


@pytest.mark.parametrize("law", CASES)
@pytest.mark.parametrize("penalty", [pytest.param(0.0, marks=pytest.mark.slow), 2.0])
def test_certainty_equivalent_is_an_integral_and_the_order_its_maximum(law, penalty):
    law, density, low, high = CASES[law]
    aversions = np.array([1e-4, 0.01, 0.04])
    firms = ExponentialUtility(Newsvendor(10.0, 4.0, law, 1.0, penalty, 0.5), aversions)
    order, values = solved(firms, ORDERS[:, None])
    for i, y in enumerate(ORDERS):
        for j, r in enumerate(aversions):
            # SciPy's sum loses the digits that 1 / r multiplies
            reference = by_quadrature(y, r, density, low, high, penalty)
            np.testing.assert_allclose(values[i, j], reference, rtol=1e-9, atol=1e-12 / r, err_msg=f"{y} {r}")
    slope = jax.jit(lambda y: jax.jvp(firms.certainty_equivalent, (y,), (jnp.ones_like(y),))[1])(order)
    np.testing.assert_allclose(slope, 0, atol=1e-11)


def test_order_of_uniform_demand_solves_its_equation():
    # demand on [0, 1], no penalty: u (1 - y) = o (e^{ky} - 1) / k with k = r (p - s)
    r = np.array([0.1, 1.0, 10.0, 200.0])  # the last makes e^{ky} large enough to need scaling
    found, _ = solved(ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(0.0, 1.0)), r), 0.5)
    for rate, order in zip(r, found, strict=True):
        root = brentq(lambda y, k=10 * rate: 6 * (1 - y) - 4 * np.expm1(k * y) / k, 0, 0.99 if rate < 50 else 0.1)
        np.testing.assert_allclose(order, root, rtol=1e-11)
    # at y = 0.5 E e^{k (y - D)^+} = (e^{ky} - 1) / k + 1 - y, more than exp holds at the last aversion
    _, values = solved(ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(0.0, 1.0)), r), 0.5)
    lost = 5 * r + np.log((1 - np.exp(-5 * r)) / (10 * r) + 0.5 * np.exp(-5 * r))
    np.testing.assert_allclose(values, 3.0 - lost / r, rtol=1e-11, atol=1e-12)
    neutral, value = solved(ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(0.0, 1.0)), 0.0), 0.6)
    np.testing.assert_allclose([neutral, value], [0.6, 1.8], rtol=1e-13)


def test_money_rescales_and_shifted_demand_shifts_the_order():
    firms = [
        ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(10.0, 20.0), 1.0, 2.0), 0.02),
        ExponentialUtility(Newsvendor(70.0, 28.0, Uniform(10.0, 20.0), 7.0, 14.0), 0.02 / 7),
        ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(15.0, 20.0), 1.0, 2.0), 0.02),
    ]
    (order, value), (same, dear), (moved, more) = (
        solved(firm, y) for firm, y in zip(firms, (18.0, 18.0, 23.0), strict=True)
    )
    np.testing.assert_allclose([same, dear], [order, 7 * value], rtol=1e-12)
    np.testing.assert_allclose([moved, more], [order + 5, value + 5 * 6], rtol=1e-12)


@pytest.mark.slow
def test_derivatives_of_the_order():
    @jax.jit
    def order(theta):
        price, rate, width = theta
        return ExponentialUtility(Newsvendor(price, 4.0, Uniform(10.0, width), 1.0, 2.0), rate).order()

    theta, gradient = np.array([10.0, 0.02, 20.0]), jax.jit(jax.grad(order))
    for i in range(3):
        step = 1e-4 * theta[i] * np.eye(3)[i]
        difference = (order(theta + step) - order(theta - step)) / (2 * step[i])
        np.testing.assert_allclose(gradient(theta)[i], difference, rtol=1e-6)


def test_corners_and_precision():
    law = Uniform(np.float32(10), np.float32(20))
    vendors = Newsvendor(10.0, np.float32([4.0, 12.0, 1.0, 0.5]), law, np.float32(1.0))
    orders, _ = solved(ExponentialUtility(vendors, np.float32(0.02)), np.float32(12.0))
    assert orders.dtype == np.float32
    double = solved(ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(10.0, 20.0), 1.0), 0.02), 12.0)[0]
    np.testing.assert_allclose(orders, [double, 0.0, 30.0, np.inf], rtol=2e-6)
    worth = ExponentialUtility(vendors, np.float32(0.02)).certainty_equivalent(np.float32([[-10.0], [np.inf]]))
    np.testing.assert_array_equal(worth, [[np.nan] * 4, [-np.inf, -np.inf, np.nan, np.inf]])
    # the penalty makes the expectation infinite: r g = 1/4 outweighs the exponential's 1/8
    order, value = solved(ExponentialUtility(Newsvendor(10.0, 4.0, Exponential(8.0), 1.0, 5.0), 0.05), 12.0)
    assert np.isnan(order)
    assert np.isnan(value)
    traced = jax.jit(lambda r: ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(10.0, 20.0)), r).order())
    assert np.isnan(traced(-1.0))
    with pytest.raises(ValueError, match=r"ExponentialUtility.aversion is -1.0"):
        ExponentialUtility(Newsvendor(10.0, 4.0, Uniform(10.0, 20.0)), -1.0)
    with pytest.raises(TypeError, match=r"TwoPoint demand, which is discrete"):
        ExponentialUtility(Newsvendor(10.0, 4.0, TwoPoint(1.0, 2.0, 0.5)), 0.1)
