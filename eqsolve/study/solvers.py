"""The tables [nash], [first_best] and [certify]: solvers and the search for better replies, by their field names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx

from eqsolve._checks import unknown_name
from eqsolve.certify.certificate import SEARCH
from eqsolve.solvers import Anderson, BestReply, Extragradient, Newton, Search, Solver
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.study._errors import StudyError
from eqsolve.study.config import StudyTables
from eqsolve.study.names import imported

NASH_SOLVERS: dict[str, type[Solver]] = {
    "newton": Newton,
    "best reply": BestReply,
    "extragradient": Extragradient,
    "anderson": Anderson,
}


class Methods(eqx.Module):
    """How every point of a study is solved and certified."""

    nash: Solver
    first_best: GlobalAscent
    search: Search


def methods_of(tables: StudyTables) -> Methods:
    """The solvers that a study asks for.

    **Errors:** `StudyError` for unknown solvers and fields, and for values that the solver rejects.

    >>> nash = {"solver": "best reply", "damping": 0.5}
    >>> methods_of(StudyTables(title="t", mechanism="Cournot", sweep={"cost[0]": [1.0]}, nash=nash)).nash
    BestReply(damping=0.5)
    """
    nash = dict(tables.nash)
    solver = _solver_named(nash.pop("solver", "newton"))
    return Methods(
        nash=_configured(solver(), nash, "nash"),
        first_best=_configured(GlobalAscent(), tables.first_best, "first_best"),
        search=_configured(SEARCH, tables.certify, "certify"),
    )


def _solver_named(name: Any) -> type[Solver]:
    if isinstance(name, str) and ":" in name:
        found = imported(name, "nash.solver")
        if not (isinstance(found, type) and issubclass(found, Solver)):
            raise StudyError(f"nash.solver is {name!r}, which is {found!r}; name a class derived from Solver.")
        return found
    if name not in NASH_SOLVERS:
        hint = ' Your own are named by import: "package.module:Name".'
        raise StudyError(unknown_name("nash.solver: the solver", name, NASH_SOLVERS) + hint)
    return NASH_SOLVERS[name]


def _configured(default: Any, given: Mapping[str, Any], where: str) -> Any:
    """`default` with the given fields replaced; tables replace fields of fields."""
    fields = [field.name for field in dataclasses.fields(default)]
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            raise StudyError(unknown_name(f"{where}: the field", name, fields))
        present = getattr(default, name)
        if isinstance(value, dict) and isinstance(present, eqx.Module):
            value = _configured(present, value, f"{where}.{name}")
        changes[name] = tuple(value) if isinstance(value, list) else value
        _require_same_type(present, changes[name], f"{where}.{name}")
    try:
        return dataclasses.replace(default, **changes)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{where}: {error}") from None


def _require_same_type(present: Any, value: Any, where: str) -> None:
    """Raise where a value replaces one of another type; None says nothing about types."""
    wanted = (int, float) if isinstance(present, float) else type(present)
    wrong = isinstance(value, bool) != isinstance(present, bool) or not isinstance(value, wanted)
    if present is not None and wrong:
        raise StudyError(f"{where} is {value!r}; give a value like its default, {present!r}.")
