"""Semismooth Newton on the box complementarity system of a game.

At a Nash equilibrium every entry's own marginal payoff F is zero, or pushes against an active bound. Each step fixes
the entries whose projected move would end at a bound and solves the linearised system for the others, regularised in
proportion to the remaining residual: so continua of equilibria and payoffs without curvature give finite steps, and
convergence stays quadratic where the Jacobian is regular. Where a player's own payoff curves upward, the step climbs
instead of heading for the minimum. A step that does not reduce the residual is shortened, then regularised more. Where
Newton stalls, as it must on piecewise linear payoffs, marginal payoffs are bracketed one entry at a time
(`bracket.py`).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.base import (
    Solution,
    Solver,
    action_scale,
    default_tolerance,
    require_settings,
    stationarity,
)
from eqsolve.solvers.bracket import bracket_sweeps
from eqsolve.solvers.direction import newton_direction

HALVINGS = 4  # a rejected step is halved this often before it is regularised more
STIFFENING = 100.0
FIRST_REGULARISATION = 1e-3


class _State(eqx.Module):
    x: Float[Array, " n"]
    marginal: Float[Array, " n"]
    jacobian: Float[Array, "n n"]
    largest: Float[Array, " n"]
    rejections: Int[Array, ""]
    regularisation: Float[Array, ""]
    converged: Bool[Array, ""]
    finished: Bool[Array, ""]
    steps: Int[Array, ""]


class Newton(Solver):
    """Semismooth Newton with regularisation and a bracketing fallback for kinks; the default solver.

    **Arguments:** `max_steps`: trial points before it gives up (default 100). `max_rejections`: rejected trials in a
    row that count as a stall (default 20). `tolerance`: relative residual that counts as solved; None means 7e-11 in
    float64 and 3e-5 in float32. `sweeps`: passes of the bracketing fallback over all entries (default 60); 0 for none,
    which compiles in half the time where payoffs have no kinks.
    **Status codes:** all of `Status`. Local: it finds a stationary point of every player's payoff near the start;
    `certify` says whether it is an equilibrium.
    **Source:** the regularised semismooth Newton method for box complementarity problems (Facchinei and Pang,
    Finite-Dimensional Variational Inequalities, chapter 9).

    >>> Newton(max_steps=50) == Newton(max_steps=50)
    True
    """

    max_steps: int = eqx.field(static=True, default=100)
    max_rejections: int = eqx.field(static=True, default=20)
    tolerance: float | None = eqx.field(static=True, default=None)
    sweeps: int = eqx.field(static=True, default=60)

    def __check_init__(self) -> None:
        require_settings(self, "max_steps", "max_rejections")
        if self.sweeps < 0:
            raise ValueError(f"Newton.sweeps is {self.sweeps}; give at least 0.")

    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Newton steps from `start`; bracketing where they stall."""
        tolerance = default_tolerance(start.dtype) if self.tolerance is None else self.tolerance
        end = jax.lax.while_loop(
            lambda s: ~s.finished & (s.steps < self.max_steps) & (s.rejections < self.max_rejections),
            lambda s: _step(problem, s, start, tolerance),
            _first(problem, start, tolerance),
        )
        if self.sweeps == 0:
            return Solution(end.x, end.steps, jnp.asarray(False))
        finite = jnp.all(jnp.isfinite(end.marginal))
        scale = action_scale(problem, end.x, start)
        run = ~end.converged & finite
        x, unsettled = bracket_sweeps(problem, end.x, scale, self.sweeps, run)
        return Solution(x, end.steps, unsettled)


def _first(problem: Problem, start: Array, tolerance: float) -> _State:
    marginal, jacobian = problem.marginal_and_jacobian(start)
    largest = jnp.abs(marginal)
    measure = stationarity(problem, start, marginal, jacobian, action_scale(problem, start, start), largest)
    return _State(
        x=start,
        marginal=marginal,
        jacobian=jacobian,
        largest=largest,
        rejections=jnp.asarray(0),
        regularisation=jnp.asarray(FIRST_REGULARISATION, start.dtype),
        converged=jnp.all(measure.relative <= tolerance),
        finished=~jnp.all(jnp.isfinite(marginal)) | ~jnp.all(jnp.isfinite(jacobian)),
        steps=jnp.asarray(0),
    )


def _step(problem: Problem, state: _State, start: Array, tolerance: float) -> _State:
    """Try one step; keep it if it helps. A converged point gets one more try, which quadratic convergence repays."""
    scale = action_scale(problem, state.x, start)
    now = stationarity(problem, state.x, state.marginal, state.jacobian, scale, state.largest)
    remaining = jnp.minimum(jnp.max(now.relative), 1.0)
    direction = newton_direction(
        problem, state.x, state.marginal, state.jacobian, scale, state.regularisation * remaining
    )
    length = 0.5 ** (state.rejections % HALVINGS)
    x = jnp.clip(state.x + length * direction, problem.lower, problem.upper)
    marginal, jacobian = problem.marginal_and_jacobian(x)
    finite = jnp.all(jnp.isfinite(marginal)) & jnp.all(jnp.isfinite(jacobian))
    # both points are measured with the present curvature and sizes, so that only the violation counts; the step tells
    # the size of actions that start at zero and have no bounds
    trial = stationarity(problem, x, marginal, state.jacobian, scale, state.largest)
    size = jnp.abs(state.jacobian) @ jnp.maximum(scale, jnp.abs(direction))
    better = _merit(trial.violation, size) < (1 - 1e-4 * length) * _merit(now.violation, size)
    climbing = jnp.any((jnp.diag(state.jacobian) > 0) & (now.relative > tolerance))
    accept = finite & (better | (climbing & ~state.converged))

    def keep(new: Array, old: Array) -> Array:
        return jnp.where(accept, new, old)

    x, marginal, jacobian = keep(x, state.x), keep(marginal, state.marginal), keep(jacobian, state.jacobian)
    largest = keep(jnp.maximum(state.largest, jnp.abs(marginal)), state.largest)
    after = stationarity(problem, x, marginal, jacobian, action_scale(problem, x, start), largest)
    rejections = keep(jnp.zeros_like(state.rejections), state.rejections + 1)
    stiffer = (rejections > 0) & (rejections % HALVINGS == 0)
    factor = jnp.where(stiffer, STIFFENING, keep(jnp.asarray(0.1, x.dtype), jnp.ones((), x.dtype)))
    return _State(
        x=x,
        marginal=marginal,
        jacobian=jacobian,
        largest=largest,
        rejections=rejections,
        regularisation=jnp.clip(state.regularisation * factor, 1e-6, 1e9),
        converged=state.converged | jnp.all(after.relative <= tolerance),
        finished=state.converged,
        steps=state.steps + 1,
    )


def _merit(violation: Array, size: Array) -> Float[Array, ""]:
    return jnp.sum((violation / jnp.where(size > 0, size, 1.0)) ** 2)
