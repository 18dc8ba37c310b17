"""Shared limits: quadratic profits of three players, and the equilibrium by trying all sets of active limits."""

from functools import partial
from typing import Any

import numpy as np
from constrained import all_equilibria, constrained_game, random_games, river_basin

from problems.problem import Problem

ONES = np.ones(3)
SPARE = 0.0 * ONES  # a row that limits nothing
CAPPED = np.array([9.0, 8.5, 9.0]), -(np.ones((3, 3)) + np.eye(3))  # Cournot: intercepts less costs, slope 1
TURN = np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])


def _shared(name: str, linear: Any, matrix: Any, use: Any, limit: Any, weight: Any = ONES, **rest: Any) -> Problem:
    use, limit = np.array(use, float), np.array(limit, float)
    found = all_equilibria(linear, matrix, use, limit, weight)
    expected = {"x": found[0][:3]} if found else None
    assert all(np.allclose(point[:3], found[0][:3], rtol=1e-10) for point in found), f"{name} has several equilibria"
    make = partial(constrained_game, linear, matrix, use, limit, weight, highest=HIGHEST)
    return Problem(name, "shared", make, expected, shared=(use, limit), **rest)


def _random(count: int) -> list[Problem]:
    """Random strictly monotone games whose limits do not contradict each other, some of them on a limit or at zero."""
    games = list(zip(*random_games(4 * count, seed=5), strict=True))
    solvable = [game for game in games if all_equilibria(*game)]
    return [_shared(f"random limits {i + 1}", *game) for i, game in enumerate(solvable[:count])]


HIGHEST = 50.0

SHARED = [
    _shared("river basin", *river_basin()),
    _shared("emission cap on three firms", *CAPPED, [ONES, SPARE], [3.0, 1.0]),
    _shared("emission cap, weighted", *CAPPED, [ONES, SPARE], [3.0, 1.0], np.array([2.0, 1.0, 4.0])),
    _shared("emission cap that shuts a firm out", *CAPPED, [[1.0, 5.0, 1.0], SPARE], [3.0, 1.0]),
    _shared("emission cap in tonnes per billion", *CAPPED, [1e-9 * ONES, SPARE], [3e-9, 1.0]),
    _shared("emission cap from a corner", *CAPPED, [ONES, SPARE], [3.0, 1.0], start={"x": np.zeros(3)}),
    _shared("least total and two quotas", *CAPPED, [-ONES, [1.0, 0.0, 2.0]], [-8.0, 5.0]),
    _shared("cap that does not bind", *CAPPED, [ONES, SPARE], [100.0, 1.0]),
    _shared("rotation under a cap", np.array([1.0, 2.0, 3.0]), 3 * TURN - 0.1 * np.eye(3), [ONES, SPARE], [1.0, 1.0]),
    _shared("rotation of 30 under a cap", ONES, 30 * TURN - 0.1 * np.eye(3), [ONES, [1.0, 0, 0]], [9.0, 0.1]),
    _shared("limits that contradict", *CAPPED, [ONES, -ONES], [3.0, -3.5]),
    *_random(4),
]
