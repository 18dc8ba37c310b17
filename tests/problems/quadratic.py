"""Many actions: quadratic payoffs with the marginal payoffs F = b + M x and answers that are chosen first.

The wanted point and the push against each active bound give b. Where all principal minors of -M are positive (a
P-matrix; every positive definite matrix is one, and every matrix of zeros and a rotation nearly so) the point is the
only equilibrium. Players own runs of equally many entries, and M is symmetric among a player's own entries.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from eqsolve.game import Game
from problems.problem import Actions, Kind, Problem, one_action


def quadratic_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    """Each entry's share of its owner's payoff; `halved` is M with the terms among own entries halved."""
    x = actions["x"]
    return {"payoff": params["level"] + x * (params["linear"] + params["halved"] @ x)}


def quadratic_jacobian(params: Any, actions: Any) -> dict[str, Any]:
    x, halved = actions["x"], params["halved"]
    return {"payoff": {"x": x[:, None] * halved + jnp.diag(params["linear"] + halved @ x)}}


TURN, CHAIN, MEMBERS = 0.2, 0.2, 25


def teams_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    """Teams in a ring: each member is drawn to one neighbouring team's and away from the other's, and rubs against a
    fellow member."""
    x = actions["x"]
    neighbours = TURN * (jnp.roll(x, MEMBERS) - jnp.roll(x, -MEMBERS))
    fellow = jnp.roll(x.reshape(-1, MEMBERS), 1, axis=1).ravel()
    return {"payoff": x * (params["linear"] + neighbours - CHAIN * fellow - 0.5 * x)}


def _teams(name: str, kind: Kind, x: np.ndarray, push: np.ndarray | float = 0.0, **rest: Any) -> Problem:
    own = x.reshape(-1, MEMBERS)
    fellows = (np.roll(own, 1, axis=1) + np.roll(own, -1, axis=1)).ravel()
    linear = push + x + CHAIN * fellows - TURN * (np.roll(x, MEMBERS) - np.roll(x, -MEMBERS))
    make = partial(one_action, teams_outcomes, {"linear": linear}, BOX, MEMBERS)
    return Problem(name, kind, make, {"x": x}, **rest)


def quadratic_game(matrix: np.ndarray, linear: np.ndarray, box: Any, owned: int) -> Game:
    entries = np.arange(len(linear))
    same = entries[:, None] // owned == entries[None, :] // owned
    # payoffs of one or so, not zero: rounding is relative to them
    params = {"level": np.ones(len(linear)), "linear": linear, "halved": np.where(same, 0.5 * matrix, matrix)}
    return one_action(quadratic_outcomes, params, box, owned, quadratic_jacobian)


def _chosen(
    name: str,
    kind: Kind,
    matrix: np.ndarray,
    x: np.ndarray,
    box: Any,
    push: np.ndarray | float = 0.0,
    owned: int = 1,
    **rest: Any,
) -> Problem:
    linear = push - matrix @ x
    return Problem(name, kind, partial(quadratic_game, matrix, linear, box, owned), {"x": x}, **rest)


def _monotone(rng: np.random.Generator, size: int, owned: int) -> np.ndarray:
    """Minus a positive definite matrix, plus a rotation among players of about its size."""
    square = rng.normal(size=(size, size)) / np.sqrt(size)
    rotation = rng.normal(size=(size, size)) / np.sqrt(size)
    rotation *= np.arange(size)[:, None] // owned != np.arange(size)[None, :] // owned
    return rotation - rotation.T - square @ square.T - 0.5 * np.eye(size)


def _saddle(rng: np.random.Generator) -> np.ndarray:
    """Two players with three actions each, one paid x' A y and the other the opposite."""
    cross = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    return np.block([[np.zeros((3, 3)), cross], [-cross.T, np.zeros((3, 3))]])


def _sums(actions: Actions) -> np.ndarray:
    return actions["x"].reshape(2, 2).sum(axis=1)


RNG = np.random.default_rng(7)
BOX = (-2.0, 2.0)
ENDS = np.where(RNG.random(100) < 0.5, 2.0 * RNG.choice([-1.0, 1.0], 100), RNG.uniform(-1.5, 1.5, 100))
PUSH = np.where(np.abs(ENDS) == 2.0, np.sign(ENDS) * RNG.uniform(0.1, 1.0, 100), 0.0)
SADDLE = _saddle(RNG)
INNER = RNG.uniform(-1.0, 1.0, 6)
CORNER = np.array([2.0, 0.3, -0.4, 0.5, -2.0, 0.6])
QUARTET = _monotone(RNG, 4, 1)
UNITS = np.array([1e-6, 1e-2, 1e2, 1e6])
# no curvature at all: the pairs push each other around
WHEEL = np.kron([[0.0, 1.0], [0.0, 0.0]], [[1.0, 0.4], [-0.3, 0.8]])
WHEEL = WHEEL - WHEEL.T
STAIRS = -np.eye(10) + np.diag(3.0 * (-1.0) ** np.arange(9), -1)

QUADRATIC = [
    _teams("a hundred actions of four", "regular", RNG.uniform(-1.5, 1.5, 100)),
    _teams("a hundred actions of four, half at bounds", "corner", ENDS, PUSH),
    _teams("a hundred actions of four, from a corner", "corner", ENDS, PUSH, start={"x": np.full(100, -2.0)}),
    _chosen(
        "two players with ten actions each",
        "regular",
        _monotone(RNG, 20, 10),
        RNG.uniform(-1.5, 1.5, 20),
        BOX,
        owned=10,
    ),
    _chosen("saddle in six actions", "regular", SADDLE, INNER, BOX, owned=3),
    _chosen(
        "saddle in six actions, two at bounds",
        "corner",
        SADDLE,
        CORNER,
        BOX,
        np.where(np.abs(CORNER) == 2.0, 0.5 * np.sign(CORNER), 0.0),
        owned=3,
    ),
    _chosen("saddle in six actions from a corner", "corner", SADDLE, INNER, BOX, owned=3, start={"x": np.full(6, 2.0)}),
    _chosen("rotation of four players", "regular", WHEEL, np.array([0.5, -1.0, 0.2, 0.9]), BOX),
    _chosen(
        "four players, units a trillion apart",
        "scaled",
        QUARTET / UNITS[:, None] / UNITS[None, :],
        UNITS * np.array([0.5, -1.0, 0.2, 0.9]),
        (-2 * UNITS, 2 * UNITS),
    ),
    _chosen(
        "four players, payoffs a trillion apart",
        "scaled",
        QUARTET * UNITS[:, None],
        np.array([0.5, -1.0, 0.2, 0.9]),
        BOX,
    ),
    _chosen("a chain of ten, each three times the one before", "scaled", STAIRS, (-3.0) ** np.arange(10), (-1e6, 1e6)),
    _chosen(
        "pairs who only see their sum",
        "continuum",
        np.kron(np.eye(2), -np.ones((2, 2))),
        np.array([0.5, 0.5, 0.7, 0.5]),
        (0.0, 1.0),
        others=({"x": np.array([0.2, 0.8, 1.0, 0.2])},),
        determined=_sums,
    ),
]
