"""Curvature: of each player's payoff in its own actions at a point, and over the box at sampled points.

Negative curvature at the point is the second-order condition. Where every sampled Hessian of a player is negative
semidefinite, its payoff looks concave in its own actions; where the symmetric part of the pseudogradient's Jacobian is
negative definite at every sample, the game looks strictly monotone, which would make the equilibrium unique (Rosen
1965). Samples are evidence, not proof.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve.linalg import largest_eigenvalue
from eqsolve.problem import Problem
from eqsolve.starts import starts_in


class SampledCurvature(eqx.Module):
    """The largest curvature met: per player in its own actions, and of the symmetrised pseudogradient."""

    own: Float[Array, " players"]
    monotonicity: Float[Array, ""]


def _own(problem: Problem, jacobian: Array, free: Bool[Array, " n"]) -> Float[Array, " players"]:
    """The largest eigenvalue of each player's Hessian on its free entries; -inf for a player without any."""
    result = jnp.zeros(len(problem.game.players), jacobian.dtype)
    for players, entries in problem.groups:

        def curvature(own: Array) -> Array:
            block = jacobian[own[:, None], own[None, :]]
            both = free[own][:, None] & free[own][None, :]
            # a fixed entry gets a diagonal below every eigenvalue of the rest, so that it is never the largest
            below = -2 * jnp.sum(jnp.abs(block)) - 1
            block = jnp.where(both, block, jnp.where(jnp.eye(own.shape[0], dtype=bool), below, 0.0))
            return jnp.where(jnp.any(free[own]), largest_eigenvalue(block), -jnp.inf)

        result = result.at[players].set(jax.vmap(curvature)(jnp.asarray(entries)))
    return result


def own_curvatures(problem: Problem, x: Float[Array, " n"]) -> Float[Array, " players"]:
    """Each player's largest second derivative at `x` over directions that no active bound blocks.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> from eqsolve.problem import problem_of
    >>> problem = problem_of(Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game())
    >>> own_curvatures(problem, jnp.array([3.0, 3.0])).tolist()
    [-2.0, -2.0]
    """
    jacobian = problem.marginal_and_jacobian(x)[1]
    return _own(problem, jacobian, (x > problem.lower) & (x < problem.upper))


def sampled_curvatures(problem: Problem, lower: Array, upper: Array, samples: int) -> SampledCurvature:
    """The largest own curvatures and monotonicity at `samples` points over the box; NaN where one is not finite.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> from eqsolve.problem import problem_of
    >>> problem = problem_of(Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game())
    >>> found = sampled_curvatures(problem, jnp.zeros(2), jnp.full(2, 9.0), samples=4)
    >>> found.own.tolist(), round(float(found.monotonicity), 6)
    ([-2.0, -2.0], -1.0)
    """

    def at(x: Array) -> tuple[Array, Array]:
        jacobian = problem.marginal_and_jacobian(x)[1]
        # an entry whose bounds coincide is no decision
        return _own(problem, jacobian, lower < upper), largest_eigenvalue(jacobian)

    own, together = jax.vmap(at)(starts_in(lower, upper, samples))
    return SampledCurvature(jnp.max(own, axis=0), jnp.max(together))
