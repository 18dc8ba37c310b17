"""What kind of point a solver stopped at.

The verdict uses the same measures for every solver: residual, curvature of each player's own payoff, singularity of the
Jacobian on the entries that are free, and one-sided derivatives where the residual is not small.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve.equilibrium import Status
from eqsolve.linalg import eliminate, is_positive_definite
from eqsolve.problem import Problem
from eqsolve.solvers.base import Solution, action_scale, default_tolerance, marginal_size, stationarity


class Verdict(eqx.Module):
    """The status of a point, its relative residual, and which entries lie at a bound (-1, 0, 1)."""

    status: Status
    residual: Float[Array, ""]
    active: Array
    marginal: Float[Array, " n"]


def active_bounds(problem: Problem, x: Array, marginal: Array) -> Array:
    """-1 at the lower bound, 1 at the upper, 0 between; where both coincide, the one the marginal payoff pushes to."""
    at_lower, at_upper = x <= problem.lower, x >= problem.upper
    at_both = jnp.where(marginal < 0, -1, 1)
    return jnp.where(at_lower & at_upper, at_both, jnp.where(at_lower, -1, jnp.where(at_upper, 1, 0)))


def classify(problem: Problem, solution: Solution, start: Array) -> Verdict:
    """The status of the point at which a solver stopped."""
    x = solution.x
    scale = action_scale(problem, x, start)
    marginal, jacobian = problem.marginal_and_jacobian(x)
    size = jnp.maximum(jnp.maximum(_marginal_sizes(problem, x, scale), problem.terms(x)), jnp.abs(marginal))
    relative = stationarity(problem, x, marginal, jacobian, scale, size).relative
    residual = jnp.max(relative)
    inside = (x > problem.lower) & (x < problem.upper)
    pushed = jnp.abs(marginal) > default_tolerance(x.dtype) * (jnp.abs(jacobian) @ scale)
    loose = ~inside & ~pushed & (problem.lower < problem.upper)  # at a bound that nothing pushes it against
    feasible = jnp.all(problem.lower <= problem.upper) & jnp.all((start >= problem.lower) & (start <= problem.upper))
    feasible &= problem.consistent()
    finite = jnp.all(jnp.isfinite(marginal)) & jnp.all(jnp.isfinite(jacobian)) & jnp.all(jnp.isfinite(x))
    stationary = residual <= default_tolerance(x.dtype)
    singular = is_singular(jacobian, scale, inside | loose, size)
    status = jnp.where(_is_kinked(problem, x, scale, size), Status.kinked._value, Status.stalled._value)
    status = jnp.where(stationary, Status.converged._value, status)
    status = jnp.where(stationary & singular, Status.degenerate._value, status)
    status = jnp.where(
        stationary & curves_up(problem, x, jacobian, scale, inside, loose), Status.not_maximum._value, status
    )
    status = jnp.where(solution.unsettled, Status.step_limit._value, status)
    status = jnp.where(finite, status, Status.nonfinite._value)
    status = jnp.where(feasible, status, Status.infeasible._value)
    return Verdict(status_of(status), residual, active_bounds(problem, x, marginal), marginal)


def status_of(value: Array) -> Status:
    """The status with this code."""
    return eqx.tree_at(lambda s: s._value, Status.converged, value)


def _marginal_sizes(problem: Problem, x: Array, scale: Array) -> Float[Array, " n"]:
    def size(j: Array) -> Array:
        return marginal_size(
            lambda y: problem.marginal(x.at[j].set(y))[j], x[j], problem.lower[j], problem.upper[j], scale[j]
        )

    return jax.vmap(size)(jnp.arange(problem.size))


def is_singular(jacobian: Array, scale: Array, free: Array, size: Array) -> Bool[Array, ""]:
    """Whether the Jacobian on the free entries is numerically singular, or vanishes beside the marginals nearby."""
    eps = jnp.finfo(jacobian.dtype).eps
    scaled = jnp.abs(jacobian * scale)
    flat = free & (jnp.max(scaled, axis=1) <= 3 * eps**0.5 * size)
    both = free[:, None] & free[None, :]
    restricted = jnp.where(both, jacobian * scale, jnp.eye(free.shape[0], dtype=jacobian.dtype))
    _, smallest = eliminate(restricted, jnp.zeros((free.shape[0], 0), jacobian.dtype))
    return jnp.any(flat) | (smallest <= eps**0.6)


def curves_up(
    problem: Problem, x: Array, jacobian: Array, scale: Array, inside: Array, loose: Array
) -> Bool[Array, ""]:
    """Whether some player's Hessian in its own inner actions has a positive eigenvalue (beyond rounding).

    An action that is loose at a bound counts alone: only one side of it is open. Directions that a shared constraint
    blocks do not count: they are given a large negative curvature (Debreu's bordered test).
    """
    owners = problem.owners
    same = owners[:, None] == owners[None, :]
    own = (same & inside[:, None] & inside[None, :]) | jnp.diag(loose)
    block = jnp.where(own, jacobian * scale[:, None] * scale[None, :], 0.0)
    size = jnp.max(jnp.abs(block), axis=1)
    unit = jnp.where(size > 0, size, 1.0) ** -0.5
    block = block * unit[:, None] * unit[None, :]
    root = jnp.finfo(jacobian.dtype).eps ** 0.5
    walls = problem.walls(x) * (scale * unit)
    tallest = jnp.max(jnp.where(same, jnp.abs(walls)[:, None, :], 0.0), axis=2)
    walls = walls / jnp.where(tallest > 0, tallest, 1.0)
    block = block - jnp.where(own, walls.T @ walls, 0.0) / root
    shifted = 10 * root * jnp.eye(inside.shape[0], dtype=jacobian.dtype) - 0.5 * (block + block.T)
    return ~is_positive_definite(shifted)


def _directions(entries: int) -> np.ndarray:
    """Directions in which a player's payoff is tried: all sign patterns of up to three entries, else a fixed sample."""
    if entries <= 3:
        signs = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=entries)))
        return signs[np.any(signs != 0, axis=1)]
    axes = np.concatenate([np.eye(entries), -np.eye(entries)])
    return np.concatenate([axes, np.random.default_rng(0).choice([-1.0, 1.0], size=(4 * entries, entries))])


def _is_kinked(problem: Problem, x: Array, scale: Array, size: Array) -> Bool[Array, ""]:
    """Whether no small step pays: the derivative along each direction, taken just beyond x, is not positive.

    A direction in which nothing can be played does not pay either.
    """
    step = jnp.finfo(x.dtype).eps ** 0.5 * scale

    def stays(own: Array, direction: Array) -> Bool[Array, ""]:
        moved = jnp.clip(x.at[own].add(direction * step[own]), problem.lower, problem.upper)
        went = moved[own] - x[own]
        slope = jnp.sum(problem.marginal(moved)[own] * went)
        resists = slope <= 64 * jnp.finfo(x.dtype).eps * jnp.sum(size[own] * jnp.abs(went))
        return resists | ~problem.is_open(moved)

    verdicts = [
        jax.vmap(jax.vmap(stays, (None, 0)), (0, None))(
            jnp.asarray(entries), jnp.asarray(_directions(entries.shape[1]), x.dtype)
        )
        for _, entries in problem.groups
    ]
    return jnp.all(jnp.concatenate([jnp.ravel(verdict) for verdict in verdicts]))
