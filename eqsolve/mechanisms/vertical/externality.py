r"""Why an outlet's marginal profit differs from the chain's: the vertical and the horizontal externality.

A decision of outlet i changes what the manufacturer gets from i (the vertical externality) and what i's rival earns,
the manufacturer's part of it included (the horizontal one):

$$\frac{d\pi_i}{dx_i} = \frac{d\Pi}{dx_i} - \frac{dM_i}{dx_i} - \frac{d(\pi_j + M_j)}{dx_i}.$$
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tables import is_traced, number, table
from eqsolve.mechanisms.vertical.beyond import Units, counted_units
from eqsolve.mechanisms.vertical.demand import Pair
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.sales import ExpectedSales, expected_sales


class Externality(eqx.Module):
    r"""One decision of each outlet: what it does to whom, per unit of the decision; one entry per outlet.

    **Fields** [money per unit of the decision]: `collective` $d\Pi/dx_i$; `private` $d\pi_i/dx_i$; `vertical` and
    `horizontal`, which make up the difference: private = collective + vertical + horizontal. `unit_price`,
    `buy_back`, `royalty`, `revenue_royalty`, `flexibility` and `rebate` are the parts of the vertical one.
    """

    collective: Pair
    private: Pair
    vertical: Pair
    horizontal: Pair
    unit_price: Pair
    buy_back: Pair
    royalty: Pair
    revenue_royalty: Pair
    flexibility: Pair
    rebate: Pair


class Externalities(eqx.Module):
    """The externalities of both decisions, prices and stocks; `str()` prints a table."""

    price: Externality
    stock: Externality

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        header = ("outlet", "decision", "collective", "vertical", "horizontal", "private")
        rows = [
            (str(outlet + 1), name, *(number(value[outlet]) for value in _shown(found)))
            for outlet in (0, 1)
            for name, found in (("price", self.price), ("stock", self.stock))
        ]
        return table(header, rows)


def _shown(found: Externality) -> tuple[Array, Array, Array, Array]:
    return found.collective, found.vertical, found.horizontal, found.private


def externalities(market: VerticalMarket, price: Float[Array, "2"], stock: Float[Array, "2"]) -> Externalities:
    r"""The externalities of every outlet's price and stock at any prices and stocks, under the market's contract.

    **Arguments:** `price` [money/unit] and `stock` [units]: one entry per outlet.
    **Returns:** `Externalities`. With $w$, $b$, $r$, $\mu$ the vertical ones are

    $$\text{stock:}\; -(w - c) + b (1 - \tfrac{dEt_i}{dy_i}) - (r + \mu p_i) \tfrac{dEt_i}{dy_i}, \qquad
    \text{price:}\; -(b + r) \tfrac{dEt_i}{dp_i} - \mu \tfrac{d(p_i Et_i)}{dp_i},$$

    and the horizontal ones $-(p_j - v_j) dEt_j/dx_i$ with salvage value $v$. Flexibility and rebate add to the vertical
    ones what a unit returned or rewarded pays times how many more of them there are. At kinks the slopes are those of
    one side.
    **Errors:** `ValueError` for other shapes and for a market with goodwill, which these terms leave out.
    **Source:** Krishnan and Winter (paper 003), equations (9) to (12), (16) and (17); ERRATA.md on the sign in (11).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> market = VerticalMarket(demand, cost=2.0, contract=Contract(3.0), highest_price=14.0)
    >>> found = externalities(market, [8.0, 8.0], [7.0, 7.0])
    >>> found.stock.vertical.tolist(), found.price.vertical.tolist()
    ([-1.0, -1.0], [0.0, 0.0])
    """
    require_no_goodwill(market, "externalities")
    sales = expected_sales(market, price, stock)
    price = jnp.asarray(price, sales.sales.dtype)
    contract = market.contract
    royalty, share = contract.royalty, contract.revenue_royalty
    by_price, by_stock = jnp.diagonal(sales.d_price), jnp.diagonal(sales.d_stock)
    eased, rewarded = _tiered(market, price, jnp.asarray(stock, price.dtype), sales)
    return Externalities(
        price=_externality(
            market,
            price,
            slope=sales.d_price,
            gained=sales.sales,
            spent=jnp.zeros_like(price),
            parts=(
                0.0,
                -contract.buy_back * by_price,
                -royalty * by_price,
                -share * (sales.sales + price * by_price),
                eased[0],
                rewarded[0],
            ),
        ),
        stock=_externality(
            market,
            price,
            slope=sales.d_stock,
            gained=market.salvage,
            spent=market.cost,
            parts=(
                market.cost - contract.wholesale_price,
                contract.buy_back * (1 - by_stock),
                -royalty * by_stock,
                -share * price * by_stock,
                eased[1],
                rewarded[1],
            ),
        ),
    )


def _tiered(
    market: VerticalMarket, price: Pair, stock: Pair, sales: ExpectedSales
) -> tuple[tuple[Pair, Pair], tuple[Pair, Pair]]:
    """What flexibility and rebate pay an outlet for a little more of its own price and of its own stock."""
    contract, none = market.contract, jnp.zeros_like(price)
    counted = counted_units(contract, market.demand, price, stock, sales)

    def gained(units: Units | None, rate: Array | None) -> tuple[Pair, Pair]:
        if units is None or rate is None:
            return none, none
        return rate * jnp.diagonal(units.d_price), rate * jnp.diagonal(units.d_stock)

    return gained(counted.returned, contract.per_return(market.salvage)), gained(counted.rewarded, contract.rebate)


def _externality(
    market: VerticalMarket, price: Pair, *, slope: Array, gained: Array, spent: Array, parts: tuple[Array | float, ...]
) -> Externality:
    """From the slopes of sales, what a decision earns and costs besides them, and the parts of the vertical term."""
    worth = price - market.salvage
    effect = worth[:, None] * slope
    own, rival = jnp.diagonal(effect), jnp.diagonal(effect[::-1])
    unit, returned, royalty, share, eased, rewarded = (jnp.broadcast_to(part, own.shape) for part in parts)
    collective = gained + own + rival - spent
    vertical = unit + returned + royalty + share + eased + rewarded
    return Externality(
        collective=collective,
        private=gained + own - spent + vertical,
        vertical=vertical,
        horizontal=-rival,
        unit_price=unit,
        buy_back=returned,
        royalty=royalty,
        revenue_royalty=share,
        flexibility=eased,
        rebate=rewarded,
    )


def require_no_goodwill(market: VerticalMarket, where: str) -> None:
    """Raise where unserved customers cost goodwill, which the paper's terms leave out."""
    if market.goodwill is not None:
        raise ValueError(
            f"{where}: VerticalMarket.goodwill is {market.goodwill}; this needs a market without goodwill, None."
        )
