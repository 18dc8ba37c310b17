"""Expected sales: trusted numbers, brute force over shocks, derivatives, and invariances."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from vertical_reference import callers, pairs

from eqsolve.demand import DiscreteTable, Gamma, Normal, Poisson, Uniform
from eqsolve.demand.joint import EmpiricalPairs, GaussianCopula, Independent, JointTable, MultivariateNormal
from eqsolve.mechanisms.vertical import (
    ConsumerChoice,
    Contract,
    CustomDemand,
    LinearDemand,
    MultiplicativeLinearDemand,
    Parts,
    ScaledDemand,
    SpatialDemand,
    UniformShoppers,
    VerticalMarket,
    expected_sales,
)

THREE = DiscreteTable([0.6, 1.0, 1.4], [0.3, 0.4, 0.3])
TWO = DiscreteTable([1.0, 3.0], [0.5, 0.5])


@eqx.filter_jit
def twice(demand, price, stock):
    """Expected sales with the slopes supplied, and with those that JAX finds by differentiating the rule."""

    def at(actions):
        found = expected_sales(demand, actions[:2], actions[2:])
        return found.sales, found

    slopes, found = jax.jacfwd(at, has_aux=True)(jnp.concatenate([price, stock]))
    return found, slopes


def both(demand, price, stock):
    return twice(demand, jnp.asarray(price, float), jnp.asarray(stock, float))


# source of the numbers: independent computation with NumPy and SciPy
CASES = {
    "linear": (
        LinearDemand(10.0, 1.0, 0.5, 0.2, Uniform(-3.0, 6.0)),
        [10.88634975164335, 10.88634975164335],
        [6.2865295296348425, 6.2865295296348425],
        [4.443174875821675, 4.443174875821675],
        [0.21619829602812657, 0.21619829602812657],
        (-0.767560710694116, 0.35941886543042195, -0.03248198655551478),
    ),
    "consumer choice": (
        ConsumerChoice(UniformShoppers(), Uniform(0.5, 1.0), THREE),
        [0.55, 0.62],
        [0.7, 0.6],
        [0.6761331888937152, 0.5707052268063323],
        [0.7560985936923976, 0.691769918826985],
        (-0.35066022218648907, 0.052140797569958396, -0.016692271017437445),
    ),
    "line": (
        SpatialDemand(10.0, 3.0, Uniform(0.0, 1.0), TWO),
        [5.0, 9.0],
        [3.0, 0.5],
        [2.8, 0.44241962407465935],
        [0.8, 0.7227411277760218],
        (-0.04, -0.005960519629512568, -0.024749014197335772),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_trusted_numbers_and_slopes(name):
    demand, price, stock, sales, stockout, (own, cross, spill) = CASES[name]
    found, slopes = both(demand, price, stock)
    np.testing.assert_allclose(found.sales, sales, rtol=1e-12)
    np.testing.assert_allclose(found.stockout, stockout, rtol=1e-12)
    given = [found.d_price[0, 0], found.d_price[1, 0], found.d_stock[1, 0]]
    np.testing.assert_allclose(given, [own, cross, spill], rtol=1e-11)
    # the slopes under the integral are those of the rule itself, nodes that move included
    np.testing.assert_allclose(jnp.hstack([found.d_price, found.d_stock]), slopes, atol=1e-13)


def quantiles(law):
    return {
        "Uniform": lambda law: stats.uniform(law.loc, law.scale).ppf,
        "Normal": lambda law: stats.norm(law.loc, law.scale).ppf,
        "Gamma": lambda law: stats.gamma(law.a, scale=law.scale).ppf,
        "DiscreteTable": lambda law: lambda u: np.asarray(law.values)[np.searchsorted(np.cumsum(law.probabilities), u)],
    }[type(law).__name__](law)


def brute(own, share, mass, stock, first, second, count=2000):
    """Expected sales by midpoint sums over both shocks: off by 1 / count^2 of demand's size where kinks are crossed."""
    came, _, _ = callers(own(pairs(first, second, count)), np.asarray(stock), share, mass)
    return np.minimum(came, stock).mean(axis=(0, 1)), (came > stock).mean(axis=(0, 1))


LAWS = {
    "uniform": Independent(Uniform(-3.0, 6.0), Uniform(-2.0, 5.0)),
    "normal": Independent(Normal(0.0, 2.0), Normal(0.5, 0.4)),
    "uniform and normal": Independent(Uniform(-3.0, 6.0), Normal(0.0, 1.0)),
    "gamma and uniform": Independent(Gamma(2.5, 1.2), Uniform(0.0, 3.0)),
    "table and uniform": Independent(DiscreteTable([-1.0, 0.5, 2.0], [0.3, 0.3, 0.4]), Uniform(-3.0, 6.0)),
}


SLOW_LAWS = ("uniform", "normal", "table and uniform")  # each is a part of one of the others, or of the worked cases


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW_LAWS)) for n in LAWS])
def test_linear_demand_against_sums_over_shocks(name):
    laws = LAWS[name]
    quantile = [quantiles(law) for law in laws.marginals]
    spill = np.array([0.3, 0.6])
    demand = LinearDemand([10.0, 8.0], [1.0, 1.2], [0.5, 0.4], spill, laws)
    for price, stock in (([8.0, 7.0], [6.0, 4.0]), ([9.0, 8.5], [1.0, 5.0]), ([11.0, 9.0], [0.2, 0.0])):
        p = np.array(price)
        mean = np.array([10.0, 8.0]) - np.array([1.0, 1.2]) * p + np.array([0.5, 0.4]) * p[::-1]
        sales, out = brute(lambda theta, mean=mean: mean + theta, spill, 0.0, stock, *quantile)
        found, slopes = both(demand, price, stock)
        np.testing.assert_allclose(found.sales, sales, atol=3e-5)
        np.testing.assert_allclose(np.diag(found.d_stock), out, atol=3e-3)
        np.testing.assert_allclose(jnp.hstack([found.d_price, found.d_stock]), slopes, atol=1e-10)


def test_multiplied_shocks_with_a_third_law_of_spill():
    """Share and mass at once, a slope that moves with the price, and demand without any noise at price 3."""

    def system(params, price, common):
        room = jnp.where(price < 3.0, 3.0 - price, 0.0)
        return Parts(params["level"] * room, room, jnp.full(2, 0.25), params["mass"] * room)

    first, second = Uniform(0.0, 2.0), Uniform(0.5, 1.0)
    demand = CustomDemand({"level": jnp.array([0.4, 0.2]), "mass": 0.3}, system, Independent(first, second))
    for price, stock in (
        ([1.0, 1.5], [1.5, 1.2]),
        ([2.0, 1.0], [0.4, 1.0]),
        ([2.5, 2.9], [0.0, 0.05]),
        ([3, 1], [0.5, 1]),
    ):
        room = 3 - np.array(price)
        own = lambda theta, room=room: np.array([0.4, 0.2]) * room + room * theta  # noqa: E731
        sales, out = brute(own, 0.25, 0.3 * room, stock, quantiles(first), quantiles(second))
        found, slopes = both(demand, price, stock)
        np.testing.assert_allclose(found.sales, sales, atol=2e-6)
        np.testing.assert_allclose(np.diag(found.d_stock), out, atol=2e-3)
        np.testing.assert_allclose(jnp.hstack([found.d_price, found.d_stock]), slopes, atol=1e-11)


def test_correlated_normal_shocks_against_conditional_sums():
    cov = np.array([[4.0, 1.2], [1.2, 1.0]])
    demand = LinearDemand(10.0, 1.0, 0.5, [0.3, 0.6], MultivariateNormal([0.0, 0.5], cov))
    price, stock = np.array([8.0, 9.0]), np.array([6.0, 4.5])
    score = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    z = np.stack(np.meshgrid(score, score, indexing="ij"), axis=-1) @ np.linalg.cholesky(cov).T + [0.0, 0.5]
    came, _, _ = callers(10 - price + 0.5 * price[::-1] + z, stock, np.array([0.3, 0.6]))
    found, slopes = both(demand, price, stock)
    np.testing.assert_allclose(found.sales, np.minimum(came, stock).mean(axis=(0, 1)), atol=1e-4)
    np.testing.assert_allclose(found.stockout, (came > stock).mean(axis=(0, 1)), atol=2e-3)
    np.testing.assert_allclose(jnp.hstack([found.d_price, found.d_stock]), slopes, atol=1e-10)
    # without correlation it is the product law
    plain = LinearDemand(10.0, 1.0, 0.5, [0.3, 0.6], MultivariateNormal([0.0, 0.5], np.diag([4.0, 1.0])))
    product = LinearDemand(10.0, 1.0, 0.5, [0.3, 0.6], Independent(Normal(0.0, 2.0), Normal(0.5, 1.0)))
    np.testing.assert_allclose(both(plain, price, stock)[1], both(product, price, stock)[1], atol=1e-10)


def test_finite_joint_laws_are_exact_sums():
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 3, (40, 2))
    demand = LinearDemand(10.0, 1.0, 0.5, 0.4, EmpiricalPairs(points))
    price, stock = np.array([8.0, 9.5]), np.array([6.0, 4.5])
    came, _, _ = callers(10 - price + 0.5 * price[::-1] + points, stock, 0.4)
    found, slopes = both(demand, price, stock)
    np.testing.assert_allclose(found.sales, np.minimum(came, stock).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.stockout, (came >= stock).mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(jnp.hstack([found.d_price, found.d_stock]), slopes, atol=1e-14)


def test_products_of_finite_laws_agree_with_their_table():
    first, second = DiscreteTable([0.2, 0.8], [0.5, 0.5]), DiscreteTable([0.1, 0.4, 0.9], [0.2, 0.5, 0.3])
    rows = [([a, b], p * q) for a, p in ((0.2, 0.5), (0.8, 0.5)) for b, q in ((0.1, 0.2), (0.4, 0.5), (0.9, 0.3))]
    table = JointTable([row for row, _ in rows], [p for _, p in rows])
    for stock in ([2.0, 1.0], [1.4, 3.3]):  # the second at kinks: slopes are those for a rising stock in both
        found = [
            both(SpatialDemand(10.0, 5.0, law, TWO), [7.0, 6.5], stock)[0]
            for law in (table, Independent(first, second))
        ]
        for one, other in zip(jax.tree.leaves(found[0]), jax.tree.leaves(found[1]), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)


def test_outlets_may_be_relabelled():
    flip = lambda pair: pair[::-1]  # noqa: E731
    laws = LAWS["uniform"].marginals
    one, _ = both(LinearDemand([10.0, 8.0], [1.0, 1.2], [0.5, 0.4], [0.3, 0.6], LAWS["uniform"]), [8, 7], [6, 4])
    swapped = LinearDemand([8.0, 10.0], [1.2, 1.0], [0.4, 0.5], [0.6, 0.3], Independent(*flip(laws)))
    two, _ = both(swapped, [7, 8], [4, 6])
    np.testing.assert_allclose(one.sales, two.sales[::-1], rtol=1e-13)
    np.testing.assert_allclose(one.d_price, two.d_price[::-1, ::-1], rtol=1e-12)
    np.testing.assert_allclose(one.d_stock, two.d_stock[::-1, ::-1], rtol=1e-12)


def test_a_larger_market_scales_units_alone():
    demand, price, stock, *_ = CASES["consumer choice"]
    one, _ = both(demand, price, stock)
    large, _ = both(ScaledDemand(demand, 3.7), price, 3.7 * np.array(stock))
    np.testing.assert_allclose(large.sales, 3.7 * one.sales, rtol=1e-13)
    np.testing.assert_allclose(large.d_price, 3.7 * one.d_price, rtol=1e-12)
    np.testing.assert_allclose(large.d_stock, one.d_stock, rtol=1e-12)


def test_second_derivatives_against_differences():
    """Central differences of slopes at points away from kinks."""
    for name in ("linear", "consumer choice"):
        demand, price, stock, *_ = CASES[name]
        at = jnp.concatenate([jnp.asarray(price) * jnp.array([0.97, 1.02]), jnp.asarray(stock) * 0.9])
        step = 1e-4 * at

        def slopes(x, demand=demand):
            found = expected_sales(demand, x[:2], x[2:])
            return jnp.hstack([found.d_price, found.d_stock])

        second = eqx.filter_jit(jax.jacfwd(slopes))(at)
        many = eqx.filter_jit(jax.vmap(slopes))
        up, down = many(at + jnp.diag(step)), many(at - jnp.diag(step))
        np.testing.assert_allclose(jnp.moveaxis((up - down) / (2 * step)[:, None, None], 0, -1), second, atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "consumer choice"])
def test_single_precision(name):
    demand, price, stock, sales, *_ = CASES[name]
    single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), demand)
    found = eqx.filter_jit(expected_sales)(single, jnp.float32(jnp.array(price)), jnp.float32(jnp.array(stock)))
    assert found.sales.dtype == found.d_price.dtype == jnp.float32
    np.testing.assert_allclose(found.sales, sales, rtol=2e-6)


def test_bad_input_gives_errors_or_nan():
    demand = CASES["linear"][0]
    with pytest.raises(ValueError, match=r"price has shape \(3,\)"):
        expected_sales(demand, [1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="model is 3"):
        expected_sales(3, [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"LinearDemand.spill.* is 1.5"):
        LinearDemand(10.0, 1.0, 0.5, 1.5, Uniform(-3.0, 6.0))
    with pytest.raises(TypeError, match=r"LinearDemand.shocks is 3"):
        LinearDemand(10.0, 1.0, 0.5, 0.5, 3)
    copula = GaussianCopula([Uniform(0.0, 1.0), Uniform(0.0, 1.0)], [[1.0, 0.5], [0.5, 1.0]])
    for law, message in ((copula, "is a GaussianCopula; give"), (Independent(Poisson(3.0), Poisson(3.0)), "Poisson")):
        with pytest.raises(TypeError, match=message):
            VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.5, law), 2.0, Contract(2.0), 10.0)

    def at(spill):
        return expected_sales(LinearDemand(10.0, 1.0, 0.5, spill, Uniform(-3.0, 6.0)), [8.0, 8.0], [6.0, 6.0]).sales

    found = jax.jit(jax.vmap(at))(jnp.array([0.5, 1.5, jnp.nan]))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()
    assert np.isnan(both(demand, [jnp.nan, 8.0], [6.0, 6.0])[0].sales).all()
    scarce = MultiplicativeLinearDemand(10.0, 1.0, 0.5, 0.5, Uniform(0.5, 1.0)).parts(jnp.array([99.0, 1.0]))
    assert scarce.slope[0] == 0
