r"""Two standard markets with four numbers each, for studies and first steps, and what simple contracts lose in them.

Both give outlets the good at marginal cost unless a wholesale price is named: what they then do wrong is theirs alone.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve._fields import numbers_within
from eqsolve.demand.finite import DiscreteTable
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.first_best import first_best
from eqsolve.mechanisms.vertical.linear import LinearDemand
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.spatial import SpatialDemand
from eqsolve.solve import solve_nash

SIZE = 10.0  # customers at price zero, and what the good is worth to them
WHOLESALE_PRICES = 9


def linear_market(
    substitution: Any, spread: Any, spill: Any, cost: Any, wholesale_price: Any | None = None
) -> VerticalMarket:
    r"""Linear demand $q_i = (10 - p_i + s p_j + \theta_i)^+$ with independent shocks, uniform between -h and h.

    **Arguments:** `substitution` $s$: in [0, 1). `spread` $h$ > 0 [units]. `spill`: the share of unserved customers who
    try the other outlet, in [0, 1]. `cost` >= 0 [money/unit]. `wholesale_price`: None for `cost`.
    **Returns:** a `VerticalMarket`; prices are at most $10 / (1 - s)$, at which equal outlets sell nothing.
    **Errors:** `ValueError` for numbers out of range; traced ones give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.1 with linear demand.

    >>> float(linear_market(0.5, 3.0, 0.2, 2.0).highest_price)
    20.0
    """
    given = numbers_within(
        "linear_market",
        substitution=(substitution, 0.0, 1.0, "[)"),
        spread=(spread, 0.0, jnp.inf, "()"),
        spill=(spill, 0.0, 1.0, "[]"),
        cost=(cost, 0.0, jnp.inf, "[)"),
    )
    shocks = Uniform(-given["spread"], 2.0 * given["spread"])
    demand = LinearDemand(SIZE, 1.0, given["substitution"], given["spill"], shocks)
    contract = Contract(given["cost"] if wholesale_price is None else wholesale_price)
    return VerticalMarket(demand, given["cost"], contract, SIZE / (1.0 - given["substitution"]))


def travel_market(
    travel_cost: Any, spread: Any, loyal_share: Any, cost: Any, wholesale_price: Any | None = None
) -> VerticalMarket:
    r"""Ten customers, to whom the good is worth 10: some loyal to one outlet, the others shopping along the line.

    The number of shoppers is uncertain, $1 \pm$ `spread` times its mean with equal chances; the loyal groups' sizes are
    independent and uniform from half to one and a half times their mean.

    **Arguments:** `travel_cost` $t$ > 0 [money/length]. `spread`: in (0, 1). `loyal_share`: of customers at price zero,
    in [0, 1). `cost` >= 0 [money/unit]. `wholesale_price`: None for `cost`.
    **Returns:** a `VerticalMarket` with `SpatialDemand`.
    **Errors:** `ValueError` for numbers out of range; traced ones give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.4.

    >>> market = travel_market(6.0, 0.3, 0.5, 2.0)
    >>> float(market.demand.shoppers)
    5.0
    """
    given = numbers_within(
        "travel_market",
        travel_cost=(travel_cost, 0.0, jnp.inf, "()"),
        spread=(spread, 0.0, 1.0, "()"),
        loyal_share=(loyal_share, 0.0, 1.0, "[)"),
        cost=(cost, 0.0, jnp.inf, "[)"),
    )
    shoppers = DiscreteTable(jnp.stack([1.0 - given["spread"], 1.0 + given["spread"]]), [0.5, 0.5])
    demand = SpatialDemand(
        reservation=SIZE,
        travel_cost=given["travel_cost"],
        shocks=Uniform(0.5, 1.0),
        common=shoppers,
        loyal=given["loyal_share"] / 2.0,
        shoppers=SIZE * (1.0 - given["loyal_share"]),
    )
    contract = Contract(given["cost"] if wholesale_price is None else wholesale_price)
    return VerticalMarket(demand, given["cost"], contract, SIZE)


def contract_losses(market: VerticalMarket) -> dict[str, Array]:
    """What a wholesale price loses with and without a fee, and why: for studies, quick and on a coarse grid.

    **Arguments:** `market`: with exchangeable outlets; its contract plays no part.
    **Returns:** `with_fee`, `without_fee`: shares of the best symmetric plan's profit that are lost under the best of
    nine wholesale prices between cost and that plan's price, for the chain and for the manufacturer; equilibria count
    where they are solved, and are not certified. `stealing`: what a higher price of one outlet adds to the other's
    sales at the plan [units²/money]; above zero, outlets price too low and a floor helps, below zero a ceiling.
    `plan_price`: of the best symmetric plan [money/unit].
    **Status:** NaN where nothing is solved.
    **Source:** Krishnan and Winter (paper 003), proposition 1 and equation (10).

    >>> from eqsolve.demand.joint import JointTable
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks)
    >>> losses = contract_losses(VerticalMarket(demand, 2.0, Contract(2.0), highest_price=14.0))
    >>> bool(losses["stealing"] > 0), bool(losses["with_fee"] <= losses["without_fee"])
    (True, True)
    """
    plan = first_best(market)
    cost = jnp.mean(market.cost)
    shares = jnp.linspace(0.0, 1.0, WHOLESALE_PRICES + 1, dtype=cost.dtype)[:-1]

    def earned(share: Array) -> tuple[Array, Array]:
        price = cost + share * (plan.price - cost)
        nash = solve_nash(market.with_contract(Contract(price)).game())
        chain, manufacturer = (nash.outcomes[name] for name in ("chain profit", "manufacturer profit"))
        return jnp.where(nash.solved, chain, -jnp.inf), jnp.where(nash.solved, manufacturer, -jnp.inf)

    chain, manufacturer = jax.vmap(earned)(shares)
    most = jnp.where(plan.solved & jnp.any(jnp.isfinite(chain)), plan.profit, jnp.nan)
    return {
        "with_fee": 1 - jnp.max(chain) / most,
        "without_fee": 1 - chain[jnp.argmax(manufacturer)] / most,
        "stealing": jnp.where(plan.solved, plan.cross, jnp.nan),
        "plan_price": jnp.where(plan.solved, plan.price, jnp.nan),
    }
