"""Finite games: payoff tensors, pure, mixed and correlated equilibria, dominance, mixed extensions."""

from eqsolve.finite.certificate import MixedCertificate, certify_mixed
from eqsolve.finite.correlated import CorrelatedEquilibrium, correlated_equilibrium
from eqsolve.finite.dominance import dominated, without_dominated
from eqsolve.finite.extension import MixedExtension, mixed_extension
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.learning import FictitiousPlay, LearningRule, RegretMatching
from eqsolve.finite.mixed import MixedEquilibrium, MixedStatus, solve_mixed
from eqsolve.finite.vertices import MixedEquilibriumSet, enumerate_mixed

__all__ = [
    "CorrelatedEquilibrium",
    "FictitiousPlay",
    "FiniteGame",
    "LearningRule",
    "MixedCertificate",
    "MixedEquilibrium",
    "MixedEquilibriumSet",
    "MixedExtension",
    "MixedStatus",
    "RegretMatching",
    "certify_mixed",
    "correlated_equilibrium",
    "dominated",
    "enumerate_mixed",
    "mixed_extension",
    "solve_mixed",
    "without_dominated",
]
