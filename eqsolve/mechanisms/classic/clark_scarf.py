r"""Clark and Scarf's serial system over finitely many periods, on a lattice of levels.

In each period stage 1 raises its echelon stock from $x_1$ to $y_1 \le x_2$, at once; stage j orders up to
$y_j \le x_{j+1}$, which arrives before the next period; demand $t$ follows. The joint value splits: with
$H^1_n(y) = c_1 y + L(y) + a E f_{n-1}(y - t)$, $H^j_n(y) = c_j y + a E g^j_{n-1}(y - t)$ and $S$ their minimisers,

$$g^j_n(x) = h_j x + \Lambda^{j-1}_n(x) + H^j_n(\max(x, S^j_n)) - c_j x, \quad
\Lambda^j_n(x) = H^j_n(\min(x, S^j_n)) - H^j_n(S^j_n).$$
"""

from numbers import Integral
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, require_finite, require_kind, require_whole
from eqsolve._fields import (
    all_nonnegative,
    as_fields,
    harmless_unless,
    nan_unless,
    per_entry,
    require_nonnegative,
    require_scalar,
    require_values,
    require_vector,
)
from eqsolve._tabled import Tabled
from eqsolve.demand.distribution import Continuous, Distribution


class FiniteSerial(eqx.Module):
    r"""A serial system with N stages, stage 1 serving customers.

    **Arguments:**

    - `order_cost` $c \ge 0$ [money/unit]: of moving a unit into each stage, `[N]`, stage 1 first.
    - `echelon_holding` $h \ge 0$ [money/unit/period], `[N]`. Stage 1's is charged on stock after demand,
      $h_1 E(y - t)$, the others' on the echelon stock at the start of the period.
    - `penalty` $p \ge 0$ [money/unit/period]; a backorder costs $p + \sum h$ against echelon stock, as usual.
    - `demand`: probabilities of a demand of 0, 1, ... units per period, `[K + 1]`; see `lattice_demand`.
    - `discount` $a$ in (0, 1].

    The period demand is a lattice law; of continuous demand take a lattice of small steps, and count in steps.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Clark and Scarf (1960); Nam (paper 004), section 5.1.
    """

    order_cost: Float[Array, " stages"]
    echelon_holding: Float[Array, " stages"]
    penalty: Float[Array, ""]
    demand: Float[Array, " demands"]
    discount: Float[Array, ""]

    def __init__(self, order_cost: Any, echelon_holding: Any, penalty: Any, demand: Any, discount: Any = 1.0):
        if isinstance(demand, Distribution):
            raise TypeError(f"FiniteSerial.demand is {demand!r}; give its probabilities, lattice_demand(law, highest).")
        fields = as_fields(
            "FiniteSerial",
            order_cost=order_cost,
            echelon_holding=echelon_holding,
            penalty=penalty,
            demand=demand,
            discount=discount,
        )
        self.echelon_holding = fields["echelon_holding"]
        require_vector(self.echelon_holding, "FiniteSerial.echelon_holding")
        self.order_cost = per_entry(fields["order_cost"], self.echelon_holding.shape[0], "FiniteSerial.order_cost")
        self.penalty, self.demand, self.discount = fields["penalty"], fields["demand"], fields["discount"]

    def __check_init__(self) -> None:
        require_vector(self.demand, "FiniteSerial.demand", least=2)
        for name in ("penalty", "discount"):
            require_scalar(getattr(self, name), f"FiniteSerial.{name}")
        for name in ("order_cost", "echelon_holding", "penalty", "demand"):
            require_nonnegative(getattr(self, name), f"FiniteSerial.{name}")
        require_values(self.discount, lambda a: (a > 0) & (a <= 1), "FiniteSerial.discount", "give it in (0, 1]")
        rough = self._rough
        require_values(
            jnp.sum(self.demand), lambda s: abs(s - 1) <= rough, "The sum of FiniteSerial.demand", "divide by the sum"
        )
        require_finite(self, "FiniteSerial")

    @property
    def _rough(self) -> float:
        """How far the sum of probabilities may be from one."""
        return float(jnp.finfo(self.demand.dtype).eps) ** 0.5

    @property
    def _valid(self) -> Bool[Array, ""]:
        costs = jnp.all(all_nonnegative(self.order_cost, self.echelon_holding, self.penalty))
        law = jnp.all(self.demand >= 0) & (jnp.abs(jnp.sum(self.demand) - 1) <= self._rough)
        return costs & law & (self.discount > 0) & (self.discount <= 1)


class FiniteSerialPlan(Tabled):
    r"""Optimal levels with n = 1, 2, ... periods to go (row n - 1), stage 1 first.

    **Fields:** `echelon` `[periods, N]`: order-up-to levels, at most what the next stage upstream has; the lowest level
    where nothing is ordered any more. `value` `[N, levels]`: the stages' parts of the cost with all periods to go, at
    the echelon stocks `level` `[levels]`; `penalty` `[N, levels]`: the induced penalty that each stage passes upstream.
    """

    echelon: Float[Array, "periods stages"]
    value: Float[Array, "stages levels"]
    penalty: Float[Array, "stages levels"]
    level: Float[Array, " levels"]

    def cost(self, stock: Any) -> Float[Array, ""]:
        """The least expected cost from echelon stocks `[N]`.

        They are whole numbers in the range of levels that do not fall upstream; NaN otherwise.

        **Errors:** `ValueError` for another shape.
        """
        stock, stages = as_array(stock, self.level.dtype, "cost: stock"), self.value.shape[0]
        if stock.shape != (stages,):
            raise ValueError(f"cost: stock has shape {stock.shape}; give {stages} numbers, one per stage.")
        index = (stock - self.level[0]).astype(int)
        inside = (stock >= self.level[0]) & (stock <= self.level[-1]) & (jnp.diff(stock, append=stock[-1:]) >= 0)
        inside &= stock == jnp.round(stock)
        safe = jnp.clip(index, 0, self.level.shape[0] - 1)
        parts = jnp.take_along_axis(self.value, safe[:, None], axis=1)[:, 0]
        return jnp.where(jnp.all(inside), jnp.sum(parts), jnp.nan)


def solve_finite_serial(system: FiniteSerial, periods: int, highest: int, lowest: int = -1) -> FiniteSerialPlan:
    """Find optimal levels for every number of periods to go, by dynamic programming stage after stage.

    **Arguments:** `periods`: at least 1. `highest`, `lowest`: the levels considered; all costs are straight lines below
    zero, so that -1 loses nothing. `highest` must exceed the levels wanted.
    **Returns:** a `FiniteSerialPlan`; NaN levels where a minimum lies at the highest level, all NaN where a traced
    parameter is out of range.
    **Errors:** `ValueError` for no periods, levels that do not include -1, 0 and 1, and numbers that are not whole;
    `TypeError` for no `FiniteSerial`.
    **Source:** Clark and Scarf (1960), section 3.

    >>> system = FiniteSerial([1.0, 1.0], [1.0, 1.0], penalty=9.0, demand=[0.2, 0.3, 0.3, 0.2])
    >>> plan = solve_finite_serial(system, periods=3, highest=20)
    >>> plan.echelon[2].tolist()  # with three periods to go
    [3.0, 5.0]
    """
    require_kind(system, FiniteSerial, "solve_finite_serial: system")
    require_whole(periods, "solve_finite_serial: periods", least=1)
    require_whole(highest, "solve_finite_serial: highest", least=1)
    if not isinstance(lowest, Integral) or lowest > -1:
        raise ValueError(f"solve_finite_serial: lowest is {lowest!r}; give a whole number of -1 or less.")
    return _plan(system, periods, highest, lowest)


@eqx.filter_jit
def _plan(system: FiniteSerial, periods: int, highest: int, lowest: int) -> FiniteSerialPlan:
    valid, system = system._valid, harmless_unless(system._valid, system)
    level = jnp.arange(lowest, highest + 1, dtype=system.demand.dtype)
    nothing = jnp.zeros((system.order_cost.shape[0], level.shape[0]), level.dtype)

    def period(value: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        value, penalty, best = _one_period(system, level, value)
        return value, (penalty, best)

    value, (penalties, bests) = jax.lax.scan(period, nothing, None, length=periods)
    return nan_unless(valid, FiniteSerialPlan(bests, value, penalties[-1], level))


def _one_period(system: FiniteSerial, level: Array, later: Array) -> tuple[Array, Array, Array]:
    """Values, induced penalties and base stocks with one more period to go."""
    values, penalties, bests = [], [], []
    charged = jnp.zeros_like(level)
    for j in range(later.shape[0]):
        unit, holding = system.order_cost[j], system.echelon_holding[j]
        ahead = unit * level + system.discount * _after_demand(system.demand, later[j])
        if j == 0:
            ahead = ahead + _period_cost(system, level)
        else:
            charged = charged + holding * level
        at = jnp.argmin(ahead)
        index = jnp.arange(level.shape[0])
        values.append(charged + ahead[jnp.maximum(index, at)] - unit * level)
        charged = ahead[jnp.minimum(index, at)] - ahead[at]
        penalties.append(charged)
        bests.append(jnp.where(at < level.shape[0] - 1, level[at], jnp.nan))
    return jnp.stack(values), jnp.stack(penalties), jnp.stack(bests)


def _period_cost(system: FiniteSerial, level: Array) -> Array:
    demands = jnp.arange(system.demand.shape[0], dtype=level.dtype)
    left = level[:, None] - demands
    backorder = system.penalty + jnp.sum(system.echelon_holding)
    return jnp.sum(system.demand * (system.echelon_holding[0] * left + backorder * jnp.maximum(-left, 0.0)), axis=1)


def _after_demand(demand: Array, value: Array) -> Array:
    """The expected value after demand; below the lowest level it continues as a straight line."""
    most = demand.shape[0] - 1
    below = value[0] - (value[1] - value[0]) * jnp.arange(most, 0, -1, dtype=value.dtype)
    return jnp.convolve(jnp.concatenate([below, value]), demand, mode="valid")


def lattice_demand(law: Distribution, highest: int, step: float = 1.0) -> Float[Array, " demands"]:
    r"""The probabilities of a demand of 0, 1, ..., `highest` steps; all mass beyond is put at the ends.

    Continuous laws are rounded to the nearest multiple of `step`; laws of counts (and `step` 1) are taken as they are.

    **Arguments:** `law`: of one period's demand. `highest`: the largest number of steps. `step` [units] > 0.
    **Returns:** probabilities `[highest + 1]`, which sum to one.
    **Errors:** `ValueError` for a step or a number of steps that is not positive; `TypeError` for no distribution.

    >>> from eqsolve.demand import Poisson
    >>> lattice_demand(Poisson(1.0), 3).round(3).tolist()
    [0.368, 0.368, 0.184, 0.08]
    """
    require_kind(law, Distribution, "lattice_demand: law")
    require_whole(highest, "lattice_demand: highest", least=1)
    if not step > 0:
        raise ValueError(f"lattice_demand: step is {step}; give a number above zero.")
    return _rounded(law, highest, step)


@eqx.filter_jit
def _rounded(law: Distribution, highest: int, step: float) -> Float[Array, " demands"]:
    half = 0.5 if isinstance(law, Continuous) else 0.0
    edges = (jnp.arange(highest) + half) * step
    below = law.cdf(edges.astype(law.dtype))
    return jnp.diff(below, prepend=0.0, append=1.0)
