r"""Cachon and Lariviere's revenue sharing: the manufacturer sells at $w = (1 - \mu) c$ and takes $\mu$ of all revenue.

The outlet's profit is then $(1 - \mu)$ times the chain's at every order, and at every price where the outlet sets that
as well; so it wants what the chain wants. A buy-back does the same at one fixed price only.
"""

from typing import Any, TypeVar

import jax.numpy as jnp

from eqsolve._checks import as_array
from eqsolve._fields import require_values
from eqsolve.mechanisms.classic.channel import Channel, Terms
from eqsolve.mechanisms.newsvendor.price_setting import AdditivePriceSetting, MultiplicativePriceSetting

PriceSetter = TypeVar("PriceSetter", AdditivePriceSetting, MultiplicativePriceSetting)


def revenue_sharing_terms(channel: Channel, revenue_share: Any) -> Terms:
    r"""Return the revenue-sharing terms that coordinate the order; $w = (1 - \mu) c$ without goodwill penalties.

    **Arguments:** `revenue_share` $\mu$: the manufacturer's share of all revenue, in [0, 1]; at 1 the outlet is
    indifferent to its order.
    **Returns:** `Terms`; `channel.settle` says how they divide the profit: without penalties the outlet gets
    $1 - \mu$ of it. With a penalty of its own the outlet fears stock-outs more than its share of revenue says, and the
    wholesale price is higher accordingly.
    **Source:** Cachon and Lariviere, Supply chain coordination with revenue-sharing contracts, *Management Science* 51
    (2005).

    >>> from eqsolve.demand.uniform import Uniform
    >>> channel = Channel(10.0, 4.0, Uniform(50.0, 100.0))
    >>> terms = revenue_sharing_terms(channel, 0.4)
    >>> round(float(terms.wholesale_price), 4), round(float(channel.settle(terms).outlet), 3)
    (2.4, 288.0)
    """
    return channel.coordinating_terms(revenue_share=as_array(revenue_share, channel.price.dtype, "revenue_share"))


def equivalent_buy_back(channel: Channel, terms: Terms) -> Terms:
    r"""Return the buy-back terms that pay every party the same as revenue sharing, whatever is ordered and demanded.

    $b = \mu p + (1 - \mu) v$ and $w_b = w + \mu p$: the share of every unit's price is paid when it is bought and given
    back where it is not sold. So they are equivalent at this price only.

    **Arguments:** `terms`: without a buy-back.
    **Errors:** `ValueError` where `terms` have a buy-back already.
    **Source:** Cachon and Lariviere (2005).

    >>> from eqsolve.demand.uniform import Uniform
    >>> channel = Channel(10.0, 4.0, Uniform(50.0, 100.0))
    >>> found = equivalent_buy_back(channel, revenue_sharing_terms(channel, 0.4))
    >>> round(float(found.wholesale_price), 4), round(float(found.buy_back), 4)
    (6.4, 4.0)
    """
    if terms.buy_back is not None:
        raise ValueError(f"equivalent_buy_back: the terms have a buy-back of {terms.buy_back}; give terms without one.")
    royalty = terms.revenue_share * channel.price
    back = royalty + channel.left_over_value(None, terms.revenue_share)
    return Terms(terms.wholesale_price + royalty, back, 0.0, terms.fee)


def price_setting_outlet(chain: PriceSetter, terms: Terms) -> PriceSetter:
    r"""Return the price-setting outlet that a chain's contract makes, in units of the revenue that it keeps.

    The outlet earns $(1 - \mu)$ times the profit of the newsvendor returned (less the fee): one with cost
    $w / (1 - \mu)$ and, under a buy-back, salvage value $b / (1 - \mu)$. The outlet bears the same share of goodwill
    penalties as of revenue. At $w = (1 - \mu) c$ without buy-back it is the chain itself: revenue sharing coordinates
    price and order. With $b > v$ it is another newsvendor, whose price is not the chain's.

    **Arguments:** `chain`: an `AdditivePriceSetting` or `MultiplicativePriceSetting` with the chain's cost, salvage and
    penalty. `terms`: with a share below 1.
    **Returns:** the same kind of newsvendor; `solve()` it, and value its plan with `chain.profit(plan.price,
    plan.factor)`.
    **Errors:** `ValueError` at a share of 1, where the outlet has no reason to act (NaN where it is traced), and
    those of the newsvendor, as for a buy-back of the wholesale price or more.
    **Source:** Cachon and Lariviere (2005); Petruzzi and Dada (1999) for the newsvendor.

    >>> from eqsolve.demand.uniform import Uniform
    >>> chain = AdditivePriceSetting(12.0, 1.0, cost=2.0, noise=Uniform(-3.0, 6.0))
    >>> round(float(price_setting_outlet(chain, Terms(1.2, revenue_share=0.4)).solve().price), 4)
    6.873
    """
    kept = 1 - terms.revenue_share
    require_values(kept, lambda x: ~(x <= 0), "price_setting_outlet: 1 - revenue_share", "give a share below 1")
    some = kept > 0
    share = jnp.where(some, kept, 1.0)
    cost = jnp.where(some, terms.wholesale_price / share, jnp.nan)
    salvage = chain.salvage if terms.buy_back is None else terms.buy_back / share
    return type(chain)(chain.intercept, chain.slope, cost, chain.noise, salvage, chain.penalty)
