r"""Weng: a buyer who sets the retail price and the lot, and a seller who sets the wholesale price.

With linear demand $D(x) = a - b x$ and the best lot, whoever decides maximises
$(x - w) D - k \sqrt D$ with $k = \sqrt{2 S h}$. In $s = \sqrt D$ the first-order condition is the cubic
$s^3 - \frac{b m}{2} s + \frac{b k}{4} = 0$ with $m = a/b - w$; its largest root is the maximum, or nothing is sold. The
seller who anticipates the buyer's answer solves the same problem with $b/2$ in place of $b$.
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
)
from eqsolve._tabled import Tabled

Values = Float[Array, "..."]


class DiscountChannel(eqx.Module):
    r"""Seller and buyer with set-up and holding costs, and demand $D(x) = a - b x$ at the retail price $x$.

    The seller earns $(p - c) D - S_s D / Q - h_s Q / 2$, the buyer $(x - p) D - S_b D / Q - h_b Q / 2$.

    **Arguments** (numbers, or arrays that broadcast): `intercept` $a$ > 0 [units/time], `slope` $b$ > 0; `cost`
    $c \ge 0$ [money/unit]; `buyer_order` $S_b$ > 0, `seller_setup` $S_s \ge 0$ [money per lot]; `buyer_holding`
    $h_b$ > 0, `seller_holding` $h_s \ge 0$ [money/unit/time].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Weng (1995); Nam (paper 004), section 5.3.

    >>> channel = DiscountChannel(600.0, 12.0, 10.0, 40.0, 200.0, 2.0, 1.0)
    >>> deal = coordinate_by_share(channel, wholesale_price=26.0)
    >>> round(float(deal.lowest_share), 4), round(float(deal.highest_share), 4)
    (0.4364, 0.626)
    """

    intercept: Values
    slope: Values
    cost: Values
    buyer_order: Values
    seller_setup: Values
    buyer_holding: Values
    seller_holding: Values

    def __init__(
        self,
        intercept: Any,
        slope: Any,
        cost: Any,
        buyer_order: Any,
        seller_setup: Any,
        buyer_holding: Any,
        seller_holding: Any,
    ):
        given = {"intercept": intercept, "slope": slope, "cost": cost}
        given |= {"buyer_order": buyer_order, "seller_setup": seller_setup}
        given |= {"buyer_holding": buyer_holding, "seller_holding": seller_holding}
        for name, value in as_fields("DiscountChannel", **given).items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        for name in ("intercept", "slope", "buyer_order", "buyer_holding"):
            require_positive(getattr(self, name), f"DiscountChannel.{name}")
        for name in ("cost", "seller_setup", "seller_holding"):
            require_nonnegative(getattr(self, name), f"DiscountChannel.{name}")
        require_broadcast("DiscountChannel", **{name: value.shape for name, value in vars(self).items()})
        require_finite(self, "DiscountChannel")

    @property
    def _valid(self) -> Bool[Array, "..."]:
        above = all_positive(self.intercept, self.slope, self.buyer_order, self.buyer_holding)
        return above & all_nonnegative(self.cost, self.seller_setup, self.seller_holding)


class Trade(Tabled):
    """One way of trading: `retail_price` [money/unit], `lot` [units], `demand` [units/time], profits [money/time].

    Where nothing is worth selling, demand, lot and profits are zero and the retail price is the one that ends demand.
    """

    retail_price: Values
    lot: Values
    demand: Values
    buyer: Values
    seller: Values

    @property
    def joint(self) -> Values:
        """Both profits together [money/time]."""
        return self.buyer + self.seller


class SharedChannel(Tabled):
    r"""Trade as it is, as it is best for both, and the seller's shares of joint profit at which both gain.

    **Fields:** `wholesale_price` $p$; `separate`: the trade it leads to; `together`: the best for both.
    `lowest_share` $G_s / G_j$ and `highest_share` $1 - G_b / G_j$: the SELLER's share $q$ of $V_1 + V_2$ (the paper
    prints the buyer's; ERRATA.md). NaN where joint profit is zero.
    """

    wholesale_price: Values
    separate: Trade
    together: Trade
    lowest_share: Values
    highest_share: Values


def coordinate_by_share(channel: DiscountChannel, wholesale_price: Any = None) -> SharedChannel:
    r"""Compare separate decisions with joint ones, and find the shares of joint profit at which both gain.

    **Arguments:** `wholesale_price` $p \ge 0$ [money/unit]; None for the one that is best for a seller who anticipates
    the buyer's answer (Stackelberg).
    **Returns:** a `SharedChannel`, differentiable and batched; NaN where a traced number is out of range.
    **Errors:** `ValueError` for a negative price; `TypeError` for no `DiscountChannel`.
    **Source:** Weng (1995), with the seller's band corrected (ERRATA.md).

    >>> channel = DiscountChannel(600.0, 12.0, 10.0, 40.0, 200.0, 2.0, 1.0)
    >>> round(float(coordinate_by_share(channel).wholesale_price), 2)  # the seller's best
    30.37
    """
    require_kind(channel, DiscountChannel, "coordinate_by_share: channel")
    valid = channel._valid
    if wholesale_price is None:
        price, demand = _leader(channel)
    else:
        price = as_array(wholesale_price, channel.cost.dtype, "coordinate_by_share: wholesale_price")
        require_nonnegative(price, "coordinate_by_share: wholesale_price")
        valid &= price >= 0
        demand = _best_demand(channel, channel.slope, price, _buyer_rate(channel))
    separate = _trade(channel, price, demand, channel.buyer_order, channel.buyer_holding)
    orders = channel.buyer_order + channel.seller_setup
    holdings = channel.buyer_holding + channel.seller_holding
    sold = _best_demand(channel, channel.slope, channel.cost, jnp.sqrt(2 * orders * holdings))
    together = _trade(channel, price, sold, orders, holdings)
    some = together.joint > 0
    joint = jnp.where(some, together.joint, 1.0)
    low = jnp.where(some, separate.seller / joint, jnp.nan)
    high = jnp.where(some, 1 - separate.buyer / joint, jnp.nan)
    return nan_unless(valid, SharedChannel(price, separate, together, low, high))


def _buyer_rate(channel: DiscountChannel) -> Array:
    return jnp.sqrt(2 * channel.buyer_order * channel.buyer_holding)


def _best_demand(channel: DiscountChannel, slope: Array, cost: Array, rate: Array) -> Array:
    r"""The demand that maximises $(m - D / b) D - k \sqrt D$, zero where that is not worth anything."""
    margin = channel.intercept / channel.slope - cost
    wide = jnp.where(margin > 0, slope * margin / 6, 1.0)
    angle = -slope * rate / (8 * wide**1.5)
    real = (margin > 0) & (angle >= -1)
    root = 2 * jnp.sqrt(wide) * jnp.cos(jnp.arccos(jnp.where(real, angle, 0.0)) / 3)
    demand = root**2
    worth = (margin - demand / slope) * demand - rate * root
    chosen = jnp.where(real & (worth > 0), demand, 0.0)
    return jnp.where(jnp.isnan(margin + slope + rate), jnp.nan, chosen)


def _leader(channel: DiscountChannel) -> tuple[Array, Array]:
    """The wholesale price and demand that are best for the seller; the buyer must find trade worth its while."""
    rate = _buyer_rate(channel)
    ratio = jnp.sqrt(channel.buyer_holding / (2 * channel.buyer_order))
    setups = channel.seller_setup * ratio + channel.seller_holding / (2 * ratio)
    wanted = _best_demand(channel, channel.slope / 2, channel.cost, rate / 2 + setups)
    least = (channel.slope * rate / 2) ** (2 / 3)  # below, the buyer would rather not trade
    demand = jnp.maximum(wanted, least)
    end = channel.intercept / channel.slope
    price = end - 2 * demand / channel.slope - rate / (2 * jnp.sqrt(demand))
    earned = (price - channel.cost) * demand - setups * jnp.sqrt(demand)
    trades = (earned > 0) | jnp.isnan(earned)
    return jnp.where(trades, price, end), jnp.where(trades, demand, 0.0)


def _trade(channel: DiscountChannel, price: Array, demand: Array, order: Array, holding: Array) -> Trade:
    """What both earn at this demand and at the lot that is best for these costs."""
    retail = (channel.intercept - demand) / channel.slope
    some = demand > 0
    lot = jnp.sqrt(2 * order * jnp.where(some, demand, 1.0) / holding)
    often = demand / lot
    buyer = (retail - price) * demand - channel.buyer_order * often - channel.buyer_holding * lot / 2
    seller = (price - channel.cost) * demand - channel.seller_setup * often - channel.seller_holding * lot / 2

    def kept(value: Array) -> Array:
        return jnp.where(some | jnp.isnan(demand), value, 0.0)

    return Trade(retail, kept(lot), demand, kept(buyer), kept(seller))
