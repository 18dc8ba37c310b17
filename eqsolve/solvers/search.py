"""Global search for one player's best reply on its own box.

Up to three own entries: a grid over the whole box, then the best cell refined. More: several starts spread over the
box, each climbed. Both end where the payoff is highest, kinks included, and report how finely they looked.
"""

import functools
import itertools
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from eqsolve._checks import concrete, unknown_name
from eqsolve.problem import Problem
from eqsolve.solvers.ascent import Ascent
from eqsolve.solvers.base import near_best
from eqsolve.solvers.bracket import reply_candidates
from eqsolve.solvers.ellipsoid import ellipsoid_climb
from eqsolve.starts import starts_in

GRID_ENTRIES = 3  # grids beyond three dimensions are too coarse to be worth their points
ELLIPSOID_ENTRIES = 8


class Search(eqx.Module):
    """How a player's whole action set is searched.

    **Arguments:**

    - `points`: grid points per entry for players with one, two and three entries (default 257, 33, 13).
    - `starts`: starting points for players with more entries (default 16).
    - `box`: action name -> `(lower, upper)`, the part of an infinite action set to search; bounds that are finite need
      no entry. Searching is confined to the intersection with the bounds.
    - `ascent`: the local method.

    **Errors:** `ValueError` for fewer than two grid points or one start.

    >>> Search(starts=32).points
    (257, 33, 13)
    """

    points: tuple[int, int, int] = eqx.field(static=True, default=(257, 33, 13))
    starts: int = eqx.field(static=True, default=16)
    box: Mapping[str, Any] | None = None
    ascent: Ascent = Ascent()

    def __check_init__(self) -> None:
        if len(self.points) != GRID_ENTRIES or min(self.points) < 2:
            raise ValueError(f"Search.points is {self.points}; give three numbers of at least 2.")
        if self.starts < 1:
            raise ValueError(f"Search.starts is {self.starts}; give at least 1.")

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
        open_entries = np.flatnonzero(~np.isfinite(limits[0]) | ~np.isfinite(limits[1]))
        if open_entries.size:
            names = [action.name for action in problem.game.actions for _ in range(action.size)]
            name = names[open_entries[0]]
            raise ValueError(
                f"The bounds of action {name!r} are infinite, so its whole set cannot be searched; declare the part to"
                f" search: Search(box={{{name!r}: (low, high)}})."
            )


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
    the one nearest to the present action is returned.
    """
    lower, upper = limits[0][entries], limits[1][entries]

    def payoff(own: Array) -> Array:
        return problem.payoffs(x.at[entries].set(own))[player]

    def slope(own: Array) -> Array:
        return problem.marginal(x.at[entries].set(own))[entries]

    count = entries.shape[0]
    tried = _candidates(search, count, lower, upper)
    values = jax.vmap(payoff)(tried)
    order = jnp.where(jnp.isfinite(values), values, -jnp.inf)
    spacing = (
        (upper - lower) / (search.points[count - 1] - 1) if count <= GRID_ENTRIES else jnp.full_like(lower, jnp.nan)
    )
    present = x[entries]
    distance = jnp.sum(((tried - present) / jnp.where(upper > lower, upper - lower, 1.0)) ** 2, axis=1)
    coarse = tried[jnp.argmin(jnp.where(near_best(values), distance, jnp.inf))]
    if count == 1:
        refined = _refine_one(slope, coarse, present, spacing, lower, upper)
    else:
        refined = _refine(payoff, search, tried, order, present, spacing, lower, upper)
    finalists = jnp.concatenate([refined, coarse[None], present[None]])
    results = jax.vmap(payoff)(finalists)
    best = jnp.argmax(near_best(results))  # the first of the best: refined points come before the others
    nonfinite = jnp.sum(~jnp.isfinite(values)) + jnp.sum(~jnp.isfinite(results))
    infinite_box = ~jnp.all(jnp.isfinite(lower) & jnp.isfinite(upper))
    own = jnp.where(infinite_box, jnp.nan, finalists[best])
    return Reply(own, jnp.where(infinite_box, jnp.nan, results[best]), spacing, nonfinite)


@functools.lru_cache
def _unit_grid(points: int, count: int) -> np.ndarray:
    return np.array(list(itertools.product(np.linspace(0.0, 1.0, points), repeat=count)))


def _candidates(search: Search, count: int, lower: Array, upper: Array) -> Float[Array, "points k"]:
    if count > GRID_ENTRIES:
        return starts_in(lower, upper, search.starts)
    return lower + jnp.asarray(_unit_grid(search.points[count - 1], count), lower.dtype) * (upper - lower)


def _refine_one(
    slope: Any, coarse: Array, present: Array, spacing: Array, lower: Array, upper: Array
) -> Float[Array, "finalists k"]:
    """Zeros of the marginal payoff in the cells around the best grid point: a kink or a smooth maximum, to rounding."""
    low, high = jnp.maximum(coarse - spacing, lower)[0], jnp.minimum(coarse + spacing, upper)[0]
    return reply_candidates(lambda value: slope(value[None])[0], present[0], low, high)[:, None]


def _refine(
    payoff: Any, search: Search, tried: Array, order: Array, present: Array, spacing: Array, lower: Array, upper: Array
) -> Float[Array, "finalists k"]:
    """Ascents from the best candidates and from the present point; then the ellipsoid method for kinks."""
    count = lower.shape[0]
    keep = min(4 if count <= GRID_ENTRIES else search.starts, tried.shape[0])
    _, top = jax.lax.top_k(order, keep)
    starts = jnp.concatenate([present[None], tried[top]])
    climbed, values = jax.vmap(lambda start: search.ascent.climb(payoff, start, lower, upper))(starts)
    if count > ELLIPSOID_ENTRIES:
        return climbed
    best = climbed[jnp.argmax(jnp.where(jnp.isfinite(values), values, -jnp.inf))]
    near = jnp.where(jnp.isfinite(spacing), 2 * spacing, 0.1 * (upper - lower))
    radii = jnp.stack([upper - lower, near])
    polished, _ = jax.vmap(lambda radius: ellipsoid_climb(payoff, best, radius, lower, upper))(radii)
    return jnp.concatenate([climbed, polished])  # the climb from the present point first: it wins ties
