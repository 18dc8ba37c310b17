import jax
import jax.numpy as jnp
import numpy as np
import pytest
from joint_laws import assert_derivatives, assert_integrates_to_one, assert_sampled
from scipy import stats

from eqsolve.demand.joint import MultivariateLogNormal, MultivariateNormal
from eqsolve.demand.joint.matrices import cholesky

MEAN = np.array([10.0, 20.0, 5.0])
COV = np.array([[4.0, 3.0, -1.0], [3.0, 9.0, 0.5], [-1.0, 0.5, 2.0]])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_normal_has_scipy_s_density_also_far_out():
    law = MultivariateNormal(MEAN, COV)
    points = MEAN + np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [40.0, -60.0, 30.0]])
    np.testing.assert_allclose(law.logpdf(points), stats.multivariate_normal(MEAN, COV).logpdf(points), rtol=1e-12)
    assert_sampled(law)


def test_log_normal_has_the_density_and_moments_of_its_logarithm():
    log_mean, log_cov = MEAN / 10, COV / 20
    law = MultivariateLogNormal(log_mean, log_cov)
    points = np.exp(log_mean + np.array([[0.0, 0.0, 0.0], [0.3, -0.4, 0.5]]))
    expected = stats.multivariate_normal(log_mean, log_cov).logpdf(np.log(points)) - np.log(points).sum(axis=1)
    np.testing.assert_allclose(law.logpdf(points), expected, rtol=1e-12)
    for i in range(3):
        single = stats.lognorm(np.sqrt(log_cov[i, i]), scale=np.exp(log_mean[i]))
        np.testing.assert_allclose([law.mean()[i], law.cov()[i, i]], [single.mean(), single.var()], rtol=1e-12)
    np.testing.assert_array_equal(law.logpdf([[1.0, 0.0, 1.0], [1.0, 1.0, -2.0]]), -np.inf)
    assert_sampled(law)


def test_log_normal_covariance_and_mass():
    law = MultivariateLogNormal([0.0, 0.2], [[0.09, -0.05], [-0.05, 0.16]])
    assert_integrates_to_one(law, (0.05, 0.05), (6.0, 9.0))
    node, weight = np.polynomial.hermite_e.hermegauss(40)
    z = np.stack(np.meshgrid(node, node, indexing="ij"), axis=-1) @ np.linalg.cholesky(law.log_covariance).T
    x = np.exp(np.asarray(law.log_mean) + z)
    product = np.sum(weight[:, None] * weight[None, :] * x[..., 0] * x[..., 1]) / (2 * np.pi)
    np.testing.assert_allclose(law.cov()[0, 1], product - law.mean()[0] * law.mean()[1], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("family", [MultivariateNormal, MultivariateLogNormal])
def test_derivatives(family):
    def make(theta):
        return family(theta[:2], jnp.array([[theta[2], theta[3]], [theta[3], theta[4]]]))

    assert_derivatives(make, [0.5, 1.0, 0.4, 0.1, 0.3], np.array([[1.5, 2.0], [2.0, 4.0]]))


def test_factors_of_every_size():
    for size in (1, 2, 4, 7):
        root = np.random.default_rng(size).normal(size=(size, size))
        matrix = root @ root.T + np.eye(size)
        np.testing.assert_allclose(cholesky(jnp.asarray(matrix)), np.linalg.cholesky(matrix), rtol=1e-12, atol=1e-14)


def test_traced_matrices_that_are_no_covariance_give_nan():
    def mean_and_density(off, other):
        law = MultivariateNormal(jnp.zeros(2), jnp.array([[1.0, off], [other, 1.0]]))
        return law.transport(jnp.array([0.3, 0.4]))[0] + law.logpdf(jnp.zeros(2)) + law.mean()[0]

    off = jnp.array([0.5, 1.0, 2.0, 0.5, np.nan])
    found, slope = jax.vmap(jax.value_and_grad(mean_and_density))(off, jnp.array([0.5, 1.0, 2.0, 0.4, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True, True])
    assert np.isfinite(slope[0])


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1.0, 0.2], [0.3, 1.0]], r"covariance\[0, 1\] is 0.2, but \[1, 0\] is 0.3; give a symmetric matrix"),
        ([[1.0, 2.0], [2.0, 1.0]], r"covariance has the eigenvalue -1; give a positive definite matrix"),
        ([[1.0]], r"covariance has shape \(1, 1\); give one row and one column per component: \(2, 2\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], r"covariance\[0, 1\] is nan; every number there must be finite"),
    ],
)
def test_what_is_no_covariance_is_named(covariance, message):
    with pytest.raises(ValueError, match=message):
        MultivariateNormal([0.0, 0.0], covariance)


def test_points_and_levels_of_the_wrong_size_are_named():
    law = MultivariateNormal(MEAN, COV)
    with pytest.raises(ValueError, match=r"logpdf: x has shape \(2,\); the last axis must have 3 entries"):
        law.logpdf([1.0, 2.0])
    np.testing.assert_array_equal(
        np.isnan(law.transport([[0.1, 0.2, 0.3], [0.1, 1.2, 0.3]])), [[False] * 3, [True] * 3]
    )
    assert np.isfinite(law.transport([0.0, 0.5, 1.0])).all()
    assert np.isnan(law.logpdf([1.0, np.nan, 2.0]))


def test_single_precision():
    with jax.enable_x64(False):
        law = MultivariateLogNormal(np.float32([0.0, 1.0]), np.float32([[0.04, 0.02], [0.02, 0.09]]))
        assert law.logpdf([1.0, 2.0]).dtype == np.float32
        np.testing.assert_allclose(
            law.correlation()[0, 1], np.expm1(0.02) / np.sqrt(np.expm1(0.04) * np.expm1(0.09)), rtol=1e-5
        )
