"""A rank-1 lattice, shifted at random and folded so that functions need not be periodic."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, UInt32

from eqsolve.expectation.sequences import WORD, Sequence, Words, random_words

# Cools, Kuo and Nuyens (2006), a vector good for every power of two up to 2^20
GENERATOR = (
    *(1, 182667, 469891, 498753, 110745, 446247, 250185, 118627),
    *(245333, 283199, 408519, 391023, 246327, 126539, 399185, 461527),
)


class Lattice(Sequence):
    """The points k z / n, k = 0, ..., n - 1, shifted at random and folded at one half ("baker's transform").

    **Source:** Cools, Kuo and Nuyens, Constructing embedded lattice rules for multivariate integration (2006);
    Hickernell, Obtaining O(N^(-2+e)) convergence for lattice quadrature rules (2002), for the fold.
    """

    most_dimensions: ClassVar[int] = len(GENERATOR)
    most_points: ClassVar[int] = 2**20

    steps: UInt32[Array, " dimension"]
    shift: UInt32[Array, " dimension"]
    size: int = eqx.field(static=True)

    @staticmethod
    def randomised(key: PRNGKeyArray, dimension: int, points: int, size: int, dtype: Any) -> "Lattice":
        """An independent randomisation of a lattice of `points`, a power of two, in blocks of `size`."""
        shift, below = jax.random.split(key)
        # in words the unit interval is a full turn, so that overflow takes the fractional part
        steps = jnp.asarray([z * (2**WORD // points) % 2**WORD for z in GENERATOR[:dimension]], jnp.uint32)
        return Lattice(jax.random.uniform(below, (dimension,), dtype), steps, random_words(shift, (dimension,)), size)

    def words(self, block: UInt32[Array, ""]) -> Words:
        """The points of a block, counted from zero."""
        index = block * self.size + jnp.arange(self.size, dtype=jnp.uint32)
        turns = self.steps[:, None] * index + self.shift[:, None]
        return jnp.where(turns >> (WORD - 1) == 1, ~turns, turns) << 1
