r"""Covariances of functions of two t-distributed scores, in polar coordinates.

Scores with correlation $\rho$ are $y_i = r \sin \phi$ and $y_j = \pm r \sin(L - \phi)$ on arcs of length $L$ between
two directions in which one of them is zero: $L = \pi - \arccos \rho$ where their signs agree, $\arccos \rho$ where
they differ. The direction is uniform and $P(R > r) = (1 + r^2)^{-\nu/2}$, independently.

Where both scores are far out, a function of one of them changes within a narrow range of directions around the end of
an arc. The double exponential rule gathers its nodes there, so no strength of dependence and no weight of the tails
needs a finer one.

**Source:** H. Takahasi and M. Mori, Double exponential formulas for numerical integration (1974).
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.demand._incomplete import _NODES, _WEIGHTS
from eqsolve.demand.joint._student import furthest, log_tail
from eqsolve.demand.joint.joint import Points, inside

_GRID = np.linspace(-3.0, 3.0, 41)
_SHARES = 1 / (1 + np.exp(-np.pi * np.sinh(_GRID)))  # of an arc, in mirrored pairs
_SHARE_WEIGHTS = (_GRID[1] - _GRID[0]) * np.pi * np.cosh(_GRID) * _SHARES * _SHARES[::-1]


def covariances(
    quantiles: Callable[[Points], Points], mean: Float[Array, " d"], correlation: Float[Array, "d d"], df: Array
) -> Float[Array, "d d"]:
    """Between all components with these quantile functions; the diagonal is without meaning.

    `quantiles` takes the level of every component along the last axis, as the arrays below have it: arc, radius,
    direction, other component, component.
    """
    size = correlation.shape[0]
    level = _upper_levels(jnp.where(jnp.eye(size, dtype=bool), 0.0, correlation), df)
    high = quantiles(inside(1 - level)) - mean
    low = quantiles(inside(level)) - mean
    # the other component is as far from its own end of the arc, and on the second arc on the other side of its middle
    agree, differ = (jnp.swapaxes(jnp.flip(gap, axis=2), 3, 4) for gap in (high, low))
    products = jnp.stack([high[0] * agree[0] + low[0] * differ[0], high[1] * differ[1] + low[1] * agree[1]])
    radial, angular = jnp.asarray(_WEIGHTS, level.dtype), jnp.asarray(_SHARE_WEIGHTS, level.dtype)
    radial = radial * jnp.exp(-jnp.asarray(_NODES, level.dtype))
    per_arc = jnp.einsum("arkji,r,k->aji", products, radial, angular)
    return jnp.sum(_arcs(correlation) * per_arc, axis=0) / (2 * jnp.pi)


def _arcs(correlation: Float[Array, "d d"]) -> Float[Array, "2 d d"]:
    """The lengths of the two arcs."""
    apart = jnp.arccos(correlation)
    return jnp.stack([jnp.pi - apart, apart])


def _upper_levels(correlation: Float[Array, "d d"], df: Array) -> Float[Array, "2 radii directions d d"]:
    """The probability above each positive score, by arc, radius and direction."""
    dtype = correlation.dtype
    # -log P(R > r) is exponentially distributed; beyond the furthest radius no weight is left
    log_squares = jnp.minimum(2 * jnp.asarray(_NODES, dtype) / df, 2 * float(np.log(furthest(dtype))))
    radius = jnp.sqrt(jnp.expm1(log_squares))
    direction = jnp.asarray(_SHARES, dtype)[:, None, None] * _arcs(correlation)[:, None]
    return jnp.exp(log_tail(radius[:, None, None, None] * jnp.sin(direction)[:, None], df))
