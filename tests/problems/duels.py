"""Two players with one action each: polynomial payoffs, and the same with kinks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from eqsolve.game import Game
from problems.problem import Actions, Kind, Problem, one_action

# Two players with polynomial payoffs: l + a x + b x^2 / 2 + c x y + d x^4 in the own action x and the other's y


def polynomial_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    x = actions["x"]
    smooth = params["level"] + params["linear"] * x + params["square"] * x**2 / 2 + params["cross"] * x * x[::-1]
    return {"payoff": smooth + params["quartic"] * x**4}


# The same with kinks: a x - w |x - t - r y| + m min(x, y)


def kinked_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    x = actions["x"]
    valley = jnp.abs(x - params["target"] - params["follow"] * x[::-1])
    return {"payoff": params["linear"] * x - params["weight"] * valley + params["least"] * jnp.min(x)}


def _duel(outcomes: Callable[..., Any], fields: tuple[str, ...], box: Any, numbers: dict[str, Any]) -> Game:
    assert numbers.keys() <= set(fields)
    return one_action(outcomes, {name: np.broadcast_to(numbers.get(name, 0.0), (2,)) for name in fields}, box)


def _x(*values: float) -> Actions:
    return {"x": np.array(values)}


def _polynomial(name: str, kind: Kind, box: Any, expected: Actions | None, numbers: Any, **rest: Any) -> Problem:
    make = partial(_duel, polynomial_outcomes, ("level", "linear", "square", "cross", "quartic"), box, numbers)
    return Problem(name, kind, make, expected, **rest)


def _kinked(name: str, kind: Kind, box: Any, expected: Actions, numbers: Any, **rest: Any) -> Problem:
    make = partial(_duel, kinked_outcomes, ("linear", "weight", "target", "follow", "least"), box, numbers)
    return Problem(name, kind, make, expected, **rest)


def _difference(actions: Actions) -> np.ndarray:
    return actions["x"][0] - actions["x"][1]


def _nothing(actions: Actions) -> np.ndarray:
    return np.zeros(0)


UNIT, WIDE, OPEN = (0.0, 1.0), (-2.0, 2.0), (-np.inf, np.inf)
LOW, _, HIGH = np.sort(np.roots([-4.0, 0.0, 4.0, 0.5]).real)  # peaks and valley of x / 2 + 2 x^2 - x^4
INNER = np.sort(np.roots([1.2, 0.0, -4.0, 2.0]).real)[1]  # the peak of 2 x - 2 x^2 + 0.3 x^4
DUELS = [
    _polynomial("zero sum saddle", "regular", (-1.0, 2.0), _x(0.0, 0.0), {"level": 1.0, "cross": [1.0, -1.0]}),
    _polynomial(
        "saddle from a corner",
        "corner",
        (-1.0, 2.0),
        _x(0.5, 0.25),
        {"level": 1.0, "cross": [1.0, -1.0], "linear": [-0.25, 0.5]},
        start=_x(2.0, 2.0),
    ),
    _polynomial(
        "saddle, payoffs a thousand apart",
        "scaled",
        WIDE,
        _x(0.5, -0.25),
        {"cross": [1e3, -1.0], "linear": [250.0, 0.5]},
    ),
    _polynomial(
        "one leans on the other",
        "regular",
        WIDE,
        _x(0.5, 0.25),
        {"square": -1.0, "cross": [3.0, 0.1], "linear": [-0.25, 0.2]},
    ),
    _polynomial(
        "replies almost parallel",
        "regular",
        WIDE,
        _x(1.0, 0.5),
        {"square": -1.0, "cross": -0.96, "linear": [1.48, 1.46]},
    ),
    _polynomial("matching pennies", "regular", UNIT, _x(0.75, 0.25), {"cross": [4.0, -4.0], "linear": [-1.0, 3.0]}),
    _polynomial(
        "strong rotation, weak concavity",
        "regular",
        WIDE,
        _x(1.0, 1.0),
        {"square": -0.1, "cross": [1.0, -1.0], "linear": [-0.9, 1.1]},
    ),
    _polynomial(
        "unbounded, finite answer", "regular", OPEN, _x(8.0, 7.0), {"square": -2.0, "cross": 1.0, "linear": [9.0, 6.0]}
    ),
    _polynomial(
        "half bounded",
        "corner",
        ([0.0, -np.inf], np.inf),
        _x(0.0, -1.5),
        {"square": -2.0, "cross": 1.0, "linear": [-1.0, -3.0]},
    ),
    _polynomial(
        "one player without a choice",
        "corner",
        ([0.5, 0.0], [0.5, 2.0]),
        _x(0.5, 0.75),
        {"square": -2.0, "cross": 1.0, "linear": 1.0},
    ),
    _polynomial("both at opposite ends", "corner", UNIT, _x(1.0, 0.0), {"linear": [1.0, -1.0], "square": -0.1}),
    _polynomial(
        "payoffs a million apart",
        "scaled",
        WIDE,
        _x(0.75, 0.5),
        {"square": [-2e6, -2e-6], "cross": [1e6, 1e-6 / 3], "linear": [1e6, 0.75e-6]},
    ),
    _polynomial(
        "actions a million apart",
        "scaled",
        (0.0, [3e6, 3e-6]),
        _x(1e6, 1e-6),
        {"square": [-2e-6, -2e6], "cross": [1.0, 1e-6], "linear": [2.0 - 1e-6, 1.0]},
    ),
    _polynomial(
        "coordination at the ends",
        "several",
        UNIT,
        _x(1.0, 1.0),
        {"cross": 1.0, "linear": -0.3},
        others=(_x(0.0, 0.0), _x(0.3, 0.3)),
    ),
    _polynomial(
        "three crossings of replies",
        "several",
        (-2.0, 3.0),
        _x(1.0, 1.0),
        {"cross": 1.0, "quartic": -0.25},
        others=(_x(0.0, 0.0), _x(-1.0, -1.0)),
    ),
    _polynomial(
        "three crossings of replies, from a corner",
        "several",
        (-2.0, 3.0),
        _x(1.0, 1.0),
        {"cross": 1.0, "quartic": -0.25},
        others=(_x(0.0, 0.0), _x(-1.0, -1.0)),
        start=_x(-2.0, 3.0),
    ),
    _polynomial(
        "chicken",
        "several",
        UNIT,
        _x(1.0, 0.0),
        {"cross": -2.0, "square": -1.0, "linear": 1.0},
        others=(_x(0.0, 1.0), _x(1 / 3, 1 / 3)),
    ),
    _polynomial(
        "evader and pursuer",
        "no_pure",
        UNIT,
        None,
        {"square": [2.0, -2.0], "cross": [-2.0, 2.0]},
        stationary=_x(0.5, 0.5),
    ),
    _polynomial(
        "evader who is shy of the end",
        "no_pure",
        UNIT,
        None,
        {"square": [2.0, -2.0], "cross": [-1.5, 2.0], "linear": [-0.3, 0.0]},
        stationary=_x(0.6, 0.6),
    ),
    _polynomial(
        "an end above the inner peak",
        "false_stationary",
        (0.0, 2.0),
        _x(2.0, 1.0),
        {"linear": [2.0, 0.0], "square": [-4.0, -2.0], "cross": [0.0, 1.0], "quartic": [0.3, 0.0]},
        stationary=_x(INNER, INNER / 2),
    ),
    _polynomial(
        "two peaks each, start on the lower ones",
        "false_stationary",
        WIDE,
        _x(HIGH, HIGH),
        {"linear": 0.5, "square": 4.0, "quartic": -1.0},
        stationary=_x(LOW, LOW),
        start=_x(LOW, LOW),
    ),
    _polynomial(
        "two peaks",
        "false_stationary",
        WIDE,
        _x(HIGH, HIGH),
        {"linear": [0.5, 0.0], "square": [4.0, -2.0], "cross": [0.0, 2.0], "quartic": [-1.0, 0.0]},
        stationary=_x(LOW, LOW),
    ),
    _polynomial(
        "two peaks, start on the lower one",
        "false_stationary",
        WIDE,
        _x(HIGH, HIGH),
        {"linear": [0.5, 0.0], "square": [4.0, -2.0], "cross": [0.0, 2.0], "quartic": [-1.0, 0.0]},
        stationary=_x(LOW, LOW),
        start=_x(LOW, LOW),
    ),
    _polynomial("no incentives", "continuum", UNIT, _x(0.5, 0.5), {}, others=(_x(0.0, 1.0),), determined=_nothing),
    _polynomial(
        "follow the other",
        "continuum",
        (0.0, [1.0, 2.0]),
        _x(0.5, 0.5),
        {"square": -2.0, "cross": 2.0},
        others=(_x(1.0, 1.0),),
        determined=_difference,
    ),
    _kinked(
        "least effort counts",
        "continuum",
        (0.0, [1.0, 2.0]),
        _x(0.5, 0.5),
        {"least": 2.0, "linear": -1.0},
        others=(_x(1.0, 1.0),),
        determined=_difference,
    ),
    _kinked(
        "enough is enough",
        "continuum",
        (1.5, 3.0),
        _x(2.0, 2.0),
        {"linear": 0.5, "weight": 0.5, "target": 1.0},
        others=(_x(1.5, 3.0),),
        determined=_nothing,
    ),
    _kinked("roof", "kinked", (0.0, 3.0), _x(1.0, 2.0), {"linear": 0.5, "weight": 1.5, "target": [1.0, 2.0]}),
    _kinked(
        "roof from a corner",
        "kinked",
        (0.0, 3.0),
        _x(1.0, 2.0),
        {"linear": 0.5, "weight": 1.5, "target": [1.0, 2.0]},
        start=_x(3.0, 0.0),
    ),
    _kinked(
        "roofs that move with the other",
        "kinked",
        WIDE,
        _x(8 / 15, 7 / 15),
        {"weight": [1.0, 1e3], "target": [0.3, 0.2], "follow": 0.5},
    ),
    _kinked("linear, best at the end", "corner", UNIT, _x(1.0, 0.0), {"linear": [1.0, -1e-3]}),
]
