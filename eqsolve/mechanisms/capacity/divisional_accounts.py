r"""Both divisions' accounts over the life of their capacity, on one realised path.

The downstream division earns operating income $\Pi_{2t} = x_{2t} R_2 - TP_t$. The upstream division buys and writes off
all capacity, makes all output and earns residual income
$\Pi_{1t} = x_{1t} R_1 - w_{1t} q_{1t} - w_{2t} q_{2t} - D_t + TP_t - r BV_{t-1}$. Whatever the rule and the
depreciation, both together are worth the cash flows, because cost charges are worth what was paid.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import require_values
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.accounting import DepreciationSchedule
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision
from eqsolve.mechanisms.capacity.transfer_rules import TransferRule

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class DivisionalAccounts(Tabled):
    """Accounts by period on one path, shape `[T]`, and what they are worth.

    **Fields:** `upstream`: residual income [money]. `downstream`: operating income [money]. `centre`: what the buyer
    pays beyond what the seller is credited with, zero but for dual pricing [money]. `transfer`: what the buyer pays
    [money]. `depreciation` and `opening_book_value` of all capacity [money]. `cash_flow`: contribution margins of both
    [money]. `npv`: present value of cash flows less the price of capacity [money]. `conservation`: present value of all
    incomes less `npv`, zero but for rounding [money].
    """

    upstream: PerPeriod
    downstream: PerPeriod
    centre: PerPeriod
    transfer: PerPeriod
    depreciation: PerPeriod
    opening_book_value: PerPeriod
    cash_flow: PerPeriod
    npv: Scalar
    conservation: Scalar


def divisional_accounts(
    upstream: LifetimeDivision,
    downstream: LifetimeDivision,
    rule: TransferRule,
    schedules: tuple[DepreciationSchedule, DepreciationSchedule],
    capacities: Any,
    quantities: Any,
    shocks: Any,
) -> DivisionalAccounts:
    r"""The accounts of both divisions for capacities and outputs that are given.

    **Arguments:**

    - `rule`: what the downstream division pays.
    - `schedules`: how the upstream division writes off the capacity bought for each division.
    - `capacities` $k_1, k_2$ [units], shape `[2]`. `quantities` $q_{it}$ [units] and `shocks`, shape `[2, T]`.

    **Returns:** `DivisionalAccounts`.
    **Errors:** `ValueError` for lives or costs of capital that differ.
    **Source:** Dutta and Reichelstein (paper 002), equations (1) to (3).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue, annuity, two_part
    >>> def division(scale):
    ...     return LifetimeDivision(QuadraticRevenue(scale, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> one, two, schedule = division(8.0), division(9.0), annuity(0.1, 2)
    >>> sold, shocks = [[4.0, 4.0], [5.0, 5.0]], [[1.0, 1.0], [1.0, 1.0]]
    >>> found = divisional_accounts(one, two, two_part(two), (schedule, schedule), [4.0, 5.0], sold, shocks)
    >>> [round(float(income), 3) for income in found.downstream], abs(round(float(found.conservation), 4))
    ([5.214, 5.214], 0.0)
    """
    lives = {upstream.periods, downstream.periods, *(schedule.periods for schedule in schedules)}
    if len(lives) > 1:
        raise ValueError(
            f"divisional_accounts: capacity lasts {sorted(lives)} periods; give divisions and schedules of one life."
        )
    rates = jnp.stack([member.rate for member in (upstream, downstream, *schedules)])
    slack = 8 * float(jnp.finfo(rates.dtype).eps)
    wanted = "give divisions and schedules with one cost of capital"
    what = "divisional_accounts: a cost of capital less the upstream division's"
    require_values(rates - rates[0], lambda gap: abs(gap) <= slack, what, wanted)
    dtype = upstream.price.dtype
    capacities, quantities, shocks = (jnp.asarray(value, dtype) for value in (capacities, quantities, shocks))
    made = list(zip((upstream, downstream), quantities, shocks, strict=True))
    earned = [division.multiplier * division.revenue.revenue(q, shock) for division, q, shock in made]
    spent = [division.variable_cost * q for division, q, _ in made]
    paid = jnp.stack([upstream.price, downstream.price]) * capacities
    written = paid[0] * schedules[0].depreciation + paid[1] * schedules[1].depreciation
    book = paid[0] * schedules[0].book_values[:-1] + paid[1] * schedules[1].book_values[:-1]
    transfer, receipt = rule.payment(capacities[1], quantities[1]), rule.receipt(capacities[1], quantities[1])
    residual = earned[0] - spent[0] - spent[1] + receipt - written - upstream.rate * book
    income, centre = earned[1] - transfer, transfer - receipt
    cash = earned[0] + earned[1] - spent[0] - spent[1]
    same = jnp.all(jnp.abs(rates - rates[0]) <= slack)
    cash = jnp.where(same, cash, jnp.nan)
    npv = jnp.sum(upstream.discounts * cash) - jnp.sum(paid)
    worth = jnp.sum(upstream.discounts * (residual + income + centre))
    return DivisionalAccounts(residual, income, centre, transfer, written, book, cash, npv, worth - npv)
