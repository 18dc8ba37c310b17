"""Demand models against consumers counted one by one, and consumer surplus against sums over shocks."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from vertical_reference import callers, line, pairs

from eqsolve.demand import DiscreteTable, Uniform
from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.vertical import (
    ConsumerChoice,
    DenseShoppers,
    ScenarioDemand,
    SpatialDemand,
    UniformShoppers,
    consumer_surplus,
    expected_sales,
)

SHOCK = Uniform(0.0, 1.0)
ONE = jnp.ones(())


def test_sets_of_the_uniform_square():
    """Source of the numbers: independent computation."""
    found = UniformShoppers().choice(jnp.array([0.6, 0.6]), None)
    np.testing.assert_allclose(found.first, 0.32, rtol=1e-14)
    np.testing.assert_allclose(found.shared, 0.08, rtol=1e-14)


@pytest.mark.parametrize("price", [(0.55, 0.62), (0.2, 0.9), (0.9, 0.2), (0.0, 0.5), (1.0, 0.3), (1.2, 1.5)])
def test_closed_forms_of_the_uniform_square_against_its_shoppers(price):
    side = (np.arange(2000) + 0.5) / 2000
    worth = np.stack(np.meshgrid(side, side, indexing="ij"))
    gain = worth - np.array(price)[:, None, None]
    found = UniformShoppers(number=2.0).choice(jnp.array(price), jnp.asarray(1.5))
    for i in (0, 1):
        first = (gain[i] >= gain[1 - i]) & (gain[i] >= 0)
        both = first & (gain[1 - i] >= 0)
        values = [found.first[i], found.shared[i], found.gain[i], found.rebound[i]]
        counted = [first.mean(), both.mean(), (first * gain[i]).mean(), (both * gain[1 - i]).mean()]
        np.testing.assert_allclose(values, 3.0 * np.array(counted), atol=4e-3)  # cells that lines cut


def even(params, first, second, common):
    return params["number"] * jnp.ones_like(first + second)


def tilted(params, first, second, common):
    return 4.0 * common * first * second


def test_a_density_of_your_own():
    price = jnp.array([0.55, 0.3])
    found = DenseShoppers({"number": 2.0}, even).choice(price, None)
    wanted = UniformShoppers(number=2.0).choice(price, None)
    for name in ("first", "shared", "gain", "rebound"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-12)
    # worth r with density 2r for each good: P(r1 - p1 >= r2 - p2 >= 0) by hand for equal prices
    p = 0.5
    both = (1 - p**2) ** 2 / 2
    found = DenseShoppers({}, tilted).choice(jnp.array([p, p]), ONE)
    np.testing.assert_allclose(found.shared, both, rtol=1e-13)
    np.testing.assert_allclose(found.first, both + p**2 * (1 - p**2), rtol=1e-13)


REGIMES = {
    "local monopolies": (10.0, (7.0, 6.0)),
    "touching": (7.0, (6.5, 6.5)),
    "partial overlap": (5.0, (6.6, 7.0)),
    "full coverage": (2.0, (6.0, 6.5)),
    "one reach cut": (6.0, (3.0, 4.5)),
    "everybody prefers one": (3.0, (5.0, 9.0)),
    "nobody buys": (3.0, (10.0, 12.0)),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_the_line_against_its_shoppers(regime):
    """The corrected spill mass and indifferent shopper, in every regime."""
    t, price = REGIMES[regime]
    demand = SpatialDemand(10.0, t, SHOCK, DiscreteTable([1.0, 3.0], [0.5, 0.5]))
    parts, gains = demand.parts(jnp.array(price), 3 * ONE), demand.surplus(jnp.array(price), 3 * ONE)
    first, shared, gained, rebound = line(price, 10.0, t, 1.0, 3.0)
    np.testing.assert_allclose(parts.level, first, atol=2e-5)
    np.testing.assert_allclose(parts.mass, shared, atol=2e-5)
    np.testing.assert_allclose(gains.level, gained, atol=2e-4)
    np.testing.assert_allclose(gains.rebound, rebound, atol=2e-4)


@pytest.mark.parametrize(
    ("demand", "price", "stock"),
    [
        (SpatialDemand(10.0, 5.0, SHOCK), [6.6, 7.0], [2.0, 1.5]),
        (ConsumerChoice(UniformShoppers(), Uniform(0.5, 1.0)), [0.55, 0.62], [0.5, 0.4]),
    ],
)
def test_consumer_surplus_against_sums_over_shocks(demand, price, stock):
    """Everybody who calls is served with the same probability; the parts themselves are checked above."""
    p, y = np.array(price), np.array(stock)
    parts, gain = demand.parts(jnp.array(p), None), demand.surplus(jnp.array(p), None)
    law = demand.shocks.marginals[0]
    theta = pairs(*[lambda u: float(law.loc) + float(law.scale) * u] * 2, 1500)
    own = np.asarray(parts.level) + np.asarray(parts.slope) * theta
    came, unserved, _ = callers(own, y, 0.0, np.asarray(parts.mass))
    gained = np.asarray(gain.level) + np.asarray(gain.slope) * theta
    gained = gained + (np.asarray(gain.rebound) * unserved)[..., ::-1]
    counted = (np.minimum(1.0, y / came) * gained).sum(axis=-1).mean()
    found = eqx.filter_jit(consumer_surplus)(demand, jnp.array(p), jnp.array(y))
    np.testing.assert_allclose(found, counted, rtol=3e-6)


def crowding(params, price, shock, common):
    demand = shock * jnp.exp(-params["steepness"] * price)
    return demand, demand / (1.0 + demand)


def test_any_demand_over_scenarios():
    points = np.array([[4.0, 2.0], [1.0, 5.0], [3.0, 3.0]])
    demand = ScenarioDemand({"steepness": 0.1}, crowding, JointTable(points, [0.2, 0.3, 0.5]))
    price, stock = np.array([2.0, 3.0]), np.array([1.5, 2.0])
    own = points * np.exp(-0.1 * price)
    came, _, _ = callers(own, stock, own / (1 + own))
    found = expected_sales(demand, price, stock)
    np.testing.assert_allclose(found.sales, np.array([0.2, 0.3, 0.5]) @ np.minimum(came, stock), rtol=1e-14)
    with pytest.raises(TypeError, match="not affine in shocks"):
        demand.parts(jnp.array(price), None)
    with pytest.raises(TypeError, match=r"ScenarioDemand.shocks is"):
        ScenarioDemand({}, crowding, SHOCK)
