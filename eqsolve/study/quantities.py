"""From the words of a study to numbers in its dataset: one value per point, at chosen values of swept parameters."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from eqsolve._checks import unknown_name
from eqsolve.study._errors import StudyError
from eqsolve.study.config import Quantity

CLOSE = 1e-9  # values this close, relative to the axis, are the same grid point


def pick(dataset: xr.Dataset, quantity: Quantity, along: Iterable[str], field: str) -> xr.DataArray:
    """The values of a quantity along the dimensions that are shown.

    **Arguments:** `along`: the swept parameters that stay. `field`: the place in the study, for messages.
    **Errors:** `StudyError` for unknown variables, dimensions and labels, and for dimensions that are left over.

    >>> data = xr.Dataset({"stock": (("margin", "player"), [[1.0, 2.0], [3.0, 4.0]])}, {"margin": [0.2, 0.4]})
    >>> pick(data, Quantity(variable="stock", reduce="sum"), ["margin"], "demo").values
    array([3., 7.])
    """
    along = list(along)
    names = [str(name) for name in dataset.data_vars]
    if quantity.variable not in names:
        raise StudyError(unknown_name(f"{field}.variable: in the results, the variable", quantity.variable, names))
    values = dataset[quantity.variable]
    for dim, label in quantity.at.items():
        values = at(values, dim, label, f"{field}.at")
    left = [str(dim) for dim in values.dims if dim not in along]
    if quantity.reduce is not None and left:
        values = getattr(values, quantity.reduce)(left, skipna=False)  # a point that failed stays NaN
        left = []
    if left:
        choices = "; ".join(f"{dim}: {_labels(values[dim].values)}" for dim in left)
        raise StudyError(
            f"{field}: {quantity.variable!r} has a value for every {' and '.join(left)} ({choices}); choose with"
            f" at = {{ {_key(left[0])} = ... }}, or add them up with reduce."
        )
    for dim in along:
        if dim not in values.dims:  # it does not vary along a swept parameter only if that was fixed with `at`
            raise StudyError(f"{field}.at fixes {dim!r}, which is shown; remove it from `at`.")
    return values.transpose(*along)


def at(values: xr.DataArray, dim: str, label: Any, field: str) -> xr.DataArray:
    """The values where dimension `dim` is `label`; numbers are found up to rounding.

    **Errors:** `StudyError` for an unknown dimension or label, with what there is.
    """
    if dim not in values.dims:
        raise StudyError(unknown_name(f"{field}: the dimension", dim, map(str, values.dims)))
    if dim not in values.coords:
        known: list[Any] = list(range(values.sizes[dim]))
    else:
        known = values[dim].values.tolist()
    index = _index(known, label)
    if index is None:
        if isinstance(label, str):
            raise StudyError(unknown_name(f"{field}.{_key(dim)}: the label", label, map(str, known)))
        raise StudyError(f"{field}.{_key(dim)}: {label!r} is none of the values along it: {_labels(known)}.")
    return values.isel({dim: index})


def _index(known: list[Any], label: Any) -> int | None:
    if isinstance(label, str) or any(isinstance(value, str) for value in known):
        return known.index(label) if label in known else None
    distance = np.abs(np.asarray(known, float) - label)
    nearest = int(np.argmin(distance))
    scale = max(abs(float(value)) for value in known)
    return nearest if distance[nearest] <= CLOSE * max(scale, 1e-300) else None


def require_swept(name: str, swept: Iterable[str], field: str) -> None:
    """Raise where a figure or table refers to a parameter that is not swept."""
    swept = list(swept)
    if name not in swept:
        raise StudyError(unknown_name(f"{field}: the swept parameter", name, swept))


def _labels(values: Iterable[Any], most: int = 12) -> str:
    listed = [f"{value:.6g}" if isinstance(value, float) else repr(value) for value in values]
    return ", ".join(listed[:most]) + (f", ... ({len(listed)} in all)" if len(listed) > most else "")


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'
