"""Netessine and Rudi: any number of outlets whose unserved customers try the others in given shares.

Demand is a finite set of scenarios, so expectations are exact sums, expected profits are piecewise linear, and both
equilibria and best plans lie at kinks. `mechanisms/newsvendor/competing.py` is the market of two outlets, with exact
solutions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import (
    as_fields,
    per_entry,
    player_names,
    require_nonnegative,
    require_positive,
    require_probabilities,
    require_values,
    scenario_weights,
)
from eqsolve.action import Action
from eqsolve.expectation import Scenarios
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

PerOutlet = Float[Array, " outlets"]


class DemandSubstitution(eqx.Module):
    r"""Outlets that stock before demand is known; $\alpha_{ij}$ of outlet $i$'s unserved customers try outlet $j$.

    Outlet $i$ faces $R_i = D_i + \sum_j \alpha_{ji} (D_j - y_j)^+$ customers and earns
    $p_i \min(y_i, R_i) + v_i (y_i - R_i)^+ - w_i y_i$; the manufacturer earns $(w_i - c_i) y_i$ on it. Each customer
    tries one other outlet at most.

    **Arguments** (one number, or one per outlet, unless said otherwise):

    - `price` $p$ > 0, `wholesale_price` $w$, `salvage` $v$ [money/unit], with $v < w$ and $v < p$: if leftovers paid,
      no stock would be the largest sensible one.
    - `spill` $\alpha$: shape `[outlets, outlets]`, from the row to the column; >= 0, zero on the diagonal, rows summing
      to 1 at most.
    - `demand`: scenarios of the own demands >= 0 [units], shape `[scenarios, outlets]`, two or more outlets.
    - `probabilities`: >= 0 with sum 1, shape `[scenarios]`; None for equally likely scenarios.
    - `cost` $c$: the manufacturer's [money/unit], > `salvage`; None for the wholesale price: outlets that produce.
    - `outlets`: the players' names; by default "outlet 1" and so on.

    Outcomes, one entry per outlet: "profit" and "manufacturer profit" [money], "sales", "leftover" [units]. The first
    best maximises the sum of all profits; it is the centralised plan of the source. Each outlet's profit is concave in
    its stock, but the sum need not be: `solve_first_best` climbs from several starts. Solve the game with
    `BestReply()`.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy. Traced values are not
    checked.
    **Source:** Netessine and Rudi, Centralized and competitive inventory models with demand substitution, *Operations
    Research* 51 (2003).

    >>> ring = [[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]
    >>> market = DemandSubstitution(10.0, 4.0, ring, demand=[[9.0, 1.0, 1.0], [1.0, 9.0, 1.0], [1.0, 1.0, 9.0]])
    >>> market.game().expect({"stock": jnp.array([5.0, 5.0, 5.0])})["sales"].round(4).tolist()
    [3.0, 3.0, 3.0]
    """

    price: PerOutlet
    wholesale_price: PerOutlet
    spill: Float[Array, "outlets outlets"]
    demand: Float[Array, "scenarios outlets"]
    probabilities: Float[Array, " scenarios"] | None
    cost: PerOutlet
    salvage: PerOutlet
    outlets: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        price: Any,
        wholesale_price: Any,
        spill: Any,
        demand: Any,
        probabilities: Any = None,
        cost: Any = None,
        salvage: Any = 0.0,
        outlets: Iterable[str] | None = None,
    ):
        cost = wholesale_price if cost is None else cost
        given = {"price": price, "wholesale_price": wholesale_price, "cost": cost, "salvage": salvage, "spill": spill}
        fields = as_fields("DemandSubstitution", **given, demand=demand, probabilities=probabilities)
        shape = fields["demand"].shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
            raise ValueError(
                f"DemandSubstitution.demand has shape {shape}; give one row per scenario and one column for each of two"
                " or more outlets."
            )
        for name in ("price", "wholesale_price", "cost", "salvage"):
            setattr(self, name, per_entry(fields[name], shape[1], f"DemandSubstitution.{name}"))
        for name in ("spill", "demand", "probabilities"):
            setattr(self, name, fields[name])
        self.outlets = player_names(outlets, shape[1], "DemandSubstitution.outlets", "outlet")

    def __check_init__(self) -> None:
        require_finite(self, "DemandSubstitution")
        require_positive(self.price, "DemandSubstitution.price")
        require_nonnegative(self.demand, "DemandSubstitution.demand")
        for name in ("price", "wholesale_price", "cost"):
            what = f"DemandSubstitution: {name} - salvage"
            require_positive(getattr(self, name) - self.salvage, what)
        require_probabilities(self.probabilities, self.demand.shape[0], "DemandSubstitution.probabilities")
        self._check_spill()

    def _check_spill(self) -> None:
        what, count = "DemandSubstitution.spill", len(self.outlets)
        if self.spill.shape != (count, count):
            raise ValueError(f"{what} has shape {self.spill.shape}; give a row and a column per outlet: {count} each.")
        require_nonnegative(self.spill, what)
        require_values(jnp.diagonal(self.spill), lambda x: x == 0, f"{what}: diagonal", "give zeros there")
        slack = 8 * float(jnp.finfo(self.spill.dtype).eps)
        rows = jnp.sum(self.spill, axis=1)
        require_values(
            rows, lambda x: x <= 1 + slack, f"{what}: the sum of row ", "a customer tries one outlet at most"
        )

    @property
    def weights(self) -> Float[Array, " scenarios"]:
        """The probability of every scenario."""
        return scenario_weights(self.probabilities, self.demand)

    def customers(
        self, stock: PerOutlet, demand: Float[Array, "*scenarios outlets"]
    ) -> Float[Array, "*scenarios outlets"]:
        """Return own demand plus what comes over from the others [units], in one scenario or in several."""
        # `where` in place of `maximum`: at a tie this is the derivative for a rising stock, as in the Jacobian
        unserved = jnp.where(demand > stock, demand - stock, 0.0)
        return demand + jnp.sum(unserved[..., :, None] * self.spill, axis=-2)

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of stocks, one action "stock" with an entry per outlet.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default all profits.
        """
        return Game(
            self,
            actions=[Action("stock", (len(self.outlets),), self.outlets)],
            bounds=substitution_bounds,
            outcomes=substitution_outcomes,
            rule=SCENARIOS,
            jacobian=substitution_jacobian,
            pay=own_entry("profit", self.outlets),
            total={"profit": 1.0, "manufacturer profit": 1.0} if total is None else total,
        )


def substitution_bounds(
    params: DemandSubstitution, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return from nothing to a little more than the most customers an outlet can get; 1 where nobody ever comes."""
    del earlier
    most = jnp.max(params.customers(jnp.zeros_like(params.price), params.demand), axis=0)
    return {"stock": jnp.zeros_like(most)}, {"stock": jnp.where(most > 0, 1.25 * most, 1.0)}


def substitution_outcomes(params: DemandSubstitution, actions: Mapping[str, Array], shock: Array) -> dict[str, Array]:
    """Return what happens at each outlet in the scenario in which the own demands are `shock`."""
    stock = actions["stock"]
    customers = params.customers(stock, shock)
    sales = jnp.where(customers > stock, stock, customers)
    left = stock - sales
    return {
        "profit": params.price * sales + params.salvage * left - params.wholesale_price * stock,
        "manufacturer profit": (params.wholesale_price - params.cost) * stock,
        "sales": sales,
        "leftover": left,
    }


def substitution_jacobian(params: DemandSubstitution, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    r"""Return the derivative of every expected outcome in all stocks; at kinks, the one for a rising stock.

    With expected sales $S_i$: $dS_i/dy_i = P(R_i > y_i)$ and $dS_i/dy_j = -\alpha_{ji} P(D_j > y_j, R_i \le y_i)$.

    **Source:** Netessine and Rudi (2003), the terms of the first-order conditions.
    """
    stock = actions["stock"]
    out = params.customers(stock, params.demand) > stock
    weights = params.weights[:, None, None]
    absorbed = jnp.sum(weights * (~out[:, :, None] & (params.demand > stock)[:, None, :]), axis=0)
    one = jnp.eye(len(params.outlets), dtype=stock.dtype)
    sales = one * jnp.sum(weights[:, 0] * out, axis=0)[:, None] - params.spill.T * absorbed
    left = one - sales
    profit = params.price[:, None] * sales + params.salvage[:, None] * left - params.wholesale_price[:, None] * one
    return {
        "profit": {"stock": profit},
        "manufacturer profit": {"stock": (params.wholesale_price - params.cost)[:, None] * one},
        "sales": {"stock": sales},
        "leftover": {"stock": left},
    }


def _nodes(params: DemandSubstitution) -> tuple[Array, Array]:
    return params.demand, params.weights


SCENARIOS = Scenarios(_nodes)
