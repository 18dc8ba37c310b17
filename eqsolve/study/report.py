"""What a study found, in words and one table: counts, certificates, the largest loss, and chosen points."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from eqsolve._tables import number, table
from eqsolve.equilibrium import STATUS_NAMES
from eqsolve.plots.style import Format, shown
from eqsolve.study.beside import certified_everywhere, results_of
from eqsolve.study.config import Quantity, StudyTables
from eqsolve.study.quantities import at, pick
from eqsolve.study.results import CERTIFIED, FIRST_BEST, LOSS, NASH, PLAN, REGRET, RELATIVE_LOSS, TOTAL

PLANS = {NASH: "Nash equilibria", FIRST_BEST: "First-best plans"}


@dataclasses.dataclass(frozen=True)
class Counts:
    """How well one plan was solved over all points.

    **Fields:** `points`: all. `uncertified`: those without a certificate, whatever their status. `statuses`: status
    name -> count, of those that occur. `worst_regret`: the largest gain found; `worst_at`: where, None if nobody gains
    anywhere.
    """

    points: int
    uncertified: int
    statuses: dict[str, int]
    worst_regret: float
    worst_at: dict[str, float] | None


def counts(dataset: xr.Dataset, plan: str) -> Counts:
    """Count statuses and certificates of a plan, "nash" or "first best".

    Kinked and degenerate solutions with a certificate count as solved.
    """
    chosen = dataset.sel({PLAN: plan})
    codes, numbers = np.unique(chosen["status"].values, return_counts=True)
    regret = chosen[REGRET].fillna(0.0)
    worst = float(regret.max())
    return Counts(
        points=chosen[CERTIFIED].size,
        uncertified=int((chosen[CERTIFIED] == 0).sum()),
        statuses={STATUS_NAMES[code]: int(count) for code, count in zip(codes, numbers, strict=True)},
        worst_regret=worst,
        worst_at=place_of_maximum(regret) if worst > 0 else None,
    )


def place_of_maximum(values: xr.DataArray) -> dict[str, float]:
    """The parameters at which `values` are largest; NaN does not count.

    >>> place_of_maximum(xr.DataArray([1.0, 3.0, 2.0], [("margin", [0.2, 0.4, 0.6])]))
    {'margin': 0.4}
    """
    numbers = np.where(np.isnan(values.values), -np.inf, values.values)
    index = np.unravel_index(int(np.argmax(numbers)), numbers.shape)
    return {str(dim): float(values[dim][i]) for dim, i in zip(values.dims, index, strict=True)}


def report_text(dataset: xr.Dataset, tables: StudyTables) -> str:
    """The whole report as plain text: title, table, largest loss and counts."""
    fits = [line for name, text in dataset.attrs.items() if name.startswith("fit of ") for line in (text, "")]
    lines = [tables.title, "", *fits, table(*chosen_rows(dataset, tables)), "", *_largest_loss(dataset), ""]
    lines += _solved(dataset, "")
    for label in tables.beside:
        lines += _solved(results_of(dataset, label), f"{label}: ")
    return "\n".join(lines) + "\n"


def _solved(dataset: xr.Dataset, label: str) -> list[str]:
    """How many points of both plans were solved and certified."""
    lines: list[str] = []
    for plan, words in PLANS.items():
        found = counts(dataset, plan)
        statuses = ", ".join(f"{count} {name}" for name, count in found.statuses.items())
        solved = f"{found.points} points, {found.uncertified} without certificate; status: {statuses}."
        lines.append(f"{label}{words}: {solved}")
        where = f" at {_place(found.worst_at, dataset)}" if found.worst_at else ""
        lines.append(f"  Largest gain from deviating found: {number(found.worst_regret)}{where}.")
    return lines


def chosen_rows(dataset: xr.Dataset, tables: StudyTables) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the printed table: a row per combination of the chosen values of the swept parameters."""
    columns = tables.report.columns or _default_columns()
    swept = list(tables.sweep)
    arrays = [pick(dataset, column, swept, "report.columns") for column in columns]
    certified = certified_everywhere(dataset, tables.beside)
    rows: list[list[str]] = []
    chosen = [tables.report.rows.get(name) or _ends_and_middle(dataset[name].values) for name in swept]
    for values in itertools.product(*chosen):
        cells = [shown(value, tables.sweep[name].format) for name, value in zip(swept, values, strict=True)]
        for column, array in zip(columns, arrays, strict=True):
            cells.append(shown(_at_point(array, swept, values), column.format))
        cells.append("yes" if _at_point(certified, swept, values) else "NO")
        rows.append(cells)
    return [*swept, *(column.name for column in columns), "certified"], rows


def _at_point(array: xr.DataArray, swept: list[str], values: tuple[float, ...]) -> float:
    for name, value in zip(swept, values, strict=True):
        array = at(array, name, value, "report.rows")
    return float(array)


def _ends_and_middle(values: np.ndarray) -> list[float]:
    return [float(values[index]) for index in dict.fromkeys((0, len(values) // 2, len(values) - 1))]


def _default_columns() -> list[Quantity]:
    return [
        Quantity(variable=TOTAL, at={PLAN: NASH}, label="total (Nash)"),
        Quantity(variable=TOTAL, at={PLAN: FIRST_BEST}, label="total (first best)"),
        Quantity(variable=RELATIVE_LOSS, label="loss", format="percent"),
    ]


def _largest_loss(dataset: xr.Dataset) -> list[str]:
    lines: list[str] = []
    formats: tuple[tuple[str, Format], ...] = ((LOSS, "number"), (RELATIVE_LOSS, "percent"))
    for name, number_format in formats:
        values = dataset[name]
        if bool(values.notnull().any()):
            where = place_of_maximum(values)
            lines.append(f"Largest {name}: {shown(float(values.max()), number_format)} at {_place(where, dataset)}.")
    return lines


def _place(where: Mapping[str, Any], dataset: xr.Dataset) -> str:
    return ", ".join(
        f"{name} = {shown(value, dataset[name].attrs.get('format', 'number'))}" for name, value in where.items()
    )
