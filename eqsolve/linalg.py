"""Small dense linear algebra in plain XLA.

LAPACK calls inside a batch were measured to be slower and, on some JAX releases, to deadlock on CPU. The matrices here
have one row per action, so a pivoted Gauss-Jordan elimination is all that is needed.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

State = TypeVar("State")
UNROLLED = 4


def _loop(size: int, body: Callable[[Any, State], State], state: State) -> State:
    if size > UNROLLED:
        return jax.lax.fori_loop(0, size, body, state)
    for k in range(size):
        state = body(k, state)
    return state


def row_sums(table: Float[Array, "n k ..."]) -> Float[Array, "n ..."]:
    """The sum of each row; short rows one entry after the other, which in a batch is one loop over the batch."""
    if not 0 < table.shape[1] <= 2 * UNROLLED:
        return jnp.sum(table, axis=1)
    return functools.reduce(operator.add, [column(table, j) for j in range(table.shape[1])])


def column(table: Float[Array, "n k ..."], j: int) -> Float[Array, "n ..."]:
    """Column `j`."""
    return jax.lax.index_in_dim(table, j, axis=1, keepdims=False)


def identity_like(matrix: Float[Array, "n n ..."]) -> Float[Array, "n n ..."]:
    """The identity matrix, of the same precision, that broadcasts over the lanes of `matrix`."""
    n = matrix.shape[0]
    return jnp.eye(n, dtype=matrix.dtype).reshape(n, n, *(1,) * (matrix.ndim - 2))


def diagonal(matrix: Float[Array, "n n ..."]) -> Float[Array, "n ..."]:
    """The diagonal entries."""
    return row_sums(jnp.where(identity_like(matrix) > 0, matrix, 0.0))


def eliminate(
    matrix: Float[Array, "n n ..."], rhs: Float[Array, "n m ..."]
) -> tuple[Float[Array, "n m ..."], Float[Array, "..."]]:
    """Solve `matrix @ x = rhs`; also return the smallest pivot relative to the matrix's rows.

    Rows are scaled by their largest entry, pivots chosen by column. A zero pivot gives finite numbers and a smallest
    pivot of zero: the caller decides what a singular matrix means. Many systems at once carry the batch as last axis.
    """
    n = matrix.shape[0]
    largest = jnp.max(jnp.abs(matrix), axis=1, keepdims=True)
    scale = jnp.where(largest > 0, largest, 1.0)
    table = jnp.concatenate([matrix / scale, rhs / scale], axis=1)
    if n <= UNROLLED:
        reduced, smallest = _unrolled(table)
    elif table.ndim == 2:
        reduced, smallest = _looped(table)
    else:
        reduced, smallest = jax.vmap(_looped, in_axes=-1, out_axes=-1)(table)
    return reduced[:, n:], smallest


def _unrolled(table: Float[Array, "n k ..."]) -> tuple[Float[Array, "n k ..."], Float[Array, "..."]]:
    """Gauss-Jordan with every entry a number of its own: a batch is one loop over the lanes, without gathers."""
    rows = [list(jnp.unstack(row)) for row in jnp.unstack(table)]
    smallest = jnp.full(table.shape[2:], jnp.inf, table.dtype)
    for k in range(len(rows)):
        for below in range(k + 1, len(rows)):  # the largest pivot rises to row k
            swap = jnp.abs(rows[below][k]) > jnp.abs(rows[k][k])
            pairs = list(zip(rows[k], rows[below], strict=True))
            rows[k] = [jnp.where(swap, low, high) for high, low in pairs]
            rows[below] = [jnp.where(swap, high, low) for high, low in pairs]
        pivot = rows[k][k]
        factor = jnp.where(pivot == 0, 0.0, 1 / jnp.where(pivot == 0, 1.0, pivot))
        rows[k] = [entry * factor for entry in rows[k]]
        for other in range(len(rows)):
            if other != k:
                times = rows[other][k]
                rows[other] = [x - times * y for x, y in zip(rows[other], rows[k], strict=True)]
        smallest = jnp.minimum(smallest, jnp.abs(pivot))
    return jnp.stack([jnp.stack(row) for row in rows]), smallest


def _looped(table: Float[Array, "n k"]) -> tuple[Float[Array, "n k"], Float[Array, ""]]:
    """The same as a loop over columns, which compiles in constant time."""
    rows = jnp.arange(table.shape[0])

    def column(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        table, smallest = state
        candidates = jnp.where(rows >= k, jnp.abs(table[:, k]), -1.0)
        best = jnp.argmax(candidates)
        pivot_row, other = table[best], table[k]
        table = jnp.where((rows == best)[:, None], other, table)
        pivot = pivot_row[k]
        safe = jnp.where(pivot == 0, 1.0, pivot)
        pivot_row = jnp.where(pivot == 0, 0.0, pivot_row / safe)
        factors = jnp.where(rows == k, 0.0, table[:, k])
        table = jnp.where((rows == k)[:, None], pivot_row, table - factors[:, None] * pivot_row)
        return table, jnp.minimum(smallest, jnp.abs(pivot))

    return jax.lax.fori_loop(0, table.shape[0], column, (table, jnp.asarray(jnp.inf, table.dtype)))


def solve(matrix: Float[Array, "n n"], rhs: Float[Array, " n"]) -> Float[Array, " n"]:
    """Solve `matrix @ x = rhs`, differentiable in both, in forward and reverse mode and to any order."""
    return jax.lax.custom_linear_solve(
        lambda x: matrix @ x,
        rhs,
        lambda _, b: eliminate(matrix, b[:, None])[0][:, 0],
        lambda _, b: eliminate(matrix.T, b[:, None])[0][:, 0],
    )


def inverse(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The inverse of a small matrix (finite numbers without meaning where it is singular)."""
    return eliminate(matrix, jnp.eye(matrix.shape[0], dtype=matrix.dtype))[0]


def is_positive_definite(matrix: Float[Array, "n n"]) -> Bool[Array, ""]:
    """Whether a symmetric matrix has only positive pivots, that is, only positive eigenvalues."""
    n = matrix.shape[0]
    rows = jnp.arange(n)

    def column(k: Any, state: tuple[Array, Array]) -> tuple[Array, Array]:
        table, positive = state
        pivot = table[k, k]
        safe = jnp.where(pivot > 0, pivot, 1.0)
        factors = jnp.where(rows > k, table[:, k] / safe, 0.0)
        return table - factors[:, None] * table[k], positive & (pivot > 0)

    return _loop(n, column, (matrix, jnp.asarray(True)))[1]


def largest_eigenvalue(matrix: Float[Array, "n n"]) -> Float[Array, ""]:
    """The largest eigenvalue of the symmetric part of `matrix`, by bisection on definiteness.

    `s I - M` is positive definite exactly when `s` exceeds every eigenvalue. Gershgorin's discs give the first
    interval; each halving is one elimination. Accurate to rounding of the largest entry; NaN where the matrix is not
    finite.
    """
    symmetric = 0.5 * (matrix + matrix.T)
    radius = jnp.sum(jnp.abs(symmetric), axis=1) - jnp.abs(jnp.diag(symmetric))
    low = jnp.max(jnp.diag(symmetric))  # the largest eigenvalue is at least every diagonal entry
    high = jnp.max(jnp.diag(symmetric) + radius)
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)

    def halve(_: Any, interval: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = interval
        middle = 0.5 * (low + high)
        above = is_positive_definite(middle * identity - symmetric)
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    low, high = jax.lax.fori_loop(0, jnp.finfo(matrix.dtype).nmant + 2, halve, (low, high))
    return 0.5 * (low + high)
