"""Independent demands."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint.joint import Points, Values
from eqsolve.demand.joint.marginals import Coupled, marginal_laws, sum_of_logs


class Independent(Coupled):
    """Demands that know nothing of each other.

    **Arguments:** one distribution per component, each a single law (no batch).

    A discrete marginal contributes the probability of its value to `pdf`, in place of a density.

    **Errors:** `TypeError` or `ValueError` for a marginal that is no single distribution.
    **Source:** the product measure; Billingsley, Probability and Measure, section 20.

    >>> from eqsolve.demand.uniform import Uniform
    >>> law = Independent(Uniform(0.0, 10.0), Uniform(5.0, 2.0))
    >>> law.mean().tolist(), law.transport([0.5, 0.25]).tolist()
    ([5.0, 6.0], [5.0, 5.5])
    """

    marginals: tuple[Distribution, ...]

    def __init__(self, *marginals: Distribution):
        self.marginals = marginal_laws("Independent", marginals)

    def _couple(self, u: Points) -> Points:
        return u

    def _log_copula(self, below: Points, above: Points) -> Values:
        del above
        return jnp.zeros(below.shape[:-1], below.dtype)

    def _logpdf(self, x: Points) -> Values:
        return sum_of_logs(self.marginals, x)

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Points:
        keys = jax.random.split(key, self.size)
        return jnp.stack([law.sample(key, shape) for law, key in zip(self.marginals, keys, strict=True)], axis=-1)

    def _cov(self) -> Float[Array, "d d"]:
        return jnp.diag(self._variances())
