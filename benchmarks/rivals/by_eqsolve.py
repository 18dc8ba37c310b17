"""The games solved by eqsolve, as its users write them."""

from typing import Any

import numpy as np
from fungible import by_parts as parts_game
from fungible import on_grid as grid_game

import eqsolve as eqs
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors
from rivals import Answer, Games


def _answer(found: eqs.Equilibrium, action: str) -> Answer:
    return Answer(np.asarray(found.actions[action]), np.asarray(found.solved), np.asarray(found.steps))


_on_grid, _by_parts = eqs.batch(grid_game), eqs.batch(parts_game)


def on_grid(games: Games) -> Answer:
    """The fungible-capacity game on the 16 x 16 grid."""
    return _answer(_on_grid(games), "capacity")


def by_parts(games: Games) -> Answer:
    """The fungible-capacity game with the second shock in closed form."""
    return _answer(_by_parts(games), "capacity")


def _newsvendors(params: dict[str, Any]) -> eqs.Game:
    return CompetingNewsvendors(params["price"], params["margin"], params["spill"], params["demand"]).game()


def _best_replies(game: eqs.Game) -> eqs.Equilibrium:
    return eqs.solve_nash(game, solver=eqs.BestReply())


_many_newsvendors = eqs.batch(
    _newsvendors, axes={"price": 0, "margin": 0, "spill": 0, "demand": None}, task=_best_replies
)


def newsvendors(games: Games) -> Answer:
    """The competing newsvendors, whose profits have kinks, by best replies."""
    return _answer(_many_newsvendors(games), "stock")
