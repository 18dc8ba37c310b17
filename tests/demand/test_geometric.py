import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import METHODS, assert_identities, assert_same_as_scipy, assert_sampled
from scipy import stats
from tails import assert_tail

from eqsolve.demand.counts import NegativeBinomial
from eqsolve.demand.geometric import Geometric
from eqsolve.demand.transform import affine

POINTS = np.array([-2.5, 0.0, 0.5, 1.0, 1.25, 9.0, 10.0, 10.75, 60.0])

# (p, whole number), and there value, first and second derivative in p: from powers of 1 - p with 80 digits in mpmath
UPPER_AT = ([1e-09, 1e-09, 0.125, 0.125, 0.999, 0.999], [3.0, 400000000000.0, 7.0, 3000.0, 2.0, 60.0])
UPPER = {
    "sf": [
        [0.999999997, -2.999999994, 5.999999994],
        [1.9151692136800767e-174, -7.660676862380984e-163, 3.0642707480090034e-151],
        [0.39269590377807617, -3.1415672302246094, 21.54217529296875],
        [1.0572046555470034e-174, -3.624701676161155e-171, 1.2423406087779775e-167],
        [1.0000000000000019e-06, -0.0020000000000000018, 2.0],
        [1.0000000000000533e-180, -6.000000000000314e-176, 3.5400000000001824e-171],
    ],
    "loss": [
        [999999996.9999999, -9.999999999999999e17, 1.9999999999999995e27],
        [1.9151692136800766e-165, -7.679828554517784e-154, 3.079630405118039e-142],
        [3.1415672302246094, -50.26507568359375, 976.57861328125],
        [8.457637244376027e-174, -2.9065274507244247e-170, 9.985229309435411e-167],
        [1.0010010010010028e-06, -0.0020030040050060087, 2.006012020030042],
        [1.0010010010010542e-180, -6.006106206306721e-176, 3.5436637859102185e-171],
    ],
    "second_loss": [
        [9.999999964999999e17, -1.9999999964999997e27, 5.999999992999998e36],
        [1.9151692127224917e-156, -7.69898024281467e-145, 3.0950283640715326e-133],
        [23.56175422668457, -578.0483703613281, 16975.234130859375],
        [6.343227933282021e-173, -2.185308475879719e-169, 7.526212139651213e-166],
        [5.015025035045064e-07, -0.0010045100175270394, 1.0090300701352315],
        [5.015025035045322e-181, -3.0091655220789936e-176, 1.7754994686892584e-171],
    ],
}
LOWER_AT = ([1e-09, 1e-09, 0.125, 0.125, 0.999, 0.999], [3.0, 1000000.0, 7.0, 9.0, 2.0, 3.0])
LOWER = {
    "cdf": [
        [2.9999999970000004e-09, 2.999999994, -5.999999994],
        [0.0009995001671245086, 999000.500831876, -998999502830.3746],
        [0.6073040962219238, 3.1415672302246094, -21.54217529296875],
        [0.6993421986699104, 3.09248024225235, -28.274105072021484],
        [0.999999, 0.0020000000000000018, -2.0],
        [0.999999999, 3.000000000000005e-06, -0.006000000000000005],
    ],
    "overstock": [
        [2.9999999990000002e-09, 2.999999998, -2.0],
        [499.83287549141784, 499666292632.58997, -3.3308243480522586e17],
        [2.1415672302246094, 13.73492431640625, -47.42138671875],
        [3.4052624106407166, 20.01805877685547, -94.09609985351562],
        [0.999, 1.0, 0.0],
        [1.998999, 1.002, -2.0],
    ],
}


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_geometric():
    law = Geometric(0.1)
    assert_same_as_scipy(law, stats.geom(0.1), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.97, 1.0])
def test_losses_are_sums_of_positive_terms(p):
    numbers = np.arange(1.0, 3000.0)
    short = np.maximum(numbers - POINTS[:, None], 0.0)
    law, mass = Geometric(p), stats.geom(p).pmf(numbers)
    np.testing.assert_allclose(law.loss(POINTS), short @ mass, rtol=1e-12)
    np.testing.assert_allclose(law.second_loss(POINTS), short**2 / 2 @ mass, rtol=1e-12)
    np.testing.assert_allclose(law.overstock(POINTS), np.maximum(POINTS[:, None] - numbers, 0.0) @ mass, rtol=1e-12)


def test_every_size_and_its_derivatives():
    assert_tail(Geometric, *UPPER_AT, UPPER, rtol=1e-12)
    assert_tail(Geometric, *LOWER_AT, LOWER, rtol=1e-12)


def test_slopes_at_and_between_whole_numbers():
    law = Geometric(0.1)
    points = jnp.asarray([0.5, 3.0, 3.5, 25.0])

    @jax.jit
    def slopes(points):
        names = ("loss", "overstock", "second_loss", "cdf")
        return [jax.vmap(jax.grad(getattr(law, name)))(points) for name in names]

    expected = [-law.sf(points), law.cdf(points), -law.loss(points), 0 * points]
    np.testing.assert_allclose(slopes(points), expected, rtol=1e-14)


def test_derivatives_where_success_is_certain():
    @jax.jit
    def derivatives(p, y):
        def values(p):
            return jnp.stack([getattr(Geometric(p), name)(y) for name in METHODS])

        first = jax.jacfwd(values)
        return values(p), first(p), jax.jacfwd(first)(p)

    # with s = 1 - p at y = 2.5: sf = s^2, cdf = 1 - s^2, loss = s^2 (1 / p - 1/2), overstock = 3/2 - s - s^2 / 2 and
    # second_loss = s^2 (s (2 - p) / 2p^2 + s / 2p + 1/8), in the order of METHODS
    value, first, second = derivatives(1.0, 2.5)
    np.testing.assert_allclose(value, [1.0, 0.0, 0.0, 1.5, 0.0], atol=1e-15)
    np.testing.assert_allclose(first, [0.0, 0.0, 0.0, 1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(second, [-2.0, 2.0, 1.0, -1.0, 0.25], rtol=1e-14)
    # at y = 1/2, before any demand: loss = 1 / p - y, second_loss = (1 / p - y)^2 / 2 + (1 - p) / 2p^2
    value, first, second = derivatives(1.0, 0.5)
    np.testing.assert_allclose(value, [0.0, 1.0, 0.5, 0.0, 0.125], rtol=1e-14)
    np.testing.assert_allclose(first, [0.0, 0.0, -1.0, 0.0, -1.0], rtol=1e-14)
    np.testing.assert_allclose(second, [0.0, 0.0, 2.0, 0.0, 4.0], rtol=1e-14)


def test_failures_are_a_shifted_count_and_a_negative_binomial():
    @jax.jit
    def losses(law):
        return law.loss(POINTS), law.overstock(POINTS)

    np.testing.assert_allclose(losses(affine(Geometric(0.2), -1.0)), losses(NegativeBinomial(1.0, 0.2)), rtol=1e-11)


def test_the_quantile_returns_the_number_whose_cdf_is_the_level():
    p, number = (grid.ravel() for grid in np.meshgrid([1e-6, 0.01, 0.1, 0.3], [1.0, 2.0, 3.0, 7.0, 20.0, 60.0]))
    level = Geometric(p).cdf(number)
    next_level = level + (1 - level) * p * 1e-4
    written = np.array([[0.1, 0.1, 1], [0.1, 0.19, 2], [0.1, 0.271, 3], [0.5, 0.5, 1], [0.5, 1 - 2.0**-49, 49]])
    ends = np.array([[0.3, 0.0, 1], [0.3, 1.0, np.inf], [0.3, -0.1, np.nan], [0.3, 1.1, np.nan], [0.3, np.nan, np.nan]])
    certain = np.array([[1.0, 1e-300, 1], [1.0, 0.5, 1], [1.0, 0.9999, 1]])
    given = np.array([[*p, *p], [*level, *next_level], [*number, *(number + 1)]]).T
    p, level, number = np.concatenate([given, written, ends, certain]).T
    np.testing.assert_array_equal(Geometric(p).ppf(level), number)
    assert jax.grad(lambda p: Geometric(p).ppf(0.3))(1.0) == 0.0


def test_quantiles_of_every_size_agree_with_scipy():
    # at levels that are far enough from one to tell neighbours apart
    levels = np.array([1e-60, 1e-8, 0.01, 0.3, 0.5, 0.9, 0.999, 1 - 1e-6])
    p = np.array([[1e-9], [1e-3], [0.3], [0.9], [0.999]])
    np.testing.assert_array_equal(Geometric(p).ppf(levels), stats.geom(p).ppf(levels))


def test_the_ends_of_the_line():
    law, ends = Geometric(0.2), np.array([-np.inf, np.inf, np.nan])
    expected = {"pmf": [0, 0], "cdf": [0, 1], "sf": [1, 0], "loss": [np.inf, 0], "overstock": [0, np.inf]}
    for name, values in (expected | {"second_loss": [np.inf, 0]}).items():
        np.testing.assert_array_equal(getattr(law, name)(ends), [*values, np.nan], err_msg=name)
    np.testing.assert_array_equal(Geometric(np.array([0.5, 1.0])).support(), [[1.0, 1.0], [np.inf, 1.0]])


def test_single_precision():
    with jax.enable_x64(False):
        law, frozen = Geometric(0.125), stats.geom(0.125)
        np.testing.assert_allclose(law.sf(POINTS), frozen.sf(POINTS), rtol=2e-6)
        n = np.arange(2.0, 12.0)
        np.testing.assert_allclose(law.overstock(n), n - frozen.cdf(n) / 0.125, rtol=2e-6)
        np.testing.assert_array_equal(law.ppf(law.cdf(n)), n)
        assert {getattr(law, name)(POINTS).dtype for name in METHODS} == {np.dtype("float32")}


def test_parameters_outside_their_range():
    found = jax.vmap(lambda p: Geometric(p).loss(0.5))(np.array([0.5, 1.0, 0.0, 1.1, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, False, *[True] * 4])
    with pytest.raises(ValueError, match=r"Geometric.p is 0.0; give probabilities above zero and up to one"):
        Geometric(0.0)
