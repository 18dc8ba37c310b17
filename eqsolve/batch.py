"""Many games at once: lift a function from parameters to a game over a batch axis."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from eqsolve.game import Game
from eqsolve.solve import solve_nash


def batch(
    make: Callable[[PyTree], Game], axes: PyTree = 0, task: Callable[[Game], Any] = solve_nash
) -> Callable[[PyTree], Any]:
    """A function that solves `make(params)` for every entry of a batch, compiled once per shape.

    **Arguments:**

    - `make`: function from parameters to a game, defined once at module level (a new function compiles again).
    - `axes`: which leaves of the parameters are batched, as for `jax.vmap`: 0 for those with a batch axis in front,
      None for those shared by all games, which are never copied; a pytree prefix of the parameters.
    - `task`: what to do with each game, for instance `solve_first_best`, or a function that solves and certifies.

    **Returns:** a function of the parameters that returns what `task` returns, an `Equilibrium` by default, with the
    batch axis in front of every array. A game that fails is a status in its lane. Differentiable like a single solve.
    **Errors:** `ValueError` where batched leaves have no or different batch axes.

    >>> import jax.numpy as jnp
    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> def make(params):
    ...     return Cournot(LinearInverseDemand(params["a"], 1.0), cost=[1.0, 1.0]).game()
    >>> many = batch(make)({"a": jnp.array([4.0, 7.0, 10.0])})
    >>> many.actions["quantity"].shape
    (3, 2)
    """

    def run(params: PyTree) -> Any:
        params = jax.tree.map(jax.numpy.asarray, params)
        _require_batch_axis(params, axes)
        return _run(make, axes, task, params)

    return run


@eqx.filter_jit
def _run(make: Callable[[PyTree], Game], axes: Any, task: Callable[[Game], Any], params: PyTree) -> Any:
    return eqx.filter_vmap(lambda p: task(make(p)), in_axes=(axes,))(params)


def _require_batch_axis(params: PyTree, axes: PyTree) -> None:
    batched = jax.tree.broadcast(axes, params, is_leaf=lambda axis: axis is None)
    lengths: dict[str, int] = {}
    for (path, leaf), axis in zip(
        jax.tree_util.tree_leaves_with_path(params),
        jax.tree.leaves(batched, is_leaf=lambda axis: axis is None),
        strict=True,
    ):
        if axis is None:
            continue
        if axis != 0:
            raise ValueError(
                f"batch: axes has {axis!r}; the batch axis comes first: give 0, or None for shared leaves."
            )
        name = f"params{jax.tree_util.keystr(path)}"
        if leaf.ndim == 0:
            raise ValueError(f"batch: {name} is a number without a batch axis; give one value per game, or axes None.")
        lengths[name] = leaf.shape[0]
    if not lengths:
        raise ValueError("batch: no leaf of params is batched; set axes to 0 for at least one.")
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"batch: the batch axes differ in length: {lengths}; give every batched leaf one entry per game."
        )
    if 0 in lengths.values():
        raise ValueError(f"batch: {next(iter(lengths))} has an empty batch axis; give at least one game.")
