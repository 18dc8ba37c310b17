import jax
import numpy as np
import pytest
from joint_laws import assert_sampled

from eqsolve.datasets import load_restaurant_demand
from eqsolve.demand.joint import EmpiricalPairs, JointTable
from eqsolve.expectation import Scenarios

POINTS = np.array([[4.0, 8.0], [8.0, 4.0], [6.0, 7.0], [4.0, 8.0]])
WEIGHTS = np.array([0.25, 0.5, 0.0, 0.25])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("law", [lambda: JointTable(POINTS, WEIGHTS), lambda: EmpiricalPairs(POINTS, 8 * WEIGHTS)])
def test_table(law):
    law = law()
    np.testing.assert_allclose(law.mean(), WEIGHTS @ POINTS, rtol=1e-14)
    np.testing.assert_allclose(law.cov(), np.cov(POINTS.T, aweights=WEIGHTS, ddof=0), rtol=1e-14)
    np.testing.assert_allclose(law.pmf([[4.0, 8.0], [8.0, 4.0], [6.0, 7.0], [1.0, 1.0]]), [0.5, 0.5, 0.0, 0.0])
    assert np.isnan(law.pmf([np.nan, 1.0]))
    levels = np.stack([[0.0, 0.25, 0.26, 0.75, 0.76, 1.0], np.full(6, 0.5)], axis=-1)
    np.testing.assert_array_equal(law.transport(levels), POINTS[[0, 0, 1, 1, 3, 3]])
    assert_sampled(law)


def test_observed_pairs_are_their_own_distribution():
    demand = load_restaurant_demand().select("lamb", "steak")
    law = EmpiricalPairs(demand)
    np.testing.assert_allclose(law.correlation(), np.corrcoef(demand.T), rtol=1e-12)
    with jax.enable_x64(False):
        single = EmpiricalPairs(np.float32(demand))
        np.testing.assert_array_equal(single.transport([1.0, 0.0]), demand[-1])
        np.testing.assert_allclose(single.correlation(), np.corrcoef(demand.T), rtol=1e-5)


def test_scenarios_feed_the_expectation_rule():
    rule = Scenarios(lambda law: law.scenarios())
    found = rule.expect(lambda demand: demand.min(), JointTable(POINTS, WEIGHTS))
    np.testing.assert_allclose(found, 4.0)


def test_a_component_that_does_not_vary_has_no_correlation():
    found = EmpiricalPairs([[1.0, 5.0], [2.0, 5.0]]).correlation()
    np.testing.assert_array_equal(np.isnan(found), [[False, True], [True, True]])


def test_slopes_pass_through_points_and_probabilities():
    def mean(points, weights):
        return EmpiricalPairs(points, weights).mean().sum()

    by_point, by_weight = jax.grad(mean, argnums=(0, 1))(POINTS, WEIGHTS)
    np.testing.assert_allclose(by_point, np.stack([WEIGHTS, WEIGHTS], axis=1))
    np.testing.assert_allclose(by_weight, [0.0, 0.0, 1.0, 0.0], atol=1e-14)


def test_traced_probabilities_that_are_none_give_nan():
    weights = np.array([[0.25, 0.5, 0.0, 0.25], [0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, 0.5], [0, 0, 0, 0.0]])
    table = jax.vmap(lambda w: JointTable(POINTS, w).mean()[0])(weights)
    np.testing.assert_array_equal(np.isnan(table), [False, True, True, True])
    pairs = jax.vmap(lambda w: EmpiricalPairs(POINTS, w).mean()[0])(weights)
    np.testing.assert_array_equal(np.isnan(pairs), [False, False, True, True])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JointTable(POINTS, [0.5, 0.5]), r"probabilities has shape \(2,\), but JointTable.points has 4 rows"),
        (lambda: JointTable(POINTS, [0.5, 0.5, 0.5, 0.5]), "sum of JointTable.probabilities is 2.0; divide them"),
        (lambda: JointTable(POINTS, [-0.5, 0.5, 0.5, 0.5]), r"probabilities\[0\] is -0.5"),
        (lambda: EmpiricalPairs([1.0, 2.0]), r"observations has shape \(2,\); give one row per joint demand"),
        (lambda: EmpiricalPairs(POINTS, [0.0] * 4), "sum of EmpiricalPairs.weights is 0.0; give one weight above zero"),
        (lambda: EmpiricalPairs([[1.0, np.nan]]), r"EmpiricalPairs.observations is nan at index \[0, 1\]"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
