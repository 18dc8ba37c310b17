"""Joint distributions of several demands: what depends on what, and how strongly."""

from eqsolve.demand.joint.copula import (
    GaussianCopula,
    kendall_from_pearson,
    pearson_from_kendall,
    pearson_from_spearman,
    spearman_from_pearson,
)
from eqsolve.demand.joint.independent import Independent
from eqsolve.demand.joint.joint import JointContinuous, JointDiscrete, JointDistribution
from eqsolve.demand.joint.multivariate import MultivariateLogNormal, MultivariateNormal
from eqsolve.demand.joint.t_copula import TCopula, tail_dependence
from eqsolve.demand.joint.tables import EmpiricalPairs, JointTable

__all__ = [
    "EmpiricalPairs",
    "GaussianCopula",
    "Independent",
    "JointContinuous",
    "JointDiscrete",
    "JointDistribution",
    "JointTable",
    "MultivariateLogNormal",
    "MultivariateNormal",
    "TCopula",
    "kendall_from_pearson",
    "pearson_from_kendall",
    "pearson_from_spearman",
    "spearman_from_pearson",
    "tail_dependence",
]
