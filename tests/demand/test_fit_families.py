"""Every family against SciPy's own fit, or against a direct search for the highest likelihood."""

import jax
import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from eqsolve.demand.counts import NegativeBinomial, Poisson
from eqsolve.demand.exponential import Exponential
from eqsolve.demand.fitting import fit
from eqsolve.demand.gamma import Gamma
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.truncated_lognormal import TruncatedLogNormal
from eqsolve.demand.truncated_normal import TruncatedNormal
from eqsolve.demand.weibull import Weibull

GAMMA = stats.gamma(3.0, scale=20.0).rvs(400, random_state=3)
COUNTS = stats.nbinom(4.0, 0.3).rvs(400, random_state=3).astype(float)
CUT = stats.truncnorm(-1.0, np.inf, loc=100.0, scale=100.0).rvs(400, random_state=3)
LOGS = stats.lognorm(0.5, scale=50.0).rvs(400, random_state=3)
BETWEEN = LOGS[(LOGS > 30) & (LOGS < 120)]


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_closed_forms_are_scipy_s_with_the_errors_of_the_observed_information():
    n = len(GAMMA)
    for family, frozen, expected in [
        (Normal, stats.norm, stats.norm.fit(GAMMA)),
        (LogNormal, lambda s, scale: stats.lognorm(s, scale=scale), stats.lognorm.fit(GAMMA, floc=0)[::2]),
        (Exponential, lambda scale: stats.expon(scale=scale), stats.expon.fit(GAMMA, floc=0)[1:]),
    ]:
        found = fit(family, GAMMA)
        theta = np.array(list(found.estimates.values()))
        np.testing.assert_allclose(theta, expected, rtol=1e-12, err_msg=family.__name__)

        def height(theta, frozen=frozen):
            return frozen(*theta).logpdf(GAMMA).sum()

        np.testing.assert_allclose(found.log_likelihood, height(theta), rtol=1e-12)
        # second differences of the log-likelihood; the parameters of each of these families are orthogonal
        for i, error in enumerate(found.standard_errors.values()):
            step = 0.02 * error * np.eye(len(theta))[i]
            bend = (height(theta + step) - 2 * height(theta) + height(theta - step)) / step[i] ** 2
            np.testing.assert_allclose(error, 1 / np.sqrt(-bend), rtol=2e-3, err_msg=f"{family.__name__} {n}")


def test_closed_forms_count_weights():
    values, counts = np.array([1.0, 2.0, 4.0]), np.array([3.0, 0.0, 2.0])
    for family in (Normal, LogNormal, Exponential):
        weighted, repeated = fit(family, values, weights=counts), fit(family, [1.0, 1.0, 1.0, 4.0, 4.0])
        assert weighted.estimates == pytest.approx(repeated.estimates, rel=1e-14)
        assert weighted.standard_errors == pytest.approx(repeated.standard_errors, rel=1e-14)


@pytest.mark.parametrize(("family", "data"), [(LogNormal, [0.0, 1.0, 2.0]), (Exponential, [-1.0, 1.0, 2.0])])
def test_impossible_values_are_named(family, data):
    with pytest.raises(ValueError, match=f"{family.__name__} has no best likelihood .* the smallest is not possible"):
        fit(family, data)


def highest(log_density, start):
    """The highest likelihood, by a search that knows no derivatives."""
    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 4000}
    return minimize(lambda theta: -np.sum(log_density(*theta)), start, method="Nelder-Mead", options=options).x


def cut_log_density(loc, scale):
    return stats.truncnorm.logpdf(CUT, -loc / scale, np.inf, loc=loc, scale=scale)


def between_log_density(s, scale):
    whole = stats.lognorm(s, scale=scale)
    return whole.logpdf(BETWEEN) - np.log(whole.cdf(120.0) - whole.cdf(30.0))


@pytest.mark.slow
def test_fitted_families_have_the_highest_likelihood():
    for family, data, fixed, expected in [
        (Gamma, GAMMA, None, stats.gamma.fit(GAMMA, floc=0)[::2]),
        (Weibull, GAMMA, None, highest(lambda c, scale: stats.weibull_min.logpdf(GAMMA, c, scale=scale), [1.0, 50.0])),
        (Poisson, COUNTS, None, [COUNTS.mean()]),
        (NegativeBinomial, COUNTS, None, highest(lambda n, p: stats.nbinom.logpmf(COUNTS, n, p), [4.0, 0.3])),
        (TruncatedNormal, CUT, None, highest(cut_log_density, [100.0, 100.0])),
        (TruncatedLogNormal, BETWEEN, {"lower": 30.0, "upper": 120.0}, highest(between_log_density, [0.5, 50.0])),
    ]:
        found = fit(family, data, fixed=fixed)
        np.testing.assert_allclose(list(found.estimates.values()), expected, rtol=2e-6, err_msg=family.__name__)
