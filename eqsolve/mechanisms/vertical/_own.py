r"""One outlet's own demand, $q = (L + s \theta)^+$: probabilities and leftovers up to levels of demand."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Distribution
from eqsolve.mechanisms.vertical.demand import Parts

Values = Float[Array, "*points"]
Number = Float[Array, "..."]


def steepness(slope: Number) -> Number:
    """A slope that can be divided by: own demand that does not vary is one that hardly varies."""
    least = jnp.finfo(slope.dtype).eps ** 2
    return jnp.where(slope > least, slope, least)


class UpTo(NamedTuple):
    r"""Own demand up to levels $x$; all zero for negative ones.

    `below`: $P(q \le x)$. `leftover`: $E(x - q)^+$. `inside`: $P(0 < q \le x)$. `moment`: $E[\theta; 0 < q \le x]$,
    None where the slope is one and does not move.
    """

    below: Array
    leftover: Array
    inside: Array
    moment: Array | None

    def moved(self, level: Array, slope: Array | None) -> Array:
        """E[dq; 0 < q <= x] where level and slope of own demand move at these rates."""
        moved = level * self.inside
        return moved if slope is None or self.moment is None else moved + slope * self.moment


class OwnDemand(eqx.Module):
    """Own demand of one outlet, given the laws of its shock at the points of interest."""

    law: Distribution
    level: Number
    slope: Number | None

    @staticmethod
    def of(law: Distribution, parts: Parts, outlet: int) -> "OwnDemand":
        """That of one of the two outlets."""
        slope = None if parts.slope is None else steepness(parts.slope[outlet])
        return OwnDemand(law, parts.level[outlet], slope)

    def demand(self, shock: Values) -> Values:
        """Own demand before it is cut at zero."""
        return self.level + (shock if self.slope is None else self.slope * shock)

    def shock(self, demand: Values) -> Values:
        """The shock at which own demand is this."""
        gap = demand - self.level
        return gap if self.slope is None else gap / self.slope

    def below(self, x: Values) -> Values:
        """P(q <= x), zero for negative `x`."""
        return jnp.where(x >= 0, self.law.cdf(self.shock(jnp.where(x >= 0, x, 0.0))), 0.0)

    def mean(self) -> Number:
        """E q."""
        loss = self.law.loss(self.shock(jnp.zeros_like(self.level)))
        return loss if self.slope is None else self.slope * loss

    def up_to(self, x: Values) -> UpTo:
        """What is known up to the levels along the first axis of `x`, found in one pass together with level zero."""
        levels = jnp.concatenate([jnp.zeros_like(x[:1]), jnp.where(x >= 0, x, 0.0)])
        shock = self.shock(levels)
        cdf, overstock = self.law.cdf(shock), self.law.overstock(shock)
        gap = overstock[1:] - overstock[:1]
        found = UpTo(
            below=cdf[1:],
            leftover=gap if self.slope is None else self.slope * gap,
            inside=cdf[1:] - cdf[:1],
            moment=None if self.slope is None else self._moment(shock, cdf, overstock),
        )
        return jax.tree.map(lambda value: jnp.where(x >= 0, value, 0.0), found)

    def _moment(self, shock: Values, cdf: Values, overstock: Values) -> Values:
        """E[theta; 0 < q <= x], from the tail that is short."""
        mean = self.law.mean()
        below = jnp.where(
            shock > mean, mean - self.law.loss(shock) - shock * self.law.sf(shock), shock * cdf - overstock
        )
        return below[1:] - below[:1]
