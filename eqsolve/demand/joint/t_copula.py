"""Demands coupled by the copula of Student's t: extreme demands tend to come together."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import as_fields, require_scalar, require_values
from eqsolve.demand import _random
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint._student import below, central_integral, furthest, log_tail, quantile
from eqsolve.demand.joint.joint import Points, Values
from eqsolve.demand.joint.marginals import Coupled, marginal_laws, quantiles
from eqsolve.demand.joint.matrices import cholesky, correlate, decorrelate, is_correlation, require_correlation
from eqsolve.demand.joint.polar import covariances

SMALLEST_DF = 0.5


class TCopula(Coupled):
    r"""Any marginal laws, with the dependence of a multivariate Student t distribution.

    The components are $F_i^{-1}(T_\nu(X_i))$ with $X$ multivariate t, $T_\nu$ the cdf of each $X_i$. Unlike with a
    `GaussianCopula`, very high demands tend to come together, and so do very low ones, the more so the fewer the
    degrees of freedom (`tail_dependence`); even at correlation zero the components are not independent.

    **Arguments:** `marginals`: one single distribution per component. `correlation` of the t scores: symmetric, ones on
    the diagonal, positive definite, shape `[d, d]`; `pearson_from_kendall` gives it from rank correlations. `df`:
    degrees of freedom $\nu$, 0.5 or more; a `GaussianCopula` is the limit of many.

    `transport` is Rosenblatt's: given the components before it, the scores' component $i$ is t with $\nu + i$ degrees
    of freedom (the first has $i = 0$), so $d$ uniforms are enough. `sample` draws normals and a chi-square instead,
    other points for the same key but of the same law.

    `correlation()` is that of the demands. Off the diagonal, `cov` is integrated in polar coordinates of the scores: to
    1e-9 of the product of both standard deviations for smooth quantiles in 64 bit (1e-7 where a marginal's variance
    comes from levels within 1e-15 of one), but where a marginal has steps (is discrete) only to one per cent of it. The
    cost grows with the square of $d$. It is NaN for a marginal with infinite variance.

    **Derivatives:** `transport`, `logpdf` and `cov` in all parameters, to second order, as far as the marginals have
    them.

    **Tested range:** 0.5 to a million degrees of freedom. A score beyond 1e152 (1e18 in 32 bit) counts as that number,
    which happens to levels below 1e-76 (1e-9) at 0.5 degrees of freedom, and to smaller ones at more.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; a traced matrix that is no
    correlation and traced degrees of freedom out of range give NaN.
    **Source:** Demarta and McNeil, The t copula and related copulas (2005); Rosenblatt, Remarks on a multivariate
    transformation (1952).

    >>> from eqsolve.demand.uniform import Uniform
    >>> law = TCopula([Uniform(0.0, 10.0), Uniform(0.0, 1.0)], correlation=[[1.0, 0.5], [0.5, 1.0]], df=4.0)
    >>> round(float(law.correlation()[0, 1]), 4), round(float(law.pdf([9.0, 0.9])), 4)
    (0.469, 0.2324)
    """

    marginals: tuple[Distribution, ...]
    scores: Float[Array, "d d"]
    df: Float[Array, ""]

    def __init__(self, marginals: Any, correlation: Any, df: Any):
        self.marginals = marginal_laws("TCopula", marginals)
        fields = as_fields("TCopula", correlation=correlation, df=df)
        self.scores, self.df = fields["correlation"], fields["df"]
        require_correlation(self.scores, len(self.marginals), "TCopula.correlation")
        require_scalar(self.df, "TCopula.df")
        require_values(
            self.df,
            lambda df: (df >= SMALLEST_DF) & (df < float("inf")),
            "TCopula.df",
            f"give a finite number of {SMALLEST_DF} or more (GaussianCopula is the limit of infinitely many)",
        )

    @property
    def _valid(self) -> Bool[Array, ""]:
        return super()._valid & is_correlation(self.scores) & self._df_allowed

    @property
    def _df_allowed(self) -> Bool[Array, ""]:
        return (self.df >= SMALLEST_DF) & jnp.isfinite(self.df)

    @property
    def _lower(self) -> Float[Array, "d d"]:
        return cholesky(self.scores)

    @property
    def _conditional_df(self) -> Float[Array, " d"]:
        """The degrees of freedom of each component given those before it."""
        return self.df + jnp.arange(self.size, dtype=self.df.dtype)

    def _couple(self, u: Points) -> Points:
        own = quantile(u, 1 - u, self._conditional_df)
        # the conditional scale sqrt(1 + y_0^2 + ... + y_{i-1}^2) is the product of the sqrt(1 + own_j^2) before
        log_grown = jnp.log1p(own**2) / 2
        log_scale = jnp.minimum(jnp.cumsum(log_grown, axis=-1) - log_grown, jnp.log(furthest(u.dtype)))
        return self._below(correlate(own * jnp.exp(log_scale), self._lower))

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Points:
        normal_key, gamma_key = jax.random.split(key)
        free = _random.normal(normal_key, (*shape, self.size), self.dtype)
        shape_parameter = jnp.where(self._df_allowed, self.df / 2, 1.0)  # rejection would never end for others
        half_chi_square = jax.random.gamma(gamma_key, shape_parameter, (*shape, 1), self.dtype)
        mixed = jax.lax.rsqrt(2 * jnp.maximum(half_chi_square, jnp.finfo(self.dtype).tiny))
        return quantiles(self.marginals, self._below(correlate(free, self._lower) * mixed))

    def _below(self, y: Points) -> Points:
        limit = furthest(y.dtype)
        return below(jnp.clip(y, -limit, limit), self.df)

    def _log_copula(self, below: Points, above: Points) -> Values:
        y = quantile(below, above, self.df)
        square, half_log_det = decorrelate(y, self._lower)
        # each component's density given those before it starts at 1 / (2 j(0)); see _student
        starts = jnp.log(central_integral(self._conditional_df))
        joint = -(self.df + self.size) / 2 * jnp.log1p(square) - half_log_det - jnp.sum(starts)
        return joint + (self.df + 1) / 2 * jnp.sum(jnp.log1p(y**2), axis=-1) + self.size * starts[0]

    def _cov(self) -> Float[Array, "d d"]:
        variance = self._variances()
        finite = jnp.isfinite(variance[:, None] + variance[None, :])
        between = covariances(lambda u: quantiles(self.marginals, u), self._mean(), self.scores, self.df)
        off = jnp.where(finite, between, jnp.nan)
        return jnp.where(jnp.eye(self.size, dtype=bool), variance, off)


def tail_dependence(correlation: Any, df: Any) -> Array:
    r"""The chance that one demand of a t copula is extreme, given that another is: the limit far out in either tail.

    $$\lambda = \lim_{q \to 1} P(U_2 > q \mid U_1 > q) = 2 T_{\nu+1}\left(-\sqrt{(\nu+1)(1-\rho)/(1+\rho)}\right)$$

    The same holds of very small demands. It is zero for a Gaussian copula, however strong the correlation.

    **Arguments:** `correlation` $\rho$ of the t scores, in [-1, 1]; NaN outside. `df`: degrees of freedom $\nu$, 0.5 or
    more. Any shapes that broadcast.
    **Returns:** probabilities.
    **Errors:** `ValueError` for concrete `df` out of range; NaN for traced.
    **Source:** Demarta and McNeil, The t copula and related copulas (2005), proposition 1.

    >>> round(float(tail_dependence(0.5, 4.0)), 4)
    0.2532
    """
    fields = as_fields("tail_dependence", correlation=correlation, df=df)
    r, df = jnp.broadcast_arrays(fields["correlation"], fields["df"])
    require_values(df, lambda df: df >= SMALLEST_DF, "tail_dependence: df", f"give numbers of {SMALLEST_DF} or more")
    known = df >= SMALLEST_DF
    between = known & (jnp.abs(r) < 1)
    r_inside, known_df = jnp.where(between, r, 0.0), jnp.where(known, df, 1.0)
    inside = 2 * jnp.exp(log_tail(jnp.sqrt((1 - r_inside) / (1 + r_inside)), known_df + 1))
    at_end = jnp.where(known & (r == 1), 1.0, jnp.where(known & (r == -1), 0.0, jnp.nan))
    return jnp.where(between, inside, at_end)
