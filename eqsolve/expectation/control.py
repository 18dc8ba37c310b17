"""Control variates: what moves with the integrand and has a known mean takes its share of the noise out."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve.linalg import eliminate

Control = Callable[[Any], tuple[Callable[[Any], Any], Any]]


def demand_itself(law: Any) -> tuple[Callable[[Any], Any], Array]:
    """The control variate that every law with a mean has: demand, one number per component.

    **Arguments:** `law`: a distribution or a joint distribution. **Returns:** `(function, mean)`, as
    `MonteCarlo.control` wants them.

    >>> from eqsolve.demand.uniform import Uniform
    >>> function, mean = demand_itself(Uniform(10.0, 20.0))
    >>> function(12.0), float(mean)
    (12.0, 20.0)
    """
    return _same, law.mean()


def _same(x: Any) -> Any:
    return x


class Sums(eqx.Module):
    """Sums of values about an origin, and of their squares, each with the structure of the values."""

    first: PyTree
    second: PyTree

    @staticmethod
    def of(gaps: PyTree) -> "Sums":
        """The sums over the last axis."""
        first = jax.tree.map(lambda gap: jnp.sum(gap, axis=-1), gaps)
        return Sums(first, jax.tree.map(lambda gap: jnp.sum(gap**2, axis=-1), gaps))

    def mean_and_error(self, samples: int) -> tuple[PyTree, PyTree]:
        """The mean of the values from the origin, and its standard error."""
        count = float(samples)  # a whole number may be too large for 32 bits
        mean = jax.tree.map(lambda first: first / count, self.first)
        variance = jax.tree.map(lambda second, mean: second / count - mean**2, self.second, mean)
        return mean, jax.tree.map(lambda variance: _standard_error(variance, samples - 1), variance)


class ControlledSums(eqx.Module):
    """Sums of values, of controls about their means, and of their products."""

    values: Sums
    cross: PyTree  # an axis of controls behind those of the values
    control: Float[Array, " controls"]
    square: Float[Array, "controls controls"]

    @staticmethod
    def of(gaps: PyTree, controls: Float[Array, "controls samples"]) -> "ControlledSums":
        """The sums over the last axis."""
        cross = jax.tree.map(lambda gap: gap @ controls.T, gaps)
        return ControlledSums(Sums.of(gaps), cross, jnp.sum(controls, axis=-1), controls @ controls.T)

    def mean_and_error(self, samples: int) -> tuple[PyTree, PyTree]:
        """The mean of the values less what the controls explain, from the origin, and its standard error."""
        count = float(samples)
        means = jax.tree.map(lambda first: first / count, self.values.first)
        control = self.control / count
        spread = self.square / count - jnp.outer(control, control)
        # slopes are constants to a derivative: any slope gives the same mean but for noise
        together = jax.tree.map(lambda cross, mean: cross / count - mean[..., None] * control, self.cross, means)
        slopes = jax.tree.map(lambda rows: jax.lax.stop_gradient(_slopes(spread, rows)), together)

        freedom = samples - 1 - control.size

        def left(second: Array, mean: Array, slope: Array, rows: Array) -> Array:
            return _standard_error(second / count - mean**2 - jnp.sum(slope * rows, axis=-1), freedom)

        error = jax.tree.map(left, self.values.second, means, slopes, together)
        return jax.tree.map(lambda mean, slope: mean - jnp.sum(slope * control, axis=-1), means, slopes), error


def _standard_error(variance: Array, freedom: int) -> Array:
    if freedom < 1:
        return jnp.full_like(variance, jnp.nan)
    variance = jax.lax.stop_gradient(variance)
    return jnp.sqrt(jnp.where(variance < 0, 0.0, variance) / float(freedom))


def _slopes(spread: Float[Array, "controls controls"], together: Float[Array, "*shape controls"]) -> Array:
    """The regression coefficients on the controls; zero where the controls do not vary, or not independently."""
    rows = jnp.reshape(together, (-1, spread.shape[0]))
    slopes, pivot = eliminate(spread, rows.T)
    distinct = pivot > 100 * jnp.finfo(spread.dtype).eps
    return jnp.reshape(jnp.where(distinct, slopes, 0.0).T, together.shape)
