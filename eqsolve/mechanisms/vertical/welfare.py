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
from jaxtyping import Array, Bool, Float

from eqsolve._tables import number, table
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms.vertical.demand import Pair, Parts, VerticalDemand
from eqsolve.mechanisms.vertical.market import VerticalMarket, market_bounds, market_outcomes
from eqsolve.mechanisms.vertical.simple import best_wholesale_price, under_wholesale_price
from eqsolve.mechanisms.vertical.spatial import SpatialDemand

Benchmark = Literal["marginal cost", "two-part tariff", "wholesale price"]
Columns = dict[str, np.ndarray]
REPORTED = ("chain profit", "consumer surplus", "welfare")
POINTS = 33  # prices and stocks per grid
NARROWING = 4.0  # by how much a grid is narrower than the one before
ROUNDS = 14


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
            "certified",
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
    plans, nashes, wholesale, certified = [], [], [], []
    for cost in costs:
        bound = _without_surplus(at_travel_cost(market, jnp.asarray(cost, market.cost.dtype)))
        if benchmark == "marginal cost":
            alone = under_wholesale_price(bound, float(jnp.mean(market.cost)), fee=False)
        else:
            alone = best_wholesale_price(bound, fee=benchmark == "two-part tariff")
        plans.append(_best_symmetric(bound))
        nashes.append(dict(alone.nash.actions))
        wholesale.append(float(alone.contract.wholesale_price))
        certified.append(bool(alone.certificate.certified))
    plan, nash = (_reported(market, jnp.asarray(costs, market.cost.dtype), found) for found in (plans, nashes))
    return WelfareComparison(benchmark, costs, np.array(wholesale), plan, nash, np.array(certified))


def at_travel_cost(market: VerticalMarket, travel_cost: Array) -> VerticalMarket:
    """The same market with another travel cost."""
    return dataclasses.replace(market, demand=dataclasses.replace(market.demand, travel_cost=travel_cost))


class _WithoutSurplus(VerticalDemand):
    """A demand model without what its consumers gain, which no decision depends on and which takes long to compile."""

    base: VerticalDemand

    def __init__(self, base: VerticalDemand):
        self.base = base

    @property
    def shocks(self) -> JointDistribution:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the base."""
        return self.base.shocks

    @property
    def common(self) -> Distribution | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the base."""
        return self.base.common

    def parts(self, price: Pair, common: Float[Array, ""] | None) -> Parts:
        """Demand at these prices and this common shock."""
        return self.base.parts(price, common)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return self.base._valid


def _without_surplus(market: VerticalMarket) -> VerticalMarket:
    return dataclasses.replace(market, demand=_WithoutSurplus(market.demand))


@eqx.filter_jit
def _best_symmetric(market: VerticalMarket) -> dict[str, Array]:
    """The plan that is best for the chain among those alike at both outlets, searched on a grid that is narrowed.

    No derivative is used: this compiles in a fraction of the time that `first_best` takes, and kinks do not matter.
    """
    low, high = (jnp.stack([limits["price"][0], limits["stock"][0]]) for limits in market_bounds(market, {}))
    unit = jnp.linspace(-1.0, 1.0, POINTS, dtype=low.dtype)
    mesh = jnp.stack([axis.ravel() for axis in jnp.meshgrid(unit, unit)], axis=1)

    def earned(plan: Array) -> Array:
        actions = {"price": jnp.stack([plan[0]] * 2), "stock": jnp.stack([plan[1]] * 2)}
        return market_outcomes(market, actions)["chain profit"]

    def narrow(k: Array, best: Array) -> Array:
        tried = jnp.clip(best + (high - low) / 2 / NARROWING**k * mesh, low, high)
        return tried[jnp.argmax(jax.vmap(earned)(tried))]

    plan = jax.lax.fori_loop(0, ROUNDS, narrow, (low + high) / 2)
    return {"price": jnp.stack([plan[0]] * 2), "stock": jnp.stack([plan[1]] * 2)}


def _reported(market: VerticalMarket, costs: Float[Array, " costs"], actions: list[dict[str, Array]]) -> Columns:
    """What is reported of these actions, one entry per travel cost."""
    stacked = {name: jnp.stack([found[name] for found in actions]) for name in ("price", "stock")}
    found = _outcomes(market, costs, stacked)
    columns = {name: stacked[name][:, 0] for name in stacked} | {name: found[name] for name in REPORTED}
    return {name: np.asarray(value) for name, value in columns.items()}


@eqx.filter_jit
def _outcomes(market: VerticalMarket, costs: Float[Array, " costs"], actions: dict[str, Array]) -> dict[str, Array]:
    def at(cost: Array, actions: dict[str, Array]) -> dict[str, Array]:
        found = market_outcomes(at_travel_cost(market, cost), actions)
        return {name: found[name] for name in REPORTED}

    return jax.vmap(at)(costs, actions)
