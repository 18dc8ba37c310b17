"""Best-reply dynamics: players move to a global best reply until nobody moves.

Slower than Newton, but each reply is a global maximum on the player's own box, so a stationary point that is no best
reply is left behind, and kinked payoffs are solved to rounding. Converges where replies contract (or, Gauss-Seidel,
where the game is supermodular or two-player submodular); elsewhere it may cycle, which it reports.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.base import Solution, Solver, action_scale, require_settings
from eqsolve.solvers.search import Search, best_reply


def require_no_constraint(problem: Problem, name: str) -> None:
    """Raise where players share constraints: replies that keep them are no way to a common price."""
    if problem.game.constraint is not None:
        raise ValueError(
            f"{name} does not solve games with shared constraints: replies that keep them stop wherever the"
            " players meet the constraint, whatever its price is to each; use Newton()."
        )


class _State(eqx.Module):
    x: Float[Array, " n"]
    moved: Bool[Array, ""]
    failed: Bool[Array, ""]
    steps: Int[Array, ""]


class BestReply(Solver):
    """Best-reply dynamics with a global inner maximisation.

    **Arguments:** `search`: how a player's own box is searched. `damping`: share of the way to the best reply that a
    player moves, in (0, 1]; below 1 it calms oscillation. `simultaneous`: all players reply to the same actions
    (Jacobi); by default each replies to the moves made before it in the same sweep (Gauss-Seidel, players in declared
    order within groups that own equally many entries). `max_sweeps`: sweeps over all players (default 500).
    `tolerance`: largest move, relative to the size of the action, that counts as none; None means a few roundings
    where every player owns one entry, else 3e-13 in float64 and 3e-6 in float32 (replies with several entries are not
    more accurate than that).
    **Errors:** `ValueError` for settings out of range, and games with shared constraints (use `Newton`).
    **Status codes:** all of `Status`; `step_limit` also covers cycles. Actions with infinite bounds need `search.box`.

    >>> BestReply(damping=0.5).simultaneous
    False
    """

    search: Search = Search()
    damping: float = eqx.field(static=True, default=1.0)
    simultaneous: bool = eqx.field(static=True, default=False)
    max_sweeps: int = eqx.field(static=True, default=500)
    tolerance: float | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        if not 0 < self.damping <= 1:
            raise ValueError(f"BestReply.damping is {self.damping}; give a number in (0, 1].")
        require_settings(self, "max_sweeps")

    @property
    def searched(self) -> Search:
        """The search for replies."""
        return self.search

    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Sweeps of best replies from `start`."""
        require_no_constraint(problem, "BestReply")
        limits = self.search.limits(problem)

        def sweep(state: _State) -> _State:
            x = self.sweep(problem, limits, state.x)
            moved = self.moved(problem, state.x, x, start)
            return _State(x, moved, ~jnp.all(jnp.isfinite(x)), state.steps + 1)

        first = _State(start, jnp.asarray(True), jnp.asarray(False), jnp.asarray(0))
        end = jax.lax.while_loop(lambda s: s.moved & ~s.failed & (s.steps < self.max_sweeps), sweep, first)
        return Solution(end.x, end.steps, end.moved)

    def moved(self, problem: Problem, before: Array, after: Array, start: Array) -> Bool[Array, ""]:
        """Whether a sweep moved some entry by more than the tolerance."""
        eps = float(jnp.finfo(after.dtype).eps)
        exact = problem.size == len(problem.game.players)
        tolerance = (8 * eps if exact else eps**0.8) if self.tolerance is None else self.tolerance
        return jnp.any(jnp.abs(after - before) > tolerance * action_scale(problem, after, start))

    def sweep(self, problem: Problem, limits: tuple[Array, Array], x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Every player's reply within `limits`, all at once or each in turn."""
        if self.simultaneous:
            replies = x
            for players, entries in problem.groups:
                own = jax.vmap(lambda p, e: self._reply(problem, limits, x, p, e))(
                    jnp.asarray(players), jnp.asarray(entries)
                )
                replies = replies.at[entries].set(own)
            return replies
        for players, entries in problem.groups:

            def turn(x: Array, mover: tuple[Array, Array]) -> tuple[Array, None]:
                return x.at[mover[1]].set(self._reply(problem, limits, x, *mover)), None

            x, _ = jax.lax.scan(turn, x, (jnp.asarray(players), jnp.asarray(entries)))
        return x

    def _reply(self, problem: Problem, limits: tuple[Array, Array], x: Array, player: Array, entries: Array) -> Array:
        reply = best_reply(problem, self.search, limits, x, player, entries).own
        return x[entries] + self.damping * (reply - x[entries])
