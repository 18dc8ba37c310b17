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

    Steps that leave the bracket, or do not come from a finite slope, are replaced by its middle. Where both ends are
    equal nothing is computed. Give a function of constants (`stop_gradient`); `polished` supplies the derivatives.
    """
    low, high = jax.lax.stop_gradient((low, high))
    eps = jnp.finfo(low.dtype).eps
    scale = jnp.maximum(jnp.abs(low), jnp.abs(high))

    def open_lanes(low: Values, high: Values, last: Values) -> Array:
        return (high - low > 2 * eps * jnp.maximum(jnp.abs(low), jnp.abs(high))) & (last > 2 * eps * scale)

    def step(state: tuple[Values, Values, Values, Values, Array]) -> tuple[Values, Values, Values, Values, Array]:
        low, high, at, last, count = state
        value, slope = jax.jvp(function, (at,), (jnp.ones_like(at),))
        inner = open_lanes(low, high, last)
        low = jnp.where(inner & (value > 0), at, low)
        high = jnp.where(inner & (value <= 0), at, high)
        usable = jnp.isfinite(value) & jnp.isfinite(slope) & (slope < 0)
        newton = at - jnp.where(usable, value, 0.0) / jnp.where(usable, slope, -1.0)
        # Newton's point may coincide with an end of the bracket only where it has converged
        usable &= (newton >= low) & (newton <= high)
        middle = low + (high - low) / 2
        after = jnp.where(inner, jnp.where(usable, newton, middle), at)
        return low, high, after, jnp.where(inner, jnp.abs(after - at), last), count + 1

    def running(state: tuple[Values, Values, Values, Values, Array]) -> Array:
        low, high, _, last, count = state
        return jnp.any(open_lanes(low, high, last)) & (count < MOST_STEPS)

    start = (low, high, low + (high - low) / 2, jnp.full_like(low, jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(running, step, start)[2]
