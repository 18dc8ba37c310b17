import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import special
from scipy import stats

from eqsolve.datasets import load_restaurant_demand
from eqsolve.demand.distribution import Continuous, Discrete, parameters
from eqsolve.demand.fitting import fit, fit_best
from eqsolve.demand.uniform import Uniform


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


class Simple:
    """What a fit does not use."""

    _ppf = _loss = _overstock = _second_loss = lambda self, y: y


class Bell(Simple, Continuous):
    """The normal distribution."""

    loc: jax.Array
    scale: jax.Array

    def __init__(self, loc=0.0, scale=1.0):
        self.loc, self.scale = parameters("Bell", loc=loc, scale=scale).values()

    @property
    def _valid(self):
        return self.scale > 0

    def _density(self, x):
        return jnp.exp(-(((x - self.loc) / self.scale) ** 2) / 2) / self.scale / jnp.sqrt(2 * jnp.pi)

    def _cdf(self, x):
        return special.ndtr((x - self.loc) / self.scale)

    def _sf(self, x):
        return special.ndtr((self.loc - x) / self.scale)

    def _mean(self):
        return self.loc

    def _var(self):
        return self.scale**2

    def _support(self):
        return jnp.full_like(self.loc, -jnp.inf), jnp.full_like(self.loc, jnp.inf)


class Waiting(Simple, Continuous):
    """The gamma distribution with a location."""

    a: jax.Array
    scale: jax.Array
    loc: jax.Array

    def __init__(self, a, scale=1.0, loc=0.0):
        self.a, self.scale, self.loc = parameters("Waiting", a=a, scale=scale, loc=loc).values()

    @property
    def _valid(self):
        return (self.a > 0) & (self.scale > 0)

    def _density(self, x):
        z = (x - self.loc) / self.scale
        inside = z > 0
        z = jnp.where(inside, z, 1.0)
        log = (self.a - 1) * jnp.log(z) - z - special.gammaln(self.a) - jnp.log(self.scale)
        return jnp.where(inside, jnp.exp(log), 0.0)

    def _cdf(self, x):
        return special.gammainc(self.a, jnp.maximum(x - self.loc, 0.0) / self.scale)

    def _sf(self, x):
        return special.gammaincc(self.a, jnp.maximum(x - self.loc, 0.0) / self.scale)

    def _mean(self):
        return self.loc + self.a * self.scale

    def _var(self):
        return self.a * self.scale**2

    def _support(self):
        return self.loc, jnp.full_like(self.loc, jnp.inf)


class Counts(Simple, Discrete):
    """The Poisson distribution."""

    mu: jax.Array

    def __init__(self, mu):
        self.mu = parameters("Counts", mu=mu)["mu"]

    @property
    def _valid(self):
        return self.mu > 0

    def _density(self, x):
        whole = (x >= 0) & (x == jnp.floor(x))
        k = jnp.where(whole, x, 0.0)
        return jnp.where(whole, jnp.exp(k * jnp.log(self.mu) - self.mu - special.gammaln(k + 1)), 0.0)

    def _cdf(self, x):
        return special.gammaincc(jnp.floor(x) + 1, self.mu)

    def _sf(self, x):
        return special.gammainc(jnp.floor(x) + 1, self.mu)

    def _mean(self):
        return self.mu

    def _var(self):
        return self.mu

    def _support(self):
        return jnp.zeros_like(self.mu), jnp.full_like(self.mu, jnp.inf)


STEAK = load_restaurant_demand().select("steak")[:, 0]


def test_maximum_likelihood_is_scipy_s():
    bell = fit(Bell, STEAK)
    np.testing.assert_allclose(list(bell.estimates.values()), stats.norm.fit(STEAK), rtol=1e-8)
    n, scale = len(STEAK), STEAK.std()
    np.testing.assert_allclose(list(bell.standard_errors.values()), [scale / n**0.5, scale / (2 * n) ** 0.5], rtol=1e-6)
    np.testing.assert_allclose(bell.log_likelihood, stats.norm(STEAK.mean(), scale).logpdf(STEAK).sum(), rtol=1e-10)
    np.testing.assert_allclose([bell.aic, bell.bic], -2 * bell.log_likelihood + 2 * np.array([2, np.log(n)]))
    positive = STEAK[STEAK > 0]
    waiting = fit(Waiting, positive)
    a, _, scale = stats.gamma.fit(positive, floc=0)
    np.testing.assert_allclose([waiting.estimates["a"], waiting.estimates["scale"]], [a, scale], rtol=1e-5)
    assert waiting.held == {"loc": 0.0}


def test_goodness_is_scipy_s():
    data = stats.gamma(3.0, scale=2.0).rvs(300, random_state=1)
    found = fit(Waiting, data)
    frozen = stats.gamma(found.estimates["a"], scale=found.estimates["scale"])
    expected = stats.kstest(data, frozen.cdf)
    np.testing.assert_allclose(found.goodness.ks, expected.statistic, rtol=1e-8)
    np.testing.assert_allclose(found.goodness.ks_pvalue, expected.pvalue, atol=5e-3)
    ordered, i = np.sort(data), np.arange(1, 301)
    squared = -300 - np.mean((2 * i - 1) * (frozen.logcdf(ordered) + frozen.logsf(ordered[::-1])))
    np.testing.assert_allclose(found.goodness.anderson_darling, squared, rtol=1e-6)
    assert "a          " in str(found)
    assert "not adjusted for estimation" in str(found)


def test_moments_and_the_delta_method():
    data = stats.gamma(3.0, scale=2.0).rvs(300, random_state=1)
    found = fit(Waiting, data, method="moments")
    mean, var = data.mean(), data.var()
    np.testing.assert_allclose([found.estimates["a"], found.estimates["scale"]], [mean**2 / var, var / mean], rtol=1e-6)
    # the delta method by hand for a = mean^2 / var
    slope = np.array([2 * mean / var, -((mean / var) ** 2)])
    influence = np.stack([data - mean, (data - mean) ** 2 - var])
    error = np.sqrt(slope @ (influence @ influence.T) @ slope) / len(data)
    np.testing.assert_allclose(found.standard_errors["a"], error, rtol=1e-5)


@pytest.mark.slow
def test_counts_and_chi_square():
    data = stats.poisson(4.0).rvs(500, random_state=2).astype(float)
    found = fit(Counts, data)
    np.testing.assert_allclose(found.estimates["mu"], data.mean(), rtol=1e-10)
    np.testing.assert_allclose(found.standard_errors["mu"], np.sqrt(data.mean() / 500), rtol=1e-8)
    assert 0.01 < found.goodness.chi_square_pvalue < 1
    value, count = np.unique(data, return_counts=True)
    assert fit(Counts, value, weights=count).estimates == pytest.approx(found.estimates, rel=1e-12)
    assert fit(Counts, [0.0, 2.0]).estimates == pytest.approx({"mu": 1.0})  # variance equal to the mean
    assert fit(Counts, value, weights=count).goodness.chi_square == pytest.approx(found.goodness.chi_square, rel=1e-9)


def test_uniform_ends_have_the_errors_of_extremes():
    draws = np.random.default_rng(3).random((4000, 20))
    found = fit(Uniform, draws[0])
    low, width = draws.min(axis=1), np.ptp(draws, axis=1)
    errors = np.array([found.standard_errors["loc"], found.standard_errors["scale"]]) / found.estimates["scale"]
    np.testing.assert_allclose(errors, [low.std(), width.std()], rtol=0.05)


def test_the_largest_value_of_a_uniform_sample_stays_possible():
    for row in np.random.default_rng(5).normal(size=(20, 3)):
        assert np.isfinite(fit(Uniform, row).log_likelihood)


@pytest.mark.slow
def test_families_are_ranked():
    data = stats.gamma(1.2, scale=20.0).rvs(400, random_state=4)
    ranking = fit_best([Bell, Waiting, Uniform, Counts], data)
    assert type(ranking.best.law) is Waiting
    assert [found.aic for found in ranking.fits] == sorted(found.aic for found in ranking.fits)
    assert "Counts has no best likelihood for these data" in ranking.failed["Counts"]
    assert "Counts not fitted" in str(ranking)


@pytest.mark.parametrize(
    ("family", "data", "options", "message"),
    [
        (Waiting, [1.0, -2.0, 3.0], {}, "Waiting has no best likelihood for these data, whose values are between -2"),
        (Bell, [1.0, np.nan], {}, r"data\[1\] is nan; leave missing observations out"),
        (Bell, [1.0], {}, r"data has shape \(1,\); give a vector of two or more"),
        (Bell, [3.0, 3.0, 3.0], {}, r"all data are \[3.\]; give observations that vary"),
        (Bell, [3.0, 4.0], {"weights": [1.0, -1.0]}, r"weights\[1\] is -1.0; give counts"),
        (Bell, [3.0, 4.0], {"weights": [1.0]}, r"weights has shape \(1,\)"),
        (Bell, [3.0, 4.0], {"method": "guess"}, "method is 'guess'; give"),
        (Bell, [3.0, 4.0], {"fixed": {"scal": 1.0}}, "'scal' is unknown.* Did you mean 'scale'"),
        (Bell, [3.0, 4.0], {"fixed": {"loc": 1.0, "scale": 1.0}}, "all parameters of Bell are fixed"),
    ],
)
def test_what_cannot_be_fitted_is_named(family, data, options, message):
    with pytest.raises(ValueError, match=message):
        fit(family, data, **options)


def test_single_precision():
    with jax.enable_x64(False):
        found = fit(Bell, np.float32(STEAK))
        np.testing.assert_allclose(list(found.estimates.values()), stats.norm.fit(STEAK), rtol=1e-3)
