"""The ellipsoid method: maximises a concave payoff with kinks to rounding, from gradients alone.

Each step cuts the ellipsoid that must contain a maximiser in half through its centre. Gradient ascent zigzags and
stops on ridges where a piecewise linear payoff bends; this does not. Worth it for a few actions: the steps needed grow
with the square of their number. A concave payoff lies below its tangents, so that the search ends at once where the one
at its start promises nothing better: at a smooth maximum, or the best corner of the box.
"""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.solvers.base import rounding

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

    def promised(inside: Array, gradient: Array) -> Float[Array, ""]:
        """By how much the tangent at a point rises at most in the box or, if that is less, in the first ellipsoid."""
        ends = jnp.where(gradient > 0, upper - inside, lower - inside)
        in_box = jnp.sum(jnp.where(gradient == 0, 0.0, gradient * ends))
        return jnp.minimum(in_box, jnp.sqrt(k * jnp.sum((radius * gradient) ** 2)))

    def step(state: _State) -> _State:
        inside = jnp.clip(state.centre, lower, upper)
        value, gradient = jax.value_and_grad(payoff)(inside)
        outside = state.centre - inside
        # a centre outside the box is cut by the violated bounds, one inside by the payoff's gradient
        normal = jnp.where(jnp.any(outside != 0), outside, -gradient)
        product = state.matrix @ normal
        size = jnp.sqrt(jnp.maximum(normal @ product, tiny))
        move = product / size
        usable = jnp.all(jnp.isfinite(move)) & (normal @ product > tiny)
        following = shrink * (state.matrix - turn * jnp.outer(move, move))
        better = value > state.best_value  # false for NaN
        # later centres lie beside the top, where payoffs equal to rounding are not yet equally good points
        top = (state.count == 0) & (promised(inside, gradient) <= rounding(value))
        return _State(
            centre=state.centre - move / (k + 1),
            matrix=0.5 * (following + following.T),
            best=jnp.where(better, inside, state.best),
            best_value=jnp.where(better, value, state.best_value),
            finished=~usable | top,
            count=state.count + 1,
        )

    first = payoff(start)
    first = jnp.where(jnp.isnan(first), -jnp.inf, first)
    state = _State(start, jnp.diag(radius**2) * k, start, first, jnp.asarray(False), jnp.asarray(0))
    steps = steps_needed(k, dtype)
    end = jax.lax.while_loop(lambda state: ~state.finished & (state.count < steps), step, state)
    return end.best, end.best_value


class _State(eqx.Module):
    centre: Float[Array, " k"]
    matrix: Float[Array, "k k"]
    best: Float[Array, " k"]
    best_value: Float[Array, ""]
    finished: Bool[Array, ""]
    count: Int[Array, ""]
