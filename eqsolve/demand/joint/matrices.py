"""Covariance and correlation matrices: checks, factors and densities in plain XLA, so that batches call no LAPACK.

The functions are compiled, because a law that is used outside `jit` would otherwise compile each of their many small
operations by itself.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import concrete
from eqsolve.linalg import _loop, is_positive_definite


def require_covariance(matrix: Array, size: int, what: str) -> None:
    """Raise where a matrix has not the shape, or is concrete and not symmetric and positive definite."""
    if matrix.shape != (size, size):
        raise ValueError(f"{what} has shape {matrix.shape}; give one row and one column per component: {(size, size)}.")
    values = concrete(matrix)
    if values is None:
        return
    if not np.all(np.isfinite(values)):
        i, j = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"{what}[{i}, {j}] is {values[i, j]}; every number there must be finite.")
    uneven = np.abs(values - values.T) > _slack(matrix) * np.max(np.abs(values))
    if np.any(uneven):
        i, j = np.argwhere(uneven)[0]
        raise ValueError(
            f"{what}[{i}, {j}] is {values[i, j]}, but [{j}, {i}] is {values[j, i]}; give a symmetric matrix."
        )
    eigenvalues = np.linalg.eigvalsh(values.astype(np.float64))
    if eigenvalues[0] <= size * float(jnp.finfo(matrix.dtype).eps) * eigenvalues[-1]:
        raise ValueError(
            f"{what} has the eigenvalue {eigenvalues[0]:.6g}; give a positive definite matrix (a component that others"
            " determine fully has no density: leave it out, or use EmpiricalPairs)."
        )


def require_correlation(matrix: Array | None, size: int, what: str) -> None:
    """Raise as `require_covariance`, and where a concrete diagonal is not one."""
    if matrix is None:
        raise TypeError(f"{what} is None; give a {size} x {size} matrix with ones on its diagonal.")
    values = concrete(matrix)
    if matrix.shape == (size, size) and values is not None:
        off = np.abs(np.diagonal(values) - 1) > _slack(matrix)
        if np.any(off):
            i = int(np.argmax(off))
            raise ValueError(
                f"{what}[{i}, {i}] is {values[i, i]}; a correlation matrix has ones on its diagonal (divide a"
                " covariance by both standard deviations)."
            )
    require_covariance(matrix, size, what)


@jax.jit
def is_covariance(matrix: Float[Array, "d d"]) -> Bool[Array, ""]:
    """Whether a traced matrix is symmetric and positive definite."""
    symmetric = jnp.all(jnp.abs(matrix - matrix.T) <= _slack(matrix) * jnp.max(jnp.abs(matrix)))
    return symmetric & is_positive_definite(matrix) & jnp.all(jnp.isfinite(matrix))


@jax.jit
def is_correlation(matrix: Float[Array, "d d"]) -> Bool[Array, ""]:
    """Whether a traced matrix is also one on its diagonal."""
    return is_covariance(matrix) & jnp.all(jnp.abs(jnp.diagonal(matrix) - 1) <= _slack(matrix))


@jax.jit
def cholesky(matrix: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The lower factor of a symmetric positive definite matrix; finite numbers without meaning for any other."""
    size = matrix.shape[0]
    rows = jnp.arange(size)

    def column(k: Any, state: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, lower = state
        pivot = rest[k, k]
        safe = jnp.where(pivot > 0, pivot, 1.0)
        entries = jnp.where(rows >= k, rest[:, k], 0.0) / jnp.sqrt(safe)
        return rest - entries[:, None] * entries[None, :], jnp.where(rows[None, :] == k, entries[:, None], lower)

    return _loop(size, column, (matrix, jnp.zeros_like(matrix)))[1]


@jax.jit
def correlate(scores: Float[Array, "*batch d"], lower: Float[Array, "d d"]) -> Float[Array, "*batch d"]:
    """Scores with the covariance `lower @ lower.T` from independent ones of variance one."""
    return jnp.sum(scores[..., None, :] * lower, axis=-1)


@jax.jit
def decorrelate(
    scores: Float[Array, "*batch d"], lower: Float[Array, "d d"]
) -> tuple[Float[Array, "*batch"], Float[Array, ""]]:
    """The squared length of `lower^-1 @ scores`, and half the logarithm of the determinant of `lower @ lower.T`."""
    size = lower.shape[0]
    diagonal = jnp.diagonal(lower)
    safe = jnp.where(diagonal > 0, diagonal, 1.0)

    def substitute(k: Any, solved: Array) -> Array:
        entry = (scores[..., k] - jnp.sum(solved * lower[k], axis=-1)) / safe[k]
        return jnp.where(jnp.arange(size) == k, entry[..., None], solved)

    independent = _loop(size, substitute, jnp.zeros_like(scores))
    return jnp.sum(independent**2, axis=-1), jnp.sum(jnp.log(safe))


def _slack(matrix: Array) -> float:
    """How far rounding may move an entry of a matrix that was computed from data, relative to the largest."""
    return float(jnp.finfo(matrix.dtype).eps) ** 0.5
