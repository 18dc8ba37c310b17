"""Lognormal demand between bounds."""

from functools import partial
from math import factorial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import require_nonnegative, require_positive
from eqsolve.demand import _truncated as standard
from eqsolve.demand._truncated import NEGLIGIBLE, Point, Window
from eqsolve.demand.distribution import Continuous, Values, parameters


class TruncatedLogNormal(Continuous):
    r"""Lognormal demand on the condition that it lies between two bounds.

    **Arguments:** `s`, `scale`: the standard deviation of the logarithm and the median [units] of the lognormal law
    before it is truncated, both > 0. `lower`, `upper`: the bounds [units], 0 <= `lower` < `upper`; `upper` may be
    infinite.

    **Derivatives:** all, to second order, in the argument, in `s` and `scale` and in positive finite bounds, except in
    the argument at a bound, where the density jumps.

    **Tested range:** in 64 bit values agree with 300-digit arithmetic to a relative 1e-12 for `s` from 0.001 to 3,
    bounds up to 20 standard deviations of the logarithm to one side of `scale`, and losses down to 1e-100.

    **Errors:** `ValueError` that names the field.
    **Source:** `scipy.stats.lognorm`, conditioned; in the logarithm a truncated normal law (`TruncatedNormal`).

    >>> demand = TruncatedLogNormal(s=0.5, scale=100.0, upper=200.0)
    >>> round(float(demand.mean()), 2), round(float(demand.loss(150.0)), 3), round(float(demand.ppf(0.75)), 2)
    (100.35, 2.912, 127.75)
    """

    s: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]
    lower: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]

    def __init__(self, s: Any, scale: Any = 1.0, lower: Any = 0.0, upper: Any = jnp.inf):
        fields = parameters("TruncatedLogNormal", ("lower", "upper"), s=s, scale=scale, lower=lower, upper=upper)
        self.s, self.scale, self.lower, self.upper = fields.values()
        require_positive(self.s, "TruncatedLogNormal.s")
        require_positive(self.scale, "TruncatedLogNormal.scale")
        require_nonnegative(self.lower, "TruncatedLogNormal.lower")
        standard.require_bounds(self.lower, self.upper, "TruncatedLogNormal")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        positive = (self.s > 0) & jnp.isfinite(self.s) & (self.scale > 0) & jnp.isfinite(self.scale)
        return positive & (self.lower >= 0) & (self.lower < self.upper) & (self.lower < jnp.inf)

    def _log_distance(self, start: Values, end: Values) -> Values:
        """The standardised logarithm of `end / start`, infinite where one of them is zero or infinite."""
        finite = (start > 0) & (end < jnp.inf)
        start, end = jnp.where(finite, start, 1.0), jnp.where(finite, end, 1.0)
        return jnp.where(finite, _log_ratio(start, end) / self.s, jnp.inf)

    @property
    def _window(self) -> Window:
        low, high = -self._log_distance(self.lower, self.scale), self._log_distance(self.scale, self.upper)
        return Window(low, high, self._log_distance(self.lower, self.upper))

    @property
    def _nearest(self) -> Values:
        """The possible value nearest to the median of the whole law, where the density of the logarithm is highest."""
        inner = jnp.where(self.upper <= self.scale, self.upper, self.scale)
        return jnp.where(self.lower >= self.scale, self.lower, inner)

    def _possible(self, x: Values) -> Values:
        """The nearest possible value to `x`, positive and finite."""
        info = jnp.finfo(self.dtype)
        x = jnp.where(x < self.lower, self.lower, jnp.where(x > self.upper, self.upper, x))
        least = info.tiny / info.eps * jnp.maximum(self.scale, 1.0)  # below it a ratio to `scale` would underflow
        return jnp.where(x < least, least, jnp.where(x > info.max, info.max, x))

    def _point(self, x: Values) -> Point:
        z = _log_ratio(self.scale, x) / self.s
        return Point(z, self._log_distance(self.lower, x), self._log_distance(x, self.upper))

    def _density(self, x: Values) -> Values:
        inside = ~((x < self.lower) | (x > self.upper) | (x <= 0) | (x == jnp.inf))
        x = self._possible(x)
        return jnp.where(inside, standard.density(self._window, self._point(x)) / (self.s * x), 0.0)

    def _cdf(self, x: Values) -> Values:
        return standard.shortfall(0, self._window, self._point(self._possible(x)))

    def _sf(self, x: Values) -> Values:
        return standard.excess(0, self._window, self._point(self._possible(x)))

    def _ppf(self, q: Values) -> Values:
        inner = (q > 0) & (q < 1)
        anchors = (self.lower, self.upper, self._nearest)
        offsets = standard.quantile(self._window, jnp.where(inner, q, 0.5))
        x = standard.anchored(anchors, offsets, self._moved)
        x = jnp.clip(x, self.lower, self.upper)
        return jnp.where(inner, x, jnp.where(q == 0, self.lower, jnp.where(q == 1, self.upper, jnp.nan)))

    def _moved(self, anchor: Values, offset: Values) -> Values:
        """The value whose standardised logarithm is `offset` above that of `anchor`, near which rounding is small."""
        move = self.s * offset
        near = jnp.abs(move) < 1
        return jnp.where(near, anchor + anchor * jnp.expm1(jnp.where(near, move, 0.0)), anchor * jnp.exp(move))

    def _above(self, order: int, y: Values) -> Values:
        """E[((X - y)^+)^order] / order! at a possible value."""
        return _part_above(order, self.s, y, self._window, self._point(y))

    def _below(self, order: int, y: Values) -> Values:
        """E[((y - X)^+)^order] / order! at a possible value."""
        z, below, above = self._point(y)
        return _part_above(order, -self.s, y, standard.mirrored(self._window), Point(-z, above, below))

    def _short(self, y: Values) -> Values:
        """How far `y` lies below every possible value."""
        return jnp.where(y < self.lower, self.lower - y, 0.0)

    def _loss(self, y: Values) -> Values:
        return self._above(1, self._possible(y)) + self._short(y)

    def _overstock(self, y: Values) -> Values:
        beyond = jnp.where(y > self._possible(y), y - self._possible(y), 0.0)
        return jnp.where(y <= self.lower, 0.0, self._below(1, self._possible(y)) + beyond)

    def _second_loss(self, y: Values) -> Values:
        short, at = self._short(y), self._possible(y)
        # below all possible values: half of E[(short + X - lower)^2]
        return self._above(2, at) + short * (self._above(1, at) + short / 2)

    def _mean(self) -> Values:
        return self._nearest + self._above(1, self._nearest) - self._below(1, self._nearest)

    def _var(self) -> Values:
        at = self._nearest
        square = 2 * (self._above(2, at) + self._below(2, at))
        return square - (self._above(1, at) - self._below(1, at)) ** 2

    def _support(self) -> tuple[Values, Values]:
        shape = jnp.shape(self._valid)
        return jnp.broadcast_to(self.lower, shape), jnp.broadcast_to(self.upper, shape)

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        u = jax.random.uniform(key, shape, self.dtype, minval=jnp.finfo(self.dtype).tiny)
        return standard.strictly_between(self.ppf(u), self.lower, self.upper)


def _log_ratio(start: Values, end: Values) -> Values:
    """The logarithm of `end / start`, without cancellation where they are close."""
    excess = (end - start) / start
    near = jnp.abs(excess) < 0.5
    return jnp.where(near, jnp.log1p(jnp.where(near, excess, 0.0)), jnp.log(jnp.where(near, start, end) / start))


@partial(jax.jit, static_argnums=0)
def _part_above(order: int, s: Values, y: Values, window: Window, point: Point) -> Values:
    r"""$E[|y e^{s (Z - z)} - y|^n; Z > z] / n!$ for Z normal within the window, of order n = 1 or 2; `s` of any sign.

    With $r = Z - z$ the integrand is $(1 - e^{-|s| r})^n$, times $e^{nsr}$ where s > 0, which tilts the normal law. It
    is integrated from the peak of the tilted density to both sides, by the rule of `_truncated`.
    """
    tilt = order * jnp.where(s > 0, s, 0.0)
    slope = point.z - tilt  # of minus the log of the tilted density, at r = 0
    end = jnp.minimum(point.above, 2 * (NEGLIGIBLE + jnp.abs(jax.lax.stop_gradient(slope))))
    peak = jnp.where(slope >= 0, 0.0, jnp.where(-slope < end, -slope, end))
    steep = slope + peak

    def side(room: Values, sign: int) -> Values:
        fall = jax.lax.stop_gradient(jnp.maximum(sign * steep, 0.0))
        length = jnp.where(room > standard.reach(fall), standard.reach(fall), room)
        t, weight = standard.rule(length)
        growth = -jnp.expm1(-jnp.abs(s) * jnp.maximum(peak + sign * t, 0.0))
        return jnp.sum(weight * growth**order * jnp.exp(-t * (sign * steep + t / 2)), axis=0)

    gap = standard.from_nearest(window, point)[1] + peak
    near = standard.nearest(window)
    # the value at the peak, in place of y, which may be too small to be squared
    value = y * jnp.exp(jnp.where(s > 0, s, 0.0) * peak)
    total = value**order / factorial(order) * (side(peak, -1) + side(end - peak, 1))
    return total * jnp.exp(-gap * (near + gap / 2)) / standard.mass(window)
