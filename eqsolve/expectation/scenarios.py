"""Exact expectation over finitely many scenarios."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from eqsolve._checks import concrete, require_callable, require_no_captured_arrays
from eqsolve.expectation.rule import Rule


class Scenarios(Rule):
    """A finite set of shocks with probabilities: expectations are exact sums.

    **Arguments:** `nodes`: function `params -> (shocks, probabilities)`. `shocks` is an array or a pytree of arrays
    with the scenario axis first; `probabilities` has shape `[scenarios]`, is not negative and sums to one. Concrete
    values are checked when a game is built, traced ones are taken as given.

    >>> import jax.numpy as jnp
    >>> coin = Scenarios(lambda params: (params, jnp.array([0.25, 0.75])))
    >>> float(coin.expect(lambda shock: 2.0 * shock, jnp.array([0.0, 4.0])))
    6.0
    """

    nodes: Callable[[PyTree], tuple[PyTree, Array]] = eqx.field(static=True)

    def __check_init__(self) -> None:
        require_callable(self.nodes, "Scenarios.nodes")
        require_no_captured_arrays(self.nodes, "Scenarios.nodes")

    def check(self, params: PyTree) -> None:
        """Raise where concrete probabilities are negative, not finite or do not sum to one."""
        values = concrete(self.nodes(params)[1])
        if values is None:
            return
        if not np.all(values >= 0):
            index = int(np.argmin(np.where(np.isnan(values), -np.inf, values)))
            raise ValueError(f"Scenarios: probability {index} is {values.flat[index]}; give numbers of at least 0.")
        slack = 1e-6 + values.size * np.finfo(np.float32).eps
        if abs(values.sum(dtype=np.float64) - 1) > slack:
            raise ValueError(f"Scenarios: the probabilities sum to {values.sum()}; divide them by their sum.")

    def expect(self, function: Callable[[PyTree], PyTree], params: PyTree, actions: PyTree = None) -> PyTree:
        """The probability-weighted sum of `function` over the scenarios."""
        del actions
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
