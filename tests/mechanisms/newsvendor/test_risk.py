import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from vendor_laws import Exponential, Logistic, TwoPoint

from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.newsvendor.risk import MeanCVaR
from eqsolve.mechanisms.newsvendor.single import Newsvendor

COUNT = 400_000
LEVELS = (np.arange(COUNT) + 0.5) / COUNT  # demand as equally likely quantiles: the reference sorts profits


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def realised(vendor, y, d):
    p, c, s, g, t = (np.asarray(getattr(vendor, n)) for n in ("price", "cost", "salvage", "penalty", "tax"))
    return p * np.minimum(y, d) + s * np.maximum(y - d, 0) - g * np.maximum(d - y, 0) - (c + t) * y


def cvar_by_sorting(vendor, y, quantiles, level):
    profit = np.sort(realised(vendor, y, quantiles))
    return profit[: round(level * len(profit))].mean()


@eqx.filter_jit
def solved(firm, orders):
    return {"order": firm.order(), "cvar": firm.cvar(orders), "value": firm.value(orders)}


UNIFORM, EXPONENTIAL = Uniform(10.0, 20.0), Exponential(8.0)
ORDERS = np.array([5.0, 11.0, 17.0, 24.0, 29.0, 33.0])


@pytest.mark.parametrize("law", [UNIFORM, EXPONENTIAL], ids=["uniform", "exponential"])
@pytest.mark.parametrize(("penalty", "level"), [(0.0, 0.3), (3.0, 0.3), (3.0, 0.8), (2.0, 1.0)])
def test_cvar_is_the_mean_of_the_worst_cases(law, penalty, level):
    vendor = Newsvendor(10.0, 4.0, law, salvage=1.0, penalty=penalty)
    quantiles = np.asarray(law.ppf(LEVELS))
    found = solved(MeanCVaR(vendor, 0.6, level), ORDERS)
    for i, y in enumerate(ORDERS):
        reference = cvar_by_sorting(vendor, y, quantiles, level)
        # the cut-off tail of the exponential weighs penalty * 8 / COUNT
        np.testing.assert_allclose(found["cvar"][i], reference, rtol=1e-6, atol=2e-4 / level)
    np.testing.assert_allclose(found["value"], 0.4 * vendor.profit(ORDERS) + 0.6 * found["cvar"], rtol=1e-12)


WEIGHTS, SHARES = (axis.ravel() for axis in np.meshgrid([0.0, 0.3, 0.7, 0.97, 1.0], [0.05, 0.4, 0.8, 1.0]))


LAWS = {
    "uniform": UNIFORM,
    "exponential": EXPONENTIAL,
    "two": TwoPoint(4.0, 9.0, 0.25),
    "logistic": Logistic(30.0, 4.0),  # one tail of worst cases may be too thin to tell from nothing
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("penalty", "cost"), [(0.0, 4.0), (3.0, 4.0), (6.0, 9.0), (3.0, 1.5)])
def test_no_order_on_a_grid_has_a_larger_value(law, penalty, cost):
    firms = MeanCVaR(Newsvendor(10.0, cost, law, salvage=1.0, penalty=penalty), WEIGHTS, SHARES)
    grid = np.linspace(0.0, 60.0, 1201)[:, None]
    found = solved(firms, grid)
    best = np.asarray(solved(firms, np.asarray(found["order"])[None])["value"][0])
    values = np.asarray(found["value"])
    assert np.all(values.max(0) <= best + 1e-12 * np.abs(best) + 1e-12)
    near = np.abs(grid - np.asarray(found["order"])) < 0.05
    assert np.all(values.max(0) - np.where(near, values, -np.inf).max(0) < 0.02)


def test_closed_forms():
    law, level = Uniform(10.0, 20.0), 0.4
    vendor = Newsvendor(10.0, 4.0, law, salvage=1.0)
    f = 6 / 9
    np.testing.assert_allclose(MeanCVaR(vendor, 1.0, level).order(), law.ppf(level * f), rtol=1e-14)
    np.testing.assert_allclose(MeanCVaR(vendor, 0.0, level).order(), vendor.order(), rtol=1e-14)
    np.testing.assert_allclose(MeanCVaR(vendor, 0.7, 1.0).order(), vendor.order(), rtol=1e-14)
    # without penalty: f / (1 - w + w / alpha) up to alpha, then f - w (1 - f) / (1 - w)
    np.testing.assert_allclose(MeanCVaR(vendor, 0.7, level).order(), law.ppf(f / (0.3 + 0.7 / level)), rtol=1e-14)
    np.testing.assert_allclose(MeanCVaR(vendor, 0.2, level).order(), law.ppf(f - 0.2 * (1 - f) / 0.8), rtol=1e-14)
    # with penalty, Gotoh and Takano (2007)
    short = Newsvendor(10.0, 4.0, law, salvage=1.0, penalty=3.0)
    f = 9 / 12
    expected = (9 * law.ppf(level * f) + 3 * law.ppf(1 - level * (1 - f))) / 12
    np.testing.assert_allclose(MeanCVaR(short, 1.0, level).order(), expected, rtol=1e-14)


@pytest.mark.slow
def test_derivatives_of_order_and_value():
    at = {"price": 10.0, "cost": 4.0, "penalty": 3.0, "weight": 0.6, "level": 0.5, "scale": 8.0}
    names = list(at)

    @jax.jit
    def results(theta):
        given = dict(zip(names, theta, strict=True))
        firm = MeanCVaR(
            Newsvendor(given["price"], given["cost"], Exponential(given["scale"]), 1.0, given["penalty"]),
            given["weight"],
            given["level"],
        )
        return jnp.stack([firm.order(), firm.cvar(7.0)])

    theta = jnp.asarray(list(at.values()))
    first, second = jax.jit(jax.jacfwd(results)), jax.jit(jax.jacfwd(jax.jacfwd(results)))
    for i in range(len(names)):
        step = 1e-5 * np.eye(len(names))[i]
        for function, derivative in ((results, first), (first, second)):
            difference = (function(theta + step) - function(theta - step)) / 2e-5
            np.testing.assert_allclose(derivative(theta)[..., i], difference, rtol=2e-6, atol=2e-6, err_msg=names[i])
    slope = jax.grad(jax.jit(lambda y: MeanCVaR(Newsvendor(10.0, 4.0, EXPONENTIAL, 1.0, 3.0), 0.6, 0.5).value(y)))
    assert abs(slope(results(theta)[0])) < 1e-12


def test_corners_and_precision():
    law = Uniform(np.float32(10), np.float32(20))
    thin = {}
    for dtype in (np.float32, np.float64):
        demand = Logistic(dtype(30.0), dtype(4.0))
        firms = MeanCVaR(Newsvendor(10.0, 4.0, demand, 1.0, 3.0), dtype(WEIGHTS), dtype(SHARES))
        thin[dtype] = solved(firms, dtype(20.0))
    for name, value in thin[np.float32].items():
        np.testing.assert_allclose(value, thin[np.float64][name], rtol=3e-5, err_msg=name)
    vendor = Newsvendor(10.0, np.float32([4.0, 12.0, 4.0, 4.0]), law, np.float32([1.0, 1.0, 4.0, 5.0]), 1.0)
    orders = solved(MeanCVaR(vendor, np.float32(0.5), np.float32(0.5)), np.float32(12.0))["order"]
    assert orders.dtype == np.float32
    wide = Newsvendor(10.0, 4.0, Uniform(10.0, 20.0), 1.0, 1.0)
    np.testing.assert_allclose(orders[0], MeanCVaR(wide, 0.5, 0.5).order(), rtol=1e-6)
    assert orders[1] == 0.0
    assert np.isfinite(orders[2])
    assert np.isposinf(orders[3])
    traced = jax.jit(jax.vmap(lambda w, a: MeanCVaR(wide, w, a).order()))
    found = traced(np.array([0.5, 0.5, -0.1, 1.1, np.nan]), np.array([0.0, 1.1, 0.5, 0.5, 0.5]))
    assert np.all(np.isnan(found))
    for weight, level, name in ((1.5, 0.5, "weight"), (0.5, 0.0, "level")):
        with pytest.raises(ValueError, match=rf"MeanCVaR.{name} is"):
            MeanCVaR(wide, weight, level)
    with pytest.raises(ValueError, match=r"price - salvage is -1.0"):
        MeanCVaR(Newsvendor(1.0, 4.0, Uniform(10.0, 20.0), 2.0), 0.5, 0.5)


def test_negative_and_endless_orders():
    firms = MeanCVaR(Newsvendor(10.0, 4.0, Uniform(10.0, 20.0), np.array([1.0, 4.0, 5.0])), 0.5, 0.5)
    tails, values = jax.jit(lambda y: (firms.cvar(y), firms.value(y)))(np.array([[-10.0], [np.inf]]))
    # at a salvage of 4 only demand matters: 6 a unit sold, 15 units in the worse half and 20 on average
    np.testing.assert_allclose(tails, [[np.nan] * 3, [-np.inf, 90.0, np.inf]])
    np.testing.assert_allclose(values, [[np.nan] * 3, [-np.inf, 105.0, np.inf]])
