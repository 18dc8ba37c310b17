"""Results that print as tables: the base class of what mechanisms return."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import numpy as np

from eqsolve._tables import is_traced, shown, table
from eqsolve.equilibrium import STATUS_NAMES, Status, code


class Tabled(eqx.Module):
    """A result whose `str()` is a table with a row per field."""

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        return table((type(self).__name__, "value"), _rows("", self))


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A row per number or line of numbers of a field, with those of a table within a table."""
    if isinstance(value, Tabled):
        for field in dataclasses.fields(value):
            yield from _rows(f"{name}.{field.name}".lstrip("."), getattr(value, field.name))
    elif isinstance(value, Status):
        yield name, str(np.array(STATUS_NAMES)[np.asarray(code(value))])
    elif not eqx.is_array_like(value):
        yield name, value if isinstance(value, str) else f"({type(value).__name__})"
    elif np.ndim(value) > 1:
        for i, part in enumerate(np.asarray(value)):
            yield from _rows(f"{name}[{i}]", part)
    else:
        yield name, shown(value)
