r"""The newsvendor with constant absolute risk aversion: exponential utility of profit.

With the profit $\pi_0 = (p - c - t) y$ of selling out exactly, profit is $\pi_0 - (p - s)(y - D)$ below the order and
$\pi_0 - g (D - y)$ above it. Integrated by parts, which leaves cdfs, smooth within the support, instead of densities,

$$L = E[e^{k (y - D)}; D < y] = F(y) + k \int^y e^{k (y - x)} F(x)\, dx, \quad k = r (p - s),$$
$$U = E[e^{h (D - y)}; D > y] = \bar F(y) + h \int_y e^{h (x - y)} \bar F(x)\, dx, \quad h = r g .$$

The certainty equivalent is $\pi_0 - \log(L + U) / r$, and the order solves $u\, U = o\, L$.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, require_nonnegative
from eqsolve.demand.distribution import Distribution
from eqsolve.mechanisms._roots import bisected, polished
from eqsolve.mechanisms.newsvendor.single import Newsvendor

Values = Float[Array, "*batch"]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
# how far into a tail the pieces of the integrals reach, from the order outwards, as a share of all decades
DEPTHS = np.linspace(0.1, 1.0, 10) ** 2
# and how much further than that they reach into an infinite tail, whose cdf is accurate beyond any quantile
BEYOND = (1, 3, 7)


class ExponentialUtility(eqx.Module):
    r"""A newsvendor who maximises $-E \exp(-r \pi)$, the expected utility of profit.

    **Arguments** (scalars, or arrays that broadcast):

    - `vendor`: the `Newsvendor`, with continuous demand.
    - `aversion` $r$: absolute risk aversion, >= 0 [1/money]; 0 is the risk-neutral newsvendor.

    Expectations are Gauss-Legendre sums of 16 nodes on pieces that end at the order, at the ends of the support and at
    quantiles spread over the tails, and reach far beyond. With a penalty, utility may be minus infinity (lognormal
    demand, or exponential demand whose mean is at least $1 / (r g)$): where so far a tail matters, results are NaN.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Eeckhoudt, Gollier and Schlesinger, The risk-averse (and prudent) newsboy, *Management Science* 41
    (1995), with the exponential utility of Pratt (1964).

    >>> from eqsolve.demand.uniform import Uniform
    >>> vendor = Newsvendor(price=10.0, cost=4.0, demand=Uniform(0.0, 100.0))
    >>> [round(float(ExponentialUtility(vendor, r).order()), 2) for r in (0.0, 0.01)]
    [60.0, 25.05]
    """

    vendor: Newsvendor
    aversion: Values

    def __init__(self, vendor: Newsvendor, aversion: Any):
        if not isinstance(vendor, Newsvendor):
            raise TypeError(f"ExponentialUtility.vendor is {vendor!r}; give a Newsvendor.")
        if vendor.demand.discrete:
            raise TypeError(
                f"ExponentialUtility.vendor has {type(vendor.demand).__name__} demand, which is discrete; give"
                " continuous demand."
            )
        fields = as_fields("ExponentialUtility", vendor=vendor, aversion=aversion)
        self.vendor, self.aversion = fields["vendor"], fields["aversion"]

    def __check_init__(self) -> None:
        require_nonnegative(self.aversion, "ExponentialUtility.aversion")

    @eqx.filter_jit
    def order(self) -> Values:
        """The optimal order [units]: the root of u U(y) - o L(y), which falls in the order."""
        law, shape = self.vendor.demand, jnp.shape(self._valid)
        low, high = (jnp.broadcast_to(end, shape) for end in law.support())
        eps = jnp.finfo(low.dtype).eps
        first = jnp.where(jnp.isfinite(low), low, law.ppf(eps))
        last = jnp.where(jnp.isfinite(high), high, law.ppf(1 - eps))
        fixed = jax.lax.stop_gradient(self)
        root = bisected(fixed._slope, first, last)[0]
        least, most = ~(fixed._slope(first) > 0), fixed._slope(last) > 0
        inside = ~least & ~most
        smooth = polished(self._slope, jnp.where(inside, root, first + (last - first) / 2))
        order = jnp.where(inside, smooth, jnp.where(least, first, high))
        defined = jnp.isfinite(self._slope(jnp.where(jnp.isfinite(order), order, first)))
        return self._checked(self.vendor._decided(jnp.where(defined, order, jnp.nan)))

    @eqx.filter_jit
    def certainty_equivalent(self, order: Any) -> Values:
        """The sure profit [money] that is as good as what an order [units] brings.

        NaN for a negative order. `inf` is the limit of ever larger orders where leftovers cost or earn money, else NaN.
        """
        vendor, r = self.vendor, self.aversion
        order = vendor._order(order)
        endless = jnp.isposinf(order)
        limit = jnp.where(vendor.overage > 0, -jnp.inf, jnp.where(vendor.overage < 0, jnp.inf, jnp.nan))
        order = jnp.where(endless, 1.0, order)
        shift, below, above = self._tails(order)
        lost = (vendor.price - vendor.salvage) * below + vendor.penalty * above
        averse = r > 0
        rate = jnp.where(averse, r, 1.0)
        # log(L + U) / r with L + U = 1 + r * lost, both scaled by exp(-shift)
        scaled = shift > 0
        small = jnp.log1p(rate * jnp.where(scaled, 0.0, lost))
        large = shift + jnp.log(jnp.where(scaled, jnp.exp(-shift) + rate * lost, 1.0))
        burden = jnp.where(averse, jnp.where(scaled, large, small) / rate, lost)
        value = (vendor.price - vendor.cost - vendor.tax) * order - burden
        return self._checked(jnp.where(endless, limit, value))

    def _slope(self, order: Values) -> Values:
        """The slope u U - o L of expected utility in the order, up to a positive factor."""
        vendor, r = self.vendor, self.aversion
        shift, below, above = self._tails(order)
        scale = jnp.exp(-shift)
        lower = scale * vendor.demand.cdf(order) + r * (vendor.price - vendor.salvage) * below
        upper = scale * vendor.demand.sf(order) + r * vendor.penalty * above
        return vendor.underage * upper - vendor.overage * lower

    def _tails(self, order: Values) -> tuple[Values, Values, Values]:
        """A shift m, and the two integrals of the module's head without their factors k and h, times exp(-m)."""
        vendor, law = self.vendor, self.vendor.demand
        order = jnp.broadcast_to(order, jnp.broadcast_shapes(order.shape, jnp.shape(self._valid)))
        down, up = self.aversion * (vendor.price - vendor.salvage), self.aversion * vendor.penalty
        below, above = _pieces_below(law, order), _pieces_above(law, order)
        shift = jax.lax.stop_gradient(
            jnp.maximum(
                jnp.max(down * (order - below) + jnp.log(law.cdf(below)), axis=0),
                jnp.max(up * (above - order) + jnp.log(law.sf(above)), axis=0),
            )
        )
        # small exponents need no scaling, and are more accurate without
        shift = jnp.where(shift > 1, shift, 0.0)
        lower = _integrals(lambda x: _weighted(down * (order - x) - shift, law.cdf(x)), below)
        upper = _integrals(lambda x: _weighted(up * (x - order) - shift, law.sf(x)), above)
        low, high = law.support()
        below, above = _convergent(lower, down, low), _convergent(upper, up, high)
        return shift, -below, above

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return self.vendor._valid & (self.aversion >= 0) & jnp.isfinite(self.aversion)

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def _weighted(exponent: Values, probability: Values) -> Values:
    """The exponential times a probability, zero where that is, however large the exponent."""
    some = probability > 0
    return jnp.where(some, jnp.exp(jnp.where(some, exponent, 0.0)) * probability, 0.0)


def _convergent(pieces: Array, rate: Values, end: Values) -> Values:
    """The sum of the pieces; NaN where the outermost piece of an infinite tail, weighted at a `rate`, still matters."""
    most = jnp.max(jnp.abs(pieces), axis=0)
    remains = (rate > 0) & jnp.isinf(end) & (jnp.abs(pieces[-1]) > jnp.finfo(most.dtype).eps ** 0.5 * most)
    return jnp.where(remains, jnp.nan, jnp.sum(pieces, axis=0))


def _integrals(function: Callable[[Values], Values], breaks: Values) -> Array:
    """The integral over each piece between neighbouring `breaks`; breaks and pieces are the first axis."""
    half, middle = (breaks[1:] - breaks[:-1]) / 2, (breaks[1:] + breaks[:-1]) / 2
    column = (len(NODES),) + (1,) * half.ndim
    nodes, weights = (jnp.asarray(part, breaks.dtype).reshape(column) for part in (NODES, WEIGHTS))
    return half * jnp.sum(weights * function(middle + half * nodes), axis=0)


def _pieces_below(law: Distribution, order: Values) -> Array:
    """Where the pieces below the order end: to the lowest demand, or far beyond the last quantile."""
    low, high = law.support()
    inside = jnp.minimum(order, high)
    decades = 18 * DEPTHS.reshape((-1,) + (1,) * order.ndim)
    marks = jnp.minimum(law.ppf(jax.lax.stop_gradient(law.cdf(order)) * 10.0**-decades), inside)
    marks = jax.lax.stop_gradient(marks)
    reach = jax.lax.stop_gradient(law.ppf(0.5) - law.ppf(jnp.finfo(order.dtype).eps))
    ends = [jnp.where(jnp.isfinite(low), jnp.minimum(low, order), marks[-1] - far * reach) for far in BEYOND]
    return jnp.stack([order, inside, *marks, *ends])


def _pieces_above(law: Distribution, order: Values) -> Array:
    """Where the pieces above the order end: to the highest demand, or far beyond the last quantile there is."""
    low, high = law.support()
    inside = jnp.maximum(order, low)
    eps = jnp.finfo(order.dtype).eps
    decades = -np.log10(eps) * DEPTHS.reshape((-1,) + (1,) * order.ndim)
    levels = jnp.minimum(1 - jax.lax.stop_gradient(law.sf(order)) * 10.0**-decades, 1 - eps)
    marks = jax.lax.stop_gradient(jnp.maximum(law.ppf(levels), inside))
    reach = jax.lax.stop_gradient(law.ppf(1 - eps) - law.ppf(0.5))
    ends = [jnp.where(jnp.isfinite(high), jnp.maximum(high, order), marks[-1] + far * reach) for far in BEYOND]
    return jnp.stack([order, inside, *marks, *ends])
