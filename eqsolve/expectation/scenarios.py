"""Exact expectation over finitely many scenarios."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._checks import require_callable, require_no_captured_arrays
from eqsolve.expectation.rule import Rule


class Scenarios(Rule):
    """A finite set of shocks with probabilities: expectations are exact sums.

    **Arguments:** `nodes`: function `params -> (shocks, probabilities)`. `shocks` is an array or a pytree of arrays
    with the scenario axis first; `probabilities` has shape `[scenarios]` and is taken as given (it should sum to one).

    >>> import jax.numpy as jnp
    >>> coin = Scenarios(lambda params: (params, jnp.array([0.25, 0.75])))
    >>> float(coin.expect(lambda shock: 2.0 * shock, jnp.array([0.0, 4.0])))
    6.0
    """

    nodes: Callable[[PyTree], tuple[PyTree, Array]] = eqx.field(static=True)

    def __check_init__(self) -> None:
        require_callable(self.nodes, "Scenarios.nodes")
        require_no_captured_arrays(self.nodes, "Scenarios.nodes")

    def expect(self, function: Callable[[PyTree], PyTree], params: PyTree) -> PyTree:
        """The probability-weighted sum of `function` over the scenarios."""
        shocks, probabilities = self.nodes(params)
        count = {leaf.shape[0] if leaf.ndim else None for leaf in jax.tree.leaves(shocks)}
        if probabilities.ndim != 1 or count != {probabilities.shape[0]}:
            raise ValueError(
                f"Scenarios.nodes returned probabilities of shape {probabilities.shape} and shocks with leading axes"
                f" {sorted(count, key=str)}; give one probability per scenario and the scenario axis first."
            )
        # scenarios last and a product with a sum: this fuses with what computes the values and runs along memory,
        # where a matrix product would store every value first
        values = jax.vmap(function, out_axes=-1)(shocks)
        return jax.tree.map(lambda value: jnp.sum(probabilities * value, axis=-1), values)
