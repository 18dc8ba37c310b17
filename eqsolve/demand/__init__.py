"""Demand distributions with cdf, quantile and loss functions."""

from eqsolve.demand.distribution import Continuous, Discrete, Distribution
from eqsolve.demand.exponential import Exponential
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform

__all__ = ["Continuous", "Discrete", "Distribution", "Exponential", "LogNormal", "Normal", "Uniform"]
