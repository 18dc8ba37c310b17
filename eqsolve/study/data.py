"""Observations as parameters: columns of a built-in dataset, of your own, or of a CSV file beside the study."""

import csv
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import ValidationError, model_validator

from eqsolve._checks import unknown_name
from eqsolve.study._errors import StudyError, explained
from eqsolve.study.config import Table
from eqsolve.study.names import imported

HOME = "eqsolve.datasets"
LOADER = "load_"  # built-in datasets are functions of this prefix


class Observations(Table):
    """`{dataset, columns}` or `{csv, columns}`: a row per observation; a vector where `columns` is a single name."""

    dataset: str = ""
    csv: str = ""
    columns: str | list[str]

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.dataset) == bool(self.csv):
            raise ValueError("needs either `dataset` (a name) or `csv` (a path).")
        if not self.columns:
            raise ValueError("columns is empty; name at least one.")
        return self


def built_in_datasets() -> dict[str, Callable[[], Any]]:
    """The datasets that ship with eqsolve, by name."""
    home = importlib.import_module(HOME)
    loaders = inspect.getmembers(home, inspect.isfunction)
    return {name.removeprefix(LOADER): loader for name, loader in loaders if name.startswith(LOADER)}


def observations(given: Mapping[str, Any], where: str, folder: Path) -> np.ndarray:
    """The numbers that a table such as `{dataset = "restaurant_demand", columns = ["lamb", "steak"]}` stands for.

    **Returns:** shape [observations, columns], or [observations] where `columns` is a single name.
    **Errors:** `StudyError` for unknown keys, datasets and columns, unreadable files and missing numbers.
    """
    try:
        wanted = Observations.model_validate(dict(given))
    except ValidationError as error:
        raise explained(where, error) from None
    source = wanted.csv or wanted.dataset
    names = [wanted.columns] if isinstance(wanted.columns, str) else wanted.columns
    loaded = _read_csv(folder / wanted.csv, where) if wanted.csv else _load(wanted.dataset, where)
    columns = [
        _numbers(_column(loaded, name, f"{where}.columns"), f"{where}: {name!r} of {source!r}") for name in names
    ]
    return columns[0] if isinstance(wanted.columns, str) else np.stack(columns, axis=1)


def _load(name: str, where: str) -> Any:
    if ":" in name:
        return imported(name, f"{where}.dataset")()
    known = built_in_datasets()
    if name not in known:
        hint = ' Your own: csv = "file.csv", or dataset = "package.module:function".'
        raise StudyError(unknown_name(f"{where}.dataset: the dataset", name, sorted(known)) + hint)
    return known[name]()


def _column(loaded: Any, name: str, where: str) -> Any:
    """One column of a mapping from names to columns, or of an object with `select(name) -> [rows, 1]`."""
    if not isinstance(loaded, Mapping):
        try:
            return loaded.select(name)[:, 0]
        except ValueError as error:
            raise StudyError(f"{where}: {error}") from None
    if name not in loaded:
        raise StudyError(unknown_name(f"{where}: the column", name, list(loaded)))
    return loaded[name]


def _read_csv(path: Path, where: str) -> Mapping[str, Any]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a mark at the start
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{where}.csv: {path} cannot be read ({error}); give a CSV file with a heading line."
        ) from None
    if len(rows) < 2:
        raise StudyError(f"{where}.csv: {path} has no rows; give a heading line and at least one row of numbers.")
    heading = [name.strip() for name in rows[0]]
    for line, row in enumerate(rows, start=1):
        if len(row) != len(heading):
            raise StudyError(f"{where}.csv: {path}, line {line} has {len(row)} cells, the heading has {len(heading)}.")
    return {name: [row[index] for row in rows[1:]] for index, name in enumerate(heading)}


def _numbers(values: Any, what: str) -> np.ndarray:
    for row, value in enumerate(values):
        try:
            finite = np.isfinite(float(value))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise StudyError(f"{what} has {value!r} in row {row}; every row needs a finite number.")
    return np.asarray(values, float)
