"""Lanes: one function on many inputs at once, laid out for speed.

`in_lanes(one, many)` is `one`, except under `jax.vmap`, where `many` computes the whole batch: nested batches are
merged into one first. `many` gets `Lanes`: the arrays with the batch axis last, so that arithmetic runs along memory,
and those that all inputs share as they are.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Int, PyTree


@dataclasses.dataclass(frozen=True)
class Lanes:
    """A batch of `size` inputs: `leaves` of a pytree, those with `batched` true carry the batch as last axis."""

    leaves: list[Array]
    batched: list[bool]
    structure: Any
    size: int

    def map(self, function: Callable[..., PyTree], *further: PyTree) -> PyTree:
        """`function(input, *further)` in every lane; `further` and the results have the batch axis last."""
        axes = [-1 if batched else None for batched in self.batched]

        def on_leaves(leaves: list[Array], *rest: PyTree) -> PyTree:
            return function(self.structure.unflatten(leaves), *rest)

        return jax.vmap(on_leaves, in_axes=(axes, *(-1 for _ in further)), out_axes=-1)(self.leaves, *further)

    def take(self, index: Int[Array, " lanes"]) -> "Lanes":
        """The lanes at these positions, in this order."""
        return self._with([jnp.take(leaf, index, axis=-1) for leaf in self._moving()], index.shape[0])

    def slice(self, start: Int[Array, ""] | int, size: int) -> "Lanes":
        """`size` lanes in a row."""
        return self._with([jax.lax.dynamic_slice_in_dim(leaf, start, size, axis=-1) for leaf in self._moving()], size)

    def padded(self, size: int) -> "Lanes":
        """Filled up to `size` lanes with the last one."""
        return self if size == self.size else self.take(jnp.minimum(jnp.arange(size), self.size - 1))

    def _moving(self) -> list[Array]:
        return [leaf for leaf, batched in zip(self.leaves, self.batched, strict=True) if batched]

    def _with(self, moving: list[Array], size: int) -> "Lanes":
        rest = iter(moving)
        leaves = [next(rest) if batched else leaf for leaf, batched in zip(self.leaves, self.batched, strict=True)]
        return dataclasses.replace(self, leaves=leaves, size=size)


def blockwise(function: Callable[[Lanes], PyTree], lanes: Lanes, block: int) -> PyTree:
    """`function` on one block of lanes after the other, the last one filled up; results have the batch axis last."""
    if lanes.size <= block:
        return function(lanes)
    blocks = -(-lanes.size // block)
    filled = lanes.padded(blocks * block)
    found = jax.lax.map(lambda i: function(filled.slice(i * block, block)), jnp.arange(blocks))

    def joined(leaf: Array) -> Array:
        return jnp.moveaxis(leaf, 0, -2).reshape(*leaf.shape[1:-1], blocks * block)[..., : lanes.size]

    return jax.tree.map(joined, found)


def in_lanes(one: Callable[[PyTree], PyTree], many: Callable[[Lanes], PyTree]) -> Callable[[PyTree], PyTree]:
    """`one` for a single input; under `jax.vmap`, `many`, whose results have the batch axis last.

    Both see arrays only through their argument: they must not capture any that is batched or differentiated.
    """

    def call(given: PyTree) -> PyTree:
        leaves, structure = jax.tree.flatten(given)

        @custom_vmap
        def single(leaves: list[Array]) -> PyTree:
            return one(structure.unflatten(leaves))

        @single.def_vmap
        def batch(size: int, batched: list[list[bool]], leaves: list[Array]) -> tuple[PyTree, PyTree]:
            found = _merged(many, structure, size, batched[0])(leaves)
            return found, jax.tree.map(lambda _: True, found)

        return single(leaves)

    return call


def _merged(
    many: Callable[[Lanes], PyTree], structure: Any, size: int, batched: list[bool]
) -> Callable[[list[Array]], PyTree]:
    """`many` on leaves with the batch axis in front; a batch around it becomes part of the same batch."""

    @custom_vmap
    def run(leaves: list[Array]) -> PyTree:
        last = [jnp.moveaxis(leaf, 0, -1) if flag else leaf for leaf, flag in zip(leaves, batched, strict=True)]
        found = many(Lanes(last, batched, structure, size))
        return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), found)

    @run.def_vmap
    def merge(outer: int, around: list[list[bool]], leaves: list[Array]) -> tuple[PyTree, PyTree]:
        def joined(leaf: Array, inner: bool, surrounding: bool) -> Array:
            if not (inner or surrounding):
                return leaf
            own = leaf.shape[inner + surrounding :]
            spread = leaf if inner else leaf[:, None]
            spread = spread if surrounding else spread[None]
            return jnp.broadcast_to(spread, (outer, size, *own)).reshape(outer * size, *own)

        joint = [joined(*entry) for entry in zip(leaves, batched, around[0], strict=True)]
        either = [inner or surrounding for inner, surrounding in zip(batched, around[0], strict=True)]
        found = _merged(many, structure, outer * size, either)(joint)
        found = jax.tree.map(lambda leaf: leaf.reshape(outer, size, *leaf.shape[1:]), found)
        return found, jax.tree.map(lambda _: True, found)

    return run
