"""What a good JAX user writes: `jit(vmap(...))` of a plain Newton loop, all derivatives automatic.

The conditions of an equilibrium are written as equations (`fungible_payoffs.conditions`), and the 2 x 2 system of each
step is solved by hand.
"""

import jax
import jax.numpy as jnp
import numpy as np

from rivals import Answer, Games, fungible_payoffs
from rivals.fungible_payoffs import Params, Payoffs

MOST_STEPS = 60
TOLERANCE = 1e-11
State = tuple[jax.Array, jax.Array, jax.Array]


def newton(payoffs: Payoffs, params: Params) -> State:
    """Capacities of one game, how far the conditions are from zero, and steps."""
    upper = fungible_payoffs.upper_bound(params)

    def conditions(k: jax.Array) -> jax.Array:
        return fungible_payoffs.conditions(payoffs, params, k)

    def step(state: State) -> State:
        k, _, steps = state
        (y1, y2), along = jax.linearize(conditions, k)  # of the ways to get values with their Jacobian the fastest
        (a, b), (c, d) = jax.vmap(along, out_axes=1)(jnp.eye(2))
        move = jnp.stack([d * y1 - b * y2, a * y2 - c * y1]) / (a * d - b * c)
        error = jnp.maximum(jnp.abs(y1), jnp.abs(y2))
        return jnp.where(error <= TOLERANCE, k, jnp.clip(k - move, 0.0, upper)), error, steps + 1

    start = (jnp.full(2, 0.5 * upper), jnp.asarray(jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(lambda state: (state[1] > TOLERANCE) & (state[2] < MOST_STEPS), step, start)


_on_grid = jax.jit(jax.vmap(lambda params: newton(fungible_payoffs.on_grid, params)))
_by_parts = jax.jit(jax.vmap(lambda params: newton(fungible_payoffs.by_parts, params)))


def on_grid(games: Games) -> Answer:
    """The 16 x 16 grid."""
    return _answer(*_on_grid(games))


def by_parts(games: Games) -> Answer:
    """The second shock in closed form."""
    return _answer(*_by_parts(games))


def _answer(k: jax.Array, error: jax.Array, steps: jax.Array) -> Answer:
    return Answer(np.asarray(k), np.asarray(error) <= TOLERANCE, np.asarray(steps))
