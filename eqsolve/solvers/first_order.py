"""What methods that need first derivatives only have in common: sizes from secants, and rounds between their updates.

Second derivatives of payoffs that are averages over draws are zero or wrong. The sizes that turn marginal payoffs into
steps are therefore taken from differences of marginal payoffs over a hundredth of an action, which spans many draws.
They stay fixed during a round, as these methods converge in a fixed metric, and each round may take twice as many steps
as the one before. What is then not stationary, as at kinks, is bracketed one entry at a time (`bracket.py`), which
needs no second derivatives either.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.base import (
    Solution,
    Stationarity,
    action_scale,
    default_tolerance,
    own_curvature,
    stationarity,
)
from eqsolve.solvers.bracket import bracket_sweeps

PROBE = 1e-2  # the step of a secant, relative to the action's scale
FIRST_ROUND = 32  # steps
SWEEPS = 60


class Round(eqx.Module):
    """A point, its marginal payoffs and the sizes measured there, which stay fixed during a round."""

    problem: Problem
    x: Float[Array, " n"]
    marginal: Float[Array, " n"]
    secants: Float[Array, "n n"]
    largest: Float[Array, " n"]
    scale: Float[Array, " n"]

    @property
    def curvature(self) -> Float[Array, " n"]:
        """What turns a marginal payoff into a step; positive."""
        return own_curvature(self.problem, self.marginal, self.secants, self.scale)

    def measure(self, x: Float[Array, " n"], marginal: Float[Array, " n"]) -> Stationarity:
        """The distance from stationarity at `x`, in this round's sizes."""
        return stationarity(self.problem, x, marginal, self.secants, self.scale, self.largest)


Advance = Callable[[Round, Int[Array, ""], float], tuple[Float[Array, " n"], Int[Array, ""]]]


class _State(eqx.Module):
    x: Float[Array, " n"]
    residual: Float[Array, ""]
    limit: Int[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    settled: Bool[Array, ""]
    stopped: Bool[Array, ""]


def in_rounds(problem: Problem, start: Array, max_steps: int, tolerance: float | None, advance: Advance) -> Solution:
    """Repeat `advance` with sizes measured anew until the point is stationary, no longer moves, or steps run out.

    **Arguments:** `advance`: function of a `Round`, the steps it may take and the relative residual to aim at; returns
    the point reached and the steps taken. `tolerance`: as for `Newton`.
    """
    eps = float(jnp.finfo(start.dtype).eps)
    solved = default_tolerance(start.dtype) if tolerance is None else tolerance
    # the last digits cost a linear method little, and errors may be much larger than residuals
    aim = eps if tolerance is None else 0.1 * tolerance

    def turn(state: _State) -> _State:
        now = _measured(problem, state.x, start)
        residual = jnp.max(now.measure(now.x, now.marginal).relative)
        ended = state.settled | (state.steps >= max_steps)
        converged = (residual <= aim) | ((residual <= solved) & (ended | (residual > 0.5 * state.residual)))
        stopped = converged | ended | ~jnp.all(jnp.isfinite(now.marginal))
        budget = jnp.where(stopped, 0, jnp.minimum(state.limit, max_steps - state.steps))
        x, steps = advance(now, budget, aim)
        settled = jnp.all(jnp.abs(x - now.x) <= 4 * eps * now.scale)
        return _State(x, residual, 2 * state.limit, state.steps + steps, converged, settled, stopped)

    zero, no = jnp.asarray(0), jnp.asarray(False)
    first = _State(start, jnp.asarray(jnp.inf, start.dtype), jnp.asarray(FIRST_ROUND), zero, no, no, no)
    end = jax.lax.while_loop(lambda state: ~state.stopped, turn, first)
    kinked = ~end.converged & jnp.isfinite(end.residual)
    x, moving = bracket_sweeps(problem, end.x, action_scale(problem, end.x, start), SWEEPS, kinked)
    return Solution(x, end.steps, moving)


def _measured(problem: Problem, x: Array, start: Array) -> Round:
    """Marginal payoffs at `x` and beside it, in one call."""
    scale = action_scale(problem, x, start)
    step = PROBE * scale
    up, down = jnp.minimum(problem.upper - x, step), jnp.minimum(x - problem.lower, step)
    step = jnp.where(up >= down, up, -down)
    marginals = jax.vmap(problem.marginal)(jnp.concatenate([x[None], x + jnp.diag(step)]))
    changes = (marginals[1:] - marginals[0]).T / jnp.where(step == 0, 1.0, step)
    secants = jnp.where(jnp.isfinite(changes), changes, 0.0)
    largest = jnp.max(jnp.where(jnp.isfinite(marginals), jnp.abs(marginals), 0.0), axis=0)
    return Round(problem, x, marginals[0], secants, largest, scale)


def norm(vector: Float[Array, " n"]) -> Float[Array, ""]:
    """The Euclidean norm."""
    return jnp.sqrt(jnp.sum(vector**2))
