r"""Serial inventory systems: Clark and Scarf's decomposition with an infinite horizon.

Stage 1 serves customers; stage j ships to stage j - 1 and takes $L_j$ to be supplied. With echelon holding costs $h_j$
and penalty $p$ the decomposition runs upstream: with $\bar C_0(x) = (p + \sum h) x^-$,

$$\hat C_j(x) = h_j x + \bar C_{j-1}(x), \quad C_j(y) = E \hat C_j(y - D_j), \quad S_j = \arg\min C_j, \quad
\bar C_j(x) = C_j(\min(S_j, x)),$$

where $D_j$ is demand during $L_j$. $\bar C_j(x) - C_j(S_j)$ is the induced penalty: what stage j + 1 is charged for
leaving stage j short.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, concrete, require_finite, require_kind, require_whole
from eqsolve._fields import (
    all_positive,
    as_fields,
    harmless_unless,
    nan_unless,
    per_entry,
    require_positive,
    require_scalar,
    require_vector,
)
from eqsolve._tables import number, table
from eqsolve.demand import Normal, Poisson
from eqsolve.mechanisms._roots import bisected, polished

Levels = Float[Array, " stages"]
SPAN = 9.0  # standard deviations: beyond them normal demand is left out (1e-19)
KNOTS = 513  # of each cost curve
NODES = 64  # of the integral over normal demand
TAIL = 1e-14  # Poisson demand beyond this probability is no reason for a higher level


class CostCurve(eqx.Module):
    r"""A convex cost $C_j$, by its values and slopes at evenly spaced levels from `first` on.

    Between levels it is a cubic (normal demand) or straight (Poisson demand: only whole levels mean something); below
    `first` it is straight.
    """

    first: Float[Array, ""]
    step: Float[Array, ""]
    value: Float[Array, " knots"]
    slope: Float[Array, " knots"]
    smooth: bool = eqx.field(static=True)

    def __call__(self, level: Any) -> Array:
        """The cost at these levels."""
        place = (jnp.asarray(level, self.value.dtype) - self.first) / self.step
        knot = jnp.clip(jnp.floor(place), 0, self.value.shape[0] - 2).astype(int)
        t = place - knot
        low, high = self.value[knot], self.value[knot + 1]
        if not self.smooth:
            return jnp.where(place < 0, low + t * self.step * self.slope[0], low + t * (high - low))
        left, right = self.step * self.slope[knot], self.step * self.slope[knot + 1]
        cubic = low + t * left + t**2 * (3 * (high - low) - 2 * left - right) + t**3 * (2 * (low - high) + left + right)
        return jnp.where(place < 0, low + t * left, cubic)


class SerialPlan(eqx.Module):
    r"""Optimal levels of a serial system, stage 1 (downstream) first.

    **Fields:** `echelon` $S_j$: stock at stage j and everywhere downstream, less backorders, to which stage j orders.
    `local`: what stage j itself aims to hold, $\min_{k \ge j} S_k - \min_{k \ge j - 1} S_k$. `cost`: $C_N(S_N)$, the
    expected cost rate [money/time], without that of goods on the way. `curves`: $C_1, ..., C_N$.
    """

    echelon: Levels
    local: Levels
    cost: Float[Array, ""]
    curves: tuple[CostCurve, ...]

    def induced_penalty(self, stage: int, level: Any) -> Array:
        """What leaving `stage` (counted from 1) at an echelon level below its base stock costs [money/time].

        **Errors:** `ValueError` for a stage that does not exist.
        """
        require_whole(stage, "induced_penalty: stage", least=1)
        if stage > len(self.curves):
            raise ValueError(f"induced_penalty: stage is {stage}; give 1 to {len(self.curves)}.")
        curve, best = self.curves[stage - 1], self.echelon[stage - 1]
        return curve(jnp.minimum(as_array(level, best.dtype, "induced_penalty: level"), best)) - curve(best)

    def __str__(self) -> str:
        pairs = zip(self.echelon, self.local, strict=True)
        rows = [(str(stage), number(echelon), number(local)) for stage, (echelon, local) in enumerate(pairs, start=1)]
        return f"cost {number(self.cost)}\n\n" + table(("stage", "echelon base stock", "local base stock"), rows)


class SerialSystem(eqx.Module):
    r"""Stages in a row, stage 1 serving customers, reviewed continuously, unmet demand backordered.

    **Arguments:**

    - `echelon_holding` $h$ > 0 [money/unit/time], shape `[N]`, stage 1 first: what holding costs there beyond the next
      stage upstream.
    - `lead_time` $L$ > 0 [time], one number or `[N]`. `penalty` $p$ > 0 [money/unit/time] of a backorder.
    - `demand`: per unit of time, `Normal` or `Poisson`; demands of disjoint times are independent.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Clark and Scarf (1960), cited by Nam (paper 004), section 5.1; stationary form: Chen and Zheng (1994),
    Shang and Song (2003); the example: Snyder and Shen, Fundamentals of Supply Chain Theory (2019), 6.1.

    >>> system = SerialSystem([3.0, 2.0, 2.0], [1.0, 1.0, 2.0], penalty=37.12, demand=Normal(5.0, 1.0))
    >>> [round(float(level), 1) for level in solve_serial(system).echelon]  # printed: 6.49, 12.02, 22.71
    [6.5, 12.0, 22.7]
    """

    echelon_holding: Levels
    lead_time: Levels
    penalty: Float[Array, ""]
    demand: Normal | Poisson

    def __init__(self, echelon_holding: Any, lead_time: Any, penalty: Any, demand: Normal | Poisson):
        if not isinstance(demand, (Normal, Poisson)):
            raise TypeError(f"SerialSystem.demand is {demand!r}; give Normal(...) or Poisson(...) per unit of time.")
        given = {"echelon_holding": echelon_holding, "lead_time": lead_time, "penalty": penalty, "demand": demand}
        fields = as_fields("SerialSystem", **given)
        self.echelon_holding = fields["echelon_holding"]
        require_vector(self.echelon_holding, "SerialSystem.echelon_holding")
        self.lead_time = per_entry(fields["lead_time"], self.echelon_holding.shape[0], "SerialSystem.lead_time")
        self.penalty, self.demand = fields["penalty"], fields["demand"]

    def __check_init__(self) -> None:
        require_scalar(self.penalty, "SerialSystem.penalty")
        for name in ("echelon_holding", "lead_time", "penalty"):
            require_positive(getattr(self, name), f"SerialSystem.{name}")
        if self.demand.shape != ():
            raise ValueError(f"SerialSystem.demand has the shape {self.demand.shape}; give one law.")
        require_finite(self, "SerialSystem")

    @property
    def _valid(self) -> Bool[Array, ""]:
        return jnp.all(all_positive(self.echelon_holding, self.lead_time, self.penalty)) & self.demand._valid


def solve_serial(system: SerialSystem, highest: int | None = None) -> SerialPlan:
    r"""Find the optimal base-stock levels and the cost rate.

    Normal demand: curves as cubics between 513 levels, integrals by 64 Gauss nodes up to the kink at the next stage's
    base stock. Poisson demand: exact, on whole levels.

    **Arguments:** `highest`: the highest Poisson level considered; by default one that demand during all lead times
    exceeds with probability 1e-14. Needed where the parameters are traced.
    **Returns:** a `SerialPlan`; NaN where a Poisson level is at the highest one, all NaN where a traced parameter is
    out of range. Batched and, for normal demand, differentiable in all parameters.
    **Errors:** `ValueError` where `highest` is needed, or no whole number; `TypeError` for no `SerialSystem`.
    **Source:** as for `SerialSystem`.

    >>> from eqsolve.demand import Poisson
    >>> plan = solve_serial(SerialSystem([1.0, 0.5], [1.0, 2.0], penalty=9.0, demand=Poisson(3.0)))
    >>> plan.echelon.tolist(), plan.local.tolist()
    ([5.0, 13.0], [5.0, 8.0])
    """
    require_kind(system, SerialSystem, "solve_serial: system")
    if highest is not None:
        require_whole(highest, "solve_serial: highest", least=1)
    elif isinstance(system.demand, Poisson):
        total = concrete(jnp.sum(system.lead_time) * system.demand.mu)
        if total is None:
            raise ValueError("solve_serial: the parameters are traced; give `highest`, the highest level considered.")
        highest = int(np.ceil(float(Poisson(np.maximum(total, 1e-3)).ppf(1 - TAIL)))) + 2
    return _plan(system, highest)


@eqx.filter_jit
def _plan(system: SerialSystem, highest: int | None) -> SerialPlan:
    valid, system = system._valid, harmless_unless(system._valid, system)
    if isinstance(system.demand, Normal):
        levels, curves = _normal_stages(system, system.demand)
    else:
        assert highest is not None
        levels, curves = _poisson_stages(system, system.demand, highest)
    echelon = jnp.stack(levels)
    lowest = jax.lax.cummin(echelon, reverse=True)
    local = jnp.diff(lowest, prepend=0.0)
    plan = SerialPlan(echelon, local, curves[-1](echelon[-1]), tuple(curves))
    return nan_unless(valid, plan)


def _normal_stages(system: SerialSystem, demand: Normal) -> tuple[list[Array], list[CostCurve]]:
    h, steepest = system.echelon_holding, system.penalty + jnp.sum(system.echelon_holding)
    levels: list[Array] = []
    curves: list[CostCurve] = []
    low = jnp.zeros_like(steepest)
    for j in range(h.shape[0]):
        law = Normal(demand.loc * system.lead_time[j], demand.scale * jnp.sqrt(system.lead_time[j]))
        below = curves[-1] if curves else None
        stop = levels[-1] if levels else jnp.zeros_like(steepest)
        low = low + law.loc - SPAN * law.scale  # below this level no demand in sight bends the curve

        def cost(y: Array, holding: Array = h[j], law: Normal = law, below: Any = below, stop: Array = stop) -> Array:
            if below is None:
                return holding * (y - law.loc) + steepest * law.loss(y)
            return holding * (y - law.loc) + _expected(below, stop, law, y)

        slope = jax.grad(cost)
        top = stop + law.loc + SPAN * law.scale
        root = bisected(lambda y, slope=slope: -slope(y), low, top)[0]
        best = polished(slope, root)
        knots = low + jnp.linspace(0.0, 1.0, KNOTS, dtype=best.dtype) * (best - low)
        values, slopes = jax.vmap(jax.value_and_grad(cost))(knots)
        curves.append(CostCurve(low, (best - low) / (KNOTS - 1), values, slopes, smooth=True))
        levels.append(best)
    return levels, curves


def _expected(below: CostCurve, stop: Array, law: Normal, level: Array) -> Array:
    """The expectation of the downstream cost, which is constant once demand leaves its base stock covered."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    last = law.loc + SPAN * law.scale
    start = jnp.clip(level - stop, law.loc - SPAN * law.scale, last)
    half = (last - start) / 2
    demands = start + half * (1 + jnp.asarray(points, level.dtype))
    short = jnp.sum(jnp.asarray(weights, level.dtype) * law.pdf(demands) * below(level - demands)) * half
    return short + below(stop) * law.cdf(level - stop)


def _poisson_stages(system: SerialSystem, demand: Poisson, highest: int) -> tuple[list[Array], list[CostCurve]]:
    h, steepest = system.echelon_holding, system.penalty + jnp.sum(system.echelon_holding)
    whole = jnp.arange(highest + 1, dtype=steepest.dtype)
    one = jnp.ones_like(steepest)
    levels: list[Array] = []
    curves: list[CostCurve] = []
    # the cost of entering a stage at levels 0, 1, ...; below zero it is straight
    entered, fall = jnp.zeros_like(whole), -steepest
    for j in range(h.shape[0]):
        law = Poisson(demand.mu * system.lead_time[j])
        entered, fall = entered + h[j] * whole, fall + h[j]
        mass = law.pmf(whole)
        covered = jnp.convolve(mass, entered)[: highest + 1] - mass * entered[0]
        cost = covered + entered[0] * (law.sf(whole) + mass) - fall * law.loss(whole)
        at = jnp.argmin(cost)
        levels.append(jnp.where(at < highest, whole[at], jnp.nan))
        curves.append(CostCurve(whole[0], one, cost, jnp.full_like(whole, fall), smooth=False))
        entered = cost[jnp.minimum(jnp.arange(highest + 1), at)]
    return levels, curves
