r"""The plan that is best for the whole chain, and what contracts need to know about it.

Two best plans are found, both globally: one with the same price and stock at both outlets, which the propositions are
about, and one without that restriction. Symmetric demand does not make the best plan symmetric: with close substitutes
one outlet may serve as a cheap source of customers for the other.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_nonnegative, require_scalar
from eqsolve._tabled import Tabled
from eqsolve.action import Action
from eqsolve.equilibrium import Status
from eqsolve.game import Game
from eqsolve.mechanisms.vertical.market import (
    VerticalMarket,
    market_bounds,
    market_jacobian,
    market_outcomes,
    market_start,
)
from eqsolve.mechanisms.vertical.sales import expected_sales
from eqsolve.solve import solve_first_best

Scalar = Float[Array, ""]


class FirstBest(Tabled):
    r"""The best symmetric plan of a chain, and the derivatives of expected sales there.

    **Fields** (numbers): `price` $p^*$ and `stock` $y^*$ at each outlet; `sales` $E t$ of each; `sells_out`
    $P(D > y)$ and `stockout` $P(D \\ge y)$, which differ where stock equals a possible demand; `own` $dE t_1/dp_1$,
    `cross` $dE t_2/dp_1$ and `drain` $dE t_2/dy_1$; `profit`, the chain's; `kinked`: whether a payoff has a kink at
    the plan, where the derivatives are those of one side; `solved`.
    """

    price: Scalar
    stock: Scalar
    sales: Scalar
    sells_out: Scalar
    stockout: Scalar
    own: Scalar
    cross: Scalar
    drain: Scalar
    profit: Scalar
    kinked: Bool[Array, ""]
    solved: Bool[Array, ""]

    @property
    def actions(self) -> dict[str, Array]:
        """The plan as actions of both outlets."""
        return {"price": jnp.stack([self.price, self.price]), "stock": jnp.stack([self.stock, self.stock])}


def first_best(market: VerticalMarket) -> FirstBest:
    r"""The best plan of a chain among those with the same price and stock at both outlets.

    **Arguments:** `market`: outlets with exchangeable demand; its contract plays no part.
    **Returns:** a `FirstBest`, with derivatives in the market's parameters. Where demand differs between the outlets
    the numbers describe outlet 1. `solve_first_best(market.game())` searches all plans: see `asymmetry_gain`.
    **Status:** `solved` is false where the search failed; the plan then counts for nothing.
    **Source:** Krishnan and Winter (paper 003), equation (7) and section 3.3.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks)
    >>> plan = first_best(VerticalMarket(demand, cost=2.0, contract=Contract(2.0), highest_price=14.0))
    >>> bool(plan.solved), bool(plan.cross > 0), round(float(plan.price), 1)
    (True, True, 11.0)
    """
    game = symmetric_game(market)
    found = solve_first_best(game)
    plan = plan_at(market, found.actions["price"], found.actions["stock"])
    return dataclasses.replace(plan, kinked=found.status == Status.kinked, solved=found.solved)


def plan_at(market: VerticalMarket, price: Any, stock: Any) -> FirstBest:
    """What contracts need to know about a symmetric plan that was found elsewhere, taken for a solved one.

    **Arguments:** `price` [money/unit] and `stock` [units]: numbers of zero or more, the same at both outlets.
    **Returns:** a `FirstBest` with this plan, for `terms`; NaN where a traced number is negative.
    **Errors:** `ValueError` for negative numbers and for several.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> market = VerticalMarket(demand, cost=2.0, contract=Contract(2.0), highest_price=14.0)
    >>> round(float(plan_at(market, 10.88635, 6.28653).profit), 3)
    71.594
    """
    price, stock = (jnp.asarray(value, market.cost.dtype) for value in (price, stock))
    for name, value in (("price", price), ("stock", stock)):
        require_scalar(value, f"plan_at: {name}")
        require_nonnegative(value, f"plan_at: {name}")
    price, stock = (jnp.where(value >= 0, value, jnp.nan) for value in (price, stock))
    actions = {"price": price, "stock": stock}
    sales = expected_sales(market, *_both(actions).values())
    return FirstBest(
        price=price,
        stock=stock,
        sales=sales.sales[0],
        sells_out=sales.d_stock[0, 0],
        stockout=sales.stockout[0],
        own=sales.d_price[0, 0],
        cross=sales.d_price[1, 0],
        drain=sales.d_stock[1, 0],
        profit=symmetric_outcomes(market, actions)["chain profit"],
        kinked=jnp.asarray(False),
        solved=jnp.asarray(True),
    )


def asymmetry_gain(market: VerticalMarket, plan: FirstBest) -> Scalar:
    """What the chain gains by the best plan of all over the best symmetric one [money]; zero where that is best.

    **Arguments:** `plan`: from `first_best(market)`.
    **Source:** Krishnan and Winter (paper 003), section 3.3 and footnote 16.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> market = VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.2, shocks), 2.0, Contract(2.0), highest_price=14.0)
    >>> float(asymmetry_gain(market, first_best(market))) < 1e-3
    True
    """
    game = unlimited(market).game()
    found = solve_first_best(game, plan.actions)
    return jnp.maximum(found.outcomes["chain profit"] - plan.profit, 0.0)


def unlimited(market: VerticalMarket) -> VerticalMarket:
    """The market without the contract's floor and ceiling."""
    return market.with_contract(dataclasses.replace(market.contract, floor=None, ceiling=None))


def symmetric_game(market: VerticalMarket) -> Game:
    """A chain whose planner chooses one price and one stock for both outlets, free of the contract's price limits."""
    return Game(
        unlimited(market),
        actions=[Action("price", (), "planner"), Action("stock", (), "planner")],
        bounds=symmetric_bounds,
        expected=symmetric_outcomes,
        jacobian=symmetric_jacobian,
        start=symmetric_start,
        pay={"planner": {"chain profit": 1.0}},
        total={"chain profit": 1.0},
    )


def symmetric_bounds(params: VerticalMarket, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The narrower of both outlets' bounds."""
    lower, upper = market_bounds(params, earlier)
    return {name: jnp.max(low) for name, low in lower.items()}, {name: jnp.min(high) for name, high in upper.items()}


def symmetric_start(params: VerticalMarket) -> dict[str, Array]:
    """The middle between where both outlets would start."""
    return {name: jnp.mean(value) for name, value in market_start(params).items()}


def symmetric_outcomes(params: VerticalMarket, actions: Mapping[str, Array]) -> dict[str, Array]:
    """The market's outcomes where both outlets do the same."""
    return market_outcomes(params, _both(actions))


def symmetric_jacobian(params: VerticalMarket, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """The derivative of the chain's profit in the common price and the common stock."""
    slopes = market_jacobian(params, _both(actions))["chain profit"]
    return {"chain profit": {name: jnp.sum(slope) for name, slope in slopes.items()}}


def _both(actions: Mapping[str, Array]) -> dict[str, Array]:
    return {name: jnp.stack([value, value]) for name, value in actions.items()}
