"""Roots of falling functions, elementwise: bracketed first, then given the derivatives of the root.

`bisected` asks for signs alone and ends with neighbouring numbers; `falling_root` also takes Newton's steps, for
functions that are dear and smooth in pieces. `polished` gives the root of either its derivatives.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Distribution

Values = Float[Array, "*batch"]
Function = Callable[[Values], Values]
GRID = 2001
MOST_STEPS = 200


def support_grid(law: Distribution) -> Float[Array, " grid"]:
    """Points over the support, in rising order: half evenly spaced in value, half in probability; no derivatives."""
    law = jax.lax.stop_gradient(law)
    low, high = law.support()
    eps = jnp.finfo(low.dtype).eps
    first = jnp.where(jnp.isfinite(low), low, law.ppf(eps))
    last = jnp.where(jnp.isfinite(high), high, law.ppf(1 - eps))
    share = jnp.linspace(0.0, 1.0, GRID // 2 + 1, dtype=low.dtype)
    return jnp.sort(jnp.concatenate([first + share * (last - first), law.ppf(share[1:-1])]))


def bisected(function: Function, low: Values, high: Values) -> tuple[Values, Values]:
    """Neighbouring numbers between `low` and `high`, before and after a falling `function` stops being positive.

    The interval is halved until it is as narrow as the precision of its ends allows. The ends have the shape of the
    function's values. NaN counts as not positive. Give a function of constants (`stop_gradient`): a derivative of the
    loop would be compiled for nothing. `polished` supplies the root's.
    """

    def halve(_: int, ends: tuple[Values, Values]) -> tuple[Values, Values]:
        low, high = ends
        middle = low + (high - low) / 2
        positive = function(middle) > 0
        return jnp.where(positive, middle, low), jnp.where(positive, high, middle)

    rounds = jnp.finfo(low.dtype).nmant + 4
    return jax.lax.fori_loop(0, rounds, halve, jax.lax.stop_gradient((low, high)))


def falling_root(function: Function, low: Values, high: Values) -> Values:
    """Where a falling `function`, elementwise, passes zero between `low` and `high`; without derivatives.

    A Newton step gives way to halving the bracket where it leaves that, or is longer than half the step before.
    Give a function of constants (`stop_gradient`); `polished` supplies the derivatives.
    """
    low, high = jax.lax.stop_gradient((low, high))
    precision = 2 * jnp.finfo(low.dtype).eps

    def still(low: Values, high: Values, at: Values, step: Values) -> Array:
        return (high - low > precision * jnp.abs(high)) & (jnp.abs(step) > precision * jnp.abs(at))

    def iterate(state: tuple[Values, Values, Values, Values, Array]) -> tuple[Values, Values, Values, Values, Array]:
        low, high, at, last, count = state
        value, slope = jax.jvp(function, (at,), (jnp.ones_like(at),))
        low, high = jnp.where(value > 0, at, low), jnp.where(value > 0, high, at)
        falls = slope < 0
        step = jnp.where(falls, -value / jnp.where(falls, slope, -1.0), jnp.inf)
        short = (jnp.abs(step) <= jnp.abs(last) / 2) & (at + step >= low) & (at + step <= high)
        step = jnp.where(short, step, low + (high - low) / 2 - at)
        step = jnp.where(still(low, high, at, step), step, 0.0)
        return low, high, at + step, step, count + 1

    def running(state: tuple[Values, Values, Values, Values, Array]) -> Array:
        return jnp.any(state[3] != 0) & (state[4] < MOST_STEPS)

    start = (low, high, low + (high - low) / 2, high - low, jnp.asarray(0))
    return jax.lax.while_loop(running, iterate, start)[2]


def polished(function: Function, root: Values) -> Values:
    """The number `root`, with the derivatives of the root of a smooth `function`, to second order.

    Two Newton steps from a constant: each doubles the number of derivatives that are right. A step is left out where
    the function has no slope.
    """
    root = jax.lax.stop_gradient(root)
    for _ in range(2):
        value, slope = jax.jvp(function, (root,), (jnp.ones_like(root),))
        usable = jnp.isfinite(value) & jnp.isfinite(slope) & (slope != 0)
        root = root - jnp.where(usable, value, 0.0) / jnp.where(usable, slope, 1.0)
    return root
