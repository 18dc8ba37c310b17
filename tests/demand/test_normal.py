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
from scipy import stats

from eqsolve.demand.normal import Normal

# z, survival function, loss, second-order loss: mpmath in 600 digits from erfc and the textbook forms
TAILS = np.array(
    [
        (0.0, 0.5, 0.39894228040143268, 0.25),
        (0.25, 0.40129367431707628, 0.28634469822358014, 0.16485374988059062),
        (1.0, 0.15865525393145705, 0.083315470587686298, 0.037669891671885377),
        (3.0, 0.0013498980316300945, 0.0003821543170477236, 0.00010171754024346187),
        (8.0, 6.2209605742717841e-16, 7.5502624119464989e-17, 9.0375322357292496e-18),
        (20.0, 2.7536241186062337e-89, 1.3700124947295799e-90, 6.7995645735369044e-92),
        (37.0, 5.7255712225245768e-300, 1.5451991905122025e-301, 4.1671088147138617e-303),
    ]
)
# level, quantile: mpmath's root of the logarithm of erfc
LEVELS = np.array(
    [
        (1e-300, -37.047096299361199),
        (1e-20, -9.2623400897984076),
        (0.025, -1.9599639845400542),
        (0.3, -0.52440051270804082),
    ]
)
POINTS = np.array([-150.0, 60.0, 100.0, 125.0, 250.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_normal():
    law = Normal(100.0, 20.0)
    assert_same_as_scipy(law, stats.norm(100.0, 20.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, POINTS)
    assert_parameter_derivatives(Normal, {"loc": 1.0, "scale": 0.4}, [-0.5, 0.7, 1.0, 1.3, 2.1])


def test_normal_tails():
    z, sf, loss, second = TAILS.T
    law = Normal()
    np.testing.assert_allclose([law.sf(z), law.cdf(-z)], [sf, sf], rtol=2e-13)
    np.testing.assert_allclose([law.loss(z), law.overstock(-z)], [loss, loss], rtol=2e-13)
    np.testing.assert_allclose(law.second_loss(z), second, rtol=2e-13)
    np.testing.assert_allclose(law.loss(-z), loss + z, rtol=1e-15)
    np.testing.assert_allclose(law.second_loss(-z), (1 + z**2) / 2 - second, rtol=1e-15)
    level, quantile = LEVELS.T
    np.testing.assert_allclose(law.ppf(level), quantile, rtol=1e-14)


def test_derivatives_of_small_losses_are_relatively_accurate():
    # by hand: d loss / d scale is the density, that of the second-order loss scale times the survival function
    z, sf, _, _ = TAILS.T
    first, second, over = jax.jit(
        jax.vmap(
            lambda y: (
                jax.grad(lambda scale: Normal(0.0, scale).loss(y))(1.0),
                jax.grad(lambda scale: Normal(0.0, scale).second_loss(y))(1.0),
                jax.grad(lambda scale: Normal(0.0, scale).overstock(-y))(1.0),
            )
        )
    )(z)
    np.testing.assert_allclose(first, stats.norm.pdf(z), rtol=2e-13)
    np.testing.assert_allclose(over, stats.norm.pdf(z), rtol=2e-13)
    np.testing.assert_allclose(second, sf, rtol=2e-13)


def test_normal_at_the_ends_and_for_nan():
    law = Normal(np.array([1.0, 1.0, 1.0]), 2.0)
    points = np.array([-np.inf, np.inf, np.nan])
    for name, expected in {
        "pdf": [0.0, 0.0],
        "cdf": [0.0, 1.0],
        "sf": [1.0, 0.0],
        "loss": [np.inf, 0.0],
        "overstock": [0.0, np.inf],
        "second_loss": [np.inf, 0.0],
    }.items():
        np.testing.assert_array_equal(getattr(law, name)(points), [*expected, np.nan], err_msg=name)
    np.testing.assert_array_equal(law.ppf(np.array([0.0, 1.0, 1.5])), [-np.inf, np.inf, np.nan])


def test_normal_in_single_precision():
    law = Normal(jnp.float32(0.0), jnp.float32(1.0))
    z = np.float32([-8, -1, 0, 1, 4, 10])
    assert law.loss(z).dtype == np.float32
    reference = stats.norm.pdf(z) - z.astype(float) * stats.norm.sf(z)
    np.testing.assert_allclose(law.loss(z)[:-1], reference[:-1], rtol=1e-5)
    np.testing.assert_allclose(law.loss(z)[-1], 7.4743e-25, rtol=1e-4)


def test_a_negative_standard_deviation_is_named():
    with pytest.raises(ValueError, match=r"Normal.scale is -1.0; give numbers above zero"):
        Normal(0.0, -1.0)
    traced = jax.vmap(lambda scale: Normal(0.0, scale).loss(0.5))(np.array([1.0, 0.0, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(traced), [False, True, True, True])
