"""Section 3.4: what a chain's plan does to consumers and to welfare, against outlets on their own, by travel cost.

The answer depends on what outlets on their own pay, which the paper leaves open: every comparison names its benchmark.
"""

import dataclasses
from collections.abc import Iterable
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._tables import number, table
from eqsolve.certify.certificate import certify
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.first_best import first_best
from eqsolve.mechanisms.vertical.market import VerticalMarket, market_outcomes
from eqsolve.mechanisms.vertical.simple import best_wholesale_price
from eqsolve.mechanisms.vertical.spatial import SpatialDemand
from eqsolve.solve import solve_nash

Benchmark = Literal["marginal cost", "two-part tariff", "wholesale price"]
Columns = dict[str, np.ndarray]
REPORTED = ("chain profit", "consumer surplus", "welfare")


@dataclasses.dataclass(frozen=True)
class WelfareComparison:
    """The best plan and the equilibrium of outlets on their own, one entry per travel cost; `str()` prints a table.

    **Fields:** `benchmark`: what outlets on their own pay. `travel_cost` [money/length]. `wholesale_price` [money].
    `plan` and `nash`: columns "price", "stock" (of outlet 1), "chain profit", "consumer surplus" and "welfare".
    `certified`: whether the equilibrium withstood every deviation; where it did not, no pure one may exist.
    """

    benchmark: str
    travel_cost: np.ndarray
    wholesale_price: np.ndarray
    plan: Columns
    nash: Columns
    certified: np.ndarray

    @property
    def welfare_rises(self) -> np.ndarray:
        """Where the chain's plan gives more welfare than outlets on their own do; false without an equilibrium."""
        return self.certified & (self.plan["welfare"] > self.nash["welfare"])

    @property
    def surplus_rises(self) -> np.ndarray:
        """Where consumers, too, are better off; false without an equilibrium."""
        return self.certified & (self.plan["consumer surplus"] > self.nash["consumer surplus"])

    def __str__(self) -> str:
        header = (
            "travel cost",
            "wholesale price",
            *(f"{name}, {who}" for name in REPORTED for who in ("plan", "Nash")),
        )
        rows = [
            (
                number(self.travel_cost[i]),
                number(self.wholesale_price[i]),
                *(number(columns[name][i]) for name in REPORTED for columns in (self.plan, self.nash)),
                "yes" if self.certified[i] else "no",
            )
            for i in range(len(self.travel_cost))
        ]
        return f"Outlets on their own: {self.benchmark}.\n" + table(header, rows)


def compare_welfare(
    market: VerticalMarket, travel_costs: Iterable[float], benchmark: Benchmark = "two-part tariff"
) -> WelfareComparison:
    """The chain's best plan against outlets on their own, for every travel cost.

    **Arguments:** `market`: with `SpatialDemand`; its travel cost and its contract play no part. `travel_costs`: > 0
    [money/length]. `benchmark`: "marginal cost": the wholesale price is the cost of production; "two-part tariff": the
    one that is best for the manufacturer, with a fee; "wholesale price": that without a fee.
    **Returns:** a `WelfareComparison`.
    **Errors:** `TypeError` for other demand models; `ValueError` for an unknown benchmark and for no or negative costs.
    **Source:** Krishnan and Winter (paper 003), section 3.4; ERRATA.md on the benchmark.
    """
    if not isinstance(market.demand, SpatialDemand):
        raise TypeError(f"compare_welfare: market.demand is {type(market.demand).__name__}; give a SpatialDemand.")
    if benchmark not in get_args(Benchmark):
        raise ValueError(f"compare_welfare: benchmark is {benchmark!r}; give one of {get_args(Benchmark)}.")
    costs = np.asarray(list(travel_costs), float)
    if costs.ndim != 1 or costs.size == 0 or not np.all(costs > 0):
        raise ValueError(f"compare_welfare: travel_costs is {costs}; give one or more numbers above zero.")
    if benchmark == "marginal cost":
        wholesale = np.full(costs.shape, float(jnp.mean(market.cost)))
    else:
        fee = benchmark == "two-part tariff"
        best = (best_wholesale_price(at_travel_cost(market, jnp.asarray(cost)), fee) for cost in costs)
        wholesale = np.array([float(found.contract.wholesale_price) for found in best])
    plan, nash, certified = _both(market, jnp.asarray(costs), jnp.asarray(wholesale))
    return WelfareComparison(
        benchmark,
        costs,
        wholesale,
        jax.tree.map(np.asarray, plan),
        jax.tree.map(np.asarray, nash),
        np.asarray(certified),
    )


def at_travel_cost(market: VerticalMarket, travel_cost: Array) -> VerticalMarket:
    """The same market with another travel cost."""
    return dataclasses.replace(market, demand=dataclasses.replace(market.demand, travel_cost=travel_cost))


@eqx.filter_jit
def _both(
    market: VerticalMarket, costs: Float[Array, " costs"], wholesale: Float[Array, " costs"]
) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """What is reported of the best plan and of the equilibrium, and whether the latter is certified."""

    def at(cost: Array, price: Array) -> tuple[dict[str, Array], dict[str, Array], Array]:
        bound = at_travel_cost(market, cost).with_contract(Contract(price))
        plan, nash = first_best(bound), solve_nash(bound.game())
        return (
            _reported(bound, plan.actions),
            _reported(bound, nash.actions),
            certify(bound.game(), nash.actions).certified,
        )

    return jax.vmap(at)(costs, wholesale)


def _reported(market: VerticalMarket, actions: dict[str, Array]) -> dict[str, Array]:
    found = market_outcomes(market, actions)
    return {name: actions[name][0] for name in ("price", "stock")} | {name: found[name] for name in REPORTED}
