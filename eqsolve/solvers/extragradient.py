"""Extragradient: look ahead along the marginal payoffs, then step along those found there.

Gradient play circles around a saddle because it reacts to where the others were; reacting to where they are heading
pulls it in. Converges in every monotone game, bilinear saddles included, from first derivatives only.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.base import Solution, Solver, require_settings
from eqsolve.solvers.first_order import Round, in_rounds, norm

CAUTION = 0.7  # the change of the marginal payoffs that a look ahead may meet, relative to its own length
GROWTH = 1.5
LONGEST = 1e8


class _State(eqx.Module):
    x: Float[Array, " n"]
    marginal: Float[Array, " n"]
    ahead: Float[Array, " n"]  # the marginal payoffs that the next point follows
    looked: Bool[Array, ""]  # whether they are those found by looking ahead
    ratio: Float[Array, ""]
    length: Float[Array, ""]
    finished: Bool[Array, ""]
    steps: Int[Array, ""]


class Extragradient(Solver):
    r"""Projected extragradient with an adaptive step; needs no second derivatives.

    With each entry in units in which its own curvature is one, and the projection $P$ onto the box,

    $$y = P(x + \lambda F(x)), \qquad x' = P(x + \lambda F(y)),$$

    where $\lambda$ is shortened until $\lambda |F(y) - F(x)| \le 0.7 |y - x|$ and grows where there is room.

    **Arguments:** `max_steps`: evaluations of the marginal payoffs, two per step (default 20,000). `tolerance`:
    relative residual that counts as solved; None means 7e-11 in float64 and 3e-5 in float32, as for `Newton`.
    **Status codes:** all of `Status`; `step_limit` also covers cycles in games that are not monotone. Local, like
    `Newton`; slower, but each step costs two evaluations of the marginal payoffs whatever the number of actions, and
    averages over draws need no smoothing. Kinks, and what has not settled, are bracketed entry by entry, as in
    `Newton`.
    **Source:** Korpelevich (1976); the step is that of Khobotov (1987) and Marcotte (1991); Facchinei and Pang,
    Finite-Dimensional Variational Inequalities, section 12.1.2.

    >>> from eqsolve import game_from_payoffs, solve_nash
    >>> def row(params, actions):
    ...     return actions["row"] * actions["column"]
    >>> def column(params, actions):
    ...     return -actions["row"] * actions["column"]
    >>> game = game_from_payoffs({"row": row, "column": column}, {"row": (-1, 2), "column": (-1, 2)})
    >>> round(abs(float(solve_nash(game, solver=Extragradient()).actions["row"])), 3)
    0.0
    """

    max_steps: int = eqx.field(static=True, default=20_000)
    tolerance: float | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        require_settings(self, "max_steps")

    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Extragradient steps from `start`."""
        return in_rounds(problem, start, self.max_steps, self.tolerance, _advance)


def _advance(now: Round, budget: Int[Array, ""], aim: float) -> tuple[Array, Int[Array, ""]]:
    one = jnp.ones((), now.x.dtype)
    no = jnp.asarray(False)
    first = _State(now.x, now.marginal, now.marginal, no, one, one, no, jnp.asarray(0))
    end = jax.lax.while_loop(lambda s: ~s.finished & (s.steps < budget), lambda s: _evaluate(now, s, aim), first)
    return end.x, end.steps


def _evaluate(now: Round, state: _State, aim: float) -> _State:
    """One evaluation of the marginal payoffs, either ahead or at the next point: one call compiles once."""
    problem, curvature = now.problem, now.curvature
    point = jnp.clip(state.x + state.length * state.ahead / curvature, problem.lower, problem.upper)
    marginal = problem.marginal(point)
    moved = norm((point - state.x) / now.scale)
    turned = state.length * norm((marginal - state.marginal) / (curvature * now.scale))
    ratio = turned / jnp.where(moved > 0, moved, 1.0)
    finite = jnp.all(jnp.isfinite(marginal))
    good = finite & (state.looked | (ratio <= CAUTION))
    step = good & state.looked
    # a jump of the marginal payoffs says little about steps that are too short to meet it
    shorter = jnp.where(finite, jnp.clip(0.9 * CAUTION / jnp.where(ratio > 0, ratio, 1.0), 0.1, 0.5), 0.1)
    longer = jnp.where(step & (state.ratio < 0.5 * CAUTION), GROWTH, 1.0)
    x, at_x = jnp.where(step, point, state.x), jnp.where(step, marginal, state.marginal)
    # no shorter look ahead, and no step, would still be seen: a kink, or the end
    still = jnp.all(jnp.abs(point - state.x) <= jnp.finfo(x.dtype).eps * now.scale)
    return _State(
        x=x,
        marginal=at_x,
        ahead=jnp.where(good, marginal, at_x),
        looked=good & ~state.looked,
        ratio=jnp.where(state.looked, state.ratio, ratio),
        length=jnp.minimum(state.length * jnp.where(good, longer, shorter), LONGEST),
        finished=still | jnp.all(now.measure(x, at_x).relative <= aim),
        steps=state.steps + 1,
    )
