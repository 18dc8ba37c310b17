"""Small laws with textbook formulas from `jax.scipy`, so that the rules are tested apart from the demand families."""

import jax
import jax.numpy as jnp
from jax.scipy import special, stats
from jaxtyping import Array

from eqsolve.demand.distribution import Continuous, parameters


class Bell(Continuous):
    """Normal demand; only what the rules use is real."""

    loc: Array
    scale: Array

    def __init__(self, loc, scale):
        self.loc, self.scale = parameters("Bell", loc=loc, scale=scale).values()

    @property
    def _valid(self):
        return self.scale > 0

    def _density(self, x):
        return stats.norm.pdf(x, self.loc, self.scale)

    def _cdf(self, x):
        return special.ndtr((x - self.loc) / self.scale)

    def _ppf(self, q):
        return self.loc + self.scale * special.ndtri(q)

    def _sample(self, key, shape):
        return self.loc + self.scale * jax.random.normal(key, shape, self.dtype)

    def _mean(self):
        return self.loc

    def _var(self):
        return self.scale**2

    def _support(self):
        return -jnp.inf, jnp.inf

    _sf = _loss = _overstock = _second_loss = lambda self, y: y * jnp.nan


class Waiting(Bell):
    """Weibull demand; shape one is exponential, and a shape below one has an infinite density at zero."""

    def _density(self, x):
        ratio = jnp.maximum(x, 1e-300) / self.scale
        return self.loc / self.scale * ratio ** (self.loc - 1) * jnp.exp(-(ratio**self.loc)) * (x > 0)

    def _cdf(self, x):
        safe = jnp.where(x > 0, x, 1.0)
        return jnp.where(x > 0, -jnp.expm1(-((safe / self.scale) ** self.loc)), 0.0)

    def _ppf(self, q):
        return self.scale * (-jnp.log1p(-q)) ** (1 / self.loc)
