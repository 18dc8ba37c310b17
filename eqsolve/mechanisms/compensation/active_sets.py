"""Candidate equilibria of a small game: one Newton search for every choice of which bounds hold."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve.game import Game
from eqsolve.linalg import eliminate
from eqsolve.problem import Problem, problem_of
from eqsolve.starts import starts_in

MOST_ENTRIES = 6  # 3**6 = 729 active sets
STEPS = 40
NEAR = 0.9  # of the way to a bound that an inner entry may go in one step


class Candidates(eqx.Module):
    """Stationary points by active set and start: `points` `[k, m]`; whether each `fits`, and whether it is `isolated`.

    A point fits where inner entries have no marginal payoff and those at bounds push outward, to rounding. It is not
    isolated where the Jacobian of the inner entries is singular.
    """

    points: Float[Array, "k m"]
    fits: Bool[Array, " k"]
    isolated: Bool[Array, " k"]


@eqx.filter_jit
def active_set_candidates(game: Game, starts: int = 4) -> Candidates:
    """Every stationary point that Newton's method finds with a given set of entries at their bounds.

    With quadratic payoffs an active set has one stationary point (or a continuum), so nothing isolated is missed.

    **Arguments:** `game`: of one stage, with finite bounds and at most 6 entries. `starts`: Newton searches per active
    set, spread over the box.
    **Returns:** `Candidates`, still to be certified.
    **Errors:** `ValueError` for more entries.
    """
    problem = problem_of(game)
    if problem.size > MOST_ENTRIES:
        raise ValueError(f"active_set_candidates: {problem.size} entries; at most {MOST_ENTRIES} have few enough sets.")
    patterns = np.array(list(itertools.product((-1, 0, 1), repeat=problem.size)))
    begin = starts_in(problem.lower, problem.upper, starts)
    pairs = [(pattern, index) for pattern in patterns for index in range(starts if np.any(pattern == 0) else 1)]
    chosen = jnp.asarray(np.array([pattern for pattern, _ in pairs]))
    first = begin[np.array([index for _, index in pairs])]
    return Candidates(*jax.vmap(lambda pattern, x: _search(problem, pattern, x))(chosen, first))


def _search(problem: Problem, pattern: Array, start: Array) -> tuple[Array, Array, Array]:
    lower, upper = problem.lower, problem.upper
    inner = pattern == 0
    start = jnp.where(inner, start, jnp.where(pattern < 0, lower, upper))

    def step(_: int, x: Array) -> Array:
        moved = x + _newton_step(problem, x, inner)[0]
        low, high = x - NEAR * (x - lower), x + NEAR * (upper - x)
        return jnp.where(inner, jnp.where(moved <= lower, low, jnp.where(moved >= upper, high, moved)), x)

    x = jax.lax.fori_loop(0, STEPS, step, start)
    move, marginal, jacobian, pivot = _newton_step(problem, x, inner)
    width = upper - lower
    root = jnp.finfo(x.dtype).eps ** 0.5
    size = jnp.abs(jacobian) @ width + jnp.abs(marginal)
    pushes = jnp.where(inner, -jnp.abs(marginal), marginal * pattern)
    settled = jnp.all(jnp.where(inner, jnp.abs(move) <= root * width, True))
    # where the Jacobian is singular a small marginal payoff may ask for a large step
    fits = jnp.all(pushes >= -root * size) & jnp.all(jnp.isfinite(x)) & (settled | (pivot <= root))
    return x, fits, pivot > root


def _newton_step(problem: Problem, x: Array, inner: Array) -> tuple[Array, Array, Array, Array]:
    """The step of the inner entries, the marginal payoffs, the Jacobian and the smallest pivot.

    A trace of damping keeps steps finite on a continuum, where the Jacobian is singular.
    """
    marginal, jacobian = problem.marginal_and_jacobian(x)
    identity = jnp.eye(x.shape[0], dtype=x.dtype)
    free = inner[:, None] & inner[None, :]
    matrix = jnp.where(free, jacobian, identity)
    pivot = eliminate(matrix, identity)[1]
    damping = jnp.finfo(x.dtype).eps ** 0.75 * jnp.max(jnp.abs(jacobian), axis=1)
    damped = matrix - jnp.where(inner, damping, 0.0)[:, None] * identity
    move = eliminate(damped, jnp.where(inner, -marginal, 0.0)[:, None])[0][:, 0]
    return move, marginal, jacobian, pivot
