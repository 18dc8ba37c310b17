"""Economic order quantities: one buyer's, with backorders, and the lot that is best for buyer and seller together."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import as_fields, require_nonnegative, require_positive

Values = Float[Array, "..."]


class LotSize(eqx.Module):
    """A lot size: `quantity` [units], `interval` between orders [time], `cost` of ordering and holding [money/time]."""

    quantity: Values
    interval: Values
    cost: Values


def economic_order_quantity(demand: Any, order_cost: Any, holding: Any) -> LotSize:
    r"""The lot $Q = \sqrt{2 K D / h}$ that minimises $K D / Q + h Q / 2 = \sqrt{2 K D h}$.

    **Arguments** (numbers, or arrays that broadcast): `demand` $D$ > 0 [units/time]; `order_cost` $K \ge 0$ [money];
    `holding` $h$ > 0 [money/unit/time].
    **Returns:** a `LotSize`.
    **Errors:** `ValueError` that names the argument.
    **Source:** Harris (1913).

    >>> lot = economic_order_quantity(1000.0, 20.0, 2.0)
    >>> round(float(lot.quantity), 3), round(float(lot.cost), 3)
    (141.421, 282.843)
    """
    given = _checked("economic_order_quantity", demand=demand, order_cost=order_cost, holding=holding)
    quantity = jnp.sqrt(2 * given["order_cost"] * given["demand"] / given["holding"])
    return LotSize(quantity, quantity / given["demand"], quantity * given["holding"])


def backorder_quantity(demand: Any, order_cost: Any, holding: Any, backorder: Any) -> LotSize:
    r"""The lot with planned backorders: $Q = \sqrt{2 K D (h + b) / (h b)}$, of which the share $h / (h + b)$ is late.

    **Arguments:** as for `economic_order_quantity`; `backorder` $b$ > 0 [money/unit/time].
    **Returns:** a `LotSize`, of cost $\sqrt{2 K D h b / (h + b)}$.
    **Errors:** `ValueError` that names the argument.
    **Source:** Hadley and Whitin, Analysis of Inventory Systems (1963), section 2-8.

    >>> round(float(backorder_quantity(1000.0, 20.0, 2.0, 2.0).quantity), 3)
    200.0
    """
    given = _checked("backorder_quantity", demand=demand, order_cost=order_cost, holding=holding, backorder=backorder)
    h, b = given["holding"], given["backorder"]
    cost = jnp.sqrt(2 * given["order_cost"] * given["demand"] * h * b / (h + b))
    quantity = cost * (h + b) / (h * b)
    return LotSize(quantity, quantity / given["demand"], cost)


def joint_lot(demand: Any, order_costs: Any, holdings: Any) -> LotSize:
    r"""The lot that is best for all who set up and hold for it: $\sqrt{2 D \sum K / \sum h}$.

    **Arguments:** `demand` $D$ > 0 [units/time]; `order_costs` $K \ge 0$, `holdings` $h \ge 0$ of buyer, seller and
    so on along the last axis; the holdings' sum must be above zero.
    **Returns:** a `LotSize` with everybody's cost.
    **Errors:** `ValueError` that names the argument.
    **Source:** Kohli and Park (1989); Goyal (1976).

    >>> round(float(joint_lot(1000.0, [20.0, 180.0], [2.0, 0.0]).quantity), 3)
    447.214
    """
    fields = as_fields("joint_lot", demand=demand, order_costs=order_costs, holdings=holdings)
    for name in ("order_costs", "holdings"):
        require_nonnegative(fields[name], f"joint_lot: {name}")
    return economic_order_quantity(
        fields["demand"], jnp.sum(fields["order_costs"], axis=-1), jnp.sum(fields["holdings"], axis=-1)
    )


def lot_cost(demand: Any, order_cost: Any, holding: Any, quantity: Any) -> Values:
    r"""The cost rate $K D / Q + h Q / 2$ of any lot [money/time]; infinite at a lot of zero if orders cost something.

    >>> float(lot_cost(1000.0, 20.0, 2.0, 100.0))
    300.0
    """
    given = as_fields("lot_cost", demand=demand, order_cost=order_cost, holding=holding, quantity=quantity)
    q = given["quantity"]
    some = q > 0
    ordering = given["order_cost"] * given["demand"] / jnp.where(some, q, 1.0)
    never = jnp.where((q == 0) & (given["order_cost"] > 0), jnp.inf, jnp.nan)
    return jnp.where(some, ordering + given["holding"] * q / 2, never)


def _checked(owner: str, **given: Any) -> dict[str, Array]:
    fields = as_fields(owner, **given)
    for name, value in fields.items():
        check = require_nonnegative if name == "order_cost" else require_positive
        check(value, f"{owner}: {name}")
        fields[name] = jnp.where((value >= 0) & ((value > 0) | (name == "order_cost")), value, jnp.nan)
    return fields
