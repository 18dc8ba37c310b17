"""Prices: linear demand, logit demand, and firms on a line."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from eqsolve.mechanisms.classic import (
    Hotelling,
    LinearBertrand,
    LogitBertrand,
    hotelling_equilibrium,
    hotelling_first_order_prices,
    linear_bertrand_equilibrium,
    logit_bertrand_equilibrium,
)
from problems.problem import Kind, Problem, classic

EFFECT = np.array([[3.0, -1.0, -0.5], [-0.8, 2.0, -0.7], [-0.2, -0.4, 1.5]])


def _hotelling(locations: Any, transport: Any, cost: Any) -> Hotelling:
    return Hotelling(locations, 1.0, cost, transport=transport)


def _prices(name: str, kind: Kind, mechanism: Callable[[], Any], reference: Any, **rest: Any) -> Problem:
    return classic(name, kind, mechanism, "price", reference, **rest)


def _logit(size: float, sensitivity: float) -> LogitBertrand:
    cost = np.array([1.0, 0.5, 2.0, 0.0]) / sensitivity
    return LogitBertrand([2.0, 1.0, 3.0, 0.5], cost, sensitivity, size, ["left", "right", "left", "other"])


PRICES = [
    _prices(
        "bertrand linear", "regular", lambda: LinearBertrand([9.0, 8.0, 7.0], EFFECT, 1.0), linear_bertrand_equilibrium
    ),
    _prices(
        "bertrand linear, huge prices",
        "scaled",
        lambda: LinearBertrand([9.0, 8.0, 7.0], 1e-6 * EFFECT, 1e6),
        linear_bertrand_equilibrium,
    ),
    _prices("logit with several products", "regular", partial(_logit, 1.0, 1.3), logit_bertrand_equilibrium),
    _prices("logit, huge market, tiny sensitivity", "scaled", partial(_logit, 1e6, 1e-6), logit_bertrand_equilibrium),
    _prices("hotelling linear, far", "regular", partial(_hotelling, [0.1, 0.8], "linear", 0.0), hotelling_equilibrium),
    _prices(
        "hotelling linear, close",
        "no_pure",
        partial(_hotelling, [0.4, 0.6], "linear", 0.0),
        None,
        stationary=hotelling_first_order_prices,
    ),
    _prices(
        "hotelling linear, one close to the middle",
        "no_pure",
        partial(_hotelling, [0.0, 0.55], "linear", 0.0),
        None,
        stationary=hotelling_first_order_prices,
    ),
    _prices(
        "hotelling quadratic, close",
        "regular",
        partial(_hotelling, [0.4, 0.6], "quadratic", [0.0, 0.05]),
        hotelling_equilibrium,
    ),
    _prices(
        "hotelling quadratic, one firm serves everybody",
        "kinked",
        partial(_hotelling, [0.1, 0.8], "quadratic", [0.0, 9.0]),
        hotelling_equilibrium,
    ),
]
