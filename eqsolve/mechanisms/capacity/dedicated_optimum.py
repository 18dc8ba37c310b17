"""The best capacity of a division that nobody shares, over the life of the capacity."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.lifetime import ExpectedUse, LifetimeDivision, best_capacity, use_of

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class DedicatedOptimum(Tabled):
    r"""The first best of a division with capacity of its own.

    **Fields:** `capacity` $k^o$ [units]. `npv`: net present value [money]. `annual_profit`: the same income each period
    [money/period]. `use`: expected output, revenue and full use by period. `limited_volatility`: $x_t R'(k^o, e) - w_t$
    in the lowest state [money/unit], shape `[T]`: where it is zero or more in every period, capacity is always used up.
    `first_unit`: $x_t R'(0, e) - w_t$ in the lowest state, positive by assumption; may be infinite.
    """

    capacity: Scalar
    npv: Scalar
    annual_profit: Scalar
    use: ExpectedUse
    limited_volatility: PerPeriod
    first_unit: PerPeriod


def net_present_value(division: LifetimeDivision, capacity: Any, use: ExpectedUse) -> Scalar:
    r"""The net present value $\sum_t \gamma^t E[x_t R(q_t) - w_t q_t] - v k$ of a capacity and its use [money].

    Minus infinity for an infinite capacity that costs anything.
    """
    capacity = jnp.asarray(capacity, division.price.dtype)
    finite = jnp.isfinite(capacity)
    margin = jnp.where(finite, use.revenue - division.variable_cost * jnp.where(finite, use.output, 0.0), 0.0)
    cost = division.price * jnp.where(finite, capacity, 0.0)
    value = jnp.sum(division.discounts * margin) - cost
    endless = jnp.isinf(capacity) & (division.price > 0)
    return jnp.where(endless, -jnp.inf, jnp.where(finite, value, jnp.nan))


@eqx.filter_jit
def dedicated_optimum(division: LifetimeDivision) -> DedicatedOptimum:
    r"""The efficient capacity of a division on its own: $\sum_t \gamma^t E[x_t R'(q^o_t)] = v + \bar w$.

    **Returns:** `DedicatedOptimum`; its capacity is zero where the expected marginal revenue of the first unit does not
    pay for it. Differentiable in all fields of the division.
    **Source:** paper 002, Lemma 1 (stationary) and Lemma 3, equation (22), with the corners of footnotes 13 and 22.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 12.0, 0.1, periods=5)
    >>> found = dedicated_optimum(division)
    >>> round(float(found.capacity), 4), round(float(found.npv), 2)
    (4.8344, 44.3)
    """
    discounts = division.discounts
    capacity = best_capacity(division, discounts, division.variable_cost, division.price)
    use = use_of(division, capacity)
    npv = net_present_value(division, capacity, use)
    lowest = division.lowest_shock
    return DedicatedOptimum(
        capacity,
        npv,
        npv / jnp.sum(discounts),
        use,
        division.marginal(capacity, lowest) - division.variable_cost,
        division.marginal(0.0, lowest) - division.variable_cost,
    )
