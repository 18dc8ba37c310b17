"""Checks that name what is wrong: shared by every constructor.

Structure (types, shapes, names) is always checked. Values are checked where they are concrete; traced values cannot be
read while a program is being compiled, so they become status codes of the solver instead.
"""

import difflib
import numbers
from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree


def concrete(value: Any) -> np.ndarray | None:
    """The numbers in `value`, or None while JAX traces them."""
    return None if isinstance(value, Tracer) else np.asarray(value)


def named(path: tuple[Any, ...]) -> str:
    """A leaf's path written as a user would write it: `.cost`, `['a']`, `[0]`."""
    return jax.tree_util.keystr(path)


def unknown_name(what: str, name: object, known: Iterable[str]) -> str:
    """The message for a name that does not exist, with the nearest one that does."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{what} {name!r} is unknown; the names are: {', '.join(map(repr, known)) or '(none)'}.{hint}"


def as_array(value: Any, dtype: Any, what: str) -> jax.Array:
    """`value` as an array of `dtype`; an error that names `what` where it is not numeric."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value)):
        value = jnp.asarray(value)  # lists may hold numbers that are traced
    if not isinstance(value, jax.Array):
        try:
            given = np.asarray(value)
        except (ValueError, TypeError) as error:
            raise TypeError(f"{what} is {value!r}, which is not an array of numbers ({error}).") from None
        if given.dtype.kind not in "fiu":
            raise TypeError(f"{what} is {value!r} of type {type(value).__name__}; give real numbers.")
    elif jnp.iscomplexobj(value):
        raise TypeError(f"{what} is complex; give real numbers.")
    return jnp.asarray(value, dtype)


def float_dtype(tree: PyTree) -> Any:
    """The precision a game computes in: that of its parameters, JAX's default where they do not say."""
    default = jnp.zeros(()).dtype
    dtypes = [leaf.dtype for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype")]
    floats = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    kept = [dtype for dtype in floats if jnp.finfo(dtype).bits <= jnp.finfo(default).bits]
    return jnp.result_type(*kept) if kept else default


def as_parameters(params: PyTree) -> PyTree:
    """`params` with every leaf an array; Python numbers become floats, so that they can be swept and differentiated."""
    dtype = float_dtype(params)

    def leaf(path: tuple[Any, ...], value: Any) -> jax.Array:
        if isinstance(value, (jax.Array, np.ndarray, np.bool_, bool)):
            array = jnp.asarray(value)
            return jnp.asarray(array, array.dtype)  # naming the dtype drops a weak type, which would compile again
        return as_array(value, dtype, f"params{named(path)}")

    return jax.tree_util.tree_map_with_path(leaf, params)


def require_finite(tree: PyTree, what: str) -> None:
    """Raise where a concrete number in `tree` is NaN or infinite, naming the field and the first bad index."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        values = concrete(leaf) if eqx.is_inexact_array(leaf) else None
        if values is None or np.all(np.isfinite(values)):
            continue
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        where = f" at index {list(index)}" if index else ""
        raise ValueError(
            f"{what}{named(path)} is {values[index]}{where}; every number there must be finite"
            " (write a missing limit as None or as an infinite bound, not as an infinite parameter)."
        )


def require_no_captured_arrays(function: Callable[..., Any] | None, what: str) -> None:
    """Raise where `function` closes over an array, which would freeze it into the compiled program."""
    closure = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, closure, strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # the name is bound later
        if any(isinstance(leaf, (jax.Array, np.ndarray)) for leaf in jax.tree.leaves(value)):
            raise ValueError(
                f"{what} captures the array {name!r} from the scope around it; put it into `params`, so that it can be"
                " swept and differentiated and does not compile again when it changes."
            )


def require_callable(function: object, what: str) -> None:
    """Raise where `function` is neither None nor callable."""
    if function is not None and not callable(function):
        raise TypeError(f"{what} is {function!r}, which is not callable; give a function or None.")


def require_whole(value: Any, what: str, least: int) -> None:
    """Raise where a setting is no whole number of at least `least`."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{what} is {value!r}; give a whole number of at least {least}.")


def require_kind(value: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Raise where `value` is of none of these classes."""
    if not isinstance(value, kinds):
        names = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise TypeError(f"{what} is {value!r}; give a {names}.")
