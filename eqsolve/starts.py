"""Starting points spread over a box."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def spread(count: int, dimensions: int) -> np.ndarray:
    """`count` points that fill the unit cube evenly: the additive recurrence of the generalised golden ratio.

    **Source:** Roberts, The unreasonable effectiveness of quasirandom sequences (2018).

    >>> spread(3, 2).shape
    (3, 2)
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1, dimensions + 1)
    return (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0


def default_start(lower: Float[Array, " n"], upper: Float[Array, " n"]) -> Float[Array, " n"]:
    """The middle of the box; one unit inside a single finite bound; zero without bounds."""
    return place(jnp.asarray(0.5, lower.dtype), lower, upper)


def starts_in(lower: Float[Array, " n"], upper: Float[Array, " n"], count: int) -> Float[Array, "count n"]:
    """The middle of the box, then points spread over it."""
    points = np.concatenate([np.full((1, lower.shape[0]), 0.5), spread(count - 1, lower.shape[0])])
    return place(jnp.asarray(points, lower.dtype), lower, upper)


def starts_with_corners(lower: Float[Array, " n"], upper: Float[Array, " n"], count: int) -> Float[Array, "count n"]:
    """The middle of the box, just inside its lowest and its highest corner, then points spread over it.

    Equilibria often lie where everybody does as little or as much as possible, and few spread points are near there.
    """
    corners = place(jnp.asarray([[1e-3], [1 - 1e-3]], lower.dtype), lower, upper)
    inner = starts_in(lower, upper, max(count - 2, 1))
    return jnp.concatenate([inner[:1], corners, inner[1:]])[:count]


def place(unit: Array, lower: Array, upper: Array) -> Array:
    """Points of the unit cube mapped into the box; infinite sides are stretched, half of the points within one unit."""
    low_finite, high_finite = jnp.isfinite(lower), jnp.isfinite(upper)
    low, high = jnp.where(low_finite, lower, 0.0), jnp.where(high_finite, upper, 0.0)
    inside = low + unit * (high - low)
    rising = low + unit / (1 - unit)
    falling = high - unit / (1 - unit)
    open_both = (unit - 0.5) / (unit * (1 - unit))
    one_sided = jnp.where(low_finite, rising, jnp.where(high_finite, falling, open_both))
    return jnp.where(low_finite & high_finite, jnp.clip(inside, lower, upper), one_sided)
