"""Studies side by side: the results of one beside those of another at the same points."""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from eqsolve.datasets.labelled import PLAYER
from eqsolve.study._errors import StudyError


def joined_results(own: xr.Dataset, others: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """The results of a study with those of others added as "label: name", attributes included.

    **Errors:** `StudyError` where the players are not the same.
    """
    joined = own
    for label, other in others.items():
        theirs, ours = other[PLAYER].values.tolist(), own[PLAYER].values.tolist()
        if theirs != ours:
            raise StudyError(f"beside.{label}: its players are {theirs}, here they are {ours}; give the same names.")
        joined = joined.assign({f"{label}: {name}": values for name, values in other.data_vars.items()})
        joined = joined.assign_attrs({f"{label}: {name}": fact for name, fact in other.attrs.items()})
    return joined


def results_of(dataset: xr.Dataset, label: str) -> xr.Dataset:
    """The results that `joined_results` added under a label, by their own names.

    >>> own = xr.Dataset({"stock": (PLAYER, [1.0])}, {PLAYER: ["lamb"]})
    >>> both = joined_results(own, {"recorded": 2 * own})
    >>> list(both.data_vars), float(results_of(both, "recorded")["stock"][0])
    (['stock', 'recorded: stock'], 2.0)
    """
    prefix = f"{label}: "
    names = {name: str(name).removeprefix(prefix) for name in dataset.data_vars if str(name).startswith(prefix)}
    return dataset[list(names)].rename(names)


def certified_everywhere(dataset: xr.Dataset, labels: Iterable[str]) -> xr.DataArray:
    """Whether both plans have a certificate, here and in the studies beside it."""
    parts = [dataset, *(results_of(dataset, label) for label in labels)]
    found = parts[0]["certified"].min("plan")
    for part in parts[1:]:
        found = found.copy(data=np.minimum(found.values, part["certified"].min("plan").values))
    return found
