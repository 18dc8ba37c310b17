"""What a low-discrepancy sequence offers: points of the unit cube as whole words of 32 bits."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from eqsolve.demand import _random

Words = UInt32[Array, "dimension points"]
WORD = 32


class Sequence(eqx.Module):
    """One randomisation of a sequence, whose points come in blocks."""

    most_dimensions: ClassVar[int]
    most_points: ClassVar[int]

    below: Float[Array, " dimension"]  # where between two words the points lie, in (0, 1)

    @staticmethod
    @abc.abstractmethod
    def randomised(key: PRNGKeyArray, dimension: int, points: int, size: int, dtype: Any) -> "Sequence":
        """An independent randomisation of a set of `points`, in blocks of `size`, both powers of two."""

    @abc.abstractmethod
    def words(self, block: UInt32[Array, ""]) -> Words:
        """The points of a block, counted from zero."""

    def points(self, block: UInt32[Array, ""]) -> Float[Array, "points dimension"]:
        """The same points as numbers strictly between 0 and 1."""
        words = self.words(block)
        if self.below.dtype == jnp.float32:  # 23 bits are all that keep away from both ends
            return _random.middle_of_cell(words).T
        return ((words.astype(self.below.dtype) + self.below[:, None]) * 2.0**-WORD).T


def random_words(key: PRNGKeyArray, shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Words of random bits."""
    return jax.random.bits(key, shape, jnp.uint32)
