import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import assert_identities, assert_parameter_derivatives, assert_sampled
from scipy import stats

from eqsolve.demand.finite import DiscreteTable, Empirical, TwoPoint

VALUES, CHANCES = np.array([-1.0, 2.0, 2.5, 7.0]), np.array([0.1, 0.4, 0.0, 0.5])
POINTS = np.array([-3.0, -1.0, 1.0, 2.0, 2.2, 2.5, 5.0, 7.0, 8.0])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def assert_same_as_sums(law, values, chances, points):
    """Every method against its definition, value by value."""
    gap = values - points[:, None]
    expected = {
        "pmf": (gap == 0) @ chances,
        "cdf": (gap <= 0) @ chances,
        "sf": (gap > 0) @ chances,
        "loss": np.maximum(gap, 0) @ chances,
        "overstock": np.maximum(-gap, 0) @ chances,
        "second_loss": np.maximum(gap, 0) ** 2 @ chances / 2,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(law, name)(points), value, rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(law.mean(), values @ chances, rtol=1e-13)
    np.testing.assert_allclose(law.var(), (values - values @ chances) ** 2 @ chances, rtol=1e-13)


def test_table():
    law = DiscreteTable(VALUES, CHANCES)
    assert_same_as_sums(law, VALUES, CHANCES, POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    levels = np.array([0.0, 0.05, 0.1, 0.3, 0.5, 0.51, 1.0])
    np.testing.assert_array_equal(law.ppf(levels), [-1.0, -1.0, -1.0, 2.0, 2.0, 7.0, 7.0])
    frozen = stats.rv_discrete(values=(np.array([0, 1, 3]), np.array([0.7, 0.1, 0.2])))
    counts = DiscreteTable([0.0, 1.0, 3.0], [0.7, 0.1, 0.2])
    np.testing.assert_allclose(counts.cdf(np.arange(-1, 5)), frozen.cdf(np.arange(-1, 5)), rtol=1e-14)
    # 0.7 + 0.1 rounds to just under 0.8; the level 0.8 is reached all the same
    assert counts.ppf(0.8) == 1.0


def test_slopes_at_and_between_values():
    law = DiscreteTable(VALUES, CHANCES)

    @jax.jit
    def slopes(points):
        return {name: jax.vmap(jax.grad(getattr(law, name)))(points) for name in ("loss", "overstock", "cdf")}

    found = slopes(POINTS)
    np.testing.assert_allclose(found["loss"], -law.sf(POINTS), rtol=1e-14)
    np.testing.assert_allclose(found["overstock"], law.cdf(POINTS), rtol=1e-14)
    np.testing.assert_array_equal(found["cdf"], 0.0)


def test_two_points():
    law = TwoPoint(10.0, 50.0, 0.25)
    points = np.array([0.0, 10.0, 30.0, 50.0, 60.0])
    assert_same_as_sums(law, np.array([10.0, 50.0]), np.array([0.75, 0.25]), points)
    np.testing.assert_array_equal(law.ppf(np.array([0.75, 0.76])), [10.0, 50.0])
    between = [0.5, 1.7, 3.5]
    values = {"low": 1.0, "high": 3.0, "p": 0.3}
    assert_parameter_derivatives(TwoPoint, values, between)
    many = TwoPoint(np.array([1.0, 2.0])[:, None], np.array([5.0, 6.0, 7.0]), 0.5)
    assert many.shape == (2, 3)
    np.testing.assert_allclose(many.loss(4.0), np.broadcast_to([0.5, 1.0, 1.5], (2, 3)))


def test_derivatives_in_a_table():
    def loss(values, chances):
        return DiscreteTable(values, chances).second_loss(2.2)

    by_value, by_chance = jax.jit(jax.grad(loss, (0, 1)))(VALUES, CHANCES)
    over = np.maximum(VALUES - 2.2, 0)
    np.testing.assert_allclose(by_value, CHANCES * over, atol=1e-14)
    np.testing.assert_allclose(by_chance, over**2 / 2, atol=1e-14)


def test_tables_in_a_batch():
    values = np.stack([VALUES, VALUES + 1])
    law = DiscreteTable(values[:, None], np.stack([CHANCES, CHANCES[[3, 1, 2, 0]]]))
    assert law.shape == (2, 2)
    found = law.loss(np.array([0.5, 1.0]))
    for i in range(2):
        for j, chances in enumerate([CHANCES, CHANCES[[3, 1, 2, 0]]]):
            expected = np.maximum(values[i] - [0.5, 1.0][j], 0) @ chances
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-14)


def test_sample():
    sample = np.array([3.0, 1.0, 2.0, 2.0, 9.0])
    points = np.array([0.0, 1.0, 1.5, 2.0, 5.0, 9.0, 10.0])
    assert_same_as_sums(Empirical(sample), sample, np.full(5, 0.2), points)
    weights = np.array([1.0, 0.0, 2.0, 3.0, 4.0])
    assert_same_as_sums(Empirical(sample, weights), sample, weights / 10, points)
    levels = np.array([0.1, 0.2, 0.4, 0.6, 0.61, 0.8, 1.0])
    np.testing.assert_array_equal(Empirical(sample).ppf(levels), np.quantile(sample, levels, method="inverted_cdf"))
    slope = jax.jit(jax.grad(lambda sample: Empirical(sample).loss(1.5)))(sample)
    np.testing.assert_allclose(slope, 0.2 * (sample > 1.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_sample(dtype):
    count = 100_000
    sample = np.random.default_rng(1).permutation(count).astype(dtype)
    law = Empirical(jnp.asarray(sample))
    y = dtype(99_990)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(law.loss(y), 45 / count, rtol=20 * eps)
    np.testing.assert_allclose(law.loss(dtype(0)), (count - 1) / 2, rtol=20 * eps)
    assert law.ppf(0.25) == 24_999
    assert law.loss(y).dtype == dtype


def test_nan_and_infinite_arguments():
    law, points = TwoPoint(1.0, 3.0, 0.5), np.array([-np.inf, np.inf, np.nan])
    for name, expected in {
        "pmf": [0, 0],
        "cdf": [0, 1],
        "sf": [1, 0],
        "loss": [np.inf, 0],
        "overstock": [0, np.inf],
        "second_loss": [np.inf, 0],
    }.items():
        np.testing.assert_array_equal(getattr(law, name)(points), [*expected, np.nan], err_msg=name)
    traced = jax.vmap(lambda p: TwoPoint(1.0, 3.0, p).loss(0.5))(np.array([0.0, 1.0, 1.1, -0.1, np.nan]))
    np.testing.assert_array_equal(np.isnan(traced), [False, False, True, True, True])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoPoint(1.0, 2.0, 1.5), r"TwoPoint.p is 1.5; give probabilities between 0 and 1"),
        (lambda: TwoPoint(2.0, 1.0, 0.5), r"TwoPoint.high - low is -1.0; give low below high"),
        (lambda: DiscreteTable([1.0, 1.0], [0.5, 0.5]), r"values\[0\] is 0.0; give strictly rising values"),
        (lambda: DiscreteTable([1.0, 2.0], [0.5, 0.6]), r"probabilities is 1.1; divide the probabilities by their sum"),
        (lambda: DiscreteTable([1.0, 2.0], [1.0]), r"probabilities has shape \(1,\), values \(2,\)"),
        (lambda: DiscreteTable([1.0, 2.0], [-0.5, 1.5]), r"probabilities\[0\] is -0.5; give numbers of zero or more"),
        (lambda: Empirical([]), r"Empirical.sample has shape \(0,\); give one or more numbers"),
        (lambda: Empirical([1.0, np.inf]), r"Empirical.sample\[1\] is inf"),
        (
            lambda: Empirical([1.0, 2.0], [0.0, 0.0]),
            r"Empirical.weights\[0\] is 0.0; give one weight",
        ),
    ],
)
def test_bad_tables_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
