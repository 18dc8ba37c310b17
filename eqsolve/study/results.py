"""The results of a study as one labelled dataset, and the check that tables and figures refer to what is in it."""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from eqsolve.datasets.labelled import PLAYER, RESERVED, equilibrium_dataset
from eqsolve.study._errors import StudyError
from eqsolve.study.config import StudyTables
from eqsolve.study.figure import require_figure
from eqsolve.study.points import Point, Solved
from eqsolve.study.quantities import at, pick, require_swept

PLAN = "plan"
NASH, FIRST_BEST = "nash", "first best"
CERTIFIED, REGRET, TOTAL = "certified", "regret", "total"
LOSS, RELATIVE_LOSS = "efficiency loss", "relative efficiency loss"
OWN_NAMES = (PLAN, CERTIFIED, REGRET, TOTAL, LOSS, RELATIVE_LOSS)


def dataset_of(points: Point, grids: Mapping[str, np.ndarray], tables: StudyTables) -> xr.Dataset:
    """Solved points as a dataset with a dimension per swept parameter.

    **Variables:** those of `equilibrium_dataset` (actions, outcomes, `objective` by player, `residual`, `steps`,
    `status` as flagged integers) for both plans, along the dimension `plan`: "nash" and "first best". What a player
    would earn under the first best is its `objective` there. Besides:

    - `certified`: 1 where a search of every action set found no profitable deviation (for the first best: no better
      plan), else 0. `regret`: the largest gain found, in the unit of payoffs; NaN where no actions were computed.
    - `total`: the first-best objective. `efficiency loss`: how much of it the Nash equilibrium misses;
      `relative efficiency loss`: as a share of the first best's absolute value. Where the first best is zero, the share
      is 0 if nothing is lost and infinite otherwise; both are NaN only where no actions were computed.
    - the arrays of the extras, as "function" or "function.field".

    A name that is taken becomes "action: name", "outcome: name" or "extra: name".
    **Arguments:** `points`: arrays whose leading axes are the grid. `grids`: swept parameter -> values.
    """
    by_plan = [_plan(points.nash, grids), _plan(points.first_best, grids)]
    dataset = xr.concat(by_plan, dim=PLAN, join="exact", combine_attrs="override")
    dataset = dataset.assign_coords({PLAN: np.array([NASH, FIRST_BEST], object)})
    loss = np.asarray(points.first_best.total - points.nash.total)
    share = relative_loss(loss, np.asarray(points.first_best.total))
    dims = tuple(grids)
    dataset[LOSS] = (dims, loss, {"role": "report", "long_name": "first-best total minus Nash total"})
    dataset[RELATIVE_LOSS] = (dims, share, {"role": "report", "long_name": "efficiency loss / |first-best total|"})
    for name, values in points.extras.items():
        _add_extra(dataset, name, np.asarray(values), dims)
    for name, axis in tables.sweep.items():
        words = {"long_name": axis.label or name, "units": axis.unit, "format": axis.format}
        dataset[name].attrs.update({key: word for key, word in words.items() if word})
    dataset.attrs = {"title": tables.title, "description": tables.description, "mechanism": tables.mechanism}
    return dataset


def relative_loss(loss: np.ndarray, first_best_total: np.ndarray) -> np.ndarray:
    """The loss as a share of the first best's absolute value; where that is zero, 0 without a loss, infinite with one.

    >>> relative_loss(np.array([1.0, 0.0, 2.0]), np.array([4.0, 0.0, 0.0])).tolist()
    [0.25, 0.0, inf]
    """
    size = np.abs(first_best_total)
    share = loss / np.where(size == 0, 1.0, size)
    return np.where((size == 0) & (loss != 0), np.copysign(np.inf, loss), share)


def _plan(solved: Solved, grids: Mapping[str, np.ndarray]) -> xr.Dataset:
    """One plan, whose equilibrium is described by the players of the Nash game."""
    dataset = equilibrium_dataset(solved.equilibrium, grids)
    taken = {name: f"{dataset[name].attrs['role']}: {name}" for name in OWN_NAMES if name in dataset}
    dataset = dataset.rename(taken)
    dims, gain = tuple(grids), np.asarray(solved.gain)
    certified = np.asarray(solved.certified).astype(np.int8)
    flags = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
    dataset[CERTIFIED] = (
        dims,
        certified,
        {"role": "certificate", "long_name": "no profitable deviation found"} | flags,
    )
    dataset[REGRET] = (dims, gain.max(axis=-1), {"role": "certificate", "long_name": "largest gain from deviating"})
    dataset[TOTAL] = (dims, np.asarray(solved.total), {"role": "report", "long_name": "first-best objective"})
    return dataset


def _add_extra(dataset: xr.Dataset, name: str, values: np.ndarray, dims: tuple[str, ...]) -> None:
    """Add one array of an extra; its axis 0 is `player` where it has an entry for each of several players."""
    own = values.shape[len(dims) :]
    axes = [f"{name}_{axis}" for axis in range(len(own))]
    if own and own[0] == dataset.sizes[PLAYER] > 1:
        axes[0] = PLAYER
    unique = f"extra: {name}" if name in dataset.variables else name
    dataset[unique] = ((*dims, *axes), values, {"role": "extra"})


def require_free_names(swept: Iterable[str]) -> None:
    """Raise where a swept parameter has a name that the results use themselves."""
    for name in swept:
        if name in (*OWN_NAMES, *RESERVED):
            raise StudyError(
                f"sweep: the results have a {name!r} of their own; name a function as the mechanism that takes the"
                " parameter under another name."
            )


def require_references(tables: StudyTables, preview: xr.Dataset) -> None:
    """Raise where the table or the figure of a study refers to something that its results will not have.

    **Arguments:** `preview`: the dataset with its final names, dimensions and labels, and any values.
    """
    swept = list(tables.sweep)
    for number, column in enumerate(tables.report.columns, start=1):
        pick(preview, column, swept, f"report.columns[{number}]")
    for name, values in tables.report.rows.items():
        require_swept(name, swept, "report.rows")
        for value in values:
            at(preview[name], name, value, "report.rows")
    if tables.figure is not None:
        require_figure(tables.figure, preview, swept)
