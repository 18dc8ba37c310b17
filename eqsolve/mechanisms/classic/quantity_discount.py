"""A buyer's best lot when the price falls in the quantity: all-units and incremental discounts."""

from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, require_finite, require_kind
from eqsolve._fields import (
    as_fields,
    nan_unless,
    numbers_within,
    require_positive,
    require_values,
    require_vector,
)
from eqsolve._tabled import Tabled

Tiers = Float[Array, " tiers"]


class DiscountSchedule(eqx.Module):
    r"""Prices by quantity: from `start[k]` units on, the price is `price[k]`.

    **Arguments:** `start` [units], `[K]`, from 0, rising. `price` [money/unit], `[K]`, above zero, not rising. `kind`:
    "all-units", where the price holds for the whole order, or "incremental", where it holds for units beyond the start.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Hadley and Whitin, Analysis of Inventory Systems (1963), sections 2-11 and 2-12.

    >>> schedule = DiscountSchedule([0.0, 500.0, 1000.0], [5.0, 4.8, 4.75], "all-units")
    >>> float(schedule.purchase(500.0))
    2400.0
    """

    start: Tiers
    price: Tiers
    kind: Literal["all-units", "incremental"] = eqx.field(static=True)

    def __init__(self, start: Any, price: Any, kind: Literal["all-units", "incremental"] = "all-units"):
        fields = as_fields("DiscountSchedule", start=start, price=price)
        self.start, self.price, self.kind = fields["start"], fields["price"], kind

    def __check_init__(self) -> None:
        require_vector(self.start, "DiscountSchedule.start")
        if self.price.shape != self.start.shape:
            raise ValueError(
                f"DiscountSchedule.price has shape {self.price.shape}; give one price for each of the"
                f" {self.start.shape[0]} starts."
            )
        if self.kind not in ("all-units", "incremental"):
            raise ValueError(f"DiscountSchedule.kind is {self.kind!r}; give 'all-units' or 'incremental'.")
        require_values(self.start[0], lambda s: s == 0, "DiscountSchedule.start[0]", "give 0")
        require_values(jnp.diff(self.start), lambda d: d > 0, "A step of DiscountSchedule.start", "let starts rise")
        require_values(jnp.diff(self.price), lambda d: d <= 0, "A step of DiscountSchedule.price", "let prices fall")
        require_positive(self.price, "DiscountSchedule.price")
        require_finite(self, "DiscountSchedule")

    @property
    def _valid(self) -> Bool[Array, ""]:
        starts = (self.start[0] == 0) & jnp.all(jnp.diff(self.start) > 0) & (self.start[-1] < jnp.inf)
        return starts & jnp.all(jnp.diff(self.price) <= 0) & (self.price[-1] > 0) & (self.price[0] < jnp.inf)

    @property
    def fixed(self) -> Tiers:
        """By tier, what an order costs beyond its units at the tier's price: zero for all-units discounts [money]."""
        if self.kind == "all-units":
            return jnp.zeros_like(self.price)
        saved = (self.price[:-1] - self.price[1:]) * self.start[1:]
        return jnp.concatenate([jnp.zeros_like(self.price[:1]), jnp.cumsum(saved)])

    def purchase(self, quantity: Any) -> Array:
        """What an order of this size costs [money]; NaN below zero."""
        q = as_array(quantity, self.price.dtype, "purchase: quantity")
        tier = jnp.searchsorted(self.start, q, side="right") - 1
        safe = jnp.maximum(tier, 0)
        return jnp.where((q >= 0) & self._valid, self.fixed[safe] + self.price[safe] * q, jnp.nan)


class DiscountedLot(Tabled):
    """The best lot: `quantity` [units], `tier` (from 0), `price` paid per unit on average, `cost` [money/time].

    NaN, and tier -1, where a traced parameter is out of range.
    """

    quantity: Float[Array, ""]
    tier: Array
    price: Float[Array, ""]
    cost: Float[Array, ""]


def best_discounted_lot(schedule: DiscountSchedule, demand: Any, order_cost: Any, holding_rate: Any) -> DiscountedLot:
    r"""The lot that minimises purchases, orders and holding, at holding costs of $i$ times the average unit price.

    In tier k an order costs $F_k + p_k Q$, so the cost rate is $p_k D + (K + F_k) D / Q + i (F_k + p_k Q) / 2$. The
    best lot is a tier's economic lot, or where that lies below the tier, its start.

    **Arguments:** `demand` $D$ > 0 [units/time]; `order_cost` $K \ge 0$ [money]; `holding_rate` $i$ > 0 [1/time].
    **Returns:** a `DiscountedLot`; the smallest lot where several cost the same.
    **Errors:** `ValueError` that names the argument.
    **Source:** Hadley and Whitin (1963), sections 2-11 and 2-12.

    >>> schedule = DiscountSchedule([0.0, 500.0, 1000.0], [5.0, 4.8, 4.75], "all-units")
    >>> lot = best_discounted_lot(schedule, demand=5000.0, order_cost=49.0, holding_rate=0.2)
    >>> float(lot.quantity), round(float(lot.cost), 2)
    (1000.0, 24470.0)
    """
    require_kind(schedule, DiscountSchedule, "best_discounted_lot: schedule")
    given = numbers_within(
        "best_discounted_lot",
        demand=(demand, 0.0, jnp.inf, "()"),
        order_cost=(order_cost, 0.0, jnp.inf, "[)"),
        holding_rate=(holding_rate, 0.0, jnp.inf, "()"),
    )
    demand, order, rate = given["demand"], given["order_cost"], given["holding_rate"]
    price, fixed = schedule.price, schedule.fixed
    economic = jnp.sqrt(2 * (order + fixed) * demand / (rate * price))
    end = jnp.concatenate([schedule.start[1:], jnp.full(1, jnp.inf, price.dtype)])
    lot = jnp.maximum(economic, schedule.start)
    some = lot > 0
    per_lot = jnp.where(some, (order + fixed) / jnp.where(some, lot, 1.0), 0.0)  # free orders: as small as can be
    cost = price * demand + per_lot * demand + rate * (fixed + price * lot) / 2
    # a tier's economic lot beyond its end belongs to a cheaper tier, which does no worse
    cost = jnp.where(lot < end, cost, jnp.inf)
    tier = jnp.argmin(cost)
    paid = jnp.where(some[tier], fixed[tier] / jnp.where(some[tier], lot[tier], 1.0), 0.0) + price[tier]
    valid = schedule._valid & jnp.isfinite(demand + order + rate)
    return nan_unless(valid, DiscountedLot(lot[tier], jnp.where(valid, tier, -1), paid, cost[tier]))
