"""Shapes of what a function returns, worked out once per structure of its arguments: tracing a mechanism takes long."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def shapes_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function(*arguments)` would return, every array as a `jax.ShapeDtypeStruct`; nothing is computed.

    **Arguments:** `function`: without state of its own; it is not called again for arguments that differ only in the
    values of their arrays.

    >>> import jax.numpy as jnp
    >>> shapes_of(jnp.outer, jnp.zeros(2), jnp.ones(3)).shape
    (2, 3)
    """
    leaves, structure = jax.tree.flatten(arguments)
    entries = tuple(_entry(leaf) for leaf in leaves)
    key = (function, structure, entries, jnp.result_type(float))
    try:
        hash(key)
    except TypeError:  # something among the arguments cannot be looked up
        return _traced.__wrapped__(*key)
    return _traced(*key)


def _entry(leaf: Any) -> tuple[type, Any]:
    """A leaf as far as it matters to shapes, with its type, as 1, 1.0 and True are equal."""
    if isinstance(leaf, jax.ShapeDtypeStruct) or eqx.is_array(leaf):
        leaf = jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=getattr(leaf, "weak_type", False))
    return type(leaf), leaf


@functools.lru_cache(maxsize=256)
def _traced(function: Callable[..., Any], structure: Any, entries: tuple[tuple[type, Any], ...], floats: Any) -> Any:
    del floats  # the present type of numbers, which those made in the function have
    return eqx.filter_eval_shape(function, *structure.unflatten([leaf for _, leaf in entries]))
