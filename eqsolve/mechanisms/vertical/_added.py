r"""Expected sales with added shocks and constant spill shares: the case that is solved by the hundred thousand.

With $m_i = y_i - L_i$ the shock at which outlet $i$ sells out on its own, all that couples the outlets are

$$J_O = \int_{m_j}^{m_j + y_i / \lambda} (m_i - \lambda (\theta - m_j) - \theta_i)^+ \, dF_j, \qquad
J_F = \int_{m_j}^{m_j + y_i / \lambda} F_i(m_i - \lambda (\theta - m_j)) \, dF_j,$$

the first in expectation over $\theta_i$. Their slopes need one more integral, of the density $f_i$, and values at the
ends. Giving them to JAX spares the derivative of every node, four times per step of Newton's method.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tangents import pushed_forward
from eqsolve.demand.distribution import Continuous
from eqsolve.demand.joint import Independent
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical._rival import points_between, reach
from eqsolve.mechanisms.vertical.demand import Pair, Parts

Number = Float[Array, ""]
NODES = 16  # per piece


class _Given(eqx.Module):
    """What the integrals depend on besides the actions."""

    own: Continuous
    rival: Continuous
    share: Number


class AddedMeeting:
    """One outlet meets the customers whom its rival turns away."""

    def __init__(self, shocks: Independent, parts: Parts, moves: Parts, stock: Pair, outlet: int):
        rival = 1 - outlet
        own, other = shocks.marginals[outlet], shocks.marginals[rival]
        assert isinstance(own, Continuous)
        assert isinstance(other, Continuous)
        self._law, self._share, self._stock = own, parts.share[rival], stock[outlet]
        self._moves = moves.level[outlet], moves.level[rival]
        self._gap = stock[outlet] - parts.level[outlet]
        rival_gap = stock[rival] - parts.level[rival]
        self._given = _Given(own, other, self._share)
        self._reach = _integrals(self._given, self._gap, rival_gap, self._stock)
        self._sold_out = other.sf(rival_gap)
        self._full = self._sold_out - other.sf(_last(self._given, rival_gap, self._stock))
        self._empty = own.cdf(self._gap - self._stock)  # nobody comes first

    def sales(self) -> Array:
        """Expected sales."""
        least = self._law.overstock(self._gap - self._stock)
        leftover = self._law.overstock(self._gap) - least
        return self._stock - (1 - self._sold_out) * leftover - (self._reach.leftover - least * self._full)

    def own(self) -> Array:
        """The slope in the own stock: the probability that more customers come than there is stock."""
        return 1 - (1 - self._sold_out) * self._law.cdf(self._gap) - self._reach.served

    def stockout(self) -> Array:
        """The probability that at least as many customers come as there is stock."""
        return jnp.where(self._stock > 0, self.own(), 1.0)

    def cross(self) -> Array:
        """The slope in the rival's stock, which keeps customers away."""
        return -self._share * self._reach.served

    def price_slope(self, k: int) -> Array:
        """The slope in price `k`."""
        alone = (1 - self._sold_out) * (self._law.cdf(self._gap) - self._empty)
        some = alone + self._reach.served - self._empty * self._full
        return self._moves[0][k] * some + self._moves[1][k] * self._share * self._reach.served


class _Integrals(NamedTuple):
    leftover: Array
    served: Array


def _last(given: _Given, rival_gap: Number, stock: Number) -> Number:
    """The shock of the rival at which its overflow empties the outlet, infinite without spill."""
    sends = given.share > 0
    return jnp.where(sends, rival_gap + stock / jnp.where(sends, given.share, 1.0), jnp.inf)


@eqx.filter_custom_jvp
def _integrals(given: _Given, gap: Number, rival_gap: Number, stock: Number) -> _Integrals:
    return _Integrals(*_sums(given, gap, rival_gap, stock)[:2])


@_integrals.def_jvp
def _integrals_rule(
    primals: tuple[_Given, Number, Number, Number], tangents: tuple[_Given, Array | None, Array | None, Array | None]
) -> tuple[_Integrals, _Integrals]:
    given, gap, rival_gap, stock = primals
    leftover, served, density = _sums(*primals)
    own, rival, share = given.own, given.rival, given.share
    d_gap, d_rival, d_stock = (jnp.zeros_like(gap) if move is None else move for move in tangents[1:])
    sends = share > 0
    end = _last(given, rival_gap, stock)
    at_end = jnp.where(sends, rival.pdf(jnp.where(sends, end, rival_gap)), 0.0)
    moved_end = at_end * (d_rival + d_stock / jnp.where(sends, share, 1.0))
    moved_start = rival.pdf(rival_gap) * d_rival
    shift = d_gap + share * d_rival
    moved = _Integrals(
        served * shift - own.overstock(gap) * moved_start + own.overstock(gap - stock) * moved_end,
        density * shift - own.cdf(gap) * moved_start + own.cdf(gap - stock) * moved_end,
    )
    if jax.tree.leaves(tangents[0]):
        by_given = pushed_forward(lambda g: _Integrals(*_sums(g, *primals[1:])[:2]), given, tangents[0])[0]
        moved = _Integrals(moved.leftover + by_given.leftover, moved.served + by_given.served)
    return _Integrals(leftover, served), moved


def _sums(given: _Given, gap: Number, rival_gap: Number, stock: Number) -> tuple[Array, Array, Array]:
    """The integrals of the leftover, of the cdf and of the density of the own shock."""
    own, rival, share = given.own, given.rival, given.share
    low, high = reach(own)
    first, last = reach(rival)
    start = jnp.where(rival_gap < first, first, jnp.where(rival_gap > last, last, rival_gap))
    sends = share > 0
    steep = jnp.where(sends, share, 1.0)

    def end(left: Array) -> Array:
        reached = jnp.where(sends, rival_gap + left / steep, last)
        return jnp.where(reached < start, start, jnp.where(reached > last, last, reached))

    lowest = jnp.maximum(low, gap - stock)
    stop, middle = end(gap - lowest), end(gap - high)
    if not isinstance(own, Uniform):  # smooth there: a piece of some width is worth more than the exact place
        middle = jnp.clip(middle, start + (stop - start) / 4, stop - (stop - start) / 4)
    nodes = 2 if isinstance(own, Uniform) and isinstance(rival, Uniform) else NODES
    totals = [jnp.zeros_like(gap)] * 3
    for shock, weight in points_between(rival, [start, middle, stop], nodes):
        found = _orders(own, gap - share * (shock - rival_gap))
        totals = [total + jnp.sum(weight * value) for total, value in zip(totals, found, strict=True)]
    return totals[0], totals[1], totals[2]


def _orders(law: Continuous, x: Array) -> tuple[Array, Array, Array]:
    """E(x - X)^+, P(X <= x) and the density, to absolute accuracy; parameters are checked elsewhere."""
    if isinstance(law, Normal):
        below, density = law._cdf(x), law._density(x)
        return (x - law.loc) * below + law.scale**2 * density, below, density
    return law._overstock(x), law._cdf(x), law._density(x)
