"""Sensitivities as labelled data sets: one label per entry of what moves and of the parameters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqsolve._tables import entry_label
from eqsolve.datasets.labelled import batch_axes, flagged_codes, require_xarray
from eqsolve.sensitivities import GameSensitivities, Responses

if TYPE_CHECKING:
    import xarray


def sensitivities_dataset(found: GameSensitivities, coords: Mapping[str, Any] | None = None) -> "xarray.Dataset":
    """Sensitivities, or a batch of them, as an `xarray.Dataset`.

    Variables: `derivative` and `elasticity` with the dimensions `result` and `parameter` after the batch axes, `value`
    of every result, `parameter_value`, and `status`. Labels are entries such as "quantity[0]" and "cost[1]"; results
    that are outcomes or objectives and share their name with another are called "outcome: <name>" and
    "objective: <name>". The coordinate `role` says what a result is.

    **Errors:** `ImportError` that names the extra where xarray is missing; `ValueError` where sizes do not fit.
    """
    xarray = require_xarray()
    shape = found.equilibrium.residual.shape
    batch = batch_axes(shape, coords)
    size = tuple(length for length, _ in batch.values())
    results = [(role, name, np.asarray(level)) for role, name, level in _levels(found)]
    labels = _labels(results, len(shape))
    parameters = [
        entry_label(name, index)
        for name, value in found.parameters.items()
        for index in np.ndindex(value.shape[len(shape) :])
    ]

    def variable(array: np.ndarray, *axes: str) -> tuple[tuple[str, ...], np.ndarray]:
        return (*batch, *axes), array.reshape(size + array.shape[len(shape) :])

    def flat(arrays: list[Any]) -> np.ndarray:
        return np.concatenate([np.reshape(array, (*shape, -1)) for array in arrays], axis=-1)

    def matrix(responses: Responses) -> np.ndarray:
        rows = []
        for (_, _, level), (_, _, by_parameter) in zip(results, responses.items(), strict=True):
            entries = int(np.prod(level.shape[len(shape) :]))
            rows.append(
                np.concatenate([np.reshape(slope, (*shape, entries, -1)) for slope in by_parameter.values()], -1)
            )
        return np.concatenate(rows, axis=-2)

    variables = {
        "derivative": variable(matrix(found.derivatives), "result", "parameter"),
        "elasticity": variable(matrix(found.elasticities), "result", "parameter"),
        "value": variable(flat([level for _, _, level in results]), "result"),
        "parameter_value": variable(flat(list(found.parameters.values())), "parameter"),
        "status": ((*batch,), *flagged_codes(found.equilibrium, size)),
    }
    axes = {name: values for name, (_, values) in batch.items() if values is not None}
    roles = ("result", [role for _, role in labels])
    return xarray.Dataset(
        variables, coords={"result": [label for label, _ in labels], "parameter": parameters, "role": roles, **axes}
    )


def _levels(found: GameSensitivities) -> list[tuple[str, str, Any]]:
    """What moves, in the order of the responses."""
    levels = {"action": found.equilibrium.actions, "objective": found.equilibrium.objectives}
    levels |= {"outcome": found.equilibrium.outcomes}
    return [(role, name, levels[role][name]) for role, name, _ in found.derivatives.items()]


def _labels(results: list[tuple[str, str, np.ndarray]], batched: int) -> list[tuple[str, str]]:
    """A label of its own, and the role, for every entry of every result."""
    names = [name for _, name, _ in results]
    labels: list[tuple[str, str]] = []
    for role, name, level in results:
        label = f"{role}: {name}" if names.count(name) > 1 and role != "action" else name
        labels += [(entry_label(label, index), role) for index in np.ndindex(level.shape[batched:])]
    return labels
