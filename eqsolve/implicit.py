"""The implicit derivative of a solution, apart from every solver.

At a solution the free entries satisfy F(x, theta) = 0 and the others sit on their bounds, so

    dx_free = -(dF/dx)_free^-1 (dF/dtheta dtheta + dF/dx_bound dx_bound),    dx_bound = the derivative of the bound.

An entry that sits on a bound without being pushed there (a zero multiplier) has different one-sided derivatives:
entries that depend on it get NaN, as does everything where the solution is not isolated.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._tangents import pushed_forward
from eqsolve.game import Game
from eqsolve.linalg import inverse, solve
from eqsolve.problem import Problem
from eqsolve.solvers.base import default_tolerance
from eqsolve.solvers.priced import problem_at


@eqx.filter_custom_jvp
def attach_derivative(game: Game, x: Float[Array, " n"], smooth: Bool[Array, ""]) -> Float[Array, " n"]:
    """`x` itself, carrying the derivative of the solution in every array of `game`.

    **Arguments:** `x`: a solution of `game`, as one vector: actions, then prices of shared constraints. `smooth`:
    whether it is isolated and free of kinks; if not, its derivatives are NaN.
    """
    return x


@attach_derivative.def_jvp
def _derivative(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    game, x, smooth = primals
    x = attach_derivative(game, x, smooth)  # differentiating this rule again differentiates the solution again
    tangent, touched = _moved(game, x, tangents[0])
    x_fixed = jax.lax.stop_gradient(x)
    defined = _is_two_sided(problem_at(jax.lax.stop_gradient(game), x_fixed), x_fixed)
    return x, tangent + jnp.where(defined & smooth, 0.0, jnp.nan).astype(x.dtype) * touched


@eqx.filter_custom_jvp
def attach_one_sided_derivative(game: Game, x: Float[Array, " n"], smooth: Bool[Array, ""]) -> Float[Array, " n"]:
    """The same, but an entry on a bound that nothing pushes it against keeps the derivative of staying there.

    A leader's search needs it: where followers change regime its payoff has a kink, and one side of it is enough.
    """
    return x


@attach_one_sided_derivative.def_jvp
def _one_sided_derivative(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    game, x, smooth = primals
    x = attach_one_sided_derivative(game, x, smooth)
    tangent, touched = _moved(game, x, tangents[0])
    return x, tangent + jnp.where(smooth, 0.0, jnp.nan).astype(x.dtype) * touched


def _moved(game: Game, x: Array, game_tangent: Any) -> tuple[Array, Array]:
    """How the solution moves with the game's arrays, and the sum of their tangents."""

    def local(game: Game) -> tuple[Array, Array, Array]:
        problem = problem_at(game, x_fixed)
        return problem.marginal(x_fixed), problem.lower, problem.upper

    x_fixed = x
    (marginal_tangent, lower_tangent, upper_tangent), tangents = pushed_forward(local, game, game_tangent)
    problem = problem_at(game, x)
    jacobian = problem.marginal_and_jacobian(x)[1]
    at_lower, at_upper = x <= problem.lower, x >= problem.upper
    free = ~(at_lower | at_upper)
    bound_tangent = jnp.where(at_lower, lower_tangent, upper_tangent)
    both = free[:, None] & free[None, :]
    fixed = jnp.where(free, 0.0, bound_tangent)
    system = jnp.where(both, jacobian, jnp.eye(x.shape[0], dtype=x.dtype))
    moved = jnp.where(free, -(marginal_tangent + jacobian @ fixed), fixed)
    tangent = solve(system, moved)
    # added, and reached from every array of the game: reverse mode must meet the NaN even where dF/dtheta is zero, and
    # must not multiply a valid entry's zero by it
    touched = sum((jnp.sum(leaf).astype(x.dtype) for leaf in jax.tree.leaves(tangents)), start=jnp.zeros((), x.dtype))
    return tangent, touched


def _is_two_sided(problem: Problem, x: Array) -> Bool[Array, " n"]:
    """Entries whose derivatives from both sides agree."""
    marginal, jacobian = problem.marginal_and_jacobian(x)
    at_bound = (x <= problem.lower) | (x >= problem.upper)
    scale = jnp.maximum(jnp.abs(x), problem.typical)
    scale = jnp.where(scale == 0, 1.0, scale)
    pushed = jnp.abs(marginal) > default_tolerance(x.dtype) * (jnp.abs(jacobian) @ scale)
    weak = at_bound & ~pushed & (problem.lower < problem.upper)
    free = ~at_bound

    def response(entries: Array) -> Array:
        """How the entries react to a change of the marginal payoffs if `entries` are free."""
        both = entries[:, None] & entries[None, :]
        identity = jnp.eye(x.shape[0], dtype=x.dtype)
        return jnp.where(both, inverse(jnp.where(both, jacobian, identity)), 0.0)

    stuck, loose = response(free), response(free | weak)
    differs = jnp.abs(stuck - loose) > jnp.finfo(x.dtype).eps ** 0.5 * jnp.max(jnp.abs(loose), initial=0.0)
    return ~jnp.any(differs, axis=1)
