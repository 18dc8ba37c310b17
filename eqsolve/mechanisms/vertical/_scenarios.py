"""Expected sales where both shocks (and a common one) have finitely many joint values: exact sums."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.joint import JointDiscrete
from eqsolve.mechanisms.vertical._laws import common_nodes
from eqsolve.mechanisms.vertical.demand import Pair, Parts, VerticalDemand


class Realised(eqx.Module):
    """What happens in one scenario, one entry per outlet.

    **Fields:** `demand`: own demand $q$. `unserved`: the share of own customers whom own stock cannot serve.
    `overflow`: how many of them try the other outlet. `callers`: own customers and those sent by the other one, $D$.
    """

    demand: Pair
    unserved: Pair
    overflow: Pair
    callers: Pair


def realised(parts: Parts, stock: Pair) -> Realised:
    """What happens where own demand is the level of these parts."""
    demand = jnp.where(parts.level > 0, parts.level, 0.0)
    out = demand > stock
    unserved = jnp.where(out, 1 - stock / jnp.where(out, demand, 1.0), 0.0)
    leaving = parts.share * demand if parts.mass is None else parts.share * demand + parts.mass
    overflow = leaving * unserved
    return Realised(demand, unserved, overflow, demand + overflow[::-1])


def joint_scenarios(demand: VerticalDemand) -> tuple[Array, Array | None, Array]:
    """Own shocks `[n, 2]`, common shocks `[n]` or None, and probabilities `[n]` of all combinations."""
    assert isinstance(demand.shocks, JointDiscrete)
    points, weights = demand.shocks.scenarios()
    if points.shape[1] == 3:
        return points[:, :2], points[:, 2], weights
    if demand.common is None:
        return points, None, weights
    shocks, shares = common_nodes(demand.common)
    count, n = shocks.shape[0], points.shape[0]
    pairs = jnp.repeat(points, count, axis=0)
    return pairs, jnp.tile(shocks, n), jnp.repeat(weights, count) * jnp.tile(shares, n)


def scenario_sales(
    demand: VerticalDemand, price: Pair, stock: Pair
) -> tuple[Pair, Float[Array, "2 2"], Float[Array, "2 2"], Pair]:
    """Expected sales, their slopes in prices and in stocks, and the probability of no stock left."""
    shocks, common, weights = joint_scenarios(demand)
    # stocks at a kink equal some demand up to a solver's rounding, which must not decide whether they are reached
    clearly = 1 - float(jnp.finfo(stock.dtype).eps) ** (2 / 3)

    def scenario(shock: Array, shared: Array | None) -> tuple[Array, Array, Array, Array]:
        def happens(actions: Array) -> tuple[Pair, Pair]:
            callers = realised(demand.at_shocks(actions[:2], shock, shared), actions[2:]).callers
            return callers, callers

        slopes, callers = jax.jacfwd(happens, has_aux=True)(jnp.concatenate([price, stock]))
        out = callers > stock
        one = jnp.eye(2, dtype=stock.dtype)
        return (
            jnp.where(out, stock, callers),
            jnp.where(out[:, None], 0.0, slopes[:, :2]),
            jnp.where(out[:, None], one, slopes[:, 2:]),
            (callers >= clearly * stock).astype(stock.dtype),
        )

    values = jax.vmap(scenario, (0, None if common is None else 0), out_axes=-1)(shocks, common)
    sales, d_price, d_stock, stockout = (jnp.sum(weights * value, axis=-1) for value in values)
    return sales, d_price, d_stock, stockout
