"""Demand distributions with cdf, quantile and loss functions."""

from eqsolve.demand.counts import NegativeBinomial, Poisson
from eqsolve.demand.distribution import Continuous, Discrete, Distribution
from eqsolve.demand.exponential import Exponential
from eqsolve.demand.finite import DiscreteTable, Empirical, TwoPoint
from eqsolve.demand.gamma import Gamma
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.transform import affine, mixture
from eqsolve.demand.uniform import Uniform
from eqsolve.demand.weibull import Weibull

__all__ = [
    "Continuous",
    "Discrete",
    "DiscreteTable",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "LogNormal",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "TwoPoint",
    "Uniform",
    "Weibull",
    "affine",
    "mixture",
]
