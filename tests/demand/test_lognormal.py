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

from eqsolve.demand.lognormal import LogNormal

# s, scale, y, loss, overstock, second-order loss: mpmath in 400 digits from the textbook differences of normal tails
REFERENCE = np.array(
    [
        (0.001, 1.0, 0.9704455335485082, 0.029554966451616845, 1.5836725090665894e-202, 0.0004372480217280992),
        (0.001, 1.0, 0.9997000449955004, 0.00056698531933499001, 0.0002665303147103487, 3.9441893735500739e-7),
        (0.001, 1.0, 1.0002000200013335, 0.00030713582792814598, 0.00050665582913660228, 1.8002391843728541e-7),
        (0.001, 1.0, 1.0080320855042735, 7.611817885078243e-20, 0.0080315855041484785, 9.1865506517715729e-24),
        (0.001, 1.0, 1.030454533953517, 1.6817130875379513e-202, 0.030454033953391938, 5.7577049099504107e-207),
        (0.25, 50.0, 0.02765421850739168, 51.559516156447742, 1.1189682271118508e-201, 1415.0093458297065),
        (0.25, 50.0, 46.38717431642765, 7.9039011530954719, 2.703905094567985, 84.914792039061139),
        (0.25, 50.0, 52.5635548188012, 4.7065664339587833, 5.6829508778048507, 46.600435984194143),
        (0.25, 50.0, 369.4528049465325, 7.1886949763033885e-15, 317.8656345715774, 8.4423667338906266e-14),
        (0.25, 50.0, 90402.12072280316, 3.7191992695645879e-195, 90350.533552428201, 2.8396877372761528e-192),
        (0.3, 1.0, 0.0001234098040866796, 1.0459044501046303, 5.9823574825667449e-204, 0.5984795990826344),
        (0.3, 1.0, 0.9139311852712282, 0.19442293960153435, 0.062326264964045592, 0.052678002842596639),
        (0.3, 1.0, 1.0618365465453596, 0.11791754022436769, 0.13372622686101039, 0.029940314452740688),
        (0.3, 1.0, 11.023176380641601, 2.5897884456653745e-16, 9.9771485207328845, 1.1026602237818937e-16),
        (0.3, 1.0, 8103.0839275753815, 4.0071027590477065e-196, 8102.0378997154728, 3.3019596467861534e-194),
        (3.0, 2.0, 1.638802524798103e-39, 180.03426260104363, 7.2960958679698917e-238, 131319938.27466102),
        (3.0, 2.0, 0.8131393194811982, 179.44478161870764, 0.22365833714520866, 131319792.13722987),
        (3.0, 2.0, 3.644237600781018, 178.04097400912992, 1.6509490088673127, 131319286.22181158),
        (3.0, 2.0, 52978244259.68694, 1.8649547483335436e-5, 52978244079.652699, 1126508.8918857859),
        (3.0, 2.0, 2.4408065886356817e39, 1.3272579588558614e-159, 2.4408065886356817e39, 4.0307634605624791e-121),
    ]
)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_lognormal():
    points = np.array([-1.0, 0.0, 1e-3, 30.0, 50.0, 53.0, 80.0, 1e4])
    law = LogNormal(0.4, 50.0)
    assert_same_as_scipy(law, stats.lognorm(0.4, scale=50.0), points)
    assert_identities(law, points)
    assert_sampled(law)
    assert_slopes(law, points)


@pytest.mark.slow
@pytest.mark.parametrize("s", [0.2, 0.7])
def test_lognormal_in_its_parameters(s):
    # both sides of the branches: the mean, the median, and half a standard deviation inside a tail
    points = [-0.5, 0.3, 0.6, 0.95, 1.0, 1.05, 1.3, 3.0]
    assert_parameter_derivatives(lambda s, scale: LogNormal(s, scale), {"s": s, "scale": 1.0}, points, rtol=1e-5)


def test_lognormal_losses_however_small():
    s, scale, y, loss, overstock, second = REFERENCE.T
    law = LogNormal(s, scale)
    # near the mean at s = 0.001 the logarithm of y / scale, given to rounding, is only good to 1e-13 of one deviation
    np.testing.assert_allclose(law.loss(y), loss, rtol=1e-12)
    np.testing.assert_allclose(law.overstock(y), overstock, rtol=1e-12)
    np.testing.assert_allclose(law.second_loss(y), second, rtol=1e-11)


def test_vega_of_a_lognormal_loss():
    # at a fixed mean it is y times the normal density (Black-Scholes); the mean moves by s times itself
    y = np.array([0.01, 0.3, 1.0, 1.1, 3.0, 1e3])
    vega = jax.jit(jax.vmap(jax.grad(lambda s, y: LogNormal(s, 1.0).loss(y)), (None, 0)))
    for s in (0.05, 0.5, 1.5):
        z = np.log(y) / s
        expected = y * stats.norm.pdf(z) + s * np.exp(s**2 / 2) * stats.norm.sf(z - s)
        np.testing.assert_allclose(vega(s, y), expected, rtol=1e-11)


def test_lognormal_at_the_ends_and_for_nan():
    law, points = LogNormal(0.5, 2.0), np.array([-np.inf, 0.0, np.inf, np.nan])
    for name, expected in {
        "pdf": [0.0, 0.0, 0.0],
        "cdf": [0.0, 0.0, 1.0],
        "sf": [1.0, 1.0, 0.0],
        "loss": [np.inf, law.mean(), 0.0],
        "overstock": [0.0, 0.0, np.inf],
    }.items():
        np.testing.assert_array_equal(getattr(law, name)(points), [*expected, np.nan], err_msg=name)


def test_lognormal_in_single_precision():
    law = LogNormal(jnp.float32(0.5), jnp.float32(100.0))
    y = np.float32([0.0, 20.0, 100.0, 150.0, 1e3])
    z = np.log(np.maximum(y.astype(float), 1e-30) / 100) / 0.5
    expected = 100 * np.exp(0.125) * stats.norm.sf(z - 0.5) - y * stats.norm.sf(z)
    assert law.loss(y).dtype == np.float32
    np.testing.assert_allclose(law.loss(y), expected, rtol=2e-5)


def test_a_median_of_zero_is_named():
    with pytest.raises(ValueError, match=r"LogNormal.scale is 0.0; give numbers above zero"):
        LogNormal(0.5, 0.0)
    traced = jax.vmap(lambda s: LogNormal(s, 2.0).loss(0.5))(np.array([1.0, 0.0, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(traced), [False, True, True, True])
