r"""Covariances of functions of correlated normal scores, by their Hermite coefficients.

For standard normal scores with correlation $\rho$, Mehler's formula gives

$$E[g(Z_1) h(Z_2)] = \sum_k \rho^k a_k b_k, \qquad a_k = E[g(Z) He_k(Z)] / \sqrt{k!},$$

and one set of coefficients per component serves all pairs. They are integrated by the trapezoidal rule, which converges
geometrically for smooth integrands that fall like a normal density.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

TERMS = 96
NODES = 1024


def nodes(dtype: Any) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """Normal scores as far out as the precision resolves their probabilities, and half-density weights.

    The weight is that of the step times the square root of the normal density; `coefficients` supplies the other root.
    """
    reach = float(np.sqrt(-2 * np.log(float(jnp.finfo(dtype).epsneg)))) - 0.5
    score = np.linspace(-reach, reach, NODES)
    weight = (score[1] - score[0]) * np.sqrt(np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi))
    return jnp.asarray(score, dtype), jnp.asarray(weight, dtype)


@jax.jit
def coefficients(values: Float[Array, "*components nodes"]) -> Float[Array, "..."]:
    """The normalised Hermite coefficients 0, 1, ... of functions given at the nodes."""
    score, weight = nodes(values.dtype)
    first = jnp.exp(-(score**2) / 4) / (2 * jnp.pi) ** 0.25

    def following(pair: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
        before, now = pair
        after = (score * now - jnp.sqrt(k) * before) / jnp.sqrt(k + 1)
        return (now, after), jnp.sum(values * weight * now, axis=-1)

    order = jnp.arange(TERMS, dtype=values.dtype)
    return jax.lax.scan(following, (jnp.zeros_like(first), first), order)[1]


@jax.jit
def product_moments(
    coefficient: Float[Array, "terms *batch d"], correlation: Float[Array, "d d"]
) -> Float[Array, "*batch d d"]:
    """The sum over k of Mehler's formula, for all pairs, by Horner's scheme."""

    def add(total: Array, entry: Array) -> tuple[Array, None]:
        return total * correlation + entry[..., :, None] * entry[..., None, :], None

    size = correlation.shape[0]
    zero = jnp.zeros((*coefficient.shape[1:], size), coefficient.dtype)
    return jax.lax.scan(add, zero, coefficient, reverse=True)[0]
