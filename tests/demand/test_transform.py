import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import (
    assert_identities,
    assert_parameter_derivatives,
    assert_same_as_scipy,
    assert_sampled,
    assert_slopes,
)
from scipy import optimize, stats

from eqsolve.demand.exponential import Exponential
from eqsolve.demand.finite import DiscreteTable, TwoPoint
from eqsolve.demand.transform import affine, mixture

POINTS = np.array([-2.0, 6.0, 9.0, 30.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_affine():
    law = affine(Exponential(2.0), 5.0, 3.0)
    assert_same_as_scipy(law, stats.expon(5.0, 6.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, POINTS)
    above = POINTS[1:]
    np.testing.assert_allclose(law.second_loss(above), 36 * np.exp(-(above - 5) / 6), rtol=1e-13)


def test_affine_in_its_parameters():
    def make(mean, loc, scale):
        return affine(Exponential(mean), loc, scale)

    assert_parameter_derivatives(make, {"mean": 1.3, "loc": 0.5, "scale": 0.8}, [0.1, 0.9, 2.0])


def test_affine_of_a_table_knows_its_values():
    values, chances = np.array([0.1, 0.3, 0.7, 12.3]), np.array([0.1, 0.2, 0.3, 0.4])
    law = affine(DiscreteTable(values, chances), 0.1, 1.1)
    moved = 0.1 + 1.1 * values  # undone by the law, these miss the values by rounding
    for x in (moved, np.nextafter(moved, 99), np.nextafter(moved, -99)):
        np.testing.assert_allclose(law.pmf(x), chances, rtol=1e-14)
        np.testing.assert_allclose(law.cdf(x), np.cumsum(chances), rtol=1e-14)
    np.testing.assert_array_equal(law.pmf(moved + 1e-9), 0.0)
    np.testing.assert_allclose(law.ppf(np.array([0.1, 0.3, 1.0])), moved[[0, 1, 3]], rtol=1e-15)
    slope = jax.vmap(
        jax.grad(lambda y, loc: affine(DiscreteTable(values, chances), loc, 1.1).loss(y), (0, 1)), (0, None)
    )
    by_y, by_loc = jax.jit(slope)(moved, 0.1)
    np.testing.assert_allclose([by_y, -by_loc], np.tile(np.cumsum(chances) - 1, (2, 1)), atol=1e-14)


def test_mixture():
    means, weights = np.array([10.0, 30.0]), np.array([0.75, 0.25])
    law = mixture((Exponential(10.0), Exponential(30.0)), weights)
    x = np.array([0.5, 6.0, 40.0, 500.0])
    far = np.exp(-x[:, None] / means)
    np.testing.assert_allclose(law.pdf(x), far / means @ weights, rtol=1e-13)
    np.testing.assert_allclose(law.sf(x), far @ weights, rtol=1e-13)
    np.testing.assert_allclose(law.loss(x), far * means @ weights, rtol=1e-13)
    np.testing.assert_allclose(law.second_loss(x), far * means**2 @ weights, rtol=1e-13)
    np.testing.assert_allclose(law.var(), 2 * means**2 @ weights - (means @ weights) ** 2, rtol=1e-13)
    for level in (1e-9, 0.3, 0.95):
        root = optimize.brentq(lambda x, q=level: -np.expm1(-x / means) @ weights - q, 0, 1e3, xtol=1e-20, rtol=1e-14)
        np.testing.assert_allclose(law.ppf(level), root, rtol=1e-13)
    np.testing.assert_array_equal(law.ppf(np.array([0.0, 1.0, 1.1])), [0.0, np.inf, np.nan])
    assert_identities(law, x)
    assert_sampled(law)
    assert_slopes(law, x)


@pytest.mark.slow
def test_mixture_in_its_parameters():
    def make(first, second, weight):
        return mixture((Exponential(first), Exponential(second)), jnp.stack([weight, 1 - weight]))

    assert_parameter_derivatives(make, {"first": 0.8, "second": 1.7, "weight": 0.4}, [-0.4, 0.3, 2.0])


def test_mixture_of_tables():
    law = mixture((TwoPoint(-1.0, 2.0, 0.5), DiscreteTable([0.0, 2.0, 0.7 + 5], [0.2, 0.3, 0.5])), [0.5, 0.5])
    values, chances = np.array([-1.0, 0.0, 2.0, 5.7]), np.array([0.25, 0.1, 0.4, 0.25])
    table = DiscreteTable(values, chances)
    points = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 5.7, 6.0])
    for name in ("pmf", "cdf", "sf", "loss", "overstock", "second_loss"):
        np.testing.assert_allclose(getattr(law, name)(points), getattr(table, name)(points), atol=1e-15, err_msg=name)
    np.testing.assert_array_equal(
        law.ppf(np.array([0.0, 0.2, 0.25, 0.3, 0.5, 0.7, 0.8, 1.0])), values[[0, 0, 0, 1, 2, 2, 3, 3]]
    )
    assert_sampled(law)

    def middle(low, high):
        return mixture((TwoPoint(low, high, 0.5), TwoPoint(low - 1, high + 1, 0.5)), [0.5, 0.5]).ppf(0.7)

    np.testing.assert_allclose(jax.jit(jax.grad(middle, (0, 1)))(1.0, 2.0), [0.0, 1.0])


def test_single_precision_and_nan():
    law = mixture((affine(Exponential(jnp.float32(2.0)), np.float32(5.0)),), np.float32([1.0]))
    y = np.float32([3.0, 7.0, np.nan])
    assert law.loss(y).dtype == np.float32
    np.testing.assert_allclose(law.loss(y), [4.0, 2 * np.exp(-1.0), np.nan], rtol=1e-6)
    traced = jax.vmap(lambda mean, scale: affine(Exponential(mean), 0.0, scale).loss(0.5))
    np.testing.assert_array_equal(np.isnan(traced(np.array([1.0, -1.0, 1.0]), np.array([1.0, 1.0, 0.0]))), [0, 1, 1])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: affine(Exponential(1.0), 0.0, 0.0), ValueError, r"affine.scale is 0.0; give numbers above zero"),
        (lambda: affine(3.0), TypeError, r"affine.base is a float; give a distribution"),
        (lambda: mixture((Exponential(1.0),), [0.5, 0.5]), ValueError, r"weights has shape \(2,\) for 1 components"),
        (lambda: mixture((Exponential(1.0),), [0.9]), ValueError, r"weights is 0.9; divide the weights by their sum"),
        (lambda: mixture((Exponential(1.0), TwoPoint(1.0, 2.0, 0.5)), [0.5, 0.5]), TypeError, "all continuous or all"),
        (lambda: mixture(Exponential(1.0), [1.0]), TypeError, "is one Exponential; give a list"),
        (lambda: mixture((), []), TypeError, "give one or more distributions"),
    ],
)
def test_bad_transforms_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
