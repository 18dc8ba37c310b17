r"""What outlets sell beyond some level, on which quantity flexibility and sales rebates depend.

An outlet's customers do not depend on its own stock, so of its sales $t = \min(y, D)$ the part beyond $z \le y$ is

$$E(t - z)^+ = E \min(y, D) - E \min(z, D),$$

the second term being its expected sales if it had only $z$ in stock and its rival what it has.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.demand import Pair, VerticalDemand
from eqsolve.mechanisms.vertical.sales import ExpectedSales, Table, expected_sales


class Units(eqx.Module):
    """An expected number of units per outlet, with its slopes in price or stock k at `[i, k]`."""

    value: Pair
    d_price: Table
    d_stock: Table


class Counted(eqx.Module):
    """Units that a contract counts besides orders and sales; None where the contract has no such instrument.

    **Fields** [units]: `returned` under quantity flexibility; `rewarded` by a sales rebate.
    """

    returned: Units | None
    rewarded: Units | None


def counted_units(
    contract: Contract, demand: VerticalDemand, price: Pair, stock: Pair, found: ExpectedSales
) -> Counted:
    """What the contract counts at these prices and stocks, where `found` are the sales there."""
    returned = rewarded = None
    if contract.flexibility is not None:
        share = jnp.broadcast_to(contract.flexibility, (2,))
        beyond = sales_beyond(demand, price, stock, found, (1 - share) * stock, 1 - share)
        # what may be returned and is not, was sold beyond the part that must be kept
        returned = Units(share * stock - beyond.value, -beyond.d_price, jnp.diag(share) - beyond.d_stock)
    if contract.rebate_from is not None:
        target = jnp.broadcast_to(contract.rebate_from, (2,))
        short = stock < target
        level = jnp.where(short, stock, target)
        rewarded = sales_beyond(demand, price, stock, found, level, short.astype(stock.dtype))
    return Counted(returned, rewarded)


def sales_beyond(
    demand: VerticalDemand, price: Pair, stock: Pair, found: ExpectedSales, level: Pair, rate: Pair
) -> Units:
    r"""Expected sales of each outlet beyond a level.

    **Arguments:** `found`: sales at these prices and stocks. `level` $z \le y$ [units] and `rate` $dz_i / dy_i$: one
    entry per outlet.
    **Returns:** `Units`, with slopes that take the level along; differentiable again.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import LinearDemand
    >>> demand = LinearDemand(10.0, 1.0, 0.0, 0.0, shocks=Uniform(-3.0, 6.0))  # from 1 to 7 at a price of 6
    >>> price, stock = jnp.array([6.0, 6.0]), jnp.array([7.0, 7.0])
    >>> found = expected_sales(demand, price, stock)
    >>> beyond = sales_beyond(demand, price, stock, found, jnp.array([1.0, 4.0]), jnp.zeros(2))
    >>> [round(float(units), 3) for units in beyond.value]
    [3.0, 0.75]
    """
    own = jnp.eye(2, dtype=bool)
    # row i: outlet i has its level, the rival its stock; of each row only that outlet is of interest
    capped = jax.vmap(lambda stocks: expected_sales(demand, price, stocks))(jnp.where(own, level, stock))
    slopes = _own_rows(capped.d_stock)
    return Units(
        value=found.sales - jnp.diagonal(capped.sales),
        d_price=found.d_price - _own_rows(capped.d_price),
        d_stock=found.d_stock - jnp.where(own, rate[:, None] * slopes, slopes),
    )


def _own_rows(tables: Float[Array, "2 2 2"]) -> Table:
    """Row i of table i."""
    return jnp.diagonal(tables).T
