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
from scipy import special, stats
from tails import assert_tail

from eqsolve.demand.logistic import Logistic

POINTS = np.array([-3.0, 2.0, 8.0, 10.0, 10.5, 30.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_logistic():
    law = Logistic(10.0, 2.0)
    assert_same_as_scipy(law, stats.logistic(10.0, 2.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, POINTS)
    assert_parameter_derivatives(Logistic, {"loc": 10.0, "scale": 2.0}, [-3.0, 8.0, 10.0, 13.0])


def test_second_loss_is_the_dilogarithm_on_both_sides_of_the_mean():
    # SciPy's spence(v) is Li2(1 - v), whose argument cancels in the upper tail: the test below has numbers for that
    z = np.concatenate([np.linspace(-30.0, 2.0, 65), [-1e-9, 1e-9]])
    np.testing.assert_allclose(Logistic().second_loss(z), -special.spence(1 + np.exp(-z)), rtol=2e-14)


# 1 / (1 + e^z), s log(1 + e^-z) and -s^2 Li2(-e^-z) with z = y / s at s = 2, with 60 digits in mpmath
SF = [
    [0.18242552380635634, 0.11185983905274964, -0.058574094361326263],
    [4.248354255291589e-18, 8.4967085105831779e-17, 1.6143746170108038e-15],
    [2.6503965530043108e-261, 7.9511896590129324e-259, 2.3774057080448668e-256],
]
LOSS = [
    [0.40282655596550482, 0.47505156369228692, 0.16778975857912446],
    [8.496708510583178e-18, 1.7418252446695515e-16, 3.3986834042332712e-15],
    [5.3007931060086216e-261, 1.5928883283555908e-258, 4.7707137954077595e-256],
]
SECOND_LOSS = [
    [0.84712791850178319, 1.4513677524500404, 1.4382612217634506],
    [1.6993417021166356e-17, 3.5686175744449347e-16, 7.1457318574004527e-15],
    [1.0601586212017243e-260, 3.1910774498171902e-258, 9.5732853573826308e-256],
]


def test_tails_and_their_derivatives_in_the_scale():
    upper = {"sf": SF, "loss": LOSS, "second_loss": SECOND_LOSS}
    assert_tail(lambda scale: Logistic(0.0, scale), 2.0, [3.0, 80.0, 1200.0], upper, rtol=1e-12)
    lower = {"cdf": SF, "overstock": LOSS}
    assert_tail(lambda scale: Logistic(0.0, scale), 2.0, [-3.0, -80.0, -1200.0], lower, rtol=1e-12)


def test_quantiles_are_log_odds():
    levels = np.array([1e-300, 1e-9, 0.25, 0.5, 0.5 + 2.0**-40, 0.75, 1 - 2.0**-50])
    expected = [-690.77552789821371, -20.723265835946411, -np.log(3), 0.0, 2.0**-38, np.log(3), 34.657359027997264]
    np.testing.assert_allclose(Logistic().ppf(levels), expected, rtol=1e-14)
    np.testing.assert_array_equal(Logistic().ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [-np.inf, np.inf, *[np.nan] * 3])


def test_the_ends_of_the_line():
    law, ends = Logistic(1.0, 2.0), np.array([-np.inf, np.inf, np.nan])
    expected = {"pdf": [0, 0], "cdf": [0, 1], "sf": [1, 0], "loss": [np.inf, 0], "overstock": [0, np.inf]}
    for name, values in (expected | {"second_loss": [np.inf, 0]}).items():
        np.testing.assert_array_equal(getattr(law, name)(ends), [*values, np.nan], err_msg=name)


def test_single_precision():
    with jax.enable_x64(False):
        z = np.array([-20.0, -1.0, 0.0, 0.5, 3.0, 12.0])
        law = Logistic()
        np.testing.assert_allclose(law.second_loss(z), -special.spence(1 + np.exp(-z)), rtol=2e-6)
        np.testing.assert_allclose(law.loss(z), np.logaddexp(0.0, -z), rtol=2e-6)
        np.testing.assert_allclose(law.ppf([1e-30, 0.3, 0.5001]), special.logit([1e-30, 0.3, 0.5001]), rtol=2e-4)
        assert {getattr(law, name)(z).dtype for name in METHODS} == {np.dtype("float32")}


def test_parameters_outside_their_range():
    found = jax.vmap(lambda scale: Logistic(0.0, scale).loss(0.5))(np.array([1.0, 0.0, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True])
    with pytest.raises(ValueError, match=r"Logistic.scale is 0.0; give numbers above zero"):
        Logistic(1.0, 0.0)
