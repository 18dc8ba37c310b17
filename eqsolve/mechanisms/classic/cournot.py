"""Cournot: firms choose quantities of one good, and the price clears the market.

Against rivals who sell something, every firm has one best reply: profits are concave under linear demand and
single-peaked under isoelastic demand. Entry and exit are not decisions here, so a fixed cost is sunk. The closed forms
are in `cournot_solutions`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import (
    as_fields,
    per_entry,
    player_names,
    require_nonnegative,
    require_values,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms.classic.inverse_demand import InverseDemand


class Cournot(eqx.Module):
    r"""A homogeneous-good market in which firm $i$ sells $q_i$ at the market price and pays $c_i$ per unit.

    **Arguments:**

    - `demand`: the market, a `LinearInverseDemand` or `IsoelasticInverseDemand`.
    - `cost` $c$: unit costs >= 0 [money/unit], shape `[firms]`.
    - `capacity`: the most each firm can make, >= 0 [units], one number or `[firms]`; None for no limit.
    - `fixed_cost`: sunk costs [money], one number or `[firms]`.
    - `players`: the firms' names; by default "firm 1" and so on.

    Quantities are bounded by capacity and by what no firm would want to sell: the choke quantity for linear demand, the
    sales at half the unit cost for isoelastic demand (where a firm without costs must therefore have a capacity).

    Outcomes: "profit" [money, per firm], "price" [money/unit], "consumer surplus" and "welfare" [money].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Tirole, *The Theory of Industrial Organization*, section 5.4.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand, cournot_equilibrium
    >>> market = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0])
    >>> cournot_equilibrium(market).tolist()
    [3.0, 3.0]
    >>> market.game().objectives({"quantity": jnp.array([3.0, 3.0])})["firm 1"].item()
    9.0
    """

    demand: InverseDemand
    cost: Float[Array, " players"]
    capacity: Float[Array, " players"] | None
    fixed_cost: Float[Array, " players"]
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        demand: InverseDemand,
        cost: Any,
        capacity: Any = None,
        fixed_cost: Any = 0.0,
        players: Iterable[str] | None = None,
    ):
        _require_demand(demand)
        fields = as_fields("Cournot", demand=demand, cost=cost, capacity=capacity, fixed_cost=fixed_cost)
        self.demand, self.cost = fields["demand"], fields["cost"]
        require_vector(self.cost, "Cournot.cost")
        firms = self.cost.shape[0]
        self.capacity = None if capacity is None else per_entry(fields["capacity"], firms, "Cournot.capacity")
        self.fixed_cost = per_entry(fields["fixed_cost"], firms, "Cournot.fixed_cost")
        self.players = player_names(players, firms, "Cournot.players", "firm")

    def __check_init__(self) -> None:
        require_nonnegative(self.cost, "Cournot.cost")
        if self.capacity is not None:
            require_nonnegative(self.capacity, "Cournot.capacity")
        require_finite(self, "Cournot")
        _, upper = cournot_bounds(self, {})
        require_values(
            upper["quantity"],
            np.isfinite,
            "Cournot: the largest quantity",
            "under isoelastic demand a firm without costs needs a capacity",
        )

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of quantities, one action "quantity" with an entry per firm.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default joint profit, so that
        the first best is the cartel. Give `{"welfare": 1.0}` for consumers and firms together.
        """
        return Game(
            self,
            actions=[Action("quantity", (len(self.players),), self.players)],
            bounds=cournot_bounds,
            outcomes=cournot_outcomes,
            jacobian=cournot_jacobian,
            pay=own_entry("profit", self.players),
            total={"profit": 1.0} if total is None else total,
        )


def cournot_bounds(params: Cournot, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to capacity, or to what no firm would want to exceed if that is less."""
    del earlier
    upper = params.demand.useful_quantity(params.cost)
    if params.capacity is not None:
        upper = jnp.minimum(params.capacity, upper)
    return {"quantity": jnp.zeros_like(upper)}, {"quantity": upper}


def cournot_outcomes(params: Cournot, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Profits, price, consumer surplus and welfare at these quantities."""
    del shock
    quantity = actions["quantity"]
    sold = jnp.sum(quantity)
    price = params.demand.price(sold)
    profit = (price - params.cost) * quantity - params.fixed_cost
    consumer_surplus = params.demand.gross_surplus(sold) - price * sold
    return {
        "profit": profit,
        "price": price,
        "consumer surplus": consumer_surplus,
        "welfare": consumer_surplus + jnp.sum(profit),
    }


def cournot_jacobian(params: Cournot, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Differentiate every outcome in every quantity."""
    quantity = actions["quantity"]
    sold = jnp.sum(quantity)
    margin = params.demand.price(sold) - params.cost
    price_slope = params.demand.price_slope(sold)
    one = jnp.ones_like(quantity)
    return {
        "profit": {"quantity": price_slope * quantity[:, None] + jnp.diag(margin)},
        "price": {"quantity": price_slope * one},
        "consumer surplus": {"quantity": -price_slope * sold * one},
        "welfare": {"quantity": margin},
    }


def _require_demand(demand: object) -> None:
    if not isinstance(demand, InverseDemand):
        raise TypeError(f"Cournot.demand is {demand!r}; give a LinearInverseDemand or an IsoelasticInverseDemand.")
