import jax
import jax.numpy as jnp
import numpy as np
import pytest
from joint_laws import assert_derivatives, assert_integrates_to_one, assert_sampled
from scipy import stats

from eqsolve.demand.distribution import Discrete, parameters
from eqsolve.demand.joint import (
    GaussianCopula,
    Independent,
    kendall_from_pearson,
    pearson_from_kendall,
    pearson_from_spearman,
    spearman_from_pearson,
)
from eqsolve.demand.uniform import Uniform

R = np.array([[1.0, 0.6, -0.2], [0.6, 1.0, 0.1], [-0.2, 0.1, 1.0]])
LAWS = (Uniform(0.0, 10.0), Uniform(5.0, 2.0), Uniform(-1.0, 4.0))


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def uniforms():
    return [Uniform(law.loc, law.scale) for law in LAWS]


def test_independent():
    law = Independent(*uniforms())
    np.testing.assert_allclose(law.mean(), [5.0, 6.0, 1.0])
    np.testing.assert_allclose(law.cov(), np.diag([100 / 12, 4 / 12, 16 / 12]), rtol=1e-14)
    np.testing.assert_allclose(law.pdf([[1.0, 6.0, 0.0], [1.0, 8.0, 0.0]]), [1 / 80, 0.0])
    np.testing.assert_allclose(law.transport([0.5, 0.25, 1.0]), [5.0, 5.5, 3.0])
    assert_sampled(law)


def test_gaussian_copula_of_uniforms():
    law = GaussianCopula(uniforms(), R)
    np.testing.assert_allclose(law.correlation(), spearman_from_pearson(R), rtol=1e-10)
    levels = np.array([[0.3, 0.8, 0.5], [1e-9, 1 - 1e-9, 0.01]])
    score = stats.norm.ppf(levels)
    expected = stats.multivariate_normal(np.zeros(3), R).logpdf(score) - stats.norm.logpdf(score).sum(axis=1)
    points = levels * [10.0, 2.0, 4.0] + [0.0, 5.0, -1.0]
    np.testing.assert_allclose(law.logpdf(points), expected - np.log(80.0), rtol=1e-6)
    np.testing.assert_array_equal(law.logpdf([5.0, 4.0, 0.0]), -np.inf)
    assert_sampled(law)


def test_transport_has_the_scores_of_a_normal_law():
    u = np.array([[0.3, 0.8, 0.5], [1e-4, 0.999, 0.2]])
    expected = stats.norm.cdf(stats.norm.ppf(u) @ np.linalg.cholesky(R).T) * [10.0, 2.0, 4.0] + [0.0, 5.0, -1.0]
    np.testing.assert_allclose(GaussianCopula(uniforms(), R).transport(u), expected, rtol=1e-12)


def test_density_has_mass_one():
    # moderate dependence: the density of a stronger one rises without bound in two corners
    law = GaussianCopula([Uniform(0.0, 1.0)] * 2, [[1.0, 0.0], [0.0, 1.0]])
    assert_integrates_to_one(law, (0.0, 0.0), (1.0, 1.0))
    node, weight = np.polynomial.legendre.leggauss(60)
    z, w = 8 * node, 8 * weight  # integrate in the scores, where the density is smooth
    grid = stats.norm.cdf(np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1))
    density = GaussianCopula([Uniform(0.0, 1.0)] * 2, R[:2, :2]).pdf(grid)
    mass = (w * stats.norm.pdf(z)) @ np.asarray(density) @ (w * stats.norm.pdf(z))
    np.testing.assert_allclose(mass, 1.0, rtol=1e-8)


@pytest.mark.slow
def test_derivatives():
    def make(theta):
        laws = [Uniform(0.0, theta[0]), Uniform(theta[1], 2.0)]
        return GaussianCopula(laws, jnp.array([[1.0, theta[2]], [theta[2], 1.0]]))

    assert_derivatives(make, [10.0, 5.0, 0.6], np.array([[2.0, 6.5], [9.0, 5.2]]))


def test_no_derivative_is_nan_outside_the_support():
    def density(r):
        return GaussianCopula(uniforms()[:2], jnp.array([[1.0, r], [r, 1.0]])).pdf(jnp.array([20.0, 6.0]))

    np.testing.assert_array_equal(jax.value_and_grad(density)(0.5), [0.0, 0.0])


class Coin(Discrete):
    """1 with probability `p`, else 0."""

    p: jax.Array

    def __init__(self, p):
        self.p = parameters("Coin", p=p)["p"]

    @property
    def _valid(self):
        return (self.p >= 0) & (self.p <= 1)

    def _density(self, x):
        return jnp.where(x == 1, self.p, jnp.where(x == 0, 1 - self.p, 0.0))

    def _cdf(self, x):
        return jnp.where(x >= 1, 1.0, jnp.where(x >= 0, 1 - self.p, 0.0))

    def _sf(self, x):
        return 1 - self._cdf(x)

    def _ppf(self, q):
        return jnp.where(q > 1 - self.p, 1.0, 0.0)

    def _mean(self):
        return self.p

    def _var(self):
        return self.p * (1 - self.p)

    def _support(self):
        return jnp.zeros_like(self.p), jnp.ones_like(self.p)

    _loss = _overstock = _second_loss = _density


def test_discrete_marginals():
    law = GaussianCopula([Coin(0.3), Coin(0.5)], R[:2, :2])
    threshold = stats.norm.ppf([0.3, 0.5])
    both = stats.multivariate_normal([0.0, 0.0], R[:2, :2]).cdf(threshold)
    spread = np.sqrt(0.3 * 0.7 * 0.5 * 0.5)
    np.testing.assert_allclose(law.correlation()[0, 1], (both - 0.15) / spread, atol=1e-3)
    assert set(np.unique(law.sample(jax.random.key(0), (100,)))) == {0.0, 1.0}
    with pytest.raises(TypeError, match=r"marginals\[0\] is Coin, which is discrete, so there is no joint density"):
        law.logpdf([1.0, 0.0])
    mixed = Independent(Coin(0.3), Uniform(0.0, 2.0))
    np.testing.assert_allclose(mixed.pdf([[1.0, 1.0], [0.0, 1.0], [0.5, 1.0]]), [0.15, 0.35, 0.0])


def test_rank_correlations():
    r = np.linspace(-0.95, 0.95, 5)
    np.testing.assert_allclose(pearson_from_spearman(spearman_from_pearson(r)), r, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(pearson_from_kendall(kendall_from_pearson(r)), r, rtol=1e-12, atol=1e-15)
    assert np.isnan([f(1.5) for f in (pearson_from_spearman, spearman_from_pearson)]).all()
    draws = np.asarray(GaussianCopula(uniforms()[:2], R[:2, :2]).sample(jax.random.key(3), (20_000,)))
    np.testing.assert_allclose(stats.spearmanr(draws).statistic, spearman_from_pearson(0.6), atol=0.025)
    np.testing.assert_allclose(stats.kendalltau(*draws.T).statistic, kendall_from_pearson(0.6), atol=0.025)


def test_traced_matrices_that_are_no_correlation_give_nan():
    def mean(r, one):
        return GaussianCopula(uniforms()[:2], jnp.array([[one, r], [r, 1.0]])).mean()[0]

    found = jax.vmap(mean)(np.array([0.5, 1.0, 0.5]), np.array([1.0, 1.0, 1.1]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True])


@pytest.mark.parametrize(
    ("laws", "matrix", "error", "message"),
    [
        (LAWS[:2], [[2.0, 0.5], [0.5, 1.0]], ValueError, r"correlation\[0, 0\] is 2.0; a correlation matrix has ones"),
        (LAWS[:2], [[1.0, 1.0], [1.0, 1.0]], ValueError, "correlation has the eigenvalue"),
        (LAWS, [[1.0, 0.5], [0.5, 1.0]], ValueError, r"correlation has shape \(2, 2\); give one row"),
        ([1.0, 2.0], [[1.0, 0.5], [0.5, 1.0]], TypeError, r"marginals\[0\] is 1.0; give a distribution"),
        ([Uniform(np.zeros(3), 1.0)], [[1.0]], ValueError, r"marginals\[0\] is a batch of shape \(3,\)"),
        ([], [[1.0]], ValueError, "marginals is empty"),
    ],
)
def test_what_is_wrong_is_named(laws, matrix, error, message):
    with pytest.raises(error, match=message):
        GaussianCopula(laws, matrix)


def test_single_precision():
    with jax.enable_x64(False):
        law = GaussianCopula([Uniform(np.float32(0.0), np.float32(10.0))] * 2, np.float32(R[:2, :2]))
        np.testing.assert_allclose(law.correlation()[0, 1], spearman_from_pearson(np.float32(0.6)), rtol=1e-5)
        draws = law.sample(jax.random.key(0), (1000,))
        assert draws.dtype == np.float32
        assert np.isfinite(law.logpdf(draws)).all()
