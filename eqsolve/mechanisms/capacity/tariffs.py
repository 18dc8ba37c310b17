r"""The tariffs of practice, $TP_t = p_t + a_t k + u_t q_t$, which differ in what they charge for.

| rule | per unit of capacity $a_t$ | per unit of output $u_t$ |
|---|---|---|
| naive full cost (Polysar) | 0 | $w_t + c$ |
| variable cost | 0 | $w_t$ |
| two-part full cost | $z_t v$ | $w_t$ |
| capitalised full cost | $z_t (v + \bar w)$ | 0 |
| gatekeeper | 0, for an agreed right at $p$ | $w_t$ |

Cost charges $z_t$ are those of the annuity, the relative benefit rule, REOB or any other depreciation.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from eqsolve._fields import require_values
from eqsolve.mechanisms.capacity.accounting import DepreciationSchedule, annuity, relative_benefit
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision
from eqsolve.mechanisms.capacity.transfer_rules import Tariff


def naive_full_cost(division: LifetimeDivision) -> Tariff:
    r"""Full cost per unit of output, $TP_t = (w_t + c) q_t$, and nothing for capacity that stays idle (Polysar).

    **Source:** paper 002, section 3.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> [round(float(x), 2) for x in naive_full_cost(division).payment(4.0, [4.0, 3.0])]
    [21.83, 16.37]
    """
    return Tariff(jnp.zeros_like(division.variable_cost), division.variable_cost + division.user_cost)


def variable_cost(division: LifetimeDivision) -> Tariff:
    r"""Variable cost alone, $TP_t = w_t q_t$.

    **Source:** paper 002, section 6.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> variable_cost(division).payment(4.0, [4.0, 3.0]).tolist()
    [8.0, 6.0]
    """
    return Tariff(jnp.zeros_like(division.variable_cost), division.variable_cost)


def two_part(division: LifetimeDivision, schedule: DepreciationSchedule | None = None) -> Tariff:
    r"""Capacity by the cost charges of a depreciation rule, output at variable cost: $TP_t = z_t v k + w_t q_t$.

    **Arguments:** `schedule`: the annuity by default, with $z_t v = c$ (Proposition 1); `relative_benefit` of the
    multipliers (Proposition 4) or REOB (Proposition 5) otherwise. For the upstream division it is what residual income
    charges for capacity of its own under that depreciation.
    **Errors:** `ValueError` for a schedule of another life or another cost of capital.
    **Source:** paper 002, equation (9), Propositions 4(i) and 5.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> [round(float(x), 2) for x in two_part(division).payment(4.0, [4.0, 3.0])]
    [21.83, 19.83]
    """
    schedule = annuity(division.rate, division.periods) if schedule is None else _fitting(division, schedule)
    return Tariff(schedule.charges * division.price, division.variable_cost)


def relative_benefit_two_part(division: LifetimeDivision) -> Tariff:
    r"""The two-part rule with charges in proportion to revenue multipliers, $\hat c_t k + w_t q_t$.

    **Source:** paper 002, Proposition 4(i).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> [round(float(x), 2) for x in relative_benefit_two_part(division).payment(4.0, [4.0, 3.0])]
    [21.83, 19.83]
    """
    return two_part(division, relative_benefit(division.multiplier, division.rate))


def capitalised(division: LifetimeDivision, schedule: DepreciationSchedule | None = None) -> Tariff:
    r"""Capacity bears the variable cost anticipated for it too: $TP_t = z_t (v + \bar w) k$, output is free.

    **Arguments:** `schedule`: `relative_benefit` of the multipliers by default.
    **Errors:** as `two_part`.
    **Source:** paper 002, Propositions 4(ii) and 6.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> [round(float(x), 2) for x in capitalised(division).payment(4.0, [4.0, 3.0])]
    [21.83, 21.83]
    """
    default = relative_benefit(division.multiplier, division.rate)
    schedule = default if schedule is None else _fitting(division, schedule)
    charge = schedule.charges * (division.price + division.anticipated_cost)
    return Tariff(charge, jnp.zeros_like(charge))


def gatekeeper_tariff(division: LifetimeDivision, right: Any, payment: Any) -> Tariff:
    r"""A right that was agreed with the gatekeeper, at a fixed payment: $TP_t = p + w_t q_t$ for $q_t \le k_2$.

    **Arguments:** `right` $k_2$ >= 0 [units]. `payment` $p$ [money/period].
    **Source:** paper 002, Proposition 3.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> gatekeeper_tariff(division, right=4.0, payment=5.0).payment(4.0, [4.0, 3.0]).tolist()
    [13.0, 11.0]
    """
    return Tariff(jnp.zeros_like(division.variable_cost), division.variable_cost, lump_sum=payment, right=right)


def _fitting(division: LifetimeDivision, schedule: DepreciationSchedule) -> DepreciationSchedule:
    if schedule.periods != division.periods:
        raise ValueError(
            f"The schedule is for {schedule.periods} periods, the division's capacity lasts {division.periods}; give"
            " one of the same life."
        )
    wanted = "give a schedule at the division's cost of capital"
    gap = schedule.rate - division.rate
    slack = 8 * float(jnp.finfo(gap.dtype).eps)
    require_values(gap, lambda x: abs(x) <= slack, "the schedule's rate less the division's", wanted)
    return eqx.tree_at(lambda s: s.rate, schedule, jnp.where(jnp.abs(gap) <= slack, schedule.rate, jnp.nan))
