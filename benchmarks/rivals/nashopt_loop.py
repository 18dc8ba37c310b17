"""The fungible-capacity game by NashOpt, which takes one game at a time and compiles each one's payoffs.

NashOpt minimises the residual of the conditions of Karush, Kuhn and Tucker, here by MINPACK's hybrid method, its
default. Payoffs are those of `fungible.py` with the sign changed, as it minimises costs.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from fungible import capacity_limits, grid_values, part_values
from nashopt import GNEP

from rivals import Answer, Games
from rivals.plain_newton import payoffs

NEGLIGIBLE = 1e-9  # norm of the residual


def _solve(values: Callable[..., Any], params: dict[str, Any]) -> tuple[np.ndarray, bool]:
    upper = float(capacity_limits(params, {})[1]["capacity"])
    costs = [lambda k, i=i: -payoffs(values, params, k)[i] for i in range(2)]
    game = GNEP([1, 1], costs, lb=np.zeros(2), ub=np.full(2, upper))
    found = game.solve(np.full(2, 0.5 * upper), verbose=0)
    return np.asarray(found.x), float(np.linalg.norm(found.res)) <= NEGLIGIBLE


def _loop(values: Callable[..., Any]) -> Callable[[Games], Answer]:
    def run(games: Games) -> Answer:
        each = [{name: jnp.asarray(value[g]) for name, value in games.items()} for g in range(games["delta"].size)]
        found = [_solve(values, params) for params in each]
        return Answer(np.array([k for k, _ in found]), np.array([solved for _, solved in found]))

    return run


on_grid, by_parts = _loop(grid_values), _loop(part_values)
