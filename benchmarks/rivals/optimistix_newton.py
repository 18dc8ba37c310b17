"""The fungible-capacity game by optimistix: its Newton method on Fischer and Burmeister's function, `jit(vmap(...))`.

The function sqrt(k^2 + s^2) - k + s of a capacity k and its marginal payoff s is zero exactly where k is optimal or at
zero with s <= 0. Unlike the marginal payoffs themselves it has a slope where capacity is never scarce, as at the start,
where Newton's step would be 0 / 0 otherwise. optimistix keeps the steps inside the bounds.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix
from fungible import capacity_limits, grid_values, part_values

from rivals import Answer, Games
from rivals.plain_newton import marginals

SOLVER = optimistix.Newton(rtol=1e-10, atol=1e-10, cauchy_termination=True)
MOST_STEPS = 60
NEAR_ZERO = 1e-30  # under the root, whose slope at zero is infinite


def _solve(values: Callable[..., Any], params: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
    upper = jnp.full(2, capacity_limits(params, {})[1]["capacity"])

    def complementarity(k: jax.Array, params: dict[str, jax.Array]) -> jax.Array:
        slope = marginals(values, params, k)
        return jnp.sqrt(k**2 + slope**2 + NEAR_ZERO) - k + slope

    found = optimistix.root_find(
        complementarity,
        SOLVER,
        0.5 * upper,
        params,
        options={"lower": jnp.zeros(2), "upper": upper},
        max_steps=MOST_STEPS,
        throw=False,
    )
    return found.value, found.result == optimistix.RESULTS.successful, found.stats["num_steps"]


_on_grid = jax.jit(jax.vmap(lambda params: _solve(grid_values, params)))
_by_parts = jax.jit(jax.vmap(lambda params: _solve(part_values, params)))


def on_grid(games: Games) -> Answer:
    """The 16 x 16 grid."""
    return Answer(*map(np.asarray, _on_grid(games)))


def by_parts(games: Games) -> Answer:
    """The second shock in closed form."""
    return Answer(*map(np.asarray, _by_parts(games)))
