"""The results folder of a study: written beside its final place and moved there at the end: whole or absent."""

import contextlib
import csv
import dataclasses
import json
import os
import shutil
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from eqsolve.study._errors import StudyError
from eqsolve.study.figure import draw
from eqsolve.study.files import Study
from eqsolve.study.report import report_text

DATASET, TABLE, REPORT, FIGURE = "study.zarr", "table.csv", "report.txt", "figure"
STUDY, PROVENANCE = "study.toml", "provenance.json"
WRITTEN = (DATASET, TABLE, REPORT, f"{FIGURE}.png", f"{FIGURE}.pdf", STUDY, PROVENANCE)


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Where results are: the folder, and the figure if the study describes one."""

    folder: Path
    figure: Path | None


def write_results(
    dataset: xr.Dataset,
    study: Study,
    folder: str | Path,
    *,
    overwrite: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> Outputs:
    """Write dataset (Zarr v3), table of all points (CSV), report, figure (PNG and PDF), study and provenance.

    Everything is first written to a hidden folder beside `folder`. An interruption leaves neither half of the new
    results nor a dent in old ones.

    **Arguments:** `dataset`: from `run_study`. `folder`: where results go. `overwrite`: whether to replace earlier
    results there. `notes`: more for the provenance, such as times.
    **Errors:** `StudyError` as for `require_free`.
    """
    folder = require_free(folder, overwrite=overwrite)
    with _written_beside(folder) as partial:
        dataset.to_zarr(partial / DATASET, zarr_format=3, consolidated=False)
        write_table(dataset, partial / TABLE)
        (partial / REPORT).write_text(report_text(dataset, study.tables), encoding="utf-8")
        (partial / STUDY).write_text(study.text, encoding="utf-8")
        facts = {str(name): value for name, value in dataset.attrs.items()} | dict(notes or {})
        (partial / PROVENANCE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        if study.tables.figure is not None:
            from eqsolve.plots import save_figure

            save_figure(draw(study.tables.figure, dataset), partial / FIGURE)
    return Outputs(folder, folder / f"{FIGURE}.png" if study.tables.figure is not None else None)


def require_free(folder: str | Path, *, overwrite: bool) -> Path:
    """The folder as a full path, if results may be written there.

    **Errors:** `StudyError` where it is a file, holds earlier results and `overwrite` is not given, or holds anything
    that eqsolve did not write, which is never deleted.

    >>> require_free("results/of/a/new/study", overwrite=False).name
    'study'
    """
    folder = Path(folder).resolve()
    blocked = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
    if blocked is not None:
        raise StudyError(f"{folder}: {blocked} is a file; give another folder for the results.")
    if not folder.exists():
        nearest = next(path for path in folder.parents if path.exists())
        if not os.access(nearest, os.W_OK):
            raise StudyError(f"{folder}: {nearest} cannot be written to; give another folder for the results.")
        return folder
    present = sorted(entry.name for entry in folder.iterdir())
    foreign = [name for name in present if name not in WRITTEN]
    if foreign:
        raise StudyError(
            f"{folder}: holds {foreign[0]!r}, which eqsolve did not write and will not replace; give another folder."
        )
    if present and not overwrite:
        raise StudyError(f"{folder}: holds earlier results; give another folder, or --overwrite to replace them.")
    return folder


def write_table(dataset: xr.Dataset, path: Path) -> None:
    """Every point as a row of a CSV file: swept parameters, then all numbers of the dataset, with labels above."""
    swept = [str(dim) for dim in dataset["efficiency loss"].dims]
    grid = np.meshgrid(*(dataset[name].values for name in swept), indexing="ij")
    columns = {name: values.ravel() for name, values in zip(swept, grid, strict=True)}
    for name, values in dataset.data_vars.items():
        own = [dim for dim in values.dims if dim not in swept]
        flat = values.transpose(*own, *swept).values.reshape(*(values.sizes[dim] for dim in own), -1)
        for index in np.ndindex(flat.shape[:-1]):
            labels = [_label(values, str(dim), i) for dim, i in zip(own, index, strict=True)]
            columns[f"{name} [{', '.join(labels)}]" if labels else str(name)] = flat[index]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(columns)
        rows = zip(*(_as_text(column) for column in columns.values()), strict=True)
        file.writelines(",".join(row) + "\r\n" for row in rows)  # numbers need no quotes


def _as_text(column: np.ndarray) -> list[str]:
    """The numbers as text, which takes most of a table's time: each number that occurs is formatted once."""
    numbers, places = np.unique(column + 0, return_inverse=True)  # zero without its sign
    return np.array([str(number) for number in numbers.tolist()], dtype=object)[places].tolist()


def _label(values: xr.DataArray, dim: str, index: int) -> str:
    return str(values[dim].values[index]) if dim in values.coords else f"{dim} {index}"


@contextlib.contextmanager
def _written_beside(folder: Path) -> Generator[Path]:
    """A hidden sibling to write into, which takes the folder's place at the end, or vanishes if anything goes wrong."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = f".{folder.name}.{uuid.uuid4().hex[:8]}"
    partial, replaced = folder.parent / f"{mark}.partial", folder.parent / f"{mark}.replaced"
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    except BaseException:  # an interruption as well
        shutil.rmtree(partial, ignore_errors=True)
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
