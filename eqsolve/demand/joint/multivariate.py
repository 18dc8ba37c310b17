"""Jointly normal and jointly log-normal demands."""

import abc
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_vector
from eqsolve.demand import _random
from eqsolve.demand.joint.joint import JointContinuous, Points, Values
from eqsolve.demand.joint.matrices import cholesky, correlate, decorrelate, is_covariance, require_covariance


class _Scored(JointContinuous):
    """A function of jointly normal scores."""

    @property
    @abc.abstractmethod
    def _score_mean(self) -> Float[Array, " d"]: ...

    @property
    @abc.abstractmethod
    def _score_cov(self) -> Float[Array, "d d"]: ...

    @abc.abstractmethod
    def _from_scores(self, score: Points) -> Points: ...

    @property
    def size(self) -> int:
        """The number of components, $d$."""
        return self._score_mean.shape[-1]

    @property
    def _valid(self) -> Bool[Array, ""]:
        return jnp.all(jnp.isfinite(self._score_mean)) & is_covariance(self._score_cov)

    def _transport(self, u: Points) -> Points:
        return self._from_scores(self._score_mean + correlate(ndtri(u), cholesky(self._score_cov)))

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Points:
        free = _random.normal(key, (*shape, self.size), self.dtype)
        return self._from_scores(self._score_mean + correlate(free, cholesky(self._score_cov)))

    def _score_logpdf(self, score: Points) -> Values:
        length, half_log_det = decorrelate(score - self._score_mean, cholesky(self._score_cov))
        return -length / 2 - half_log_det - self.size * jnp.log(2 * jnp.pi) / 2


class MultivariateNormal(_Scored):
    """Jointly normal demands.

    **Arguments:** `loc`: means [units], shape `[d]`. `covariance`: symmetric and positive definite [units squared],
    shape `[d, d]`.

    Values may be negative; where the mean is not several standard deviations above zero, `MultivariateLogNormal` or a
    `GaussianCopula` of positive demands is the better model.

    **Derivatives:** all, in the argument and both parameters.

    **Errors:** `ValueError` that names the field, the value and the remedy; a traced matrix that is no covariance gives
    NaN.
    **Source:** `scipy.stats.multivariate_normal`.

    >>> law = MultivariateNormal(loc=[10.0, 20.0], covariance=[[4.0, 3.0], [3.0, 9.0]])
    >>> round(float(law.correlation()[0, 1]), 4), round(float(law.pdf([10.0, 20.0])), 5)
    (0.5, 0.03063)
    """

    loc: Float[Array, " d"]
    covariance: Float[Array, "d d"]

    def __init__(self, loc: Any, covariance: Any):
        fields = as_fields("MultivariateNormal", loc=loc, covariance=covariance)
        self.loc, self.covariance = fields["loc"], fields["covariance"]
        require_vector(self.loc, "MultivariateNormal.loc")
        require_covariance(self.covariance, self.loc.shape[0], "MultivariateNormal.covariance")
        require_finite(self, "MultivariateNormal")

    @property
    def _score_mean(self) -> Float[Array, " d"]:
        return self.loc

    @property
    def _score_cov(self) -> Float[Array, "d d"]:
        return self.covariance

    def _from_scores(self, score: Points) -> Points:
        return score

    def _logpdf(self, x: Points) -> Values:
        return self._score_logpdf(x)

    def _mean(self) -> Float[Array, " d"]:
        return self.loc

    def _cov(self) -> Float[Array, "d d"]:
        return self.covariance


class MultivariateLogNormal(_Scored):
    r"""Demands whose logarithms are jointly normal.

    **Arguments:** `log_mean`: means of the logarithms, shape `[d]`. `log_covariance`: covariance of the logarithms,
    symmetric and positive definite, shape `[d, d]`.

    With $m$ and $C$ these two, $E X_i = e^{m_i + C_{ii}/2}$ and $\mathrm{Cov}(X_i, X_j) = E X_i\, E X_j\,(e^{C_{ij}} -
    1)$.

    **Derivatives:** all, in the argument and both parameters.

    **Errors:** `ValueError` that names the field, the value and the remedy; a traced matrix that is no covariance gives
    NaN.
    **Source:** `scipy.stats.lognorm` in several dimensions; Johnson and Kotz, Continuous Multivariate Distributions
    (1972), chapter 43.

    >>> law = MultivariateLogNormal(log_mean=[0.0, 1.0], log_covariance=[[0.04, 0.02], [0.02, 0.09]])
    >>> [round(float(mean), 4) for mean in law.mean()], round(float(law.correlation()[0, 1]), 4)
    ([1.0202, 2.8434], 0.3259)
    """

    log_mean: Float[Array, " d"]
    log_covariance: Float[Array, "d d"]

    def __init__(self, log_mean: Any, log_covariance: Any):
        fields = as_fields("MultivariateLogNormal", log_mean=log_mean, log_covariance=log_covariance)
        self.log_mean, self.log_covariance = fields["log_mean"], fields["log_covariance"]
        require_vector(self.log_mean, "MultivariateLogNormal.log_mean")
        require_covariance(self.log_covariance, self.log_mean.shape[0], "MultivariateLogNormal.log_covariance")
        require_finite(self, "MultivariateLogNormal")

    @property
    def _score_mean(self) -> Float[Array, " d"]:
        return self.log_mean

    @property
    def _score_cov(self) -> Float[Array, "d d"]:
        return self.log_covariance

    def _from_scores(self, score: Points) -> Points:
        return jnp.exp(score)

    def _logpdf(self, x: Points) -> Values:
        positive = jnp.all(x > 0, axis=-1)
        score = jnp.log(jnp.where(positive[..., None], x, 1.0))
        return jnp.where(positive, self._score_logpdf(score) - jnp.sum(score, axis=-1), -jnp.inf)

    def _mean(self) -> Float[Array, " d"]:
        return jnp.exp(self.log_mean + jnp.diagonal(self.log_covariance) / 2)

    def _cov(self) -> Float[Array, "d d"]:
        mean = self._mean()
        return mean[:, None] * mean[None, :] * jnp.expm1(self.log_covariance)
