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
from scipy.integrate import quad

from eqsolve.demand.uniform import Uniform

POINTS = np.array([9.0, 10.0, 12.5, 29.0, 30.0, 31.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_uniform():
    law = Uniform(10.0, 20.0)
    assert_same_as_scipy(law, stats.uniform(10.0, 20.0), POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    assert_slopes(law, [9.0, 12.5, 29.0, 31.0])
    assert_parameter_derivatives(Uniform, {"loc": 10.0, "scale": 20.0}, [8.0, 12.5, 29.0, 33.0])


def test_second_loss_is_half_the_mean_square_of_the_shortage():
    law = Uniform(10.0, 20.0)
    for y in (5.0, 12.5, 29.0):
        integral, _ = quad(lambda x, y=y: (x - y) ** 2 / 2 / 20, max(y, 10.0), 30.0)
        np.testing.assert_allclose(law.second_loss(y), integral, rtol=1e-12)


def test_traced_parameters_outside_their_range_give_nan():
    found = jax.vmap(lambda scale: Uniform(0.0, scale).loss(0.5))(np.array([1.0, 0.0, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True])


def test_a_width_of_zero_is_named():
    with pytest.raises(ValueError, match=r"Uniform.scale is 0.0; give numbers above zero"):
        Uniform(1.0, 0.0)
