"""Ascent of one payoff in a box: a regularised Newton step that is only taken if the payoff rises.

Used for a single decision maker (the first best, one player's best reply), where the payoff itself tells whether a step
helps; it therefore stops at no minimum or saddle unless it starts there.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.linalg import eliminate, is_positive_definite
from eqsolve.solvers.base import require_counts

Payoff = Callable[[Float[Array, " k"]], Float[Array, ""]]


class _State(eqx.Module):
    y: Array
    value: Array
    gradient: Array
    hessian: Array
    regularisation: Float[Array, ""]
    rejections: Int[Array, ""]
    finished: Bool[Array, ""]
    steps: Int[Array, ""]


class Ascent(eqx.Module):
    """Projected regularised Newton ascent of a payoff.

    **Arguments:** `max_steps`: trial points (default 100). `max_rejections`: rejected trials in a row after which it
    stops (default 12).
    """

    max_steps: int = eqx.field(static=True, default=100)
    max_rejections: int = eqx.field(static=True, default=12)

    def __check_init__(self) -> None:
        require_counts(self, "max_steps", "max_rejections")

    def climb(
        self, payoff: Payoff, start: Array, lower: Array, upper: Array
    ) -> tuple[Float[Array, " k"], Float[Array, ""], Int[Array, ""]]:
        """A local maximum near `start`, its payoff, never below that at `start`, and the steps taken."""
        end = jax.lax.while_loop(
            lambda s: ~s.finished & (s.steps < self.max_steps) & (s.rejections < self.max_rejections),
            lambda s: _step(payoff, s, lower, upper),
            _first(payoff, start),
        )
        return end.y, end.value, end.steps


def _derivatives(payoff: Payoff, y: Array) -> tuple[Array, Array, Array]:
    def twice(y: Array) -> tuple[Array, tuple[Array, Array]]:
        value, gradient = jax.value_and_grad(payoff)(y)
        return gradient, (value, gradient)

    hessian, (value, gradient) = jax.jacfwd(twice, has_aux=True)(y)
    return value, gradient, hessian


def _first(payoff: Payoff, start: Array) -> _State:
    value, gradient, hessian = _derivatives(payoff, start)
    return _State(
        y=start,
        value=value,
        gradient=gradient,
        hessian=hessian,
        regularisation=jnp.asarray(1e-6, start.dtype),
        rejections=jnp.asarray(0),
        finished=~jnp.all(jnp.isfinite(gradient)) | ~jnp.all(jnp.isfinite(hessian)),
        steps=jnp.asarray(0),
    )


def _step(payoff: Payoff, state: _State, lower: Array, upper: Array) -> _State:
    direction, concave = _direction(state, lower, upper)
    y = jnp.clip(state.y + direction, lower, upper)
    value, gradient, hessian = _derivatives(payoff, y)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient)) & jnp.all(jnp.isfinite(hessian))
    noise = 8 * jnp.finfo(y.dtype).eps * jnp.abs(state.value)
    promised = jnp.sum(state.gradient * (y - state.y))
    # near a maximum the payoff no longer resolves the step: the gradient decides there
    rises = value > state.value + 1e-4 * jnp.maximum(promised, 0.0) - jnp.where(promised < noise, noise, 0.0)
    smaller = _remaining(y, gradient, lower, upper) < _remaining(state.y, state.gradient, lower, upper)
    accept = finite & concave & rises & ((promised >= noise) | smaller)

    def keep(new: Array, old: Array) -> Array:
        return jnp.where(accept, new, old)

    still = jnp.all(jnp.abs(y - state.y) <= 2 * jnp.finfo(y.dtype).eps * jnp.abs(state.y))
    return _State(
        y=keep(y, state.y),
        value=keep(value, state.value),
        gradient=keep(gradient, state.gradient),
        hessian=keep(hessian, state.hessian),
        regularisation=jnp.clip(state.regularisation * jnp.where(accept, 0.1, 20.0), 1e-9, 1e12),
        rejections=keep(jnp.zeros_like(state.rejections), state.rejections + 1),
        finished=concave & still,
        steps=state.steps + 1,
    )


def _direction(state: _State, lower: Array, upper: Array) -> tuple[Array, Bool[Array, ""]]:
    """The regularised Newton step on the entries no bound holds back, and whether it is uphill for sure."""
    curvature = jnp.abs(jnp.diag(state.hessian))
    width = jnp.where(jnp.isfinite(upper - lower), upper - lower, 1e3 * (jnp.abs(state.y) + 1))
    curvature = jnp.maximum(curvature, jnp.abs(state.gradient) / jnp.where(width > 0, width, 1.0))
    curvature = jnp.where(curvature > 0, curvature, 1.0)
    stuck = ((state.y <= lower) & (state.gradient <= 0)) | ((state.y >= upper) & (state.gradient >= 0))
    both = ~stuck[:, None] & ~stuck[None, :]
    identity = jnp.eye(state.y.shape[0], dtype=state.y.dtype)
    # in units in which every entry has unit curvature, so that bad scaling does not matter
    unit = curvature**-0.5
    scaled = -state.hessian * unit[:, None] * unit[None, :]
    system = jnp.where(both, scaled + state.regularisation * identity, identity)
    rhs = jnp.where(stuck, 0.0, state.gradient * unit)
    step = unit * eliminate(system, rhs[:, None])[0][:, 0]
    return step, is_positive_definite(system)


def _remaining(y: Array, gradient: Array, lower: Array, upper: Array) -> Float[Array, ""]:
    pushed = ((y <= lower) & (gradient <= 0)) | ((y >= upper) & (gradient >= 0))
    return jnp.sum(jnp.where(pushed, 0.0, jnp.abs(gradient)))
