"""A game with several stages solved along its path: the first stage anticipates all others, then each answers."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve.core import answer_of, equilibrium_at, solve_from
from eqsolve.equilibrium import Equilibrium, Status, code, is_solved
from eqsolve.game import Game
from eqsolve.solvers.base import Solver
from eqsolve.stages.stage_game import StageGame

Value = TypeVar("Value")


def solve_stages(game: Game, start: Mapping[str, Array] | None, solvers: tuple[Solver, ...]) -> Equilibrium:
    """The uncompiled solve of a game with several stages, one solver for each.

    **Arguments:** `start`: where the first stage starts; later stages start from their default, as they do when
    earlier ones anticipate them.
    **Returns:** an `Equilibrium` of the whole game: the actions on the path, the largest residual, the sum of the
    stages' steps, and the worst status (that of the first stage without a solution, if there is one).
    """
    earlier: dict[str, Array] = {}
    found: list[Equilibrium] = []
    for stage, solver in enumerate(solvers):
        facing = StageGame(game, stage, earlier, solvers[stage + 1 :])
        if stage == 0:
            found.append(solve_from(facing, start, solver))
        else:
            found.append(equilibrium_at(facing, answer_of(facing, solver)))
        earlier = game.layout.joined(stage, earlier, found[-1].actions)
    actions = by_action(game, [part.actions for part in found])
    return Equilibrium(
        actions=actions,
        outcomes=game.expect(actions),
        objectives=game.objectives(actions),
        residual=jnp.max(jnp.stack([part.residual for part in found])),
        multipliers=by_action(game, [part.multipliers for part in found]),
        active=by_action(game, [part.active for part in found]),
        status=_worst([part.status for part in found]),
        steps=jnp.sum(jnp.stack([part.steps for part in found])),
        owners=tuple((action.name, action.owners) for action in game.actions),
    )


def by_action(game: Game, parts: list[OrderedDict[str, Array]]) -> OrderedDict[str, Array]:
    """Values per stage and action as whole actions, in declared order."""
    whole: dict[str, Array] = {}
    for stage, own in enumerate(parts):
        whole = game.layout.joined(stage, whole, own)
    return OrderedDict((action.name, whole[action.name]) for action in game.actions)


def by_player(game: Game, parts: list[OrderedDict[str, Value]]) -> OrderedDict[str, Value]:
    """Values per stage and player as one dict, in declared order."""
    return OrderedDict((player, part[player]) for part in parts for player in game.players if player in part)


def _worst(statuses: list[Status]) -> Status:
    worst = statuses[0]
    for status in statuses[1:]:
        value = jnp.where(is_solved(worst), jnp.maximum(code(worst), code(status)), code(worst))
        worst = eqx.tree_at(lambda s: s._value, worst, value)
    return worst
