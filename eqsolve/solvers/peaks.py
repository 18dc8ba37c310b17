"""Which points of a player's box to try, and where the peaks are among them."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from eqsolve.solvers.base import rounding

SCALES = 24  # halvings of the box's width at which points are added near bounds and the present action
FINE_SCALES = range(SCALES + 4, 53, 3)  # more, at the present action only: one that slopes must be seen to, in any box


@functools.lru_cache
def _unit_grid(points: int, count: int) -> np.ndarray:
    return np.array(list(itertools.product(np.linspace(0.0, 1.0, points), repeat=count)))


def grid_points(lower: Array, upper: Array, present: Array, points: int) -> Float[Array, "points k"]:
    """A grid over the box of so many points per entry; for one entry in rising order, denser where it may matter."""
    count = lower.shape[0]
    grid = lower + jnp.asarray(_unit_grid(points, count), lower.dtype) * (upper - lower)
    if count > 1:
        return grid
    # what matters may happen close to a bound of a very wide box, or close to the present action
    halvings = np.arange(2, SCALES + 2), np.array([*range(2, SCALES + 2), *FINE_SCALES])
    width, step = ((upper - lower) * jnp.asarray(0.5**count, lower.dtype)[:, None] for count in halvings)
    near = [lower + width, upper - width, present + step, present - step]
    return jnp.sort(jnp.clip(jnp.concatenate([grid, *near]), lower, upper), axis=0)


def bracket_around(tried: Array, values: Array, i: Int[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The nearest points on either side of point i whose payoff is lower by more than rounding; else the outer ones."""
    position = jnp.arange(tried.shape[0])
    lower = values < values[i] - rounding(values[i])
    left = jnp.max(jnp.where(lower & (position < i), position, 0))
    right = jnp.min(jnp.where(lower & (position > i), position, position[-1]))
    return tried[left], tried[right]


def peaks_of(
    tried: Array, values: Array, open_points: Bool[Array, " points"], count: int
) -> tuple[Float[Array, " peaks"], Float[Array, " peaks"], Float[Array, " peaks"]]:
    """The `count` most promising peaks and their brackets, none inside another's, the best first.

    A grid point that is no lower than its neighbours is a peak; peaks are ranked by the top of the parabola through
    the three, as the points of a coarse grid may all miss a high, narrow peak's top.
    """
    below = jnp.concatenate([values[:1], values[:-1]])
    above = jnp.concatenate([values[1:], values[-1:]])
    before = tried - jnp.concatenate([tried[:1], tried[:-1]])
    after = jnp.concatenate([tried[1:], tried[-1:]]) - tried
    top = values + _parabola_gain(before, after, values - below, above - values)
    top = jnp.where((values >= below) & (values >= above), top, -jnp.inf)

    def next_peak(open_points: Array, _: None) -> tuple[Array, tuple[Array, Array, Array]]:
        peak = jnp.argmax(jnp.where(open_points, top, -jnp.inf))
        left, right = bracket_around(tried, values, peak)
        return open_points & ((tried <= left) | (tried >= right)), (tried[peak], left, right)

    return jax.lax.scan(next_peak, open_points, None, length=count)[1]


def _parabola_gain(before: Array, after: Array, rise: Array, fall: Array) -> Array:
    """How far the top of the parabola through a point and its neighbours lies above it; zero where there is none."""
    usable = (before > 0) & (after > 0) & jnp.isfinite(rise) & jnp.isfinite(fall)
    before, after = jnp.where(usable, before, 1.0), jnp.where(usable, after, 1.0)
    up, down = jnp.where(usable, rise, 0.0) / before, jnp.where(usable, fall, 0.0) / after
    bend = (down - up) / (before + after)
    tilt = (up * after + down * before) / (before + after)
    return jnp.where(usable & (bend < 0), tilt**2 / (-4 * jnp.where(bend < 0, bend, -1.0)), 0.0)


def highest_few(values: Float[Array, " points"], count: int) -> Int[Array, " count"]:
    """Where the `count` highest values are, the best first: a sort of all would take longer than to compute them."""
    position = jnp.arange(values.shape[0])

    def following(left: Array, _: None) -> tuple[Array, Array]:
        found = jnp.argmax(left)
        return jnp.where(position == found, -jnp.inf, left), found

    return jax.lax.scan(following, values, None, length=count)[1]
