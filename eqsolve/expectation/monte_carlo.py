"""Monte Carlo: averages over random draws."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._checks import require_callable, require_no_captured_arrays
from eqsolve.demand import _random
from eqsolve.expectation.control import Control, ControlledSums, Sums
from eqsolve.expectation.estimate import Estimate
from eqsolve.expectation.law_rule import where_valid
from eqsolve.expectation.sampled import (
    Law,
    SampledRule,
    dimension,
    moving,
    require_law,
    transported,
    values_at,
)
from eqsolve.expectation.streaming import block_sums

BLOCK = 2**14


class MonteCarlo(SampledRule):
    r"""Expectations as averages over random draws, streamed: memory does not grow with their number.

    Draws come in blocks of 16,384, each from the key and its own number, so that neither `chunk` nor `devices` changes
    them (sums may differ by rounding). A billion draws need no more memory than a million, but for one number per block
    and quantity.

    **Arguments:**

    - `law`: function `params -> law` of one demand or of several; None where the parameters are the law.
    - `key`: a random key, such as `jax.random.key(0)`.
    - `points`: how many draws, >= 1; in pairs where `antithetic`.
    - `antithetic`: draw in pairs with opposite uniform numbers, u and 1 - u, through the quantile. Less noise where the
      function rises or falls in every demand, more work per draw.
    - `control`: function `law -> (function, mean)`: what is averaged too, a number or an array, and its known mean. The
      part of the noise that moves with it is taken out by regression, at the price of a bias of the order of
      1 / points. `demand_itself` suits every law with a mean.
    - `chunk`: about how many draws are in memory at a time on each device; by default 2^16 on CPU and 2^22 elsewhere.
    - `devices`: those that share the work, such as `tuple(jax.devices())`; None for where the inputs are. Do not set it
      inside another `shard_map`.

    **Derivatives:** first, forward and reverse, along the draws: right in actions and parameters where the function is
    continuous; a jump, such as a stock-out indicator, contributes nothing and makes the derivative wrong. Second
    derivatives miss the kinks (those of a sample average do): solve a game with this rule by `BestReply`. Where draws
    do not move with a parameter, as in laws with discrete components and in the weights of a mixture, derivatives are
    NaN; use `Scenarios`, or `jax.lax.stop_gradient` on the law for the derivatives in all else.

    **Errors:** `TypeError` and `ValueError` for impossible settings, a law that is none, or a batch of laws (use
    `jax.vmap`). Invalid traced parameters give NaN.

    **Source:** Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), sections 4.1, 4.2 and 7.2.

    >>> from eqsolve.demand.normal import Normal
    >>> from eqsolve.expectation.control import demand_itself
    >>> rule = MonteCarlo(key=jax.random.key(0), points=100_000, control=demand_itself)
    >>> found = rule.estimate(lambda x: jnp.minimum(x, 110.0), Normal(100.0, 20.0))
    >>> bool(abs(found.mean - Normal(100.0, 20.0).expected_min(110.0)) < 4 * found.standard_error)
    True
    """

    antithetic: bool = eqx.field(static=True, kw_only=True, default=False)
    control: Control | None = eqx.field(static=True, kw_only=True, default=None)

    def __check_init__(self) -> None:
        super().__check_init__()  # Equinox would run it last, after checks that rely on it
        require_callable(self.control, "MonteCarlo.control")
        require_no_captured_arrays(self.control, "MonteCarlo.control")
        if self.antithetic and self.points % 2:
            raise ValueError(f"MonteCarlo.points is {self.points}; give an even number, as antithetic draws are pairs.")

    def estimate(self, function: Callable[[PyTree], PyTree], law: Law) -> Estimate:
        """E[function(X)] for X of the given law, with its standard error.

        **Arguments:** `function`: of one draw (a number, or one number per component), returning a pytree. `law`: one
        distribution or a joint one.
        **Returns:** an `Estimate`.
        """
        require_law(law, "MonteCarlo")
        # sums are taken about the values at some draw: about zero, the variance would lose digits
        pilot = self._samples(function, law, jnp.uint32(2**32 - 1), 1)
        origin = jax.tree.map(lambda value: jax.lax.stop_gradient(value[..., 0]), pilot)
        samples = self.points // 2 if self.antithetic else self.points
        gap, error = self._total(self._sums(function, law, origin), samples).mean_and_error(samples)
        mean = jax.tree.map(jnp.add, origin, gap)
        return Estimate(where_valid(law, mean), where_valid(law, error), self.points)

    def _total(self, sums: Callable[[Array, int], PyTree], samples: int) -> PyTree:
        """The sums over all samples: over whole blocks and over what is left."""
        blocks, rest = divmod(samples, BLOCK)
        parts: list[PyTree] = []
        if blocks:
            stacked = block_sums(lambda index: sums(index, BLOCK), blocks, self.chunk // BLOCK, self.devices)
            parts.append(jax.tree.map(lambda part: jnp.sum(part, axis=0), stacked))
        if rest:
            parts.append(sums(jnp.asarray(blocks, jnp.uint32), rest))
        return jax.tree.map(lambda *totals: sum(totals), *parts)

    def _sums(self, function: Callable[[Array], PyTree], law: Law, origin: PyTree) -> Callable[[Array, int], PyTree]:
        """What is summed over a block of samples: the values about their origin, and what a control needs."""

        def gaps(values: PyTree) -> PyTree:
            return jax.tree.map(lambda value, start: value - start[..., None], values, origin)

        def plain(index: Array, size: int) -> Sums:
            return Sums.of(gaps(self._samples(function, law, index, size)))

        if self.control is None:
            return plain
        control = self.control(law)
        if not (isinstance(control, tuple) and len(control) == 2 and callable(control[0])):
            raise TypeError(
                f"MonteCarlo.control returned {control!r}; return a function and its mean, (function, mean)."
            )
        watched, known = control

        def both(x: Array) -> tuple[PyTree, Array]:
            return function(x), jnp.ravel(jnp.asarray(watched(x), law.dtype) - known)

        def controlled(index: Array, size: int) -> ControlledSums:
            values, controls = self._samples(both, law, index, size)
            return ControlledSums.of(gaps(values), controls)

        return controlled

    def _samples(self, function: Callable[[Array], PyTree], law: Law, index: Array, size: int) -> PyTree:
        """The values of `size` independent samples: of draws, or of the means of opposite draws."""
        key = jax.random.fold_in(self.key, index)
        if not self.antithetic:
            return values_at(function, moving(law, law.sample(key, (size,))), law.dtype)
        u = _random.uniform(key, (size, dimension(law)), law.dtype)
        sides = [values_at(function, moving(law, transported(law, side)), law.dtype) for side in (u, 1 - u)]
        return jax.tree.map(lambda one, other: (one + other) / 2, *sides)
