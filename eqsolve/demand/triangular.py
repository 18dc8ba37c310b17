"""Triangular demand."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_positive, require_values
from eqsolve.demand.distribution import Continuous, Values, parameters


class Triangular(Continuous):
    """Demand between two bounds whose density rises in a straight line to the most likely value, and falls in another.

    The usual law where only the least, the greatest and the most likely demand are known.

    **Arguments:** `c`: where between the bounds the most likely value lies, in [0, 1]: at `loc + c * scale`. `loc`: the
    lowest value [units]. `scale`: the width of the support [units], > 0. With a lowest value `low`, a most likely value
    `mode` and a highest value `high`: `Triangular((mode - low) / (high - low), low, high - low)`.

    **Derivatives:** all, to second order, in the argument and the parameters, except at the two bounds and the
    most likely value, where the density has kinks (jumps where `c` is 0 or 1): there they are those of one side or
    between the two. At `c` of 0 and 1 derivatives in `c` are those from inside. Values are accurate however close to a
    bound; tested to 1e-60 of the width.

    **Source:** `scipy.stats.triang`.

    >>> demand = Triangular(c=0.25, loc=10.0, scale=40.0)
    >>> round(float(demand.mean()), 2), round(float(demand.loss(30.0)), 4), float(demand.ppf(0.25))
    (26.67, 2.2222, 20.0)
    """

    c: Float[Array, "*batch"]
    loc: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, c: Any, loc: Any = 0.0, scale: Any = 1.0):
        fields = parameters("Triangular", c=c, loc=loc, scale=scale)
        self.c, self.loc, self.scale = fields["c"], fields["loc"], fields["scale"]
        require_values(self.c, lambda c: (c >= 0) & (c <= 1), "Triangular.c", "give numbers from 0 to 1")
        require_positive(self.scale, "Triangular.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return (self.c >= 0) & (self.c <= 1) & jnp.isfinite(self.loc) & (self.scale > 0) & jnp.isfinite(self.scale)

    def _below(self, x: Values) -> Values:
        """How far `x` lies above the lowest value, in widths, within the support."""
        return jnp.clip((x - self.loc) / self.scale, 0, 1)

    def _above(self, x: Values) -> Values:
        """How far `x` lies below the highest value, in widths, within the support."""
        return jnp.clip((self.loc + self.scale - x) / self.scale, 0, 1)

    def _density(self, x: Values) -> Values:
        below, above = self._below(x), self._above(x)
        share = jnp.where(below < self.c, _ratio(below, self.c), _ratio(above, 1 - self.c))
        inside = (x >= self.loc) & (x <= self.loc + self.scale)
        return jnp.where(jnp.isnan(x), x, jnp.where(inside, 2 * share / self.scale, 0.0))

    def _cdf(self, x: Values) -> Values:
        return _probability(self._below(x), self.c, 1 - self.c)

    def _sf(self, x: Values) -> Values:
        return _probability(self._above(x), 1 - self.c, self.c)

    def _ppf(self, q: Values) -> Values:
        rising = q < self.c
        below = jnp.sqrt(jnp.where(rising, q * self.c, 1.0))
        above = jnp.sqrt(jnp.where(rising, 1.0, (1 - q) * (1 - self.c)))
        return jnp.where(rising, self.loc + self.scale * below, self.loc + self.scale - self.scale * above)

    def _loss(self, y: Values) -> Values:
        return self.scale * _excess(self._above(y), 1 - self.c, self.c) + jnp.maximum(self.loc - y, 0.0)

    def _overstock(self, y: Values) -> Values:
        beyond = jnp.maximum(y - self.loc - self.scale, 0.0)
        return self.scale * _excess(self._below(y), self.c, 1 - self.c) + beyond

    def _second_loss(self, y: Values) -> Values:
        short = jnp.maximum(self.loc - y, 0.0)
        within = self.scale**2 * _second_excess(self._above(y), 1 - self.c, self.c)
        return within + short * (self._mean() - self.loc + short / 2)

    def _mean(self) -> Values:
        return self.loc + self.scale * (1 + self.c) / 3

    def _var(self) -> Values:
        spread = (1 - self.c * (1 - self.c)) / 18
        return jnp.broadcast_to(self.scale**2 * spread, jnp.shape(self._valid))

    def _support(self) -> tuple[Values, Values]:
        low = jnp.broadcast_to(self.loc, jnp.shape(self._valid))
        return low, low + self.scale


# ---- a triangle of width one seen from one of its ends: `depth` is the distance from that end, `side` the width of the
# ---- side up to the peak, `other` that of the rest. All terms are positive, so nothing cancels near either end.


def _ratio(part: Values, whole: Values) -> Values:
    """`part / whole`, and one for a side of no width."""
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 1.0)


def _split(depth: Values, side: Values) -> tuple[Values, Values, Values]:
    """The depth as far as it lies on the near side, its share of that side, and how far it goes past the peak."""
    past = depth > side
    near = jnp.where(past, side, depth)
    return near, _ratio(near, side), jnp.where(past, depth - side, 0.0)


def _probability(depth: Values, side: Values, other: Values) -> Values:
    """The probability of less than `depth`."""
    near, share, past = _split(depth, side)
    return near * share + past * (2 - _ratio(past, other))


def _excess(depth: Values, side: Values, other: Values) -> Values:
    """The integral of the probability up to `depth`."""
    near, share, past = _split(depth, side)
    return near**2 * share / 3 + past * (side + past * (1 - _ratio(past, other) / 3))


def _second_excess(depth: Values, side: Values, other: Values) -> Values:
    """The integral of the excess up to `depth`."""
    near, share, past = _split(depth, side)
    beyond = side**2 / 3 + past * (side / 2 + past * (1 - _ratio(past, other) / 4) / 3)
    return near**3 * share / 12 + past * beyond
