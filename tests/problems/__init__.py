"""Games with known answers, for testing solvers: problems are data, and those of one shape share their functions.

References come from closed forms, from exact arithmetic or from roots of polynomials in NumPy, never from a solver of
this package. `tests/mechanisms/classic/test_problems.py` checks each of them by searching all unilateral deviations.
"""

from problems.contests import CONTESTS
from problems.duels import DUELS
from problems.newsvendors import NEWSVENDORS
from problems.prices import PRICES
from problems.problem import Actions, Kind, Problem
from problems.public_goods import PUBLIC_GOODS
from problems.quadratic import QUADRATIC
from problems.quantities import QUANTITIES
from problems.shared import SHARED

PROBLEMS = [*QUANTITIES, *PRICES, *CONTESTS, *PUBLIC_GOODS, *DUELS, *NEWSVENDORS, *QUADRATIC, *SHARED]

__all__ = ["PROBLEMS", "Actions", "Kind", "Problem"]
