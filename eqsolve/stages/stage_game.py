"""One stage of sequential play as a game of its own: the stages after it answer with their equilibrium."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from eqsolve.core import answer_of
from eqsolve.equilibrium import Status, is_solved
from eqsolve.game import Game
from eqsolve.implicit import attach_one_sided_derivative
from eqsolve.problem import problem_of
from eqsolve.solvers.base import Solver


class StageGame(Game):
    """The players of one stage, facing `earlier` actions and followers who answer with their equilibrium.

    **Arguments:** `whole`: the game with all stages. `stage`: which of them. `earlier`: what was decided before it.
    `followers`: one solver for each later stage.
    """

    whole: Game
    earlier: dict[str, Array]
    followers: tuple[Solver, ...]
    stage: int = eqx.field(static=True)

    def __init__(self, whole: Game, stage: int, earlier: Mapping[str, Array], followers: tuple[Solver, ...]):
        self.whole = whole
        self.stage = stage
        self.earlier = dict(earlier)
        self.followers = followers
        self.params = whole.params
        self.actions = whole.layout.stage_actions(stage)
        self.order = (whole.order[stage],)
        self.pay = {player: whole.pay[player] for player in whole.order[stage]}
        self.total = whole.total
        self.bounds = whole.bounds
        self.rule = whole.rule
        self.outcomes = whole.outcomes
        self.expected = whole.expected
        self.jacobian = None if followers else whole.jacobian  # which knows nothing of how followers react
        self.derived = whole.derived
        self.constraint = whole.constraint
        self.start = None

    def _require_sound(self) -> None:
        """A stage of a game is as sound as the game."""

    def limits(self, actions: Mapping[str, Any] | None = None) -> tuple[dict[str, Array], dict[str, Array]]:
        """The bounds of the stage's actions after the earlier ones."""
        return self.whole.layout.limits(self.bounds, self.params, self.stage, self.earlier)

    def expect(self, actions: Mapping[str, Any]) -> OrderedDict[str, Array]:
        """E[outcome] after the later stages have answered; NaN where one of them has no solved equilibrium."""
        return self.offered(actions)[0]

    def offered(self, actions: Mapping[str, Any]) -> tuple[OrderedDict[str, Array], Bool[Array, ""]]:
        """The same, and whether the later stages have something to choose."""
        profile, solved, is_open = self.played_out(actions)
        # added, so that derivatives are NaN as well: no search may stop there
        unsolved = jnp.where(solved, 0.0, jnp.nan) * sum(jnp.sum(own) for own in actions.values())
        return OrderedDict((name, value + unsolved) for name, value in self.whole.expect(profile).items()), is_open

    def primary(self, actions: Mapping[str, Any]) -> OrderedDict[str, Array]:
        """The part of `expect` that the mechanism's own functions give."""
        return self.whole.primary(self.played_out(actions)[0])

    def slopes(self, actions: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """The mechanism's Jacobian in the entries of the last stage."""
        slopes = self.whole.slopes(self.whole.layout.joined(self.stage, self.earlier, actions))
        own = self.whole.layout.parts(self.stage)
        return {
            outcome: {a.name: _own_columns(row[a.name], rows, len(a.shape)) for a, rows in own if a.name in row}
            for outcome, row in slopes.items()
        }

    def played_out(self, actions: Mapping[str, Any]) -> tuple[dict[str, Array], Bool[Array, ""], Bool[Array, ""]]:
        """Everybody's actions after these of the stage.

        And whether every later stage has a solved equilibrium, and whether every one has something to choose.
        """
        profile = self.whole.layout.joined(self.stage, self.earlier, actions)
        if not self.followers:
            return profile, jnp.asarray(True), jnp.asarray(True)
        return _answer(StageGame(self.whole, self.stage + 1, profile, self.followers[1:]), self.followers[0])


def _own_columns(block: Array, rows: np.ndarray | None, dimensions: int) -> Array:
    return block if rows is None else jnp.take(block, rows, axis=jnp.ndim(block) - dimensions)


@eqx.filter_jit  # traced once, however often a solver asks for payoffs
def _answer(game: StageGame, solver: Solver) -> tuple[dict[str, Array], Bool[Array, ""], Bool[Array, ""]]:
    """The equilibrium of a stage and of those after it."""
    point = answer_of(game, solver)
    status = point.verdict.status
    x = attach_one_sided_derivative(game, point.x, status == Status.converged)
    profile, solved, is_open = game.played_out(problem_of(game).actions(x))
    # an earlier stage that has nothing to choose leaves NaN to those after it, which then are not to blame
    empty = status == Status.infeasible
    return profile, is_solved(status) & solved, ~empty & (is_open | ~is_solved(status))


def facing(game: Game, stage: int, earlier: Mapping[str, Array], solvers: tuple[Solver, ...]) -> Game:
    """What the players of a stage face: the game itself where it has one stage. `solvers` has one for every stage."""
    return game if len(game.order) == 1 else StageGame(game, stage, earlier, solvers[stage + 1 :])
