r"""A manufacturer and one outlet that orders before demand is known, at a price given from outside.

Under the terms (wholesale price $w$, buy-back $b$, share $\mu$ of revenue to the manufacturer, fee $F$) the outlet is a
newsvendor with price $(1 - \mu) p$, cost $w$ and, for what is left over, $b$ or its share of the salvage value. So a
contract is a choice of three numbers of one newsvendor, and it coordinates where its critical fractile is the chain's.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import as_array, require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_values
from eqsolve._tabled import Tabled
from eqsolve.demand.distribution import Discrete, Distribution
from eqsolve.mechanisms.newsvendor.single import Newsvendor

Values = Float[Array, "*batch"]


class Terms(eqx.Module):
    """What the outlet pays and gets; numbers, or arrays that broadcast to a batch.

    **Arguments:** `wholesale_price`: per unit ordered [money/unit]. `buy_back`: what the outlet gets from the
    manufacturer per unit left over [money/unit], who then salvages it; None where the outlet keeps and salvages it.
    `revenue_share`: the manufacturer's share of all revenue, salvage included, in [0, 1]. `fee`: paid once [money].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.

    >>> float(Terms(6.0, buy_back=4.0).fee)
    0.0
    """

    wholesale_price: Values
    buy_back: Values | None
    revenue_share: Values
    fee: Values

    def __init__(self, wholesale_price: Any, buy_back: Any = None, revenue_share: Any = 0.0, fee: Any = 0.0):
        given = {"wholesale_price": wholesale_price, "buy_back": buy_back, "revenue_share": revenue_share, "fee": fee}
        for name, value in as_fields("Terms", **given).items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        require_values(
            self.revenue_share, lambda x: ~((x < 0) | (x > 1)), "Terms.revenue_share", "give shares between 0 and 1"
        )


class Settlement(Tabled):
    """What a contract brings; `str()` prints a table.

    **Fields:** `order` [units]: the outlet's choice, the smallest best one. `outlet`, `manufacturer`, `chain`: expected
    profits [money] at it. `best_order`, `best_chain`: the chain's own optimum. `efficiency`: chain over best chain
    profit, NaN where the best is not positive.
    """

    order: Values
    outlet: Values
    manufacturer: Values
    chain: Values
    best_order: Values
    best_chain: Values
    efficiency: Values


class Channel(eqx.Module):
    r"""One manufacturer, one outlet, an exogenous retail price.

    **Arguments** (scalars, or arrays that broadcast to a batch):

    - `price` $p$ > 0, `cost` $c$ >= 0 [money/unit].
    - `demand`: a `Distribution` [units].
    - `salvage` $v$: what a unit left over is worth to whoever has it [money/unit].
    - `outlet_penalty` $g_o$, `manufacturer_penalty` $g_m$: goodwill each loses per unit of demand not served, >= 0.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Cachon, Supply chain coordination with contracts (2003), section 2; the newsvendor of paper 003,
    Background.

    >>> from eqsolve.demand.uniform import Uniform
    >>> channel = Channel(price=10.0, cost=4.0, demand=Uniform(50.0, 100.0))
    >>> found = channel.settle(Terms(6.5))
    >>> round(float(found.order), 3), round(float(found.best_order), 3)
    (85.0, 110.0)
    """

    price: Values
    cost: Values
    demand: Distribution
    salvage: Values
    outlet_penalty: Values
    manufacturer_penalty: Values

    def __init__(
        self,
        price: Any,
        cost: Any,
        demand: Distribution,
        salvage: Any = 0.0,
        outlet_penalty: Any = 0.0,
        manufacturer_penalty: Any = 0.0,
    ):
        if not isinstance(demand, Distribution):
            raise TypeError(f"Channel.demand is {demand!r}; give a Distribution such as Uniform(0.0, 100.0).")
        penalties = {"outlet_penalty": outlet_penalty, "manufacturer_penalty": manufacturer_penalty}
        fields = as_fields("Channel", price=price, cost=cost, demand=demand, salvage=salvage, **penalties)
        for name, value in fields.items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        require_finite(self, "Channel")
        for name in ("price", "cost", "outlet_penalty", "manufacturer_penalty"):
            require_nonnegative(getattr(self, name), f"Channel.{name}")

    def integrated(self) -> Newsvendor:
        """Return the chain as one newsvendor, who bears both penalties."""
        penalty = self.outlet_penalty + self.manufacturer_penalty
        return Newsvendor(self.price, self.cost, self.demand, self.salvage, self._unless_bad(penalty))

    def outlet(self, terms: Terms) -> Newsvendor:
        """Return the outlet as a newsvendor under these terms, before the fee."""
        kept = self._kept(terms.revenue_share)
        return Newsvendor(
            kept * self.price,
            self._unless_bad(terms.wholesale_price),
            self.demand,
            self.left_over_value(terms.buy_back, terms.revenue_share),
            self.outlet_penalty,
        )

    def left_over_value(self, buy_back: Any = None, revenue_share: Any = 0.0) -> Values:
        """Return what a unit left over brings the outlet [money/unit]."""
        if buy_back is None:
            return self._kept(revenue_share) * self.salvage
        return as_array(buy_back, self.price.dtype, "Channel: buy_back")

    def coordinating_terms(self, buy_back: Any = None, revenue_share: Any = 0.0, fee: Any = 0.0) -> Terms:
        r"""Return the terms whose wholesale price makes the chain's best order the outlet's.

        $w = s P + (1 - s) B$ with the outlet's value $P = (1 - \mu) p + g_o$ of a unit in demand, its value $B$ of a
        unit left over, and the chain's best stock-out probability $s = (c - v) / (p + g_o + g_m - v)$. At
        $P = B$ the outlet is indifferent to its order.

        **Arguments:** `buy_back`, `revenue_share`, `fee` as in `Terms`.
        **Errors:** `ValueError` for $P < B$, where larger orders always pay; NaN where these are traced.
        """
        stockout = 1 - self.integrated().critical_fractile()
        sold = self._kept(revenue_share) * self.price + self.outlet_penalty
        left = self.left_over_value(buy_back, revenue_share)
        gain = _gain(sold, left)
        return Terms(left + stockout * gain, buy_back, revenue_share, fee)

    def supporting_wholesale_prices(
        self, order: Any, buy_back: Any = None, revenue_share: Any = 0.0
    ) -> tuple[Values, Values]:
        r"""Return the lowest and the highest wholesale price at which `order` is a best order of the outlet.

        $[B + (P - B) P(D > y),\; B + (P - B) P(D \ge y)]$ with $P$ and $B$ as in `coordinating_terms`. The two are one
        number where demand is continuous, and an interval at a value that demand takes with positive probability. The
        highest is infinite for an order of zero, and both are NaN for a negative one.

        **Source:** Krishnan and Winter (paper 003), Background, for demand whose support is no interval.

        >>> from eqsolve.demand.finite import DiscreteTable
        >>> channel = Channel(10.0, 4.0, DiscreteTable([20.0, 50.0, 80.0, 120.0], [0.2, 0.3, 0.35, 0.15]))
        >>> [round(float(w), 6) for w in channel.supporting_wholesale_prices(80.0)]
        [1.5, 5.0]
        """
        order = as_array(order, self.price.dtype, "Channel: order")
        above = self.demand.sf(order)
        at = self.demand.pmf(order) if isinstance(self.demand, Discrete) else jnp.zeros_like(above)
        left = self.left_over_value(buy_back, revenue_share)
        sold = self._kept(revenue_share) * self.price + self.outlet_penalty
        gain = jnp.where(order >= 0, _gain(sold, left), jnp.nan)
        low, high = left + gain * above, left + gain * (above + at)
        return low, jnp.where(order == 0, jnp.where(jnp.isnan(gain), gain, jnp.inf), high)

    def settle(self, terms: Terms, order: Any = None) -> Settlement:
        """Return profits and efficiency under any terms.

        **Arguments:** `order`: what is stocked [units]; None for the outlet's best order.
        """
        outlet, chain = self.outlet(terms), self.integrated()
        order = outlet.order() if order is None else as_array(order, self.price.dtype, "Channel: order")
        best = chain.order()
        together, most = chain.profit(order), chain.profit(best)
        earned = outlet.profit(order) - terms.fee
        worth = most > 0
        return Settlement(
            order=order,
            outlet=earned,
            manufacturer=together - earned,
            chain=together,
            best_order=best,
            best_chain=most,
            efficiency=jnp.where(worth, together / jnp.where(worth, most, 1.0), jnp.nan),
        )

    def _kept(self, revenue_share: Any) -> Values:
        share = as_array(revenue_share, self.price.dtype, "Channel: revenue_share")
        return jnp.where((share >= 0) & (share <= 1), 1 - share, jnp.nan)

    def _unless_bad(self, value: Values) -> Values:
        """`value`, NaN where a traced price, cost or penalty is out of range."""
        penalties = (self.outlet_penalty >= 0) & (self.manufacturer_penalty >= 0)
        return jnp.where((self.price >= 0) & (self.cost >= 0) & penalties, value, jnp.nan)


def _gain(sold: Values, left: Values) -> Values:
    """What the outlet gains where a unit meets demand rather than being left over; raises or is NaN below zero."""
    what = "Channel: the outlet's value of a unit in demand less that of a unit left over"
    require_values(sold - left, lambda x: ~(x < 0), what, "give a lower buy-back or a smaller share of revenue")
    return jnp.where(sold >= left, sold - left, jnp.nan)
