"""Demand distributions fitted to data."""

from eqsolve.demand.fit.copula import CopulaFit, fit_copula
from eqsolve.demand.fit.fit import Fit, Ranking, fit, fit_best
from eqsolve.demand.fit.goodness import Goodness

__all__ = ["CopulaFit", "Fit", "Goodness", "Ranking", "fit", "fit_best", "fit_copula"]
