import jax
import numpy as np
import pytest
from families import (
    METHODS,
    assert_identities,
    assert_parameter_derivatives,
    assert_same_as_scipy,
    assert_sampled,
    assert_slopes,
)
from scipy import stats
from tails import assert_tail

from eqsolve.demand.beta import Beta

POINTS = np.array([8.0, 10.0, 10.5, 16.0, 18.0, 24.0, 29.5, 30.0, 33.0])
INNER = POINTS[[0, 2, 3, 4, 5, 6, 8]]

# the integrals below x of order 1, 2 and 3 for four pairs of shapes, by the series of 2F1(a + b + k - 1, k; a + k; x)
# with 80 digits in mpmath: value, first and second derivative in `a`, then in `b`
NEAR, OTHER = np.array([0.1, 4.0, 1000.0, 1000.0]), np.array([1000.0, 0.5, 0.1, 1000.0])
X = np.array([1e-40, 1e-25, 0.75, 0.25])
IN_NEAR = [
    [
        [0.00020971996674732122, -0.01777844258202821, 1.5068189715780675],
        [2.7343750000000005e-101, -1.5772387440174373e-99, 9.097883588335156e-98],
        [8.386693704524098e-129, -2.420226667515839e-129, 6.984349555764423e-130],
        [2.051095089812806e-127, -1.4242668967327745e-127, 9.879798015279983e-128],
    ],
    [
        [1.9065451522483746e-44, -1.6335542815684586e-42, 1.3995364156449424e-40],
        [5.468750000000001e-127, -3.165414988034875e-125, 1.832238377619171e-123],
        [6.26696604984779e-132, -1.8147611538074028e-132, 5.255225806269066e-133],
        [7.661098398427166e-131, -5.331239801039329e-131, 3.7061279262786516e-131],
    ],
    [
        [9.078786439277973e-85, -7.822062228608269e-83, 6.738954952867423e-81],
        [9.114583333333335e-153, -5.290882618947014e-151, 3.0713669047617746e-149],
        [4.6783850838993647e-135, -1.359403482887871e-135, 3.9501682576766606e-136],
        [2.8544590170450637e-134, -1.990615609850802e-134, 1.3867873379635606e-134],
    ],
]
IN_OTHER = [
    [
        [0.00020971996674732122, 2.0981436589450034e-08, -1.8891790944630044e-11],
        [2.7343750000000005e-101, 9.166666666666669e-101, 1.7916666666666669e-100],
        [8.386693704524098e-129, 1.3374927990967795e-127, 1.282324677225807e-126],
        [2.051095089812806e-127, 8.331813671262487e-128, 3.3742324108470707e-128],
    ],
    [
        [1.9065451522483746e-44, 1.9074033263136393e-48, -1.717435540420913e-51],
        [5.468750000000001e-127, 1.8333333333333337e-126, 3.583333333333334e-126],
        [6.26696604984779e-132, 9.996288033734135e-131, 9.588113927400678e-130],
        [7.661098398427166e-131, 3.115830083595597e-131, 1.2634033719388863e-131],
    ],
    [
        [9.078786439277973e-85, 9.082872982445901e-89, -8.178264478194823e-92],
        [9.114583333333335e-153, 3.0555555555555563e-152, 5.9722222222222235e-152],
        [4.6783850838993647e-135, 7.463760997426014e-134, 7.16207729354493e-133],
        [2.8544590170450637e-134, 1.1623368824819383e-134, 4.718778292556438e-135],
    ],
]


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
def test_beta():
    law = Beta(2.0, 3.0, 10.0, 20.0)
    assert_same_as_scipy(law, stats.beta(2.0, 3.0, 10.0, 20.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, INNER)


@pytest.mark.slow
def test_derivatives_in_all_parameters():
    values = {"a": 2.0, "b": 3.0, "loc": 1.0, "scale": 2.0}
    # those of the other methods in the shapes are compared with many digits below
    assert_parameter_derivatives(Beta, values, INNER / 10, methods=("loss", "ppf"))


def test_every_shape_agrees_with_scipy():
    a, b = np.array([[0.05], [0.5], [1.0], [30.0], [1000.0]]), np.array([[20.0], [0.5], [3.0], [1.0], [0.1]])
    levels = np.array([1e-8, 0.01, 0.5, 0.9])
    # closer to the upper bound 1 - x has too few digits
    points = np.minimum(stats.beta(a, b).ppf(levels), 0.9999)
    assert_same_as_scipy(Beta(a, b, 1.0, 2.0), stats.beta(a, b, 1.0, 2.0), 1 + 2 * points)


def test_lower_tail_and_its_derivatives_in_both_shapes():
    for make, at, rows in ((lambda a: Beta(a, OTHER), NEAR, IN_NEAR), (lambda b: Beta(NEAR, b), OTHER, IN_OTHER)):
        assert_tail(make, at, X, dict(zip(("cdf", "overstock"), rows, strict=False)), rtol=1e-11)


def test_upper_tail_and_its_derivatives_in_both_shapes():
    # below zero, so that the distance to the upper bound is exact
    names = ("sf", "loss", "second_loss")
    assert_tail(lambda b: Beta(OTHER, b, -1.0), NEAR, -X, dict(zip(names, IN_NEAR, strict=True)), rtol=1e-11)
    assert_tail(lambda a: Beta(a, NEAR, -1.0), OTHER, -X, dict(zip(names, IN_OTHER, strict=True)), rtol=1e-11)


def test_the_quantile_inverts_both_tails():
    shapes = [0.001, 0.1, 1.0, 20.0, 1000.0, 1e4]
    tails = [1e-300, 1e-100, 1e-10, 0.01, 0.4]
    a, b, tail = (grid.ravel() for grid in np.meshgrid(shapes, shapes, tails))

    @jax.jit
    def inverted(a, b, tail):
        lower, upper = Beta(a, b), Beta(b, a, -1.0)
        return lower.ppf(tail), lower.cdf(lower.ppf(tail)), upper.ppf(1 - tail), upper.sf(upper.ppf(1 - tail))

    low, cdf, high, sf = inverted(a, b, tail)
    # a number that has underflowed, or has a neighbour of another level, cannot be inverted
    exact = (low > 1e-290) & (low < 0.9)
    np.testing.assert_allclose(cdf[exact], tail[exact], rtol=1e-10)
    exact = (-high > 1e-290) & (-high < 0.9) & (tail > 1e-9)
    np.testing.assert_allclose(sf[exact], 1 - (1 - tail[exact]), rtol=1e-10)
    np.testing.assert_array_equal(Beta(2.0, 3.0, 1.0, 2.0).ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [1, 3, *[np.nan] * 3])


@pytest.mark.parametrize("shape", [0.5, 1.0, 3.0])
def test_the_ends_of_the_line(shape):
    law, ends = Beta(shape, shape), np.array([-np.inf, -2.0, 0.0, 1.0, 3.0, np.inf, np.nan])
    frozen = stats.beta(shape, shape)
    np.testing.assert_array_equal(law.pdf(ends), [0, 0, frozen.pdf(0.0), frozen.pdf(1.0), 0, 0, np.nan])
    np.testing.assert_array_equal(law.cdf(ends), [0, 0, 0, 1, 1, 1, np.nan])
    np.testing.assert_array_equal(law.sf(ends), [1, 1, 1, 0, 0, 0, np.nan])
    np.testing.assert_allclose(law.loss(ends), [np.inf, 2.5, 0.5, 0, 0, 0, np.nan])
    np.testing.assert_allclose(law.overstock(ends), [0, 0, 0, 0.5, 2.5, np.inf, np.nan])
    squares = [frozen.var() + 2.5**2, frozen.var() + 0.25]
    np.testing.assert_allclose(law.second_loss(ends), [np.inf, squares[0] / 2, squares[1] / 2, 0, 0, 0, np.nan])


def test_derivatives_at_and_beyond_the_bounds_are_finite():
    gradients = jax.jit(jax.vmap(jax.grad(lambda a, y: Beta(a, 2.0).loss(y), argnums=(0, 1)), (None, 0)))
    # below the support the loss is a / (a + 2) - y
    in_shape, in_argument = gradients(1.5, np.array([-1.0, 0.0, 1.0, 2.0]))
    np.testing.assert_allclose(in_shape, [2 / 3.5**2, 2 / 3.5**2, 0.0, 0.0], rtol=1e-14)
    np.testing.assert_array_equal(in_argument, [-1.0, -1.0, 0.0, 0.0])


def test_single_precision():
    with jax.enable_x64(False):
        a, b = np.array([[0.3], [5.0], [300.0]]), np.array([[2.0], [0.5], [200.0]])
        law, frozen = Beta(a, b), stats.beta(a, b)
        levels = np.array([0.001, 0.3, 0.7, 0.99])
        points = np.float64(np.float32(frozen.ppf(levels)))
        np.testing.assert_allclose(law.ppf(levels), points, rtol=5e-5)
        np.testing.assert_allclose(law.sf(points), frozen.sf(points), rtol=2e-4)
        assert {getattr(law, name)(points).dtype for name in METHODS} == {np.dtype("float32")}


def test_parameters_outside_their_range():
    found = jax.vmap(lambda a, b, scale: Beta(a, b, 0.0, scale).loss(0.5))(
        np.array([1.0, 0.0, 1e-5, 2.0, np.nan, 2.0, 2.0]),
        np.array([1.0, 1.0, 1.0, -1.0, 1.0, np.inf, 1.0]),
        np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
    )
    np.testing.assert_array_equal(np.isnan(found), [False, *[True] * 6])
    with pytest.raises(ValueError, match=r"Beta.b is 1e-05; give numbers of 0.001 or more"):
        Beta(1.0, 1e-5)
    with pytest.raises(ValueError, match=r"Beta.scale is 0.0; give numbers above zero"):
        Beta(1.0, 1.0, 0.0, 0.0)
