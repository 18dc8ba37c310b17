"""Hotelling's linear city: two firms at given places choose prices, and each consumer buys where it is cheaper in all.

With transport costs that are linear in distance, demand jumps where a firm undercuts its rival's whole market, and for
places that are too close no equilibrium in pure strategies exists; with quadratic costs demand is continuous.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

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
    require_scalar,
    require_values,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

ROUNDING = 1e-12  # a firm that is just indifferent does not undercut


class Hotelling(eqx.Module):
    r"""Price competition on a line of length $L$ with one consumer per unit of length, each buying one unit.

    **Arguments:**

    - `locations`: places $x_1 < x_2$ of the two firms in $[0, L]$ [length], shape `[2]`.
    - `transport_cost` $t$ > 0: [money/length], or [money/length²] if quadratic.
    - `cost`: unit costs >= 0 [money/unit], one number or `[2]`.
    - `length` $L$ > 0 [length].
    - `transport`: "linear" ($t d$) or "quadratic" ($t d^2$) in the distance $d$.
    - `players`: the firms' names; by default "firm 1" and "firm 2".

    Prices run from the own cost to the higher cost plus $2tL$ (linear) or $2tL(x_2 - x_1)$ (quadratic), which no reply
    to prices below it exceeds.

    Outcomes: "profit" [money, per firm], "demand" [consumers, per firm] and "social cost" [money], of transport and
    production. Everybody is served, so joint profit has no maximum: by default the planner minimises social cost, which
    fixes the difference of prices but not their level.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Hotelling, Stability in competition, Economic Journal 39 (1929); d'Aspremont, Gabszewicz and Thisse, On
    Hotelling's "Stability in competition", Econometrica 47 (1979).

    >>> city = Hotelling(locations=[0.0, 1.0], transport_cost=2.0, cost=1.0, transport="quadratic")
    >>> hotelling_equilibrium(city).round(6).tolist()
    [3.0, 3.0]
    """

    locations: Float[Array, "2"]
    transport_cost: Float[Array, ""]
    cost: Float[Array, "2"]
    length: Float[Array, ""]
    transport: Literal["linear", "quadratic"] = eqx.field(static=True)
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        locations: Any,
        transport_cost: Any = 1.0,
        cost: Any = 0.0,
        length: Any = 1.0,
        transport: Literal["linear", "quadratic"] = "linear",
        players: Iterable[str] | None = None,
    ):
        fields = as_fields("Hotelling", locations=locations, transport_cost=transport_cost, cost=cost, length=length)
        self.locations, self.transport_cost = fields["locations"], fields["transport_cost"]
        self.cost, self.length = per_entry(fields["cost"], 2, "Hotelling.cost"), fields["length"]
        self.transport = transport
        self.players = player_names(players, 2, "Hotelling.players", "firm")

    def __check_init__(self) -> None:
        if self.transport not in ("linear", "quadratic"):
            raise ValueError(f"Hotelling.transport is {self.transport!r}; give 'linear' or 'quadratic'.")
        if self.locations.shape != (2,):
            raise ValueError(f"Hotelling.locations has shape {self.locations.shape}; give the two places.")
        for name in ("transport_cost", "length"):
            require_scalar(getattr(self, name), f"Hotelling.{name}")
            require_positive(getattr(self, name), f"Hotelling.{name}")
        require_nonnegative(self.cost, "Hotelling.cost")
        require_finite(self, "Hotelling")
        steps = jnp.diff(self.locations, prepend=0, append=self.length)
        wanted = "give two different places in order, from 0 to the length of the line"
        require_nonnegative(self.locations, "Hotelling.locations")
        require_values(steps[1:2], lambda gap: gap > 0, "Hotelling.locations: the gap", wanted)
        require_values(steps[2], lambda gap: gap >= 0, "Hotelling.locations: the space to the right", wanted)

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of prices, one action "price" with an entry per firm.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default minus social cost.
        """
        return Game(
            self,
            actions=[Action("price", (2,), self.players)],
            bounds=hotelling_bounds,
            outcomes=hotelling_outcomes,
            pay=own_entry("profit", self.players),
            total={"social cost": -1.0} if total is None else total,
        )


def hotelling_bounds(params: Hotelling, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """From the own cost to a price that no reply to prices below it exceeds."""
    del earlier
    upper = jnp.max(params.cost) + _steepness(params) * params.length
    return {"price": params.cost}, {"price": upper * jnp.ones_like(params.cost)}


def hotelling_outcomes(params: Hotelling, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Profits, demands and social cost at these prices."""
    del shock
    price, (left, right) = actions["price"], params.locations
    border = _border(params, price)
    demand = jnp.stack([border, params.length - border])
    travelled = _travelled(params, border - left) - _travelled(params, -left)
    travelled += _travelled(params, params.length - right) - _travelled(params, border - right)
    return {
        "profit": (price - params.cost) * demand,
        "demand": demand,
        "social cost": params.transport_cost * travelled + jnp.sum(params.cost * demand),
    }


def hotelling_first_order_prices(city: Hotelling) -> Float[np.ndarray, "2"]:
    r"""Find the prices at which both first-order conditions hold between the firms, equilibrium or not.

    With $K = 2t$ (linear) or $2t(x_2 - x_1)$ (quadratic), the border lies at
    $z = \frac{1}{3}(\frac{x_1 + x_2}{2} + L + \frac{c_2 - c_1}{K})$, and $p_1 = c_1 + Kz$, $p_2 = c_2 + K(L - z)$.

    **Arguments:** `city`: concrete numbers.
    **Returns:** prices [money/unit], shape `[2]`, from NumPy in 64 bit.
    **Source:** d'Aspremont, Gabszewicz and Thisse (1979), extended to unequal costs.

    >>> hotelling_first_order_prices(Hotelling([0.25, 0.75], transport_cost=1.0)).round(6).tolist()
    [1.0, 1.0]
    """
    steepness, length = float(_steepness(city)), float(city.length)
    border = _first_order_border(city)
    return np.asarray(city.cost, float) + steepness * np.array([border, length - border])


def hotelling_has_equilibrium(city: Hotelling) -> bool:
    r"""Whether a price equilibrium in pure strategies exists in which both firms sell, or for quadratic costs at all.

    Linear costs: the first-order prices must leave the border between the firms, and neither firm may gain by
    undercutting its rival's whole market. With equal costs, $a = x_1$ and $b = L - x_2$ that is
    $(L + \frac{a - b}{3})^2 \ge \frac{4}{3} L (a + 2b)$ and $(L + \frac{b - a}{3})^2 \ge \frac{4}{3} L (b + 2a)$.
    Quadratic costs: always.

    **Arguments:** `city`: concrete numbers.
    **Source:** d'Aspremont, Gabszewicz and Thisse (1979), Proposition 1, extended to unequal costs.

    >>> [hotelling_has_equilibrium(Hotelling([a, 1.0 - a])) for a in (0.2, 0.3)]
    [True, False]
    """
    if city.transport == "quadratic":
        return True
    left, right = np.asarray(city.locations, float)
    length, cost, price = float(city.length), np.asarray(city.cost, float), hotelling_first_order_prices(city)
    border = _first_order_border(city)
    if not left <= border <= right:
        return False
    earned = (price - cost) * np.array([border, length - border])
    undercut = price[::-1] - float(city.transport_cost) * (right - left) - cost
    return bool(np.all(earned >= undercut * length - ROUNDING * np.max(earned)))


def hotelling_equilibrium(city: Hotelling) -> Float[np.ndarray, "2"]:
    """Solve for the Nash prices.

    With quadratic transport costs and very different unit costs, the cheaper firm serves everybody at the highest price
    that keeps out a rival who charges its own cost.

    **Arguments:** `city`: concrete numbers.
    **Returns:** prices [money/unit], shape `[2]`, from NumPy in 64 bit.
    **Errors:** `ValueError` where `hotelling_has_equilibrium` is false.
    **Source:** as for `hotelling_first_order_prices`; Tirole, *The Theory of Industrial Organization*, chapter 7, for
    quadratic costs.

    >>> city = Hotelling(locations=[0.0, 1.0], transport_cost=2.0, cost=[1.0, 4.0], transport="quadratic")
    >>> hotelling_equilibrium(city).round(6).tolist()
    [4.0, 5.0]
    """
    if not hotelling_has_equilibrium(city):
        raise ValueError(
            f"hotelling_equilibrium: at Hotelling.locations {city.locations} and linear transport costs no prices are"
            " an equilibrium in which both firms sell; move the firms apart or use quadratic costs."
        )
    steepness, length, (cost_left, cost_right) = (
        float(_steepness(city)),
        float(city.length),
        np.asarray(city.cost, float),
    )
    middle, border = float(np.mean(np.asarray(city.locations, float))), _first_order_border(city)
    if border >= length:
        return np.array([cost_right - steepness * (length - middle), cost_right])
    if border <= 0:
        return np.array([cost_left, cost_left - steepness * middle])
    return hotelling_first_order_prices(city)


def _steepness(params: Hotelling) -> Array:
    """Return how much the difference of prices must change to move the border by one."""
    if params.transport == "linear":
        return 2 * params.transport_cost
    return 2 * params.transport_cost * (params.locations[1] - params.locations[0])


def _border(params: Hotelling, price: Array) -> Array:
    """Locate the consumer to whom both firms cost the same; an end of the line where one firm serves everybody."""
    difference = price[1] - price[0]
    border = jnp.mean(params.locations) + difference / _steepness(params)
    if params.transport == "quadratic":
        return jnp.clip(border, 0, params.length)
    farthest = params.transport_cost * (params.locations[1] - params.locations[0])
    all_or_none = jnp.where(difference > 0, params.length, 0)
    return jnp.where(jnp.abs(difference) <= farthest, border, all_or_none)


def _travelled(params: Hotelling, distance: Array) -> Array:
    """Integrate the transport cost per unit of `transport_cost` from a firm to a signed distance."""
    if params.transport == "linear":
        return distance * jnp.abs(distance) / 2
    return distance**3 / 3


def _first_order_border(city: Hotelling) -> float:
    locations, cost = np.asarray(city.locations, float), np.asarray(city.cost, float)
    return float(np.mean(locations) + float(city.length) + (cost[1] - cost[0]) / float(_steepness(city))) / 3
