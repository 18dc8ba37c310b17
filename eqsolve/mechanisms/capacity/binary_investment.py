r"""All or nothing: a capacity that a division may have or not, when only the division knows its prospects.

The manager's type $\theta$ shifts the shocks upwards. The firm should invest where $NPV(\bar k | \theta) > 0$, so
above a threshold $\theta^*$. Cost charges in proportion to the margins that the threshold type expects (relative
expected optimised benefit, REOB) make the profit of every single period positive for just the types above it.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._fields import as_fields, require_positive, require_scalar, require_values
from eqsolve._tabled import Tabled
from eqsolve.mechanisms._roots import bisected, polished
from eqsolve.mechanisms.capacity.accounting import DepreciationSchedule, relative_benefit
from eqsolve.mechanisms.capacity.dedicated_optimum import net_present_value
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, use_of

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]
Types = Callable[[Scalar], LifetimeDivision]


class BinaryInvestment(Tabled):
    r"""The threshold type of an all-or-nothing investment, and the charges that separate types there.

    **Fields:** `threshold` $\theta^*$. `schedule`: REOB, whose charges are $\bar z_t$. `margins`: what the threshold
    type expects of each period [money], shape `[T]`. `charges`: $\bar c_t = \bar z_t v$ [money/unit], shape `[T]`.
    """

    threshold: Scalar
    schedule: DepreciationSchedule
    margins: PerPeriod
    charges: PerPeriod


def expected_margins(division: LifetimeDivision, capacity: Any) -> PerPeriod:
    r"""The optimised margin $E[\max_{q \le k} x_t R - w_t q]$ that a division expects of each period [money]."""
    use = use_of(division, capacity)
    return use.revenue - division.variable_cost * use.output


def binary_investment(types: Types, capacity: Any, low: Any, high: Any) -> BinaryInvestment:
    r"""The threshold type $NPV(\bar k | \theta^*) = 0$ and the charges $\bar z_t \propto E[CM_t(\bar k) | \theta^*]$.

    **Arguments:** `types`: $\theta$ to `LifetimeDivision`; higher types have higher shocks (first-order stochastic
    dominance). `capacity` $\bar k$ > 0 [units]. `low`, `high`: types with a negative and a positive net present value.
    **Returns:** `BinaryInvestment`.
    **Errors:** `ValueError` where net present value does not change its sign between the ends (NaN where traced).
    **Source:** Dutta and Reichelstein (paper 002), equation (24) and Proposition 5.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> def types(theta):
    ...     revenue, shocks = QuadraticRevenue(1.0, 0.5), Uniform(theta - 1.0, 2.0)
    ...     return LifetimeDivision(revenue, shocks, [1.0, 2.0], 2.0, 0.0, multiplier=[1.0, 1.5])
    >>> found = binary_investment(types, capacity=1.0, low=2.0, high=9.0)
    >>> round(float(found.threshold), 4), [round(float(z), 4) for z in found.schedule.charges]
    (2.4617, [0.4873, 0.5127])
    """
    fields = as_fields("binary_investment", capacity=capacity, low=low, high=high)
    for name, value in fields.items():
        require_scalar(value, f"binary_investment: {name}")
    require_positive(fields["capacity"], "binary_investment: capacity")

    found, ends = _investment(types, fields["capacity"], fields["low"], fields["high"])
    wanted = "give a type that should not invest as `low` and one that should as `high`"
    require_values(ends * jnp.array([-1.0, 1.0]), lambda x: x > 0, "binary_investment: npv times (-1, 1)", wanted)
    return found


@eqx.filter_jit
def _investment(types: Types, capacity: Scalar, low: Scalar, high: Scalar) -> tuple[BinaryInvestment, Array]:
    """The investment, and net present values of the lowest and the highest type."""

    def npv(theta: Scalar) -> Scalar:
        division = types(theta)
        return net_present_value(division, capacity, use_of(division, capacity))

    ends = jnp.stack([npv(low), npv(high)])
    below, _ = bisected(lambda theta: -npv(theta), low, high)
    threshold = jnp.where((ends[0] < 0) & (ends[1] > 0), polished(npv, below), jnp.nan)
    division = types(threshold)
    margins = expected_margins(division, capacity)
    schedule = relative_benefit(margins, division.rate)
    return BinaryInvestment(threshold, schedule, margins, schedule.charges * division.price), ends


@eqx.filter_jit
def binary_profits(types: Types, capacity: Any, schedule: DepreciationSchedule, thetas: Any) -> Float[Array, "types T"]:
    r"""The profit of each period for a division that invests, $E[CM_t(\bar k) | \theta] - z_t v \bar k$ [money].

    **Arguments:** `types`, `capacity` as for `binary_investment`. `schedule`: whose charges are used. `thetas`: types,
    shape `[n]`.
    **Returns:** shape `[n, T]`. A schedule is congruent where all entries have the sign of the type less the threshold.
    **Source:** paper 002, proof of Proposition 5.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> def types(theta):
    ...     revenue, shocks = QuadraticRevenue(1.0, 0.5), Uniform(theta - 1.0, 2.0)
    ...     return LifetimeDivision(revenue, shocks, [1.0, 2.0], 2.0, 0.0, multiplier=[1.0, 1.5])
    >>> schedule = binary_investment(types, capacity=1.0, low=2.0, high=9.0).schedule
    >>> (binary_profits(types, 1.0, schedule, [2.0, 3.0]) > 0).tolist()
    [[False, False], [True, True]]
    """
    capacity = jnp.asarray(capacity, schedule.rate.dtype)

    def profits(theta: Scalar) -> PerPeriod:
        division = types(theta)
        return expected_margins(division, capacity) - schedule.charges * division.price * capacity

    return jax.vmap(profits)(jnp.asarray(thetas, capacity.dtype))


@eqx.filter_jit
def dominance(types: Types, thetas: Any, points: int = 201) -> Scalar:
    """The least by which a higher type's chance of a shock above any level exceeds that of the next lower type.

    **Arguments:** `thetas`: types in rising order, shape `[n]`. `points`: at how many levels the laws are compared.
    **Returns:** a difference of probabilities: zero or more, but for rounding, under first-order stochastic dominance.
    **Source:** paper 002, the hypothesis of Proposition 5.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> def types(theta):
    ...     revenue, shocks = QuadraticRevenue(1.0, 0.5), Uniform(theta - 1.0, 2.0)
    ...     return LifetimeDivision(revenue, shocks, [1.0, 2.0], 2.0, 0.0, multiplier=[1.0, 1.5])
    >>> round(float(dominance(types, [2.0, 3.0, 4.0])), 3)
    0.0
    """
    thetas = jnp.asarray(thetas)
    share = (np.arange(points) + 0.5) / points
    laws = types(thetas[0]).shocks, types(thetas[-1]).shocks
    levels = [jnp.ravel(jax.vmap(law.ppf)(jnp.asarray(share))) for ends in laws for law in ends]
    at = jnp.sort(jnp.concatenate(levels))

    def above(theta: Scalar) -> Array:
        return jnp.concatenate([jnp.ravel(jax.vmap(law.sf)(at)) for law in types(theta).shocks])

    return jnp.min(jnp.diff(jax.vmap(above)(thetas), axis=0))
