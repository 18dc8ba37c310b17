from itertools import pairwise

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
from scipy import stats
from scipy.integrate import quad
from tails import assert_tail

from eqsolve.demand.triangular import Triangular

POINTS = np.array([8.0, 10.0, 12.0, 15.0, 22.0, 29.5, 30.0, 33.0])
INNER = np.array([8.0, 12.0, 22.0, 29.5, 33.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_triangular():
    law = Triangular(0.25, 10.0, 20.0)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, INNER)

    def make(tenths, loc, scale):
        # the differences' step of 1e-4 is too coarse for a shape of 1/4
        return Triangular(tenths / 10, loc, scale)

    assert_parameter_derivatives(make, {"tenths": 2.5, "loc": 1.0, "scale": 2.0}, INNER / 10)


def test_every_shape_agrees_with_scipy():
    shapes = np.array([[0.0], [1e-9], [0.25], [0.9], [1.0]])
    assert_same_as_scipy(Triangular(shapes, 10.0, 20.0), stats.triang(shapes, 10.0, 20.0), POINTS[[0, 2, 3, 4, 5, 7]])


@pytest.mark.parametrize("c", [0.0, 0.25, 1.0])
def test_losses_are_integrals_of_the_density(c):
    law, density = Triangular(c, 10.0, 20.0), stats.triang(c, 10.0, 20.0).pdf

    def integral(function, low, high):
        peak = 10 + 20 * c
        cuts = [low, *([peak] if low < peak < high else []), high]
        return sum(quad(lambda x: function(x) * density(x), *piece)[0] for piece in pairwise(cuts))

    inner = [10.0, 12.0, 22.0, 29.5]
    expected = {
        "loss": [integral(lambda x, y=y: x - y, y, 30.0) for y in inner],
        "overstock": [integral(lambda x, y=y: y - x, 10.0, y) for y in inner],
        "second_loss": [integral(lambda x, y=y: (x - y) ** 2 / 2, y, 30.0) for y in inner],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(law, name)(np.array(inner)), values, rtol=1e-12, err_msg=name)
    # from 4 units below the lowest value
    np.testing.assert_allclose(law.second_loss(6.0), integral(lambda x: (x - 6) ** 2 / 2, 10.0, 30.0), rtol=1e-12)


def test_near_the_bounds_values_and_derivatives_in_the_shape_keep_their_digits():
    # above the peak sf = h^2 / (1 - c), loss = h^3 / 3(1 - c), second_loss = h^4 / 12(1 - c) at h below the upper bound
    h = 2.0 ** -np.array([5.0, 20.0, 50.0])
    # d/dc and d2/dc2 of 1 / (1 - c) at c = 1/4
    orders = np.array([4 / 3, 16 / 9, 128 / 27])
    upper = {"sf": h**2, "loss": h**3 / 3, "second_loss": h**4 / 12}
    assert_tail(Triangular, 0.25, 1 - h, {k: v[:, None] * orders for k, v in upper.items()}, rtol=1e-13)
    x = np.array([0.3, 1e-9, 1e-60])
    # below it cdf = x^2 / c, overstock = x^3 / 3c
    orders = np.array([4 / 3, -16 / 9, 128 / 27])
    lower = {"cdf": x**2, "overstock": x**3 / 3}
    assert_tail(Triangular, 0.75, x, {k: v[:, None] * orders for k, v in lower.items()}, rtol=1e-13)


@pytest.mark.slow
def test_the_corners_of_the_shape():
    depth = np.array([0.5, 2.0**-20, 2.0**-50])
    # a side of no width: the density 2x ends at its height of 2, and the loss is h^2 (1 - h / 3) at h below the end
    rising = Triangular(1.0)
    np.testing.assert_allclose(rising.sf(1 - depth), depth * (2 - depth), rtol=1e-14)
    np.testing.assert_allclose(rising.loss(1 - depth), depth**2 * (1 - depth / 3), rtol=1e-14)
    np.testing.assert_allclose(rising.second_loss(1 - depth), depth**3 * (1 / 3 - depth / 12), rtol=1e-14)
    np.testing.assert_allclose(Triangular(0.0).overstock(depth), depth**2 * (1 - depth / 3), rtol=1e-14)
    np.testing.assert_array_equal(Triangular(np.array([0.0, 1.0])).pdf([0.0, 1.0]), [2.0, 2.0])
    np.testing.assert_array_equal(Triangular(np.array([0.0, 1.0])).pdf([1.0, 0.0]), [0.0, 0.0])

    @jax.jit
    def derivatives(c, y):
        def found(c):
            law = Triangular(c)
            return jnp.stack([getattr(law, name)(y) for name in METHODS] + [law.ppf(0.3)])

        first = jax.jacfwd(found)
        return first(c), jax.jacfwd(first)(c)

    # one-sided at the corners: within 1e-7 what they are just inside
    for corner, inside in ((0.0, 1e-8), (1.0, 1 - 1e-8)):
        for at_corner, near in zip(derivatives(corner, 0.4), derivatives(inside, 0.4), strict=True):
            np.testing.assert_allclose(at_corner, near, rtol=1e-6)


def test_the_ends_of_the_line():
    law, ends = Triangular(0.5, 1.0, 2.0), np.array([-np.inf, np.inf, np.nan])
    expected = {"pdf": [0, 0], "cdf": [0, 1], "sf": [1, 0], "loss": [np.inf, 0], "overstock": [0, np.inf]}
    for name, values in (expected | {"second_loss": [np.inf, 0]}).items():
        np.testing.assert_array_equal(getattr(law, name)(ends), [*values, np.nan], err_msg=name)
    np.testing.assert_array_equal(law.ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [1.0, 3.0, *[np.nan] * 3])


def test_single_precision():
    with jax.enable_x64(False):
        law, frozen = Triangular(0.25, 10.0, 20.0), stats.triang(0.25, 10.0, 20.0)
        np.testing.assert_allclose(law.sf(POINTS), frozen.sf(POINTS), rtol=2e-6)
        np.testing.assert_allclose(law.ppf([0.1, 0.25, 0.9]), frozen.ppf([0.1, 0.25, 0.9]), rtol=1e-6)
        assert {getattr(law, name)(POINTS).dtype for name in METHODS} == {np.dtype("float32")}


def test_parameters_outside_their_range():
    found = jax.vmap(lambda c, scale: Triangular(c, 0.0, scale).loss(0.5))(
        np.array([0.5, -0.1, 1.1, np.nan, 0.5, 0.5]), np.array([1.0, 1.0, 1.0, 1.0, 0.0, np.inf])
    )
    np.testing.assert_array_equal(np.isnan(found), [False, *[True] * 5])
    with pytest.raises(ValueError, match=r"Triangular.c is 1.5; give numbers from 0 to 1"):
        Triangular(1.5)
    with pytest.raises(ValueError, match=r"Triangular.scale is 0.0; give numbers above zero"):
        Triangular(0.5, 1.0, 0.0)
