"""Which joint laws of both own shocks are integrated, and the law of one shock given the other."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Continuous, Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint import Independent, JointDiscrete, JointDistribution, MultivariateNormal
from eqsolve.demand.normal import Normal
from eqsolve.mechanisms.vertical.demand import Pair, VerticalDemand


def require_integrable(owner: str, shocks: JointDistribution, common: Distribution | None) -> None:
    """Raise where expected sales cannot be computed to rounding for these laws."""
    columns = (2, 3) if isinstance(shocks, JointDiscrete) and common is None else (2,)
    if shocks.size not in columns:
        raise ValueError(
            f"{owner}.shocks has {shocks.size} components; give one per outlet, two in all (a JointTable may have the"
            " common shock as third column, in place of `common`)."
        )
    if isinstance(shocks, Independent):
        for i, law in enumerate(shocks.marginals):
            _require_single(law, f"{owner}.shocks.marginals[{i}]")
    elif not isinstance(shocks, MultivariateNormal | JointDiscrete):
        raise TypeError(
            f"{owner}.shocks is a {type(shocks).__name__}; give Independent laws, a MultivariateNormal, or scenarios as"
            " a JointTable or EmpiricalPairs, for instance of draws: EmpiricalPairs(law.sample(key, (1000,)))."
        )
    if common is not None:
        _require_single(common, f"{owner}.common")


def _require_single(law: Distribution, what: str) -> None:
    if not isinstance(law, Continuous | FiniteDemand):
        raise TypeError(
            f"{what} is a {type(law).__name__}, which has infinitely many values; give a continuous law or a finite"
            " table of values: DiscreteTable(values, probabilities)."
        )


def marginal(shocks: JointDistribution, outlet: int) -> Distribution:
    """The law of one outlet's shock."""
    if isinstance(shocks, Independent):
        return shocks.marginals[outlet]
    assert isinstance(shocks, MultivariateNormal)
    return _normal(shocks.loc[outlet], shocks.covariance[outlet, outlet])


def given_rival(shocks: JointDistribution, outlet: int, shock: Float[Array, " points"]) -> Distribution:
    """The law of one outlet's shock, given the other one's; with one law per given shock where it depends on it."""
    if isinstance(shocks, Independent):
        return shocks.marginals[outlet]
    assert isinstance(shocks, MultivariateNormal)
    rival = 1 - outlet
    covariance = shocks.covariance
    slope = covariance[outlet, rival] / covariance[rival, rival]
    loc = shocks.loc[outlet] + slope * (shock - shocks.loc[rival])
    return _normal(loc, covariance[outlet, outlet] - slope * covariance[outlet, rival])


def _normal(loc: Array, variance: Array) -> Normal:
    positive = variance > 0
    return Normal(loc, jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1.0)), jnp.nan))


def mean_shocks(demand: VerticalDemand) -> tuple[Pair, Array | None]:
    """The means of both own shocks and of the common one, if there is any."""
    means = demand.shocks.mean()
    if means.shape == (3,):
        return means[:2], means[2]
    return means, None if demand.common is None else demand.common.mean()


COMMON_NODES = 16


def common_nodes(law: Distribution) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """The values of a finite common shock with their probabilities, or Gauss nodes over the levels of its quantile."""
    if isinstance(law, FiniteDemand):
        return law.scenarios()
    legendre, shares = np.polynomial.legendre.leggauss(COMMON_NODES)
    return law.ppf(jnp.asarray((legendre + 1) / 2, law.dtype)), jnp.asarray(shares / 2, law.dtype)
