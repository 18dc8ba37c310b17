"""Demand distributions with cdf, quantile and loss functions."""

from eqsolve.demand.beta import Beta
from eqsolve.demand.counts import NegativeBinomial, Poisson
from eqsolve.demand.distribution import Continuous, Discrete, Distribution
from eqsolve.demand.exponential import Exponential
from eqsolve.demand.finite import DiscreteTable, Empirical, TwoPoint
from eqsolve.demand.gamma import Gamma
from eqsolve.demand.geometric import Geometric
from eqsolve.demand.logistic import Logistic
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.transform import affine, mixture
from eqsolve.demand.triangular import Triangular
from eqsolve.demand.truncated_lognormal import TruncatedLogNormal
from eqsolve.demand.truncated_normal import TruncatedNormal
from eqsolve.demand.uniform import Uniform
from eqsolve.demand.weibull import Weibull

__all__ = [
    "Beta",
    "Continuous",
    "Discrete",
    "DiscreteTable",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "Geometric",
    "LogNormal",
    "Logistic",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Triangular",
    "TruncatedLogNormal",
    "TruncatedNormal",
    "TwoPoint",
    "Uniform",
    "Weibull",
    "affine",
    "mixture",
]
