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

from eqsolve.demand import Empirical, Exponential, Normal, TruncatedNormal, affine


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_exponential():
    points = np.array([-3.0, 1e-6, 2.0, 8.0, 40.0])
    law = Exponential(10.0)
    assert_same_as_scipy(law, stats.expon(scale=10.0), points)
    assert_identities(law, points)
    assert_sampled(law)
    assert_slopes(law, points)
    assert_parameter_derivatives(Exponential, {"scale": 1.3}, [-0.5, 0.1, 0.6, 3.0])


def test_exponential_losses_however_small():
    law = Exponential(2.0)
    np.testing.assert_allclose(law.loss(1200.0), 2 * np.exp(-600.0), rtol=1e-13)
    np.testing.assert_allclose(law.second_loss(1200.0), 4 * np.exp(-600.0), rtol=1e-13)
    # u - 1 + exp(-u) for u = y / 2 with mpmath
    y = np.array([2e-8, 0.2, 0.98, 1.02, 4.0])
    half = np.array(
        [4.999999983333334e-17, 0.0048374180359595734, 0.10262639418441606, 0.11049557881226595, 1.1353352832366126]
    )
    np.testing.assert_allclose(law.overstock(y), 2 * half, rtol=1e-14)


def test_parameters_must_be_finite():
    for make, message in (
        (lambda: Normal(np.nan, 1.0), r"Normal\.loc is nan; give finite numbers"),
        (lambda: Normal(0.0, [1.0, np.inf]), r"Normal\.scale\[1\] is inf"),
        (lambda: Normal([1.0, 2.0], [1.0, 2.0, 3.0]), r"the shapes of loc \(2,\), scale \(3,\) do not fit together"),
        (lambda: affine(Normal(), loc=np.inf), r"affine\.loc is inf"),
        (lambda: Empirical([1.0, 2.0], [np.inf, 1.0]), r"Empirical\.weights\[0\] is inf"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    assert float(TruncatedNormal(0.0, 1.0, upper=np.inf).support()[1]) == np.inf
