"""The game of two outlets that choose prices and stocks under a contract."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, per_entry, player_names, require_nonnegative, require_positive, require_scalar
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms.vertical._laws import mean_shocks, require_integrable
from eqsolve.mechanisms.vertical.beyond import counted_units
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.demand import Pair, VerticalDemand
from eqsolve.mechanisms.vertical.flows import expected_flows, most_callers
from eqsolve.mechanisms.vertical.sales import ExpectedSales, expected_sales
from eqsolve.mechanisms.vertical.surplus import consumer_surplus

ROOM = 1.1  # the largest stock is so many times the largest demand, so that no kink falls on the bound


class VerticalMarket(eqx.Module):
    r"""A manufacturer and two outlets, each of which sets its price and orders its stock before demand is known.

    **Arguments** (numbers, or one per outlet where it says so):

    - `demand`: a demand model such as `LinearDemand`, `ConsumerChoice` or `SpatialDemand`.
    - `cost` $c$: of producing a unit, >= 0 [money/unit], one number or one per outlet.
    - `contract`: the `Contract` with the outlets.
    - `highest_price`: > 0 [money/unit]; no outlet asks more.
    - `salvage`: what an outlet gets per unit left over [money/unit], below cost for a sensible market. `goodwill`: what
      it loses per customer it cannot serve, >= 0 [money/unit]; None for nothing, which saves time.
    - `outlets`: the players' names.

    Actions are "price" and "stock", each outlet owning its entry of both. Prices lie between the contract's floor and
    ceiling; stocks between 0 and more than the largest possible demand (of unbounded demand: than its quantile of
    probability 1e-6).

    Outcomes, one entry per outlet: "sales", "leftover" and "spilled" (customers turned away who try the other outlet)
    [units], and where the contract has flexibility or a rebate "returned" and "rewarded" (leftovers that go back, sales
    beyond the rebate's start) [units]; "stockout probability" $P(D_i \ge y_i)$; "fill rate", expected sales as a share
    of expected customers (1 without customers); "outlet profit" [money]. Single numbers [money]: "manufacturer profit",
    "chain profit" (the total: what all three earn), and where demand has consumers "consumer surplus" under
    proportional rationing and "welfare". Linear demand that would be negative is zero.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), equations (6) to (8) and sections 3.2 to 3.4.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import LinearDemand
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> market = VerticalMarket(demand, cost=2.0, contract=Contract(2.0), highest_price=14.0)
    >>> found = market.game().expect({"price": jnp.array([8.0, 8.0]), "stock": jnp.array([7.0, 7.0])})
    >>> round(float(found["chain profit"]), 2)
    63.35
    """

    demand: VerticalDemand
    cost: Pair
    contract: Contract
    highest_price: Float[Array, ""]
    salvage: Pair
    goodwill: Pair | None
    outlets: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        demand: VerticalDemand,
        cost: Any,
        contract: Contract,
        highest_price: Any,
        salvage: Any = 0.0,
        goodwill: Any = None,
        outlets: Iterable[str] = ("outlet 1", "outlet 2"),
    ):
        if not isinstance(demand, VerticalDemand):
            raise TypeError(f"VerticalMarket.demand is {demand!r}; give a demand model such as LinearDemand.")
        if not isinstance(contract, Contract):
            raise TypeError(f"VerticalMarket.contract is {contract!r}; give a Contract, for instance Contract(2.0).")
        given = {"cost": cost, "highest_price": highest_price, "salvage": salvage, "goodwill": goodwill}
        fields = as_fields("VerticalMarket", demand=demand, contract=contract, **given)
        self.demand, self.contract, self.highest_price = fields["demand"], fields["contract"], fields["highest_price"]
        self.cost = per_entry(fields["cost"], 2, "VerticalMarket.cost")
        self.salvage = per_entry(fields["salvage"], 2, "VerticalMarket.salvage")
        self.goodwill = None if goodwill is None else per_entry(fields["goodwill"], 2, "VerticalMarket.goodwill")
        self.outlets = player_names(outlets, 2, "VerticalMarket.outlets", "outlet")

    def __check_init__(self) -> None:
        require_integrable(type(self.demand).__name__, self.demand.shocks, self.demand.common)
        require_finite(self, "VerticalMarket")
        require_nonnegative(self.cost, "VerticalMarket.cost")
        require_scalar(self.highest_price, "VerticalMarket.highest_price")
        require_positive(self.highest_price, "VerticalMarket.highest_price")
        if self.goodwill is not None:
            require_nonnegative(self.goodwill, "VerticalMarket.goodwill")

    def with_contract(self, contract: Contract) -> "VerticalMarket":
        """The same market under another contract."""
        return dataclasses.replace(self, contract=contract)

    @property
    def _valid(self) -> Bool[Array, ""]:
        """What construction checks where it can, for values that were traced then."""
        sound = jnp.all(self.cost >= 0) & (self.highest_price > 0) & self.contract._valid & self.demand._valid
        return sound if self.goodwill is None else sound & jnp.all(self.goodwill >= 0)

    def game(self) -> Game:
        """The game between the outlets; its first best maximises the profit of the whole chain."""
        valid = self._valid
        return Game(
            jax.tree.map(lambda leaf: jnp.where(valid, leaf, jnp.nan), self),
            actions=[Action(name, (2,), self.outlets) for name in ("price", "stock")],
            bounds=market_bounds,
            expected=market_outcomes,
            jacobian=market_jacobian,
            start=market_start,
            pay=own_entry("outlet profit", self.outlets),
            total={"chain profit": 1.0},
        )


def market_bounds(params: VerticalMarket, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Prices within the contract; stocks from nothing to more than the largest demand, 1 where there is none."""
    del earlier
    low, high = params.contract.price_limits(params.highest_price)
    most = ROOM * most_callers(params.demand, low, high)
    return {"price": low, "stock": jnp.zeros_like(most)}, {"price": high, "stock": jnp.where(most > 0, most, 1.0)}


def market_start(params: VerticalMarket) -> dict[str, Array]:
    """Where an outlet that faces no uncertainty would go next from the middle of its prices, if all do the same.

    One step of each outlet towards the best price for demand at mean shocks, taken for linear, and the demand there.
    """
    low, high = params.contract.price_limits(params.highest_price)
    cost = jnp.clip(params.contract.wholesale_price + params.contract.royalty, low, high)
    middle = (cost + high) / 2
    shock, common = mean_shocks(params.demand)

    def demand(price: Pair) -> Pair:
        return jnp.maximum(params.demand.at_shocks(price, shock, common).level, 0.0)

    slopes = jnp.diagonal(jax.jacfwd(demand)(middle))
    falls = slopes < 0
    step = (demand(middle) + (middle - cost) * slopes) / jnp.where(falls, 2 * slopes, 1.0)
    price = jnp.clip(jnp.where(falls, middle - step, middle), low, high)
    return {"price": price, "stock": demand(price)}


def market_outcomes(params: VerticalMarket, actions: Mapping[str, Array]) -> dict[str, Array]:
    """Expected outcomes at these prices and stocks."""
    price, stock = actions["price"], actions["stock"]
    found = expected_sales(params.demand, price, stock)
    sales, flows = found.sales, expected_flows(params.demand, price, stock)
    some = flows.callers > 0
    units = _units(params, price, stock, found)
    paid = params.contract.payment(price, stock, sales, **units, salvage=params.salvage)
    earned = price * sales + params.salvage * (stock - sales)
    if params.goodwill is not None:
        earned -= params.goodwill * (flows.callers - sales)
    outcomes = {
        "sales": sales,
        "leftover": stock - sales,
        "spilled": flows.spilled,
        "stockout probability": found.stockout,
        "fill rate": jnp.where(some, sales / jnp.where(some, flows.callers, 1.0), 1.0),
        "outlet profit": earned - paid,
        "manufacturer profit": jnp.sum(paid - params.cost * stock),
        "chain profit": jnp.sum(earned - params.cost * stock),
    } | units
    gained = consumer_surplus(params.demand, price, stock)
    if gained is not None:
        outcomes |= {"consumer surplus": gained, "welfare": outcomes["chain profit"] + gained}
    return outcomes


def market_jacobian(params: VerticalMarket, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """The derivatives of sales, leftover and profits in both prices and both stocks."""
    price, stock = actions["price"], actions["stock"]
    found = expected_sales(params.demand, price, stock)
    one = jnp.eye(2, dtype=stock.dtype)
    margin = (price - params.salvage)[:, None]
    earned = {"price": found.sales[:, None] * one + margin * found.d_price, "stock": margin * found.d_stock}
    earned["stock"] += params.salvage[:, None] * one
    if params.goodwill is not None:
        turned = _caller_slopes(params, price, stock)
        for name, slopes in (("price", found.d_price), ("stock", found.d_stock)):
            earned[name] -= params.goodwill[:, None] * (turned[name] - slopes)
    paid = _paid_slopes(params, price, stock, found)
    cost = {"price": jnp.zeros_like(one), "stock": params.cost[:, None] * one}
    return {
        "sales": {"price": found.d_price, "stock": found.d_stock},
        "leftover": {"price": -found.d_price, "stock": one - found.d_stock},
        "outlet profit": {name: earned[name] - paid[name] for name in cost},
        "manufacturer profit": {name: jnp.sum(paid[name] - cost[name], axis=0) for name in cost},
        "chain profit": {name: jnp.sum(earned[name] - cost[name], axis=0) for name in cost},
    }


def _units(params: VerticalMarket, price: Pair, stock: Pair, found: ExpectedSales) -> dict[str, Pair]:
    """Expected units that the contract counts besides sales, by name; none under most contracts."""
    counted = counted_units(params.contract, params.demand, price, stock, found)
    named = {"returned": counted.returned, "rewarded": counted.rewarded}
    return {name: units.value for name, units in named.items() if units is not None}


def _paid_slopes(params: VerticalMarket, price: Pair, stock: Pair, found: ExpectedSales) -> dict[str, Array]:
    """The derivatives of what each outlet pays."""
    contract, one = params.contract, jnp.eye(2, dtype=stock.dtype)
    per_sale = contract.per_sale(price)[:, None]
    royalty, order = (jnp.broadcast_to(rate, (2,))[:, None] for rate in (contract.revenue_royalty, contract.per_order))
    by_price = royalty * found.sales[:, None] * one + per_sale * found.d_price
    by_stock = order * one + per_sale * found.d_stock
    counted = counted_units(contract, params.demand, price, stock, found)
    rates = ((counted.returned, contract.per_return(params.salvage)), (counted.rewarded, contract.rebate))
    for units, rate in rates:
        if units is not None and rate is not None:
            worth = jnp.broadcast_to(rate, (2,))[:, None]
            by_price -= worth * units.d_price
            by_stock -= worth * units.d_stock
    return {"price": by_price, "stock": by_stock}


def _caller_slopes(params: VerticalMarket, price: Pair, stock: Pair) -> dict[str, Array]:
    """The derivatives of expected customers, from which goodwill is lost."""
    by_price, by_stock = jax.jacfwd(lambda p, y: expected_flows(params.demand, p, y).callers, (0, 1))(price, stock)
    return {"price": by_price, "stock": by_stock}
