"""How a study names its mechanism and the parts of it: a built-in name, or "package.module:Name".

A mechanism is any callable that takes keyword parameters and returns a `Game`, or an object whose `game()` returns one.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from eqsolve._checks import unknown_name
from eqsolve.game import Game
from eqsolve.study._errors import StudyError
from eqsolve.study.names import imported

# modules whose classes go by their bare name
HOMES = ("eqsolve.mechanisms.classic", "eqsolve.mechanisms.newsvendor", "eqsolve.demand", "eqsolve.demand.joint")


def built_in_classes() -> dict[str, type[Any]]:
    """The classes that a study can name without their module.

    >>> "Cournot" in built_in_classes()
    True
    """
    found: dict[str, type[Any]] = {}
    for home in HOMES:
        module = importlib.import_module(home)
        for name in getattr(module, "__all__", tuple(vars(module))):
            value = getattr(module, name)
            if inspect.isclass(value) and not inspect.isabstract(value) and not name.startswith("_"):
                found[name] = value
    return found


def built_in_mechanisms() -> dict[str, type[Any]]:
    """The built-in classes that have a game."""
    return {name: value for name, value in built_in_classes().items() if callable(getattr(value, "game", None))}


def mechanism_named(name: str) -> Callable[..., Any]:
    """The mechanism that a study names.

    **Errors:** `StudyError` that names the nearest built-in mechanism, or says why the import failed.
    """
    return _named(name, "mechanism", built_in_mechanisms())


def part_named(name: Any, field: str) -> Callable[..., Any]:
    """The class or function that builds a part of a mechanism, such as its demand.

    **Errors:** as for `mechanism_named`.
    """
    return _named(name, field, built_in_classes())


def _named(name: Any, field: str, known: dict[str, type[Any]]) -> Callable[..., Any]:
    if not isinstance(name, str):
        raise StudyError(f"{field} is {name!r}; give a name in quotes.")
    if ":" not in name:
        if name not in known:
            hint = ' Your own are named by import: "package.module:Name".'
            raise StudyError(unknown_name(f"{field}: the name", name, sorted(known)) + hint)
        return known[name]
    found = imported(name, field)
    if not callable(found):
        raise StudyError(f"{field} is {name!r}, which is {found!r}; name a class or a function.")
    return found


class Keywords(NamedTuple):
    """The keyword arguments of a callable: all it accepts (None: anything), and those without a default."""

    accepted: list[str] | None
    needed: list[str]


def keywords(build: Callable[..., Any]) -> Keywords:
    """What `build` can be called with, by name.

    >>> keywords(lambda price, margin=0.5: None)
    Keywords(accepted=['price', 'margin'], needed=['price'])
    """
    try:
        parameters = inspect.signature(build).parameters.values()
    except ValueError:  # some built-in functions have no signature
        return Keywords(None, [])
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return Keywords(None if anything else [p.name for p in named], [p.name for p in named if p.default is p.empty])


def as_game(built: Any) -> Game:
    """The game of what a mechanism returned.

    **Errors:** `StudyError` where it is neither a `Game` nor has one.
    """
    game = built if isinstance(built, Game) else getattr(built, "game", lambda: None)()
    if not isinstance(game, Game):
        raise StudyError(f"mechanism returns {built!r}; it must return a Game, or an object whose game() is one.")
    return game
