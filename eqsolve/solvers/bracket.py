"""Bracketing: each entry in turn moves to where its own marginal payoff changes from positive to negative.

This needs no second derivative and finds kinks to rounding. Payoffs that are piecewise linear in an action, such as
expected profits over finitely many demands, have all their maxima at kinks or on flat pieces.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve.problem import Problem
from eqsolve.solvers.base import near_best


def flat_interval(
    marginal: Callable[[Array], Array], low: Float[Array, ""], high: Float[Array, ""]
) -> Float[Array, " four"]:
    """Ends of the interval of [low, high] on which a decreasing `marginal` is zero (to rounding).

    Where it jumps over zero both ends are the place of the jump; where it is positive (negative) throughout, both are
    the upper (lower) end. NaN counts as not positive. Both ends are halved at once, down to neighbouring numbers.
    Returns both ends, then the numbers just outside of where the payoff stops rising and starts falling: beside a jump
    of the payoff, at which ties may be split, one of these is best.
    """
    eps = jnp.finfo(low.dtype).eps
    outer = jnp.stack([low, high])
    at_outer = jax.vmap(marginal)(outer)
    zero = 64 * eps * jnp.max(jnp.where(jnp.isfinite(at_outer), jnp.abs(at_outer), 0.0))
    threshold = jnp.stack([zero, -zero])

    def climbs(values: Array) -> Bool[Array, " two"]:
        # the first end is where the marginal stops being positive, the second where it starts being negative
        return jnp.stack([values[0] > threshold[0], values[1] >= threshold[1]])

    def halve(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        left, right, count = state
        middle = left + 0.5 * (right - left)
        onward = climbs(jax.vmap(marginal)(middle))
        return jnp.where(onward, middle, left), jnp.where(onward, right, middle), count + 1

    def wide(state: tuple[Array, Array, Array]) -> Bool[Array, ""]:
        left, right, count = state
        resolved = right - left <= eps * jnp.maximum(jnp.abs(left), jnp.abs(right))
        return ~jnp.all(resolved) & (count < 2 * jnp.finfo(low.dtype).nmant)

    start = (jnp.stack([low, low]), jnp.stack([high, high]), jnp.asarray(0))
    left, right, _ = jax.lax.while_loop(wide, halve, start)
    never, always = ~climbs(at_outer[:1].repeat(2)), climbs(at_outer[1:].repeat(2))
    ends = jnp.where(never, low, jnp.where(always, high, 0.5 * (left + right)))
    outside = jnp.stack([jnp.nextafter(left[0], -jnp.inf), jnp.nextafter(right[1], jnp.inf)])
    return jnp.concatenate([ends, jnp.clip(outside, low, high)])


def reply_candidates(
    marginal: Callable[[Array], Array], present: Float[Array, ""], low: Float[Array, ""], high: Float[Array, ""]
) -> Float[Array, " five"]:
    """The point of the zero interval nearest to `present`, then its two ends and their neighbours outside.

    All are equally good replies if the payoff is concave on [low, high]; if it is not, or jumps, their payoffs tell.
    """
    ends = flat_interval(marginal, low, high)
    return jnp.concatenate([jnp.clip(present, ends[0], ends[1])[None], ends])


def search_interval(problem: Problem, x: Array, scale: Array) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The box, with infinite bounds replaced by a thousand scales on either side."""
    low = jnp.where(jnp.isfinite(problem.lower), problem.lower, x - 1e3 * scale)
    high = jnp.where(jnp.isfinite(problem.upper), problem.upper, x + 1e3 * scale)
    return low, high


def bracket_sweeps(
    problem: Problem, x: Array, largest: Array, scale: Array, sweeps: int, run: Bool[Array, ""]
) -> tuple[Float[Array, " n"], Float[Array, " n"], Bool[Array, ""]]:
    """Gauss-Seidel passes over the entries until none moves, at most `sweeps`.

    Returns the point, the largest marginal payoffs met and whether entries were still moving.

    An entry that already lies in its zero interval stays where it is, so a continuum of solutions does not make it
    drift. `run` false returns the point untouched.
    """
    low, high = search_interval(problem, x, scale)
    owners = jnp.asarray(problem.owners)
    settled = 8 * jnp.finfo(x.dtype).eps * scale

    def entry(j: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        x, largest = state

        def own(value: Array) -> Array:
            return problem.marginal(x.at[j].set(value))[j]

        candidates = reply_candidates(own, x[j], low[j], high[j])
        payoffs = jax.vmap(lambda value: problem.payoffs(x.at[j].set(value)))(candidates)[:, owners[j]]
        best = candidates[jnp.argmax(near_best(payoffs))]
        marginals = jnp.abs(jax.vmap(own)(jnp.stack([low[j], high[j]])))
        top = jnp.max(jnp.where(jnp.isfinite(marginals), marginals, 0.0))
        return x.at[j].set(best), largest.at[j].max(top)

    def sweep(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        x, largest, count, _ = state
        after, largest = jax.lax.fori_loop(0, problem.size, entry, (x, largest))
        return after, largest, count + 1, jnp.any(jnp.abs(after - x) > settled)

    start = (x, largest, jnp.asarray(0), run)
    x, largest, _, moving = jax.lax.while_loop(lambda state: state[3] & (state[2] < sweeps), sweep, start)
    return x, largest, moving
