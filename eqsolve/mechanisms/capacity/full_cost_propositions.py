r"""Paper 002's propositions on full cost rules as checks: what they assume, what they leave out, and what comes of it.

Each returns a `Proposition` with margins that are shares (of full cost, of capacity), so that they can be compared: a
hypothesis is met where its margin is not negative, a conclusion holds where its gap is zero, both within a tolerance.
Where a hypothesis is that two things are equal, its margin is minus their distance. What the paper's proof uses but the
proposition does not say is listed apart, under `missing`: a proposition may fail as printed only there (ERRATA.md).
"""

from collections import OrderedDict
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._tables import is_traced, table
from eqsolve.mechanisms.capacity.binary_investment import (
    Types,
    binary_investment,
    binary_profits,
    dominance,
    expected_margins,
)
from eqsolve.mechanisms.capacity.capitalised_negotiation import capitalised_negotiation
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.goal_congruence import Congruence, goal_congruence
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision
from eqsolve.mechanisms.capacity.shared_lifetime import SharedLifetime, shared_optimum
from eqsolve.mechanisms.capacity.shared_regimes import Margins, regime_margins
from eqsolve.mechanisms.capacity.tariffs import capitalised, relative_benefit_two_part, two_part

Scalar = Float[Array, ""]
LEVELS = 64  # at which laws of different periods are compared


class Proposition(eqx.Module):
    """What a proposition assumes and concludes, with margins.

    **Fields:** `hypotheses`: by name, the margins of what the paper assumes. `missing`: of what it should assume too.
    `gaps`: by name, how far what it concludes is from true; never negative. `tolerance`: of all of them. `str()` prints
    a table.
    """

    hypotheses: OrderedDict[str, Scalar]
    missing: OrderedDict[str, Scalar]
    gaps: OrderedDict[str, Scalar]
    tolerance: Scalar

    @property
    def applies_as_printed(self) -> Bool[Array, ""]:
        """Whether all that the paper assumes is met."""
        return self._met(self.hypotheses)

    @property
    def applies(self) -> Bool[Array, ""]:
        """Whether that and all that it should assume is met."""
        return self._met(self.hypotheses) & self._met(self.missing)

    @property
    def holds(self) -> Bool[Array, ""]:
        """Whether what it concludes is true here, for whatever reason."""
        return jnp.all(jnp.stack([gap <= self.tolerance for gap in self.gaps.values()]))

    def _met(self, margins: OrderedDict[str, Scalar]) -> Bool[Array, ""]:
        return jnp.all(jnp.stack([jnp.asarray(True), *(margin >= -self.tolerance for margin in margins.values())]))

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        kinds = {"assumed": self.hypotheses, "left out": self.missing, "concluded": self.gaps}
        rows = [(kind, name, f"{float(value):.3g}") for kind, part in kinds.items() for name, value in part.items()]
        return table(("", "", "margin or gap"), rows)


def proposition_1(division: LifetimeDivision, tolerance: Any = None) -> Proposition:
    r"""Proposition 1: in a stationary environment the two-part full cost rule and the annuity are goal congruent.

    **Arguments:** `division`: the downstream one for the rule, the upstream one for the annuity; both are charged
    $c k + w q$. `tolerance`: of shares; by default 5e-7 in double and 2e-3 in single precision.
    **Returns:** `Proposition`. That no other rule is congruent for all revenue functions is not what one division can
    show: `goal_congruence` tests any rule.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 1.

    >>> from eqsolve.demand.uniform import Uniform
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.4, 1.2), 2.0, 12.0, 0.1, periods=5)
    >>> found = proposition_1(division)
    >>> bool(found.applies), bool(found.holds)
    (True, True)
    """
    found = goal_congruence(division, two_part(division))
    spread = lambda x: (jnp.max(x) - jnp.min(x)) / jnp.max(x)  # noqa: E731
    hypotheses = OrderedDict(
        {
            "equal multipliers": -spread(division.multiplier),
            "equal variable costs": -spread(division.variable_cost + division.user_cost),
            "identical shocks": -_difference(division),
            "the first unit pays": _first_unit(division, found),
        }
    )
    return Proposition(hypotheses, OrderedDict(), _congruence_gaps(found), _tolerance(division.price, tolerance))


def proposition_4i(division: LifetimeDivision, tolerance: Any = None) -> Proposition:
    r"""Proposition 4(i): where $w_t = x_t w$, the relative benefit two-part rule is goal congruent.

    **Arguments:** as for `proposition_1`.
    **Returns:** `Proposition`. The paper leaves out that shocks must be identically distributed.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 4(i); ERRATA.md.

    >>> from eqsolve.demand.uniform import Uniform
    >>> laws = [Uniform(0.4, 1.2), Uniform(0.6, 1.2)]
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), laws, 2.0, 7.0, 0.1)
    >>> found = proposition_4i(division)
    >>> bool(found.applies_as_printed), bool(found.applies), bool(found.holds)
    (True, False, False)
    """
    found = goal_congruence(division, relative_benefit_two_part(division))
    relative = division.variable_cost / division.multiplier
    scale = jnp.max(relative + division.user_cost / division.multiplier)
    hypotheses = OrderedDict(
        {
            "variable costs follow multipliers": -(jnp.max(relative) - jnp.min(relative)) / scale,
            "the first unit pays": _first_unit(division, found),
        }
    )
    missing = OrderedDict({"identical shocks": -_difference(division)})
    return Proposition(hypotheses, missing, _congruence_gaps(found), _tolerance(division.price, tolerance))


def proposition_4ii(division: LifetimeDivision, tolerance: Any = None) -> Proposition:
    r"""Proposition 4(ii): under limited volatility the capitalised full cost rule is goal congruent.

    **Arguments:** as for `proposition_1`.
    **Returns:** `Proposition`. Limited volatility must hold in every period; the paper defines it for one.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 4(ii) and appendix B; ERRATA.md.

    >>> from eqsolve.demand.uniform import Uniform
    >>> division = LifetimeDivision(QuadraticRevenue(10.0, 0.5), Uniform(0.4, 1.2), 2.0, 12.0, 0.1, periods=5)
    >>> found = proposition_4ii(division)
    >>> bool(found.applies), bool(found.holds)
    (False, False)
    """
    found = goal_congruence(division, capitalised(division))
    margin = jnp.min(found.first_best.limited_volatility) / jnp.max(division.variable_cost + division.user_cost)
    hypotheses = OrderedDict(
        {
            "limited volatility in every period": margin,
            "identical shocks": -_difference(division),
            "the first unit pays": _first_unit(division, found),
        }
    )
    return Proposition(hypotheses, OrderedDict(), _congruence_gaps(found), _tolerance(division.price, tolerance))


def proposition_5(types: Types, capacity: Any, low: Any, high: Any, thetas: Any, tolerance: Any = None) -> Proposition:
    r"""Proposition 5: REOB charges separate the types that should invest from those that should not, in every period.

    **Arguments:** as for `binary_investment`. `thetas`: types in rising order for which it is checked, shape `[n]`.
    **Returns:** `Proposition`; the gap is the largest profit of the wrong sign, as a share of the period's margin at
    the threshold.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 5.

    >>> from eqsolve.demand.uniform import Uniform
    >>> def types(theta):
    ...     shocks = Uniform(theta - 1.0, 2.0)
    ...     return LifetimeDivision(QuadraticRevenue(1.0, 0.5), shocks, [1.0, 2.0], 2.0, 0.0, multiplier=[1.0, 1.5])
    >>> bool(proposition_5(types, 1.0, 2.0, 9.0, [2.2, 2.4, 2.6, 3.0]).holds)
    True
    """
    found = binary_investment(types, capacity, low, high)
    thetas = jnp.asarray(thetas, found.threshold.dtype)
    profits = binary_profits(types, capacity, found.schedule, thetas)
    sign = jnp.sign(thetas - found.threshold)[:, None]
    wrong = jnp.max(jnp.maximum(-sign * profits, 0.0) / jnp.max(found.margins))
    division = types(found.threshold)
    first = expected_margins(division, capacity)
    hypotheses = OrderedDict(
        {
            "higher types have higher shocks": dominance(types, thetas),
            "the threshold type earns in every period": jnp.min(first) / jnp.max(first),
        }
    )
    gaps = OrderedDict({"profits of the wrong sign": wrong})
    return Proposition(hypotheses, OrderedDict(), gaps, _tolerance(found.threshold, tolerance))


def proposition_6(shared: SharedLifetime, delta: Any, tolerance: Any = None) -> Proposition:
    r"""Proposition 6: with quadratic revenue, limited volatility and identical shocks, capitalised full cost and
    renegotiation make dedicated capacities an efficient equilibrium of every period.

    **Arguments:** `shared`: two divisions. `delta` in [0, 1]: the first division's bargaining share.
    **Returns:** `Proposition`. The paper leaves out two conditions: that both divisions are served in every state, and
    that what each is charged beyond its variable cost is the same in every period,
    $\hat z_{1t} (v + \bar w_1) - w_{1t} = \hat z_{2t} (v + \bar w_2) - w_{2t}$.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 6; ERRATA.md.

    >>> from eqsolve.demand.joint import JointTable
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> x = [[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]]
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), shocks, 0.0, 9.0, 0.1, multiplier=x)
    >>> found = proposition_6(shared, 0.4)
    >>> bool(found.applies_as_printed), bool(found.applies), bool(found.holds)
    (True, False, False)
    """  # noqa: D205
    plan, found = shared_optimum(shared), capitalised_negotiation(shared, delta)
    margins = regime_margins(shared, plan.dedicated)
    scale = shared.price / jnp.sum(shared.discounts)
    hypotheses = OrderedDict(
        {"quadratic revenue": _quadratic(shared.revenue)}
        | _limited(margins, shared, plan.dedicated)
        | {"identical shocks": -_shared_difference(shared)}
    )
    missing = OrderedDict(
        {
            "both are served in every state": jnp.min(margins.interior) / scale,
            "equal charges beyond variable cost": -jnp.max(jnp.abs(found.charge_gap)) / scale,
        }
    )
    total = jnp.sum(plan.dedicated)
    gaps = OrderedDict(
        {
            "total capacity": jnp.abs(plan.capacity - total) / plan.capacity,
            "first division's conditions": jnp.max(jnp.abs(found.residuals[:, 0])) / scale,
            "second division's conditions": jnp.max(jnp.abs(found.residuals[:, 1])) / scale,
        }
    )
    return Proposition(hypotheses, missing, gaps, _tolerance(scale, tolerance))


def _congruence_gaps(found: Congruence) -> OrderedDict[str, Scalar]:
    """How far the capacities of single periods, and output, are from efficient, as shares of capacity."""
    best = found.first_best.capacity
    safe = jnp.where(best > 0, best, 1.0)
    return OrderedDict({"capacity": found.capacity_gap / safe, "output": jnp.max(jnp.abs(found.quantity_gap)) / safe})


def _first_unit(division: LifetimeDivision, found: Congruence) -> Scalar:
    """The paper's standing assumption x R'(0) > w, as a share of full cost; at most one."""
    full = division.variable_cost + division.user_cost
    return jnp.minimum(jnp.min(found.first_best.first_unit / full), 1.0)


def _difference(division: LifetimeDivision) -> Scalar:
    """How far quantiles of different periods' shocks are apart, as a share of the largest."""
    levels = (jnp.arange(LEVELS) + 0.5) / LEVELS
    quantiles = jax.vmap(division.quantile)(levels.astype(division.price.dtype))
    return jnp.max(jnp.ptp(quantiles, axis=1)) / jnp.max(jnp.abs(quantiles))


def _shared_difference(shared: SharedLifetime) -> Scalar:
    """How far parameters of different periods' laws are apart, as a share of the largest."""
    if not shared.by_period:
        return jnp.zeros_like(shared.price)
    apart = [jnp.max(jnp.ptp(leaf, axis=0)) / jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(shared.shocks)]
    return jnp.max(jnp.stack(apart))


def _quadratic(revenue: Any) -> Scalar:
    """Zero for quadratic revenue, else minus one."""
    return jnp.asarray(0.0 if isinstance(revenue, QuadraticRevenue) else -1.0)


def _limited(margins: Margins, shared: SharedLifetime, alone: Array) -> dict[str, Scalar]:
    """Limited volatility, as a share of the charge per period; both divisions have capacity."""
    scale = shared.price / jnp.sum(shared.discounts)
    return {
        "limited volatility in every period": jnp.min(margins.limited_volatility) / scale,
        "both have capacity of their own": jnp.min(alone) / jnp.sum(alone),
    }


def _tolerance(like: Array, given: Any) -> Scalar:
    return jnp.asarray(jnp.finfo(like.dtype).eps ** 0.4 if given is None else given, like.dtype)
