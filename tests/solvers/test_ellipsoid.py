"""The ellipsoid method: linear programmes solved by SciPy, corners, and an end as soon as nothing is left to find."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from eqsolve.solvers.ellipsoid import ellipsoid_climb, steps_needed


def highest_of_lowest(slopes, heights, lower, upper):
    """The maximum of the lowest of several planes over a box, as a linear programme."""
    entries = slopes.shape[1]
    found = scipy.optimize.linprog(
        np.append(np.zeros(entries), -1.0),
        A_ub=np.column_stack([-slopes, np.ones(len(slopes))]),
        b_ub=heights,
        bounds=[*zip(lower, upper, strict=True), (None, None)],
    )
    return -found.fun


@pytest.mark.parametrize("entries", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tops_of_folded_planes_are_those_of_linear_programmes(entries, seed):
    rng = np.random.default_rng(seed)
    slopes, heights = rng.normal(size=(8, entries)), rng.uniform(0.5, 2.0, 8)
    lower, upper = -rng.uniform(0.2, 2.0, entries), rng.uniform(0.2, 2.0, entries)
    start = jnp.asarray(rng.uniform(lower, upper))
    point, value = ellipsoid_climb(
        lambda x: jnp.min(jnp.asarray(slopes) @ x + jnp.asarray(heights)),
        start,
        jnp.asarray(upper - lower),
        jnp.asarray(lower),
        jnp.asarray(upper),
    )
    assert np.all((lower <= point) & (point <= upper))
    np.testing.assert_allclose(value, np.min(slopes @ np.asarray(point) + heights), rtol=1e-14)
    np.testing.assert_allclose(value, highest_of_lowest(slopes, heights, lower, upper), rtol=1e-12)


def counted(payoff, start, lower=-1.0, upper=3.0):
    """The end, and how often the payoff was computed."""
    calls = []

    def counting(x):
        jax.debug.callback(lambda _: calls.append(1), x[0])
        return payoff(x)

    box = jnp.full_like(start, lower), jnp.full_like(start, upper)
    end = jax.block_until_ready(ellipsoid_climb(counting, start, box[1] - box[0], *box))
    jax.effects_barrier()
    return end, len(calls)


def hill(x):
    return 5.0 - jnp.sum((x - 1.0) ** 2) - x[0] * (x[1] - 1.0)


def test_a_search_from_a_smooth_maximum_ends_at_once():
    top = jnp.linalg.solve(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.array([3.0, 2.0]))
    (point, value), calls = counted(hill, top)
    assert calls <= 3
    np.testing.assert_array_equal(point, top)
    assert value == hill(top)


def test_a_search_from_a_corner_that_is_best_ends_at_once():
    (point, _), calls = counted(lambda x: jnp.sum(jnp.log(x + 2.0)), jnp.array([3.0, 3.0]))
    assert calls <= 3
    np.testing.assert_array_equal(point, 3.0)


def test_a_search_from_elsewhere_goes_on_until_a_maximum_is_found():
    (point, value), calls = counted(lambda x: -jnp.sum(jnp.abs(x - 0.3)) + 2.0, jnp.array([-1.0, 3.0]))
    assert 20 < calls <= steps_needed(2, point.dtype) + 1
    np.testing.assert_allclose(point, 0.3, rtol=1e-14)
    np.testing.assert_allclose(value, 2.0, rtol=1e-14)


def test_payoffs_that_are_not_known_are_no_maxima():
    (point, value), _ = counted(lambda x: jnp.where(x[0] > 0.5, jnp.nan, x[0] - x[1] ** 2), jnp.array([0.0, 1.0]))
    assert value == point[0] - point[1] ** 2
    assert value >= -1.0
