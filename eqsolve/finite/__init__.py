"""Finite games: payoff tensors, pure, mixed and correlated equilibria, dominance, mixed extensions."""

from eqsolve.finite.correlated import CorrelatedEquilibrium, correlated_equilibrium
from eqsolve.finite.dominance import dominated, without_dominated
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.learning import FictitiousPlay, LearningRule, RegretMatching
from eqsolve.finite.mixed import MixedEquilibrium, MixedStatus, solve_mixed

__all__ = [
    "CorrelatedEquilibrium",
    "FictitiousPlay",
    "FiniteGame",
    "LearningRule",
    "MixedEquilibrium",
    "MixedStatus",
    "RegretMatching",
    "correlated_equilibrium",
    "dominated",
    "solve_mixed",
    "without_dominated",
]
