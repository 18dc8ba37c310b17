"""Bertrand with differentiated products and linear demand: each firm sets the price of one product."""

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
    require_positive,
    require_values,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry


class LinearBertrand(eqx.Module):
    r"""Price competition under linear demand, $q = A - Bp$.

    Each own-price effect must exceed the sum of the other entries of its row in size; the price equilibrium is then
    unique, because replies are contractions, and no firm wants a price above the one bound
    $\max(\max_i A_i / \min_i (B_{ii} - \sum_{j \ne i} |B_{ij}|), \max_i c_i)$.
    Demand is not clipped: where it would be negative, the linear form no longer describes the market.

    **Arguments:**

    - `intercept` $A$: demand at prices of zero, > 0 [units], shape `[firms]`.
    - `price_effect` $B$: [units²/money], shape `[firms, firms]`; negative off the diagonal for substitutes.
    - `cost` $c$: unit costs >= 0 [money/unit], one number or `[firms]`.
    - `players`: the firms' names; by default "firm 1" and so on.

    Outcomes, per firm: "profit" [money] and "quantity" [units]. The first best is joint profit, the cartel.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Tirole, *The Theory of Industrial Organization*, chapter 5 (differentiated Bertrand competition).

    >>> market = LinearBertrand(intercept=[6.0, 6.0], price_effect=[[2.0, -1.0], [-1.0, 2.0]], cost=0.0)
    >>> linear_bertrand_equilibrium(market).round(6).tolist()
    [2.0, 2.0]
    """

    intercept: Float[Array, " players"]
    price_effect: Float[Array, "players players"]
    cost: Float[Array, " players"]
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, intercept: Any, price_effect: Any, cost: Any, players: Iterable[str] | None = None):
        fields = as_fields("LinearBertrand", intercept=intercept, price_effect=price_effect, cost=cost)
        self.intercept, self.price_effect = fields["intercept"], fields["price_effect"]
        require_vector(self.intercept, "LinearBertrand.intercept")
        firms = self.intercept.shape[0]
        self.cost = per_entry(fields["cost"], firms, "LinearBertrand.cost")
        self.players = player_names(players, firms, "LinearBertrand.players", "firm")

    def __check_init__(self) -> None:
        firms = self.intercept.shape[0]
        if self.price_effect.shape != (firms, firms):
            raise ValueError(
                f"LinearBertrand.price_effect has shape {self.price_effect.shape}; give one row and one column for"
                f" each of the {firms} firms."
            )
        require_finite(self, "LinearBertrand")
        require_positive(self.intercept, "LinearBertrand.intercept")
        require_nonnegative(self.cost, "LinearBertrand.cost")
        require_values(
            _dominance(self.price_effect),
            lambda margin: margin > 0,
            "LinearBertrand.price_effect: diagonal less the size of the rest, row ",
            "own-price effects must outweigh all the others",
        )

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of prices, one action "price" with an entry per firm.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default joint profit.
        """
        return Game(
            self,
            actions=[Action("price", (len(self.players),), self.players)],
            bounds=linear_bertrand_bounds,
            outcomes=linear_bertrand_outcomes,
            jacobian=linear_bertrand_jacobian,
            pay=own_entry("profit", self.players),
            total={"profit": 1.0} if total is None else total,
        )


def linear_bertrand_bounds(
    params: LinearBertrand, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """From zero to a price that no reply to prices below it exceeds."""
    del earlier
    highest = jnp.max(params.intercept) / jnp.min(_dominance(params.price_effect))
    upper = jnp.maximum(highest, jnp.max(params.cost)) * jnp.ones_like(params.cost)
    return {"price": jnp.zeros_like(upper)}, {"price": upper}


def linear_bertrand_outcomes(params: LinearBertrand, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Profits and quantities at these prices."""
    del shock
    price = actions["price"]
    quantity = params.intercept - _times(params.price_effect, price)
    return {"profit": (price - params.cost) * quantity, "quantity": quantity}


def linear_bertrand_jacobian(params: LinearBertrand, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Differentiate every outcome in every price."""
    price = actions["price"]
    quantity = params.intercept - _times(params.price_effect, price)
    profit = jnp.diag(quantity) - (price - params.cost)[:, None] * params.price_effect
    return {"profit": {"price": profit}, "quantity": {"price": -params.price_effect}}


def linear_bertrand_equilibrium(market: LinearBertrand) -> Float[np.ndarray, " players"]:
    r"""Solve for the Nash prices where every firm sells: $(B + \mathrm{diag} B)\, p = A + \mathrm{diag}(B)\, c$.

    **Arguments:** `market`: concrete numbers.
    **Returns:** prices [money/unit], shape `[firms]`, from NumPy in 64 bit.
    **Errors:** `ValueError` where a price or a quantity of this solution is negative.
    **Source:** the first-order conditions $q_i = B_{ii} (p_i - c_i)$.

    >>> market = LinearBertrand(intercept=[6.0, 6.0], price_effect=[[2.0, -1.0], [-1.0, 2.0]], cost=[0.0, 1.0])
    >>> linear_bertrand_equilibrium(market).round(4).tolist()
    [2.1333, 2.5333]
    """
    effect, cost = np.asarray(market.price_effect, float), np.asarray(market.cost, float)
    own = np.diag(effect)
    price = np.linalg.solve(effect + np.diag(own), np.asarray(market.intercept, float) + own * cost)
    if np.any(price < cost) or np.any(price < 0):  # q = B (p - c), so a price below cost is a negative quantity
        raise ValueError(
            f"linear_bertrand_equilibrium: the prices {price} at costs {cost} give negative sales; lower the costs of"
            " the firms that do not sell, or leave them out."
        )
    return price


def _dominance(price_effect: Array) -> Array:
    """Subtract the sizes of the rest of each row from its diagonal."""
    own = jnp.diagonal(price_effect)
    return own - (jnp.sum(jnp.abs(price_effect), axis=1) - jnp.abs(own))


def _times(matrix: Array, vector: Array) -> Array:
    """Multiply a matrix and a vector, as a sum: a matrix product rounds to fewer digits on some accelerators."""
    return jnp.sum(matrix * vector, axis=1)
