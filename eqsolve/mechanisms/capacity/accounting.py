r"""What a unit of capacity costs per period, and how its price is spread over its life.

An asset bought for one unit of money is written off by depreciation charges $d_t$ that sum to one. Together with
interest on the book value they are the cost charges

$$z_t = d_t + r\,BV_{t-1}, \qquad BV_t = BV_{t-1} - d_t, \quad BV_0 = 1,$$

whose present value is one for every depreciation rule. And as $BV_t = \sum_{s>t} z_s \gamma^{s-t}$ with
$\gamma = 1/(1+r)$, charges of present value one belong to one rule: depreciation rules and cost charges are the same
thing twice. Nothing here divides by $r$: without interest all formulas hold as they stand.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import (
    as_fields,
    require_nonnegative,
    require_positive,
    require_scalar,
    require_values,
    require_vector,
)
from eqsolve._tabled import Tabled

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


def discount_factors(rate: Any, periods: int) -> PerPeriod:
    r"""The discount factors $\gamma^t = (1 + r)^{-t}$ of periods 1 to T.

    **Arguments:** `rate` $r$: cost of capital per period, >= 0. `periods` $T$: at least 1.
    **Returns:** shape `[T]`.
    **Errors:** `ValueError` for a rate that is negative (NaN where traced) or not one number, or a number of periods
    that is not whole or below one.
    **Source:** Dutta and Reichelstein (paper 002), section 2.

    >>> [round(float(factor), 4) for factor in discount_factors(0.25, 2)]
    [0.8, 0.64]
    """
    (rate,) = as_fields("discount_factors", rate=rate).values()
    require_scalar(rate, "discount_factors: rate")
    require_nonnegative(rate, "discount_factors: rate")
    times = _times(whole_periods(periods, "discount_factors"), rate.dtype)
    return jnp.where(rate >= 0, jnp.exp(-times * jnp.log1p(rate)), jnp.nan)


def user_cost(price: Any, rate: Any, life: Any) -> Scalar:
    r"""The user cost of a unit of capacity for one period, $c = v / \sum_s \gamma^s x_s$ [money/unit].

    It is the charge that pays for the asset with interest, in proportion to what the asset can do. With the two years
    $(1, \beta)$ of paper 001 it is $v / (\gamma + \gamma^2 \beta)$; with $T$ equal years $v r / (1 - \gamma^T)$, and
    $v / T$ without interest.

    **Arguments:**

    - `price` $v$: of a unit of new capacity, >= 0 [money/unit].
    - `rate` $r$: cost of capital per period, >= 0.
    - `life`: capacity $x_s$ that is left of a unit in each period of its life, >= 0 and not all zero; or a whole number
      of periods of full capacity.

    **Returns:** the cost per unit of capacity of the first period, where $x_1 = 1$. Differentiable.
    **Errors:** `ValueError` that names the argument; traced values out of range give NaN.
    **Source:** paper 002, equation (6); paper 001, equation (7).

    >>> round(float(user_cost(100.0, 0.08, 5)), 4), round(float(user_cost(1.0, 0.1, [1.0, 0.8])), 5)
    (25.0456, 0.63684)
    """
    fields = as_fields("user_cost", price=price, rate=rate, life=_profile(life, "user_cost: life"))
    require_scalar(fields["price"], "user_cost: price")
    require_nonnegative(fields["price"], "user_cost: price")
    _require_benefits(fields["life"], "user_cost: life")
    worth = jnp.sum(discount_factors(fields["rate"], fields["life"].shape[0]) * fields["life"])
    sound = (fields["price"] >= 0) & (worth > 0) & jnp.all(fields["life"] >= 0)
    return jnp.where(sound, fields["price"] / jnp.where(worth > 0, worth, 1.0), jnp.nan)


class UnitCost(Tabled):
    """What a unit of output costs per period when capacity is fully used [money/unit].

    **Fields:** `user`: the user cost of capacity. `variable`: the variable cost. `traditional`: price over life plus
    variable cost, as textbooks have it. `gap`: by how much that falls short of the full cost: the cost of capital,
    zero only without interest. It is not computed as a difference, so it is accurate for the smallest rates.
    """

    user: Scalar
    variable: Scalar
    traditional: Scalar
    gap: Scalar

    @property
    def full(self) -> Scalar:
        """The full cost: user cost plus variable cost."""
        return self.user + self.variable


def unit_cost(price: Any, rate: Any, periods: int, variable_cost: Any) -> UnitCost:
    r"""The full cost $c + w$ of a unit of output, and the traditional measure $v / T + w$ that forgets interest.

    **Arguments:** `price` $v$ >= 0 [money/unit]. `rate` $r$ >= 0. `periods` $T$ of full capacity. `variable_cost` $w$
    [money/unit].
    **Returns:** `UnitCost`.
    **Errors:** as `user_cost`.
    **Source:** paper 002, section 3, after Lemma 1.

    >>> cost = unit_cost(100.0, 0.08, 5, 12.0)
    >>> round(float(cost.full), 3), float(cost.traditional), round(float(cost.gap), 3)
    (37.046, 32.0, 5.046)
    """
    fields = as_fields("unit_cost", price=price, rate=rate, variable_cost=variable_cost)
    require_scalar(fields["variable_cost"], "unit_cost: variable_cost")
    user = user_cost(fields["price"], fields["rate"], whole_periods(periods, "unit_cost"))
    times = _times(periods, user.dtype)
    lost = jnp.sum(-jnp.expm1(-times * jnp.log1p(fields["rate"])))  # T less the sum of discount factors
    plain = fields["price"] / periods
    gap = jnp.where(jnp.isnan(user), jnp.nan, plain * lost / jnp.sum(discount_factors(fields["rate"], periods)))
    return UnitCost(user, fields["variable_cost"], plain + fields["variable_cost"], gap)


class DepreciationSchedule(eqx.Module):
    r"""How the price of an asset is written off, per unit of money spent on it.

    **Arguments:** `depreciation` $d_t$: charges of periods 1 to T with sum 1, shape `[T]`; they may be negative. `rate`
    $r$: cost of capital per period, >= 0. The rules with names are `annuity`, `straight_line` and `relative_benefit`;
    `schedule_of_charges` starts from cost charges.

    **Errors:** `ValueError` that names the field; traced schedules whose sum is not one give NaN.
    **Source:** paper 002, equation (3), with $z_1 = d_1 + r$ for the first period as well.

    >>> schedule = DepreciationSchedule([0.5, 0.5], rate=0.1)
    >>> [round(float(charge), 4) for charge in schedule.charges], schedule.book_values.tolist()
    ([0.6, 0.55], [1.0, 0.5, 0.0])
    """

    depreciation: PerPeriod
    rate: Scalar

    def __init__(self, depreciation: Any, rate: Any):
        fields = as_fields("DepreciationSchedule", depreciation=depreciation, rate=rate)
        self.depreciation, self.rate = fields["depreciation"], fields["rate"]

    def __check_init__(self) -> None:
        require_vector(self.depreciation, "DepreciationSchedule.depreciation")
        require_scalar(self.rate, "DepreciationSchedule.rate")
        require_finite(self, "DepreciationSchedule")
        require_nonnegative(self.rate, "DepreciationSchedule.rate")
        _require_one(jnp.sum(self.depreciation), self.depreciation, "the sum of DepreciationSchedule.depreciation")

    @property
    def periods(self) -> int:
        """The life of the asset."""
        return self.depreciation.shape[0]

    @property
    def discounts(self) -> PerPeriod:
        """The discount factors of the periods of the asset's life."""
        return discount_factors(self.rate, self.periods)

    @property
    def book_values(self) -> Float[Array, " dates"]:
        """What is left to write off at dates 0 to T, shape `[T + 1]`: one at first, zero at last."""
        later = jnp.cumsum(self.depreciation[::-1])[::-1]  # from the far end: the last book value is zero exactly
        return self._checked(jnp.concatenate([later, jnp.zeros_like(later[:1])]).at[0].set(1.0))

    @property
    def charges(self) -> PerPeriod:
        """The cost charges $z_t$: depreciation and interest on the book value, of present value one."""
        return self.depreciation + self.rate * self.book_values[:-1]

    def _checked(self, value: Array) -> Array:
        sound = _near_one(jnp.sum(self.depreciation), self.depreciation) & (self.rate >= 0)
        return jnp.where(sound, value, jnp.nan)


def schedule_of_charges(charges: Any, rate: Any) -> DepreciationSchedule:
    r"""The depreciation rule that belongs to cost charges: $d_t = z_t - r BV_{t-1}$.

    **Arguments:** `charges` $z_t$: of present value one, shape `[T]`. `rate` $r$ >= 0.
    **Returns:** `DepreciationSchedule`.
    **Errors:** `ValueError` for charges of another present value; NaN where traced.
    **Source:** paper 002, section 2 (the map is one to one, Rogerson 1997).

    >>> schedule_of_charges([0.75, 0.625], rate=0.25).depreciation.tolist()
    [0.5, 0.5]
    """
    fields = as_fields("schedule_of_charges", charges=charges, rate=rate)
    charges, rate = fields["charges"], fields["rate"]
    require_vector(charges, "schedule_of_charges: charges")
    discounts = discount_factors(rate, charges.shape[0])
    worth = jnp.sum(discounts * charges)
    _require_one(worth, charges, "the present value of schedule_of_charges: charges")
    later = jnp.cumsum((discounts * charges)[::-1])[::-1]  # what is still to come, seen from date 0
    opening = later * jnp.concatenate([jnp.ones_like(worth)[None], 1 / discounts[:-1]])
    written = charges - rate * opening
    return DepreciationSchedule(jnp.where(_near_one(worth, charges), written, jnp.nan), rate)


def annuity(rate: Any, periods: int) -> DepreciationSchedule:
    r"""The annuity rule: equal cost charges $z_t = 1 / \sum_s \gamma^s$, and with them rising depreciation.

    **Arguments:** `rate` $r$ >= 0. `periods` $T$.
    **Returns:** `DepreciationSchedule`; without interest the straight line.
    **Source:** paper 002, Proposition 1 and footnote 15 (sinking fund depreciation).

    >>> [round(float(charge), 4) for charge in annuity(0.1, 5).charges]
    [0.2638, 0.2638, 0.2638, 0.2638, 0.2638]
    """
    return relative_benefit([1.0] * whole_periods(periods, "annuity"), rate)


def straight_line(rate: Any, periods: int) -> DepreciationSchedule:
    r"""The straight line: equal depreciation $1 / T$, and falling charges $z_t = (1 + r (T - t + 1)) / T$.

    **Arguments:** `rate` $r$ >= 0. `periods` $T$.
    **Returns:** `DepreciationSchedule`.
    **Source:** paper 002, section 3; it equals the relative benefit rule where benefits fall linearly at the rate
    $r / (1 + r T)$ (footnote 23).

    >>> [round(float(charge), 4) for charge in straight_line(0.1, 5).charges]
    [0.3, 0.28, 0.26, 0.24, 0.22]
    """
    length = whole_periods(periods, "straight_line")
    return DepreciationSchedule([1.0 / length] * length, rate)


def relative_benefit(benefits: Any, rate: Any) -> DepreciationSchedule:
    r"""Charges in proportion to the benefits of each period, $z_t = x_t / \sum_s \gamma^s x_s$.

    Benefits may be revenue multipliers $x_{it}$ (relative benefit rule), the capacity that is left of an asset
    (relative practical capacity, paper 001), or the expected optimised margins of a threshold type (REOB).

    **Arguments:** `benefits` $x_t$: >= 0 and not all zero, shape `[T]`. `rate` $r$ >= 0.
    **Returns:** `DepreciationSchedule`. Its depreciation may be negative where benefits rise steeply.
    **Errors:** `ValueError` that names the argument; traced values out of range give NaN.
    **Source:** paper 002, section 5, Propositions 4 to 6; paper 001, equation (8).

    >>> [round(float(d), 4) for d in relative_benefit([1.0, 0.8], 0.1).depreciation]
    [0.5368, 0.4632]
    """
    fields = as_fields("relative_benefit", benefits=benefits, rate=rate)
    benefits, rate = fields["benefits"], fields["rate"]
    _require_benefits(benefits, "relative_benefit: benefits")
    sound = jnp.all(benefits >= 0) & jnp.any(benefits > 0)
    worth = jnp.sum(discount_factors(rate, benefits.shape[0]) * benefits)
    return schedule_of_charges(jnp.where(sound, benefits / jnp.where(worth > 0, worth, 1.0), jnp.nan), rate)


def _times(periods: int, dtype: Any) -> PerPeriod:
    """The periods 1 to T as numbers."""
    return jnp.arange(1, periods + 1, dtype=dtype)


def whole_periods(periods: Any, what: str, least: int = 1) -> int:
    """`periods` as a whole number of at least `least`; raises where it is none."""
    if not isinstance(periods, int | np.integer) or isinstance(periods, bool) or periods < least:
        raise ValueError(f"{what}: the number of periods is {periods!r}; give a whole number, {least} or more.")
    return int(periods)


def _profile(life: Any, what: str) -> Any:
    """A life given as a number of periods, written out; plain numbers, which take the precision of what they meet."""
    return [1.0] * whole_periods(life, what) if np.ndim(life) == 0 else life


def _require_benefits(benefits: Array, what: str) -> None:
    require_vector(benefits, what)
    require_nonnegative(benefits, what)
    require_positive(jnp.sum(benefits), f"the sum of {what}")


def _near_one(total: Scalar, terms: Array) -> Bool[Array, ""]:
    """Whether a sum is one but for the rounding of its terms."""
    return jnp.abs(total - 1) <= jnp.finfo(terms.dtype).eps ** 0.5


def _require_one(total: Scalar, terms: Array, what: str) -> None:
    slack = float(jnp.finfo(terms.dtype).eps) ** 0.5
    require_values(total, lambda x: np.abs(x - 1) <= slack, what, "divide by it, so that it is one")
