"""Demand distributions fitted to data."""

from eqsolve.demand.fit.fit import Fit, Ranking, fit, fit_best
from eqsolve.demand.fit.goodness import Goodness

__all__ = ["Fit", "Goodness", "Ranking", "fit", "fit_best"]
