r"""Scheme 4: the pay that makes the Pareto-optimal effort stationary, and the simplex of schemes that are feasible.

With $r_{ij} = C_{i,ij} / V_{j,ij}$ and $s_{ij} = f_{ij} / V_{j,ij}$ at $e^P$ (equal where no bound holds effort back),
the rates $B_{ij} = r_{ij} - s_{ij} \alpha_i$ leave department i no reason to move. All else is linear in $\alpha$:
with $A_i = f - \sum_j s_{ij} V_j$, $E_i = C_i - \sum_j r_{ij} V_j$ and $D = f - \sum_{ij} r_{ij} V_j$, department i
nets $A_i \alpha_i - E_i$ and the residual is $D - \sum A_i \alpha_i$.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, require_kind
from eqsolve._fields import as_fields, nan_unless, per_entry
from eqsolve._tabled import Tabled
from eqsolve.certify.certificate import Certificate, certify
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pareto import ParetoPoint
from eqsolve.mechanisms.compensation.pay import CustomPay, Pay

Shares = Float[Array, " n"]


class InducingSchemes(Tabled):
    r"""All schemes 4 whose first-order conditions hold at $e^P$: one for every vector of output shares $\alpha$.

    **Fields:** `base` $r$ and `trade` $s$ `[n, n]`: rates without a share of output, and what a whole share takes from
    them. `slope` $A$ `[n]`: what a share of output is worth [money]. `need` $E$ `[n]`: $A_i \alpha_i$ at which
    department i has its reservation utility. `budget` $D$: the largest $\sum A_i \alpha_i$ that leaves no deficit.
    `output` $f$, `cost` $C$, `welfare` $\pi^P$, `reservation` `[n]` [money]. NaN where some $V_{j,ij}$ is zero.

    Build it with `inducing_schemes`.

    **Source:** Nam (paper 004), equations (12) to (18), for n departments.
    """

    base: Float[Array, "n n"]
    trade: Float[Array, "n n"]
    slope: Shares
    need: Shares
    budget: Float[Array, ""]
    output: Float[Array, ""]
    cost: Shares
    welfare: Float[Array, ""]
    reservation: Shares

    @property
    def exists(self) -> Bool[Array, ""]:
        r"""Whether some share vector is feasible: nobody's $A_i$ is zero, and welfare covers the reservations."""
        return jnp.all(self.slope != 0) & (self.budget >= jnp.sum(self.need))

    def pay(self, share: Any) -> Pay:
        r"""The scheme with these shares $\alpha$ `[n]`, and the rates (12) to (15) that follow."""
        share = self._shares(share)
        return Pay(share=share, rate=self.rates(share))

    def rates(self, share: Any) -> Float[Array, "n n"]:
        r"""The rates $B$ of all performances that go with these shares, (12) to (15)."""
        return self.base - self.trade * self._shares(share)[:, None]

    def net_pay(self, share: Any) -> Shares:
        r"""What every department nets at $e^P$: $A_i \alpha_i - E_i$ plus its reservation utility [money]."""
        return self.slope * self._shares(share) - self.need + self.reservation

    def residual(self, share: Any) -> Float[Array, ""]:
        r"""What is left of output at $e^P$: $D - \sum A_i \alpha_i$ [money]."""
        return self.budget - jnp.sum(self.slope * self._shares(share))

    def contains(self, share: Any) -> Bool[Array, ""]:
        """Whether these shares leave no deficit and everybody its reservation utility, to rounding."""
        share = self._shares(share)
        size = jnp.abs(self.output) + jnp.sum(jnp.abs(self.slope * share)) + jnp.sum(jnp.abs(self.need))
        rough = 16 * jnp.finfo(size.dtype).eps * size
        kept = jnp.all(self.net_pay(share) - self.reservation >= -rough)
        return kept & (self.residual(share) >= -rough) & jnp.all(self.slope != 0)

    def shares_for(self, net_pay: Any) -> Shares:
        """The shares at which departments net these amounts `[n]` [money]; NaN where a share changes nothing."""
        wanted = as_array(net_pay, self.slope.dtype, "net_pay") - self.reservation + self.need
        some = self.slope != 0
        return jnp.where(some, wanted / jnp.where(some, self.slope, 1.0), jnp.nan)

    def vertices(self) -> Float[Array, "n+1 n"]:
        r"""The corners of the feasible simplex, for any signs of $A_i$.

        Row 0 (the paper's J) leaves everybody its reservation utility; row k gives all the rest to department k (for
        two departments H and G, the ends of full allocation). NaN where an $A_i$ is zero, or where welfare does not
        cover the reservations: then no scheme is feasible.
        """
        n = self.slope.shape[0]
        spare = self.budget - jnp.sum(self.need)
        extra = jnp.concatenate([jnp.zeros((1, n), self.slope.dtype), spare * jnp.eye(n, dtype=self.slope.dtype)])
        some = self.slope != 0
        corners = (self.need + extra) / jnp.where(some, self.slope, 1.0)
        return jnp.where(self.exists, corners, jnp.nan)

    def _shares(self, share: Any) -> Shares:
        given = as_array(share, self.slope.dtype, "share")
        return per_entry(given, self.slope.shape[0], "share")


def inducing_schemes(point: ParetoPoint, reservation: Any = 0.0) -> InducingSchemes:
    r"""The family of schemes 4 that induce a Pareto point, as far as first-order conditions go.

    Whether a scheme really makes $e^P$ an equilibrium is for `induces`: where pay is concave in own effort (shares
    between 0 and 1, nonnegative rates) it does, with a negative share it may not.

    **Arguments:** `point`: from `pareto_effort`. `reservation`: what departments earn elsewhere [money], one number or
    `[n]`.
    **Returns:** `InducingSchemes`; all NaN where a reservation is not finite.
    **Errors:** `TypeError` for no `ParetoPoint`, `ValueError` for reservations of another shape.
    **Source:** Nam (paper 004), section 3.5.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> family.slope.tolist(), float(family.budget), family.need.tolist()
    ([8.0, 8.0], 0.5, [-6.0, -6.0])
    >>> family.pay(1 / 32).rate.tolist()
    [[0.96875, 0.96875], [0.96875, 0.96875]]
    """
    require_kind(point, ParetoPoint, "inducing_schemes: point")
    n = point.effort.shape[0]
    outside = per_entry(as_fields("inducing_schemes", reservation=reservation)["reservation"], n, "reservation")
    return _family(point, outside.astype(point.effort.dtype))


@eqx.filter_jit
def _family(point: ParetoPoint, outside: Shares) -> InducingSchemes:
    measured = point.performance_slope != 0
    per_measure = jnp.where(measured, 1 / jnp.where(measured, point.performance_slope, 1.0), jnp.nan)
    base, trade = point.cost_slope * per_measure, point.output_slope * per_measure
    traded = trade * point.performance
    slope = point.output - jnp.sum(traded, axis=1)
    # where output is the sum of performances, only rounding is left
    rough = 16 * jnp.finfo(slope.dtype).eps * (jnp.abs(point.output) + jnp.sum(jnp.abs(traded), axis=1))
    family = InducingSchemes(
        base=base,
        trade=trade,
        slope=jnp.where(jnp.abs(slope) <= rough, 0.0, slope),
        need=point.cost + outside - jnp.sum(base * point.performance, axis=1),
        budget=point.output - jnp.sum(base * point.performance),
        output=point.output,
        cost=point.cost,
        welfare=point.welfare,
        reservation=outside,
    )
    return nan_unless(jnp.all(jnp.isfinite(outside)), family)


def induces(model: EffortModel, point: ParetoPoint, pay: Pay | CustomPay) -> Certificate:
    """Whether pay really makes the Pareto-optimal effort a Nash equilibrium: a global search for deviations from it.

    **Arguments:** `point`: from `pareto_effort`. `pay`: any pay, for instance `family.pay(shares)`.
    **Returns:** a `Certificate`: `certified` is the answer, `gain` what somebody would earn by leaving.
    **Source:** ERRATA.md on paper 004, section 3.5: first-order conditions are not enough where a share is negative.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> firm = paper_example()
    >>> point = pareto_point(firm, jnp.array([[0.5, 1.0], [1.0, 0.5]]))
    >>> bool(induces(firm, point, inducing_schemes(point).pay(1 / 32)).certified)
    True
    """
    return certify(model.game(pay), {"effort": point.effort})
