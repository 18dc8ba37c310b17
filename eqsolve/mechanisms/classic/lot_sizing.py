"""Economic order quantities: one buyer's, with backorders, and the lot that is best for buyer and seller together."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._fields import as_numbers, require_broadcast, require_nonnegative, require_positive, require_values
from eqsolve._tabled import Tabled

Values = Float[Array, "..."]
MAY_BE_ZERO = ("order_cost", "order_costs", "holdings")
MAY_BE_INFINITE = ("backorder",)


class LotSize(Tabled):
    """A lot size: `quantity` [units], `interval` between orders [time], `cost` of ordering and holding [money/time]."""

    quantity: Values
    interval: Values
    cost: Values


def economic_order_quantity(demand: Any, order_cost: Any, holding: Any) -> LotSize:
    r"""The lot $Q = \sqrt{2 K D / h}$ that minimises $K D / Q + h Q / 2 = \sqrt{2 K D h}$.

    **Arguments** (numbers, or arrays that broadcast): `demand` $D$ > 0 [units/time]; `order_cost` $K \ge 0$ [money];
    `holding` $h$ > 0 [money/unit/time].
    **Returns:** a `LotSize`; NaN where a traced argument is out of range.
    **Errors:** `ValueError` and `TypeError` that name the argument.
    **Source:** Harris (1913).

    >>> lot = economic_order_quantity(1000.0, 20.0, 2.0)
    >>> round(float(lot.quantity), 3), round(float(lot.cost), 3)
    (141.421, 282.843)
    """
    given = as_numbers("economic_order_quantity", demand=demand, order_cost=order_cost, holding=holding)
    return _economic(**_checked("economic_order_quantity", given))


def backorder_quantity(demand: Any, order_cost: Any, holding: Any, backorder: Any) -> LotSize:
    r"""The lot with planned backorders: $Q = \sqrt{2 K D (h + b) / (h b)}$, of which the share $h / (h + b)$ is late.

    **Arguments:** as for `economic_order_quantity`; `backorder` $b$ > 0 [money/unit/time], infinite for no backorders.
    **Returns:** a `LotSize`, of cost $\sqrt{2 K D h b / (h + b)}$.
    **Errors:** `ValueError` that names the argument.
    **Source:** Hadley and Whitin, Analysis of Inventory Systems (1963), section 2-8.

    >>> round(float(backorder_quantity(1000.0, 20.0, 2.0, 2.0).quantity), 3)
    200.0
    """
    owner = "backorder_quantity"
    given = as_numbers(owner, demand=demand, order_cost=order_cost, holding=holding, backorder=backorder)
    given = _checked(owner, given)
    rate = 1 / (1 / given["holding"] + 1 / given["backorder"])
    cost = jnp.sqrt(2 * given["order_cost"] * given["demand"] * rate)
    quantity = cost / rate
    return LotSize(quantity, quantity / given["demand"], cost)


def joint_lot(demand: Any, order_costs: Any, holdings: Any) -> LotSize:
    r"""The lot that is best for all who set up and hold for it: $\sqrt{2 D \sum K / \sum h}$.

    **Arguments:** `demand` $D$ > 0 [units/time]; `order_costs` $K \ge 0$, `holdings` $h \ge 0$ of buyer, seller and
    so on along the last axis, of one length; the holdings' sum must be above zero.
    **Returns:** a `LotSize` with everybody's cost; NaN where a traced argument is out of range.
    **Errors:** `ValueError` that names the argument.
    **Source:** Kohli and Park (1989); Goyal (1976).

    >>> round(float(joint_lot(1000.0, [20.0, 180.0], [2.0, 0.0]).quantity), 3)
    447.214
    """
    given = as_numbers("joint_lot", demand=demand, order_costs=order_costs, holdings=holdings)
    demand = given.pop("demand")
    costs, holding = _checked("joint_lot", given).values()
    if costs.ndim < 1 or holding.ndim < 1 or costs.shape[-1] != holding.shape[-1]:
        raise ValueError(
            f"joint_lot: order_costs and holdings have shapes {costs.shape} and {holding.shape}; give one of each per"
            " party, along the last axis."
        )
    together = {"demand": demand, "order_cost": jnp.sum(costs, axis=-1), "holding": jnp.sum(holding, axis=-1)}
    return _economic(**_checked("joint_lot", together))


def lot_cost(demand: Any, order_cost: Any, holding: Any, quantity: Any) -> Values:
    r"""The cost rate $K D / Q + h Q / 2$ of any lot [money/time]; infinite at a lot of zero if orders cost something.

    **Arguments:** as for `economic_order_quantity`; `quantity` $Q$ [units].
    **Returns:** the cost rate; NaN for a negative lot, or where a traced argument is out of range.
    **Errors:** `ValueError` and `TypeError` that name the argument.

    >>> float(lot_cost(1000.0, 20.0, 2.0, 100.0))
    300.0
    """
    given = as_numbers("lot_cost", demand=demand, order_cost=order_cost, holding=holding, quantity=quantity)
    require_broadcast("lot_cost", **{name: value.shape for name, value in given.items()})
    lot = given.pop("quantity")
    return cost_rate(**_checked("lot_cost", given), quantity=lot)


def cost_rate(demand: Array, order_cost: Array, holding: Array, quantity: Array) -> Values:
    """What a lot costs in orders and holding, of numbers that are checked; NaN for a negative lot."""
    some = quantity > 0
    orders = order_cost * demand
    ordering = jnp.where(some, orders / jnp.where(some, quantity, 1.0), jnp.where(orders > 0, jnp.inf, orders))
    return jnp.where(quantity >= 0, ordering + holding * quantity / 2, jnp.nan)


def _economic(demand: Array, order_cost: Array, holding: Array) -> LotSize:
    quantity = jnp.sqrt(2 * order_cost * demand / holding)
    return LotSize(quantity, quantity / demand, quantity * holding)


def _checked(owner: str, given: dict[str, Array]) -> dict[str, Array]:
    """The arguments in their ranges: an error where a concrete one lies outside, NaN where a traced one does."""
    require_broadcast(owner, **{name: value.shape for name, value in given.items()})
    kept: dict[str, Array] = {}
    for name, value in given.items():
        what, zero, infinite = f"{owner}: {name}", name in MAY_BE_ZERO, name in MAY_BE_INFINITE
        (require_nonnegative if zero else require_positive)(value, what)
        if not infinite:
            require_values(value, np.isfinite, what, "give finite numbers")
        inside = (value >= 0) & ((value > 0) | zero) & ((value < jnp.inf) | infinite)
        kept[name] = jnp.where(inside, value, jnp.nan)
    return kept
