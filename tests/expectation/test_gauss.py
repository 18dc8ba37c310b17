"""Gauss rules split at kinks, against closed forms and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from laws import Bell, Waiting
from scipy import integrate, special, stats

import eqsolve as eqs
from eqsolve.demand.uniform import Uniform
from eqsolve.expectation import Gauss, expect


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def pieces(x, y):
    return jnp.stack([jnp.maximum(y - x, 0.0), jnp.maximum(x - y, 0.0), jnp.minimum(y, x) ** 2])


def normal_forms(theta):
    y, loc, scale = theta
    z = (y - loc) / scale
    Phi, phi = jax.scipy.stats.norm.cdf(z), jax.scipy.stats.norm.pdf(z)
    left, right = scale * (phi + z * Phi), scale * (phi - z * (1 - Phi))
    square = (loc**2 + scale**2) * Phi - scale * (loc + y) * phi + y**2 * (1 - Phi)
    return jnp.stack([left, right, square])


def exponential_forms(theta):
    y, _, scale = theta
    sf = jnp.exp(-y / scale)
    square = 2 * scale**2 - 2 * scale * (y + scale) * sf
    return jnp.stack([y - scale * (1 - sf), scale * sf, square])


def uniform_forms(theta):
    y, loc, scale = theta
    top = loc + scale
    left, right = (y - loc) ** 2 / (2 * scale), (top - y) ** 2 / (2 * scale)
    return jnp.stack([left, right, (y**3 - loc**3) / (3 * scale) + y**2 * (top - y) / scale])


CASES = {
    "normal": (Bell, normal_forms, 100.0, 20.0, [30.0, 96.0, 100.0, 110.0, 175.0], (0, 1, 2)),
    "exponential": (Waiting, exponential_forms, 1.0, 50.0, [0.1, 25.0, 50 * np.log(2), 60.0, 400.0], (0, 2)),
    "uniform": (Uniform, uniform_forms, 50.0, 100.0, [50.5, 90.0, 100.0, 110.0, 149.0], (0, 1, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_slopes_and_curvatures_agree_with_closed_forms(name):
    family, forms, loc, scale, stocks, varied = CASES[name]
    thetas = jnp.asarray([[y, loc, scale] for y in stocks])

    def found(theta):
        return expect(lambda x: pieces(x, theta[0]), family(theta[1], theta[2]), kinks=theta[0])

    def all_of(function):
        first = jax.jacrev(function)
        return jax.jit(jax.vmap(lambda theta: (function(theta), first(theta), jax.jacfwd(first)(theta))))(thetas)

    at = np.array(varied)
    for order, (got, true) in enumerate(zip(all_of(found), all_of(forms), strict=True)):
        got, true = (np.asarray(a)[:, :, at] if order == 1 else np.asarray(a) for a in (got, true))
        if order == 2:
            got, true = got[:, :, at][..., at], true[:, :, at][..., at]
        # sizes: the three integrands grow with the spread, and each derivative divides by it
        size = np.array([scale, scale, (loc + scale) ** 2]).reshape(1, 3, *[1] * order) / scale**order
        assert np.max(np.abs(got - true) / size) < 1e-10, order


def test_without_the_kink_the_curvature_is_lost():
    def sales(stock, kinks):
        return expect(lambda x: jnp.minimum(x, stock), Bell(100.0, 20.0), kinks=kinks(stock))

    curvature = jax.jit(
        lambda y: [jax.grad(jax.grad(lambda s, k=k: sales(s, k)))(y) for k in (jnp.asarray, lambda s: ())]
    )
    split, whole = curvature(110.0)
    np.testing.assert_allclose(split, -stats.norm.pdf(110, 100, 20), rtol=1e-10)
    assert whole == 0.0


def test_a_density_without_limit_at_zero():
    stock, shape, scale = 20.0, 0.6, 30.0
    found = jax.jit(lambda law: expect(lambda x: pieces(x, stock), law, kinks=stock))(Waiting(shape, scale))
    k = 1 + 1 / shape  # partial moments of the Weibull by the incomplete Gamma function
    ratio = (stock / scale) ** shape
    below = scale * special.gamma(k) * special.gammainc(k, ratio)
    sf = np.exp(-ratio)
    left, right = stock * (1 - sf) - below, scale * special.gamma(k) - below - stock * sf
    square = scale**2 * special.gamma(2 * k - 1) * special.gammainc(2 * k - 1, ratio) + stock**2 * sf
    np.testing.assert_allclose(found, [left, right, square], rtol=1e-11)


def test_several_kinks_and_jumps_in_any_order_and_outside_the_support():
    kinks = (120.0, jnp.array([80.0, 1e9]), -np.inf)

    def steps(x):
        return {"jump": jnp.where(x > 80.0, 1.0, 0.0), "product": jnp.minimum(x, 80.0) * jnp.minimum(x, 120.0)}

    found = jax.jit(lambda law: expect(steps, law, kinks=kinks))(Bell(100.0, 20.0))
    np.testing.assert_allclose(found["jump"], stats.norm.sf(80, 100, 20), rtol=1e-12)
    density = stats.norm(100, 20).pdf
    true = integrate.quad(
        lambda x: min(x, 80) * min(x, 120) * density(x), -80, 280, points=[80, 120], epsabs=1e-11, epsrel=1e-13
    )[0]
    np.testing.assert_allclose(found["product"], true, rtol=1e-11)


def test_single_precision():
    def results(stock):
        law = Bell(100.0, 20.0)
        curvature = jax.grad(jax.grad(lambda y: expect(lambda x: jnp.minimum(x, y), law, kinks=y)))
        return expect(lambda x: pieces(x, stock), law, kinks=stock), curvature(stock)

    with jax.enable_x64(False):
        found, curvature = jax.jit(results)(110.0)
        assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, normal_forms((110.0, 100.0, 20.0)), rtol=1e-5)
    np.testing.assert_allclose(curvature, -stats.norm.pdf(110, 100, 20), rtol=1e-4)


def test_bad_numbers_give_nan():
    found = jax.jit(jax.vmap(lambda scale, kink: expect(lambda x: x, Uniform(0.0, scale), kinks=kink)))(
        jnp.array([1.0, -1.0, np.nan, 1.0]), jnp.array([0.5, 0.5, 0.5, np.nan])
    )
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True])


def demand_of(params):
    return params["demand"]


def stock_of(params, actions):
    return actions["stock"]


def profit(params, actions, shock):
    return {"profit": params["price"] * jnp.minimum(shock, actions["stock"]) - params["cost"] * actions["stock"]}


def test_the_breakpoints_of_a_games_rule_follow_its_actions():
    game = eqs.Game(
        {"demand": Bell(100.0, 20.0), "price": 10.0, "cost": 5.0},
        actions=[eqs.Action("stock", (), "store")],
        bounds=eqs.Box({"stock": 0.0}, {"stock": 300.0}),
        outcomes=profit,
        rule=Gauss(demand_of, breakpoints=stock_of),
        pay={"store": {"profit": 1.0}},
        total={"profit": 1.0},
    )

    def expected(stock):
        return game.expect({"stock": stock})["profit"]

    slope = jax.grad(expected)
    found = jax.jit(lambda y: (slope(y), jax.grad(slope)(y)))(100.0)  # the critical ratio of one half: stock the median
    np.testing.assert_allclose(found, [0.0, -10 * stats.norm.pdf(100, 100, 20)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("Gauss.nodes is 1", lambda: Gauss(nodes=1)),
        ("batch of shape", lambda: expect(lambda x: x, Uniform(np.zeros(2), 1.0))),
        ("give a Distribution", lambda: expect(lambda x: x, 3.0)),
        ("not callable", lambda: Gauss(breakpoints=3.0)),
    ],
)
def test_gauss_names_what_is_wrong(match, call):
    with pytest.raises((ValueError, TypeError), match=match):
        call()
