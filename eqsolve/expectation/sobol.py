"""Sobol points, randomised so that each is uniform while all keep their even spread."""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, UInt32

from eqsolve.expectation.sequences import WORD, Sequence, Words, random_words

# one row per dimension after the first: a primitive polynomial over {0, 1}, its coefficients as the bits of a number,
# and as many odd first direction numbers as its degree. Joe and Kuo (2008), the set "new-joe-kuo-6.21201".
DIRECTIONS = (
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
    (103, (1, 1, 1, 15, 7, 5)),
    (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)),
    (131, (1, 3, 7, 11, 23, 15, 103)),
    (137, (1, 3, 7, 13, 13, 15, 69)),
    (143, (1, 1, 3, 13, 7, 35, 63)),
    (145, (1, 3, 5, 9, 1, 25, 53)),
    (157, (1, 3, 1, 13, 9, 35, 107)),
    (167, (1, 3, 1, 5, 27, 61, 31)),
    (171, (1, 1, 5, 11, 19, 41, 61)),
    (185, (1, 3, 5, 3, 3, 13, 69)),
    (191, (1, 1, 7, 13, 1, 19, 1)),
    (193, (1, 3, 7, 5, 13, 19, 59)),
    (203, (1, 1, 3, 9, 25, 29, 41)),
    (211, (1, 3, 5, 13, 23, 1, 55)),
    (213, (1, 3, 7, 3, 13, 59, 17)),
)


class Sobol(Sequence):
    """Sobol's sequence under a random linear scramble and a digital shift.

    **Source:** Joe and Kuo, Constructing Sobol sequences with better two-dimensional projections (2008); Matoušek, On
    the L2-discrepancy for anchored boxes (1998), for the scramble.
    """

    most_dimensions: ClassVar[int] = len(DIRECTIONS) + 1
    most_points: ClassVar[int] = 2**30

    table: UInt32[Array, "dimension points"]  # the points of the first block, before the shift
    columns: UInt32[Array, "dimension bits"]  # what each further bit of the index adds, by exclusive or
    shift: UInt32[Array, " dimension"]

    @staticmethod
    def randomised(key: PRNGKeyArray, dimension: int, points: int, size: int, dtype: Any) -> "Sobol":
        """An independent randomisation, in blocks of `size`, a power of two."""
        del points
        scramble, shift, below = jax.random.split(key, 3)
        columns = _scrambled(random_words(scramble, (dimension, WORD)), jnp.asarray(_generators()[:dimension]))
        bits = size.bit_length() - 1
        return Sobol(
            jax.random.uniform(below, (dimension,), dtype),
            _combined(columns[:, :bits], jnp.arange(size, dtype=jnp.uint32)),
            columns[:, bits:],
            random_words(shift, (dimension,)),
        )

    def words(self, block: UInt32[Array, ""]) -> Words:
        """The points of a block, counted from zero."""
        return self.table ^ _combined(self.columns, block[None]) ^ self.shift[:, None]


def _combined(columns: UInt32[Array, "dimension bits"], index: UInt32[Array, " points"]) -> Words:
    """The exclusive or of the columns that belong to the bits of each index."""
    total = jnp.zeros((columns.shape[0], index.shape[0]), jnp.uint32)
    for bit in range(columns.shape[1]):
        total ^= jnp.where((index >> bit) & 1 == 1, columns[:, bit, None], jnp.uint32(0))
    return total


def _scrambled(rows: UInt32[Array, "dimension 32"], columns: UInt32[Array, "dimension 32"]) -> Array:
    """The columns under a random lower triangular matrix with ones on its diagonal, bit 31 being the first row."""
    places = jnp.arange(WORD - 1, -1, -1, dtype=jnp.uint32)
    diagonal = jnp.uint32(1) << places
    before = ~(diagonal | (diagonal - 1))  # the bits of higher value
    matrix = (rows & before) | diagonal
    parity = jax.lax.population_count(matrix[:, :, None] & columns[:, None, :]) & 1
    return jnp.sum(parity << places[:, None], axis=1, dtype=jnp.uint32)


@functools.cache
def _generators() -> np.ndarray:
    """The direction numbers of all dimensions as words, shape `[dimensions, 32]`."""
    first = [1] * WORD
    table = [_words(first)]
    for polynomial, start in DIRECTIONS:
        degree = len(start)
        odd = list(start)
        for k in range(degree, WORD):
            new = odd[k - degree]
            for i in range(1, degree + 1):
                if polynomial >> (degree - i) & 1:
                    new ^= odd[k - i] << i
            odd.append(new)
        table.append(_words(odd))
    return np.array(table, np.uint32)


def _words(odd: list[int]) -> list[int]:
    return [number << (WORD - 1 - k) for k, number in enumerate(odd)]
