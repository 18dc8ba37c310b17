import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from eqsolve.certify import certify
from eqsolve.demand import Gamma, LogNormal, Normal, Poisson, Uniform, Weibull
from eqsolve.demand.joint import GaussianCopula
from eqsolve.mechanisms.newsvendor.competing_smooth import (
    SmoothCompetingNewsvendors,
    smooth_jacobian,
    smooth_outcomes,
)
from eqsolve.solve import solve_nash


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


NORMAL, WEIBULL = (Normal(31.6, 12.6), Normal(22.5, 9.9)), (LogNormal(0.5, 20.0), Weibull(2.3, 25.0))
UNIFORM = (Uniform(2.0, 10.0), Uniform(1.0, 20.0))


def market(laws, rho, spill=0.8, price=(10.0, 12.0), margin=(0.6, 0.4)):
    matrix = jnp.array([[1.0, rho], [rho, 1.0]], laws[0].dtype)
    return SmoothCompetingNewsvendors(price, margin, spill, GaussianCopula(laws, matrix))


@eqx.filter_jit
def at(market, stocks):
    """Outcomes, Jacobian and its slope at several stocks."""

    def one(stock):
        def jacobian(stock):
            return smooth_jacobian(market, {"stock": stock})["sales"]["stock"]

        return smooth_outcomes(market, {"stock": stock}), jacobian(stock), jax.jacfwd(jacobian)(stock)

    return jax.vmap(one)(jnp.asarray(stocks))


def by_quadrature(own, rival, rho, share, y, y_rival):
    """Expected sales and the probability of a stock-out, given the rival's normal score and then the own residual."""
    spread = np.sqrt(1 - rho**2)

    def score(x):
        below, above = own.cdf(x), own.sf(x)
        return ndtri(below) if below < above else -ndtri(above)

    def given(z, function):
        spill = share * max((rival.ppf(ndtr(z)) if z < 0 else rival.isf(ndtr(-z))) - y_rival, 0.0)
        return stats.norm.pdf(z) * function(z, spill)

    def sold_out(z, spill):
        return ndtr((rho * z - score(y - spill)) / spread)

    def unsold(z, spill):  # E(y - spill - D)^+ given z
        low = own.ppf(1e-17) if own.support()[0] == -np.inf else own.support()[0]
        if y - spill <= low:
            return 0.0
        below = quad(lambda x: ndtr((score(x) - rho * z) / spread), low, y - spill, epsabs=1e-11, epsrel=1e-11)
        return below[0]

    kink = float(np.clip(ndtri(rival.cdf(y_rival)), -8, 8))
    pieces = [(-9.0, kink), (kink, 9.0)]
    left, out = (
        sum(quad(given, *piece, args=(f,), epsabs=1e-11, epsrel=1e-11, limit=200)[0] for piece in pieces)
        for f in (unsold, sold_out)
    )
    return y - left, out


@pytest.mark.parametrize(
    ("laws", "frozen", "rho"),
    [
        (NORMAL, (stats.norm(31.6, 12.6), stats.norm(22.5, 9.9)), 0.55),
        pytest.param(
            WEIBULL, (stats.lognorm(0.5, scale=20.0), stats.weibull_min(2.3, scale=25.0)), -0.6, marks=pytest.mark.slow
        ),
    ],
)
def test_sales_and_stockouts_are_those_of_nested_quadrature(laws, frozen, rho):
    stock = np.array([25.0, 18.0])
    found = at(market(laws, rho, spill=(0.5, 0.9)), [stock])[0]
    for i, share in ((0, 0.9), (1, 0.5)):
        sales, out = by_quadrature(frozen[i], frozen[1 - i], rho, share, stock[i], stock[1 - i])
        np.testing.assert_allclose(found["sales"][0, i], sales, rtol=1e-9)
        np.testing.assert_allclose(found["stockout probability"][0, i], out, rtol=1e-9)


def test_independent_uniform_demand_gives_polynomials():
    # both demands from 0 to 1, spill 1, stocks a and b with a + b <= 1: the spill-over D2 - b meets the stock a - D1
    ones = market((Uniform(), Uniform()), 0.0, spill=1.0)
    a, b = 0.6, 0.3
    outcomes, jacobian, slope = at(ones, [[a, b]])
    # E min(a - D1, D2 - b) over positive ones with range a and 1 - b > a: the integral of (a - v)(1 - b - v)
    spilled = a * (1 - b) * a - (a + 1 - b) * a**2 / 2 + a**3 / 3
    np.testing.assert_allclose(outcomes["sales"][0, 0], a - a**2 / 2 + spilled, rtol=1e-13)
    np.testing.assert_allclose(jacobian[0, 0], [1 - a + a * (1 - b) - a**2 / 2, -(a**2) / 2], rtol=1e-13)
    np.testing.assert_allclose(slope[0, 0], [[-b - a, -a], [-a, 0.0]], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("laws", [NORMAL, pytest.param((Gamma(5.0, 4.4), Normal(22.5, 9.9)), marks=pytest.mark.slow)])
def test_slopes_agree_with_central_differences_of_values(laws):
    place = market(laws, 0.55)
    stocks, step = np.array([[30.0, 20.0], [50.0, 8.0], [12.0, 45.0]]), 1e-4
    shifts = [sign * step * unit for unit in np.eye(2) for sign in (1, -1)]
    outcomes, jacobian, slope = at(place, np.concatenate([stocks, *(stocks + shift for shift in shifts)]))
    sales = np.asarray(outcomes["sales"]).reshape(5, 3, 2)
    rows = np.asarray(jacobian).reshape(5, 3, 2, 2)
    for column in (0, 1):
        up, down = 1 + 2 * column, 2 + 2 * column
        np.testing.assert_allclose(rows[0][..., column], (sales[up] - sales[down]) / (2 * step), atol=1e-8)
        np.testing.assert_allclose(slope[:3, ..., column], (rows[up] - rows[down]) / (2 * step), atol=1e-8)


def test_without_spill_outlets_are_single_newsvendors():
    place = market(NORMAL, 0.5, spill=0.0)
    fractiles = [law.ppf(m) for law, m in zip(NORMAL, (0.6, 0.4), strict=True)]
    outcomes, jacobian, slope = at(place, [fractiles])
    np.testing.assert_allclose(outcomes["stockout probability"][0], [0.4, 0.6], rtol=1e-12)
    expected = [law.expected_min(y) for law, y in zip(NORMAL, fractiles, strict=True)]
    np.testing.assert_allclose(outcomes["sales"][0], expected, rtol=1e-14)
    np.testing.assert_allclose(jacobian[0], np.diag([0.4, 0.6]), atol=1e-14)
    densities = [law.pdf(y) for law, y in zip(NORMAL, fractiles, strict=True)]
    np.testing.assert_allclose(slope[0], [[[-densities[0], 0], [0, 0]], [[0, 0], [0, -densities[1]]]], atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_corners_give_numbers_and_keep_the_precision(dtype):
    demand = GaussianCopula(
        [Uniform(*np.asarray([2.0, 10.0], dtype)), Normal(*np.asarray([20.0, 5.0], dtype))], np.eye(2, dtype=dtype)
    )
    stocks = jnp.asarray([[0.0, 0.0], [0.0, 300.0], [300.0, 0.0], [300.0, 300.0], [2.0, 12.0], [5.0, 20.0]], dtype)

    @jax.jit
    def everything(spill, rho):
        place = market(demand.marginals, 0.0, price=np.ones(2, dtype), margin=np.full(2, 0.5, dtype))
        matrix = jnp.array([[0, 1], [1, 0]], dtype) * rho + jnp.eye(2, dtype=dtype)
        place = eqx.tree_at(lambda p: (p.spill, p.demand.scores), place, (jnp.full(2, spill), matrix))
        varied = jax.jacrev(lambda place: smooth_jacobian(place, {"stock": stocks[-1]})["profit"]["stock"])
        return at(place, stocks), varied(place)

    spills, rhos = np.meshgrid(np.array([0.0, 0.5, 1.0], dtype), np.array([-0.95, 0.0, 0.95], dtype))
    found = jax.vmap(everything)(spills.ravel(), rhos.ravel())
    for leaf in jax.tree.leaves(found):
        assert np.all(np.isfinite(leaf))
        assert leaf.dtype == dtype
    sales = np.asarray(found[0][0]["sales"])
    np.testing.assert_allclose(sales[:, 3], np.tile([7.0, 20.0], (9, 1)), rtol=1e-6)  # stock for everybody
    np.testing.assert_allclose(sales[:, 0, 0], 0.0, atol=1e-6)


def test_traced_parameters_out_of_range_give_nan():
    def sales(rho, spill):
        place = market(UNIFORM, rho, spill=spill)
        return place.game().expect({"stock": jnp.array([5.0, 9.0])})["sales"]

    given = np.array([0.5, 0.96, -1.0, np.nan, 0.5]), np.array([0.5, 0.5, 0.5, 0.5, 1.5])
    found = jax.jit(jax.vmap(sales))(*given)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [False, True, True, True, True])
    np.testing.assert_array_equal(np.isnan(found).any(axis=1), [False, True, True, True, True])


@pytest.mark.slow
def test_newton_finds_a_certified_equilibrium_of_fractiles():
    place = market(NORMAL, 0.55, spill=0.9)
    nash = solve_nash(place.game())
    assert nash.solved
    # what a best reply is, from the values: customers exceed the stock with probability 1 - margin
    found = at(place, [nash.actions["stock"]])[0]
    np.testing.assert_allclose(found["stockout probability"][0], [0.4, 0.6], rtol=1e-9)
    assert certify(place.game(), nash.actions).certified


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("price", 0.0, r"SmoothCompetingNewsvendors\.price\[0\] is 0\.0; give numbers above zero"),
        ("margin", 1.0, r"margin\[0\] is 1\.0; give 1 - cost/price, at least 0 and below 1"),
        ("spill", [0.1, 1.1], r"spill\[1\] is 1\.1; give shares between 0 and 1"),
        ("demand", Uniform(), r"demand is Uniform.*; give a GaussianCopula of two continuous laws"),
        ("demand", GaussianCopula([Uniform()] * 3, np.eye(3)), r"demand has 3 components; give one per outlet"),
        (
            "demand",
            GaussianCopula([Uniform(), Poisson(3.0)], np.eye(2)),
            r"demand\.marginals\[1\] is Poisson, which is discrete; give a continuous law, or scenarios",
        ),
        (
            "demand",
            GaussianCopula([Weibull(0.7), Uniform()], np.eye(2)),
            r"The density of SmoothCompetingNewsvendors\.demand\.marginals\[0\] at its lowest value is inf; give a law",
        ),
        (
            "demand",
            GaussianCopula([Uniform()] * 2, [[1.0, -0.97], [-0.97, 1.0]]),
            r"demand\.scores\[0, 1\] is -0\.97; give a correlation from -0\.95 to 0\.95",
        ),
    ],
)
def test_wrong_fields_are_named(field, value, message):
    given = {"price": 10.0, "margin": 0.5, "spill": 0.5, "demand": GaussianCopula(UNIFORM, np.eye(2))} | {field: value}
    with pytest.raises((TypeError, ValueError), match=message):
        SmoothCompetingNewsvendors(**given)
