"""Demand distributions with cdf, quantile and loss functions."""

from eqsolve.demand.distribution import Continuous, Discrete, Distribution
from eqsolve.demand.uniform import Uniform

__all__ = ["Continuous", "Discrete", "Distribution", "Uniform"]
