"""Many games at once: lift a function from parameters to a game over a batch axis.

A batch is cut into chunks that fit in memory, chunks are dealt out to the cores or devices, and each chunk is solved in
blocks that fit in the processor's cache, the batch axis last. One program is compiled for all chunks.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, PyTree

from eqsolve._tables import is_traced
from eqsolve.block_size import automatic_block
from eqsolve.chunks import Chunk, Plan, Program, collected, solved_chunks
from eqsolve.game import Game
from eqsolve.lanes import Lanes, blockwise
from eqsolve.solve import solve_nash

Make = Callable[[PyTree], Game]
Task = Callable[[Game], Any]


def batch(make: Make, axes: PyTree = 0, task: Task = solve_nash, block: int | None = None) -> "Batch":
    """A function that solves `make(params)` for every entry of a batch, compiled once per shape.

    **Arguments:**

    - `make`: function from parameters to a game, defined once at module level (a new function compiles again).
    - `axes`: which leaves of the parameters are batched, as for `jax.vmap`: 0 for those with a batch axis in front,
      None for those shared by all games, which are never copied; a pytree prefix of the parameters.
    - `task`: what to do with each game, for instance `solve_first_best`, or a function that solves and certifies.
    - `block`: games that are solved side by side. None measures once how much the cache holds. Results are bitwise
      repeatable for a given `block`, whatever the size of the batch and the position in it, and equal to single solves
      within the solver's tolerance.

    **Returns:** a `Batch`: call it with the parameters, let it `stream` results, or ask for their `shapes`. A game that
    fails is a status in its lane; `failures` counts and locates them. Differentiable like a single solve.
    **Errors:** `ValueError` where batched leaves have no, empty or different batch axes, `axes` do not fit the
    parameters, or `block` is not positive; `TypeError` where `make` returns no game.

    >>> import jax.numpy as jnp
    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> def make(params):
    ...     return Cournot(LinearInverseDemand(params["a"], 1.0), cost=[1.0, 1.0]).game()
    >>> many = batch(make)({"a": jnp.array([4.0, 7.0, 10.0])})
    >>> many.actions["quantity"].shape
    (3, 2)
    """
    for name, function in (("make", make), ("task", task)):
        if not callable(function):
            raise TypeError(f"batch: {name} is {function!r}; give a function.")
        if not _hashable(function):
            raise TypeError(
                f"batch: {name} is {function!r}, which cannot be hashed; give a plain function, and put arrays into the"
                " params."
            )
    if block is not None and (not isinstance(block, int) or isinstance(block, bool) or block < 1):
        raise ValueError(f"batch: block is {block!r}; give a whole number of at least 1, or None.")
    return Batch(make, axes, task, block)


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """A task on every game of a batch; made by `batch`."""

    make: Make
    axes: PyTree
    task: Task
    block: int | None

    def __call__(self, params: PyTree) -> Any:
        """What the task returns, with the batch axis in front of every array."""
        given = self._given(params)
        if not is_traced(params):
            # where `make` itself holds traced values, or everything around is compiled, the results are traced too
            with contextlib.suppress(jax.errors.TracerArrayConversionError):
                return collected(self._solved(given), given.size)
        # inside somebody's jit, grad or vmap: one program, which can be differentiated
        return given.program(self._block(given, measure=False), ()).run(given.leaves)

    def stream(self, params: PyTree) -> Iterator[Chunk]:
        """The results chunk by chunk, in order, as they are ready: no more is in memory than the chunks at work.

        **Arguments:** `params`: as for the call; concrete arrays.
        **Returns:** an iterator over `Chunk`s with `start`, `stop` and `result`.

        >>> import numpy as np
        >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
        >>> def make(a):
        ...     return Cournot(LinearInverseDemand(a, 1.0), cost=[1.0, 1.0]).game()
        >>> sizes = [chunk.stop - chunk.start for chunk in batch(make, block=2).stream(np.linspace(4.0, 10.0, 5))]
        >>> sum(sizes)
        5
        """
        if is_traced(params):
            raise TypeError("Batch.stream got traced parameters; stream outside of jit and grad, or call the batch.")
        return self._solved(self._given(params))

    def shapes(self, params: PyTree) -> Any:
        """What the call would return, every array as a `jax.ShapeDtypeStruct`; nothing is solved.

        **Arguments:** `params`: as for the call; concrete arrays.

        >>> import numpy as np
        >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
        >>> def make(a):
        ...     return Cournot(LinearInverseDemand(a, 1.0), cost=[1.0, 1.0]).game()
        >>> batch(make).shapes(np.linspace(4.0, 10.0, 5)).actions["quantity"].shape
        (5, 2)
        """
        given = self._given(params)
        program, plan = self._planned(given)
        # of the very program and chunk that the call runs, which is then known to JAX and not traced again
        found = jax.eval_shape(program.run, plan.parameters(0))
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((given.size, *leaf.shape[1:]), leaf.dtype), found)

    def _given(self, params: PyTree) -> "_Given":
        params = jax.tree.map(_array, params)
        flags = _batched(params, self.axes)
        leaves, structure = jax.tree.flatten(params)
        size = next(leaf.shape[0] for leaf, batched in zip(leaves, flags, strict=True) if batched)
        return _Given(self.make, self.task, leaves, flags, structure, size)

    def _block(self, given: "_Given", measure: bool) -> int:
        if self.block is not None:
            return self.block
        return automatic_block(given.lane(), self.make, given.size, measure)

    def _solved(self, given: "_Given") -> Iterator[Chunk]:
        return solved_chunks(*self._planned(given))

    def _planned(self, given: "_Given") -> tuple[Program, Plan]:
        devices = tuple(jax.local_devices())
        block = self._block(given, measure=True)
        program = given.program(block, devices if len(devices) > 1 else ())
        return program, Plan.of(given.leaves, given.flags, given.size, block, devices)


@dataclasses.dataclass(frozen=True)
class _Given:
    """The task and the flattened parameters of one call."""

    make: Make
    task: Task
    leaves: list[Any]
    flags: tuple[bool, ...]
    structure: Any
    size: int

    def program(self, block: int, devices: tuple[Any, ...]) -> Program:
        return _program(self.make, self.task, self.structure, self.flags, block, devices)

    def lane(self) -> PyTree:
        """The shapes of one game's parameters."""
        shapes = [
            jax.ShapeDtypeStruct(leaf.shape[batched:], leaf.dtype)
            for leaf, batched in zip(self.leaves, self.flags, strict=True)
        ]
        return self.structure.unflatten(shapes)


@functools.lru_cache(maxsize=128)
def _program(
    make: Make, task: Task, structure: Any, flags: tuple[bool, ...], block: int, devices: tuple[Any, ...]
) -> Program:
    """The compiled task on a batch of leaves; with several devices each takes its share of the batch."""

    def run(leaves: list[Array]) -> Any:
        last = [jax.numpy.moveaxis(leaf, 0, -1) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
        size = next(leaf.shape[-1] for leaf, flag in zip(last, flags, strict=True) if flag)
        lanes = Lanes(last, list(flags), structure, size)
        found = blockwise(lambda lanes: lanes.map(lambda params: task(make(params))), lanes, block)
        return jax.tree.map(lambda leaf: jax.numpy.moveaxis(leaf, -1, 0), found)

    if not devices:
        return Program(jax.jit(run))
    mesh = Mesh(np.asarray(devices), ("lanes",))
    specs = ([PartitionSpec("lanes") if flag else PartitionSpec() for flag in flags],)
    dealt_out = jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=PartitionSpec("lanes"), check_vma=False)
    return Program(jax.jit(dealt_out))


def _hashable(function: Any) -> bool:
    """Whether compiled programs can be kept by this function."""
    try:
        hash(function)
    except TypeError:
        return False
    return True


def _array(leaf: Any) -> Any:
    """NumPy arrays stay where they are until their chunk is due; everything else becomes a JAX array."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fiub":
        return leaf.astype(jax.dtypes.canonicalize_dtype(leaf.dtype), copy=False)
    return jax.numpy.asarray(leaf)


def spread_axes(axes: PyTree, params: PyTree, where: str) -> PyTree:
    """One axis for every leaf of the parameters; raises where the two do not fit."""
    try:
        return jax.tree.broadcast(axes, params, is_leaf=lambda axis: axis is None)
    except ValueError as error:
        raise ValueError(
            f"{where}: axes {axes!r} do not fit params of the structure {jax.tree.structure(params)}; give one number"
            " or None, or the same dict with 0 for what differs from game to game and None for what is shared."
        ) from error


def _batched(params: PyTree, axes: PyTree) -> tuple[bool, ...]:
    """Which leaves are batched; raises where their batch axes do not fit together."""
    if not jax.tree.leaves(params):
        raise ValueError(f"batch: params is {params!r}, which holds no arrays; give one entry per game.")
    spread = jax.tree.leaves(spread_axes(axes, params, "batch"), is_leaf=lambda axis: axis is None)
    lengths: dict[str, int] = {}
    for (path, leaf), axis in zip(jax.tree_util.tree_leaves_with_path(params), spread, strict=True):
        if axis is None:
            continue
        if axis != 0:
            raise ValueError(
                f"batch: axes has {axis!r}; the batch axis comes first: give 0, or None for shared leaves."
            )
        name = f"params{jax.tree_util.keystr(path)}"
        if leaf.ndim == 0:
            raise ValueError(
                f"batch: {name} is a number without a batch axis; give an array with one value per game (not a list),"
                " or axes None."
            )
        lengths[name] = leaf.shape[0]
    if not lengths:
        raise ValueError("batch: no leaf of params is batched; set axes to 0 for at least one.")
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"batch: the batch axes differ in length: {lengths}; give every batched leaf one entry per game."
        )
    if 0 in lengths.values():
        raise ValueError(f"batch: {next(iter(lengths))} has an empty batch axis; give at least one game.")
    return tuple(axis is not None for axis in spread)
