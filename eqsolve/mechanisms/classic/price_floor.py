r"""Price floors with many outlets: destructive competition after Deneckere, Marvel and Peck.

Outlets too many to matter one by one order stock at a wholesale price $w$ before the state of demand is known. Then
they see the state and sell; what is left over is worth nothing. With a total stock $q$ and a floor $f$ on the price:

- In state $s$ the price falls until the stock is sold or the floor (or zero) holds it: $p_s = \max(P_s(q), f, 0)$, with
  $P_s(q) = (a_s - q) / b_s$, the price at which demand is $q$. Sales are $x_s = \min(q, D_s(p_s))$. At the floor they
  are shared in proportion to stocks, because nobody may undercut.
- Free entry leaves no profit: a unit of stock earns $w = \sum_s \pi_s p_s x_s / q$ as expected. This falls in $q$, so
  that every wholesale price has one stock, and the manufacturer might as well choose the stock.
- Its profit is then all revenue less cost, $\sum_s \pi_s p_s x_s - c q$.

Without a floor, stock left from a low state pushes the price to where little is earned on any unit, so outlets order
little. A floor keeps what the low state can pay, and so pays for the stock that the high state needs.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import as_array, require_finite
from eqsolve._fields import (
    as_fields,
    per_entry,
    require_nonnegative,
    require_positive,
    require_probabilities,
    require_scalar,
    require_values,
    require_vector,
    scenario_weights,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._roots import bisected, polished

Scalar = Float[Array, ""]
PerState = Float[Array, " states"]


class CompetitiveOutlets(eqx.Module):
    r"""A manufacturer that sells through a competitive retail trade to uncertain demand $D_s(p) = (a_s - b_s p)^+$.

    **Arguments:**

    - `intercept` $a$: demand at a price of zero in each state, > 0 [units], shape `[states]`.
    - `slope` $b$: > 0 [units²/money], one number or one per state.
    - `probabilities`: of the states, >= 0 with sum 1; None for equally likely states.
    - `cost` $c$: the manufacturer's, >= 0 [money/unit].

    Outcomes, expected unless per state: "manufacturer profit", "consumer surplus" [money]; "wholesale price", at which
    the trade orders the stock [money/unit]; "unsold" [units]; per state, "price" [money/unit] and "sold" [units].
    Outlets earn nothing. Nobody is rationed: prices clear the market, or demand at the floor is less than the stock.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy. Traced values are not
    checked.
    **Source:** Deneckere, Marvel and Peck, Demand uncertainty, inventories, and resale price maintenance, *Quarterly
    Journal of Economics* 111 (1996), and Demand uncertainty and price maintenance: markdowns as destructive
    competition, *American Economic Review* 87 (1997), for the question and the market: competitive outlets that order
    first, with and without a floor. The equations are derived at the head of this file, for linear demand in any number
    of states.

    >>> market = CompetitiveOutlets(intercept=[1.0, 2.0], slope=[1.0, 2.0], cost=0.0)
    >>> found = market.game().expect({"stock": jnp.array(1.0), "floor": jnp.array(0.5)})
    >>> found["price"].tolist(), found["sold"].tolist(), float(found["manufacturer profit"])
    ([0.5, 0.5], [0.5, 1.0], 0.375)
    """

    intercept: PerState
    slope: PerState
    probabilities: PerState | None
    cost: Scalar

    def __init__(self, intercept: Any, slope: Any, cost: Any, probabilities: Any = None):
        given = {"intercept": intercept, "slope": slope, "cost": cost, "probabilities": probabilities}
        fields = as_fields("CompetitiveOutlets", **given)
        require_vector(fields["intercept"], "CompetitiveOutlets.intercept")
        self.intercept, self.cost = fields["intercept"], fields["cost"]
        self.slope = per_entry(fields["slope"], self.intercept.shape[0], "CompetitiveOutlets.slope")
        self.probabilities = fields["probabilities"]

    def __check_init__(self) -> None:
        require_finite(self, "CompetitiveOutlets")
        require_scalar(self.cost, "CompetitiveOutlets.cost")
        require_nonnegative(self.cost, "CompetitiveOutlets.cost")
        require_positive(self.intercept, "CompetitiveOutlets.intercept")
        require_positive(self.slope, "CompetitiveOutlets.slope")
        require_probabilities(self.probabilities, self.intercept.shape[0], "CompetitiveOutlets.probabilities")

    @property
    def weights(self) -> PerState:
        """The probability of every state."""
        return scenario_weights(self.probabilities, self.intercept)

    def market(self, stock: Any, floor: Any = 0.0) -> tuple[PerState, PerState]:
        """Return price [money/unit] and sales [units] in every state; NaN for a negative stock or floor."""
        stock, floor = (as_array(value, self.cost.dtype, "CompetitiveOutlets.market") for value in (stock, floor))
        clearing = (self.intercept - stock) / self.slope
        held = clearing < floor
        price = jnp.where(held, floor, clearing)
        # where the market clears the stock is sold, without a rounding of the way through the price
        sold = jnp.where(held, jnp.maximum(self.intercept - self.slope * floor, 0.0), stock)
        sound = (stock >= 0) & (floor >= 0)
        return jnp.where(sound, price, jnp.nan), jnp.where(sound, sold, jnp.nan)

    def worth(self, stock: Any, floor: Any = 0.0) -> Scalar:
        """Return what a unit of stock earns the trade [money/unit]: the wholesale price at which it orders `stock`.

        Of no stock, what the first unit earns.
        """
        stock = as_array(stock, self.cost.dtype, "CompetitiveOutlets.worth")
        price, sold = self.market(stock, floor)
        some = stock > 0
        first = jnp.where(self.intercept - self.slope * floor >= 0, 1.0, 0.0)  # of a tiny stock all is sold, or nothing
        share = jnp.where(some, sold / jnp.where(some, stock, 1.0), first)
        return jnp.sum(self.weights * price * share)

    def game(self) -> Game:
        """Build the manufacturer's choice of "stock" [units] and price "floor" [money/unit]: one player.

        `solve_first_best` looks for the best of the peaks that its profit may have.
        """
        return self._game("stock", "floor")

    def game_without_floor(self) -> Game:
        """Build the manufacturer's choice of "stock" [units] where prices are free to fall."""
        return self._game("stock")

    def _game(self, *actions: str) -> Game:
        return Game(
            self,
            actions=[Action(name, (), "manufacturer") for name in actions],
            bounds=_bounds_with_floor if "floor" in actions else _bounds_without_floor,
            outcomes=competitive_outcomes,
            pay={"manufacturer": {"manufacturer profit": 1.0}},
            total={"manufacturer profit": 1.0},
        )


def trade_stock(market: CompetitiveOutlets, wholesale_price: Any, floor: Any = 0.0) -> Scalar:
    """Return what a competitive trade orders at a wholesale price: the stock at which a unit earns just that.

    **Arguments:** `wholesale_price` > 0, `floor` >= 0 [money/unit].
    **Returns:** the stock [units]; zero where the first unit earns no more than it costs. Differentiable.
    **Errors:** `ValueError` for a wholesale price of zero or less, at which stock has no limit (NaN where traced).
    **Source:** free entry, as derived at the head of this file.

    >>> market = CompetitiveOutlets(intercept=[1.0, 2.0], slope=[1.0, 2.0], cost=0.0)
    >>> round(float(trade_stock(market, 0.375, floor=0.5)), 5)
    1.0
    """
    wholesale = as_array(wholesale_price, market.cost.dtype, "trade_stock: wholesale_price")
    floor = as_array(floor, market.cost.dtype, "trade_stock: floor")
    require_values(wholesale, lambda w: w > 0, "trade_stock: wholesale_price", "give a number above zero")
    require_nonnegative(floor, "trade_stock: floor")
    positive = wholesale > 0
    safe = jnp.where(positive, wholesale, 1.0)
    revenue = jnp.sum(market.weights * market.intercept**2 / (4 * market.slope))  # the most there is
    high = jnp.maximum(jnp.max(market.intercept), revenue / safe)
    fixed, at, fixed_floor = jax.lax.stop_gradient((market, safe, floor))
    low = bisected(lambda stock: fixed.worth(stock, fixed_floor) - at, jnp.zeros_like(high), high)[0]
    stock = jnp.where(low > 0, polished(lambda stock: market.worth(stock, floor) - safe, low), 0.0)
    return jnp.where(positive & (floor >= 0), stock, jnp.nan)


def competitive_outcomes(params: CompetitiveOutlets, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Return what all parties get from a stock under a floor, where there is one."""
    del shock
    stock, floor = actions["stock"], actions.get("floor", jnp.zeros_like(actions["stock"]))
    price, sold = params.market(stock, floor)
    chance = params.weights
    return {
        "manufacturer profit": jnp.sum(chance * price * sold) - params.cost * stock,
        "consumer surplus": jnp.sum(chance * sold**2 / (2 * params.slope)),
        "wholesale price": params.worth(stock, floor),
        "unsold": stock - jnp.sum(chance * sold),
        "price": price,
        "sold": sold,
    }


def _bounds_without_floor(
    params: CompetitiveOutlets, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to what the strongest state takes for free."""
    del earlier
    return {"stock": jnp.zeros_like(params.cost)}, {"stock": jnp.max(params.intercept)}


def _bounds_with_floor(
    params: CompetitiveOutlets, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The same, and floors up to the highest price that anybody pays."""
    lower, upper = _bounds_without_floor(params, earlier)
    highest = jnp.max(params.intercept / params.slope)
    return lower | {"floor": jnp.zeros_like(highest)}, upper | {"floor": highest}
