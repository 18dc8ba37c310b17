"""Public goods: gifts to a common cause."""

from functools import partial
from typing import Any

import numpy as np

from eqsolve.mechanisms.classic import (
    CobbDouglasPublicGood,
    QuasilinearPublicGood,
    cobb_douglas_contributions,
    quasilinear_contributions,
)
from problems.problem import Actions, Kind, Problem, classic


def _total(actions: Actions) -> np.ndarray:
    return actions["contribution"].sum()


def _gifts(name: str, kind: Kind, kind_of_taste: Any, reference: Any, *numbers: Any, **rest: Any) -> Problem:
    return classic(name, kind, partial(kind_of_taste, *numbers), "contribution", reference, **rest)


def _cobb(name: str, kind: Kind, *numbers: Any, **rest: Any) -> Problem:
    return _gifts(name, kind, CobbDouglasPublicGood, cobb_douglas_contributions, *numbers, **rest)


def _keen(name: str, kind: Kind, *numbers: Any, **rest: Any) -> Problem:
    return _gifts(name, kind, QuasilinearPublicGood, quasilinear_contributions, *numbers, **rest)


PUBLIC_GOODS = [
    _cobb("public good, all contribute", "regular", [3.0, 2.8, 2.5], 0.4),
    _cobb("public good, a poor free rider", "corner", [3.0, 2.8, 0.5], 0.4),
    _cobb("public good from nothing", "corner", [3.0, 2.8, 2.5], 0.4, start={"contribution": np.zeros(3)}),
    _cobb(
        "public good from all income", "corner", [3.0, 2.8, 2.5], 0.4, start={"contribution": np.array([3.0, 2.8, 2.5])}
    ),
    _keen("public good, the keenest pays", "corner", [4.0, 2.0, 3.0], 2.0, 9.0),
    _keen("public good, the keenest is too poor", "corner", [4.0, 2.0, 3.0], 2.0, [3.0, 9.0, 9.0]),
    _keen(
        "public good among equals",
        "continuum",
        [3.0, 3.0, 3.0],
        2.0,
        9.0,
        others=({"contribution": np.array([1.0, 1.5, 1.5])},),
        determined=_total,
    ),
    _keen(
        "public good among fifty equals",
        "continuum",
        [3.0] * 50,
        2.0,
        9.0,
        others=({"contribution": np.full(50, 0.08)},),
        determined=_total,
    ),
]
