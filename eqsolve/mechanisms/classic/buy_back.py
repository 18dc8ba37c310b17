r"""Pasternack's buy-back: the manufacturer takes back what is left over at $b$, and its wholesale price rises with $b$.

Under $w = s (p + g_o) + (1 - s) b$, where $s$ is the chain's best stock-out probability, what the outlet gains from a
unit in demand and loses on a unit left over are the chain's, both times

$$\lambda = \frac{p + g_o - b}{p + g_o + g_m - v}.$$

So it orders what is best for the chain, and expected profits are $\lambda (\Pi + g E D) - g_o E D$ for the outlet, with
$g = g_o + g_m$, and the rest of $\Pi$ for the manufacturer: $b$ divides the profit.
"""

from typing import Any

import jax.numpy as jnp

from eqsolve._checks import as_array
from eqsolve._fields import require_values
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.classic.channel import Channel, Terms, Values


class BuyBack(Tabled):
    r"""A coordinating buy-back contract and how it divides the profit; `str()` prints a table.

    **Fields:** `wholesale_price` $w$, `buy_back` $b$ [money/unit]. `share` $\lambda$: of the chain's gains and losses
    that the outlet bears. `order` [units]. `outlet`, `manufacturer`, `chain`: expected profits [money] at it. `strict`:
    whether the order is the outlet's only best one up to flat pieces of the demand's cdf ($\lambda > 0$); at
    $b = w = p + g_o$ every order is as good.
    """

    wholesale_price: Values
    buy_back: Values
    share: Values
    order: Values
    outlet: Values
    manufacturer: Values
    chain: Values
    strict: Values

    @property
    def terms(self) -> Terms:
        """The contract as terms of the channel."""
        return Terms(self.wholesale_price, self.buy_back)


def buy_back_contract(channel: Channel, buy_back: Any) -> BuyBack:
    r"""Return the coordinating contract with a given buy-back: Pasternack's menu.

    **Arguments:** `buy_back` $b$ [money/unit], up to $p + g_o$; a batch is a menu. Above $v - g_m$ the outlet
    bears less than the whole risk; below, a unit left over costs it more than it costs the chain.
    **Returns:** a `BuyBack`; NaN for a chain that orders without limit. The wholesale price exceeds the
    buy-back, so that buying to return never pays, wherever $b < p + g_o$ and $c > v$.
    **Errors:** `ValueError` for $b > p + g_o$, where larger orders always pay; NaN where it is traced.
    **Source:** Pasternack, Optimal pricing and return policies for perishable commodities, *Marketing Science* 4
    (1985), with partial credit for all units; Krishnan and Winter (paper 003), Proposition 2(b), for one
    outlet.

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = buy_back_contract(Channel(10.0, 4.0, Uniform(50.0, 100.0)), 5.0)
    >>> round(float(found.wholesale_price), 4), round(float(found.outlet), 3), round(float(found.manufacturer), 3)
    (7.0, 240.0, 240.0)
    """
    terms = channel.coordinating_terms(as_array(buy_back, channel.price.dtype, "buy_back_contract: buy_back"))
    assert terms.buy_back is not None
    share = _share(channel, terms.buy_back)
    order = channel.integrated().order()
    found = channel.settle(terms, jnp.where(jnp.isfinite(order) & (share >= 0), order, jnp.nan))
    return BuyBack(
        wholesale_price=terms.wholesale_price,
        buy_back=terms.buy_back,
        share=share,
        order=found.order,
        outlet=found.outlet,
        manufacturer=found.manufacturer,
        chain=found.chain,
        strict=share > 0,
    )


def buy_back_for_profit(channel: Channel, outlet_profit: Any) -> BuyBack:
    r"""Return the coordinating buy-back contract that leaves the outlet a given expected profit.

    **Arguments:** `outlet_profit` [money]: above $-g_o E D$, which is what is left at the highest buy-back. From
    $\lambda = (\pi + g_o E D) / (\Pi + g E D)$.
    **Returns:** as `buy_back_contract`; NaN where the chain has nothing to divide.
    **Errors:** `ValueError` for less profit than that; NaN where it is traced.
    **Source:** Pasternack (1985), as above: any division of the profit.

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = buy_back_for_profit(Channel(10.0, 4.0, Uniform(50.0, 100.0)), 120.0)
    >>> round(float(found.buy_back), 4), round(float(found.outlet), 2)
    (7.5, 120.0)
    """
    profit = as_array(outlet_profit, channel.price.dtype, "buy_back_for_profit: outlet_profit")
    chain = channel.integrated()
    mean = channel.demand.mean()
    divided = chain.profit(chain.order()) + chain.penalty * mean
    some = divided > 0
    share = (profit + channel.outlet_penalty * mean) / jnp.where(some, divided, 1.0)
    width = channel.price + chain.penalty - channel.salvage
    top = channel.price + channel.outlet_penalty
    require_values(
        share,
        lambda x: ~(x < 0),
        "buy_back_for_profit: the outlet's share of the chain's gains and losses",
        "give a higher outlet profit",
    )
    return buy_back_contract(channel, jnp.where(some & (share >= 0), top - share * width, jnp.nan))


def _share(channel: Channel, buy_back: Values) -> Values:
    chain = channel.integrated()
    width = chain.price + chain.penalty - chain.salvage
    gain = chain.price + channel.outlet_penalty - buy_back
    return jnp.where(width > 0, gain / jnp.where(width > 0, width, 1.0), jnp.nan)
