"""Maxima by grids that close in: for functions of which nothing is known."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

POINTS = 33
ROUNDS = 7  # the last grid is 2 / 32 to the power of 6 of the first: finer than the square root of rounding


def zoomed(function: Callable[[Array], Array], low: Float[Array, "*batch"], high: Float[Array, "*batch"]) -> Array:
    """The smallest point between `low` and `high` at which an elementwise `function` is largest, within rounding.

    `function` takes arrays with an additional first axis of points. No derivatives. NaN ends and values give NaN.
    """
    low, high = jax.lax.stop_gradient((low, high))
    share = jnp.linspace(0.0, 1.0, POINTS, dtype=low.dtype).reshape(-1, *([1] * low.ndim))

    def closer(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        grid = state[0] + share * (state[1] - state[0])
        values = jax.lax.stop_gradient(function(grid))
        size = jnp.max(jnp.abs(values), axis=0)
        best = jnp.argmax(values >= jnp.max(values, axis=0) - 8 * jnp.finfo(low.dtype).eps * size, axis=0)
        missing = jnp.any(jnp.isnan(values), axis=0)

        def at(index: Array) -> Array:
            point = jnp.take_along_axis(grid, jnp.clip(index, 0, POINTS - 1)[None], axis=0)[0]
            return jnp.where(missing, jnp.nan, point)

        return at(best - 1), at(best + 1), at(best)

    return jax.lax.fori_loop(0, ROUNDS, closer, (low, high, low))[2]
