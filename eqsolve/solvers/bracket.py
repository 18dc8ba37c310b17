"""Bracketing: each entry in turn moves to where its own marginal payoff changes from positive to negative.

This needs no second derivative and finds kinks to rounding. Payoffs that are piecewise linear in an action, such as
expected profits over finitely many demands, have all their maxima at kinks or on flat pieces.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve.problem import Problem
from eqsolve.solvers.base import marginal_size, near_best
from eqsolve.solvers.turn import Marginal, last_and_first


def reply_candidates(
    marginal: Marginal,
    present: Float[Array, ""],
    between: tuple[Array, Array],
    around: Float[Array, " four"],
    limits: tuple[Array, Array],
) -> Float[Array, " seven"]:
    """Replies of one entry whose `marginal` payoff falls through zero between two numbers.

    First the point nearest to `present` of the interval in which the marginal payoff is zero to rounding, then the
    ends of that interval, then the numbers `around` the change of sign. All are equally good replies if the payoff is
    concave; if it is not, or jumps, their payoffs tell. `limits` bound the entry.
    """
    low, high = between
    before, after = around[1], around[2]
    width = limits[1] - limits[0]
    scale = jnp.maximum(jnp.abs(before), jnp.where(jnp.isfinite(width), 0.01 * width, 0.0))
    zero = 64 * jnp.finfo(low.dtype).eps * marginal_size(marginal, before, *limits, scale)

    def edge(sign: Array, start: Array, end: Array) -> Array:
        return last_and_first(lambda y: sign * marginal(y) + zero, jnp.greater_equal, start, end)[0]

    left, right = jax.vmap(edge)(
        jnp.asarray([-1.0, 1.0], low.dtype), jnp.stack([before, after]), jnp.stack([low, high])
    )
    return jnp.concatenate([jnp.stack([jnp.clip(present, left, right), left, right]), around])


def sign_change(marginal: Marginal, low: Array, high: Array, top: Array | None = None) -> Float[Array, " four"]:
    """The two numbers before and the two after which a falling `marginal` stops being positive, within [low, high].

    NaN counts as not positive. All are near `low` (`high`) where it is positive nowhere (everywhere). The outer two are
    for payoffs that jump where a tie is split: one of them is beside the tie. Where the payoff at `top` is known to be
    higher than at both ends, the change is sought on the side to which it rises there, whatever its slopes at the ends.
    """
    before, after = last_and_first(marginal, jnp.greater, low, high, top)
    around = [jnp.nextafter(before, -jnp.inf), before, after, jnp.nextafter(after, jnp.inf)]
    return jnp.clip(jnp.stack(around), low, high)


def search_interval(problem: Problem, x: Array, scale: Array) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The box, with infinite bounds replaced by a thousand scales on either side."""
    low = jnp.where(jnp.isfinite(problem.lower), problem.lower, x - 1e3 * scale)
    high = jnp.where(jnp.isfinite(problem.upper), problem.upper, x + 1e3 * scale)
    return low, high


def bracket_sweeps(
    problem: Problem, x: Array, scale: Array, sweeps: int, run: Bool[Array, ""]
) -> tuple[Float[Array, " n"], Bool[Array, ""]]:
    """Gauss-Seidel passes over the entries until none moves, at most `sweeps`.

    Returns the point and whether entries were still moving.

    An entry that already lies in its zero interval stays where it is, so a continuum of solutions does not make it
    drift. Prices of shared constraints follow the actions or stay where they are. `run` false returns the point
    untouched.
    """
    low, high = search_interval(problem, x, scale)
    owners = jnp.asarray(problem.owners)
    settled = 8 * jnp.finfo(x.dtype).eps * scale

    def entry(j: Array, x: Array) -> Array:
        def own(value: Array) -> Array:
            return problem.marginal(problem.adjusted(x.at[j].set(value)))[j]

        around = sign_change(own, low[j], high[j])
        candidates = reply_candidates(own, x[j], (low[j], high[j]), around, (problem.lower[j], problem.upper[j]))
        tried = jax.vmap(lambda value: problem.adjusted(x.at[j].set(value)))(candidates)
        payoffs = jax.vmap(problem.payoffs)(tried)[:, owners[j]]
        return tried[jnp.argmax(near_best(payoffs))]

    def sweep(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        x, count, _ = state
        after = jax.lax.fori_loop(0, problem.decisions, entry, x)
        return after, count + 1, jnp.any(jnp.abs(after - x) > settled)

    start = (x, jnp.asarray(0), run)
    x, _, moving = jax.lax.while_loop(lambda state: state[2] & (state[1] < sweeps), sweep, start)
    return x, moving
