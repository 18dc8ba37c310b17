"""Geometric demand."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_values
from eqsolve.demand.distribution import Discrete, Values, parameters


class Geometric(Discrete):
    r"""The number of trials up to and with the first success: 1, 2, 3, ...

    It has no memory: whatever was asked for so far, the chance that this was the last unit is `p`. To count the
    failures before the success, 0, 1, 2, ..., use `affine(Geometric(p), loc=-1)` or `NegativeBinomial(1, p)`.

    **Arguments:** `p`: the probability of a success, in (0, 1]. The mean is `1 / p`, the variance `(1 - p) / p**2`.

    **Derivatives:** in `p` all, to second order, also at 1. The losses are piecewise linear in the argument, with the
    slope for a rising argument. The quantile is a step function, of slope zero; at a level of zero it is 1, where SciPy
    gives 0.

    **Tested range:** in 64 bit all functions agree with 60-digit arithmetic to a relative 1e-12 for `p` from 1e-9 to 1,
    with losses and probabilities down to 1e-200.

    **Source:** `scipy.stats.geom`; the loss at a whole number y is $(1-p)^y / p$.

    >>> demand = Geometric(p=0.1)
    >>> round(float(demand.loss(20.0)), 4), float(demand.ppf(0.9))
    (1.2158, 22.0)
    """

    p: Float[Array, "*batch"]

    def __init__(self, p: Any):
        self.p = parameters("Geometric", p=p)["p"]
        wanted = "give probabilities above zero and up to one"
        require_values(self.p, lambda p: (p > 0) & (p <= 1), "Geometric.p", wanted)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return (self.p > 0) & (self.p <= 1)

    def _density(self, x: Values) -> Values:
        possible = (x >= 1) & (x == jnp.floor(x)) & (x < jnp.inf)
        mass = self.p * _failures(self.p, jnp.where(possible, x, 1.0) - 1)
        return jnp.where(possible, mass, jnp.where(jnp.isnan(x), x, 0.0))

    def _cdf(self, x: Values) -> Values:
        return jnp.where(x < 1, 0.0, jnp.where(x == jnp.inf, 1.0, _success(self.p, _whole(x))))

    def _sf(self, x: Values) -> Values:
        return jnp.where(x < 1, 1.0, jnp.where(x == jnp.inf, 0.0, _failures(self.p, _whole(x))))

    def _loss(self, y: Values) -> Values:
        n = _whole(y)
        between = _failures(self.p, n + 1) / self.p + (n + 1 - y) * _failures(self.p, n)
        before = (1 - self.p) / self.p + (1 - y)
        return jnp.where(y < 1, before, jnp.where(y == jnp.inf, 0.0, between))

    def _overstock(self, y: Values) -> Values:
        n = _whole(y)
        between = _overstock_at(self.p, n) + (y - n) * _success(self.p, n)
        return jnp.where(y < 1, 0.0, jnp.where(y == jnp.inf, y, between))

    def _second_loss(self, y: Values) -> Values:
        n = _whole(y)
        short = n + 1 - y
        ahead = _failures(self.p, n + 1) * ((2 - self.p) / self.p / 2 + short) / self.p
        between = ahead + short**2 / 2 * _failures(self.p, n)
        wait = (1 - self.p) / self.p
        before = wait * (wait + 1) / 2 + (wait + (1 - y)) ** 2 / 2
        return jnp.where(y < 1, before, jnp.where(y == jnp.inf, 0.0, between))

    def _ppf(self, q: Values) -> Values:
        p, q = jnp.broadcast_arrays(jax.lax.stop_gradient(self.p), q)
        inside = (q > 0) & (q < 1)
        level = jnp.where(inside, q, 0.5)
        # a level that came from this cdf is met in spite of rounding
        eps = jnp.finfo(q.dtype).eps
        wanted = level - 4 * eps * jnp.minimum(level, 1 - level) - jnp.where(level > 0.5, eps, 0.0)
        n = jnp.maximum(jnp.ceil(jnp.log1p(-wanted) / jnp.log1p(-p)), 1.0)
        # the quotient is rounded too
        n = jnp.where(_success(p, n - 1) >= wanted, n - 1, n)
        n = jnp.where(_success(p, n) >= wanted, n, n + 1)
        return jnp.where(inside, n, jnp.where(q == 0, 1.0, jnp.where(q == 1, jnp.inf, jnp.nan)))

    def _mean(self) -> Values:
        return 1 / self.p

    def _var(self) -> Values:
        return (1 - self.p) / self.p / self.p

    def _support(self) -> tuple[Values, Values]:
        return jnp.ones_like(self.p), jnp.where(self.p < 1, jnp.inf, 1.0)


def _whole(x: Values) -> Values:
    """The whole number at or below `x`, where there is one from 1 upwards; 1 elsewhere, and NaN for NaN."""
    return jnp.where((x < 1) | (x == jnp.inf), 1.0, jnp.floor(x))


@jax.custom_jvp
def _failures(p: Values, n: Values) -> Values:
    """The probability (1 - p)^n that `n` >= 0 trials all fail."""
    log_power = n * jnp.log1p(-jnp.where(p < 1, p, 0.5))
    return jnp.where(p < 1, jnp.exp(log_power), jnp.where(n == 0, 1.0, jnp.where(jnp.isnan(n), n, 0.0)))


@jax.custom_jvp
def _success(p: Values, n: Values) -> Values:
    """The probability 1 - (1 - p)^n that one of `n` >= 0 trials succeeds."""
    log_power = n * jnp.log1p(-jnp.where(p < 1, p, 0.5))
    return jnp.where(p < 1, -jnp.expm1(log_power), jnp.where(n == 0, 0.0, jnp.where(jnp.isnan(n), n, 1.0)))


# in p alone, for whole n, which has no slope: a power rule that also holds at p = 1
_failures.defjvps(lambda dp, value, p, n: -n * _failures(p, jnp.maximum(n - 1, 0.0)) * dp, None)
_success.defjvps(lambda dp, value, p, n: n * _failures(p, jnp.maximum(n - 1, 0.0)) * dp, None)


def _overstock_at(p: Values, n: Values) -> Values:
    """The overstock n - (1 - (1 - p)^n) / p at the whole number `n` >= 1."""
    # while few successes are expected the difference would cancel: there the binomial series, whose terms fall fast
    near = n * p <= 1
    count = jnp.where(near, n, 1.0)
    series = jnp.ones_like(count * p)
    for k in range(18, 2, -1):
        series = 1 - p * (count - k + 1) / k * series
    return jnp.where(near, p * count * (count - 1) / 2 * series, n - _success(p, n) / p)
