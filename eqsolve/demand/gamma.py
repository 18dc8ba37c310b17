"""Gamma demand."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, ndtri
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import require_positive
from eqsolve.demand._incomplete import gamma_integrals, log_gamma_density, require_shape, valid_shape
from eqsolve.demand.distribution import Continuous, Values, parameters

_STEPS = 6


class Gamma(Continuous):
    r"""Positive demand with density proportional to $x^{a-1} e^{-x/scale}$.

    **Arguments:** `a`: the shape, 0.001 or more; the standard deviation is $1/\sqrt a$ of the mean. `scale`: the scale
    [units], > 0; the mean is `a * scale`.

    **Derivatives:** all, to second order, in the argument and both parameters, except at 0, where the density of a
    shape below one is infinite.

    **Tested range:** in 64 bit all functions agree with 40-digit arithmetic to a relative 1e-12 for shapes from 0.01 to
    10,000 and to 1e-10 from 0.001, with losses and probabilities down to 1e-120. A smaller shape is an error (NaN if
    traced).

    **Source:** `scipy.stats.gamma`; the loss is $E(X-y)^+$ as a repeated integral of the density.

    >>> demand = Gamma(a=4.0, scale=25.0)
    >>> round(float(demand.loss(150.0)), 3), round(float(demand.ppf(0.9)), 1)
    (5.825, 167.0)
    """

    a: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, a: Any, scale: Any = 1.0):
        fields = parameters("Gamma", a=a, scale=scale)
        self.a, self.scale = fields["a"], fields["scale"]
        require_shape(self.a, "Gamma.a")
        require_positive(self.scale, "Gamma.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return valid_shape(self.a) & (self.scale > 0) & jnp.isfinite(self.scale)

    def _density(self, x: Values) -> Values:
        z = x / self.scale
        inside = (z > 0) & (z < jnp.inf)
        density = jnp.exp(log_gamma_density(self.a, jnp.where(inside, z, 1.0))) / jnp.where(inside, x, 1.0)
        at_zero = jnp.where(self.a < 1, jnp.inf, jnp.where(self.a > 1, 0.0, 1 / self.scale))
        outside = jnp.where(jnp.isnan(x), x, jnp.where(x == 0, at_zero, 0.0))
        return jnp.where(inside, density, outside)

    def _cdf(self, x: Values) -> Values:
        return gamma_integrals(1, self.a, x / self.scale)[0]

    def _sf(self, x: Values) -> Values:
        return gamma_integrals(1, self.a, x / self.scale)[1]

    def _ppf(self, q: Values) -> Values:
        return self.scale * standard_gamma_quantile(*jnp.broadcast_arrays(self.a, q))

    def _overstock(self, y: Values) -> Values:
        return self.scale * gamma_integrals(2, self.a, y / self.scale)[0]

    def _loss(self, y: Values) -> Values:
        return self.scale * gamma_integrals(2, self.a, y / self.scale)[1]

    def _second_loss(self, y: Values) -> Values:
        return self.scale**2 * gamma_integrals(3, self.a, y / self.scale)[1]

    def _mean(self) -> Values:
        return self.a * self.scale

    def _var(self) -> Values:
        return self.a * self.scale**2

    def _support(self) -> tuple[Values, Values]:
        return jnp.zeros_like(self._mean()), jnp.full_like(self._mean(), jnp.inf)

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        return self.scale * jax.random.gamma(key, self.a, shape, self.dtype)


def standard_gamma_quantile(a: Values, q: Values) -> Values:
    """The quantile for scale one, of arrays of one shape: Newton's method on the log of the smaller tail.

    In log x both tails are log-concave, so Newton's method cannot cycle; rising steps in the upper tail are taken
    in x, where that tail falls like exp(-x).
    """
    tiny = 4 * jnp.finfo(q.dtype).tiny
    inside = (q > 0) & (q < 1)
    p = jnp.where(inside, q, 0.5)
    upper = p > 0.5
    target = jnp.where(upper, jnp.log1p(-p), jnp.log(p))
    # the cdf lies below its first term x^a / Gamma(a + 1), so this start lies below the quantile
    log_least = (jnp.log(p) + gammaln(a + 1)) / a
    wilson_hilferty = a * jnp.maximum(1 - 1 / (9 * a) + ndtri(p) / (3 * jnp.sqrt(a)), 0.0) ** 3
    start = jnp.maximum(jnp.maximum(jnp.exp(log_least), wilson_hilferty), tiny)

    def step(_: int, x: Values) -> Values:
        below, above = gamma_integrals(1, a, x)
        tail = jnp.maximum(jnp.where(upper, above, below), tiny)
        slope = jnp.exp(log_gamma_density(a, x)) / tail
        move = (target - jnp.log(tail)) / jnp.maximum(slope, tiny) * jnp.where(upper, -1, 1)
        return jnp.maximum(x * jnp.where(upper & (move > 0), 1 + move, jnp.exp(jnp.minimum(move, 50.0))), tiny)

    x = jax.lax.fori_loop(0, _STEPS, step, start)
    # too small a number for its cdf to be computed: there the first term is all there is
    x = jnp.where(log_least < jnp.log(2 * tiny), jnp.exp(log_least), x)
    return jnp.where(inside, x, jnp.where(q == 0, 0.0, jnp.where(q == 1, jnp.inf, jnp.nan)))
