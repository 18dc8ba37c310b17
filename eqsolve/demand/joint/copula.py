"""Demands coupled by a copula: any marginal laws, with the dependence of a normal or a Student t distribution."""

from typing import Any

import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import as_fields
from eqsolve.demand import _random
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint.hermite import coefficients, nodes, product_moments
from eqsolve.demand.joint.joint import Points, Values
from eqsolve.demand.joint.marginals import Coupled, marginal_laws, quantiles
from eqsolve.demand.joint.matrices import cholesky, correlate, decorrelate, is_correlation, require_correlation


class GaussianCopula(Coupled):
    r"""Any marginal laws, with the dependence of a multivariate normal distribution.

    The components are $F_i^{-1}(\Phi(Z_i))$ with $Z$ normal of variance one and the given correlation.

    **Arguments:** `marginals`: one single distribution per component. `correlation` of the normal scores: symmetric,
    ones on the diagonal, positive definite, shape `[d, d]`. `pearson_from_spearman` and `pearson_from_kendall` give it
    from rank correlations.

    `correlation()` is that of the demands, which differs from the scores' unless the marginals are normal. Off the
    diagonal, `cov` sums 96 terms of Mehler's formula: to rounding for smooth quantiles, but where a marginal has steps
    (is discrete) only to a few thousandths of the product of both standard deviations. It is NaN for a marginal with
    infinite variance.

    **Derivatives:** `transport` and `logpdf` in all parameters, as far as the marginals have them.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; a traced matrix that is no
    correlation gives NaN.
    **Source:** Nelsen, An Introduction to Copulas (2006), section 2.3; moments by Cario and Nelson, Modeling and
    generating random vectors with arbitrary marginal distributions and correlation matrix (1997).

    >>> from eqsolve.demand.uniform import Uniform
    >>> law = GaussianCopula([Uniform(0.0, 10.0), Uniform(0.0, 1.0)], correlation=[[1.0, 0.5], [0.5, 1.0]])
    >>> round(float(law.correlation()[0, 1]), 4), round(float(law.pdf([9.0, 0.9])), 4)
    (0.4826, 0.1996)
    """

    marginals: tuple[Distribution, ...]
    scores: Float[Array, "d d"]

    def __init__(self, marginals: Any, correlation: Any):
        self.marginals = marginal_laws("GaussianCopula", marginals)
        fields = as_fields("GaussianCopula", correlation=correlation)
        self.scores = fields["correlation"]
        require_correlation(self.scores, len(self.marginals), "GaussianCopula.correlation")

    @property
    def _valid(self) -> Bool[Array, ""]:
        return super()._valid & is_correlation(self.scores)

    @property
    def _lower(self) -> Float[Array, "d d"]:
        return cholesky(self.scores)

    def _couple(self, u: Points) -> Points:
        return ndtr(correlate(ndtri(u), self._lower))

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Points:
        free = _random.normal(key, (*shape, self.size), self.dtype)
        return quantiles(self.marginals, ndtr(correlate(free, self._lower)))

    def _log_copula(self, below: Points, above: Points) -> Values:
        lower_tail = below < above
        score = ndtri(jnp.where(lower_tail, below, above)) * jnp.where(lower_tail, 1, -1)
        length, half_log_det = decorrelate(score, self._lower)
        return (jnp.sum(score**2, axis=-1) - length) / 2 - half_log_det

    def _cov(self) -> Float[Array, "d d"]:
        score, _ = nodes(self.dtype)
        at = quantiles(self.marginals, jnp.broadcast_to(ndtr(score)[:, None], (score.shape[0], self.size)))
        gap = (at - self._mean()).T
        variance = self._variances()
        moments = product_moments(coefficients(gap).at[0].set(0.0), self.scores)
        finite = jnp.isfinite(variance[:, None] + variance[None, :])
        off = jnp.where(finite, moments, jnp.nan)
        return jnp.where(jnp.eye(self.size, dtype=bool), variance, off)


def pearson_from_spearman(rho: Any) -> Array:
    r"""The correlation of normal scores that gives Spearman's rank correlation: $2 \sin(\pi \rho_S / 6)$.

    **Arguments:** `rho`: in [-1, 1], any shape; NaN outside. **Returns:** correlations of the same shape.
    **Source:** Kruskal, Ordinal measures of association (1958); holds for the Gaussian copula with continuous
    marginals.

    >>> round(float(pearson_from_spearman(0.5)), 4)
    0.5176
    """
    rho = as_fields("pearson_from_spearman", rho=rho)["rho"]
    return jnp.where(jnp.abs(rho) <= 1, 2 * jnp.sin(jnp.pi * rho / 6), jnp.nan)


def spearman_from_pearson(correlation: Any) -> Array:
    r"""Spearman's rank correlation of a Gaussian copula: $(6/\pi) \arcsin(r / 2)$.

    **Arguments:** `correlation`: of the normal scores, in [-1, 1], any shape; NaN outside.
    **Source:** as for `pearson_from_spearman`.

    >>> round(float(spearman_from_pearson(0.5)), 4)
    0.4826
    """
    r = as_fields("spearman_from_pearson", correlation=correlation)["correlation"]
    allowed = jnp.abs(r) <= 1
    return jnp.where(allowed, 6 / jnp.pi * jnp.arcsin(jnp.where(allowed, r, 0.0) / 2), jnp.nan)


def pearson_from_kendall(tau: Any) -> Array:
    r"""The correlation of the scores that gives Kendall's tau: $\sin(\pi \tau / 2)$.

    **Arguments:** `tau`: in [-1, 1], any shape; NaN outside. **Returns:** correlations of the same shape.
    **Source:** Lindskog, McNeil and Schmock, Kendall's tau for elliptical distributions (2003); holds for the Gaussian
    and the t copula with continuous marginals.

    >>> round(float(pearson_from_kendall(1 / 3)), 4)
    0.5
    """
    tau = as_fields("pearson_from_kendall", tau=tau)["tau"]
    return jnp.where(jnp.abs(tau) <= 1, jnp.sin(jnp.pi * tau / 2), jnp.nan)


def kendall_from_pearson(correlation: Any) -> Array:
    r"""Kendall's tau of a Gaussian or t copula: $(2/\pi) \arcsin r$.

    **Arguments:** `correlation`: of the scores, in [-1, 1], any shape; NaN outside.
    **Source:** as for `pearson_from_kendall`.

    >>> round(float(kendall_from_pearson(0.5)), 4)
    0.3333
    """
    r = as_fields("kendall_from_pearson", correlation=correlation)["correlation"]
    allowed = jnp.abs(r) <= 1
    return jnp.where(allowed, 2 / jnp.pi * jnp.arcsin(jnp.where(allowed, r, 0.0)), jnp.nan)
