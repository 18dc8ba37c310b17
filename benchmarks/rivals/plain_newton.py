"""What a good JAX user writes: Newton on the marginal payoffs, `jit(vmap(...))`, all derivatives automatic.

The payoffs are those of `fungible.py`. Capacities that their own marginal payoff sends beyond a bound go to that bound,
the others take the Newton step; late steps are halved, as Newton may cycle among the pieces of a grid sum. The 2 x 2
system is solved by hand: `jnp.linalg.solve` was slower.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from fungible import capacity_limits, grid_values, part_values

from rivals import Answer, Games

MOST_STEPS, DAMPED = 60, 12
TOLERANCE, FLOOR = 1e-11, 1e-9


def payoffs(values: Callable[..., Any], params: dict[str, jax.Array], k: jax.Array) -> jax.Array:
    """Both divisions' expected payoffs."""
    found = values(params, {"capacity": k})
    share = jnp.stack([params["delta"], 1 - params["delta"]])
    own = found["own value"]
    return (1 - share) * own + share * (found["joint value"] - own[::-1]) - found["cost"]


def marginals(values: Callable[..., Any], params: dict[str, jax.Array], k: jax.Array) -> jax.Array:
    """Each division's payoff differentiated in its own capacity."""
    return jnp.diag(jax.jacrev(lambda k: payoffs(values, params, k))(k))


def newton(values: Callable[..., Any], params: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Capacities of one game, the residual, and steps."""
    upper = capacity_limits(params, {})[1]["capacity"]

    def residual(k: jax.Array, slope: jax.Array) -> jax.Array:
        return jnp.max(jnp.abs(jnp.clip(k + slope, 0.0, upper) - k))

    def step(carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        k, _, steps = carry
        slope, jacobian = marginals(values, params, k), jax.jacfwd(lambda k: marginals(values, params, k))(k)
        jacobian = jacobian - FLOOR * jnp.eye(2)
        alone = k - slope / jnp.diag(jacobian)
        fixed = (alone <= 0) | (alone >= upper)
        system = jnp.where(fixed[:, None], jnp.eye(2), jacobian)
        (a, b), (c, d) = system
        y1, y2 = jnp.where(fixed, jnp.clip(alone, 0.0, upper) - k, -slope)
        move = jnp.stack([d * y1 - b * y2, a * y2 - c * y1]) / (a * d - b * c)
        error = residual(k, slope)
        length = jnp.where(error <= TOLERANCE, 0.0, jnp.where(steps > DAMPED, 0.5, 1.0))
        return jnp.clip(k + length * move, 0.0, upper), error, steps + 1

    start = (jnp.full(2, 0.5 * upper), jnp.asarray(jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(lambda s: (s[1] > TOLERANCE) & (s[2] < MOST_STEPS), step, start)


_on_grid = jax.jit(jax.vmap(lambda params: newton(grid_values, params)))
_by_parts = jax.jit(jax.vmap(lambda params: newton(part_values, params)))


def on_grid(games: Games) -> Answer:
    """The 16 x 16 grid."""
    return _answer(*_on_grid(games))


def by_parts(games: Games) -> Answer:
    """The second shock in closed form."""
    return _answer(*_by_parts(games))


def _answer(k: jax.Array, residual: jax.Array, steps: jax.Array) -> Answer:
    return Answer(np.asarray(k), np.asarray(residual) <= TOLERANCE, np.asarray(steps))
