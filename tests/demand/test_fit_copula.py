import jax
import numpy as np
import pytest
from scipy import stats

from eqsolve.datasets import load_restaurant_demand
from eqsolve.demand.fitting import fit_copula
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
