"""Anderson acceleration: a fixed-point iteration that extrapolates from its last few points.

The points' residuals are combined so that as little as possible of them is left, and the same combination of the points
is the next one. On a linear map this is as good as GMRES, so it also finds fixed points that the plain iteration runs
away from or circles around. Safeguards keep it from wandering: a point that is much worse than the best one sends it
back there, without memory and with a shorter step.
"""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.linalg import eliminate
from eqsolve.problem import Problem
from eqsolve.solvers.base import Solution, Solver, action_scale, require_settings
from eqsolve.solvers.best_reply import BestReply, require_no_constraint
from eqsolve.solvers.first_order import Round, in_rounds, norm
from eqsolve.solvers.search import Search

WORSE = 2.0  # how much larger than the best residual a residual may be
PATIENCE = 20  # points after the last clear progress before it starts anew
PROGRESS = 0.9

Map = Callable[[Float[Array, " n"]], Float[Array, " n"]]
MAPS = ("gradient", "reply")


class Anderson(Solver):
    """Fixed-point iteration with Anderson acceleration, of gradient steps or of simultaneous best replies.

    **Arguments:** `map`: "gradient", projected gradient steps scaled by own curvature (first derivatives only), or
    "reply", everybody's global best reply at once. `window`: how many points before the last are combined (default 5).
    `max_steps`: evaluations of the map (default 5,000). `tolerance`: for gradient steps the relative residual that
    counts as solved, None meaning 7e-11 in float64 and 3e-5 in float32, as for `Newton`; for replies the largest move
    that counts as none, as for `BestReply`. `search`: how a player's own box is searched for replies.
    **Status codes:** all of `Status`; `step_limit` also covers iterations that do not settle. With gradient steps it is
    local, like `Newton`, brackets kinks like it, and may end in a valley of a payoff (`not_maximum`).
    **Source:** Anderson (1965); type II of Fang and Saad (2009), *Numerical Linear Algebra with Applications* 16;
    Walker and Ni (2011), *SIAM Journal on Numerical Analysis* 49.

    >>> from eqsolve import solve_nash
    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> found = solve_nash(game, solver=Anderson())
    >>> [round(float(quantity), 3) for quantity in found.actions["quantity"]]
    [3.0, 3.0]
    """

    map: Literal["gradient", "reply"] = eqx.field(static=True, default="gradient")
    window: int = eqx.field(static=True, default=5)
    max_steps: int = eqx.field(static=True, default=5_000)
    tolerance: float | None = eqx.field(static=True, default=None)
    search: Search = Search()

    def __check_init__(self) -> None:
        if self.map not in MAPS:
            raise ValueError(f"Anderson.map is {self.map!r}; give one of {MAPS}.")
        require_settings(self, "window", "max_steps")

    @property
    def searched(self) -> Search | None:
        """The search for replies; None where none is made."""
        return self.search if self.map == "reply" else None

    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Accelerated steps from `start`."""
        if self.map == "reply":
            return self._replies(problem, start)

        def advance(now: Round, budget: Int[Array, ""], aim: float) -> tuple[Array, Int[Array, ""]]:
            def gradient_step(x: Array) -> Array:
                return jnp.clip(x + problem.marginal(x) / now.curvature, problem.lower, problem.upper)

            def close(x: Array, image: Array) -> Bool[Array, ""]:
                return jnp.all(jnp.abs(image - x) <= aim * now.scale)

            end = _accelerated(gradient_step, close, problem, now.x, now.scale, self.window, budget)
            return end.best, end.steps

        return in_rounds(problem, start, self.max_steps, self.tolerance, advance)

    def _replies(self, problem: Problem, start: Array) -> Solution:
        require_no_constraint(problem, 'Anderson(map="reply")')
        replies = BestReply(self.search, simultaneous=True, tolerance=self.tolerance)
        limits = self.search.limits(problem)

        def close(x: Array, image: Array) -> Bool[Array, ""]:
            return ~replies.moved(problem, x, image, start)

        scale = action_scale(problem, start, start)
        budget = jnp.asarray(self.max_steps)
        end = _accelerated(
            lambda x: replies.sweep(problem, limits, x), close, problem, start, scale, self.window, budget
        )
        image = end.best + scale * end.best_residual  # a reply, at a kink where payoffs have one
        return Solution(image, end.steps, ~close(end.best, image))


class _State(eqx.Module):
    x: Float[Array, " n"]
    residual: Float[Array, " n"]  # where the map leads, less x, in units of the scale
    best: Float[Array, " n"]
    best_residual: Float[Array, " n"]
    moves: Float[Array, "window n"]  # between the last points, in units of the scale; zero where there were none
    changes: Float[Array, "window n"]  # of the residual in these moves
    damping: Float[Array, ""]
    waited: Int[Array, ""]
    finished: Bool[Array, ""]
    steps: Int[Array, ""]


def _accelerated(
    fixed_point_map: Map,
    close: Callable[[Array, Array], Bool[Array, ""]],
    problem: Problem,
    start: Array,
    scale: Array,
    window: int,
    budget: Int[Array, ""],
) -> _State:
    """Iterate until `close(x, image)`, until steps are too short to be seen, or until the budget is spent."""
    eps = jnp.finfo(start.dtype).eps

    def step(state: _State) -> _State:
        x = jnp.clip(state.x + scale * _move(state), problem.lower, problem.upper)
        residual = (fixed_point_map(x) - x) / scale
        size, smallest = norm(residual), norm(state.best_residual)
        improved = size < smallest
        kept = (size <= WORSE * smallest) & (state.waited < PATIENCE)  # NaN is not kept
        best = jnp.where(improved, x, state.best)
        best_residual = jnp.where(improved, residual, state.best_residual)
        started = state.steps > 0  # at first the start itself is tried: there is no move to remember

        def remember(history: Array, entry: Array) -> Array:
            slot = state.steps % window
            return jnp.where(kept, history.at[slot].set(jnp.where(started, entry, 0.0)), 0.0)

        still = jnp.all(jnp.abs(x - state.x) <= eps * scale) & started
        lost = ~started & ~jnp.all(jnp.isfinite(residual))
        longer = jnp.where(improved, jnp.minimum(1.5 * state.damping, 1.0), state.damping)
        return _State(
            x=jnp.where(kept, x, best),
            residual=jnp.where(kept, residual, best_residual),
            best=best,
            best_residual=best_residual,
            moves=remember(state.moves, (x - state.x) / scale),
            changes=remember(state.changes, residual - state.residual),
            damping=jnp.where(kept, longer, 0.5 * state.damping),
            waited=jnp.where(kept & ~(size < PROGRESS * smallest), state.waited + 1, 0),
            finished=still | lost | close(best, best + scale * best_residual),
            steps=state.steps + 1,
        )

    history = jnp.zeros((window, start.shape[0]), start.dtype)
    first = _State(
        x=start,
        residual=jnp.zeros_like(start),
        best=start,
        best_residual=jnp.full_like(start, jnp.inf),
        moves=history,
        changes=history,
        damping=jnp.ones((), start.dtype),
        waited=jnp.asarray(0),
        finished=jnp.asarray(False),
        steps=jnp.asarray(0),
    )
    return jax.lax.while_loop(lambda s: ~s.finished & (s.steps < budget), step, first)


def _move(state: _State) -> Float[Array, " n"]:
    """From the point to the next one, in units of the scale: the combination of points with the least residual."""
    eps = jnp.finfo(state.x.dtype).eps
    lengths = jnp.sqrt(jnp.sum(state.changes**2, axis=1))
    lengths = jnp.where(lengths > 0, lengths, 1.0)
    changes, moves = state.changes / lengths[:, None], state.moves / lengths[:, None]
    # points that are nearly on one line leave the combination open: the regularisation keeps it small
    gram = changes @ changes.T + eps**0.8 * jnp.eye(lengths.shape[0], dtype=state.x.dtype)
    shares = eliminate(gram, (changes @ state.residual)[:, None])[0][:, 0]
    return state.damping * (state.residual - shares @ changes) - shares @ moves
