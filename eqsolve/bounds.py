"""The box of allowed actions.

A mechanism whose limits are economics (a capacity, a choke price) gives a function of its parameters; a user with fixed
numbers gives a `Box`, whose limits are arrays and so can be swept and differentiated like any parameter.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._checks import require_callable, require_no_captured_arrays

Limits = Mapping[str, Any]


class Box(eqx.Module):
    """Fixed lower and upper limits by action name.

    **Arguments:** `lower`, `upper`: one entry per action, in the action's unit, of the action's shape or broadcast to
    it; `-inf` and `inf` mean no limit; lower <= upper, checked by the game that takes the box.

    >>> Box({"price": 0.0}, {"price": 9.0}).upper["price"]
    9.0
    """

    lower: dict[str, Any]
    upper: dict[str, Any]

    def __init__(self, lower: Limits, upper: Limits):
        self.lower = dict(lower)
        self.upper = dict(upper)

    def __call__(self, params: PyTree, earlier_actions: Mapping[str, Array]) -> tuple[Limits, Limits]:
        """The limits, whatever the parameters and the actions taken in earlier stages."""
        return self.lower, self.upper


class BoundsFunction(eqx.Module):
    """Limits that a function derives from the parameters: `(params, earlier_actions) -> (lower, upper)`."""

    function: Callable[[PyTree, Mapping[str, Array]], tuple[Limits, Limits]] = eqx.field(static=True)

    def __call__(self, params: PyTree, earlier_actions: Mapping[str, Array]) -> tuple[Limits, Limits]:
        """The limits at these parameters and these actions of earlier stages."""
        return self.function(params, earlier_actions)


def as_bounds(bounds: Any, dtype: Any) -> Box | BoundsFunction:
    """A `Box` of arrays of `dtype`, or the wrapped function."""
    if isinstance(bounds, Box):
        return Box(
            {name: jnp.asarray(value, dtype) for name, value in bounds.lower.items()},
            {name: jnp.asarray(value, dtype) for name, value in bounds.upper.items()},
        )
    if isinstance(bounds, BoundsFunction):
        return bounds
    require_callable(bounds, "Game.bounds")
    if bounds is None:
        raise TypeError(
            "Game.bounds is None; give Box(lower, upper) or a function (params, earlier) -> (lower, upper)."
        )
    require_no_captured_arrays(bounds, "Game.bounds")
    return BoundsFunction(bounds)
