"""Roots of falling functions: Newton's steps, kept inside a bracket."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Values = Float[Array, "*batch"]
Function = Callable[[Values], Values]
MOST_STEPS = 200


def falling_root(function: Function, low: Values, high: Values) -> Values:
    """Where a falling `function`, elementwise, passes zero between `low` and `high`; without derivatives.

    A Newton step gives way to halving the bracket where it leaves that, or is longer than half the step before.
    Give a function of constants (`stop_gradient`); `polished` supplies the derivatives.
    """
    low, high = jax.lax.stop_gradient((low, high))
    precision = 2 * jnp.finfo(low.dtype).eps

    def still(low: Values, high: Values, at: Values, step: Values) -> Array:
        return (high - low > precision * jnp.abs(high)) & (jnp.abs(step) > precision * jnp.abs(at))

    def iterate(state: tuple[Values, Values, Values, Values, Array]) -> tuple[Values, Values, Values, Values, Array]:
        low, high, at, last, count = state
        value, slope = jax.jvp(function, (at,), (jnp.ones_like(at),))
        low, high = jnp.where(value > 0, at, low), jnp.where(value > 0, high, at)
        falls = slope < 0
        step = jnp.where(falls, -value / jnp.where(falls, slope, -1.0), jnp.inf)
        short = (jnp.abs(step) <= jnp.abs(last) / 2) & (at + step >= low) & (at + step <= high)
        step = jnp.where(short, step, low + (high - low) / 2 - at)
        step = jnp.where(still(low, high, at, step), step, 0.0)
        return low, high, at + step, step, count + 1

    def running(state: tuple[Values, Values, Values, Values, Array]) -> Array:
        return jnp.any(state[3] != 0) & (state[4] < MOST_STEPS)

    start = (low, high, low + (high - low) / 2, high - low, jnp.asarray(0))
    return jax.lax.while_loop(running, iterate, start)[2]
