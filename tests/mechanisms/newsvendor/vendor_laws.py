"""Small demand laws for tests: with one and with two infinite tails, with two values, with two humps."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve.demand.distribution import Continuous, Discrete, parameters
from eqsolve.demand.uniform import Uniform


class Exponential(Continuous):
    """Exponential demand with a given mean."""

    scale: Array

    def __init__(self, scale: Any):
        self.scale = parameters("Exponential", scale=scale)["scale"]

    @property
    def _valid(self):
        return self.scale > 0

    def _density(self, x):
        return jnp.where(x < 0, 0.0, self._sf(x) / self.scale)

    def _cdf(self, x):
        return -jnp.expm1(-jnp.maximum(x, 0.0) / self.scale)

    def _sf(self, x):
        return jnp.exp(-jnp.maximum(x, 0.0) / self.scale)

    def _ppf(self, q):
        return -self.scale * jnp.log1p(-q)

    def _loss(self, y):
        return self.scale * self._sf(y) + jnp.maximum(-y, 0.0)

    def _overstock(self, y):
        return jnp.maximum(y, 0.0) - self.scale * self._cdf(y)

    def _second_loss(self, y):
        below = jnp.maximum(-y, 0.0)
        return self.scale**2 * self._sf(y) + below * (below / 2 + self.scale)

    def _mean(self):
        return self.scale

    def _var(self):
        return self.scale**2

    def _support(self):
        return jnp.zeros_like(self.scale), jnp.full_like(self.scale, jnp.inf)


class Logistic(Continuous):
    """Logistic demand: both tails are infinite."""

    loc: Array
    scale: Array

    def __init__(self, loc: Any, scale: Any):
        fields = parameters("Logistic", loc=loc, scale=scale)
        self.loc, self.scale = fields["loc"], fields["scale"]

    @property
    def _valid(self):
        return self.scale > 0

    def _away(self, x):
        return (x - self.loc) / self.scale

    def _density(self, x):
        return self._cdf(x) * self._sf(x) / self.scale

    def _cdf(self, x):
        return jax.nn.sigmoid(self._away(x))

    def _sf(self, x):
        return jax.nn.sigmoid(-self._away(x))

    def _ppf(self, q):
        return self.loc + self.scale * (jnp.log(q) - jnp.log1p(-q))

    def _loss(self, y):
        return self.scale * jax.nn.softplus(-self._away(y))

    def _overstock(self, y):
        return self.scale * jax.nn.softplus(self._away(y))

    def _second_loss(self, y):
        raise NotImplementedError  # a dilogarithm, which no test needs

    def _mean(self):
        return self.loc

    def _var(self):
        return (jnp.pi * self.scale) ** 2 / 3

    def _support(self):
        return jnp.full_like(self.loc, -jnp.inf), jnp.full_like(self.loc, jnp.inf)


class TwoPoint(Discrete):
    """Demand `low` with a given chance, else `high`."""

    low: Array
    high: Array
    chance: Array

    def __init__(self, low: Any, high: Any, chance: Any):
        fields = parameters("TwoPoint", low=low, high=high, chance=chance)
        self.low, self.high, self.chance = fields["low"], fields["high"], fields["chance"]

    @property
    def _valid(self):
        return (self.chance > 0) & (self.chance < 1) & (self.low < self.high)

    def _expect(self, function):
        return self.chance * function(self.low) + (1 - self.chance) * function(self.high)

    def _density(self, x):
        return jnp.where(x == self.low, self.chance, jnp.where(x == self.high, 1 - self.chance, 0.0))

    def _cdf(self, x):
        return jnp.where(x < self.low, 0.0, jnp.where(x < self.high, self.chance, 1.0))

    def _sf(self, x):
        return jnp.where(x < self.low, 1.0, jnp.where(x < self.high, 1 - self.chance, 0.0))

    def _ppf(self, q):
        return jnp.where(q <= self.chance, self.low, self.high)

    def _loss(self, y):
        return self._expect(lambda x: jnp.maximum(x - y, 0.0))

    def _overstock(self, y):
        return self._expect(lambda x: jnp.maximum(y - x, 0.0))

    def _second_loss(self, y):
        return self._expect(lambda x: jnp.maximum(x - y, 0.0) ** 2 / 2)

    def _mean(self):
        return self._expect(lambda x: x)

    def _var(self):
        return self._expect(lambda x: x**2) - self._mean() ** 2

    def _support(self):
        return self.low, self.high


class TwoHumps(Continuous):
    """Demand uniform between `low` and `low + width` with a given chance, else between `high` and `high + width`."""

    first: Uniform
    second: Uniform
    chance: Array

    def __init__(self, low: Any, high: Any, width: Any, chance: Any):
        self.first, self.second = Uniform(low, width), Uniform(high, width)
        self.chance = parameters("TwoHumps", chance=chance)["chance"]

    @property
    def _valid(self):
        return (self.chance > 0) & (self.chance < 1) & (self.first.loc + self.first.scale < self.second.loc)

    def _mixed(self, name, *given):
        parts = (getattr(hump, name)(*given) for hump in (self.first, self.second))
        return self.chance * next(parts) + (1 - self.chance) * next(parts)

    def _density(self, x):
        return self._mixed("_density", x)

    def _cdf(self, x):
        return self._mixed("_cdf", x)

    def _sf(self, x):
        return self._mixed("_sf", x)

    def _ppf(self, q):
        above = (q - self.chance) / (1 - self.chance)
        return jnp.where(q <= self.chance, self.first._ppf(q / self.chance), self.second._ppf(above))

    def _loss(self, y):
        return self._mixed("_loss", y)

    def _overstock(self, y):
        return self._mixed("_overstock", y)

    def _second_loss(self, y):
        return self._mixed("_second_loss", y)

    def _mean(self):
        return self._mixed("_mean")

    def _var(self):
        away = self.chance * self.first._mean() ** 2 + (1 - self.chance) * self.second._mean() ** 2
        return self._mixed("_var") + away - self._mean() ** 2

    def _support(self):
        return self.first._support()[0], self.second._support()[1]
