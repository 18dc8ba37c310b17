"""Which joint laws of shocks are integrated, and nodes that are split where the integrand has kinks.

Finite laws are summed. Of two continuous shocks, the first is integrated over levels of its quantile, the second over
levels of its quantile given the first; both integrals are cut at kinks, so that each piece is smooth, and the cuts move
with whatever moves the kinks, which makes second derivatives right.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Continuous, Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint import (
    GaussianCopula,
    Independent,
    JointDiscrete,
    JointDistribution,
    JointTable,
    MultivariateLogNormal,
    MultivariateNormal,
    TCopula,
)
from eqsolve.demand.joint._student import below, furthest, quantile
from eqsolve.demand.joint.joint import inside
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.expectation.gauss import split_levels

Nodes = tuple[Float[Array, "nodes divisions"], Float[Array, " nodes"]]
Cuts = Callable[[Float[Array, ""]], Float[Array, " cuts"]]
LEVEL_NODES = 24  # per piece, where tails need room
CENTRE = (0.05, 0.5, 0.95)  # levels between which a t score turns from low to high
AWAY = ", or a table of draws: EmpiricalPairs(law.sample(key, (10_000,)))."


def as_shocks(owner: str, shocks: Any) -> JointDistribution:
    """`shocks` as a joint law that is integrated to rounding here; raises where it is not.

    A jointly normal or lognormal law of two shocks is its marginal laws with a normal copula.
    """
    if isinstance(shocks, Distribution):
        shocks = Independent(shocks)
    if isinstance(shocks, MultivariateNormal | MultivariateLogNormal):
        shocks = _with_copula(shocks)
    if isinstance(shocks, JointDiscrete):
        return shocks
    if not isinstance(shocks, Independent | GaussianCopula | TCopula):
        raise TypeError(
            f"{owner}.shocks is {type(shocks).__name__}; give a JointTable, Independent laws, a GaussianCopula or a"
            " TCopula" + AWAY
        )
    for i, law in enumerate(shocks.marginals):
        allowed = Continuous | FiniteDemand if isinstance(shocks, Independent) else Continuous
        if not isinstance(law, allowed):
            raise TypeError(f"{owner}.shocks.marginals[{i}] is {type(law).__name__}; give a continuous law" + AWAY)
    continuous = sum(isinstance(law, Continuous) for law in shocks.marginals)
    if shocks.size > 2 and continuous:
        raise ValueError(
            f"{owner}.shocks has {shocks.size} components, {continuous} of them continuous; more than two shocks are"
            " summed over finitely many values only: give finite laws" + AWAY
        )
    return _table(shocks) if continuous == 0 else shocks


def shock_ends(shocks: JointDistribution) -> tuple[Float[Array, " divisions"], Float[Array, " divisions"]]:
    """The smallest and the largest possible shock of every division."""
    if isinstance(shocks, JointDiscrete):
        points, weights = shocks.scenarios()
        possible = weights[:, None] > 0
        low, high = jnp.where(possible, points, jnp.inf), jnp.where(possible, points, -jnp.inf)
        return jnp.min(low, axis=0), jnp.max(high, axis=0)
    ends = [law.support() for law in _marginals(shocks)]
    return jnp.stack([low for low, _ in ends]), jnp.stack([high for _, high in ends])


def likely_ends(shocks: JointDistribution) -> tuple[Float[Array, " divisions"], Float[Array, " divisions"]]:
    """The same, with quantiles of a probability of rounding size in place of infinite ends."""
    low, high = shock_ends(shocks)
    if isinstance(shocks, JointDiscrete):
        return low, high
    eps = jnp.finfo(low.dtype).epsneg
    first = jnp.stack([law.ppf(eps) for law in _marginals(shocks)])
    last = jnp.stack([law.ppf(1 - eps) for law in _marginals(shocks)])
    return jnp.where(jnp.isfinite(low), low, first), jnp.where(jnp.isfinite(high), high, last)


def own_nodes(shocks: JointDistribution, cuts: Float[Array, "cuts divisions"], count: int) -> Nodes:
    """Nodes for functions of each division's own shock, with kinks at `cuts`: values and weights `[nodes, divisions]`.

    Columns are nodes of the marginal laws, not joint states. `count`: nodes per piece where the law is uniform.
    """
    if isinstance(shocks, JointDiscrete):
        points, weights = shocks.scenarios()
        return points, jnp.broadcast_to(weights[:, None], points.shape)
    columns = [_nodes_of(law, cuts[:, i], count) for i, law in enumerate(_marginals(shocks))]
    longest = max(value.shape[0] for value, _ in columns)
    padded = [  # a finite law has fewer values than a continuous one nodes
        (jnp.pad(value, (0, longest - value.shape[0]), mode="edge"), jnp.pad(weight, (0, longest - weight.shape[0])))
        for value, weight in columns
    ]
    return jnp.stack([value for value, _ in padded], axis=1), jnp.stack([weight for _, weight in padded], axis=1)


def pair_nodes(shocks: JointDistribution, first_cuts: Float[Array, " cuts"], second_cuts: Cuts, count: int) -> Nodes:
    """Nodes for functions of both shocks.

    **Arguments:** `first_cuts`: kinks of the integral over the second shock, as a function of the first.
    `second_cuts`: kinks in the second shock, given the first. `count`: nodes per piece where a law is uniform.
    """
    if isinstance(shocks, JointDiscrete):
        return shocks.scenarios()
    if shocks.size == 1:
        value, weight = _nodes_of(_marginals(shocks)[0], first_cuts, count)
        return value[:, None], weight
    first, second = _marginals(shocks)
    if isinstance(shocks, Independent):
        value, weight = _nodes_of(first, first_cuts, count)
        inner = jax.vmap(lambda x: _nodes_of(second, second_cuts(x), count))(value)
    else:
        assert isinstance(shocks, GaussianCopula | TCopula)
        level, weight = split_levels(_clear(first.cdf(first_cuts)), LEVEL_NODES)
        value = first.ppf(level)
        copula = _Copula(shocks.scores[0, 1], shocks.df if isinstance(shocks, TCopula) else None)
        inner = jax.vmap(lambda x, u: _coupled(second, copula, u, second_cuts(x)))(value, level)
    values = jnp.broadcast_to(value[:, None], inner[0].shape)
    points = jnp.stack([values.ravel(), inner[0].ravel()], axis=-1)
    return points, (weight[:, None] * inner[1]).ravel()


def _nodes_of(law: Distribution, cuts: Float[Array, " cuts"], count: int) -> tuple[Array, Array]:
    """Values and weights for one shock whose integrand has kinks at `cuts`."""
    if isinstance(law, FiniteDemand):
        return law.scenarios()
    levels = _clear(law.cdf(cuts))
    level, weight = _even(levels, count) if isinstance(law, Uniform) else split_levels(levels, LEVEL_NODES)
    return law.ppf(level), weight


class _Copula(eqx.Module):
    """The copula of two scores, normal or (with `df`) Student's t, and the law of the second given the first.

    A t score is counted in units of the root of its degrees of freedom, as in `demand/joint/_student.py`. The second
    score is `rho` times the first and a spread times a score that is independent of it.
    """

    rho: Array
    df: Array | None

    def score(self, level: Array, given: int = 0) -> Array:
        """The score of a level; of the independent one where one score is `given`."""
        level = inside(level)
        if self.df is None:
            return ndtri(level)
        return _within_reach(quantile(level, 1 - level, self.df + given))

    def level(self, score: Array, given: int = 0) -> Array:
        """The level of a score."""
        return ndtr(score) if self.df is None else below(_within_reach(score), self.df + given)

    def spread(self, score: Array) -> Array:
        """The spread, given the first score."""
        rest = (1 - self.rho) * (1 + self.rho)
        grown = rest if self.df is None else rest * (1 + score**2)
        return jnp.sqrt(jnp.where(rest > 0, grown, 1.0))


def _within_reach(score: Array) -> Array:
    """Scores of few degrees of freedom may be too large to be squared."""
    return jnp.clip(score, -furthest(score.dtype), furthest(score.dtype))


def _coupled(law: Distribution, copula: _Copula, first: Array, cuts: Float[Array, " cuts"]) -> tuple[Array, Array]:
    """Values and weights for a shock, given the level of the one that it is coupled with."""
    score = copula.score(first)
    spread = copula.spread(score)
    levels = _clear(law.cdf(cuts))
    if copula.df is not None:  # where the first score is far out, the second turns within few independent levels
        levels = jnp.concatenate([levels, jnp.asarray(CENTRE, levels.dtype)])
    apart = (copula.score(levels) - copula.rho * score) / spread
    level, weight = split_levels(copula.level(apart, given=1), LEVEL_NODES)
    own = copula.rho * score + spread * copula.score(level, given=1)
    return law.ppf(inside(copula.level(own))), weight


def _even(cuts: Float[Array, " cuts"], count: int) -> tuple[Array, Array]:
    """Gauss-Legendre levels on each of the pieces into which `cuts` divide [0, 1]."""
    ends = jnp.zeros(1, cuts.dtype), jnp.ones(1, cuts.dtype)
    edges = jnp.concatenate([ends[0], in_order(jnp.clip(cuts, 0.0, 1.0)), ends[1]])
    point, share = np.polynomial.legendre.leggauss(count)
    width = jnp.diff(edges)[:, None]
    level = edges[:-1, None] + width * jnp.asarray((point + 1) / 2, cuts.dtype)
    return level.ravel(), (width * jnp.asarray(share / 2, cuts.dtype)).ravel()


def in_order(values: Float[Array, " cuts"]) -> Float[Array, " cuts"]:
    """Few numbers in rising order, by exchanges of neighbours: in a batch far faster than a sort."""
    entries = list(jnp.unstack(values))
    for last in range(len(entries) - 1, 0, -1):
        for i in range(last):
            low, high = entries[i], entries[i + 1]
            swap = low > high
            entries[i], entries[i + 1] = jnp.where(swap, high, low), jnp.where(swap, low, high)
    return jnp.stack(entries) if entries else values


def _clear(levels: Array) -> Array:
    """Levels of kinks; a kink that does not exist (NaN) lies at the end."""
    return jnp.where(jnp.isnan(levels), 1.0, levels)


def _marginals(shocks: JointDistribution) -> tuple[Distribution, ...]:
    assert isinstance(shocks, Independent | GaussianCopula | TCopula)
    return shocks.marginals


def _with_copula(shocks: MultivariateNormal | MultivariateLogNormal) -> GaussianCopula:
    covariance = shocks._score_cov
    deviation = jnp.sqrt(jnp.diagonal(covariance))
    location = shocks._score_mean
    if isinstance(shocks, MultivariateNormal):
        laws: list[Distribution] = [Normal(m, s) for m, s in zip(location, deviation, strict=True)]
    else:
        laws = [LogNormal(s=s, scale=jnp.exp(m)) for m, s in zip(location, deviation, strict=True)]
    eye = jnp.eye(shocks.size, dtype=bool)
    return GaussianCopula(laws, jnp.where(eye, 1.0, covariance / (deviation[:, None] * deviation)))


def _table(shocks: Independent | GaussianCopula | TCopula) -> JointDistribution:
    """All combinations of independent finite shocks."""
    assert all(isinstance(law, FiniteDemand) for law in shocks.marginals)
    columns = [law.scenarios() for law in shocks.marginals if isinstance(law, FiniteDemand)]
    points = jnp.meshgrid(*(value for value, _ in columns), indexing="ij")
    weights = jnp.meshgrid(*(weight for _, weight in columns), indexing="ij")
    probabilities = jnp.prod(jnp.stack([weight.ravel() for weight in weights]), axis=0)
    return JointTable(jnp.stack([point.ravel() for point in points], axis=-1), probabilities)
