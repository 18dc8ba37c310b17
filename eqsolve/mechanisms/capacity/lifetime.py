r"""A division over the life of its capacity: multipliers, variable costs and shocks that may differ by period.

Of capacity $k$, bought once at $v$ per unit, period $t$ uses what pays at the charge $u_t$ per unit of output,
$q = \min(R'^{-1}(u_t / x_t; \epsilon), k)$. A unit more is then worth $E \max(x_t R'(k, \epsilon) - u_t, 0)$ in that
period. This falls in $k$, so whatever a capacity is chosen for, with any weights on periods, the best one is a single
root or an interval.
"""

from collections.abc import Iterable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, per_entry, require_nonnegative, require_positive, require_scalar
from eqsolve._tabled import Tabled
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.expectation.gauss import split_levels
from eqsolve.mechanisms._roots import bisected
from eqsolve.mechanisms.capacity.accounting import discount_factors, user_cost, whole_periods
from eqsolve.mechanisms.capacity.revenue import Revenue

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]
NODES = 32  # per piece between kinks: exact to rounding for the usual laws


class LifetimeDivision(eqx.Module):
    r"""A division that earns $x_t R(q, \epsilon_t) - w_t q$ with capacity of its own in periods 1 to T.

    **Arguments:**

    - `revenue` $R$: of one division. Its marginal revenue rises in the shock.
    - `shocks`: a `Distribution`, continuous or finite, for all periods or with one entry per period; or a sequence of
      one distribution per period, of any families. Shocks of different periods are independent.
    - `variable_cost` $w_t$: >= 0 [money/unit], one number or one per period.
    - `price` $v$: of a unit of capacity that lasts all periods, >= 0 [money/unit].
    - `rate` $r$: cost of capital per period, >= 0.
    - `multiplier` $x_t$: of revenue, > 0, one number or one per period; 1 by default.
    - `periods` $T$: needed where no other argument has one entry per period.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Dutta and Reichelstein (paper 002), section 2 (stationary) and section 5.

    >>> from eqsolve.demand.uniform import Uniform
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.9, 0.2), 2.0, 12.0, 0.1, periods=5)
    >>> round(float(division.user_cost), 4), round(float(division.anticipated_cost), 4)
    (3.1656, 7.5816)
    """

    revenue: Revenue
    shocks: tuple[Distribution, ...]
    multiplier: PerPeriod
    variable_cost: PerPeriod
    price: Scalar
    rate: Scalar

    def __init__(
        self,
        revenue: Revenue,
        shocks: Any,
        variable_cost: Any,
        price: Any,
        rate: Any,
        multiplier: Any = 1.0,
        periods: int | None = None,
    ):
        laws = _laws(shocks)
        if not isinstance(revenue, Revenue):
            raise TypeError(
                f"LifetimeDivision.revenue is {revenue!r}; give a Revenue such as QuadraticRevenue(9.0, 0.5)."
            )
        if any(leaf.ndim for leaf in jax.tree.leaves(revenue)):
            raise ValueError("LifetimeDivision.revenue has parameters of several divisions; give `revenue.of(0)`.")
        numbers = {"variable_cost": variable_cost, "price": price, "rate": rate, "multiplier": multiplier}
        named = {f"shocks[{i}]": law for i, law in enumerate(laws)}
        fields = as_fields("LifetimeDivision", **numbers, **named, revenue=revenue)
        self.revenue, self.shocks = fields["revenue"], tuple(fields[name] for name in named)
        self.price, self.rate = fields["price"], fields["rate"]
        length = _periods(periods, fields["variable_cost"], fields["multiplier"], self.shocks)
        self.variable_cost = per_entry(fields["variable_cost"], length, "LifetimeDivision.variable_cost")
        self.multiplier = per_entry(fields["multiplier"], length, "LifetimeDivision.multiplier")

    def __check_init__(self) -> None:
        require_finite(self, "LifetimeDivision")
        require_scalar(self.price, "LifetimeDivision.price")
        require_scalar(self.rate, "LifetimeDivision.rate")
        require_positive(self.multiplier, "LifetimeDivision.multiplier")
        for name in ("variable_cost", "price", "rate"):
            require_nonnegative(getattr(self, name), f"LifetimeDivision.{name}")

    @property
    def valid(self) -> Bool[Array, ""]:
        """What construction checks where it can, for values that were traced then."""
        costs = jnp.all(self.variable_cost >= 0) & (self.price >= 0) & (self.rate >= 0)
        return costs & jnp.all(self.multiplier > 0)

    @property
    def periods(self) -> int:
        """The life of the capacity, $T$."""
        return self.multiplier.shape[0]

    @property
    def discounts(self) -> PerPeriod:
        r"""The discount factors $\gamma^t$."""
        return discount_factors(self.rate, self.periods)

    @property
    def user_cost(self) -> Scalar:
        """The user cost of a unit of capacity when its price is charged in equal parts, $c$ [money/unit]."""
        return user_cost(self.price, self.rate, self.periods)

    @property
    def anticipated_cost(self) -> Scalar:
        r"""The present value of variable cost per unit made in every period, $\bar w = \sum_t \gamma^t w_t$."""
        return jnp.sum(self.discounts * self.variable_cost)

    @property
    def lowest_shock(self) -> PerPeriod:
        """The lowest possible shock of each period."""
        return self._per_period(lambda law: law.support()[0])

    @property
    def highest_shock(self) -> PerPeriod:
        """The highest possible shock of each period; may be infinite."""
        return self._per_period(lambda law: law.support()[1])

    def quantile(self, level: Any) -> PerPeriod:
        """The quantile of each period's shock at one level."""
        return self._per_period(lambda law: law.ppf(level))

    def wanted(self, charge: PerPeriod, shock: Array) -> Array:
        """What the division would make at a charge per unit [money/unit] if capacity had no limit, `[..., T]`."""
        return self.revenue.inverse_marginal(charge / self.multiplier, shock)

    def marginal(self, capacity: Any, shock: Array) -> Array:
        """What the last unit earns where all capacity is used, $x_t R'(k, e)$, shape `[..., T]`."""
        return self.multiplier * self.revenue.marginal(capacity, shock)

    def states(self, capacity: Scalar, charge: PerPeriod) -> tuple[Array, Array]:
        """Shocks and probabilities `[states, T]` that are exact for what a charge per unit makes of a capacity.

        Continuous laws are split where capacity becomes scarce and where output begins.
        """
        finite = jnp.where(jnp.isfinite(capacity), capacity, 0.0)
        price = charge / self.multiplier
        kinks = jnp.stack([self.revenue.shock_at(finite, price), self.revenue.shock_at(0.0, price)])
        kinks = jnp.where(jnp.isnan(kinks), 0.0, kinks)  # marginal revenue that no shock moves has no kink
        parts = [
            _states(law, kinks[:, i : i + 1] if len(self.shocks) > 1 else kinks) for i, law in enumerate(self.shocks)
        ]
        most = max(shock.shape[0] for shock, _ in parts)
        padded = [(_pad(shock, most, "edge"), _pad(weight, most, "constant")) for shock, weight in parts]
        shock, weight = (jnp.concatenate(column, axis=1) for column in zip(*padded, strict=True))
        shape = (most, self.periods)
        return jnp.broadcast_to(shock, shape), jnp.broadcast_to(weight, shape)

    def _per_period(self, function: Any) -> PerPeriod:
        values = [jnp.atleast_1d(function(law)) for law in self.shocks]
        return jnp.broadcast_to(jnp.concatenate(values), (self.periods,))


class ExpectedUse(Tabled):
    """What becomes of a capacity in each period, expected, shape `[T]`.

    **Fields:** `output` [units]. `revenue` [money]. `full`: the probability that all capacity is used.
    """

    output: PerPeriod
    revenue: PerPeriod
    full: PerPeriod


@eqx.filter_jit
def use_of(division: LifetimeDivision, capacity: Any, charge: Any = None) -> ExpectedUse:
    r"""What a division makes of a capacity when each unit of output costs it a charge.

    **Arguments:** `capacity` $k$ >= 0 [units], may be infinite. `charge` $u_t$ [money/unit]: the variable cost by
    default, which is efficient.
    **Returns:** `ExpectedUse`.
    **Source:** paper 002, Lemma 1: $q^o = \min(R'^{-1}(w; e), k)$.

    >>> from eqsolve.demand.finite import DiscreteTable
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> law = DiscreteTable([0.5, 1.5], [0.5, 0.5])
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), law, 2.0, price=3.0, rate=0.0, periods=1)
    >>> use = use_of(division, 5.0)
    >>> float(use.output[0]), float(use.full[0])
    (4.0, 0.5)
    """
    capacity = jnp.asarray(capacity, division.price.dtype)
    charge = division.variable_cost if charge is None else jnp.broadcast_to(charge, division.variable_cost.shape)
    shock, weight = division.states(capacity, charge)
    wanted = division.wanted(charge, shock)
    output = jnp.where(division.valid & (capacity >= 0), jnp.minimum(wanted, capacity), jnp.nan)
    revenue = division.multiplier * division.revenue.revenue(output, shock)
    expected = lambda value: jnp.sum(jnp.where(weight > 0, weight * value, 0.0), axis=0)  # noqa: E731
    return ExpectedUse(expected(output), expected(revenue), expected(jnp.where(wanted >= capacity, 1.0, 0.0)))


def marginal_worth(division: LifetimeDivision, capacity: Any, charge: Any = None, least: float = 0.0) -> PerPeriod:
    r"""What a unit more of capacity is worth in each period, $E \max(x_t R'(k, e) - u_t, 0)$ [money/unit], shape `[T]`.

    **Arguments:** `capacity` $k$ > 0 (zero where marginal revenue is finite there) [units]. `charge` $u_t$: the
    variable cost by default. `least`: what a unit that does not pay is worth, 0 where it stays idle; minus infinity for
    a division that must use all its capacity.
    **Source:** paper 002, proof of Lemma 1: the envelope theorem.
    """
    capacity = jnp.asarray(capacity, division.price.dtype)
    charge = division.variable_cost if charge is None else jnp.broadcast_to(charge, division.variable_cost.shape)
    shock, weight = division.states(capacity, charge)
    margin = jnp.maximum(division.marginal(capacity, shock) - charge, least)
    return jnp.sum(jnp.where(weight > 0, weight * margin, 0.0), axis=0)


def best_capacity(
    division: LifetimeDivision, weights: PerPeriod, charge: PerPeriod, total: Scalar, least: float = 0.0
) -> Scalar:
    r"""The smallest capacity that is best for a weighted sum of periods at given charges.

    It maximises $\sum_t U_t E[x_t R(q_t) - u_t q_t] - A k$, so it is the smallest $k$ with
    $\sum_t U_t E \max(x_t R'(k, e) - u_t, 0) \le A$.

    **Arguments:** `weights` $U_t$ >= 0, not all zero, shape `[T]`. `charge` $u_t$ per unit of output [money/unit].
    `total` $A$: the weighted charge per unit of capacity [money/unit]. `least`: as in `marginal_worth`.
    **Returns:** the capacity [units]: zero where even the first unit does not pay, infinite where capacity is wanted
    without end. Differentiable where it is in between.
    **Source:** paper 002, Lemmas 1 and 3.
    """
    counted = weights > 0
    summed = jnp.sum(weights)
    price = charge + total / jnp.where(summed > 0, summed, 1.0)
    # in its best state a period wants this much at most if it bore its share of the charge alone
    finite_top = jnp.where(
        jnp.isfinite(division.highest_shock), division.highest_shock, division.quantile(1 - _eps(total))
    )
    reach = jnp.max(jnp.where(counted, division.wanted(price, finite_top), 0.0))
    unbounded_shock = jnp.any(counted & ~jnp.isfinite(division.highest_shock))
    without_charge = jnp.where(unbounded_shock, jnp.inf, reach)

    def excess(division: LifetimeDivision, charge: PerPeriod, total: Scalar, k: Scalar) -> Scalar:
        return jnp.sum(jnp.where(counted, weights * marginal_worth(division, k, charge, least), 0.0)) - total

    top = jnp.where(jnp.isfinite(reach) & (reach > 0), reach, 1.0)
    still = jax.lax.stop_gradient((division, charge, total))
    low, _ = bisected(lambda k: excess(*still, k), jnp.zeros_like(top), top)
    inner = (total > 0) & (reach > 0) & jnp.isfinite(reach) & (low > 0)
    start = jnp.where(inner, low, jax.lax.stop_gradient(top) / 2)
    value, slope = jax.jvp(lambda k: excess(division, charge, total, k), (start,), (jnp.ones_like(start),))
    # a Newton step of rounding size from a constant: it gives the root its derivatives
    root = start - jnp.where(inner, value, 0.0) / jax.lax.stop_gradient(jnp.where(inner & (slope < 0), slope, -1.0))
    corner = jnp.where(
        total < 0, jnp.inf, jnp.where(total == 0, without_charge, jnp.where(jnp.isinf(reach), jnp.inf, 0.0))
    )
    sound = division.valid & (summed > 0) & jnp.all(charge >= 0) & ~jnp.isnan(reach) & ~jnp.isnan(total)
    return jnp.where(sound, jnp.where(inner, root, corner), jnp.nan)


def _laws(shocks: Any) -> tuple[Distribution, ...]:
    if not isinstance(shocks, Distribution | Iterable):
        raise TypeError(f"LifetimeDivision.shocks is {shocks!r}; give a Distribution, or one for each period.")
    laws = (shocks,) if isinstance(shocks, Distribution) else tuple(shocks)
    for i, law in enumerate(laws):
        if not isinstance(law, Distribution) or (law.discrete and not isinstance(law, FiniteDemand)):
            raise TypeError(
                f"LifetimeDivision.shocks[{i}] is {law!r}; give a continuous Distribution, or one with"
                " finitely many values."
            )
        if len(laws) > 1 and law.shape:
            raise ValueError(f"LifetimeDivision.shocks[{i}] has a batch of shape {law.shape}; give one law per period.")
    if not laws:
        raise ValueError("LifetimeDivision.shocks is empty; give a distribution, or one for each period.")
    return laws


def _periods(periods: int | None, *given: Any) -> int:
    """The one number of periods that all arguments agree on."""
    *arrays, laws = given
    lengths = {array.shape[0] for array in arrays if array.ndim}
    lengths |= set() if periods is None else {whole_periods(periods, "LifetimeDivision.periods")}
    lengths |= {len(laws)} if len(laws) > 1 else {law.shape[0] for law in laws if law.shape}
    if len(lengths) != 1:
        raise ValueError(
            f"LifetimeDivision: its arguments are for {sorted(lengths) or 'no stated number of'} periods; give"
            " `periods`, or arguments with one entry per period, all for the same number."
        )
    return lengths.pop()


def _states(law: Distribution, kinks: Float[Array, "kinks columns"]) -> tuple[Array, Array]:
    """Nodes and weights of one law, shape `[nodes, 1]` or `[nodes, T]`."""
    if law.discrete:
        values, chances = cast(FiniteDemand, law).scenarios()
        return jnp.moveaxis(jnp.atleast_2d(values), -1, 0), jnp.moveaxis(jnp.atleast_2d(chances), -1, 0)
    levels, weights = jax.vmap(lambda cut: split_levels(cut, NODES), in_axes=1, out_axes=1)(law.cdf(kinks))
    return law.ppf(levels), weights


def _pad(values: Array, rows: int, mode: str) -> Array:
    return jnp.pad(values, ((0, rows - values.shape[0]), (0, 0)), mode=mode)


def _eps(value: Array) -> Array:
    return jnp.asarray(jnp.finfo(value.dtype).epsneg, value.dtype)
