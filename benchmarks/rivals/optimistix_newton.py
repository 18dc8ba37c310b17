"""The fungible-capacity game by optimistix, whose Newton method keeps steps inside bounds, under `jit(vmap(...))`."""

import jax
import jax.numpy as jnp
import numpy as np
import optimistix

from rivals import Answer, Games, fungible_payoffs
from rivals.fungible_payoffs import Params, Payoffs

SOLVER = optimistix.Newton(rtol=1e-10, atol=1e-10, cauchy_termination=True)
MOST_STEPS = 60


def _solve(payoffs: Payoffs, params: Params) -> tuple[jax.Array, jax.Array, jax.Array]:
    upper = jnp.full(2, fungible_payoffs.upper_bound(params))
    found = optimistix.root_find(
        lambda k, params: fungible_payoffs.conditions(payoffs, params, k),
        SOLVER,
        0.5 * upper,
        params,
        options={"lower": jnp.zeros(2), "upper": upper},
        max_steps=MOST_STEPS,
        throw=False,
    )
    return found.value, found.result == optimistix.RESULTS.successful, found.stats["num_steps"]


_on_grid = jax.jit(jax.vmap(lambda params: _solve(fungible_payoffs.on_grid, params)))
_by_parts = jax.jit(jax.vmap(lambda params: _solve(fungible_payoffs.by_parts, params)))


def on_grid(games: Games) -> Answer:
    """The 16 x 16 grid."""
    return Answer(*map(np.asarray, _on_grid(games)))


def by_parts(games: Games) -> Answer:
    """The second shock in closed form."""
    return Answer(*map(np.asarray, _by_parts(games)))
