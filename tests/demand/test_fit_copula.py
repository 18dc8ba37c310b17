import jax
import numpy as np
import pytest
from scipy import stats

from eqsolve.datasets import load_restaurant_demand
from eqsolve.demand.fitting import fit_copula
from eqsolve.demand.fitting.ranks import kendall, nearest_correlation
from eqsolve.demand.uniform import Uniform

LAWS = [Uniform(np.float32(0.0), np.float32(1.0))] * 2


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_normal_scores_of_tied_restaurant_data():
    demand = load_restaurant_demand().select("lamb", "steak")
    scores = stats.norm.ppf(stats.rankdata(demand, axis=0) / (len(demand) + 1))
    found = fit_copula(LAWS, demand)
    np.testing.assert_allclose(found.correlation, np.corrcoef(scores.T), rtol=1e-10)
    assert str(found).startswith("GaussianCopula fitted to 760 observations")


def test_estimates_scatter_as_their_standard_errors_say():
    generator = np.random.default_rng(0)
    found = [fit_copula(LAWS, generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 400)) for _ in range(200)]
    estimates = np.array([each.correlation[0, 1] for each in found])
    np.testing.assert_allclose(estimates.mean(), 0.6, atol=0.015)
    np.testing.assert_allclose(estimates.std(), (1 - 0.6**2) / 20, rtol=0.2)
    np.testing.assert_allclose(found[0].standard_errors[0, 1], (1 - estimates[0] ** 2) / 20)


def t_draws(generator, df, count):
    normal = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], count)
    return normal / np.sqrt(generator.chisquare(df, (count, 1)) / df)


def test_t_copula_of_tied_restaurant_data():
    demand = load_restaurant_demand().select("lamb", "steak")
    found, normal = fit_copula(LAWS, demand, family="t"), fit_copula(LAWS, demand)
    tau = stats.kendalltau(*np.asarray(demand).T).statistic
    np.testing.assert_allclose(found.correlation[0, 1], np.sin(np.pi * tau / 2), rtol=1e-12)
    levels = stats.rankdata(demand, axis=0) / (len(demand) + 1)

    def log_likelihood(df):
        score = stats.t.ppf(levels, df)
        joint = stats.multivariate_t(np.zeros(2), found.correlation, df).logpdf(score)
        return joint.sum() - stats.t.logpdf(score, df).sum()

    np.testing.assert_allclose(found.log_likelihood, log_likelihood(found.df), rtol=1e-9)
    assert found.log_likelihood > max(log_likelihood(found.df * factor) for factor in (0.99, 1.01))
    score = stats.norm.ppf(levels)
    joint = stats.multivariate_normal(np.zeros(2), normal.correlation).logpdf(score)
    np.testing.assert_allclose(normal.log_likelihood, joint.sum() - stats.norm.logpdf(score).sum(), rtol=1e-9)
    # one parameter and two
    assert (normal.aic, found.aic) == (2 - 2 * normal.log_likelihood, 4 - 2 * found.log_likelihood)
    assert found.aic < normal.aic
    assert found.law.df == found.df
    assert normal.df is None
    assert "degrees of freedom" in str(found)


def test_t_estimates_scatter_around_the_truth_as_their_standard_errors_say():
    generator = np.random.default_rng(1)
    pairs = [kendall(t_draws(generator, 3.0, 300)) for _ in range(200)]
    estimates, errors = np.array([(tau[0, 1], error[0, 1]) for tau, error in pairs]).T
    np.testing.assert_allclose(estimates.mean(), 2 / np.pi * np.arcsin(0.6), atol=4 * errors.mean() / np.sqrt(200))
    np.testing.assert_allclose(estimates.std(), errors.mean(), rtol=0.2)  # 4 times 1 / sqrt(400)
    samples = [t_draws(generator, 3.0, 500) for _ in range(20)]
    found = [fit_copula(LAWS, sample, family="t") for sample in samples]
    log_df = np.log([each.df for each in found])
    np.testing.assert_allclose(log_df.mean(), np.log(3.0), atol=4 * log_df.std() / np.sqrt(20))
    tau, error = (each[0, 1] for each in kendall(samples[0]))
    slope = np.pi / 2 * np.cos(np.pi / 2 * tau)
    np.testing.assert_allclose(found[0].standard_errors[0, 1], slope * error, rtol=1e-9)


def test_normal_data_speak_for_the_gaussian_copula():
    generator = np.random.default_rng(2)
    data = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 2000)
    many, normal = fit_copula(LAWS, data, family="t"), fit_copula(LAWS, data)
    assert many.df > 30
    assert normal.aic < many.aic


def test_rank_correlations_of_ties():
    data = np.random.default_rng(3).integers(0, 4, (50, 3)).astype(float)
    tau, _ = kendall(data)
    for i in range(3):
        for j in range(3):
            np.testing.assert_allclose(tau[i, j], stats.kendalltau(data[:, i], data[:, j]).statistic, rtol=1e-12)


def test_rank_correlations_that_fit_no_matrix_are_repaired():
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    repaired, changed = nearest_correlation(impossible, 1e-4)
    assert changed
    assert np.linalg.eigvalsh(repaired)[0] > 5e-5
    np.testing.assert_array_equal(np.diagonal(repaired), 1.0)
    # without the vector (1, -1, 1) of the eigenvalue -0.8, the equal other two leave correlations of one half
    np.testing.assert_allclose(repaired[[0, 0, 1], [1, 2, 2]], [0.5, -0.5, 0.5], atol=1e-4)
    kept, changed = nearest_correlation(np.eye(3), 1e-4)
    assert not changed
    np.testing.assert_array_equal(kept, np.eye(3))
    data = np.array([[1, 1, 2], [2, 3, 1], [3, 2, 4], [4, 4, 3], [5, 6, 7], [6, 5, 5], [7, 7, 6]], float)
    assert not fit_copula([LAWS[0]] * 3, data, family="t").repaired


@pytest.mark.parametrize(
    ("size", "data", "family", "message"),
    [
        (2, [[1.0, 2.0], [2.0, 3.0], [3.0, 5.0]], "t", r"the ranks of data\[:, 0\] determine those of data\[:, 1\]"),
        (1, [[1.0], [2.0], [3.0]], "t", "needs two or more components"),
        (2, [[1.0, 2.0], [2.0, 3.0], [3.0, 1.0]], "clayton", 'family is \'clayton\'; give "gaussian" or "t"'),
    ],
)
def test_what_a_t_copula_cannot_fit_is_named(size, data, family, message):
    with pytest.raises(ValueError, match=message):
        fit_copula(LAWS[:size], data, family=family)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[1.0, 2.0], [2.0, np.nan], [3.0, 1.0]], r"data\[1, 1\] is nan; leave incomplete observations out"),
        ([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]], r"data\[:, 1\] is always 2.0"),
        ([[1.0, 2.0, 3.0]] * 3, r"data has shape \(3, 3\)"),
        ([[1.0, 2.0], [2.0, 3.0], [3.0, 5.0]], "correlation has the eigenvalue"),
    ],
)
def test_what_cannot_be_fitted_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        fit_copula(LAWS, data)
