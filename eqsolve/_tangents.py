"""Derivatives in the arrays of a module, where Equinox leaves out tangents that are zero."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


def pushed_forward(function: Callable[[Any], PyTree], module: Any, tangents: Any) -> tuple[PyTree, PyTree]:
    """How `function(module)` moves with the module's arrays, and the tangents with zeros where there were none."""
    varied, rest = eqx.partition(module, eqx.is_inexact_array)
    filled = jax.tree.map(_filled, varied, tangents, is_leaf=lambda leaf: leaf is None)
    return jax.jvp(lambda part: function(eqx.combine(part, rest)), (varied,), (filled,))[1], filled


def carrying(function: Callable[..., PyTree], value: PyTree, *given: Any) -> PyTree:
    """`value`, known to be `function(*given)`, with that function's derivatives; the function itself is not called.

    Only where something is differentiated is the function evaluated again, so that results that were computed where
    derivatives cannot pass cost nothing twice.
    """
    varied, rest = eqx.partition(given, eqx.is_inexact_array)

    @jax.custom_jvp
    def known(value: PyTree, varied: Any) -> PyTree:
        return value

    @known.defjvp
    def derivative(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[PyTree, PyTree]:
        value, varied = primals
        moved = jax.jvp(lambda part: function(*eqx.combine(part, rest)), (varied,), (tangents[1],))[1]
        return known(value, varied), moved

    return known(value, varied)


def _filled(primal: Array | None, tangent: Array | None) -> Array | None:
    return jnp.zeros_like(primal) if tangent is None and primal is not None else tangent
