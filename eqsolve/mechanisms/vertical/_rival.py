"""Sums over the shock of the rival, where the rival turns customers away.

An outlet feels its rival's shock only through the customers whom the rival turns away. What it sells to them is smooth
in that shock between the kinks: where the overflow starts, where it leaves the outlet just the largest or the smallest
own demand, and where it empties the outlet. Nodes of a Gauss rule are laid between the kinks and move with them, so
derivatives of all orders are right.
"""

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.expectation.gauss import split_levels
from eqsolve.mechanisms.vertical._own import OwnDemand

Vector = Float[Array, " points"]
Number = Float[Array, ""]
Points = list[tuple[Array, Array]]  # shocks and probabilities, each pair one number or a row
ONE_BY_ONE = 4


class Overflow(eqx.Module):
    """The customers whom one outlet turns away: how many of them try the other one."""

    own: OwnDemand
    share: Number
    mass: Number | None
    stock: Number

    def at(self, shock: Vector) -> tuple[Vector, Vector, Vector]:
        """Own demand, overflow, and the rate at which the overflow grows with own demand, beyond the stock."""
        demand = self.own.demand(shock)
        unserved = demand - self.stock
        if self.mass is None:
            return demand, self.share * unserved, jnp.broadcast_to(self.share, demand.shape)
        some = demand > 0
        part = self.mass / jnp.where(some, demand, 1.0)
        overflow = jnp.where(some, (self.share + part) * unserved, 0.0)
        return demand, overflow, self.share + jnp.where(some, part * self.stock / jnp.where(some, demand, 1.0), 0.0)

    def unserved(self, overflow: Vector) -> Vector:
        """How many customers are turned away when so many try the other outlet; infinite where there never are."""
        overflow = jnp.where(overflow > 0, overflow, 0.0)
        sends = self.share > 0
        share = jnp.where(sends, self.share, 1.0)
        if self.mass is None:
            return jnp.where(sends, overflow / share, jnp.inf)
        # the positive root of share u^2 + linear u = overflow * stock
        linear = self.share * self.stock + self.mass - overflow
        square = linear**2 + 4 * self.share * overflow * self.stock
        root = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        early = linear > 0
        near = 2 * overflow * self.stock / jnp.where(early, linear + root, 1.0)
        return jnp.where(early, near, jnp.where(sends, (root - linear) / (2 * share), jnp.inf))

    def chance(self) -> Number:
        """The probability that customers are turned away."""
        return self.own.law.sf(self.own.shock(self.stock))


def shock_points(overflow: Overflow, cuts: Sequence[Number], nodes: int) -> Points:
    """Shocks of the rival with their probabilities, from where it turns customers away to the last of `cuts`.

    `cuts` are overflows, in rising order; infinite ones stand for the largest possible shock.
    """
    law = overflow.own.law
    if isinstance(law, FiniteDemand):
        values, probabilities = law.scenarios()
        return [(values, jnp.where(overflow.own.demand(values) > overflow.stock, probabilities, 0.0))]
    low, high = reach(law)
    start = overflow.own.shock(overflow.stock)
    first = _between(start, low, high)
    ends = [first]
    for cut in cuts:
        beyond = overflow.unserved(cut)
        never = jnp.isinf(beyond)
        beyond = jnp.where(never, 0.0, beyond)
        end = start + (beyond if overflow.own.slope is None else beyond / overflow.own.slope)
        ends.append(_between(jnp.where(never, high, end), first, high))
    return points_between(law, ends, nodes)


def _between(x: Array, low: Number, high: Number) -> Array:
    """`x` cut to an interval; at its ends with the slope from inside, as a law's probabilities have it there."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def points_between(law: Distribution, ends: Sequence[Number], nodes: int) -> Points:
    """Shocks from the first to the last of rising `ends` with their probabilities; all values of a finite law.

    Few nodes come one by one: in a batch, numbers run through one loop where short rows do not.
    """
    if isinstance(law, FiniteDemand):
        return [law.scenarios()]
    if not isinstance(law, Uniform | Normal):
        levels, weights = split_levels(law.cdf(jnp.stack(ends)), nodes)
        shocks = law.ppf(levels)
        return [(shocks, jnp.where((shocks > ends[0]) & (shocks < ends[-1]), weights, 0.0))]
    legendre, shares = np.polynomial.legendre.leggauss(nodes)
    pieces = [(low, high - low) for low, high in pairwise(ends)]
    if nodes > ONE_BY_ONE:
        low, width = (jnp.repeat(jnp.stack(parts), nodes) for parts in zip(*pieces, strict=True))
        t, share = (np.tile(row, len(pieces)).astype(low.dtype) for row in ((legendre + 1) / 2, shares / 2))
        rows = [(low + width * t, width * share)]
    else:
        table = [(float(x + 1) / 2, float(s) / 2) for x, s in zip(legendre, shares, strict=True)]
        rows = [(low + width * t, width * share) for low, width in pieces for t, share in table]
    if isinstance(law, Uniform):
        return [(shock, weight / law.scale) for shock, weight in rows]
    return [(shock, weight * law.pdf(shock)) for shock, weight in rows]


def reach(law: Distribution) -> tuple[Number, Number]:
    """The support, or where an infinite one leaves a probability of rounding size."""
    eps = float(jnp.finfo(law.dtype).epsneg)
    low, high = law.support()
    return jnp.where(low > -jnp.inf, low, law.ppf(eps)), jnp.where(high < jnp.inf, high, law.ppf(1 - eps))


def edges(law: Distribution) -> list[Number]:
    """The shocks at which the law's cdf has kinks or steps, in falling order."""
    if isinstance(law, FiniteDemand):
        values = law.scenarios()[0]
        return [values[i] for i in reversed(range(values.shape[0]))]
    return list(reversed(reach(law)))
