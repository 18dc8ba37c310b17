"""Contests: effort is spent on a share of a prize."""

from functools import partial
from typing import Any

import numpy as np

from eqsolve.mechanisms.classic import Tullock, tullock_equilibrium, tullock_first_order_efforts
from problems.problem import Kind, Problem, classic


def _efforts(name: str, kind: Kind, *numbers: Any, reference: Any = tullock_equilibrium, **rest: Any) -> Problem:
    return classic(name, kind, partial(Tullock, *numbers), "effort", reference, **rest)


PAIR = 1.4 / 4  # two active players of three: r v / 4 each
CONTESTS = [
    _efforts("contest, proportional", "regular", [3.0, 2.5, 2.0], 1.0),
    _efforts("contest, weak player stays out", "corner", [3.0, 2.5, 1.0], 1.0),
    _efforts("contest from zero", "corner", [3.0, 2.5, 2.0], 1.0, start={"effort": np.zeros(3)}),
    _efforts("contest, hardly decisive", "regular", [2.0, 2.0, 2.0], 0.3),
    _efforts(
        "contest, two or three players",
        "several",
        [1.0, 1.0, 1.0],
        1.4,
        others=tuple({"effort": np.array(pair)} for pair in ([PAIR, PAIR, 0.0], [PAIR, 0.0, PAIR], [0.0, PAIR, PAIR])),
    ),
    _efforts(
        "contest, too decisive", "no_pure", [1.0, 1.0, 1.0], 2.5, reference=None, stationary=tullock_first_order_efforts
    ),
    _efforts("contest, two unequal players", "regular", [3.0, 2.0], 1.3),
    _efforts("contest, huge prize, cheap effort", "scaled", [1e6, 2e6], 1.0, 1e-6),
    _efforts("contest, a prize worth a millionth to one", "scaled", [1.0, 1e-6], 0.5),
    _efforts("contest of fifty", "regular", [1.0] * 50, 1.0),
]
