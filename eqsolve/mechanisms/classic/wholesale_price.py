r"""Lariviere and Porteus: a manufacturer that sells to a newsvendor at a wholesale price, and nothing else.

To sell $y$ units it must ask for $w(y) = B + (P - B) \bar F(y)$, with the outlet's value $P = p + g_o$ of a unit in
demand and $B = v$ of a unit left over. Its expected profit is $(w(y) - c) y - g_m E(D - y)^+$, whose slope is

$$(P - B) \bar F(y) (1 - h(y)) - (c - B) + g_m \bar F(y), \qquad h(y) = y f(y) / \bar F(y).$$

Where the generalised failure rate $h$ rises (IGFR) and only the outlet bears a goodwill penalty, the slope changes
sign once. Otherwise the profit may have several peaks; all are found here, and the best is taken.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_scalar, require_values
from eqsolve._tabled import Tabled
from eqsolve.demand.distribution import Continuous, Distribution
from eqsolve.mechanisms._roots import bisected, polished, support_grid
from eqsolve.mechanisms.classic.channel import Channel, Settlement, Terms

Scalar = Float[Array, ""]
APART = 4  # points of the grid between which the rise is measured


class FailureRate(Tabled):
    """Whether the generalised failure rate of a law rises; `str()` prints a table.

    **Fields:** `holds`: whether it nowhere falls by more than rounding. `margin`: its smallest elasticity, the
    rise in percent per percent of `x`: zero where it is flat, negative where it falls. `place` [units]: where that is.
    """

    holds: Bool[Array, ""]
    margin: Scalar
    place: Scalar


def generalised_failure_rate(law: Continuous, x: Array) -> Array:
    r"""Return $h(x) = x f(x) / \bar F(x)$: the elasticity of the chance that demand exceeds $x$, in size.

    **Arguments:** `x` [units]. **Returns:** infinite where nothing exceeds `x`.

    >>> from eqsolve.demand import Uniform
    >>> float(generalised_failure_rate(Uniform(0.0, 10.0), jnp.asarray(5.0)))
    1.0
    """
    above = law.sf(x)
    some = above > 0
    return jnp.where(some, x * law.pdf(x) / jnp.where(some, above, 1.0), jnp.inf)


@eqx.filter_jit
def increasing_failure_rate(law: Continuous) -> FailureRate:
    """Check on 2000 points of the support whether demand has an increasing generalised failure rate (IGFR).

    **Arguments:** `law`: one continuous law; what it does below zero does not matter, as no order is negative.
    **Returns:** a `FailureRate`. It is a check on a grid, not a proof; points so far in the tail that the survival
    function is rounded (probability below the square root of the precision) are left out.
    **Errors:** `TypeError` for a discrete law, whose failure rate is no function of this kind.
    **Source:** Lariviere and Porteus, Selling to the newsvendor, *Manufacturing & Service Operations Management* 3
    (2001).

    >>> from eqsolve.demand.uniform import Uniform
    >>> bool(increasing_failure_rate(Uniform(0.0, 100.0)).holds)
    True
    """
    _require_one(law)
    x = support_grid(law)
    rate = generalised_failure_rate(law, x)
    low, high = x[:-APART], x[APART:]
    eps = jnp.finfo(x.dtype).eps
    counted = (low >= 0) & (high > low) & (law.cdf(low) > 0) & (law.sf(high) > eps**0.5)
    size = jnp.where(counted, jnp.maximum(rate[APART:], rate[:-APART]), 1.0)
    rise = jnp.where(counted, (rate[APART:] - rate[:-APART]) / jnp.where(size > 0, size, 1.0), jnp.inf)
    step = jnp.where(counted, (high - low) / jnp.where(counted, high, 1.0), 1.0)
    slopes = rise / jnp.maximum(step, eps**0.5)  # closer points would only magnify rounding
    worst = jnp.argmin(slopes)
    least = jnp.where(jnp.any(jnp.isnan(rise)), jnp.nan, jnp.min(rise))
    return FailureRate(holds=law._checked(least) >= -256 * eps, margin=law._checked(slopes[worst]), place=high[worst])


class WholesalePrice(eqx.Module):
    """The manufacturer's best wholesale price and what it brings; `str()` prints a table.

    **Fields:** `wholesale_price` [money/unit]. `settlement`: orders, profits and efficiency at it. `igfr`: the check of
    demand. `peaks`: every order at which the manufacturer's profit has a local maximum inside the support, ascending,
    NaN behind the last. `unique`: whether there is one at most.
    """

    wholesale_price: Scalar
    settlement: Settlement
    igfr: FailureRate
    peaks: Float[Array, " candidates"]

    @property
    def unique(self) -> Bool[Array, ""]:
        """Whether at most one peak was found."""
        return jnp.sum(jnp.isfinite(self.peaks)) <= 1

    def __str__(self) -> str:
        return str(self.settlement) + f"\nbest wholesale price {self.wholesale_price}, peaks {self.peaks}"


def best_wholesale_price(channel: Channel, candidates: int = 8) -> WholesalePrice:
    r"""Find the wholesale price at which a newsvendor outlet earns the manufacturer most.

    **Arguments:** `channel`: one channel with continuous demand and $c \ge v$ (units worth more left over than they
    cost are sold without limit). `candidates`: how many peaks to report and compare.
    **Returns:** a `WholesalePrice`, differentiable in the channel. Peaks are looked for at 2000 orders of the support,
    and an order at its lower end is compared with them: selling nothing is the wholesale price $P$.
    **Errors:** `TypeError` for discrete demand: compare `channel.supporting_wholesale_prices` at its values instead.
    `ValueError` for a batch (use `jax.vmap` or `eqsolve.batch`) and for $c < v$; NaN where these are traced.
    **Source:** Lariviere and Porteus (2001).

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = best_wholesale_price(Channel(10.0, 4.0, Uniform(0.0, 100.0)))
    >>> round(float(found.wholesale_price), 4), round(float(found.settlement.efficiency), 4)
    (7.0, 0.75)
    """
    demand = _require_one(channel.demand)
    require_scalar(channel.price + channel.cost, "best_wholesale_price: channel.price + channel.cost")
    what = "best_wholesale_price: channel.cost - channel.salvage"
    require_values(channel.cost - channel.salvage, lambda x: x >= 0, what, "give a cost of the salvage value or more")
    return _best(channel, demand, candidates)


@eqx.filter_jit
def _best(channel: Channel, demand: Continuous, candidates: int) -> WholesalePrice:
    orders = jnp.maximum(support_grid(demand), 0.0)
    fixed = jax.lax.stop_gradient(channel)
    rising = jax.vmap(lambda y: _slope(fixed, y))(orders) > 0
    cells = jnp.flatnonzero(rising[:-1] & ~rising[1:], size=candidates, fill_value=-1)
    found = cells >= 0
    peaks = bisected(lambda y: jax.vmap(lambda one: _slope(fixed, one))(y), orders[cells], orders[cells + 1])[0]
    peaks = jax.vmap(lambda y: polished(lambda one: _slope(channel, one), y))(peaks)
    points = jnp.concatenate([jnp.where(found, peaks, orders[0]), orders[:1]])
    values = jax.vmap(lambda y: _profit(channel, y))(points)
    best = points[jnp.argmax(values)]
    sound = (channel.cost >= channel.salvage) & jnp.all(jnp.isfinite(values))
    best = jnp.where(sound, best, jnp.nan)
    wholesale = _asked(channel, best)
    return WholesalePrice(
        wholesale_price=wholesale,
        settlement=channel.settle(Terms(wholesale), best),
        igfr=increasing_failure_rate(demand),
        peaks=jnp.where(found, peaks, jnp.nan),
    )


def _asked(channel: Channel, order: Scalar) -> Scalar:
    """The highest wholesale price at which the outlet orders so much."""
    gain = channel.price + channel.outlet_penalty - channel.salvage
    return channel.salvage + gain * channel.demand.sf(order)


def _profit(channel: Channel, order: Scalar) -> Scalar:
    """The manufacturer's expected profit from selling so much."""
    goodwill = channel.manufacturer_penalty * channel.demand.loss(order)
    return (_asked(channel, order) - channel.cost) * order - goodwill


def _slope(channel: Channel, order: Scalar) -> Scalar:
    return jax.jvp(lambda y: _profit(channel, y), (order,), (jnp.ones_like(order),))[1]


def _require_one(law: Distribution) -> Continuous:
    if not isinstance(law, Continuous):
        raise TypeError(
            f"demand is {law!r}; give one continuous law. For discrete demand compare the wholesale prices of"
            " Channel.supporting_wholesale_prices at its values."
        )
    require_scalar(law.mean(), "demand: the mean")
    return law
