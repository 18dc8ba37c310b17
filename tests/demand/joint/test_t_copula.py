import jax
import jax.numpy as jnp
import numpy as np
import pytest
from joint_laws import assert_derivatives, assert_sampled
from scipy import stats

from eqsolve.demand.exponential import Exponential
from eqsolve.demand.joint import GaussianCopula, kendall_from_pearson
from eqsolve.demand.joint._student import below, furthest, upper_quantile
from eqsolve.demand.joint.t_copula import TCopula, tail_dependence
from eqsolve.demand.uniform import Uniform

R = np.array([[1.0, 0.6, -0.2], [0.6, 1.0, 0.1], [-0.2, 0.1, 1.0]])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def units(size):
    return [Uniform(0.0, 1.0)] * size


@jax.jit
def log_density(law, points):
    return law.logpdf(points)


@jax.jit
def covariance(law):
    return law.cov()


def pair(rho, df):
    return TCopula(units(2), jnp.array([[1.0, rho], [rho, 1.0]]), df)


def test_tails_and_quantiles_are_those_of_scipy():
    df = np.array([0.5, 1.0, 2.5, 5.0, 30.0, 200.0, 1e4])[:, None]
    t = np.array([-25.0, -3.0, -1.0, -1e-3, 0.0, 0.2, 5.0])
    np.testing.assert_allclose(below(t / np.sqrt(df), jnp.asarray(df)), stats.t.cdf(t, df), rtol=3e-13)
    p = np.array([1e-12, 1e-3, 0.1, 0.4, 0.5])
    found = jax.jit(upper_quantile)(jnp.broadcast_to(p, (7, 5)), jnp.asarray(df)) * np.sqrt(df)
    np.testing.assert_allclose(found, stats.t.isf(p, df), rtol=1e-12, atol=1e-15)


def test_a_million_degrees_of_freedom_and_probabilities_near_the_smallest():
    # for one degree of freedom P(T > t) = arctan(1/t) / pi; the normal law is t's limit, here with Fisher's next term
    p = np.array([1e-140, 1e-30, 1e-9, 0.2])
    np.testing.assert_allclose(upper_quantile(jnp.asarray(p), jnp.asarray(1.0)), 1 / np.tan(np.pi * p), rtol=1e-13)
    z, df = -stats.norm.ppf(p[1:]), 1e6
    found = upper_quantile(jnp.asarray(p[1:]), jnp.asarray(df)) * np.sqrt(df)
    np.testing.assert_allclose(found, z + (z**3 + z) / (4 * df), rtol=1e-8)
    assert upper_quantile(jnp.asarray(1e-300), jnp.asarray(0.5)) == pytest.approx(furthest(jnp.float64))


def test_log_density_is_that_of_scipy():
    levels = np.array([[0.3, 0.8, 0.5], [1e-9, 1 - 1e-9, 0.01], [0.9, 0.95, 0.2]])
    for df in (0.5, 4.0, 300.0):
        score = stats.t.ppf(levels, df)
        expected = stats.multivariate_t(np.zeros(3), R, df).logpdf(score) - stats.t.logpdf(score, df).sum(axis=1)
        np.testing.assert_allclose(log_density(TCopula(units(3), R, df), levels), expected, rtol=1e-6)
    outside = np.array([[0.5, -1.0, 0.2], [0.5, 0.5, 1.1], [0.5, np.nan, 0.2]])
    np.testing.assert_array_equal(log_density(TCopula(units(3), R, 4.0), outside), [-np.inf, -np.inf, np.nan])


def test_transport_is_rosenblatts():
    u, df = np.array([[0.3, 0.8, 0.5], [1e-4, 0.999, 0.2]]), 3.0
    score = np.zeros_like(u)
    for i in range(3):
        earlier, cross = R[:i, :i], R[i, :i]
        weights = np.linalg.solve(earlier, cross) if i else np.zeros(0)
        square = np.einsum("ni,ij,nj->n", score[:, :i], np.linalg.inv(earlier) if i else earlier, score[:, :i])
        scale = np.sqrt((df + square) / (df + i) * (1 - cross @ weights))
        score[:, i] = score[:, :i] @ weights + scale * stats.t.ppf(u[:, i], df + i)
    found = jax.jit(lambda law: law.transport(u))(TCopula(units(3), R, df))
    np.testing.assert_allclose(found, stats.t.cdf(score, df), rtol=1e-12)


def test_draws_and_transported_uniforms():
    law = TCopula([Uniform(0.0, 10.0), Exponential(2.0), Uniform(-1.0, 4.0)], R, 3.0)
    assert_sampled(law)
    draws = np.asarray(law.sample(jax.random.key(3), (20_000,)))
    tau = stats.kendalltau(draws[:, 0], draws[:, 1]).statistic
    np.testing.assert_allclose(tau, kendall_from_pearson(0.6), atol=0.02)
    # 5 standard errors of a share of 400
    levels = stats.rankdata(draws, axis=0) / len(draws)
    joint = stats.multivariate_t(np.zeros(2), R[:2, :2], 3.0)
    share = joint.cdf(stats.t.ppf([0.02, 0.02], 3.0), random_state=0) / 0.02
    extreme = levels[:, 0] > 0.98
    np.testing.assert_allclose((levels[extreme, 1] > 0.98).mean(), share, atol=5 * np.sqrt(share * (1 - share) / 400))


def test_many_degrees_of_freedom_are_the_gaussian_copula():
    laws, u = [Exponential(2.0), Uniform(0.0, 1.0)], np.array([[0.3, 0.8], [1e-3, 0.99]])

    @jax.jit
    def results(many, normal):
        points = normal.transport(u)
        return [(law.transport(u), law.logpdf(points), law.cov()) for law in (many, normal)]

    found, expected = results(TCopula(laws, R[:2, :2], 1e7), GaussianCopula(laws, R[:2, :2]))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-6)


def spearman(rho, df):
    """Of the t copula, as (6/pi) E arcsin(rho V / sqrt((V + V')(V + V''))) for independent V = 1 / chi-square.

    The sign of a difference of two independent t vectors is that of a normal vector given both mixing variables.
    """
    log_chi = np.linspace(-60 / df, 5.0, 200)
    weight = np.exp(stats.chi2.logpdf(np.exp(log_chi), df) + log_chi)
    mixing, weight = np.exp(-log_chi), weight / weight.sum()
    root = np.sqrt(mixing[:, None] / (mixing[:, None] + mixing))
    angle = np.arcsin(rho * root[:, :, None] * root[:, None, :])
    return 6 / np.pi * np.einsum("i,j,k,ijk", weight, weight, weight, angle)


@pytest.mark.parametrize(("rho", "df"), [(0.5, 1.0), (-0.9, 1.0), (0.99, 4.0), (-0.3, 4.0)])
def test_correlation_of_uniform_marginals_is_spearmans(rho, df):
    np.testing.assert_allclose(12 * covariance(pair(rho, df))[0, 1], spearman(rho, df), atol=1e-9)


class StudentFour(Uniform):
    """Student's t with 4 degrees of freedom, whose quantile has a closed form (Shaw 2006)."""

    def _ppf(self, q):
        root = jnp.sqrt(4 * q * (1 - q))
        size = 2 * jnp.sqrt(jnp.maximum(jnp.cos(jnp.arccos(jnp.minimum(root, 1.0)) / 3) / root - 1, 0.0))
        return jnp.where(q < 0.5, -size, size)

    def _mean(self):
        return 0.0 * self.loc

    def _var(self):
        return 2.0 * self.scale


class Wild(Uniform):
    def _var(self):
        return jnp.inf * self.scale


def test_covariance_of_a_multivariate_t():
    # the last 1e-16 of the levels, which no number tells apart, carry 1e-8 of the variance
    law = TCopula([StudentFour(0.0, 1.0)] * 3, R, 4.0)
    np.testing.assert_allclose(covariance(law), 2 * R, atol=1e-7)


def test_covariance_with_infinite_variance_is_nan():
    cov = covariance(TCopula([Wild(0.0, 1.0), *units(2)], R, 4.0))
    np.testing.assert_array_equal(np.isnan(cov), [[False, True, True], [True, False, False], [True, False, False]])


def test_tail_dependence():
    # Demarta and McNeil (2005), table 1, to their two digits
    rho, df = np.array([-0.5, 0.0, 0.5, 0.9]), np.array([[2.0], [4.0], [10.0]])
    table = [[0.06, 0.18, 0.39, 0.72], [0.01, 0.08, 0.25, 0.63], [0.0, 0.01, 0.08, 0.46]]
    found = jax.jit(tail_dependence)(rho, df)
    np.testing.assert_allclose(found, table, atol=0.005)
    expected = 2 * stats.t.sf(np.sqrt((df + 1) * (1 - rho) / (1 + rho)), df + 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    ends = jax.jit(tail_dependence)(np.array([1.0, -1.0, 1.5, np.nan]), 4.0)
    np.testing.assert_array_equal(ends, [1.0, 0.0, np.nan, np.nan])
    with pytest.raises(ValueError, match=r"tail_dependence: df is 0\.1; give numbers of 0\.5 or more"):
        tail_dependence(0.5, 0.1)


@pytest.mark.slow
def test_derivatives():
    def make(theta):
        laws = [Uniform(0.0, theta[0]), Exponential(theta[1])]
        return TCopula(laws, jnp.array([[1.0, theta[2]], [theta[2], 1.0]]), theta[3])

    assert_derivatives(make, [10.0, 5.0, 0.6, 3.0], np.array([[2.0, 6.5], [9.0, 5.2]]), rtol=5e-6)


def test_first_derivatives_also_at_the_median():
    u = jnp.array([[0.5, 0.5], [0.5, 0.9], [0.02, 0.97]])

    @jax.jit
    def results(theta):
        def transport(theta):
            return pair(theta[0], theta[1]).transport(u)

        return transport(theta), jax.jacfwd(transport)(theta), jax.jacrev(transport)(theta)

    theta = np.array([0.6, 3.0])
    _, forward, reverse = results(theta)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-14)
    for i, step in enumerate(1e-5 * np.eye(2)):
        difference = (results(theta + step)[0] - results(theta - step)[0]) / 2e-5
        np.testing.assert_allclose(forward[..., i], difference, rtol=1e-6, atol=1e-10)


def test_traced_parameters_out_of_range_give_nan():
    def draw(rho, df):
        law = pair(rho, df)
        return law.sample(jax.random.key(0))[0] + law.transport(jnp.array([0.5, 0.5]))[0]

    found = jax.jit(jax.vmap(draw))(np.array([0.5, 1.0, 0.5, 0.5, 0.5]), np.array([4.0, 4.0, -1.0, np.inf, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True, True])


@pytest.mark.parametrize(
    ("matrix", "df", "message"),
    [
        ([[2.0, 0.5], [0.5, 1.0]], 4.0, r"TCopula.correlation\[0, 0\] is 2.0; a correlation matrix has ones"),
        (R[:2, :2], 0.1, r"TCopula.df is 0.1; give a finite number of 0.5 or more \(GaussianCopula is the limit"),
        (R[:2, :2], np.inf, "TCopula.df is inf"),
        (R[:2, :2], [3.0, 4.0], r"TCopula.df has shape \(2,\); give one number"),
    ],
)
def test_what_is_wrong_is_named(matrix, df, message):
    with pytest.raises(ValueError, match=message):
        TCopula(units(2), matrix, df)


def test_single_precision():
    with jax.enable_x64(False):
        law = TCopula([Uniform(np.float32(0.0), np.float32(1.0))] * 2, np.float32(R[:2, :2]), np.float32(0.5))
        draws = np.random.default_rng(0).random((1000, 2), np.float32)

        @jax.jit
        def results(law, draws):
            corners = law.transport(jnp.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
            return law.transport(draws), corners, law.logpdf(draws), law.correlation()[0, 1]

        moved, corners, density, correlation = results(law, draws)
        assert moved.dtype == np.float32
        assert np.isfinite(corners).all()
    precise = results(pair(0.6, 0.5), np.float64(draws))
    np.testing.assert_allclose(correlation, precise[3], atol=1e-5)
    np.testing.assert_allclose(moved, precise[0], atol=1e-5)
    # levels near one have lost digits already
    np.testing.assert_allclose(density, precise[2], atol=1e-3)
