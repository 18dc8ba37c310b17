"""The regularised Newton direction in a box, and how large its system's columns are."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.linalg import diagonal, eliminate, identity_like
from eqsolve.solvers.base import Bounded, own_curvature


def newton_direction(
    problem: Bounded, x: Array, marginal: Array, jacobian: Array, scale: Array, regularisation: Array | float
) -> Float[Array, "n ..."]:
    """Bound-seeking entries go to their bound; the others take the regularised Newton step given that.

    Where a player's own payoff curves upward, the step climbs instead of heading for the minimum.
    """
    curvature = own_curvature(problem, marginal, jacobian, scale)
    target = x + marginal / (curvature * (1 + regularisation))  # a short gradient step in the limit
    fixed = (target <= problem.lower) | (target >= problem.upper)
    to_bound = jnp.clip(target, problem.lower, problem.upper) - x
    identity = identity_like(jacobian)
    floor = jnp.finfo(x.dtype).eps ** 0.75
    convex = jnp.maximum(diagonal(jacobian), 0.0)
    system = jacobian - identity * (2 * convex + (regularisation + floor) * curvature)
    system = jnp.where(fixed[:, None], identity, system)
    rhs = jnp.where(fixed, to_bound, -marginal)
    # columns in units of the action's scale: badly scaled actions would spoil the choice of pivots
    return scale * eliminate(system * scale, rhs[:, None])[0][:, 0]
