r"""What a transfer pricing rule induces: capacity and output, what each side gets, and what the firm loses by it.

A rule is a full cost rule if what it transfers is worth what the capacity and the output cost the firm:
$\sum_t \gamma^t TP_t = v k + \sum_t \gamma^t w_t q_t$ on the path that is taken.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.dedicated_optimum import DedicatedOptimum, dedicated_optimum, net_present_value
from eqsolve.mechanisms.capacity.lifetime import ExpectedUse, LifetimeDivision
from eqsolve.mechanisms.capacity.transfer_rules import TransferRule, require_rule

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class Induced(Tabled):
    """What a division does under a transfer pricing rule, expected where shocks matter.

    **Fields:**

    - `capacity`: the smallest that is best for the division [units]; infinite where it wants no end of it.
    - `use`: output, revenue and the probability of full use, by period.
    - `payment`, `receipt`: what the buyer pays and the seller is credited with, by period [money].
    - `profit`: the division's revenue less its payment, by period [money].
    - `volume_variance`: the user cost of idle capacity, $c (k - q_t)$, by period [money].
    - `npv`: the firm's net present value of what the division does [money]. `annual_profit`: the same income in every
      period [money].
    - `full_cost_gap`: present value of payments less that of costs [money]; zero for a full cost rule.
    - `first_best`: the `DedicatedOptimum`. `loss`: its net present value less the one reached [money].
    """

    capacity: Scalar
    use: ExpectedUse
    payment: PerPeriod
    receipt: PerPeriod
    profit: PerPeriod
    volume_variance: PerPeriod
    npv: Scalar
    annual_profit: Scalar
    full_cost_gap: Scalar
    first_best: DedicatedOptimum
    loss: Scalar


def induced(division: LifetimeDivision, rule: TransferRule, weights: Any = None) -> Induced:
    r"""What a division with capacity of its own chooses under a transfer pricing rule.

    **Arguments:** `rule`: for as many periods. `weights` $u_t$ >= 0, not all zero: what each period's profit counts for
    the division, shape `[T]`; by default the firm's discount factors.
    **Returns:** `Induced`. Differentiable for tariffs.
    **Errors:** `TypeError` for what is no rule, `ValueError` for a rule or weights of another number of periods;
    weights out of range give NaN.
    **Source:** Dutta and Reichelstein (paper 002), section 3 and appendix B.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import RootRevenue
    >>> from eqsolve.mechanisms.capacity.tariffs import naive_full_cost, two_part
    >>> division = LifetimeDivision(RootRevenue(20.0), Uniform(0.2, 1.6), 2.0, price=12.0, rate=0.1, periods=5)
    >>> [round(float(induced(division, rule(division)).capacity), 3) for rule in (two_part, naive_full_cost)]
    [3.834, 12.143]
    """
    require_rule(rule, division)
    weights = division.discounts if weights is None else jnp.asarray(weights, division.price.dtype)
    if weights.shape != (division.periods,):
        raise ValueError(
            f"induced: weights has shape {weights.shape}; give {division.periods} numbers, one per period."
        )
    return _induced(division, rule, weights, dedicated_optimum(division))


@eqx.filter_jit
def _induced(division: LifetimeDivision, rule: TransferRule, weights: PerPeriod, best: DedicatedOptimum) -> Induced:
    capacity = jnp.where(jnp.all(weights >= 0), rule.chosen(division, weights), jnp.nan)
    use, payment, receipt = rule.use(division, capacity)
    npv = net_present_value(division, capacity, use)
    idle = jnp.where(jnp.isinf(capacity), jnp.inf, capacity - use.output)
    return Induced(
        capacity,
        use,
        payment,
        receipt,
        use.revenue - payment,
        division.user_cost * idle,
        npv,
        npv / jnp.sum(division.discounts),
        _gap(division, payment, capacity, use.output),
        best,
        best.npv - npv,
    )


def full_cost_gap(division: LifetimeDivision, rule: TransferRule, capacity: Any, quantities: Any) -> Array:
    r"""By how much a rule's payments on a path are worth more than the costs they are for [money].

    $\sum_t \gamma^t TP_t(k, q_t) - v k - \sum_t \gamma^t w_t q_t$. The paper calls a rule full cost where this is zero.

    **Arguments:** `capacity` $k$ [units]. `quantities` $q_t$, shape `[..., T]`: one path or several.
    **Returns:** the gap of each path, shape `[...]`: negative where the seller does not get back what it spends.
    **Source:** paper 002, the Definition in section 2.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> from eqsolve.mechanisms.capacity.tariffs import naive_full_cost, two_part
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 12.0, 0.0, periods=2)
    >>> path = jnp.array([4.0, 5.0])  # one unit stays idle in the first period
    >>> [round(float(full_cost_gap(division, rule(division), 5.0, path)), 3) for rule in (two_part, naive_full_cost)]
    [0.0, -6.0]
    """
    quantities = jnp.asarray(quantities, division.price.dtype)
    return _gap(division, rule.payment(capacity, quantities), jnp.asarray(capacity, quantities.dtype), quantities)


def volume_variance(division: LifetimeDivision, capacity: Any, quantities: Any) -> PerPeriod:
    r"""The overhead of idle capacity, $c (k - q_t)$: what two-part full cost charges beyond naive full cost [money].

    **Arguments:** as for `full_cost_gap`.
    **Source:** paper 002, after Proposition 1, where the printed sign is wrong (ERRATA.md).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> [round(float(x), 2) for x in volume_variance(division, 4.0, [4.0, 3.0])]
    [0.0, 3.46]
    """
    return division.user_cost * (capacity - jnp.asarray(quantities, division.price.dtype))


def _gap(division: LifetimeDivision, payment: Array, capacity: Array, quantities: Array) -> Array:
    """Payments beyond costs; infinite capacity that is not paid for is an infinite shortfall."""
    finite = jnp.isfinite(capacity)
    made = jnp.where(finite, quantities, 0.0)
    cost = division.price * jnp.where(finite, capacity, 0.0)
    gap = (
        jnp.sum(division.discounts * (jnp.where(finite, payment, 0.0) - division.variable_cost * made), axis=-1) - cost
    )
    return jnp.where(finite, gap, jnp.where(jnp.isinf(capacity), -jnp.inf, jnp.nan))
