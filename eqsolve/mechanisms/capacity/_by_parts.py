r"""Expectations for two divisions with quadratic revenue and independent uniform shocks: exact, with few nodes.

In the margins of the first units, $a_i = \theta_i \epsilon_i - w_i$, everything is piecewise linear or quadratic. Given
$a_1$, the shadow price of capacity $k$ rises with $a_2$ in two steps, by the share $s = h_1 / (h_1 + h_2)$ from where
both divisions want just $k$, and one for one from where division 2 takes all:

$$S = l^+ + s (a_2 - b)^+ + (1 - s)(a_2 - e)^+, \qquad l = a_1^+ - 2 h_1 k,\quad e = a_1^+ + 2 h_2 k,$$

with $b = l$ where $l > 0$ and $b = 2 h_2 (k - a_1^+ / 2 h_1)$ elsewhere. So the second shock is integrated in closed
form, and what is left is a cubic in $a_1$ between kinks, for which two Gauss nodes are exact.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.demand.joint import Independent, JointDistribution
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity._laws import in_order
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.revenue import Revenue

Number = Float[Array, ""]
Each = Float[Array, "2"]
Values = Float[Array, "*points"]
_POINTS, _SHARES = np.polynomial.legendre.leggauss(2)


def is_by_parts(revenue: Revenue, shocks: JointDistribution) -> bool:
    """Whether the closed forms of this file apply."""
    if not isinstance(revenue, QuadraticRevenue) or not isinstance(shocks, Independent) or shocks.size != 2:
        return False
    return all(isinstance(law, Uniform) for law in shocks.marginals)


class Margins(NamedTuple):
    """Curvatures, and the lowest and highest margin of each division's first unit."""

    curvature: Each
    low: Each
    high: Each

    @staticmethod
    def of(revenue: Revenue, shocks: JointDistribution, cost: Each) -> "Margins":
        """Those of two divisions."""
        assert isinstance(revenue, QuadraticRevenue)
        assert isinstance(shocks, Independent)
        first, last = zip(*(law.support() for law in shocks.marginals), strict=True)
        low, high = (revenue.scale * jnp.stack(ends) - cost for ends in (first, last))
        return Margins(jnp.broadcast_to(revenue.curvature, low.shape), low, high)

    def beyond(self, division: int, t: Values) -> Values:
        """P(a > t) of one division's margin."""
        return _power(self.high[division] - t, 1, self, division)

    def excess(self, division: int, t: Values) -> Values:
        """E (a - t)^+."""
        return _power(self.high[division] - t, 2, self, division)

    def second_excess(self, division: int, t: Values) -> Values:
        """E ((a - t)^+)^2 / 2."""
        return _power(self.high[division] - t, 3, self, division)


def _power(above: Values, order: int, margins: Margins, division: int) -> Values:
    """The integral of ((a - t)^+)^(order - 1) / (order - 1)! over a uniform margin."""
    width = margins.high[division] - margins.low[division]
    top, bottom = jnp.maximum(above, 0.0), jnp.maximum(above - width, 0.0)
    # the difference of powers over the width, without cancellation: of some width what lies below the top
    part = top - bottom
    mixed = {1: jnp.ones_like(top), 2: (top + bottom) / 2, 3: (top * top + top * bottom + bottom * bottom) / 6}[order]
    return part / width * mixed


class _Steps(NamedTuple):
    """Where the shadow price rises with the second margin, given the first."""

    left: Values
    begin: Values
    end: Values
    early: Values  # whether the first division alone makes capacity scarce


def _steps(margins: Margins, capacity: Number, first: Values) -> _Steps:
    h1, h2 = margins.curvature
    served = jnp.maximum(first, 0.0)
    left = served - 2 * h1 * capacity
    early = left > 0
    begin = jnp.where(early, left, 2 * h2 * (capacity - served / (2 * h1)))
    return _Steps(left, begin, served + 2 * h2 * capacity, early)


def _nodes(margins: Margins, capacity: Number) -> tuple[Values, Values]:
    """Two nodes of the first margin on each piece between kinks, and their probabilities."""
    h1, h2 = margins.curvature
    one, two = 2 * h1 * capacity, 2 * h2 * capacity
    low, high = margins.low[0], margins.high[0]
    kinks = [jnp.zeros_like(capacity), one]
    for end in (margins.low[1], margins.high[1]):
        kinks += [one + end, one - end * h1 / h2, end - two]
    inner = in_order(jnp.clip(jnp.stack(kinks), low, high))
    edges = jnp.concatenate([low[None], inner, high[None]])
    width = jnp.diff(edges)
    nodes = [edges[:-1] + width * float((point + 1) / 2) for point in _POINTS]
    weight = width / (high - low) / 2
    return jnp.concatenate(nodes), jnp.concatenate([weight, weight])


def shared_price(margins: Margins, capacity: Number) -> Number:
    """E S."""
    first, weight = _nodes(margins, capacity)
    at = _steps(margins, capacity, first)
    share = margins.curvature[0] / jnp.sum(margins.curvature)
    rise = share * margins.excess(1, at.begin) + (1 - share) * margins.excess(1, at.end)
    return jnp.sum(weight * (jnp.maximum(at.left, 0.0) + rise))


def shared_slope(margins: Margins, capacity: Number) -> Number:
    """DE S / dk."""
    h1, h2 = margins.curvature
    first, weight = _nodes(margins, capacity)
    at = _steps(margins, capacity, first)
    share = h1 / (h1 + h2)
    moved = share * margins.beyond(1, at.begin) * jnp.where(at.early, -2 * h1, 2 * h2)
    moved += (1 - share) * margins.beyond(1, at.end) * 2 * h2
    return -jnp.sum(weight * (jnp.where(at.early, 2 * h1, 0.0) + moved))


def shared_value(margins: Margins, capacity: Number) -> Number:
    """E M: what division 1 earns alone, and what rises with the second margin: division 2's quantity."""
    h1, h2 = margins.curvature
    first, weight = _nodes(margins, capacity)
    at = _steps(margins, capacity, first)
    share = h1 / (h1 + h2)
    served = jnp.maximum(first, 0.0)
    sold = jnp.minimum(served / (2 * h1), capacity)
    sums = (
        margins.second_excess(1, jnp.maximum(at.left, 0.0))
        - share * margins.second_excess(1, at.begin)
        - (1 - share) * margins.second_excess(1, at.end)
    )
    return jnp.sum(weight * ((served - h1 * sold) * sold + sums / (2 * h2)))


def own_price(margins: Margins, capacity: Each) -> Each:
    """E dCM_i/dk_i, where a division leaves idle what it does not want."""
    full = 2 * margins.curvature * capacity
    return jnp.stack([margins.excess(i, full[i]) for i in (0, 1)])


def own_slope(margins: Margins, capacity: Each) -> Each:
    """The derivative of each in its own capacity."""
    full = 2 * margins.curvature * capacity
    return -2 * margins.curvature * jnp.stack([margins.beyond(i, full[i]) for i in (0, 1)])


def own_value(margins: Margins, capacity: Each) -> Each:
    """E CM_i."""
    full = 2 * margins.curvature * capacity
    rise = [margins.second_excess(i, jnp.zeros_like(full[i])) - margins.second_excess(i, full[i]) for i in (0, 1)]
    return jnp.stack(rise) / (2 * margins.curvature)
