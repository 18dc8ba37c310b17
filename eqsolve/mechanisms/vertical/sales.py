r"""Expected sales of two outlets that send each other the customers whom they turn away, with exact slopes.

Slopes are differentiated under the integral, $dE t_i / dx = E[dD_i / dx;\, D_i < y_i]$, so they need no second rule.
"""

from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.demand.joint import Independent, JointDiscrete, JointDistribution
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical._added import AddedMeeting
from eqsolve.mechanisms.vertical._laws import common_nodes
from eqsolve.mechanisms.vertical._meeting import Meeting
from eqsolve.mechanisms.vertical._scenarios import scenario_sales
from eqsolve.mechanisms.vertical.demand import Pair, Parts, SteadyParts, VerticalDemand

Table = Float[Array, "2 2"]


class ExpectedSales(Tabled):
    r"""Expected sales at given prices and stocks, and their slopes.

    **Fields:** `sales` $E t_i$ [units] and `stockout` $P(D_i \ge y_i)$, one entry per outlet; `d_price`, `d_stock`:
    the derivative of outlet i's expected sales in price or stock k, at `[i, k]`. At kinks (stocks that equal a possible
    demand, prices where a market changes its shape) slopes are those for a rising stock and of one side in prices.
    """

    sales: Pair
    d_price: Table
    d_stock: Table
    stockout: Pair


def expected_sales(model: Any, price: Any, stock: Any) -> ExpectedSales:
    r"""Expected sales of both outlets with their slopes in prices and stocks.

    **Arguments:** `model`: a demand model, or a `VerticalMarket` with one. `price` [money/unit] and `stock` [units]:
    one entry per outlet.
    **Returns:** `ExpectedSales`. Values are exact for finite laws and accurate to 1e-10 of demand for uniform and
    normal shocks, to about 1e-8 for other continuous laws; all are differentiable again, in everything.
    **Errors:** `ValueError` for other shapes. Invalid traced parameters and NaN give NaN.
    **Source:** Krishnan and Winter (paper 003), equation (6) and the derivatives in (9) and (10).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import LinearDemand
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> found = expected_sales(demand, [8.0, 8.0], [7.0, 7.0])
    >>> [round(float(sales), 2) for sales in found.sales]
    [5.71, 5.71]
    """
    demand = model if isinstance(model, VerticalDemand) else getattr(model, "demand", None)
    if not isinstance(demand, VerticalDemand):
        raise TypeError(f"expected_sales: model is {model!r}; give a demand model or a VerticalMarket.")
    dtype = demand.shocks.dtype
    price, stock = jnp.asarray(price, dtype), jnp.asarray(stock, dtype)
    for name, value in (("price", price), ("stock", stock)):
        if value.shape != (2,):
            raise ValueError(f"expected_sales: {name} has shape {value.shape}; give one number per outlet: [2].")
    found = _sales(demand, price, stock)
    valid = demand._valid & ~jnp.any(jnp.isnan(price) | jnp.isnan(stock))
    return jax.tree.map(lambda value: jnp.where(valid, value, jnp.nan), found)


def _sales(demand: VerticalDemand, price: Pair, stock: Pair) -> ExpectedSales:
    if isinstance(demand.shocks, JointDiscrete):
        return ExpectedSales(*scenario_sales(demand, price, stock))

    def at(common: Array | None) -> ExpectedSales:
        return _given_common(demand, price, stock, common)

    if demand.common is None:
        return at(None)
    shocks, weights = common_nodes(demand.common)
    values = jax.vmap(at, out_axes=-1)(shocks)
    return jax.tree.map(lambda value: jnp.sum(weights * value, axis=-1), values)


def _given_common(demand: VerticalDemand, price: Pair, stock: Pair, common: Array | None) -> ExpectedSales:
    def twice(p: Pair) -> tuple[Parts, Parts]:
        parts = demand.parts(p, common)
        return parts, parts

    moves, parts = jax.jacfwd(twice, has_aux=True)(price)
    if _is_steady(demand.shocks, parts):
        first, second = (AddedMeeting(demand.shocks, parts, moves, stock, outlet) for outlet in (0, 1))
    else:
        first, second = (Meeting(demand.shocks, parts, moves, stock, outlet) for outlet in (0, 1))
    return ExpectedSales(
        sales=jnp.stack([first.sales(), second.sales()]),
        d_price=jnp.stack([jnp.stack([meeting.price_slope(k) for k in (0, 1)]) for meeting in (first, second)]),
        d_stock=jnp.stack([jnp.stack([first.own(), first.cross()]), jnp.stack([second.cross(), second.own()])]),
        stockout=jnp.stack([first.stockout(), second.stockout()]),
    )


def _is_steady(shocks: JointDistribution, parts: Parts) -> TypeGuard[Independent]:
    """Whether the faster integrals apply."""
    if not isinstance(parts, SteadyParts) or not isinstance(shocks, Independent):
        return False
    return all(isinstance(law, Uniform | Normal) for law in shocks.marginals)
