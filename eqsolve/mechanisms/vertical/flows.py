"""How many customers come: expected own demand, expected spill, and the most customers there can be."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDiscrete
from eqsolve.mechanisms.vertical._laws import common_nodes, marginal
from eqsolve.mechanisms.vertical._own import OwnDemand
from eqsolve.mechanisms.vertical._rival import Overflow, shock_points
from eqsolve.mechanisms.vertical._scenarios import joint_scenarios, realised
from eqsolve.mechanisms.vertical.demand import Pair, VerticalDemand

NODES = 32
BEYOND = 1e-6  # demand beyond the quantile of this tail probability does not count as possible


class Flows(eqx.Module):
    """Expected customers, one entry per outlet.

    **Fields** [units]: `own`: who come first. `spilled`: who are turned away and try the other outlet. `callers`: own
    customers and those whom the other outlet sends.
    """

    own: Pair
    spilled: Pair
    callers: Pair


def expected_flows(demand: VerticalDemand, price: Pair, stock: Pair) -> Flows:
    """Expected customers at these prices and stocks."""
    if isinstance(demand.shocks, JointDiscrete):
        shocks, common, weights = joint_scenarios(demand)

        def scenario(shock: Array, shared: Array | None) -> tuple[Pair, Pair]:
            found = realised(demand.at_shocks(price, shock, shared), stock)
            return found.demand, found.overflow

        both = jax.vmap(scenario, (0, None if common is None else 0), out_axes=-1)(shocks, common)
    elif demand.common is None:
        return _flows(*_given_common(demand, price, stock, None))
    else:
        common, weights = common_nodes(demand.common)
        both = jax.vmap(lambda shared: _given_common(demand, price, stock, shared), out_axes=-1)(common)
    return _flows(*(jnp.sum(weights * value, axis=-1) for value in both))


def _flows(own: Pair, spilled: Pair) -> Flows:
    return Flows(own, spilled, own + spilled[::-1])


def _given_common(demand: VerticalDemand, price: Pair, stock: Pair, common: Array | None) -> tuple[Pair, Pair]:
    """Expected own demand and overflow at one common shock."""
    parts = demand.parts(price, common)
    own: list[Array] = []
    spilled: list[Array] = []
    for outlet in (0, 1):
        alone = OwnDemand.of(marginal(demand.shocks, outlet), parts, outlet)
        own.append(alone.mean())
        mass = None if parts.mass is None else parts.mass[outlet]
        overflow = Overflow(alone, parts.share[outlet], mass, stock[outlet])
        [(shock, weight)] = shock_points(overflow, [jnp.full((), jnp.inf, stock.dtype)], NODES)
        spilled.append(jnp.sum(weight * overflow.at(shock)[1]))
    return jnp.stack(own), jnp.stack(spilled)


def most_callers(demand: VerticalDemand, low: Pair, high: Pair) -> Pair:
    """The most customers each outlet can get at prices between `low` and `high` [units].

    Customers are counted at the corners of the prices, where monotone and convex demands are largest.
    """
    corners = jnp.stack([jnp.stack([first[0], second[1]]) for first in (low, high) for second in (low, high)])
    if isinstance(demand.shocks, JointDiscrete):
        shocks, common, _ = joint_scenarios(demand)
    else:
        ends = [_reached(marginal(demand.shocks, outlet)) for outlet in (0, 1)]
        shocks, common = jnp.stack(ends)[None], None
        if demand.common is not None:
            top = _reached(demand.common)
            common = jnp.broadcast_to(top, (1,))

    def callers(price: Pair, shock: Pair, shared: Array | None) -> Pair:
        return realised(demand.at_shocks(price, shock, shared), jnp.zeros_like(price)).callers

    over_shocks = jax.vmap(callers, (None, 0, None if common is None else 0))
    return jnp.max(jax.vmap(lambda price: over_shocks(price, shocks, common))(corners), axis=(0, 1))


def _reached(law: Distribution) -> Array:
    high = law.support()[1]
    return jnp.where(high < jnp.inf, high, law.ppf(1 - BEYOND))
