r"""One outlet's own demand, $q = (L + s \theta)^+$: probabilities, leftovers and slopes below a level of demand."""

import equinox as eqx
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

    def leftover(self, x: Values) -> Values:
        """E(x - q)^+, zero for negative `x`."""
        reached = jnp.where(x >= 0, x, 0.0)
        gap = self.law.overstock(self.shock(reached)) - self.law.overstock(self.shock(jnp.zeros_like(x)))
        gap = gap if self.slope is None else self.slope * gap
        return jnp.where(x >= 0, gap, 0.0)

    def mean(self) -> Number:
        """E q."""
        loss = self.law.loss(self.shock(jnp.zeros_like(self.level)))
        return loss if self.slope is None else self.slope * loss

    def moved_below(self, x: Values, level: Number, slope: Number | None) -> Values:
        """E[dq; 0 < q <= x] where level and slope of own demand move at these rates; zero for negative `x`."""
        top, bottom = self.shock(jnp.where(x >= 0, x, 0.0)), self.shock(jnp.zeros_like(x))
        moved = level * (self.law.cdf(top) - self.law.cdf(bottom))
        if slope is not None:
            moved += slope * (_moment_below(self.law, top) - _moment_below(self.law, bottom))
        return jnp.where(x >= 0, moved, 0.0)


def _moment_below(law: Distribution, b: Values) -> Values:
    """E[theta; theta <= b], from the tail that is short."""
    above = law.mean() - law.loss(b) - b * law.sf(b)
    return jnp.where(b > law.mean(), above, b * law.cdf(b) - law.overstock(b))
