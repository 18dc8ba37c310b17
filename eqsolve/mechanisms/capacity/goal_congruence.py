r"""Strong goal congruence: whether a division chooses what the firm wants, whatever its periods count for.

A manager may weight the expected performance of each period by any $u_t \ge 0$. What a tariff leaves the division in
each period is concave in capacity, so the best capacity for any weights lies between the lowest and the highest of the
capacities that are best for one period each. A rule is congruent if those are all efficient, and so is the output that
it induces of the efficient capacity. The worst a manager can do is to count a single period only.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.dedicated_optimum import DedicatedOptimum, dedicated_optimum, net_present_value
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, best_capacity
from eqsolve.mechanisms.capacity.transfer_rules import TransferRule, require_rule

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class Congruence(Tabled):
    """Whether a rule is strongly goal congruent for a division, and by how much it fails.

    **Fields:**

    - `by_period`: the capacity that is best for each period's performance alone [units], shape `[T]`.
    - `first_best`: the `DedicatedOptimum`.
    - `capacity_gap`: the largest distance of a period's capacity from the efficient one [units].
    - `quantity_gap`: by how much the expected output of the efficient capacity misses the efficient output, by period
      [units]: negative where the rule makes the division produce too little.
    - `loss_by_period`: what the firm loses if only that period counts for the division, in capacity and output [money].
    - `worst_weights`: of the periods, shape `[T]`: all on the period with the largest loss.
    - `tolerance`: what gaps are compared with [units].
    """

    by_period: PerPeriod
    first_best: DedicatedOptimum
    capacity_gap: Scalar
    quantity_gap: PerPeriod
    loss_by_period: PerPeriod
    worst_weights: PerPeriod
    tolerance: Scalar

    @property
    def congruent(self) -> Bool[Array, ""]:
        """Whether all gaps are within the tolerance."""
        return (self.capacity_gap <= self.tolerance) & jnp.all(jnp.abs(self.quantity_gap) <= self.tolerance)

    @property
    def worst_loss(self) -> Scalar:
        """What the firm loses under the worst weights [money]."""
        return jnp.max(self.loss_by_period)


def goal_congruence(division: LifetimeDivision, rule: TransferRule, tolerance: Any = None) -> Congruence:
    r"""Test a rule for strong goal congruence, period by period.

    **Arguments:**

    - `division`: the downstream division; or the upstream one, for which `two_part(division, schedule)` is what
      residual income charges it under a depreciation schedule.
    - `rule`: with an agreed right (gatekeeper) the test says whether that right is the efficient capacity on its own.
    - `tolerance`: of capacities and outputs [units]; by default the efficient capacity times 5e-7 in double and 2e-3
      in single precision.

    **Returns:** `Congruence`. For an `OwnRule` it holds for single periods; that no mixture of periods does worse is
    only known for tariffs.
    **Source:** Dutta and Reichelstein (paper 002), equations (7) and (8).

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> from eqsolve.mechanisms.capacity.tariffs import relative_benefit_two_part, two_part
    >>> x, w = jnp.array([1.0, 0.5]), jnp.array([2.0, 1.0])
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.4, 1.2), w, 6.0, 0.1, multiplier=x)
    >>> [bool(goal_congruence(division, rule(division)).congruent) for rule in (two_part, relative_benefit_two_part)]
    [False, True]
    """
    require_rule(rule, division)
    best = dedicated_optimum(division)
    given = jnp.finfo(best.capacity.dtype).eps ** 0.4 * best.capacity if tolerance is None else tolerance
    return _congruence(division, rule, best, jnp.asarray(given, best.capacity.dtype))


@eqx.filter_jit
def _congruence(
    division: LifetimeDivision, rule: TransferRule, best: DedicatedOptimum, tolerance: Scalar
) -> Congruence:
    alone = jnp.eye(division.periods, dtype=division.price.dtype)
    by_period = jax.vmap(lambda weights: rule.chosen(division, weights))(alone)
    capacities = jnp.concatenate([by_period, best.capacity[None]])
    uses = jax.vmap(lambda capacity: rule.use(division, capacity)[0])(capacities)
    reached = jax.vmap(lambda capacity, use: net_present_value(division, capacity, use))(capacities, uses)
    losses = best.npv - reached[:-1]
    gaps = jnp.where(by_period == best.capacity, 0.0, jnp.abs(by_period - best.capacity))  # infinite ones too
    return Congruence(
        by_period,
        best,
        jnp.max(gaps),
        uses.output[-1] - best.use.output,
        losses,
        alone[jnp.argmax(losses)],
        tolerance,
    )


@eqx.filter_jit
def full_use_capacity(division: LifetimeDivision) -> Scalar:
    r"""The capacity that is best if it must always be used up: $\sum_t \gamma^t E[x_t R'(k, \epsilon)] = v + \bar w$.

    It is what the capitalised rule induces where marginal revenue at it is not negative in any state; it is never more
    than the efficient capacity, and equal to that under limited volatility.

    **Returns:** the capacity [units]; zero where the first unit does not pay.
    **Source:** paper 002, Proposition 4(ii) and appendix B, $k^I$.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 6.0, 0.1, periods=2)
    >>> round(float(full_use_capacity(division)), 3)
    4.543
    """
    return best_capacity(division, division.discounts, division.variable_cost, division.price, least=-jnp.inf)
