"""The point at which a solver stops, one game at a time or a whole batch.

Newton solves a batch in three passes. Quick steps run on all lanes until few are still going; those few are gathered
and finish theirs; whatever quick steps could not settle beyond doubt is gathered again, in small groups, and solved
with all safeguards. So a lane that has finished costs nothing, and a hard game does not slow down its neighbours. Other
solvers run block by block.
"""

from collections import OrderedDict
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from eqsolve.equilibrium import Status
from eqsolve.lanes import Lanes, blockwise, in_lanes
from eqsolve.problem import Problem
from eqsolve.solvers.base import Solver, default_tolerance
from eqsolve.solvers.classify import Verdict, classify
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.proximal import solve_with_prices
from eqsolve.solvers.quick import STEPS, Box, Course, Limits, quick_end, quick_start, quick_step

BLOCK = 4096  # lanes at a time where the caller does not say: the arrays of small games then stay in the cache
FEW = 8  # a pass ends when one lane in so many is still going
HARD = 16  # lanes that are solved with all safeguards at a time, at least


class Point(eqx.Module):
    """Where a solver stopped: the point (NaN where none was computed), what is known there, and the steps taken."""

    x: Float[Array, " n"]
    outcomes: OrderedDict[str, Array]
    verdict: Verdict
    steps: Int[Array, ""]


class _End(eqx.Module):
    """Where a solver stopped, before outcomes are computed."""

    x: Float[Array, " n"]
    verdict: Verdict
    steps: Int[Array, ""]


class _Task(eqx.Module):
    problem: Problem
    start: Float[Array, " n"]
    solver: Solver


def solved_point(problem: Problem, start: Float[Array, " n"], solver: Solver) -> Point:
    """Solve from `start`; under `jax.vmap` the whole batch is solved together. Carries no derivatives."""
    task = jax.lax.stop_gradient(_Task(problem, start, solver))
    arrays, rest = eqx.partition(task, eqx.is_array)

    def one(arrays: Any) -> Point:
        return _solve(eqx.combine(arrays, rest))

    def many(lanes: Lanes) -> Point:
        return blockwise(lambda block: _solve_lanes(block, rest), lanes, BLOCK)

    return in_lanes(one, many)(arrays)


def thorough_point(problem: Problem, start: Float[Array, " n"], solver: Solver) -> Point:
    """Solve from `start` by the solver alone, as part of the program around it. Carries no derivatives."""
    task = jax.lax.stop_gradient(_Task(problem, start, solver))
    return _point(task, _thorough(task))


def _solve(task: _Task) -> Point:
    if not isinstance(task.solver, Newton):
        return _point(task, _thorough(task))
    limits = _limits(task.solver, task.start.dtype)
    box = _box(task.problem)
    course = jax.lax.while_loop(
        lambda course: course.going,
        lambda course: quick_step(task.problem.marginal_and_jacobian, box, task.start, limits, course),
        quick_start(box, task.start),
    )
    accepted, end = _quick_end(task, course)
    return _point(task, jax.lax.cond(accepted, lambda: end, lambda: _thorough(task)))


def _box(problem: Problem) -> Box:
    return Box(problem.lower, problem.upper, problem.typical)


def _limits(solver: Newton, dtype: Any) -> Limits:
    tolerance = default_tolerance(dtype) if solver.tolerance is None else solver.tolerance
    return Limits(min(STEPS, solver.max_steps), tolerance)


def _thorough(task: _Task) -> _End:
    """The solver's own steps, with all its safeguards, and the full verdict."""
    problem = task.problem
    inside = jnp.clip(task.start, problem.lower, problem.upper)
    solution = solve_with_prices(task.solver, problem, inside)
    return _End(solution.x, classify(problem, solution, task.start), solution.steps)


def _quick_end(task: _Task, course: Course) -> tuple[Array, _End]:
    accepted, verdict, x = quick_end(task.problem, task.start, course)
    return accepted, _End(x, verdict, course.steps)


def _point(task: _Task, end: _End) -> Point:
    """Outcomes are computed here and nowhere else: each further place would be compiled on its own."""
    status, problem = end.verdict.status, task.problem
    computed = (status != Status.nonfinite) & (status != Status.infeasible)
    x = jnp.where(computed, end.x, jnp.nan)
    return Point(x, problem.game.expect(problem.actions(x)), end.verdict, end.steps)


def _solve_lanes(lanes: Lanes, rest: Any) -> Point:
    def on_task(function: Any) -> Any:
        return lambda arrays, *further: function(eqx.combine(arrays, rest), *further)

    if not isinstance(rest.solver, Newton):
        return lanes.map(on_task(lambda task: _point(task, _thorough(task))))
    course = _quick_courses(lanes, rest)
    accepted, end = lanes.map(on_task(_quick_end), course)
    group = max(lanes.size // 128, min(HARD, lanes.size))

    def solve_group(state: tuple[Array, _End]) -> tuple[Array, _End]:
        open_lanes, end = state
        index = jnp.nonzero(open_lanes, size=group, fill_value=lanes.size)[0]
        solved = lanes.take(jnp.minimum(index, lanes.size - 1)).map(on_task(_thorough))
        return open_lanes.at[index].set(False, mode="drop"), _placed(end, index, solved)

    end = jax.lax.while_loop(lambda state: jnp.any(state[0]), solve_group, (~accepted, end))[1]
    return lanes.map(on_task(_point), end)


def _quick_courses(lanes: Lanes, rest: Any) -> Course:
    """Quick steps in every lane until none is going; when few are, they are gathered."""

    def task(arrays: Any) -> _Task:
        return eqx.combine(arrays, rest)

    def ends(arrays: Any) -> tuple[Box, Array]:
        return _box(task(arrays).problem), task(arrays).start

    def run(lanes: Lanes, box: Box, start: Array, course: Course, few: int) -> Course:
        def evaluate(x: Array) -> tuple[Array, Array]:
            return lanes.map(lambda arrays, x: task(arrays).problem.marginal_and_jacobian(x), x)

        limits = _limits(rest.solver, start.dtype)
        return jax.lax.while_loop(
            lambda course: jnp.sum(course.going) > few,
            lambda course: quick_step(evaluate, box, start, limits, course),
            course,
        )

    few = lanes.size // FEW
    box, start = lanes.map(ends)
    course = run(lanes, box, start, quick_start(box, start), few)
    if few == 0:
        return course
    index = jnp.nonzero(course.going, size=few, fill_value=lanes.size)[0]
    inside = jnp.minimum(index, lanes.size - 1)
    box, start, going = jax.tree.map(lambda leaf: jnp.take(leaf, inside, axis=-1), (box, start, course))
    going = eqx.tree_at(lambda c: c.going, going, going.going & (index < lanes.size))
    return _placed(course, index, run(lanes.take(inside), box, start, going, 0))


def _placed(table: Any, index: Array, rows: Any) -> Any:
    """`table` with `rows` at the lanes `index`; positions beyond the last lane are left out."""
    return jax.tree.map(lambda leaf, row: leaf.at[..., index].set(row, mode="drop"), table, rows)
