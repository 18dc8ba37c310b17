"""Algorithms: they know pseudogradients and boxes, never mechanisms."""

from eqsolve.solvers.anderson import Anderson
from eqsolve.solvers.ascent import Ascent
from eqsolve.solvers.base import Solution, Solver
from eqsolve.solvers.best_reply import BestReply
from eqsolve.solvers.extragradient import Extragradient
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.search import Search

__all__ = ["Anderson", "Ascent", "BestReply", "Extragradient", "GlobalAscent", "Newton", "Search", "Solution", "Solver"]
