"""Quasi Monte Carlo: averages over points that are spread more evenly than random ones."""

import math
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._checks import require_whole
from eqsolve.expectation.estimate import Estimate
from eqsolve.expectation.lattice import Lattice
from eqsolve.expectation.law_rule import where_valid
from eqsolve.expectation.sampled import (
    Law,
    SampledRule,
    dimension,
    moving,
    require_law,
    transported,
    values_at,
    whole,
)
from eqsolve.expectation.sequences import Sequence
from eqsolve.expectation.sobol import Sobol
from eqsolve.expectation.streaming import block_sums

BLOCK = 2**12
SEQUENCES: dict[str, type[Sequence]] = {"sobol": Sobol, "lattice": Lattice}


class QuasiMonteCarlo(SampledRule):
    r"""Expectations as averages over low-discrepancy points, randomised several times.

    The points are carried to the law by its quantile or `transport`. Each randomisation gives an unbiased estimate; the
    mean of all is returned, and their spread is the standard error. (Where one demand makes the function jump, all
    randomisations may agree, with a standard error of zero and an error of up to a point's share.) Smooth functions of
    few demands gain most; where the function is piecewise linear in one demand, integrate that one in closed form
    (`expect_piecewise_linear`) and leave the others to this rule.

    **Arguments:**

    - `law`: function `params -> law` of one demand or of several; None where the parameters are the law.
    - `key`: a random key, such as `jax.random.key(0)`.
    - `points`: of each randomisation, a power of two.
    - `randomisations`: how many, >= 2. The function is evaluated at `points` times as many. Standard errors from so few
      are rough: take intervals from a t distribution with one degree of freedom less than there are randomisations,
      and take them wider for lattices, whose errors have heavier tails.
    - `sequence`: "sobol" (up to 32 demands and 2^30 points) or "lattice" (16 and 2^20).
    - `chunk`, `devices`: as in `MonteCarlo`; they do not change the points.

    **Derivatives:** as in `MonteCarlo`.
    **Errors:** `TypeError` and `ValueError` for impossible settings, a law that is none, or a batch of laws (use
    `jax.vmap`). Invalid traced parameters give NaN.

    **Source:** L'Ecuyer and Lemieux, Recent advances in randomized quasi-Monte Carlo methods (2002).

    >>> from eqsolve.demand.normal import Normal
    >>> rule = QuasiMonteCarlo(key=jax.random.key(0), points=1024)
    >>> found = rule.estimate(lambda x: jnp.minimum(x, 110.0), Normal(100.0, 20.0))
    >>> found.points, bool(abs(found.mean - Normal(100.0, 20.0).expected_min(110.0)) < 0.01)
    (8192, True)
    """

    points: int = eqx.field(static=True, kw_only=True, default=2**13, converter=whole)
    randomisations: int = eqx.field(static=True, kw_only=True, default=8, converter=whole)
    sequence: Literal["sobol", "lattice"] = eqx.field(static=True, kw_only=True, default="sobol")

    def __check_init__(self) -> None:
        super().__check_init__()  # Equinox would run it last, after checks that rely on it
        if not isinstance(self.sequence, str) or self.sequence not in SEQUENCES:
            raise ValueError(f'QuasiMonteCarlo.sequence is {self.sequence!r}; give "sobol" or "lattice".')
        most = SEQUENCES[self.sequence].most_points
        if self.points.bit_count() != 1 or self.points > most:
            raise ValueError(
                f"QuasiMonteCarlo.points is {self.points:,}; give a power of two up to {most:,} for the sequence"
                f" {self.sequence!r}."
            )
        # their spread is the standard error
        require_whole(self.randomisations, "QuasiMonteCarlo.randomisations", least=2)

    def estimate(self, function: Callable[[PyTree], PyTree], law: Law) -> Estimate:
        """E[function(X)] for X of the given law, with its standard error.

        **Arguments:** `function`: of one point (a number, or one number per component), returning a pytree. `law`: one
        distribution or a joint one.
        **Returns:** an `Estimate`.
        """
        require_law(law, "QuasiMonteCarlo")
        sequence = SEQUENCES[self.sequence]
        if dimension(law) > sequence.most_dimensions:
            raise ValueError(
                f"QuasiMonteCarlo: the law has {dimension(law)} components, but the sequence {self.sequence!r} at most"
                f" {sequence.most_dimensions}; use MonteCarlo."
            )
        size = min(self.points, BLOCK)
        keys = jax.random.split(self.key, self.randomisations)
        every = jax.vmap(lambda key: sequence.randomised(key, dimension(law), self.points, size, law.dtype))(keys)

        def values(points: Sequence, block: Array) -> PyTree:
            return values_at(function, moving(law, transported(law, points.points(block))), law.dtype)

        # values are summed about one of them: a sum of many like values would lose digits
        first = jax.tree.map(lambda leaf: leaf[0], every).points(jnp.uint32(0))[:1]
        pilot = values_at(function, transported(law, first), law.dtype)
        origin = jax.tree.map(lambda value: jax.lax.stop_gradient(value[..., 0]), pilot)

        def sums(block: Array) -> PyTree:
            found = jax.vmap(values, in_axes=(0, None), out_axes=-2)(every, block)
            return jax.tree.map(lambda value, start: jnp.sum(value - start[..., None, None], axis=-1), found, origin)

        at_a_time = self.chunk // (size * self.randomisations)
        stacked = block_sums(sums, self.points // size, at_a_time, self.devices)
        means = jax.tree.map(
            lambda total, start: start[..., None] + jnp.sum(total, axis=0) / self.points, stacked, origin
        )
        error = jax.tree.map(lambda mean: _standard_error(jax.lax.stop_gradient(mean)), means)
        mean = jax.tree.map(lambda mean: jnp.mean(mean, axis=-1), means)
        return Estimate(where_valid(law, mean), where_valid(law, error), self.points * self.randomisations)


def _standard_error(means: Array) -> Array:
    return jnp.std(means, axis=-1, ddof=1) / math.sqrt(means.shape[-1])
