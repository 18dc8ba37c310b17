"""eqsolve: Nash equilibria and first-best plans of incentive mechanisms, solved, certified and differentiated.

Every public name, one group per part of the package.
"""

# games, and many games
from eqsolve.action import Action
from eqsolve.batch import Batch, batch
from eqsolve.bounds import Box

# certificates
from eqsolve.certify import Certificate, certify

# solving
from eqsolve.compare import Comparison, compare
from eqsolve.constraint import Linear
from eqsolve.enumerate import EquilibriumSet, enumerate_equilibria
from eqsolve.envelope import envelope

# results
from eqsolve.equilibrium import Equilibrium, Status

# expectations
from eqsolve.expectation import (
    Estimate,
    Gauss,
    MonteCarlo,
    QuasiMonteCarlo,
    Rule,
    Scenarios,
    demand_itself,
    expect,
    expect_piecewise_linear,
)
from eqsolve.failures import Failures, failures
from eqsolve.game import Game
from eqsolve.payoffs import game_from_payoffs
from eqsolve.sensitivities import GameSensitivities, sensitivities
from eqsolve.solve import BestResponse, best_response, solve_first_best, solve_nash
from eqsolve.solvers import Anderson, Ascent, BestReply, Extragradient, GlobalAscent, Newton, Search, Solver
from eqsolve.stages.stagewise import Stagewise

__all__ = [
    "Action",
    "Anderson",
    "Ascent",
    "Batch",
    "BestReply",
    "BestResponse",
    "Box",
    "Certificate",
    "Comparison",
    "Equilibrium",
    "EquilibriumSet",
    "Estimate",
    "Extragradient",
    "Failures",
    "Game",
    "GameSensitivities",
    "Gauss",
    "GlobalAscent",
    "Linear",
    "MonteCarlo",
    "Newton",
    "QuasiMonteCarlo",
    "Rule",
    "Scenarios",
    "Search",
    "Solver",
    "Stagewise",
    "Status",
    "batch",
    "best_response",
    "certify",
    "compare",
    "demand_itself",
    "enumerate_equilibria",
    "envelope",
    "expect",
    "expect_piecewise_linear",
    "failures",
    "game_from_payoffs",
    "sensitivities",
    "solve_first_best",
    "solve_nash",
]
__version__ = "0.1.0"
