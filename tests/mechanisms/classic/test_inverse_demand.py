import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from eqsolve.mechanisms.classic import IsoelasticInverseDemand, LinearInverseDemand

DEMANDS = {
    "linear": LinearInverseDemand(10.0, 2.0),
    "elastic": IsoelasticInverseDemand(4.0, 2.0, 50.0),
    "unit": IsoelasticInverseDemand(4.0, 1.0, 50.0),
    "almost unit": IsoelasticInverseDemand(4.0, 1.0 + 1e-9, 50.0),
    "inelastic": IsoelasticInverseDemand(4.0, 0.5, 50.0),
}


@pytest.fixture(params=DEMANDS.values(), ids=DEMANDS.keys())
def demand(request):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), request.param)


def quantities(demand):
    """Zero, the inside of the tangent, its end, and the curve."""
    touching = 0.3 if isinstance(demand, LinearInverseDemand) else demand.scale * demand.price_limit**-demand.elasticity
    return jnp.array([0.0, 0.4 * touching, touching, 1.0, 3.0])


def test_isoelastic_price_is_the_power_law():
    demand = IsoelasticInverseDemand(4.0, 0.7, 1e3)
    for quantity in (0.1, 1.0, 40.0):
        np.testing.assert_allclose(demand.price(jnp.array(quantity)), (quantity / 4.0) ** (-1 / 0.7), rtol=1e-12)


def test_price_slope_is_the_derivative_of_the_price(demand):
    for quantity in quantities(demand):
        np.testing.assert_allclose(demand.price_slope(quantity), jax.grad(demand.price)(quantity), rtol=1e-12)


def test_price_and_slope_are_continuous_where_the_tangent_begins(demand):
    touching = quantities(demand)[2]
    below, above = touching * (1 - 1e-9), touching * (1 + 1e-9)
    np.testing.assert_allclose(demand.price(below), demand.price(above), rtol=1e-7)
    np.testing.assert_allclose(demand.price_slope(below), demand.price_slope(above), rtol=1e-7)


def test_gross_surplus_is_the_area_under_the_price(demand):
    touching = float(quantities(demand)[2])
    for quantity in quantities(demand):
        inside = [touching] if 0 < touching < quantity else None
        area, _ = integrate.quad(lambda q: float(demand.price(q)), 0, float(quantity), points=inside)
        np.testing.assert_allclose(demand.gross_surplus(quantity), area, rtol=1e-8)


@eqx.filter_jit
def everything_at_zero(demand):
    zero = jnp.zeros((), demand.price(0.0).dtype)
    return (
        demand.price_slope(zero),
        jax.grad(lambda d: d.price(zero))(demand),
        jax.grad(lambda d: d.gross_surplus(zero))(demand),
        jax.grad(jax.grad(demand.gross_surplus))(zero),
    )


def test_everything_is_finite_at_zero_in_both_precisions(demand, assert_finite):
    for dtype in (jnp.float32, jnp.float64):
        cast = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), demand)
        assert_finite(everything_at_zero(cast), dtype)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LinearInverseDemand(-1.0, 1.0), r"LinearInverseDemand\.intercept is -1\.0; give numbers above zero"),
        (lambda: LinearInverseDemand(1.0, [1.0, 2.0]), r"LinearInverseDemand\.slope has shape \(2,\); give one number"),
        (lambda: IsoelasticInverseDemand(1.0, 0.0), r"IsoelasticInverseDemand\.elasticity is 0\.0"),
        (lambda: IsoelasticInverseDemand(1.0, 2.0, jnp.inf), r"IsoelasticInverseDemand\.price_limit is inf"),
        (lambda: IsoelasticInverseDemand(1.0, 20.0), r"lower price_limit or elasticity"),
    ],
)
def test_impossible_demand_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_text_is_refused():
    with pytest.raises(TypeError, match=r"LinearInverseDemand\.slope is 'steep'"):
        LinearInverseDemand(1.0, "steep")
