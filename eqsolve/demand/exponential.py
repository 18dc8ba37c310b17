"""Exponential demand."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_positive
from eqsolve.demand.distribution import Continuous, Values, parameters


class Exponential(Continuous):
    r"""Exponential demand: $P(X > x) = e^{-x / scale}$.

    **Arguments:** `scale`: the mean and the standard deviation [units], > 0.

    **Derivatives:** all, to second order, in the argument and the parameter, except at zero, where the density jumps;
    there the slope is that from above. Tested up to 600 means.

    **Source:** `scipy.stats.expon`.

    >>> demand = Exponential(scale=10.0)
    >>> round(float(demand.loss(20.0)), 4), round(float(demand.ppf(0.75)), 3)
    (1.3534, 13.863)
    """

    scale: Float[Array, "*batch"]

    def __init__(self, scale: Any = 1.0):
        self.scale = parameters("Exponential", scale=scale)["scale"]
        require_positive(self.scale, "Exponential.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return (self.scale > 0) & jnp.isfinite(self.scale)

    def _parts(self, x: Values) -> tuple[Values, Values]:
        """How far `x` lies above zero, in means, and how far below."""
        below = x < 0
        return jnp.where(below, 0.0, x) / self.scale, jnp.where(below, -x, 0.0)

    def _density(self, x: Values) -> Values:
        above, _ = self._parts(x)
        return jnp.where(x < 0, 0.0, jnp.exp(-above) / self.scale)

    def _cdf(self, x: Values) -> Values:
        above, _ = self._parts(x)
        return -jnp.expm1(-above)

    def _sf(self, x: Values) -> Values:
        above, _ = self._parts(x)
        return jnp.exp(-above)

    def _ppf(self, q: Values) -> Values:
        return -self.scale * jnp.log1p(-q)

    def _loss(self, y: Values) -> Values:
        above, below = self._parts(y)
        return self.scale * jnp.exp(-above) + below

    def _overstock(self, y: Values) -> Values:
        above, _ = self._parts(y)
        # above + expm1(-above), whose terms cancel where above is small: there a series, whose rest is below 1e-17
        near = above < 0.5
        small, large = jnp.where(near, above, 0.0), jnp.where(near, 1.0, above)
        series = jnp.ones_like(small)
        for k in range(14, 2, -1):
            series = 1 - small / k * series
        return self.scale * jnp.where(near, small**2 / 2 * series, large + jnp.expm1(-large))

    def _second_loss(self, y: Values) -> Values:
        above, below = self._parts(y)
        return self.scale**2 * jnp.exp(-above) + below * (self.scale + below / 2)

    def _mean(self) -> Values:
        return self.scale

    def _var(self) -> Values:
        return self.scale**2

    def _support(self) -> tuple[Values, Values]:
        return jnp.zeros_like(self.scale), jnp.full_like(self.scale, jnp.inf)
