"""The fungible-capacity game by NashOpt, which takes one game at a time and compiles each one's payoffs.

NashOpt minimises the residual of the conditions of Karush, Kuhn and Tucker, here by MINPACK's hybrid method, its
default. It minimises costs: payoffs with the sign changed.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from nashopt import GNEP

from rivals import Answer, Games, fungible_payoffs
from rivals.fungible_payoffs import Params, Payoffs

NEGLIGIBLE = 1e-9  # norm of the residual


def _solve(payoffs: Payoffs, params: Params) -> tuple[np.ndarray, bool]:
    upper = float(fungible_payoffs.upper_bound(params))
    costs = [lambda k, i=i: -payoffs(params, k)[i] for i in range(2)]
    game = GNEP([1, 1], costs, lb=np.zeros(2), ub=np.full(2, upper))
    found = game.solve(np.full(2, 0.5 * upper), verbose=0)
    return np.asarray(found.x), float(np.linalg.norm(found.res)) <= NEGLIGIBLE


def _loop(payoffs: Payoffs) -> Callable[[Games], Answer]:
    def run(games: Games) -> Answer:
        each = [{name: jnp.asarray(value[g]) for name, value in games.items()} for g in range(games["delta"].size)]
        found = [_solve(payoffs, params) for params in each]
        return Answer(np.array([k for k, _ in found]), np.array([solved for _, solved in found]))

    return run


on_grid, by_parts = _loop(fungible_payoffs.on_grid), _loop(fungible_payoffs.by_parts)
