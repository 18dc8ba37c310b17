r"""The standard normal law on an interval, accurate also where the interval lies far in a tail.

Every integral is split at the point of its interval nearest to zero, at a distance $z \ge 0$, and taken relative to the
density there. What remains are the moments over an interval that starts where its density is highest,

$$I_n(z, d) = \int_0^d \frac{s^n}{n!} e^{-zs - s^2/2} ds,$$

positive integrals without cancellation. One Gauss-Legendre rule up to where the density has become negligible gives
them to rounding, with all their derivatives; differences of scaled tails would be as accurate, but compile for several
times as long with two derivatives.

Positions come with their distances to both ends, because a difference of standardised numbers loses digits near an end.
"""

from collections.abc import Callable
from functools import partial
from math import factorial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Bool, Float

from eqsolve._checks import concrete

Values = Float[Array, "*batch"]

_ROOTS, _ROOT_WEIGHTS = np.polynomial.legendre.leggauss(32)
_NODES, _WEIGHTS = (1 + _ROOTS) / 2, _ROOT_WEIGHTS / 2
NEGLIGIBLE = 42.0  # minus the log of a density, relative to the highest, whose share of any moment is below rounding
_STEPS = 8


class Window(NamedTuple):
    """The standardised ends of the interval, which may be infinite, and their distance."""

    low: Values
    high: Values
    width: Values


class Point(NamedTuple):
    """A standardised position within the window, and its distances to the two ends."""

    z: Values
    below: Values
    above: Values


def distance(start: Values, end: Values, scale: Values) -> Values:
    """`(end - start) / scale`, infinite where an end is, without a NaN derivative there."""
    infinite = jnp.isinf(start) | jnp.isinf(end)
    start, end = jnp.where(infinite, 0.0, start), jnp.where(infinite, 0.0, end)
    return jnp.where(infinite, jnp.inf, (end - start) / scale)


def mirrored(window: Window) -> Window:
    """The window seen from the other side."""
    return Window(-window.high, -window.low, window.width)


def nearest(window: Window) -> Values:
    """The point of the window nearest to zero, where the density is highest."""
    return jnp.where(window.low >= 0, window.low, jnp.where(window.high <= 0, window.high, 0.0))


# compiled as wholes: op by op they take long to start outside jit
@jax.jit
def density(window: Window, point: Point) -> Values:
    """The density at a point of the window."""
    _, gap = from_nearest(window, point)
    return jnp.exp(_log_weight(gap, nearest(window))) / mass(window)


def mass(window: Window) -> Values:
    """The probability of the window over the normal density at its nearest point."""
    z, left, right = _split(window.low, window.high, window.width)
    return moments(0, z, left)[0] + moments(0, z, right)[0]


@jax.jit
def spread(window: Window) -> tuple[Values, Values]:
    """The mean, measured from the nearest point, and the variance."""
    z, left, right = _split(window.low, window.high, window.width)
    below, above = moments(2, z, left), moments(2, z, right)
    whole = below[0] + above[0]
    mean = (above[1] - below[1]) / whole
    return mean, 2 * (above[2] + below[2]) / whole - mean**2


@partial(jax.jit, static_argnums=0)
def excess(order: int, window: Window, point: Point) -> Values:
    """E[((Z - z)^+)^n] / n!, of `order` n up to 2, at a point of the window."""
    z, left, right = _split(point.z, window.high, point.above)
    below, above = moments(order, z, left), moments(order, z, right)
    total = jnp.zeros_like(below[0])
    for k in range(order + 1):
        power = left ** (order - k) / factorial(order - k) if k < order else 1.0
        total += power * (above[k] + (-1) ** k * below[k])
    further, gap = from_nearest(window, point)
    log_weight = jnp.where(further, _log_weight(jnp.where(further, gap, 0.0), nearest(window)), 0.0)
    return jnp.exp(log_weight) * total / mass(window)


def shortfall(order: int, window: Window, point: Point) -> Values:
    """E[((z - Z)^+)^n] / n!, the `excess` seen from the other side."""
    return excess(order, mirrored(window), Point(-point.z, point.above, point.below))


def moments(order: int, z: Values, d: Values) -> list[Values]:
    """I_n(z, d) for n from 0 to `order`, with `z` >= 0 and `d` from 0 to infinity."""
    z = jnp.where(jnp.isinf(z), 0.0, z)  # nothing is left of a law that starts there, whatever its moments
    length = jnp.minimum(d, jax.lax.stop_gradient(reach(z)))
    s, weight = rule(length)
    weight *= jnp.exp(-s * (z + s / 2))
    return [jnp.sum(s**n / factorial(n) * weight, axis=0) for n in range(order + 1)]


def reach(slope: Values) -> Values:
    """How far a normal density whose log falls with this `slope` >= 0 goes until it is negligible."""
    return 2 * NEGLIGIBLE / (slope + jnp.sqrt(slope**2 + 2 * NEGLIGIBLE))


def rule(length: Values) -> tuple[Values, Values]:
    """Nodes between 0 and `length`, on a new axis in front, and their weights."""
    column = (-1,) + (1,) * jnp.ndim(length)
    nodes, weights = jnp.asarray(_NODES, length.dtype), jnp.asarray(_WEIGHTS, length.dtype)
    return nodes.reshape(column) * length, weights.reshape(column) * length


def _split(low: Values, high: Values, width: Values) -> tuple[Values, Values, Values]:
    """How far an interval is from zero, and how far it reaches from its nearest point to the left and to the right."""
    right_of, left_of = low >= 0, high <= 0
    z = jnp.where(right_of, low, jnp.where(left_of, -high, 0.0))
    left = jnp.where(right_of, 0.0, jnp.where(left_of, width, -low))
    right = jnp.where(right_of, width, jnp.where(left_of, 0.0, high))
    return z, left, right


def from_nearest(window: Window, point: Point) -> tuple[Bool[Array, "*batch"], Values]:
    """Whether a point lies above the window's nearest one, and how far."""
    gap = jnp.where(window.low >= 0, point.below, jnp.where(window.high <= 0, -point.above, point.z))
    return gap > 0, gap


def _log_weight(gap: Values, near: Values) -> Values:
    """The log of the normal density at `near + gap` over that at `near`."""
    return -gap * (near + gap / 2)


@jax.jit
def quantile(window: Window, q: Values) -> tuple[Values, Values, Values]:
    """The quantile of level 0 < `q` < 1, as three distances of which one is finite.

    The first is from the lower end, the second from the upper end (upwards, so negative), the third from the nearest
    point: whichever the position is accurate in.
    """
    high = q > 0.5
    side = Window(*(jnp.where(high, b, a) for a, b in zip(window, mirrored(window), strict=True)))
    offset = _low_quantile(side, jnp.where(high, 1 - q, q))
    bounded, signed = jnp.isfinite(side.low), jnp.where(high, -offset, offset)
    return (
        jnp.where(bounded & ~high, signed, jnp.inf),
        jnp.where(bounded & high, signed, jnp.inf),
        jnp.where(bounded, jnp.inf, signed),
    )


def _low_quantile(window: Window, p: Values) -> Values:
    """The quantile of level `p` <= 1/2 from the lower end, or from the nearest point where there is none."""
    bounded = jnp.isfinite(window.low)
    low = jnp.where(bounded, window.low, 0.0)
    near = nearest(window)

    def at(offset: Values) -> Point:
        z = jnp.where(bounded, low, near) + offset
        above = jnp.where(bounded, window.width - offset, jnp.where(window.high <= 0, -offset, window.high - z))
        return Point(z, jnp.where(bounded, offset, jnp.inf), above)

    def step(_: int, offset: Values) -> Values:
        point = at(offset)
        log_level = _log(shortfall(0, window, point))
        # level over density in logarithms: quotients of tiny numbers underflow in the order XLA takes them
        log_reach, missing = log_level - _log(density(window, point)), jnp.log(p) - log_level
        # near an end the level grows with the distance from it, in a tail like an exponential
        factor = jnp.exp(jnp.clip(missing * jnp.exp(log_reach - _log(jnp.where(bounded, offset, 1.0))), -50.0, 50.0))
        by_factor = jnp.minimum(offset * factor, window.width)
        return jnp.where(bounded, by_factor, offset + missing * jnp.exp(log_reach))

    return jax.lax.fori_loop(0, _STEPS, step, _start(window, p, bounded, near))


def _log(value: Values) -> Values:
    return jnp.log(jnp.maximum(value, jnp.finfo(value.dtype).tiny))


def _start(window: Window, p: Values, bounded: Bool[Array, "*batch"], near: Values) -> Values:
    low, high, width = window
    center = ndtri(ndtr(low) + p * (ndtr(high) - ndtr(low)))
    # far in a tail the square of the position is nearly exponential
    fall = width * jnp.abs(low + high) / 2
    rising, falling = -jnp.log1p(p * jnp.expm1(-fall)), -jnp.log(p + (1 - p) * jnp.exp(-fall))
    size = jnp.abs(near)
    from_low = 2 * rising / (size + jnp.sqrt(size**2 + 2 * rising))
    from_high = 2 * falling / (size + jnp.sqrt(size**2 + 2 * falling))
    guess = jnp.where(low > 1, from_low, jnp.where(high < -1, width - from_high, center - low))
    # close to the lower end the density hardly changes
    first = p / density(window, Point(low, jnp.zeros_like(low), width))
    guess = jnp.where(low >= 0, jnp.maximum(guess, first), jnp.where(guess > 0, jnp.minimum(guess, first), first))
    unbounded = jnp.where(high < -1, -from_high, center - near)
    return jnp.where(bounded, guess, unbounded)


def anchored(
    anchors: tuple[Values, Values, Values],
    offsets: tuple[Values, Values, Values],
    move: Callable[[Values, Values], Values],
) -> Values:
    """The value of a `quantile`: the anchor whose offset is finite, moved by it."""
    value = jnp.full_like(offsets[0], jnp.nan)
    for anchor, offset in zip(anchors, offsets, strict=True):
        known = jnp.isfinite(offset)
        value = jnp.where(known, move(jnp.where(known, anchor, 1.0), jnp.where(known, offset, 0.0)), value)
    return value


def require_bounds(lower: Array, upper: Array, owner: str) -> None:
    """Raise where concrete bounds leave no values between them."""
    low, high = concrete(lower), concrete(upper)
    if low is None or high is None:
        return
    low, high = np.broadcast_arrays(low, high)
    bad = ~(low < high)
    if np.any(bad):
        i = tuple(np.argwhere(bad)[0])
        raise ValueError(
            f"{owner}.lower is {low[i]} and {owner}.upper is {high[i]}; give a lower bound below the upper one."
        )


def strictly_between(x: Values, lower: Values, upper: Values) -> Values:
    """`x`, moved to the next number inside where rounding put it on a bound."""
    tiny = jnp.finfo(x.dtype).tiny

    def beside(bound: Values, direction: float) -> Values:
        zero = bound == 0
        return jnp.where(zero, jnp.sign(direction) * tiny, jnp.nextafter(jnp.where(zero, 1.0, bound), direction))

    low = jax.lax.stop_gradient(beside(lower, jnp.inf))
    high = jax.lax.stop_gradient(beside(upper, -jnp.inf))
    return jnp.where(x <= lower, low, jnp.where(x >= upper, high, x))
