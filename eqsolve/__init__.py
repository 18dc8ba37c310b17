"""eqsolve: Nash equilibria and first-best plans of incentive mechanisms, solved, certified and differentiated.

Every public name, one group per part of the package.
"""

# games
# many games
from eqsolve.action import Action
from eqsolve.batch import batch
from eqsolve.bounds import Box

# certificates
from eqsolve.certify import Certificate, certify

# solving
from eqsolve.compare import Comparison, compare
from eqsolve.enumerate import EquilibriumSet, enumerate_equilibria

# results
from eqsolve.equilibrium import Equilibrium, Status
from eqsolve.expectation import Rule, Scenarios
from eqsolve.game import Game
from eqsolve.payoffs import game_from_payoffs
from eqsolve.solve import BestResponse, best_response, solve_first_best, solve_nash
from eqsolve.solvers import Ascent, BestReply, GlobalAscent, Newton, Search, Solver

__all__ = [
    "Action",
    "Ascent",
    "BestReply",
    "BestResponse",
    "Box",
    "Certificate",
    "Comparison",
    "Equilibrium",
    "EquilibriumSet",
    "Game",
    "GlobalAscent",
    "Newton",
    "Rule",
    "Scenarios",
    "Search",
    "Solver",
    "Status",
    "batch",
    "best_response",
    "certify",
    "compare",
    "enumerate_equilibria",
    "game_from_payoffs",
    "solve_first_best",
    "solve_nash",
]
__version__ = "0.1.0"
