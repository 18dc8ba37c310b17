r"""One outlet meets the customers whom its rival turns away, whatever the laws of their demands.

With $D_i = q_i + o_j$ and $E(x - q_i)^+$ the leftover of own demand (zero for negative $x$), integrating first over
the own shock and then over the rival's gives

$$E t_i = E \min(y_i, q_i) + E[(y_i - q_i)^+ - (y_i - o_j - q_i)^+;\, q_j > y_j].$$

The inner expectations are loss functions; the outer ones are the sums of `_rival.py`. Values and slopes need the same
few expectations, so all are found in one pass: what is compiled stays short.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint import Independent, JointDistribution
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical._laws import given_rival, marginal
from eqsolve.mechanisms.vertical._own import OwnDemand, UpTo
from eqsolve.mechanisms.vertical._rival import Overflow, edges, shock_points
from eqsolve.mechanisms.vertical.demand import Pair, Parts


class _Points(NamedTuple):
    """Shocks of the rival with probabilities, and what they mean for the outlet."""

    shock: Array
    weight: Array
    demand: Array
    rate: Array
    left: Array


class Meeting:
    """One outlet meets the customers whom its rival turns away, at one common shock."""

    def __init__(self, shocks: JointDistribution, parts: Parts, moves: Parts, stock: Pair, outlet: int):
        self._outlet, self._rival = outlet, 1 - outlet
        self._shocks, self._parts, self._moves, self._stock = shocks, parts, moves, stock[outlet]
        self._law = OwnDemand.of(marginal(shocks, outlet), parts, outlet)
        mass = None if parts.mass is None else parts.mass[self._rival]
        sender = OwnDemand.of(marginal(shocks, self._rival), parts, self._rival)
        self._overflow = Overflow(sender, parts.share[self._rival], mass, stock[self._rival])
        self._nodes = _count(shocks, self._law.law, sender.law, mass)
        if isinstance(shocks, Independent):
            self._meet_independent()
        else:
            self._meet_given_rival()
        points = self._points
        self._free = points.weight * self._met.below

    def _meet_independent(self) -> None:
        """One pass over the stock alone and what is left of it at every shock of the rival."""
        kinks = [self._law.demand(edge) for edge in edges(self._law.law)]
        self._points = self._at([self._stock - jnp.where(kink > 0, kink, 0.0) for kink in kinks])
        found = self._law.up_to(jnp.concatenate([self._stock[None], self._points.left]))
        self._alone: UpTo = jax.tree.map(lambda value: value[0], found)
        self._met: UpTo = jax.tree.map(lambda value: value[1:], found)
        chance = self._overflow.chance()
        self._beside: UpTo = jax.tree.map(lambda value: chance * value, self._alone)

    def _meet_given_rival(self) -> None:
        """The law of own demand differs from shock to shock of the rival."""
        self._alone = jax.tree.map(lambda value: value[0], self._law.up_to(self._stock[None]))
        self._points = self._at([self._stock])
        self._met = self._given(self._points, self._points.left)
        whole = self._at([jnp.full_like(self._stock, jnp.inf)])
        found = self._given(whole, jnp.broadcast_to(self._stock, whole.left.shape))
        self._beside = jax.tree.map(lambda value: jnp.sum(whole.weight * value), found)

    def _given(self, points: _Points, level: Array) -> UpTo:
        own = OwnDemand.of(given_rival(self._shocks, self._outlet, points.shock), self._parts, self._outlet)
        return jax.tree.map(lambda value: value[0], own.up_to(level[None]))

    def _at(self, cuts: list[Array]) -> _Points:
        rows = shock_points(self._overflow, cuts, self._nodes)
        shock, weight = (jnp.concatenate([jnp.atleast_1d(row) for row in rows]) for rows in zip(*rows, strict=True))
        demand, sent, rate = self._overflow.at(shock)
        return _Points(shock, weight, demand, rate, self._stock - sent)

    def sales(self) -> Array:
        """Expected sales."""
        lost = jnp.sum(self._points.weight * self._met.leftover)
        return self._stock - self._alone.leftover + self._beside.leftover - lost

    def own(self) -> Array:
        """The slope in the own stock: the probability that more customers come than there is stock."""
        return 1 - self._alone.below + self._beside.below - jnp.sum(self._free)

    def stockout(self) -> Array:
        """The probability that at least as many customers come as there is stock."""
        laws = (self._law.law, self._overflow.own.law)
        if not any(isinstance(law, FiniteDemand) for law in laws):
            return jnp.where(self._stock > 0, self.own(), 1.0)
        # stocks at a kink equal some demand up to a solver's rounding, which must not decide whether they are reached
        less = float(jnp.finfo(self._stock.dtype).eps) ** (2 / 3) * self._stock
        served = jnp.sum(self._points.weight * self._law.below(self._points.left - less))
        below = self._law.below(self._stock - less)
        return jnp.where(self._stock > 0, 1 - below + self._overflow.chance() * below - served, 1.0)

    def cross(self) -> Array:
        """The slope in the rival's stock, which keeps customers away."""
        rate = self._overflow.share
        if self._overflow.mass is not None:
            demand = self._points.demand
            some = demand > 0
            rate += jnp.where(some, self._overflow.mass / jnp.where(some, demand, 1.0), 0.0)
        return -jnp.sum(self._free * rate)

    def price_slope(self, k: int) -> Array:
        """The slope in price `k`."""
        level, slope = self._moved(self._outlet, k)
        met = self._points.weight * self._met.moved(level, slope) + self._free * self._sent(k)
        return self._alone.moved(level, slope) - self._beside.moved(level, slope) + jnp.sum(met)

    def _moved(self, outlet: int, k: int) -> tuple[Array, Array | None]:
        """How fast level and slope of an outlet's own demand grow with price `k`."""
        slope = self._moves.slope
        return self._moves.level[outlet, k], None if slope is None else slope[outlet, k]

    def _sent(self, k: int) -> Array:
        """How fast the rival's overflow grows with price `k`."""
        points, stock = self._points, self._overflow.stock
        level, slope = self._moved(self._rival, k)
        demand = level if slope is None else level + slope * points.shock
        sent = points.rate * demand + self._moves.share[self._rival, k] * (points.demand - stock)
        if self._moves.mass is None:
            return sent
        some = points.demand > 0
        unserved = jnp.where(some, 1 - stock / jnp.where(some, points.demand, 1.0), 0.0)
        return sent + self._moves.mass[self._rival, k] * unserved


def _count(shocks: JointDistribution, own: Distribution, rival: Distribution, mass: Array | None) -> int:
    """Nodes per piece: few where the integrand is a polynomial."""
    if not isinstance(rival, Uniform | Normal) or not isinstance(shocks, Independent):
        return 32
    polynomial = isinstance(rival, Uniform) and isinstance(own, Uniform | FiniteDemand)
    if polynomial:
        return 2 if mass is None else 16
    return 24
