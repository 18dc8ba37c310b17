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
    marginal: Callable[[Array], Array], low: Float[Array, ""], high: Float[Array, ""], zero: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Ends of the interval of [low, high] on which a decreasing `marginal` is zero (within +-`zero`).

    Where it jumps over zero both ends are the place of the jump; where it is positive (negative) throughout, both are
    the upper (lower) end. NaN counts as not positive. Halving stops at the resolution of the floating-point format.
    """
    halvings = 2 * jnp.finfo(low.dtype).nmant  # enough for a root far closer to zero than the box is wide

    def last(keeps_climbing: Callable[[Array], Array]) -> Float[Array, ""]:
        def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            left, right = ends
            middle = left + 0.5 * (right - left)
            climbs = keeps_climbing(marginal(middle))
            return jnp.where(climbs, middle, left), jnp.where(climbs, right, middle)

        left, right = jax.lax.fori_loop(0, halvings, halve, (low, high))
        at_low = ~keeps_climbing(marginal(low))
        at_high = keeps_climbing(marginal(high))
        return jnp.where(at_low, low, jnp.where(at_high, high, 0.5 * (left + right)))

    return last(lambda value: value > zero), last(lambda value: value >= -zero)


def reply_candidates(
    marginal: Callable[[Array], Array], present: Float[Array, ""], low: Float[Array, ""], high: Float[Array, ""]
) -> Float[Array, " three"]:
    """The point of the zero interval nearest to `present`, then its two ends.

    All three are equally good replies if the payoff is concave on [low, high]; if it is not, the interval may span a
    valley and their payoffs tell.
    """
    ends = jnp.abs(jnp.stack([marginal(low), marginal(high)]))
    zero = 64 * jnp.finfo(low.dtype).eps * jnp.max(jnp.where(jnp.isfinite(ends), ends, 0.0))
    left, right = flat_interval(marginal, low, high, zero)
    return jnp.stack([jnp.clip(present, left, right), left, right])


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
