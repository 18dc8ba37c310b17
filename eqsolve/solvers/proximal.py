"""Finding the prices of shared constraints in rounds, each an ordinary box problem for any solver.

Newton's method guesses in each step which constraints bind, and from far away the guesses may cycle; where payoffs have
kinks it needs prices that follow the actions. So a round lets the constraints give way: their prices rise from those
found so far in proportion to the excess, and the prices at the end of a round are nearer to the solution's by a factor
(the proximal method of multipliers). The last round takes the constraints as they are.

**Source:** Rockafellar (1976), Augmented Lagrangians and applications of the proximal point algorithm in convex
programming.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.base import Solution, Solver, action_scale, default_tolerance, stationarity
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.solvers.priced import PricedProblem

ROUNDS = 30
SOFTEST = 0.1  # share of a constraint's terms by which it gives way to the smallest price that is felt
STIFFENING = 0.1
SLOW = 0.1  # a row that keeps more than this share of its error from one round to the next is stiffened


class _State(eqx.Module):
    z: Float[Array, " n"]
    give: Float[Array, " m"]
    off: Float[Array, " m"]
    searching: Bool[Array, ""]
    left: Int[Array, ""]
    unsettled: Bool[Array, ""]
    steps: Int[Array, ""]


def solve_with_prices(solver: Solver, problem: Problem, start: Float[Array, " n"]) -> Solution:
    """The solver's result on `problem`: in rounds where it has prices, unless the solver finds those on its own."""
    if not isinstance(problem, PricedProblem) or isinstance(solver, GlobalAscent):
        return solver.solve(problem, start)
    felt = jnp.where(problem.felt > 0, problem.felt, 1.0)
    actions, _ = problem.split(start)
    use = jnp.abs(problem.rows.matrix) @ action_scale(problem.inner, actions, actions)
    unit = jnp.where(use > 0, use, 1.0) / felt
    stiffest = float(jnp.finfo(start.dtype).eps) ** 0.25 * SOFTEST * unit

    def turn(state: _State) -> _State:
        _, anchor = problem.split(state.z)
        found = solver.solve(dataclasses.replace(problem, anchor=anchor, give=state.give), state.z)
        off = jnp.abs(problem.split(found.x)[1] - anchor) * state.give  # a violation, or slack that still has a price
        slow = off > SLOW * state.off
        moving, broken = problem.split(_relative(problem, found.x, start) > default_tolerance(start.dtype))
        at_rest = ~jnp.any(moving)
        done = state.searching & ~jnp.any(broken) & (at_rest | jnp.all(slow | (off == 0)))
        stiffer = jnp.where(slow, jnp.maximum(STIFFENING * state.give, stiffest), state.give)
        # last, one round with the constraints as they are; at kinks two soft ones, whose prices have the least rounding
        last = jnp.where(at_rest, 0.0, unit)
        return _State(
            z=found.x,
            give=jnp.where(done, last, jnp.where(state.searching, stiffer, state.give)),
            off=off,
            searching=state.searching & ~done,
            left=jnp.where(done, jnp.where(at_rest, 1, 2), state.left - 1),
            unsettled=found.unsettled,
            steps=state.steps + found.steps,
        )

    def unfinished(state: _State) -> Bool[Array, ""]:
        return (state.left > 0) & jnp.all(jnp.isfinite(state.z))

    no, yes = jnp.asarray(False), jnp.asarray(True)
    first = _State(start, SOFTEST * unit, jnp.full_like(unit, jnp.inf), yes, jnp.asarray(ROUNDS), no, jnp.asarray(0))
    end = jax.lax.while_loop(unfinished, turn, first)
    return Solution(_without_traces(problem, end.z), end.steps, end.unsettled)


def _relative(problem: PricedProblem, z: Array, start: Array) -> Float[Array, " n"]:
    marginal, jacobian = problem.marginal_and_jacobian(z)
    scale = action_scale(problem, z, start)
    return stationarity(problem, z, marginal, jacobian, scale, jnp.abs(marginal)).relative


def _without_traces(problem: PricedProblem, z: Array) -> Array:
    """`z` with prices at zero that rounding alone keeps above it: whether a limit has a price decides derivatives."""
    actions, prices = problem.split(z)
    trace = ~problem.rows.is_equality & (prices <= default_tolerance(z.dtype) * problem.felt)
    return jnp.concatenate([actions, jnp.where(trace, 0.0, prices)])
