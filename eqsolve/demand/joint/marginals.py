"""Joint laws made of one-dimensional laws and a way in which their probabilities depend on each other."""

import abc
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve.demand.distribution import Continuous, Discrete, Distribution
from eqsolve.demand.joint.joint import JointContinuous, Points, Values, inside


class Coupled(JointContinuous):
    """Marginal laws, and a copula that couples their probabilities."""

    marginals: tuple[Distribution, ...]

    @abc.abstractmethod
    def _couple(self, u: Points) -> Points:
        """Dependent uniforms, distributed as the copula says, from independent ones."""

    @abc.abstractmethod
    def _log_copula(self, below: Points, above: Points) -> Values:
        """The logarithm of the copula's density where the marginals have the cdf `below` and survival `above`."""

    @property
    def size(self) -> int:
        """The number of components, $d$."""
        return len(self.marginals)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return jnp.all(jnp.stack([jnp.all(law._valid) for law in self.marginals]))

    def _transport(self, u: Points) -> Points:
        return quantiles(self.marginals, self._couple(u))

    def _logpdf(self, x: Points) -> Values:
        for i, law in enumerate(self.marginals):
            if law.discrete:
                raise TypeError(
                    f"{type(self).__name__}.marginals[{i}] is {type(law).__name__}, which is discrete, so there is no"
                    " joint density; use `sample`, `transport` and the moments."
                )
        columns = jnp.moveaxis(x, -1, 0)
        below = jnp.stack([law.cdf(x) for law, x in zip(self.marginals, columns, strict=True)], axis=-1)
        above = jnp.stack([law.sf(x) for law, x in zip(self.marginals, columns, strict=True)], axis=-1)
        own = sum_of_logs(self.marginals, x)
        # where a marginal has no density neither has the pair, whatever the copula says of probabilities 0 and 1
        there = own > -jnp.inf
        coupling = self._log_copula(_kept(below, there), _kept(above, there))
        return jnp.where(there, own + coupling, own)

    def _mean(self) -> Float[Array, " d"]:
        return jnp.stack([law.mean() for law in self.marginals])

    def _variances(self) -> Float[Array, " d"]:
        return jnp.stack([law.var() for law in self.marginals])


def marginal_laws(owner: str, marginals: Any) -> tuple[Distribution, ...]:
    """`marginals` as a tuple of single laws; an error that names the first that is none."""
    if isinstance(marginals, Distribution):
        raise TypeError(f"{owner}.marginals is one {type(marginals).__name__}; give a list, one law per component.")
    laws = tuple(marginals)
    if not laws:
        raise ValueError(f"{owner}.marginals is empty; give one distribution per component.")
    for i, law in enumerate(laws):
        if not isinstance(law, Distribution):
            raise TypeError(f"{owner}.marginals[{i}] is {law!r}; give a distribution of one demand.")
        if law.shape != ():
            raise ValueError(
                f"{owner}.marginals[{i}] is a batch of shape {law.shape}; give a single law per component, and make"
                " batches of joint laws with `jax.vmap`."
            )
    return laws


def quantiles(marginals: tuple[Distribution, ...], u: Points) -> Points:
    """The quantile of every marginal at its own level."""
    levels = jnp.moveaxis(inside(u), -1, 0)
    return jnp.stack([law.ppf(level) for law, level in zip(marginals, levels, strict=True)], axis=-1)


def sum_of_logs(marginals: tuple[Distribution, ...], x: Points) -> Values:
    """The logarithm of the product of the marginal densities, or probabilities where a law is discrete."""
    columns = jnp.moveaxis(x, -1, 0)
    densities = [density(law, column) for law, column in zip(marginals, columns, strict=True)]
    return sum((_log(value) for value in densities), start=jnp.zeros(x.shape[:-1], x.dtype))


def density(law: Distribution, x: Any) -> Values:
    """The density of a continuous law, the probability of a discrete one."""
    assert isinstance(law, (Continuous, Discrete))
    return law.pdf(x) if isinstance(law, Continuous) else law.pmf(x)


def _log(value: Array) -> Array:
    positive = value > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, value, 1.0)), jnp.where(value == 0, -jnp.inf, jnp.nan))


def _kept(level: Points, there: Bool[Array, "*batch"]) -> Points:
    """Levels strictly inside, a half where the point has no density: no derivative may become NaN there."""
    return inside(jnp.where(there[..., None], level, 0.5))
