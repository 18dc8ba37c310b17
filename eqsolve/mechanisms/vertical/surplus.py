r"""Consumer surplus when stock is rationed proportionally.

Everybody who calls at an outlet, first or after being turned away, is served with the same probability $t_i / D_i$:

$$CS = \sum_i E\Big[\frac{t_i}{D_i} \big(\text{gain of own customers}
       + (1 - y_j / q_j)^+ \, \text{gain here of the rival's shared customers}\big)\Big].$$
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.joint import Independent, JointDiscrete
from eqsolve.mechanisms.vertical._laws import common_nodes, given_rival, marginal
from eqsolve.mechanisms.vertical._own import OwnDemand
from eqsolve.mechanisms.vertical._rival import Overflow, edges, points_between, reach, shock_points
from eqsolve.mechanisms.vertical._scenarios import joint_scenarios, realised
from eqsolve.mechanisms.vertical.demand import Pair, Surplus, VerticalDemand

Number = Float[Array, ""]
NODES = 24  # per piece and shock


def consumer_surplus(demand: VerticalDemand, price: Pair, stock: Pair) -> Number | None:
    """Expected consumer surplus under proportional rationing [money], or None where demand has no consumers.

    **Arguments:** `price` [money/unit] and `stock` [units]: one entry per outlet.
    **Source:** Krishnan and Winter (paper 003), section 3.4; the rationing is stated in the module's head.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import SpatialDemand
    >>> demand = SpatialDemand(10.0, travel_cost=6.0, shocks=Uniform(0.0, 1.0))
    >>> price, ample, scarce = jnp.array([3.0, 3.0]), jnp.array([9.0, 9.0]), jnp.array([0.2, 0.2])
    >>> bool(consumer_surplus(demand, price, ample) > consumer_surplus(demand, price, scarce))
    True
    """
    if isinstance(demand.shocks, JointDiscrete):
        return _over_scenarios(demand, price, stock)
    if demand.common is None:
        return _given_common(demand, price, stock, None)
    common, weights = common_nodes(demand.common)
    gained = jax.vmap(lambda shared: _given_common(demand, price, stock, shared))(common)
    return None if gained is None else jnp.sum(weights * gained)


def _over_scenarios(demand: VerticalDemand, price: Pair, stock: Pair) -> Number | None:
    shocks, common, weights = joint_scenarios(demand)
    if demand.surplus(price, None if common is None else common[0]) is None:
        return None

    def scenario(shock: Array, shared: Array | None) -> Array:
        found = realised(demand.at_shocks(price, shock, shared), stock)
        gain = demand.surplus(price, shared)
        assert gain is not None
        callers = gain.level + gain.slope * shock + (gain.rebound * found.unserved)[::-1]
        return jnp.sum(_served(stock, found.callers) * callers)

    return jnp.sum(weights * jax.vmap(scenario, (0, None if common is None else 0))(shocks, common))


def _given_common(demand: VerticalDemand, price: Pair, stock: Pair, common: Array | None) -> Number | None:
    gain = demand.surplus(price, common)
    if gain is None:
        return None
    parts = demand.parts(price, common)
    total = jnp.zeros((), stock.dtype)
    for outlet in (0, 1):
        rival = 1 - outlet
        sender = OwnDemand.of(marginal(demand.shocks, rival), parts, rival)
        mass = None if parts.mass is None else parts.mass[rival]
        overflow = Overflow(sender, parts.share[rival], mass, stock[rival])
        alone = OwnDemand.of(marginal(demand.shocks, outlet), parts, outlet)
        total += _outlet(demand, alone, overflow, gain, stock[outlet], outlet)
    return total


def _outlet(
    demand: VerticalDemand, alone: OwnDemand, overflow: Overflow, gain: Surplus, stock: Number, outlet: int
) -> Number:
    """What the callers of one outlet gain, in expectation over both own shocks."""

    def expected(own: OwnDemand, sent: Array, rebound: Array) -> Array:
        low, high = reach(own.law)
        kinks = [own.shock(jnp.zeros_like(sent)), own.shock(jnp.maximum(stock - sent, 0.0))]
        ends = [low, *(jnp.clip(kink, low, high) for kink in kinks), high]
        [(shock, weight)] = points_between(own.law, ends, NODES)
        callers = jnp.maximum(own.demand(shock), 0.0) + sent
        gained = gain.level[outlet] + gain.slope[outlet] * shock + rebound
        return jnp.sum(weight * _served(stock, callers) * gained)

    cuts = [stock - jnp.maximum(alone.demand(edge), 0.0) for edge in edges(alone.law)]
    [(shock, weight)] = shock_points(overflow, [*cuts, jnp.full((), jnp.inf, stock.dtype)], NODES)
    rival, sent, _ = overflow.at(shock)
    some = rival > 0
    unserved = jnp.where(some, 1 - overflow.stock / jnp.where(some, rival, 1.0), 0.0)
    rebound = gain.rebound[1 - outlet] * unserved
    nobody = jnp.zeros((), stock.dtype)
    if isinstance(demand.shocks, Independent):
        met = jax.vmap(lambda s, b: expected(alone, s, b))(sent, rebound)
        return jnp.sum(weight * met) + (1 - overflow.chance()) * expected(alone, nobody, nobody)
    beside = OwnDemand(given_rival(demand.shocks, outlet, shock), alone.level, alone.slope)

    def difference(law: object, s: Array, b: Array) -> Array:
        own = eqx.tree_at(lambda o: o.law, alone, law)
        return expected(own, s, b) - expected(own, nobody, nobody)

    return expected(alone, nobody, nobody) + jnp.sum(weight * jax.vmap(difference)(beside.law, sent, rebound))


def _served(stock: Array, callers: Array) -> Array:
    """The probability that a caller is served."""
    enough = callers <= stock
    return jnp.where(enough, 1.0, stock / jnp.where(enough, 1.0, callers))
