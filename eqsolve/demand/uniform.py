"""Uniform demand."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_positive
from eqsolve.demand.distribution import Continuous, Values, parameters


class Uniform(Continuous):
    r"""Every value between `loc` and `loc + scale` is equally likely.

    **Arguments:** `loc`: the lowest value [units]. `scale`: the width of the support [units], > 0.

    **Derivatives:** all, to second order, in the argument and both parameters, except at the ends of the support, where
    the density jumps; there the slope is that from inside.

    **Source:** `scipy.stats.uniform`.

    >>> demand = Uniform(loc=10.0, scale=20.0)
    >>> float(demand.loss(25.0)), float(demand.ppf(0.75))
    (0.625, 25.0)
    """

    loc: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0):
        fields = parameters("Uniform", loc=loc, scale=scale)
        self.loc, self.scale = fields["loc"], fields["scale"]
        require_positive(self.scale, "Uniform.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return jnp.isfinite(self.loc) & (self.scale > 0) & jnp.isfinite(self.scale)

    def _below(self, x: Values) -> Values:
        """How far `x` lies above the lowest value, within the support."""
        return jnp.clip(x - self.loc, 0, self.scale)

    def _above(self, x: Values) -> Values:
        """How far `x` lies below the highest value, within the support."""
        return jnp.clip(self.loc + self.scale - x, 0, self.scale)

    def _density(self, x: Values) -> Values:
        inside = (x >= self.loc) & (x <= self.loc + self.scale)
        return jnp.where(jnp.isnan(x), x, jnp.where(inside, 1 / self.scale, 0.0))

    def _cdf(self, x: Values) -> Values:
        return self._below(x) / self.scale

    def _sf(self, x: Values) -> Values:
        return self._above(x) / self.scale

    def _ppf(self, q: Values) -> Values:
        return self.loc + q * self.scale

    def _loss(self, y: Values) -> Values:
        return self._above(y) ** 2 / (2 * self.scale) + jnp.maximum(self.loc - y, 0.0)

    def _overstock(self, y: Values) -> Values:
        return self._below(y) ** 2 / (2 * self.scale) + jnp.maximum(y - self.loc - self.scale, 0.0)

    def _second_loss(self, y: Values) -> Values:
        # below the support X - y > 0 for sure: half its second moment
        short = jnp.maximum(self.loc - y, 0.0)
        return self._above(y) ** 3 / (6 * self.scale) + short * (short + self.scale) / 2

    def _mean(self) -> Values:
        return self.loc + self.scale / 2

    def _var(self) -> Values:
        return jnp.broadcast_to(self.scale**2 / 12, jnp.shape(self._valid))

    def _support(self) -> tuple[Values, Values]:
        return self.loc, self.loc + self.scale
