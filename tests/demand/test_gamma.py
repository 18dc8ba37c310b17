import jax
import jax.numpy as jnp
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
from scipy import special, stats
from tails import assert_tail

from eqsolve.demand.gamma import Gamma

POINTS = np.array([-3.0, 0.5, 40.0, 99.0, 100.0, 101.0, 180.0, 900.0])

# overstock differs from the loss by mean and argument, and the cdf from the survival function by one
WITHOUT_TWINS = ("sf", "loss", "second_loss", "ppf")


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
def test_gamma():
    law = Gamma(4.0, 25.0)
    assert_same_as_scipy(law, stats.gamma(4.0, scale=25.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, [-3.0, 0.5, 40.0, 100.0, 180.0, 900.0])
    assert_parameter_derivatives(Gamma, {"a": 4.0, "scale": 25.0}, [-3.0, 10.0, 99.0, 130.0], methods=WITHOUT_TWINS)


def test_every_shape_agrees_with_scipy():
    shapes = np.array([[0.05], [0.5], [1.0], [30.0], [1000.0], [1e4]])
    law = Gamma(shapes, 2.0)
    levels = np.array([1e-8, 0.01, 0.5, 0.9, 0.99999])
    assert_same_as_scipy(law, stats.gamma(shapes, scale=2.0), 2 * stats.gamma(shapes).ppf(levels))


# from the definitions in regularised incomplete gamma functions, with 150 digits in mpmath
def test_lower_tail_and_its_derivatives_in_the_shape():
    cdf = [
        [0.010511370061117778, -0.47961223519958639, 21.868655671832742],
        [4.1666666633333333e-38, -9.2622431198477937e-37, 2.058017365333745e-35],
        [9.0975127484351385e-140, -8.3465461950969844e-140, 7.6484922379313679e-140],
    ]
    overstock = [
        [9.5557909646525255e-23, -4.4469820560385356e-21, 2.0689138257309499e-19],
        [8.3333333277777778e-48, -1.8691152908734037e-46, 4.190799342857015e-45],
        [6.041601882106032e-140, -5.5528981948148121e-140, 5.0977141844782451e-140],
    ]
    assert_tail(Gamma, [0.1, 4.0, 1000.0], [1e-20, 1e-9, 400.0], {"cdf": cdf, "overstock": overstock})


def test_upper_tail_and_its_derivatives_in_the_shape():
    sf = [
        [4.4767665800126914e-16, 6.2031784963056313e-15, 4.0544703812748719e-14],
        [7.035098347285173e-103, 3.0035474294862013e-102, 1.2623609960552646e-101],
        [1.0818939340784656e-114, 6.9615538393575473e-115, 4.468669695702659e-115],
    ]
    loss = [
        [4.3538923917429426e-16, 6.0462178235128867e-15, 3.9801175561260358e-14],
        [7.1198531441992552e-103, 3.0425913546113087e-102, 1.280012631434941e-101],
        [2.2759007378783263e-114, 1.4669590905920461e-114, 9.4327452966385448e-115],
    ]
    second_loss = [
        [4.23775363950485e-16, 5.8975245144104034e-15, 3.908978815453149e-14],
        [7.2052832462378693e-103, 3.0819804030998015e-102, 1.2978362915889338e-101],
        [4.7818556982346606e-114, 3.0874538867814341e-114, 1.9886790984420655e-114],
    ]
    expected = {"sf": sf, "loss": loss, "second_loss": second_loss}
    assert_tail(Gamma, [0.1, 4.0, 1000.0], [30.0, 250.0, 1900.0], expected)


def test_second_derivatives_exist_next_to_zero():
    """There the cdf is x^a / Gamma(a + 1), whose derivatives in a are known."""
    a, points = 0.1, jnp.array([1e-20, 1e-155, 1e-300])

    @jax.jit
    def curvatures(a):
        def cdf(a):
            return Gamma(a).cdf(points)

        return jax.jacfwd(jax.jacfwd(cdf))(a), jax.jacfwd(jax.jacrev(cdf))(a)

    log = np.log(points) - special.psi(a + 1)
    expected = np.asarray(points) ** a / special.gamma(a + 1) * (log**2 - special.polygamma(1, a + 1))
    for found in curvatures(a):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_quantile_inverts_both_tails():
    shapes = np.array([[0.1], [1.0], [20.0], [5000.0]])
    law = Gamma(shapes)
    low, high = np.array([1e-100, 1e-30, 1e-3, 0.4]), np.array([0.6, 0.999, 1 - 2.0**-40, 1 - 2.0**-52])
    np.testing.assert_allclose(law.cdf(law.ppf(low))[1:], np.broadcast_to(low, (3, 4)), rtol=1e-10)
    np.testing.assert_allclose(law.sf(law.ppf(high)), np.broadcast_to(1 - high, (4, 4)), rtol=1e-10)
    np.testing.assert_array_equal(Gamma(3.0).ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [0.0, np.inf, *[np.nan] * 3])


@pytest.mark.parametrize("shape", [0.5, 1.0, 3.0])
def test_the_ends_of_the_line(shape):
    law = Gamma(shape)
    ends = np.array([-np.inf, -2.0, 0.0, np.inf])
    np.testing.assert_array_equal(law.pdf(ends[:3]), stats.gamma(shape).pdf(ends[:3]))
    assert law.pdf(np.inf) == 0.0
    np.testing.assert_array_equal(law.cdf(ends), [0, 0, 0, 1])
    np.testing.assert_array_equal(law.sf(ends), [1, 1, 1, 0])
    np.testing.assert_allclose(law.loss(ends), [np.inf, shape + 2, shape, 0])
    np.testing.assert_array_equal(law.overstock(ends), [0, 0, 0, np.inf])
    np.testing.assert_allclose(law.second_loss(ends[1:3]), [(shape + (shape + 2) ** 2) / 2, (shape + shape**2) / 2])
    slopes = jax.vmap(jax.grad(lambda y: law.loss(y)))(jnp.asarray(ends))
    np.testing.assert_array_equal(slopes, [-1, -1, -1, 0])
    for name in METHODS:
        assert np.isnan(getattr(law, name)(np.nan))


def test_derivatives_at_zero_and_below_are_finite():
    gradients = jax.grad(lambda a, y: Gamma(a, 2.0).loss(y), argnums=(0, 1))
    for y in (-1.0, 0.0):
        np.testing.assert_allclose(gradients(1.5, y), [2.0, -1.0])


def test_single_precision():
    with jax.enable_x64(False):
        shapes, levels = np.array([[0.3], [5.0], [300.0]]), np.array([0.001, 0.3, 0.7, 0.999])
        law, frozen = Gamma(shapes), stats.gamma(shapes)
        points = frozen.ppf(levels)
        np.testing.assert_allclose(law.ppf(levels), points, rtol=2e-5)
        np.testing.assert_allclose(law.sf(points), frozen.sf(points), rtol=1e-4)
        expected = shapes * stats.gamma(shapes + 1).sf(points) - points * frozen.sf(points)
        np.testing.assert_allclose(law.loss(points), expected, rtol=2e-4)
        assert law.loss(points).dtype == np.float32


def test_traced_parameters_outside_their_range_give_nan():
    found = jax.vmap(lambda a, scale: Gamma(a, scale).loss(0.5))(
        np.array([1.0, 0.0, 1e-5, 2.0, np.nan, np.inf]), np.array([1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    )
    np.testing.assert_array_equal(np.isnan(found), [False, *[True] * 5])


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"Gamma.a is 1e-05; give numbers of 0.001 or more"):
        Gamma(1e-5)
    with pytest.raises(ValueError, match=r"Gamma.scale is 0.0; give numbers above zero"):
        Gamma(1.0, 0.0)
