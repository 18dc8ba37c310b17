"""Beta demand."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import betaln, ndtri
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import require_positive
from eqsolve.demand._incomplete import beta_integrals, log_beta_density, require_shape, valid_shape
from eqsolve.demand.distribution import Continuous, Values, parameters

_MOST_STEPS = 12


class Beta(Continuous):
    r"""Demand between two bounds with density proportional to $z^{a-1} (1-z)^{b-1}$, $z = (x - loc) / scale$.

    **Arguments:** `a`, `b`: the shapes, 0.001 or more; the mean is `loc + scale * a / (a + b)`. `loc`: the lowest value
    [units]. `scale`: the width of the support [units], > 0.

    **Derivatives:** all, to second order, in the argument and the four parameters, except at the two bounds, where the
    density of a shape below one is infinite.

    **Tested range:** in 64 bit all functions and their derivatives in the shapes agree with 60-digit arithmetic to
    1e-11 of their size for shapes from 0.01 to 10,000, with losses and probabilities down to 1e-120; quantiles invert
    the cdf for shapes from 0.001 and levels from 1e-300. A smaller shape is an error (NaN if traced).

    **Source:** `scipy.stats.beta`; the loss is $E(X-y)^+$ as a repeated integral of the density.

    >>> demand = Beta(a=2.0, b=3.0, loc=10.0, scale=50.0)
    >>> round(float(demand.mean()), 2), round(float(demand.loss(40.0)), 3), round(float(demand.ppf(0.9)), 2)
    (30.0, 0.973, 43.98)
    """

    a: Float[Array, "*batch"]
    b: Float[Array, "*batch"]
    loc: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, a: Any, b: Any, loc: Any = 0.0, scale: Any = 1.0):
        fields = parameters("Beta", a=a, b=b, loc=loc, scale=scale)
        self.a, self.b, self.loc, self.scale = fields["a"], fields["b"], fields["loc"], fields["scale"]
        require_shape(self.a, "Beta.a")
        require_shape(self.b, "Beta.b")
        require_positive(self.scale, "Beta.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        interval = jnp.isfinite(self.loc) & (self.scale > 0) & jnp.isfinite(self.scale)
        return valid_shape(self.a) & valid_shape(self.b) & interval

    def _standard(self, x: Values) -> tuple[Values, Values]:
        """How far `x` lies above the lowest value and below the highest, in widths."""
        return (x - self.loc) / self.scale, (self.loc + self.scale - x) / self.scale

    def _integrals(self, order: int, y: Values) -> tuple[Values, Values]:
        below, above = beta_integrals(order, self.a, self.b, *self._standard(y))
        return self.scale ** (order - 1) * below, self.scale ** (order - 1) * above

    def _density(self, x: Values) -> Values:
        z, rest = self._standard(x)
        inside = (z > 0) & (rest > 0)
        log_logit = log_beta_density(self.a, self.b, jnp.where(inside, z, 0.5), jnp.where(inside, rest, 0.5))
        density = jnp.exp(log_logit) / jnp.where(inside, z * rest * self.scale, 1.0)
        at_low = jnp.where(z == 0, _end_density(self.a, self.b), 0.0)
        at_end = jnp.where(rest == 0, _end_density(self.b, self.a), at_low) / self.scale
        return jnp.where(inside, density, jnp.where(jnp.isnan(x), x, at_end))

    def _cdf(self, x: Values) -> Values:
        return self._integrals(1, x)[0]

    def _sf(self, x: Values) -> Values:
        return self._integrals(1, x)[1]

    def _ppf(self, q: Values) -> Values:
        lower = q <= 0.5
        near, far = jnp.where(lower, self.a, self.b), jnp.where(lower, self.b, self.a)
        distance, others = lower_beta_quantile(*jnp.broadcast_arrays(near, far, jnp.where(lower, q, 1 - q)))
        z, rest = jnp.where(lower, distance, others), jnp.where(lower, others, distance)
        return jnp.where(z < 0.5, self.loc + self.scale * z, self.loc + self.scale - self.scale * rest)

    def _overstock(self, y: Values) -> Values:
        return self._integrals(2, y)[0]

    def _loss(self, y: Values) -> Values:
        return self._integrals(2, y)[1]

    def _second_loss(self, y: Values) -> Values:
        return self._integrals(3, y)[1]

    def _mean(self) -> Values:
        return self.loc + self.scale * (self.a / (self.a + self.b))

    def _var(self) -> Values:
        total = self.a + self.b
        spread = (self.a / total) * (self.b / total) / (total + 1)
        return jnp.broadcast_to(self.scale**2 * spread, jnp.shape(self._valid))

    def _support(self) -> tuple[Values, Values]:
        low = jnp.broadcast_to(self.loc, jnp.shape(self._valid))
        return low, low + self.scale

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        return self.loc + self.scale * jax.random.beta(key, self.a, self.b, shape, self.dtype)


def _end_density(shape: Values, other: Values) -> Values:
    """The density, for a width of one, at the end to which `shape` belongs."""
    return jnp.where(shape < 1, jnp.inf, jnp.where(shape > 1, 0.0, other))


def lower_beta_quantile(a: Values, b: Values, p: Values) -> tuple[Values, Values]:
    """The quantile x of a level `p` up to 1/2 and 1 - x, of arrays of one shape: Newton's method on the log of the cdf.

    In the logit of x that is a concave function, so no step from below passes the quantile, and one from above is the
    last from there. Where the cdf is too small a number, its log comes from the slope of the log density.
    """
    possible = p > 0
    target = jnp.log(jnp.where(possible, p, 0.5))
    tiny = jnp.finfo(p.dtype).tiny
    furthest = -jnp.log(4 * tiny)
    # the first term of the cdf is x^a / (a B(a, b)), that of the survival function (1 - x)^b / (b B(a, b))
    log_x = (target + jnp.log(a) + betaln(a, b)) / a
    log_rest = (jnp.log1p(-jnp.exp(target)) + jnp.log(b) + betaln(a, b)) / b
    from_below = _logit(log_x)
    normal = jnp.log(a / b) + jnp.sqrt(1 / a + 1 / b) * ndtri(jnp.exp(target))
    heaped_at_the_end = jnp.where(jnp.exp(target) * (a + b) < b, from_below, -_logit(log_rest))
    start = jnp.where(b >= 1, jnp.maximum(normal, from_below), heaped_at_the_end)
    enough = jnp.sqrt(jnp.finfo(p.dtype).eps) * jnp.minimum(1.0, jnp.sqrt(1 / a + 1 / b))

    def step(state: tuple[Values, Values, Array]) -> tuple[Values, Values, Array]:
        w, _, count = state
        x, rest = jax.nn.sigmoid(w), jax.nn.sigmoid(-w)
        log_density = log_beta_density(a, b, x, rest)
        below = beta_integrals(1, a, b, x, rest)[0]
        far_out = log_density - jnp.log(jnp.maximum(a * rest - b * x, tiny))
        log_below = jnp.where(below > 2 * tiny, jnp.log(below), far_out)
        moved = jnp.clip(w + (target - log_below) * jnp.exp(log_below - log_density), -furthest, furthest)
        return moved, jnp.abs(moved - w), count + 1

    def unfinished(state: tuple[Values, Values, Array]) -> Array:
        _, moved, count = state
        return jnp.any(moved > enough) & (count < _MOST_STEPS)

    start = jnp.clip(start, -furthest, furthest)
    w, _, _ = jax.lax.while_loop(unfinished, step, (start, jnp.full_like(start, jnp.inf), jnp.asarray(0)))
    # too small a number for its cdf to be computed: there the first term is all there is
    x = jnp.where(log_x < -furthest, jnp.exp(log_x), jax.nn.sigmoid(w))
    return jnp.where(possible, x, 0.0), jnp.where(possible, jax.nn.sigmoid(-w), 1.0)


def _logit(log_x: Values) -> Values:
    """The log odds of a number below one from its log."""
    log_x = jnp.minimum(log_x, -1e-6)
    return log_x - jnp.log(-jnp.expm1(log_x))
