r"""Kohli and Park: buyer and seller agree on the joint lot and on a price between their indifference prices.

The buyer pays $C = p D + A_b D / Q + h_b Q / 2$; the seller earns $\Pi = (p - c) D - A_s D / Q - h_s Q / 2$. The status
quo is the price $p_0$ at the buyer's own lot; holding costs do not depend on the price (where they do, the sum of both
gains depends on it too; ERRATA.md).
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, require_finite, require_kind
from eqsolve._fields import (
    all_nonnegative,
    all_positive,
    as_fields,
    nan_unless,
    require_broadcast,
    require_nonnegative,
    require_positive,
    require_values,
)
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.classic.lot_sizing import cost_rate, economic_order_quantity, joint_lot

Values = Float[Array, "..."]


class LotTrade(eqx.Module):
    r"""A buyer and a seller of one good at constant demand.

    **Arguments** (numbers, or arrays that broadcast): `demand` $D$ > 0 [units/time]; `buyer_order` $A_b$ > 0 and
    `seller_setup` $A_s \ge 0$ [money per lot]; `buyer_holding` $h_b$ > 0 and `seller_holding` $h_s \ge 0$
    [money/unit/time]; `price` $p_0$, `cost` $c$ and `retail_price` $p^r$ [money/unit].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Kohli and Park (1989); Nam (paper 004), section 5.2.

    >>> trade = LotTrade(1000.0, 20.0, 180.0, 2.0, 0.0, price=10.0, cost=6.0, retail_price=14.0)
    >>> agreed = bargain_over_lots(trade)
    >>> round(float(agreed.lowest_price), 2), round(float(agreed.highest_price), 2)
    (9.13, 9.79)
    """

    demand: Values
    buyer_order: Values
    seller_setup: Values
    buyer_holding: Values
    seller_holding: Values
    price: Values
    cost: Values
    retail_price: Values

    def __init__(
        self,
        demand: Any,
        buyer_order: Any,
        seller_setup: Any,
        buyer_holding: Any,
        seller_holding: Any,
        price: Any,
        cost: Any,
        retail_price: Any,
    ):
        given = {"demand": demand, "buyer_order": buyer_order, "seller_setup": seller_setup}
        given |= {"buyer_holding": buyer_holding, "seller_holding": seller_holding}
        given |= {"price": price, "cost": cost, "retail_price": retail_price}
        for name, value in as_fields("LotTrade", **given).items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        for name in ("demand", "buyer_order", "buyer_holding"):
            require_positive(getattr(self, name), f"LotTrade.{name}")
        for name in ("seller_setup", "seller_holding", "price", "cost", "retail_price"):
            require_nonnegative(getattr(self, name), f"LotTrade.{name}")
        require_broadcast("LotTrade", **{name: value.shape for name, value in vars(self).items()})
        require_finite(self, "LotTrade")

    @property
    def _valid(self) -> Bool[Array, "..."]:
        above = all_positive(self.demand, self.buyer_order, self.buyer_holding)
        return above & all_nonnegative(self.seller_setup, self.seller_holding, self.price, self.cost, self.retail_price)

    def buyer_cost(self, price: Any, quantity: Any) -> Values:
        """What the buyer pays, orders and holds for [money/time]; NaN for a negative lot."""
        lot, price = (as_array(x, self.demand.dtype, "buyer_cost: argument") for x in (quantity, price))
        ordering = cost_rate(self.demand, self.buyer_order, self.buyer_holding, lot)
        return nan_unless(self._valid, price * self.demand + ordering)

    def seller_profit(self, price: Any, quantity: Any) -> Values:
        """What the seller earns [money/time]; NaN for a negative lot."""
        lot, price = (as_array(x, self.demand.dtype, "seller_profit: argument") for x in (quantity, price))
        setups = cost_rate(self.demand, self.seller_setup, self.seller_holding, lot)
        return nan_unless(self._valid, (price - self.cost) * self.demand - setups)


class LotAgreement(Tabled):
    r"""What bargaining over lots leads to.

    **Fields:** `own_lot`, `joint_lot` [units]; `status_quo_cost` $C(0)$ of the buyer, `status_quo_profit` $\Pi(0)$ of
    the seller [money/time]. `lowest_price`, `highest_price`: at the joint lot, where the seller, the buyer gains
    nothing; `equal_price`: halfway, the Nash bargaining price. `gain`: of both together [money/time]. `total`
    $T = \Pi + p^r D - C$ at the joint lot; the seller's `share` of it at the equal price, and its range
    `lowest_share`, `highest_share`, inside which both gain.
    """

    own_lot: Values
    joint_lot: Values
    status_quo_cost: Values
    status_quo_profit: Values
    lowest_price: Values
    highest_price: Values
    equal_price: Values
    gain: Values
    total: Values
    lowest_share: Values
    highest_share: Values
    share: Values


def bargain_over_lots(trade: LotTrade, seller_weight: Any = 0.5) -> LotAgreement:
    r"""The joint lot, the range of prices at which both gain, and the agreed price and share.

    **Arguments:** `seller_weight` in [0, 1]: the seller's part of the gain; 1/2 for the Nash solution.
    **Returns:** a `LotAgreement`; for another weight `equal_price` and `share` are those of that weight. NaN where a
    traced number is out of range.
    **Errors:** `ValueError` for a weight outside [0, 1]; `TypeError` for no `LotTrade`.
    **Source:** Kohli and Park (1989); the shares: Nam (paper 004), section 5.2.

    >>> trade = LotTrade(1000.0, 20.0, 180.0, 2.0, 0.0, price=10.0, cost=6.0, retail_price=14.0)
    >>> round(float(bargain_over_lots(trade).gain), 2)
    661.21
    """
    require_kind(trade, LotTrade, "bargain_over_lots: trade")
    weight = as_array(seller_weight, trade.demand.dtype, "bargain_over_lots: seller_weight")
    require_values(weight, lambda w: (w >= 0) & (w <= 1), "bargain_over_lots: seller_weight", "give 0 to 1")
    valid = trade._valid & (weight >= 0) & (weight <= 1)
    return nan_unless(valid, _agreement(trade, weight))


def _agreement(trade: LotTrade, seller_weight: Array) -> LotAgreement:
    own = economic_order_quantity(trade.demand, trade.buyer_order, trade.buyer_holding).quantity
    orders, holdings = trade.buyer_order + trade.seller_setup, trade.buyer_holding + trade.seller_holding
    joint = joint_lot(trade.demand, jnp.stack([orders], axis=-1), jnp.stack([holdings], axis=-1)).quantity
    cost, profit = trade.buyer_cost(trade.price, own), trade.seller_profit(trade.price, own)
    highest = (cost - trade.buyer_cost(0.0, joint)) / trade.demand
    lowest = (profit - trade.seller_profit(0.0, joint)) / trade.demand
    price = lowest + seller_weight * (highest - lowest)
    gain = trade.demand * (highest - lowest)
    total = profit - cost + trade.demand * trade.retail_price + gain
    return LotAgreement(
        own_lot=own,
        joint_lot=joint,
        status_quo_cost=cost,
        status_quo_profit=profit,
        lowest_price=lowest,
        highest_price=highest,
        equal_price=price,
        gain=gain,
        total=total,
        lowest_share=_part(profit, total),
        highest_share=_part(profit + gain, total),
        share=_part(profit + trade.demand * (price - lowest), total),
    )


def _part(amount: Array, total: Array) -> Array:
    """The share of a total; NaN where there is nothing to share."""
    some = total > 0
    return jnp.where(some, amount / jnp.where(some, total, 1.0), jnp.nan)
