"""Newton steps without safeguards: enough for most games, and cheap in a batch.

Each step evaluates the game once, and the steps go on while the residual shrinks. A point is accepted only where
nothing is in doubt: stationary, isolated, no own curvature of the wrong sign, no entry that rests at a bound without
being pushed there. Everything else is left to the solver with its safeguards, from the
start. Whether a point is accepted depends on its own game alone, so a batch and a single solve agree.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.equilibrium import Status
from eqsolve.problem import Problem
from eqsolve.solvers.base import action_scale, default_tolerance, stationarity
from eqsolve.solvers.classify import Verdict, active_bounds, curves_up, is_singular, status_of
from eqsolve.solvers.direction import newton_direction

STEPS = 16  # games that take more are for the solver with safeguards
SHRINKING = 0.9  # of its residual is what a step may leave at most


class Limits(eqx.Module):
    """When the steps end: how many there are at most, and which relative residual counts as solved."""

    steps: int = eqx.field(static=True)
    tolerance: float = eqx.field(static=True)


class Box(eqx.Module):
    """The limits and sizes of every entry (see `Bounded`), with the batch as last axis where there is one."""

    lower: Float[Array, "n ..."]
    upper: Float[Array, "n ..."]
    typical: Float[Array, "n ..."]


class Course(eqx.Module):
    """Where the steps are: the last point evaluated, with what was found there, and the next one.

    Many courses at once carry the batch as last axis.
    """

    x: Float[Array, "n ..."]
    following: Float[Array, "n ..."]
    marginal: Float[Array, "n ..."]
    jacobian: Float[Array, "n n ..."]
    largest: Float[Array, "n ..."]
    residual: Float[Array, "..."]
    steps: Int[Array, "..."]
    converged: Bool[Array, "..."]
    going: Bool[Array, "..."]


def quick_start(box: Box, start: Float[Array, "n ..."]) -> Course:
    """Before the first evaluation."""
    inside = jnp.clip(start, box.lower, box.upper)
    lanes = start.shape[1:]
    return Course(
        x=inside,
        following=inside,
        marginal=jnp.zeros_like(start),
        jacobian=jnp.zeros((start.shape[0], *start.shape), start.dtype),
        largest=jnp.zeros_like(start),
        residual=jnp.full(lanes, jnp.inf, start.dtype),
        steps=jnp.zeros(lanes, int),
        converged=jnp.zeros(lanes, bool),
        going=jnp.ones(lanes, bool),
    )


def quick_step(
    evaluate: Callable[[Array], tuple[Array, Array]], box: Box, start: Array, limits: Limits, course: Course
) -> Course:
    """Evaluate the next point and decide where to go from it; a course that has stopped stays as it is.

    `evaluate` gives the marginal payoffs and their Jacobian.
    """
    x = course.following
    marginal, jacobian = evaluate(x)
    scale = action_scale(box, x, start)
    largest = jnp.maximum(course.largest, jnp.abs(marginal))
    residual = jnp.max(stationarity(box, x, marginal, jacobian, scale, largest).relative, axis=0)
    direction = newton_direction(box, x, marginal, jacobian, scale, 0.0)
    steps = course.steps + 1
    converged = residual <= limits.tolerance
    after = Course(
        x=x,
        following=jnp.clip(x + direction, box.lower, box.upper),
        marginal=marginal,
        jacobian=jacobian,
        largest=largest,
        residual=residual,
        steps=steps,
        converged=converged,
        # false for NaN
        going=~converged & (residual < SHRINKING * course.residual) & (steps <= limits.steps),
    )
    return jax.tree.map(lambda new, old: jnp.where(course.going, new, old), after, course)


def quick_end(problem: Problem, start: Float[Array, " n"], course: Course) -> tuple[Bool[Array, ""], Verdict, Array]:
    """Whether the end is beyond doubt, the verdict in that case, and the point, one step better than the last."""
    x = course.following
    scale = action_scale(problem, x, start)
    tolerance = default_tolerance(x.dtype)
    inside = (x - problem.lower > tolerance * problem.typical) & (x < problem.upper)  # a trace of a price is in doubt
    pushed = jnp.abs(course.marginal) > tolerance * (jnp.abs(course.jacobian) @ scale)
    clear = inside | pushed | (problem.lower == problem.upper)
    small = jnp.abs(x - course.x) <= jnp.finfo(x.dtype).eps ** 0.25 * scale
    accepted = (
        course.converged
        & (course.residual <= tolerance)
        & jnp.all(clear & small & (problem.lower <= start) & (start <= problem.upper))
        & ~is_singular(course.jacobian, scale, inside, course.largest)
        & ~curves_up(problem, x, course.jacobian, scale, inside, jnp.zeros_like(inside))
    )
    verdict = Verdict(
        status_of(jnp.asarray(Status.converged._value)),
        course.residual,
        active_bounds(problem, x, course.marginal),
        course.marginal,
    )
    return accepted, verdict, x
