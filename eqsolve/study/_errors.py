"""StudyError, and how pydantic's findings are turned into it."""

from typing import Any

try:
    from pydantic import ValidationError
except ImportError as error:  # the first import of this package that is no dependency of eqsolve itself
    raise ImportError('Studies need pydantic, xarray and zarr: pip install "eqsolve[study]".') from error


class StudyError(ValueError):
    """A study that cannot run as it is written, or results that may not be written; names the place and the remedy."""


def explained(where: str, error: ValidationError) -> StudyError:
    """All that pydantic found in one message, one line per field, each with the value and what is wanted."""
    lines = [f"{_field(found['loc'])}: {_what(found)}" for found in error.errors()]
    return StudyError("\n".join(f"{where}: {line}" for line in lines))


def _field(loc: tuple[int | str, ...]) -> str:
    """The path as the TOML author sees it: `sweep.margin.points`, `figure.panel[2].kind` counted from one."""
    path = ""
    for step in loc:
        path += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".") or "the study"


def _what(found: Any) -> str:
    message, kind = found["msg"], found["type"]
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "missing":
        return "is missing; add it."
    wanted = message[0].lower() + message[1:].removesuffix(".")
    return f"{found['input']!r} is not allowed: {wanted}."
