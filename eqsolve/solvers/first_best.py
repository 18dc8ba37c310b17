"""The first best of a game with one decision maker: global ascent from several starts.

Newton alone stops at saddles and corners. Here every start is climbed by a method that never lets the payoff fall, the
best end is compared with a grid over the box (up to three actions) or polished for kinks (up to eight), and the status
tells whether its curvature is that of a maximum. With many peaks and many actions the best start may still be second
best: `certify(game.cooperative(), plan.actions)` looks again.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.problem import Problem
from eqsolve.solvers.ascent import Ascent, Payoff
from eqsolve.solvers.base import Solution, Solver, action_scale, require_counts
from eqsolve.solvers.bracket import search_interval
from eqsolve.solvers.ellipsoid import ellipsoid_climb
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.priced import PricedProblem, fitted_prices
from eqsolve.solvers.search import ELLIPSOID_ENTRIES, GRID_ENTRIES, Search, best_reply, require_points
from eqsolve.starts import starts_in


class GlobalAscent(Solver):
    """Ascent of the only player's payoff from several starts over the box.

    **Arguments:** `starts`: starting points besides the given one (default 16). `points`: grid points per entry over
    the box for planners of one, two and three actions (default 257, 33, 13), of which at most four, and no more than
    `starts`, are climbed too. `ascent`: the local method.
    **Status codes:** all of `Status`. With one player it solves that player's problem; games with several players are
    for `Newton` and `BestReply`.

    >>> GlobalAscent(starts=64).starts
    64
    """

    starts: int = eqx.field(static=True, default=16)
    points: tuple[int, int, int] = eqx.field(static=True, default=Search.points)
    ascent: Ascent = Ascent()

    def __check_init__(self) -> None:
        require_counts(self, "starts")
        require_points(self.points, "GlobalAscent.points")

    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Climb from `start` and from points spread over the box; keep the highest."""
        if len(problem.game.players) != 1:
            raise ValueError(
                f"GlobalAscent maximises one payoff, but the game has the players {problem.game.players}; use"
                " solve_first_best(game), or Newton() or BestReply() for a Nash equilibrium."
            )
        if isinstance(problem, PricedProblem):
            return self._within_constraints(problem, start)

        def payoff(x: Array) -> Array:
            return problem.payoffs(x)[0]

        starts = jnp.concatenate([start[None], starts_in(problem.lower, problem.upper, self.starts)])
        ends, values, steps = jax.vmap(lambda x: self.ascent.climb(payoff, x, problem.lower, problem.upper))(starts)
        x = _highest(ends, values)
        if problem.size <= GRID_ENTRIES:
            # the whole box is searched like a player's best reply; replies of infinite boxes are confined around x
            limits = search_interval(problem, x, jnp.abs(x) + 1.0)
            x = best_reply(problem, self._search, limits, x, jnp.asarray(0), jnp.arange(problem.size)).own
        elif problem.size <= ELLIPSOID_ENTRIES:
            x = _polish_kinks(problem, payoff, x)
        return Solution(x, jnp.max(steps), jnp.asarray(False))

    @property
    def _search(self) -> Search:
        return Search(self.points, self.starts, peaks=min(self.starts, Search.peaks), ascent=self.ascent)

    def _within_constraints(self, problem: PricedProblem, start: Array) -> Solution:
        """The best reply of the only player within the shared constraints, then Newton steps for actions and prices."""
        inner = problem.inner
        actions, _ = problem.split(start)
        limits = search_interval(inner, actions, jnp.abs(actions) + 1.0)
        x = best_reply(inner, self._search, limits, actions, jnp.asarray(0), jnp.arange(inner.size)).own
        z = jnp.concatenate([x, fitted_prices(problem, x).prices])
        polished = Newton().solve(problem, z)
        moved = jnp.abs(problem.split(polished.x)[0] - x)
        near = jnp.all(moved <= jnp.finfo(x.dtype).eps ** 0.25 * action_scale(inner, x, x))
        return Solution(jnp.where(near, polished.x, z), polished.steps, jnp.asarray(False))


def _highest(points: Array, values: Array) -> Array:
    return points[jnp.argmax(jnp.where(jnp.isfinite(values), values, -jnp.inf))]


def _polish_kinks(problem: Problem, payoff: Payoff, x: Array) -> Array:
    """The best of `x` and two runs of the ellipsoid method, over the whole box and near `x`."""
    low, high = search_interval(problem, x, jnp.abs(x) + 1.0)
    radii = jnp.stack([high - low, 1e-3 * (high - low)])
    points, values = jax.vmap(lambda r: ellipsoid_climb(payoff, x, r, problem.lower, problem.upper))(radii)
    before = payoff(x)
    better = jnp.max(values) > before + 16 * jnp.finfo(x.dtype).eps * jnp.abs(before)
    return jnp.where(better, _highest(points, values), x)
