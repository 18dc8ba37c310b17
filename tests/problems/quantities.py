"""Quantities: three firms and fifty firms."""

from functools import partial
from typing import Any

import numpy as np

from eqsolve.mechanisms.classic import Cournot, IsoelasticInverseDemand, LinearInverseDemand, cournot_equilibrium
from problems.problem import Kind, Problem, classic


def _cournot(intercept: float, slope: float, cost: Any, capacity: Any) -> Cournot:
    return Cournot(LinearInverseDemand(intercept, slope), cost, capacity)


def _isoelastic(elasticity: float, cost: Any) -> Cournot:
    return Cournot(IsoelasticInverseDemand(5.0, elasticity), cost)


def _firms(name: str, kind: Kind, *numbers: Any, start: Any = None, **rest: Any) -> Problem:
    given = None if start is None else {"quantity": np.array(start)}
    return classic(name, kind, partial(_cournot, *numbers), "quantity", cournot_equilibrium, start=given, **rest)


LADDER = np.linspace(1.0, 4.0, 50)
QUANTITIES = [
    _firms("cournot equal firms", "regular", 10.0, 1.0, [1.0, 1.0, 1.0], 9.0),
    _firms("cournot different firms", "regular", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0),
    _firms("cournot idle firm", "corner", 10.0, 1.0, [1.0, 2.0, 8.0], 9.0),
    _firms("cournot firm at the margin", "corner", 10.0, 1.0, [1.0, 1.0, 4.0], 9.0),  # cost = price without it
    _firms("cournot full capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], [0.5, 9.0, 9.0]),
    _firms("cournot idle and full", "corner", 10.0, 1.0, [1.0, 2.0, 8.0], [0.5, 9.0, 9.0]),
    _firms("cournot nobody sells", "corner", 10.0, 1.0, [11.0, 12.0, 13.0], 9.0),
    _firms("cournot without any capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 0.0),
    _firms("cournot from zero", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0, start=[0.0, 0.0, 0.0]),
    _firms("cournot from capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0, start=[9.0, 9.0, 9.0]),
    _firms("cournot huge quantities", "scaled", 1e6, 1e-6, [1e5, 2e5, 3e5], 1e13),
    _firms("cournot tiny quantities", "scaled", 1e-6, 1e6, [1e-7, 2e-7, 3e-7], 1e-11),
    _firms("cournot tiny capacity", "scaled", 10.0, 1.0, [1.0, 2.0, 3.0], [1e-6, 9.0, 9.0]),
    _firms("cournot fifty firms", "regular", 10.0, 0.01, LADDER * 0.05, 1e3),
    _firms("cournot fifty firms, many idle", "corner", 10.0, 0.01, LADDER, 1e3),
    classic(
        "cournot isoelastic", "regular", partial(_isoelastic, 1.7, [1.0, 1.2, 1.4]), "quantity", cournot_equilibrium
    ),
    classic(
        "cournot isoelastic, idle firm",
        "corner",
        partial(_isoelastic, 1.7, [1.0, 1.2, 9.0]),
        "quantity",
        cournot_equilibrium,
    ),
    classic(
        "cournot inelastic", "regular", partial(_isoelastic, 0.5, [1.0, 1.2, 1.4]), "quantity", cournot_equilibrium
    ),
]
