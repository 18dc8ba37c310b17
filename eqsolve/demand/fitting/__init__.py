"""Demand distributions fitted to data."""

from eqsolve.demand.fitting.copula import CopulaFit, fit_copula
from eqsolve.demand.fitting.fit import Fit, Ranking, fit, fit_best
from eqsolve.demand.fitting.goodness import Goodness

__all__ = ["CopulaFit", "Fit", "Goodness", "Ranking", "fit", "fit_best", "fit_copula"]
