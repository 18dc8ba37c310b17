"""Where along a line a condition on a value stops to hold: to the last number, in few tries where the value is smooth.

Halving alone takes as many tries as a number has digits, whatever the value; interpolation takes a handful where the
value falls smoothly through zero, and where it jumps, halving goes on.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Marginal = Callable[[Float[Array, ""]], Float[Array, ""]]


def last_and_first(
    value: Marginal, holds: Callable[[Array, float], Array], start: Array, end: Array, middle: Array | None = None
) -> tuple[Array, Array]:
    """The last number from `start` towards `end` for which `holds(value, 0)`, and its neighbour for which it does not.

    Both are `start` if it does not hold there, and both are `end` if it does there. With a `middle` the ends are taken
    to fulfil it and not to, and are not tried. The value is asked for in one place only, the loop, as compiling it may
    take long.

    >>> last, first = last_and_first(lambda y: 2.0 - y**2, jnp.greater, jnp.asarray(0.0), jnp.asarray(4.0))
    >>> bool(last**2 < 2.0) and bool(first**2 >= 2.0)
    True
    """
    digits = jnp.finfo(start.dtype).nmant
    first_tries = 2 if middle is None else 1

    def next_try(state: _Between) -> Array:
        share = jnp.where(state.count < digits, _interpolated(state), 0.5)
        between = state.newest + share * (state.facing - state.newest)
        if middle is not None:
            return jnp.where(state.count == 0, middle, between)
        return jnp.where(state.count < first_tries, state.facing, between)

    def try_one(state: _Between) -> _Between:
        tried = next_try(state)
        found = value(tried)
        kept = holds(found, 0.0)

        def replaced(newest: Array, facing: Array) -> tuple[Array, Array]:
            """The end that faces the number tried, and the one that it replaces."""
            beyond = kept == state.inside
            return jnp.where(beyond, facing, newest), jnp.where(beyond, newest, facing)

        facing, third = replaced(state.newest, state.facing)
        value_facing, value_third = replaced(state.value, state.value_facing)
        return _Between(tried, facing, third, found, value_facing, value_third, kept, state.count + 1)

    def apart(state: _Between) -> Bool[Array, ""]:
        wide = jnp.abs(state.facing - state.newest) > _resolution(state)
        return (state.count < first_tries) | (wide & (state.count < first_tries + 3 * digits))

    unknown = jnp.full_like(start, jnp.nan)
    first = _Between(end, start, end, unknown, unknown, unknown, jnp.asarray(False), jnp.asarray(0))
    found = jax.lax.while_loop(apart, try_one, first)
    inside = jnp.where(found.inside, found.newest, found.facing)
    return inside, jnp.where(found.inside, found.facing, found.newest)


class _Between(eqx.Module):
    """A change of sign lies between the newest number and the one facing it; values are NaN where not asked for."""

    newest: Float[Array, ""]
    facing: Float[Array, ""]
    third: Float[Array, ""]
    value: Float[Array, ""]
    value_facing: Float[Array, ""]
    value_third: Float[Array, ""]
    inside: Bool[Array, ""]
    count: Int[Array, ""]


def _resolution(state: _Between) -> Float[Array, ""]:
    """The distance of neighbouring numbers, which at zero would be too small to be counted with."""
    limits = jnp.finfo(state.newest.dtype)
    size = jnp.maximum(jnp.abs(state.newest), jnp.abs(state.facing))
    return jnp.maximum(limits.eps * size, limits.tiny / limits.eps)


def _interpolated(state: _Between) -> Float[Array, ""]:
    """The share of the way from the newest number to the facing one at which to look next.

    Where the inverse of the parabola through all three numbers falls between the two, its zero, else halfway.
    **Source:** Chandrupatla, A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function
    without using derivatives (1997).
    """
    a, b, c = state.newest, state.facing, state.third
    at_a, at_b, at_c = state.value, state.value_facing, state.value_third
    place, height = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
    monotone = (height**2 < place) & ((1 - height) ** 2 < 1 - place)
    zero = at_a / (at_b - at_a) * at_c / (at_b - at_c)
    zero += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
    least = jnp.minimum(_resolution(state) / jnp.abs(b - a), 0.5)  # to a neighbouring number
    return jnp.where(monotone & jnp.isfinite(zero), jnp.clip(zero, least, 1 - least), 0.5)
