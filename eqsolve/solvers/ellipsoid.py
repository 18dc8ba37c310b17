"""The ellipsoid method: maximises a concave payoff with kinks to rounding, from gradients alone.

Each step cuts the ellipsoid that must contain a maximiser in half through its centre. Gradient ascent zigzags and
stops on ridges where a piecewise linear payoff bends; this does not. Worth it for a few actions: the steps needed grow
with the square of their number.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Payoff = Callable[[Float[Array, " k"]], Float[Array, ""]]


def steps_needed(entries: int, dtype: jnp.dtype) -> int:
    """Steps after which the ellipsoid's volume has shrunk to rounding: 2 n (n + 1) log(1 / eps)."""
    return int(2 * entries * (entries + 1) * -math.log(float(jnp.finfo(dtype).eps)))


def ellipsoid_climb(
    payoff: Payoff, start: Float[Array, " k"], radius: Float[Array, " k"], lower: Array, upper: Array
) -> tuple[Float[Array, " k"], Float[Array, ""]]:
    """The best point met, never worse than `start`.

    **Arguments:** `start`: a point in the box, the first centre. `radius`: half axes of the first ellipsoid, one per
    entry; the maximiser sought should lie inside.
    **Source:** Bland, Goldfarb and Todd, The ellipsoid method: a survey (1981), central cuts.
    """
    k = start.shape[0]
    dtype = start.dtype
    tiny = jnp.finfo(dtype).tiny
    # one entry: the half-line through the centre; the formula for the matrix divides by zero there
    shrink = k * k / (k * k - 1) if k > 1 else 0.25
    turn = 2 / (k + 1) if k > 1 else 0.0

    def step(_: Array, state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        centre, matrix, best, best_value = state
        inside = jnp.clip(centre, lower, upper)
        value, gradient = jax.value_and_grad(payoff)(inside)
        outside = centre - inside
        # a centre outside the box is cut by the violated bounds, one inside by the payoff's gradient
        normal = jnp.where(jnp.any(outside != 0), outside, -gradient)
        product = matrix @ normal
        size = jnp.sqrt(jnp.maximum(normal @ product, tiny))
        move = product / size
        usable = jnp.all(jnp.isfinite(move)) & (normal @ product > tiny)
        following = shrink * (matrix - turn * jnp.outer(move, move))
        centre = jnp.where(usable, centre - move / (k + 1), centre)
        matrix = jnp.where(usable, 0.5 * (following + following.T), matrix)
        better = value > best_value  # false for NaN
        return centre, matrix, jnp.where(better, inside, best), jnp.where(better, value, best_value)

    first = payoff(start)
    state = (start, jnp.diag(radius**2) * k, start, jnp.where(jnp.isnan(first), -jnp.inf, first))
    _, _, best, best_value = jax.lax.fori_loop(0, steps_needed(k, dtype), step, state)
    return best, best_value
