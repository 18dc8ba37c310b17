"""Conversions and checks of a mechanism's fields."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from eqsolve._checks import as_array, concrete, float_dtype

Tree = TypeVar("Tree")


def as_fields(owner: str, **given: Any) -> dict[str, Any]:
    """Convert the fields of mechanism `owner` to arrays of one precision; None stays None, modules go leaf by leaf."""
    dtype = float_dtype(given)

    def convert(name: str, value: Any) -> Any:
        if value is None or isinstance(value, eqx.Module):
            return jax.tree.map(lambda leaf: as_array(leaf, dtype, f"{owner}.{name}"), value)
        return as_array(value, dtype, f"{owner}.{name}")

    return {name: convert(name, value) for name, value in given.items()}


def as_numbers(owner: str, **given: Any) -> dict[str, Array]:
    """The arguments of `owner`, none of which may be missing or empty, as arrays of one precision."""
    dtype = float_dtype(given)
    values = {name: as_array(value, dtype, f"{owner}: {name}") for name, value in given.items()}
    for name, value in values.items():
        if value.size == 0:
            raise ValueError(f"{owner}: {name} is empty; give at least one number.")
    return values


def per_entry(value: Array | None, length: int, what: str) -> Array:
    """`value` with one entry for each of `length` players or products; a single number is shared by all."""
    if value is None:
        raise TypeError(f"{what} is None; give one number, or {length} of them, one per entry.")
    if value.shape not in ((), (length,)):
        raise ValueError(f"{what} has shape {value.shape}; give one number, or {length} of them, one per entry.")
    return jnp.broadcast_to(value, (length,))


def require_vector(value: Array, what: str, least: int = 1) -> None:
    """Raise where `value` is not a vector of at least `least` entries."""
    if value.ndim != 1 or value.shape[0] < least:
        raise ValueError(f"{what} has shape {value.shape}; give a vector of {least} or more numbers, one per entry.")


def require_broadcast(owner: str, **shapes: tuple[int, ...]) -> None:
    """Raise where the shapes of `owner`'s fields do not broadcast against each other."""
    try:
        np.broadcast_shapes(*shapes.values())
    except ValueError:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise ValueError(f"{owner}: the shapes of {found} do not fit together; give shapes that broadcast.") from None


def require_sized(owner: str, ranks: Mapping[str, int], **fields: Array) -> None:
    """Raise where a field is neither one number nor, in its rank, of one length n along every axis, alike for all."""
    length = 0
    for name, value in fields.items():
        if value.shape == ():
            continue
        length = length or value.shape[0]
        if length == 0 or value.shape != (length,) * ranks[name]:
            wanted = "one number" + (f" or an array [{', '.join(['n'] * ranks[name])}]" if ranks[name] else "")
            alike = ", n alike for all fields" if length else ", n at least one"
            raise ValueError(f"{owner}.{name} has shape {value.shape}; give {wanted}{alike}.")


def require_scalar(value: Array | None, what: str) -> None:
    """Raise where `value` is not a single number."""
    if value is None:
        raise TypeError(f"{what} is None; give one number.")
    if value.shape != ():
        raise ValueError(f"{what} has shape {value.shape}; give one number.")


def numbers_within(owner: str, **given: tuple[Any, float, float, str]) -> dict[str, Array]:
    """Single numbers in their ranges: an error where a concrete one lies outside, NaN where a traced one does.

    Each is given as (value, low, high, ends), where `ends` is "[]", "[)", "(]" or "()" and tells which belong to it.
    """
    values = as_fields(owner, **{name: value for name, (value, *_) in given.items()})
    for name, (_, low, high, ends) in given.items():
        require_scalar(values[name], f"{owner}: {name}")

        def inside(x: Any, low: float = low, high: float = high, ends: str = ends) -> Any:
            above = x >= low if ends[0] == "[" else x > low
            return above & (x <= high if ends[1] == "]" else x < high)

        wanted = f"give a number in {ends[0]}{low:g}, {high:g}{ends[1]}"
        require_values(values[name], inside, f"{owner}: {name}", wanted)
        values[name] = jnp.where(inside(values[name]), values[name], jnp.nan)
    return values


def require_values(value: Array, holds: Callable[[np.ndarray], np.ndarray], what: str, wanted: str) -> None:
    """Raise where a concrete entry of `value` fails `holds`, naming the first such entry and what is `wanted`."""
    values = concrete(value)
    if values is None or np.all(holds(values)):
        return
    index = tuple(int(i) for i in np.argwhere(~holds(values))[0])
    where = f"[{', '.join(map(str, index))}]" if index else ""
    raise ValueError(f"{what}{where} is {values[index]}; {wanted}.")


def require_positive(value: Array, what: str) -> None:
    """Raise where a concrete entry is zero or negative."""
    require_values(value, lambda x: x > 0, what, "give numbers above zero")


def require_nonnegative(value: Array, what: str) -> None:
    """Raise where a concrete entry is negative."""
    require_values(value, lambda x: x >= 0, what, "give numbers of zero or more")


def require_probabilities(value: Array | None, scenarios: int, what: str) -> None:
    """Raise where `value` is not one probability per scenario, with sum one; None stands for equal ones."""
    if value is None:
        return
    if value.shape != (scenarios,):
        raise ValueError(
            f"{what} has shape {value.shape}, but demand has {scenarios} scenarios; give one probability per scenario,"
            " or None for equal ones."
        )
    require_nonnegative(value, what)
    slack = float(jnp.finfo(value.dtype).eps) ** 0.5
    require_values(
        jnp.sum(value), lambda total: np.abs(total - 1) <= slack, f"The sum of {what}", "divide them by their sum"
    )


def scenario_weights(probabilities: Array | None, demand: Array) -> Array:
    """The probability of every scenario, a row of `demand`; None stands for equal ones."""
    scenarios = demand.shape[0]
    return jnp.full(scenarios, 1 / scenarios, demand.dtype) if probabilities is None else probabilities


def all_positive(*values: Array) -> Bool[Array, "..."]:
    """Where all of these, broadcast against each other, are finite and above zero."""
    return functools.reduce(jnp.logical_and, [(value > 0) & (value < jnp.inf) for value in values])


def all_nonnegative(*values: Array) -> Bool[Array, "..."]:
    """Where all of these, broadcast against each other, are finite and zero or more."""
    return functools.reduce(jnp.logical_and, [(value >= 0) & (value < jnp.inf) for value in values])


def nan_unless(valid: Array, tree: Tree) -> Tree:
    """`tree` where `valid`; elsewhere NaN for its numbers and False for its answers. Counts stay."""

    def kept(leaf: Any) -> Any:
        if eqx.is_inexact_array(leaf):
            return jnp.where(valid, leaf, jnp.nan)
        return leaf & valid if eqx.is_array(leaf) and leaf.dtype == bool else leaf

    return jax.tree.map(kept, tree)


def harmless_unless(valid: Array, tree: Tree) -> Tree:
    """`tree` where `valid`; elsewhere entries that are positive and sum to one.

    XLA's batched convolution multiplies every lane with the others' zeros, so that one lane's NaN spreads to all.
    """
    return jax.tree.map(lambda leaf: jnp.where(valid, leaf, 1 / leaf.size), tree)


def player_names(names: Iterable[str] | None, count: int, what: str, stem: str) -> tuple[str, ...]:
    """`names` as a tuple of `count` different names; by default the stem and a number, counted from one."""
    if names is None:
        return tuple(f"{stem} {i}" for i in range(1, count + 1))
    if not isinstance(names, Iterable):
        raise TypeError(f"{what} is {names!r}; give {count} different names, or None.")
    chosen = tuple(names)
    if len(chosen) != count or len(set(chosen)) != count:
        raise ValueError(f"{what} is {chosen}; give {count} different names, one per player.")
    return chosen
