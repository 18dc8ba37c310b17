"""Global search for one player's best reply on its own box.

One own entry: a grid over the whole box, denser towards both bounds and the present action, then the most promising
peaks refined. Two or three: a grid, then climbs from its best points. More: several starts spread over the box, each
climbed. Both end where the payoff is highest, kinks included, and report how finely they looked.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from eqsolve._checks import concrete, unknown_name
from eqsolve.problem import Problem
from eqsolve.solvers.ascent import Ascent
from eqsolve.solvers.base import near_best, require_counts
from eqsolve.solvers.bracket import reply_candidates, sign_change
from eqsolve.solvers.ground import Ground, within
from eqsolve.solvers.peaks import bracket_around, grid_points, highest_few, peaks_of
from eqsolve.solvers.rows import rows_of
from eqsolve.starts import starts_in

GRID_ENTRIES = 3  # grids beyond three dimensions are too coarse to be worth their points
ELLIPSOID_ENTRIES = 8
MOST_CLIMBS = 4  # from points of a grid; the best of them often lie on the same peak
TOGETHER = 64  # points that are tried side by side, at most


class Search(eqx.Module):
    """How a player's whole action set is searched.

    **Arguments:**

    - `points`: grid points per entry for players with one, two and three entries (default 257, 33, 13).
    - `starts`: starting points for players with more entries (default 16).
    - `peaks`: how many peaks of the grid are refined (default 4, at most 4 for players with two or three entries).
    - `box`: action name -> `(lower, upper)`, the part of an infinite action set to search; bounds that are finite need
      no entry. Searching is confined to the intersection with the bounds.
    - `ascent`: the local method.

    **Errors:** `ValueError` for fewer than two grid points or one start.

    >>> Search(starts=32).points
    (257, 33, 13)
    """

    points: tuple[int, int, int] = eqx.field(static=True, default=(257, 33, 13))
    starts: int = eqx.field(static=True, default=16)
    peaks: int = eqx.field(static=True, default=4)
    box: Mapping[str, Any] | None = None
    ascent: Ascent = Ascent()

    def __check_init__(self) -> None:
        require_points(self.points, "Search.points")
        require_counts(self, "starts", "peaks")
        for action, pair in (self.box or {}).items():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError(f"Search.box[{action!r}] is {pair!r}; give a pair (low, high).")

    def limits(self, problem: Problem) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """The box searched: the bounds, cut to the declared box. Infinite where neither limits an action."""
        declared = dict(self.box or {})
        names = [action.name for action in problem.game.actions]
        for name in declared:
            if name not in names:
                raise ValueError(unknown_name("Search.box: action", name, names))
        unlimited = (-jnp.inf, jnp.inf)
        sides = [
            problem.vector(
                {a.name: jnp.broadcast_to(declared.get(a.name, unlimited)[side], a.shape) for a in problem.game.actions}
            )
            for side in (0, 1)
        ]
        return jnp.maximum(problem.lower, sides[0]), jnp.minimum(problem.upper, sides[1])

    def require_finite(self, problem: Problem) -> None:
        """Raise where concrete limits of the searched box are infinite, naming the action."""
        limits = [concrete(limit) for limit in self.limits(problem)]
        if limits[0] is None or limits[1] is None:
            return
        names = [action.name for action in problem.game.actions for _ in range(action.size)]
        empty = np.flatnonzero(~(limits[0] <= limits[1]))
        if empty.size:
            name, pair = names[empty[0]], (self.box or {}).get(names[empty[0]])
            raise ValueError(
                f"Search.box[{name!r}] is {pair!r}, which leaves nothing of the action's bounds to search; give"
                " (low, high) with low <= high that overlaps them."
            )
        open_entries = np.flatnonzero(~np.isfinite(limits[0]) | ~np.isfinite(limits[1]))
        if open_entries.size:
            name = names[open_entries[0]]
            raise ValueError(
                f"The bounds of action {name!r} are infinite, so its whole set cannot be searched; declare the part to"
                f" search: Search(box={{{name!r}: (low, high)}})."
            )


def require_points(points: Any, what: str) -> None:
    """Raise where these are no three numbers of grid points."""
    counts = isinstance(points, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in points)
    if not counts or len(points) != GRID_ENTRIES or min(points) < 2:
        raise ValueError(f"{what} is {points!r}; give a tuple of three whole numbers of at least 2.")


class Reply(eqx.Module):
    """The best reply found.

    `spacing` is that of the grid (NaN where starts were used), `nonfinite` how many of the points tried had no finite
    payoff.
    """

    own: Float[Array, " k"]
    payoff: Float[Array, ""]
    spacing: Float[Array, " k"]
    nonfinite: Int[Array, ""]


def best_reply(
    problem: Problem,
    search: Search,
    limits: tuple[Array, Array],
    x: Float[Array, " n"],
    player: Int[Array, ""],
    entries: Int[Array, " k"],
) -> Reply:
    """The best own actions of `player`, who owns `entries`, against the others' actions in `x`.

    The present own actions take part, so the payoff never falls; among equally good replies to a payoff with one entry,
    the one nearest to the present action is returned. Replies keep the shared constraints: NaN where none does.

    **Arguments:** `limits`: of the box searched, from `Search.limits`. `x`: all actions. `entries`: the player's.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> from eqsolve.problem import problem_of
    >>> problem = problem_of(Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game())
    >>> x, search = jnp.array([2.0, 3.0]), Search()
    >>> reply = best_reply(problem, search, search.limits(problem), x, jnp.asarray(1), jnp.array([1]))
    >>> reply.own.round(6).tolist(), reply.payoff.round(6).tolist()
    ([3.5], 12.25)
    """
    lower, upper = limits[0][entries], limits[1][entries]

    def payoff(own: Array) -> Array:
        return problem.payoffs(x.at[entries].set(own))[player]

    def slope(own: Array) -> Array:
        return problem.marginal(x.at[entries].set(own))[entries]

    count = entries.shape[0]
    present = x[entries]
    shared = rows_of(problem)
    rows = None if shared is None else shared.room(x, entries)
    if rows is not None and count == 1:
        low, high = rows.interval(lower[0], upper[0], present[0])
        lower, upper = low[None], high[None]
    if count <= GRID_ENTRIES:
        tried = grid_points(lower, upper, present, search.points[count - 1])
    else:
        tried = starts_in(lower, upper, search.starts)
    if rows is not None and count > 1:
        tried = jax.vmap(lambda y: rows.nearest(y, lower, upper))(tried)
    values = _evaluated(payoff, tried)
    ground = Ground(lower, upper) if rows is None else within(rows, lower, upper, values)
    spacing = (
        (upper - lower) / (search.points[count - 1] - 1) if count <= GRID_ENTRIES else jnp.full_like(lower, jnp.nan)
    )
    if count == 1:
        refined, coarse = _refine_one(
            search, lambda y: slope(y[None])[0], tried[:, 0], values, present[0], (lower[0], upper[0])
        )
    else:
        refined = _refine(payoff, search, tried, values, present, spacing, ground)
        coarse = tried[jnp.argmax(near_best(values))]
    finalists = jnp.concatenate([refined, coarse[None], present[None]])
    results = jax.vmap(payoff)(finalists)
    nonfinite = jnp.sum(_unknown(values)) + jnp.sum(_unknown(results))
    searchable = jnp.all(jnp.isfinite(lower) & jnp.isfinite(upper) & (lower <= upper))
    if rows is not None:
        allowed = jax.vmap(ground.allowed)(finalists)
        results = jnp.where(allowed, results, -jnp.inf)
        searchable &= jnp.any(allowed)
    best = jnp.argmax(near_best(results))  # the first of the best: refined points come before the others
    own = jnp.where(searchable, finalists[best], jnp.nan)
    return Reply(own, jnp.where(searchable, results[best], jnp.nan), spacing, nonfinite)


def _evaluated(payoff: Any, tried: Float[Array, "points k"]) -> Float[Array, " points"]:
    """The payoff at every point, a few at a time: a batch of games with all their points would not fit in memory."""
    count = tried.shape[0]
    pieces = -(-count // TOGETHER)
    size = -(-count // pieces)
    # filled up, so that no rest is compiled on its own
    filled = jnp.concatenate([tried, jnp.broadcast_to(tried[:1], (pieces * size - count, tried.shape[1]))])
    return jax.lax.map(payoff, filled, batch_size=size)[:count]


def _unknown(payoffs: Array) -> Bool[Array, "..."]:
    """Which payoffs are NaN or infinite; what earns minus infinity is known to attract nobody."""
    return ~jnp.isfinite(payoffs) & ~jnp.isneginf(payoffs)


def _refine_one(
    search: Search, slope: Any, tried: Array, values: Array, present: Array, limits: tuple[Array, Array]
) -> tuple[Float[Array, "finalists one"], Float[Array, " one"]]:
    """Zeros of the marginal payoff around the most promising grid points, and the best grid point.

    Among equally good points the one nearest to the present action comes first, so that nobody moves without a reason;
    then the peaks follow, best first.
    """
    finite = jnp.where(jnp.isfinite(values), values, -jnp.inf)
    coarse = jnp.argmin(jnp.where(near_best(values), jnp.abs(tried - present), jnp.inf))
    left, right = bracket_around(tried, finite, coarse)
    others = (tried <= left) | (tried >= right)
    tops, lefts, rights = peaks_of(tried, finite, others, search.peaks)
    tops = jnp.concatenate([tried[coarse][None], tops])
    lefts, rights = jnp.concatenate([left[None], lefts]), jnp.concatenate([right[None], rights])

    def uphill(y: Array) -> Array:
        """The slope; where there is none, as beyond an end of what can be played, the way to the best point."""
        found = slope(y)
        return jnp.where(jnp.isnan(found), tried[coarse] - y, found)

    around = jax.vmap(lambda top, low, high: sign_change(uphill, low, high, top))(tops, lefts, rights)
    first = reply_candidates(slope, present, (left, right), around[0], limits)
    return jnp.concatenate([first, jnp.ravel(around[1:])])[:, None], tried[coarse][None]


def _refine(
    payoff: Any, search: Search, tried: Array, values: Array, present: Array, spacing: Array, ground: Ground
) -> Float[Array, "finalists k"]:
    """Ascents from the best candidates and from the present point; then the ellipsoid method for kinks."""
    count = present.shape[0]
    order = jnp.where(jnp.isfinite(values), values, -jnp.inf)
    keep = min(min(search.peaks, MOST_CLIMBS) if count <= GRID_ENTRIES else search.starts, tried.shape[0])
    starts = jnp.concatenate([present[None], tried[highest_few(order, keep)]])
    climbed, reached = jax.vmap(lambda start: ground.climb(search.ascent, payoff, start))(starts)
    if count > ELLIPSOID_ENTRIES:
        return climbed
    best = climbed[jnp.argmax(near_best(reached))]
    width = ground.upper - ground.lower
    near = jnp.where(jnp.isfinite(spacing), 2 * spacing, 0.1 * width)
    polished = jax.vmap(lambda radius: ground.polish(payoff, best, radius))(jnp.stack([width, near]))
    return jnp.concatenate([climbed, polished])  # the climb from the present point first: it wins ties
