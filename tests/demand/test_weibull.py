import jax
import numpy as np
import pytest
from families import (
    assert_identities,
    assert_parameter_derivatives,
    assert_same_as_scipy,
    assert_sampled,
    assert_slopes,
)
from scipy import stats
from tails import assert_tail

from eqsolve.demand.weibull import Weibull

POINTS = np.array([-3.0, 0.5, 40.0, 88.0, 89.0, 250.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_weibull():
    law = Weibull(2.0, 100.0)
    assert_same_as_scipy(law, stats.weibull_min(2.0, scale=100.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, [-3.0, 0.5, 40.0, 89.0, 250.0])
    methods = ("sf", "loss", "second_loss", "ppf")
    assert_parameter_derivatives(Weibull, {"c": 2.0, "scale": 100.0}, [-3.0, 10.0, 88.0, 250.0], methods=methods)


# from their definitions in incomplete gamma functions, with 150 digits in mpmath
def test_small_overstock_and_its_derivatives_in_the_shape():
    overstock = [
        [8.333329761905798e-37, -5.825902191800411e-35, 4.0735150766537116e-33],
        [3.3333333333333338e-28, -7.01886639009325e-27, 1.4783049324297893e-25],
        [8.7076315656875e-18, -6.206408142948081e-18, 4.426996384449239e-18],
    ]
    assert_tail(Weibull, [0.2, 2.0, 50.0], [1e-30, 1e-9, 0.5], {"overstock": overstock})


def test_small_losses_and_their_derivatives_in_the_shape():
    loss = [
        [4.7748850765227213e-60, -1.9316429985658126e-56, 7.76578871529152e-53],
        [6.392349648760094e-100, -3.91540683067724e-97, 2.3876973189505434e-94],
        [8.364318275219317e-85, -1.6214235092824976e-83, 3.126320053716609e-82],
    ]
    second_loss = [
        [1.5856350582370087e-50, -6.465267566964494e-47, 2.6200467092647935e-43],
        [2.1214165979105075e-101, -1.3061836050735013e-98, 8.007346903540181e-96],
        [9.95595975913081e-89, -1.9422374738296222e-87, 3.7689670099463716e-86],
    ]
    assert_tail(Weibull, [0.2, 2.0, 50.0], [1e11, 15.0, 1.11], {"loss": loss, "second_loss": second_loss})


def test_every_shape_agrees_with_scipy():
    shapes = np.array([[0.1], [0.7], [1.0], [10.0], [100.0]])
    levels = np.array([1e-8, 0.01, 0.5, 0.9, 0.99999])
    frozen = stats.weibull_min(shapes)
    law, points = Weibull(shapes), frozen.ppf(levels)
    np.testing.assert_allclose(law.pdf(points), frozen.pdf(points), rtol=1e-10)
    np.testing.assert_allclose(law.cdf(points), frozen.cdf(points), rtol=1e-10)
    np.testing.assert_allclose(law.sf(points), frozen.sf(points), rtol=1e-10)
    np.testing.assert_allclose(law.ppf(levels), points, rtol=1e-10)
    # shape one is exponential: the loss is the survival function
    np.testing.assert_allclose(law.loss(points)[2], np.exp(-points[2]), rtol=1e-12)


def test_the_ends_of_the_line():
    ends = np.array([-np.inf, -2.0, 0.0, np.inf])
    law = Weibull(1.0)
    np.testing.assert_array_equal(law.cdf(ends), [0, 0, 0, 1])
    np.testing.assert_array_equal(law.pdf(ends), [0, 0, 1, 0])
    np.testing.assert_allclose(law.loss(ends), [np.inf, 3, 1, 0], rtol=1e-14)
    np.testing.assert_allclose(law.overstock(ends), [0, 0, 0, np.inf])
    np.testing.assert_allclose(law.second_loss(ends[1:]), [5, 1, 0], rtol=1e-14)
    np.testing.assert_array_equal(law.ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [0.0, np.inf, *[np.nan] * 3])
    assert np.isnan(law.loss(np.nan))
    assert np.isnan(law.cdf(np.nan))
    np.testing.assert_allclose(
        jax.grad(lambda c: Weibull(c).loss(-1.0))(2.0), jax.grad(lambda c: Weibull(c).mean())(2.0)
    )


def test_single_precision():
    with jax.enable_x64(False):
        points = np.array([0.1, 0.5, 1.0, 3.0])
        np.testing.assert_allclose(Weibull(1.0).loss(points), np.exp(-points), rtol=3e-6)
        assert Weibull(1.0).loss(points).dtype == np.float32


def test_parameters_outside_their_range():
    found = jax.vmap(lambda c, scale: Weibull(c, scale).loss(0.5))(
        np.array([1.0, 0.0, 1e3, 2.0, np.nan]), np.array([1.0, 1.0, 1.0, -1.0, 1.0])
    )
    np.testing.assert_array_equal(np.isnan(found), [False, *[True] * 4])
    with pytest.raises(ValueError, match=r"Weibull.c is 0.01; give numbers from 0.1 to 100.0"):
        Weibull(0.01)
    with pytest.raises(ValueError, match=r"Weibull.scale is 0.0; give numbers above zero"):
        Weibull(1.0, 0.0)
