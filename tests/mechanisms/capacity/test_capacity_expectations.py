"""Expectations over continuous shocks against plain quadrature, and their derivatives against differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from eqsolve.demand import Normal, Triangular, Uniform
from eqsolve.demand.joint import GaussianCopula, Independent, MultivariateLogNormal, MultivariateNormal, TCopula
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    CapacityGame,
    QuadraticRevenue,
    RootRevenue,
    expected_own_price,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
    fungible_capacity,
)

THETA, H, COST = np.array([10.0, 8.0]), np.array([0.5, 0.4]), np.array([2.0, 1.5])


@pytest.fixture(autouse=True)
def _in_64_bit():
    with jax.enable_x64(True):
        yield


def environment(shocks):
    return CapacityEnvironment(QuadraticRevenue(THETA, H), 3.0, shocks, COST)


def plain_price(e1, e2, k):
    """The shadow price of two straight lines of demand: the largest of what all kinds of use would pay, in NumPy."""
    a1, a2 = THETA[0] * e1 - COST[0], THETA[1] * e2 - COST[1]
    b1, b2 = 0.5 / H
    both = (b1 * a1 + b2 * a2 - k) / (b1 + b2)
    return np.maximum(np.maximum(both, 0.0), np.maximum(a1 - k / b1, a2 - k / b2))


def by_grid(first, second, k, rho=0.0):
    """E S by the trapezoidal rule in the normal scores of both shocks, on a fine grid."""
    z = np.linspace(-8.0, 8.0, 2501)
    weight = stats.norm.pdf(z) * (z[1] - z[0])
    z2 = rho * z[:, None] + np.sqrt(1 - rho**2) * z[None, :]
    return weight @ plain_price(first(z)[:, None], second(z2), k) @ weight


even = lambda z: 0.4 + 1.2 * stats.norm.cdf(z)  # noqa: E731
LAWS = {
    "uniform": (Independent(Uniform(0.4, 1.2), Uniform(0.4, 1.2)), even, even, 0.0),
    "copula": (GaussianCopula([Uniform(0.4, 1.2)] * 2, [[1.0, -0.6], [-0.6, 1.0]]), even, even, -0.6),
    "normal": (
        MultivariateNormal([1.0, 1.0], [[0.04, 0.02], [0.02, 0.09]]),
        lambda z: 1 + 0.2 * z,
        lambda z: 1 + 0.3 * z,
        1 / 3,
    ),
    "lognormal": (
        MultivariateLogNormal([0.0, 0.0], [[0.04, -0.03], [-0.03, 0.09]]),
        lambda z: np.exp(0.2 * z),
        lambda z: np.exp(0.3 * z),
        -0.5,
    ),
    "triangular": (
        Independent(Triangular(0.5, 0.4, 1.0), Uniform(0.4, 1.2)),
        lambda z: stats.triang.ppf(stats.norm.cdf(z), 0.5, 0.4, 1.0),
        even,
        0.0,
    ),
}


@pytest.mark.parametrize(
    "name", ["uniform", *(pytest.param(n, marks=pytest.mark.slow) for n in LAWS if n != "uniform")]
)
def test_expected_prices_are_those_of_a_fine_grid(name):
    shocks, first, second, rho = LAWS[name]
    price = eqx.filter_jit(jax.vmap(expected_shadow_price, (None, 0)))(
        environment(shocks), jnp.asarray([1.0, 6.0, 12.0])
    )
    want = [by_grid(first, second, k, rho) for k in (1.0, 6.0, 12.0)]
    np.testing.assert_allclose(price, want, atol=1e-6)  # what the grid itself is good for


def by_t_grid(k, rho, df):
    """E S where the levels of both shocks have a t copula: SciPy's t, on a grid in normal scores."""
    z = np.linspace(-8.0, 8.0, 1501)
    weight = stats.norm.pdf(z) * (z[1] - z[0])
    first, apart = stats.t.ppf(stats.norm.cdf(z), df)[:, None], stats.t.ppf(stats.norm.cdf(z), df + 1)
    second = rho * first + np.sqrt((df + first**2) * (1 - rho**2) / (df + 1)) * apart
    return weight @ plain_price(even(z)[:, None], 0.4 + 1.2 * stats.t.cdf(second, df), k) @ weight


@pytest.mark.parametrize(("rho", "df"), [(-0.6, 2.0), pytest.param(0.5, 4.0, marks=pytest.mark.slow)])
def test_t_copulas_are_those_of_a_fine_grid_and_differentiable(rho, df):
    def price(df, k):
        shocks = TCopula([Uniform(0.4, 1.2)] * 2, [[1.0, rho], [rho, 1.0]], df)
        return expected_shadow_price(environment(shocks), k)

    levels = (1.0, 6.0, 12.0)
    found, slope = jax.jit(jax.vmap(jax.value_and_grad(price), (None, 0)))(df, jnp.asarray(levels))
    np.testing.assert_allclose(found, [by_t_grid(k, rho, df) for k in levels], atol=1e-6)
    wide = [(by_t_grid(k, rho, df + 0.02) - by_t_grid(k, rho, df - 0.02)) / 0.04 for k in levels]
    np.testing.assert_allclose(slope, wide, atol=2e-5)


def test_two_nodes_per_piece_are_exact_for_straight_lines():
    class Dense(QuadraticRevenue):
        @property
        def nodes(self):
            return 16

    shocks = Independent(Uniform(0.4, 1.2), Uniform(0.2, 1.4))
    few = environment(shocks)
    many = CapacityEnvironment(Dense(THETA, H), 3.0, shocks, COST)
    for function in (expected_shadow_price, expected_shared_value):
        at = jnp.linspace(0.5, 25.0, 9)
        values = [eqx.filter_jit(jax.vmap(function, (None, 0)))(given, at) for given in (few, many)]
        np.testing.assert_allclose(*values, rtol=1e-12, atol=1e-13)
    for function in (expected_own_price, expected_own_value):
        values = [function(given, jnp.asarray([6.0, 9.0])) for given in (few, many)]
        np.testing.assert_allclose(*values, rtol=1e-12)


@pytest.mark.parametrize("name", ["uniform", pytest.param("copula", marks=pytest.mark.slow)])
def test_derivatives_to_second_order(name):
    shocks, step = LAWS[name][0], 1e-4

    def value(k, wide):
        law = eqx.tree_at(lambda law: law.marginals[0].scale, shocks, wide)
        return expected_shared_value(environment(law), k)

    def price(k, wide):
        law = eqx.tree_at(lambda law: law.marginals[0].scale, shocks, wide)
        return expected_shadow_price(environment(law), k)

    at = (8.0, 1.2)
    both = jax.jit(lambda k, wide: (value(k, wide), price(k, wide)))
    first = jax.jit(jax.grad(value, argnums=(0, 1)))(*at)
    np.testing.assert_allclose(first[0], price(*at), rtol=1e-10)
    near = lambda sign, i, j: np.asarray(both(8.0 + sign * step * i, 1.2 + sign * step * j))  # noqa: E731
    differences = [(near(1, i, j) - near(-1, i, j)) / (2 * step) for i, j in ((1, 0), (0, 1))]
    np.testing.assert_allclose(first, [differences[0][0], differences[1][0]], rtol=1e-6)
    slopes = jax.jit(jax.grad(price, argnums=(0, 1)))(*at)
    np.testing.assert_allclose(slopes, [differences[0][1], differences[1][1]], rtol=1e-5)


@pytest.mark.slow
def test_second_derivatives_of_the_first_best_see_the_moves_of_kinks():
    given, step = environment(LAWS["uniform"][0]), 1e-4
    slope = jax.jit(jax.grad(lambda c: fungible_capacity(given, c).capacity))
    bend = jax.jit(jax.grad(jax.grad(lambda c: fungible_capacity(given, c).capacity)))(3.0)
    np.testing.assert_allclose(bend, (slope(3.0 + step) - slope(3.0 - step)) / (2 * step), rtol=1e-4)


def test_what_cannot_be_integrated_says_so():
    with pytest.raises(ValueError, match="more than two shocks"):
        CapacityEnvironment(RootRevenue(1.0), 1.0, Independent(*[Normal(1.0, 0.1)] * 3))
    with pytest.raises(ValueError, match="capacity_cost"):
        CapacityEnvironment(RootRevenue(1.0), 0.0, Independent(Uniform(0.5, 1.0)))
    with pytest.raises(TypeError, match="give a Revenue"):
        CapacityEnvironment(3.0, 1.0, Independent(Uniform(0.5, 1.0)))  # pyright: ignore
    with pytest.raises(ValueError, match="literal"):
        CapacityEnvironment(RootRevenue(1.0), 1.0, Independent(Uniform(0.5, 1.0)), use="idle")  # pyright: ignore


@pytest.mark.parametrize(
    ("error", "match", "given"),
    [
        (TypeError, r"capacity_cost is None; give one number", {"capacity_cost": None}),
        (TypeError, r"variable_cost is None; give one number, or 1", {"variable_cost": None}),
        (ValueError, r"capacity_cost is inf; give finite numbers", {"capacity_cost": np.inf}),
        (ValueError, r"variable_cost is inf; give finite numbers", {"variable_cost": np.inf}),
    ],
)
def test_missing_and_infinite_costs_are_named(error, match, given):
    fields = {"revenue": RootRevenue(1.0), "capacity_cost": 1.0, "shocks": Independent(Uniform(0.5, 1.0))} | given
    with pytest.raises(error, match=match):
        CapacityEnvironment(**fields)


def test_a_missing_share_or_correlation_is_named():
    laws = [Uniform(0.5, 1.0), Uniform(0.5, 1.0)]
    given = CapacityEnvironment(RootRevenue([1.0, 1.0]), 1.0, Independent(*laws))
    with pytest.raises(TypeError, match="share is None; give a number from 0 to 1"):
        CapacityGame(given, share=None)
    for copula in (GaussianCopula, lambda laws, matrix: TCopula(laws, matrix, 3.0)):
        with pytest.raises(TypeError, match="correlation is None; give a 2 x 2 matrix"):
            copula(laws, None)
