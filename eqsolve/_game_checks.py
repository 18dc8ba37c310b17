"""Everything that can be checked about a game when it is built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from eqsolve._checks import (
    concrete,
    require_callable,
    require_finite,
    require_no_captured_arrays,
    unknown_name,
)
from eqsolve._shapes import shapes_of
from eqsolve.expectation.rule import Rule

if TYPE_CHECKING:
    from eqsolve.game import Game


def as_stages(order: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """The stages of play as tuples of players; raises for a text, which Python would take apart into letters."""
    stages = [order] if isinstance(order, str) else list(order)
    for stage in stages:
        if isinstance(stage, str):
            raise TypeError(
                f"Game.order has the text {stage!r} where a list belongs; give one list of players per stage, such as"
                ' [["leader"], ["follower 1", "follower 2"]].'
            )
    return tuple(map(tuple, stages))


def check_game(game: Game) -> None:
    """Raise `TypeError` or `ValueError` that names the field, the value and the way out."""
    _check_players(game)
    _check_stages(game)
    _check_functions(game)
    require_finite(game.params, "Game.params")
    require_finite(game.pay, "Game.pay")
    require_finite(game.total, "Game.total")
    _check_bounds(game)
    _check_constraint(game)
    _check_outcomes(game)


def _check_players(game: Game) -> None:
    if not game.pay:
        raise ValueError("Game.pay is empty; a game needs at least one player: {player: {outcome: coefficient}}.")
    if not game.actions:
        raise ValueError("Game.actions is empty; give at least one Action(name, shape, owner).")
    names = [action.name for action in game.actions]
    if len(set(names)) < len(names):
        raise ValueError(f"Game.actions has the names {names}; every action needs a name of its own.")
    owners = dict.fromkeys(owner for action in game.actions for owner in action.owners)
    for owner in owners:
        if owner not in game.pay:
            raise ValueError(unknown_name("Game.actions: owner", owner, game.pay))
    idle = [player for player in game.pay if player not in owners]
    if idle:
        raise ValueError(f"Game.pay names {idle}, who own no action; give each player an action or remove them.")


def _check_stages(game: Game) -> None:
    if sorted(game.players) != sorted(game.pay):
        raise ValueError(
            f"Game.order is {game.order}, but Game.pay names {list(game.pay)}; list every player once, stage by stage."
        )
    if not all(game.order):
        raise ValueError(f"Game.order is {game.order}; give every stage at least one player.")
    if game.constraint is not None and len(game.order) > 1:
        raise ValueError(
            f"Game.order has {len(game.order)} stages and Game.constraint is set; shared constraints need one stage."
        )


def _check_functions(game: Game) -> None:
    if (game.outcomes is None) == (game.expected is None):
        raise ValueError("Game needs exactly one of `outcomes` (one realisation) and `expected` (closed form of E).")
    if game.expected is not None and game.rule is not None:
        raise ValueError("Game.rule is set, but `expected` already is the expectation; remove one of them.")
    if game.rule is not None:
        if not isinstance(game.rule, Rule):
            raise TypeError(f"Game.rule is {game.rule!r}; give a Rule such as Scenarios(nodes) or None.")
        game.rule.check(game.params)
    if game.start is not None and len(game.order) > 1:
        raise ValueError(f"Game.start is set and Game.order has {len(game.order)} stages; remove one of them.")
    for field in ("outcomes", "expected", "jacobian", "derived", "start"):
        function = getattr(game, field)
        require_callable(function, f"Game.{field}")
        require_no_captured_arrays(function, f"Game.{field}")


def _check_bounds(game: Game) -> None:
    for stage in range(len(game.order)):
        limits = _bounds_in(game, stage)
        if not (isinstance(limits, tuple) and len(limits) == 2):
            raise TypeError(f"Game.bounds returned {type(limits).__name__}; return a pair of dicts (lower, upper).")
        decided = [action for action, _ in game.layout.parts(stage)]
        where = f", which is decided in stage {stage + 1}" if len(game.order) > 1 else ""
        for side, given in zip(("lower", "upper"), limits, strict=True):
            known = [action.name for action in game.actions]
            for name in given:
                if name not in known:
                    raise ValueError(unknown_name(f"Game.bounds: {side} bound of action", name, known))
            for action in decided:
                if action.name not in given:
                    raise ValueError(
                        f"Game.bounds gives no {side} bound for action {action.name!r}{where}; write -inf or inf for"
                        " none."
                    )
                _check_broadcast(
                    np.shape(given[action.name]), action.shape, f"Game.bounds: {side} bound of {action.name!r}{where}"
                )
    # where earlier actions move the bounds of later stages, an empty interval is a status of the solve
    known = 1 if game.layout.bounds_move(game.bounds, game.params) else len(game.order)
    for stage in range(known):
        lower, upper = _bounds_in(game, stage, concretely=True)
        for action, _ in game.layout.parts(stage):
            _check_interval(action.name, lower[action.name], upper[action.name])


def _bounds_in(game: Game, stage: int, concretely: bool = False) -> Any:
    """What `Game.bounds` returns in a stage; only shapes if it depends on earlier actions, whose values are unknown."""
    layout = game.layout
    earlier = layout.before(stage, layout.zeros(game.params))
    try:
        if stage == 0 or concretely:
            return game.bounds(game.params, earlier)
        return jax.eval_shape(lambda known: game.bounds(game.params, known), earlier)
    except KeyError as error:
        raise ValueError(
            f"Game.bounds asks for {error} in stage {stage + 1}, where only {list(earlier)} were decided before; with"
            " several stages it is asked once for each: look at later actions only `if` they are there."
        ) from error


def _check_interval(name: str, lower: Any, upper: Any) -> None:
    low, high = concrete(lower), concrete(upper)
    if low is None or high is None:
        return
    bad = ~(low <= high) | np.isposinf(low) | np.isneginf(high)
    if np.any(bad):
        index = tuple(np.argwhere(bad)[0])
        low, high = np.broadcast_to(low, bad.shape)[index], np.broadcast_to(high, bad.shape)[index]
        where = f"[{', '.join(map(str, index))}]" if index else ""
        raise ValueError(f"Game.bounds of {name}{where}: lower {low}, upper {high}; give numbers with lower <= upper.")


def _check_constraint(game: Game) -> None:
    constraint = game.constraint
    if constraint is None:
        return
    require_finite(constraint, "Game.constraint")
    shapes = {action.name: action.shape for action in game.actions}
    for name in constraint.names:
        for action, given in constraint.coefficients[name].items():
            if action not in shapes:
                raise ValueError(unknown_name(f"Game.constraint: action of {name!r}", action, shapes))
            wanted = constraint.limit(name).shape + shapes[action]
            _check_broadcast(given.shape, wanted, f"Game.constraint: coefficients[{name!r}][{action!r}]")
    for player in constraint.weights:
        if player not in game.pay:
            raise ValueError(unknown_name("Game.constraint: weight of player", player, game.players))


def _check_broadcast(given: tuple[int, ...], wanted: tuple[int, ...], what: str) -> None:
    try:
        fits = np.broadcast_shapes(given, wanted) == wanted
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{what} has shape {given}, which does not broadcast to {wanted}.")


def _check_outcomes(game: Game) -> None:
    actions = {a.name: jax.ShapeDtypeStruct(a.shape, game.dtype) for a in game.actions}
    field = "outcomes" if game.expected is None else "expected"
    try:
        primary = shapes_of(type(game).primary, game, actions)
    except KeyError as error:
        names = [a.name for a in game.actions]
        raise ValueError(
            f"Game.{field} asks for {error}, which is neither a parameter nor one of the actions {names}."
        ) from error
    except Exception as error:
        error.add_note(
            f"This happened in Game.{field}, the function that you gave. JAX traces it: it takes (params, actions,"
            " shock) (`expected` and payoffs: (params, actions)), computes with jax.numpy instead of numpy or math, and"
            " chooses with jnp.where instead of `if`."
        )
        raise
    derived = shapes_of(type(game).derive, game, primary)
    if clash := set(primary) & set(derived):
        raise ValueError(f"Game.derived returns {sorted(clash)}, which Game.{field} returns too; use other names.")
    shapes = {name: value.shape for name, value in {**primary, **derived}.items()}
    if not shapes or not game.total:
        raise ValueError(
            f"Game.total is {game.total} and the outcomes are {list(shapes)}; both need at least one name."
        )
    for where, coefficients in {"total": game.total, **{f"pay[{p!r}]": c for p, c in game.pay.items()}}.items():
        for name, value in coefficients.items():
            if name not in shapes:
                raise ValueError(unknown_name(f"Game.{where}: outcome", name, shapes))
            _check_broadcast(value.shape, shapes[name], f"Game.{where}[{name!r}]")
    if game.jacobian is not None:
        _check_jacobian(game, actions, {name: value.shape for name, value in primary.items()})
    if game.start is not None:
        _check_start(game, actions)


def _check_start(game: Game, actions: dict[str, Any]) -> None:
    given = shapes_of(game.start, game.params)  # pyright: ignore[reportArgumentType]
    for name in given:
        if name not in actions:
            raise ValueError(unknown_name("Game.start: action", name, actions))
    for name, action in actions.items():
        if name not in given:
            raise ValueError(f"Game.start gives no value for action {name!r}; give every action: {list(actions)}.")
        if np.shape(given[name]) != action.shape:
            raise ValueError(f"Game.start[{name!r}] has shape {np.shape(given[name])}; the action has {action.shape}.")


def _check_jacobian(game: Game, actions: dict[str, Any], outcomes: dict[str, tuple[int, ...]]) -> None:
    returned = shapes_of(game.jacobian, game.params, actions)  # pyright: ignore[reportArgumentType]
    for outcome, row in returned.items():
        if outcome not in outcomes:
            raise ValueError(unknown_name("Game.jacobian: outcome", outcome, outcomes))
        for action, block in row.items():
            if action not in actions:
                raise ValueError(unknown_name("Game.jacobian: action", action, actions))
            wanted = outcomes[outcome] + actions[action].shape
            if block.shape != wanted:
                raise ValueError(
                    f"Game.jacobian[{outcome!r}][{action!r}] has shape {block.shape}; the outcome's shape followed by"
                    f" the action's is {wanted}."
                )
