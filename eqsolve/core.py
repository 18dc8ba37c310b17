"""The uncompiled solve of one stage, on which the entry points and sequential play build."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from eqsolve._checks import unknown_name
from eqsolve._tangents import carrying
from eqsolve.equilibrium import Equilibrium, Status
from eqsolve.game import Game, paid
from eqsolve.implicit import attach_derivative
from eqsolve.points import Point, solved_point, thorough_point
from eqsolve.problem import Problem, problem_of
from eqsolve.solvers.base import Solver
from eqsolve.solvers.priced import at_zero_prices, priced, problem_at
from eqsolve.solvers.rows import rows_of
from eqsolve.starts import default_start


def solve_from(game: Game, start: Mapping[str, Array] | None, solver: Solver) -> Equilibrium:
    """The uncompiled solve of one stage: find the point, attach derivatives, name everything."""
    plain = problem_of(jax.lax.stop_gradient(game))
    x = _own_start(plain) if start is None else plain.vector(start)
    fixed = priced(plain, jnp.clip(x, plain.lower, plain.upper))
    return equilibrium_at(game, solved_point(fixed, at_zero_prices(fixed, x), solver))


def _own_start(problem: Problem) -> Array:
    """Where the game's own `start` is, moved into its bounds; the default in entries where it is no number."""
    default, game = default_start(problem.lower, problem.upper), problem.game
    if game.start is None:
        return default
    x = problem.vector(game.start(game.params))
    return jnp.where(jnp.isfinite(x), jnp.clip(x, problem.lower, problem.upper), default)


def answer_of(game: Game, solver: Solver) -> Point:
    """The point at which a stage ends that others anticipate; carries no derivatives.

    Found in the same way on the path and off it, so that of several equilibria all see the same one.
    """
    fixed = problem_of(jax.lax.stop_gradient(game))
    return thorough_point(fixed, default_start(fixed.lower, fixed.upper), solver)


def equilibrium_at(game: Game, point: Point) -> Equilibrium:
    """Everything that follows from a point, with derivatives in all arrays of the game."""
    verdict = point.verdict
    computed = (verdict.status != Status.nonfinite) & (verdict.status != Status.infeasible)
    x = attach_derivative(game, point.x, verdict.status == Status.converged)
    problem = problem_of(game)
    marginal = carrying(lambda game, x: problem_at(game, x).marginal(x), verdict.marginal, game, x)
    expected = carrying(lambda game, x: game.expect(problem_of(game).actions(x)), point.outcomes, game, x)
    return Equilibrium(
        actions=problem.actions(x),
        outcomes=expected,
        objectives=OrderedDict((player, paid(game.pay[player], expected)) for player in game.players),
        residual=jnp.where(computed, verdict.residual, jnp.nan),
        multipliers=problem.actions(jnp.where(computed, jnp.where(verdict.active != 0, marginal, 0.0), jnp.nan)),
        active=problem.actions(jnp.where(computed, verdict.active, 0)),
        status=verdict.status,
        steps=point.steps,
        owners=tuple((action.name, action.owners) for action in game.actions),
        **_shared(problem, x[: problem.size], x[problem.size :]),
    )


def _shared(problem: Problem, x: Array, prices: Array) -> dict[str, OrderedDict[str, Any]]:
    """The fields of an `Equilibrium` about shared constraints; none without constraints."""
    constraint, rows = problem.game.constraint, rows_of(problem)
    if constraint is None or rows is None:
        return {}
    by_player = [(player, constraint.named(prices / constraint.weight(player))) for player in problem.game.players]
    return {
        "prices": constraint.named(prices),
        "slack": constraint.named(rows.slack(x)),
        "player_prices": OrderedDict(by_player),
    }


def require_game(game: object, where: str) -> None:
    """Raise where something else than a game was given."""
    if not isinstance(game, Game):
        raise TypeError(f"{where} got {game!r}; give a Game, for instance mechanism.game().")


def as_actions(game: Game, actions: Mapping[str, Any], what: str) -> dict[str, Array]:
    """`actions` as arrays of the declared shapes; raises where names or shapes are wrong."""
    if not isinstance(actions, Mapping):
        raise TypeError(f"{what} is {actions!r}; give a dict from action name to value.")
    known = [action.name for action in game.actions]
    for name in actions:
        if name not in known:
            raise ValueError(unknown_name(f"{what}: action", name, known))
    arrays = {}
    for action in game.actions:
        if action.name not in actions:
            raise ValueError(f"{what} has no entry {action.name!r}; give every action: {known}.")
        value = jnp.asarray(actions[action.name], game.dtype)
        if value.shape != action.shape:
            raise ValueError(f"{what}[{action.name!r}] has shape {value.shape}; the action has shape {action.shape}.")
        arrays[action.name] = value
    return arrays
