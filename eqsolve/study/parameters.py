"""The parameters of a mechanism: what is fixed, what is shared by all points as arrays, and where swept values go.

A study may nest: `demand = { build = "LinearInverseDemand", intercept = 10.0, slope = 1.0 }` is an object built from
its own parameters, and a sweep reaches inside as `"demand.intercept"`, or into a list as `"cost[1]"`.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from eqsolve._checks import unknown_name
from eqsolve.study._errors import StudyError
from eqsolve.study.data import observations
from eqsolve.study.fitting import Fitted, fitted
from eqsolve.study.mechanisms import keywords, part_named

Arrays = dict[str, Any]  # argument name -> array or fitted law, or the same for a nested part


@dataclasses.dataclass(frozen=True)
class Part:
    """A callable with its fixed keyword arguments: arrays, fitted laws, constants (text, whole numbers), parts."""

    build: Callable[..., Any]
    where: str
    arguments: dict[str, Any]

    def arrays(self) -> Arrays:
        """The arrays among the arguments, nested like the parts; these are shared by all points."""
        kept = {name: _kept(value) for name, value in self.arguments.items()}
        return {name: value for name, value in kept.items() if isinstance(value, (dict, np.ndarray, eqx.Module))}

    def fits(self) -> dict[str, str]:
        """Place in the study -> estimates and quality of the fit there."""
        found: dict[str, str] = {}
        for name, value in self.arguments.items():
            if isinstance(value, Fitted):
                found[f"{self.where}.{name}"] = value.text
            elif isinstance(value, Part):
                found |= value.fits()
        return found

    def __call__(self, arrays: Arrays) -> Any:
        """Build with these arrays in place of its own, plus any that it does not have."""
        given = self.arguments | arrays
        for name, value in self.arguments.items():
            if isinstance(value, Part):
                given[name] = value(arrays[name])
        return self.build(**given)


def _kept(value: Any) -> Any:
    if isinstance(value, Part):
        return value.arrays()
    return value.law if isinstance(value, Fitted) else value


def part_from(build: Callable[..., Any], given: Mapping[str, Any], where: str, folder: Path) -> Part:
    """The part that a TOML table describes.

    **Arguments:** `where`: the table's name, for messages. `folder`: what paths of data files are relative to.
    **Errors:** `StudyError` for values that are no numbers, text or known tables.
    """
    return Part(build, where, {name: _argument(value, f"{where}.{name}", folder) for name, value in given.items()})


def _argument(value: Any, where: str, folder: Path) -> Any:
    if isinstance(value, dict):
        if "build" in value:
            build = part_named(value["build"], f"{where}.build")
            return part_from(build, {name: v for name, v in value.items() if name != "build"}, where, folder)
        return fitted(value, where, folder) if "fit" in value else observations(value, where, folder)
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    if not isinstance(value, (float, list)):
        raise StudyError(f"{where} is {value!r}; give a number, text, or a list of numbers.")
    try:
        numbers = np.asarray(value, float)
    except (TypeError, ValueError):
        raise StudyError(f"{where} is {value!r}; give numbers only, in lists of equal length.") from None
    if numbers.size == 0 or not np.all(np.isfinite(numbers)):
        raise StudyError(f"{where} is {value!r}; give one or more finite numbers.")
    return numbers


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a swept value goes: through nested parts to an argument, or to one entry of it.

    >>> Place.parse("demand.intercept").steps, Place.parse("cost[1]").index
    (('demand', 'intercept'), (1,))
    """

    path: str
    steps: tuple[str, ...]
    index: tuple[int, ...]

    @classmethod
    def parse(cls, path: str) -> "Place":
        """The place that "name", "part.name" or "name[1]" stands for."""
        match = re.fullmatch(r"(\w+(?:\.\w+)*)((?:\[\d+\])*)", path)
        if match is None:
            raise StudyError(f'sweep: {path!r} is no parameter; write "name", "part.name" or "list[0]".')
        return cls(path, tuple(match[1].split(".")), tuple(int(i) for i in re.findall(r"\d+", match[2])))

    def put(self, arrays: Arrays, value: Any) -> Arrays:
        """A copy of `arrays` with `value` in this place."""
        return _put(arrays, self.steps, self.index, value)


def _put(arrays: Arrays, steps: tuple[str, ...], index: tuple[int, ...], value: Any) -> Arrays:
    name, rest = steps[0], steps[1:]
    if rest:
        return arrays | {name: _put(arrays[name], rest, index, value)}
    return arrays | {name: jnp.asarray(arrays[name]).at[index].set(value) if index else value}


def require_place(part: Part, place: Place) -> None:
    """Raise where a swept value would go nowhere, or where a fixed value already is."""
    at = part
    for name in place.steps[:-1]:
        inner = at.arguments.get(name)
        if not isinstance(inner, Part):
            nested = [known for known, value in at.arguments.items() if isinstance(value, Part)]
            raise StudyError(unknown_name(f"sweep.{place.path!r}: the part", name, nested))
        at = inner
    name = place.steps[-1]
    accepted = keywords(at.build).accepted
    if accepted is not None and name not in accepted:
        raise StudyError(unknown_name("sweep: the parameter", name, accepted))
    fixed = at.arguments.get(name)
    if not place.index:
        if fixed is not None:
            raise StudyError(f"sweep: {place.path!r} is also fixed in [{at.where}]; remove it from one of them.")
        return
    if not isinstance(fixed, np.ndarray):
        raise StudyError(
            f"sweep: {place.path!r} needs the list {name!r} in [{at.where}], of which it sweeps one entry."
        )
    if len(place.index) != fixed.ndim or any(i >= n for i, n in zip(place.index, fixed.shape, strict=True)):
        raise StudyError(f"sweep: {place.path!r} is no entry of {name!r}, whose shape is {fixed.shape}; count from 0.")


def require_arguments(part: Part, places: list[Place]) -> None:
    """Raise where a part gets arguments that it does not take, or lacks some that it needs."""
    accepted, needed = keywords(part.build)
    for name, value in part.arguments.items():
        if accepted is not None and name not in accepted:
            raise StudyError(unknown_name(f"{part.where}: the parameter", name, accepted))
        if isinstance(value, Part):
            inner = [
                dataclasses.replace(p, steps=p.steps[1:]) for p in places if p.steps[0] == name and len(p.steps) > 1
            ]
            require_arguments(value, inner)
    swept = {place.steps[0] for place in places}
    missing = [name for name in needed if name not in part.arguments and name not in swept]
    if missing:
        names = ", ".join(map(repr, missing))
        raise StudyError(f"{part.where}: {names} is missing; add it there or to [sweep].")
