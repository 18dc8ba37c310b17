r"""A standard pair of divisions with four numbers, for studies and first steps."""

from typing import Any

import jax.numpy as jnp

from eqsolve._fields import numbers_within
from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame

SCALE, CURVATURE, FULL_COST = 4.0, 0.5, 2.0


def two_divisions(share: Any, correlation: Any, volatility: Any, cost_share: Any) -> CapacityGame:
    r"""Two equal divisions that buy capacity rights: revenue is $4 \epsilon q - q^2 / 2$, the full cost 2 per unit.

    Each shock is $1 \pm$ `volatility` with equal chances.

    **Arguments:** `share` $\delta$: of the surplus that goes to division 1, in [0, 1]. `correlation`: of the shocks, in
    [-1, 1]. `volatility`: in (0, 1). `cost_share`: of the full cost that is paid for capacity, in (0, 1]; the rest is
    variable.
    **Returns:** a `CapacityGame`. Limited volatility, under which correlation does not matter, means
    `4 * volatility <= 2 * cost_share`.
    **Errors:** `ValueError` for numbers out of range; traced ones give NaN.
    **Source:** Dutta and Reichelstein (paper 002), section 4, with the revenue of equation (17).

    >>> game = two_divisions(0.5, 0.0, 0.2, 0.5)
    >>> float(game.environment.capacity_cost), float(game.environment.variable_cost)
    (1.0, 1.0)
    """
    given = numbers_within(
        "two_divisions",
        share=(share, 0.0, 1.0, "[]"),
        correlation=(correlation, -1.0, 1.0, "[]"),
        volatility=(volatility, 0.0, 1.0, "()"),
        cost_share=(cost_share, 0.0, 1.0, "(]"),
    )
    same, other = (1.0 + given["correlation"]) / 4.0, (1.0 - given["correlation"]) / 4.0
    low, high = 1.0 - given["volatility"], 1.0 + given["volatility"]
    states = [[low, low], [low, high], [high, low], [high, high]]
    shocks = JointTable(jnp.stack([jnp.stack(state) for state in states]), jnp.stack([same, other, other, same]))
    cost = FULL_COST * given["cost_share"]
    revenue = QuadraticRevenue(jnp.full(2, SCALE), CURVATURE)
    return CapacityGame(CapacityEnvironment(revenue, cost, shocks, FULL_COST - cost), given["share"])
