"""Normal demand."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import require_positive
from eqsolve.demand import _normal_tail as tail
from eqsolve.demand import _random
from eqsolve.demand.distribution import Continuous, Values, parameters


class Normal(Continuous):
    r"""Normal demand.

    The law of newsvendor textbooks; it gives negative demand a probability (`TruncatedNormal` does not).

    **Arguments:** `loc`: the mean [units]. `scale`: the standard deviation [units], > 0.

    **Derivatives:** all, to second order, in the argument and both parameters. Values have 12 or more correct digits in
    float64 where they are normal numbers: tested up to 37 standard deviations either side of the mean, and the quantile
    down to levels of 1e-300.

    **Source:** `scipy.stats.norm`; for the losses, Hadley and Whitin, *Analysis of Inventory
    Systems* (1963), appendix 4.

    >>> demand = Normal(loc=100.0, scale=20.0)
    >>> round(float(demand.loss(120.0)), 4), round(float(demand.ppf(0.75)), 3)
    (1.6663, 113.49)
    """

    loc: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0):
        fields = parameters("Normal", loc=loc, scale=scale)
        self.loc, self.scale = fields["loc"], fields["scale"]
        require_positive(self.scale, "Normal.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return jnp.isfinite(self.loc) & (self.scale > 0) & jnp.isfinite(self.scale)

    def _standard(self, x: Values) -> tuple[Values, Bool[Array, "*batch"]]:
        """The distance from the mean in standard deviations, and whether `x` lies above the mean."""
        z = (x - self.loc) / self.scale
        # a branch rather than an absolute value, whose slope at zero would be zero
        return jnp.where(z > 0, z, -z), z > 0

    def _density(self, x: Values) -> Values:
        return tail.density((x - self.loc) / self.scale) / self.scale

    def _cdf(self, x: Values) -> Values:
        z, above = self._standard(x)
        far = tail.upper(z)
        return jnp.where(above, 1 - far, far)

    def _sf(self, x: Values) -> Values:
        z, above = self._standard(x)
        far = tail.upper(z)
        return jnp.where(above, far, 1 - far)

    def _ppf(self, q: Values) -> Values:
        return self.loc + self.scale * jax.scipy.special.ndtri(q)

    def _loss(self, y: Values) -> Values:
        z, above = self._standard(y)
        return self.scale * tail.loss(z) + jnp.where(above, 0.0, self.loc - y)

    def _overstock(self, y: Values) -> Values:
        z, above = self._standard(y)
        return self.scale * tail.loss(z) + jnp.where(above, y - self.loc, 0.0)

    def _second_loss(self, y: Values) -> Values:
        z, above = self._standard(y)
        far = self.scale**2 * tail.second_loss(z)
        # below the mean: half of E[(X - y)^2], less the same with the shortage and the leftover exchanged
        return jnp.where(above, far, (self.scale**2 + (self.loc - y) ** 2) / 2 - far)

    def _mean(self) -> Values:
        return jnp.broadcast_to(self.loc, jnp.shape(self._valid))

    def _var(self) -> Values:
        return jnp.broadcast_to(self.scale**2, jnp.shape(self._valid))

    def _support(self) -> tuple[Values, Values]:
        infinite = jnp.full(jnp.shape(self._valid), jnp.inf, self.dtype)
        return -infinite, infinite

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        return self.loc + self.scale * _random.normal(key, shape, self.dtype)
