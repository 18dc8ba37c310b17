"""What every joint distribution of several demands offers.

A joint law has one component per demand and no batch of its own: batches are made with `jax.vmap`, which also maps over
laws. Traced parameters outside their range give NaN, never a plausible number.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve.demand import _random

Points = Float[Array, "*batch d"]
Values = Float[Array, "*batch"]


class JointDistribution(eqx.Module):
    """The joint distribution of `size` demands: a frozen pytree of parameter arrays."""

    # ---- what a family writes: formulas without checks, for valid parameters ----

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """The number of components, $d$."""

    @property
    @abc.abstractmethod
    def _valid(self) -> Bool[Array, ""]:
        """Whether the parameters are in their range."""

    @abc.abstractmethod
    def _transport(self, u: Points) -> Points:
        """Points from uniforms strictly between 0 and 1."""

    @abc.abstractmethod
    def _mean(self) -> Float[Array, " d"]: ...

    @abc.abstractmethod
    def _cov(self) -> Float[Array, "d d"]: ...

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Points:
        """Draws of shape `shape + (d,)`; by default transported uniform numbers."""
        return self._transport(_random.uniform(key, (*shape, self.size), self.dtype))

    # ---- what a user calls ----

    @property
    def dtype(self) -> Any:
        """The precision of the parameters."""
        return jnp.result_type(*(leaf for leaf in jax.tree.leaves(self) if eqx.is_inexact_array(leaf)))

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Points:
        """Independent draws of all components.

        **Arguments:** `key`: a random key of `jax.random`. `shape`: how many.
        **Returns:** an array of shape `shape + (d,)`.
        """
        return self._checked(self._sample(key, shape))

    def transport(self, u: Any) -> Points:
        """The point that belongs to `u`: maps the uniform distribution on the unit cube to this one.

        With a low-discrepancy sequence in place of random numbers this is quasi Monte Carlo; derivatives in the
        parameters are those of the points.

        **Arguments:** `u`: numbers in [0, 1], shape `[..., d]`. An exact 0 or 1, which has no finite point in general,
        counts as the nearest number inside; NaN outside.
        **Returns:** points of shape `[..., d]` [units].
        """
        u = self._argument(u, "transport: u")
        allowed = (u >= 0) & (u <= 1)
        points = self._checked(self._transport(inside(jnp.where(allowed, u, 0.5))))
        return jnp.where(jnp.all(allowed, axis=-1, keepdims=True), points, jnp.nan)

    def mean(self) -> Float[Array, " d"]:
        """The mean of every component [units]."""
        return self._checked(self._mean())

    def cov(self) -> Float[Array, "d d"]:
        """The covariance matrix [units squared]."""
        return self._checked(self._cov())

    def correlation(self) -> Float[Array, "d d"]:
        """Pearson's correlation matrix; NaN beside a component that does not vary."""
        cov = self.cov()
        variance = jnp.diagonal(cov)
        varies = variance > 0
        scale = jnp.where(varies, jax.lax.rsqrt(jnp.where(varies, variance, 1.0)), jnp.nan)
        eye = jnp.eye(self.size, dtype=bool)
        return jnp.where(eye & varies[:, None], 1.0, cov * scale[:, None] * scale[None, :])

    def _argument(self, value: Any, what: str) -> Points:
        value = jnp.asarray(value, self.dtype)
        if value.shape[-1:] != (self.size,):
            raise ValueError(
                f"{type(self).__name__}.{what} has shape {value.shape}; the last axis must have {self.size} entries,"
                " one per component."
            )
        return value

    def _checked(self, value: Array) -> Array:
        return jnp.where(self._valid, value, jnp.nan)


class JointContinuous(JointDistribution):
    """A joint distribution with a density."""

    @abc.abstractmethod
    def _logpdf(self, x: Points) -> Values: ...

    def logpdf(self, x: Any) -> Values:
        """The logarithm of the density at points `x` of shape `[..., d]`; minus infinity outside the support."""
        x = self._argument(x, "logpdf: x")
        missing = jnp.any(jnp.isnan(x), axis=-1)
        return jnp.where(missing, jnp.nan, self._checked(self._logpdf(x)))

    def pdf(self, x: Any) -> Values:
        """The density at points `x` of shape `[..., d]`."""
        return jnp.exp(self.logpdf(x))


class JointDiscrete(JointDistribution):
    """A joint distribution on finitely many points."""

    @abc.abstractmethod
    def scenarios(self) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        """The points and their probabilities, as `Scenarios` takes them."""

    def pmf(self, x: Any) -> Values:
        """The probability of the points `x` of shape `[..., d]`; zero for points that are not in the table."""
        x = self._argument(x, "pmf: x")
        points, probabilities = self.scenarios()
        same = jnp.all(x[..., None, :] == points, axis=-1)
        found = jnp.sum(jnp.where(same, probabilities, 0.0), axis=-1)
        return jnp.where(jnp.any(jnp.isnan(x), axis=-1), jnp.nan, found)


def inside(u: Array) -> Array:
    """Probabilities strictly between 0 and 1: an exact end moves to the nearest number inside."""
    info = jnp.finfo(u.dtype)
    return jnp.clip(u, info.tiny, 1 - info.epsneg)
