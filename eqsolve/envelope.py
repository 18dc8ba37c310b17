"""Value functions that carry their envelope derivative."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._tangents import pushed_forward

ValueAndSlope = Callable[[PyTree, Array], tuple[Array, Array]]


def envelope(function: ValueAndSlope) -> Callable[[PyTree, Array], Array]:
    """A value function whose derivative in its second argument is known.

    The value of an inner allocation, for instance of a capacity k to its best uses, moves with k by its shadow price
    alone. Differentiating through the allocation would find the same number at many times the cost, or NaN where an
    untaken branch has an infinite slope. The value and its slope are computed together, once.

    **Arguments:** `function`: `(params, at) -> (value, slope)`, both of the shape that `at` broadcasts to; defined once
    at module level. `at` is a number or an array.
    **Returns:** a function `(params, at) -> value`. Its derivative in `at` is `slope`, its derivative in `params`
    automatic; second derivatives are those of `slope`. Forward and reverse mode.
    **Errors:** `TypeError` for what is no function, and where it returns no pair.
    **Source:** the envelope theorem (Milgrom and Segal 2002, theorem 2).

    >>> @envelope
    ... def best_use(price, capacity):  # max of price q - q^2 / 2 over 0 <= q <= capacity
    ...     q = jnp.minimum(price, capacity)
    ...     return price * q - q**2 / 2, jnp.maximum(price - capacity, 0.0)
    >>> [float(jax.grad(best_use, argnums=1)(3.0, capacity)) for capacity in (1.0, 5.0)]
    [2.0, 0.0]
    """
    if not callable(function):
        raise TypeError(f"envelope: function is {function!r}; give a function (params, at) -> (value, slope).")

    @eqx.filter_custom_jvp
    def pair(params: PyTree, at: Array) -> tuple[Array, Array]:
        return function(params, at)

    @pair.def_jvp
    def derivative(primals: tuple[PyTree, Array], tangents: tuple[PyTree, Array | None]) -> tuple[PyTree, PyTree]:
        params, at = primals
        params_tangent, at_tangent = tangents
        value, slope = pair(params, at)  # differentiating this rule again uses it again
        moved, slope_moved = jnp.zeros_like(value), jnp.zeros_like(slope)
        if at_tangent is not None:
            moved += slope * at_tangent
            slope_moved += jax.jvp(lambda at: function(params, at)[1], (at,), (at_tangent,))[1]
        if jax.tree.leaves(params_tangent):
            by_params = pushed_forward(lambda params: function(params, at), params, params_tangent)[0]
            moved, slope_moved = moved + by_params[0], slope_moved + by_params[1]
        return (value, slope), (moved, slope_moved)

    def value(params: PyTree, at: Array) -> Array:
        found = pair(*jax.tree.map(jnp.asarray, (params, at)))
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"envelope: {function!r} returned {found!r}; return (value, slope).")
        return found[0]

    return value
