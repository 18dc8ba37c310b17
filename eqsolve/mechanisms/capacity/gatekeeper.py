r"""The gatekeeper: one division owns all capacity, and the other one contracts with it for a right before shocks.

The contract is a right k_2 and a payment p. With it the gatekeeper tops up its own capacity, and both renegotiate when
shocks are known. They agree on the right that maximises firm profit and split what it gains over no agreement.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import per_entry
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.acquisition import best_reply
from eqsolve.mechanisms.capacity.expectations import expected_own_value, expected_shared_value
from eqsolve.mechanisms.capacity.first_best import dedicated_levels, fungible_capacity
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame

Number = Float[Array, ""]
Pair = Float[Array, " two"]


class GatekeeperContract(Tabled):
    """What gatekeeper and client agree on; pairs are in the order of the divisions.

    **Fields:** `capacity`: rights with the contract [units]. `payment`: for the client's right, to the gatekeeper
    [money per period]. `default_capacity`, `default_profit`: without a contract. `gain`: of both together; `profit`:
    with the contract [money]. `indeterminate`: the gatekeeper gets all of the surplus (share 1), so that any right
    between nothing and the first best leads to the same capacity and profits; the contract shown is one of many.
    """

    capacity: Pair
    payment: Number
    default_capacity: Pair
    default_profit: Pair
    gain: Number
    profit: Pair
    indeterminate: Bool[Array, ""]


def gatekeeper_contract(game: CapacityGame, gatekeeper: int = 0, default: Any = None) -> GatekeeperContract:
    r"""The efficient contract between a gatekeeper and the other division.

    The gatekeeper pays for all capacity. Its own capacity is the dedicated optimum $k_1^o$, the client's right
    $k_2^* = k^* - k_1^o$, and the payment gives each its default and its share of the gain:

    $$p = \hat\Pi_1 + \delta \Delta\Pi + c k^* - E[(1-\delta) CM_1(k_1^o) + \delta (CM(k^*) - CM_2(k_2^*))].$$

    **Arguments:**

    - `game`: of two divisions; its `share` splits the gain as well as later surpluses. Capacity costs c per unit, and
      `charge` is not used.
    - `gatekeeper`: 0 or 1.
    - `default`: profits without agreement [money], shape `[2]`; by default those where the gatekeeper alone acquires
      capacity. For instance the profits of `renegotiated`, if divisions else buy rights at cost.

    **Returns:** a `GatekeeperContract`; with a given `default`, default capacities are NaN.
    **Errors:** `ValueError` for more than two divisions or an unknown gatekeeper. Log revenue, minus infinity without
    capacity, has no default to start from: NaN.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 3 and its Corollary, with the term of the payment that
    its proof lacks; (paper 001), Proposition 7 (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> contract = gatekeeper_contract(CapacityGame(divisions, 0.5))
    >>> contract.capacity.round(3).tolist(), round(float(contract.payment), 3)
    ([7.0, 5.0], 20.367)
    """
    environment, n = game.environment, game.environment.divisions
    if n != 2 or gatekeeper not in (0, 1):
        raise ValueError(
            f"gatekeeper_contract: gatekeeper is {gatekeeper!r} in a game of {n} divisions; give 0 or 1, and a game of"
            " two."
        )
    client = 1 - gatekeeper
    cost = environment.capacity_cost
    best = fungible_capacity(environment)
    own = dedicated_levels(environment, jnp.broadcast_to(cost, (2,)))[gatekeeper]
    left = jnp.maximum(best.capacity - own, 0.0)  # below zero only by rounding, where the client gets nothing
    capacity = jnp.stack([own, left])[jnp.asarray([gatekeeper, client])]
    before_payment = owner_profit(game, gatekeeper, capacity)
    if default is None:
        none = jnp.zeros_like(capacity)
        at_cost = CapacityGame(environment, game.share, names=game.names)
        default_capacity = none.at[gatekeeper].set(best_reply(at_cost, gatekeeper, none))
        default_profit = owner_profit(game, gatekeeper, default_capacity)
    else:
        given = jnp.asarray(default, before_payment.dtype)
        default_profit = per_entry(given, 2, "gatekeeper_contract: default")
        default_capacity = jnp.full_like(default_profit, jnp.nan)
    gain = best.profit - jnp.sum(default_profit)
    profit = default_profit + game.share * gain
    return GatekeeperContract(
        capacity,
        profit[gatekeeper] - before_payment[gatekeeper],
        default_capacity,
        default_profit,
        gain,
        profit,
        game.share[gatekeeper] >= 1,
    )


def owner_profit(game: CapacityGame, owner: int, capacity: Pair) -> Pair:
    """Profits before payments where `owner` pays for all capacity, and rights are renegotiated [money].

    **Source:** Dutta and Reichelstein (paper 002), section 4, effective margins under renegotiation.
    """
    environment = game.environment
    own, total = expected_own_value(environment, capacity), jnp.sum(capacity)
    surplus = expected_shared_value(environment, total) - jnp.sum(own)
    return (own + game.share * surplus).at[owner].add(-environment.capacity_cost * total)
