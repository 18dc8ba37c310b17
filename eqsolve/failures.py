"""Which games of a batch were not solved: counted, located, with their parameters."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from eqsolve._tables import entry_label, number, path_label, table
from eqsolve.batch import spread_axes
from eqsolve.equilibrium import STATUS_NAMES, STATUSES, Equilibrium, Status, code

SHOWN = 10  # failed games that are printed
COLUMNS = 6  # parameters that are printed


@dataclasses.dataclass(frozen=True)
class Failures:
    """The games of a batch that have no solved status; `str()` prints counts, meanings and the first few games.

    **Fields:** `index`: positions in the batch, one row per failed game, one column per batch axis. `status`: their
    statuses by name. `parameters`: their parameters, the batch in front of every array; None where none were given.
    `games`: how many games there are in all.
    """

    index: np.ndarray
    status: np.ndarray
    parameters: PyTree
    games: int

    def __len__(self) -> int:
        return len(self.status)

    @property
    def counts(self) -> dict[str, int]:
        """How many games ended with each status, the solved ones left out."""
        names, counts = np.unique(self.status, return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True)}

    def raise_if_any(self) -> None:
        """Raise where a game failed; nothing else in this package raises for a failed game.

        **Errors:** `RuntimeError` with the printed table.
        """
        if len(self):
            raise RuntimeError(str(self))

    def __str__(self) -> str:
        head = f"{len(self)} of {self.games} games failed."
        if not len(self):
            return head
        meanings = [
            f"{name} ({count}): {Status[STATUSES[STATUS_NAMES.index(name)]]}" for name, count in self.counts.items()
        ]
        columns = _columns(self.parameters, len(self))
        rows = [
            (
                " ".join(map(str, self.index[row])),
                self.status[row],
                *(number(values[row]) for values in columns.values()),
            )
            for row in range(min(SHOWN, len(self)))
        ]
        more = [f"... and {len(self) - SHOWN} more"] if len(self) > SHOWN else []
        return "\n".join([head, *meanings, "", table(("game", "status", *columns), rows), *more])


def failures(found: Equilibrium, params: PyTree = None, axes: PyTree = 0) -> Failures:
    """The games of a batch whose status is none of converged, kinked and degenerate.

    **Arguments:** `found`: a batched `Equilibrium`. `params`, `axes`: what the batch was solved for, as given to
    `batch`; the parameters of failed games are then in the result.
    **Errors:** `ValueError` for a single `Equilibrium`, or parameters of another number of games.

    >>> import jax.numpy as jnp
    >>> from eqsolve import batch
    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> def make(a):
    ...     return Cournot(LinearInverseDemand(a, 1.0), cost=[1.0, 1.0]).game()
    >>> intercepts = jnp.array([4.0, jnp.nan, 10.0])
    >>> lost = failures(batch(make)(intercepts), intercepts)
    >>> len(lost), lost.counts, lost.index.ravel()
    (1, {'infeasible': 1}, array([1]))
    """
    if not isinstance(found, Equilibrium):
        raise TypeError(f"failures got {type(found).__name__}; give a batched Equilibrium.")
    solved = np.asarray(found.solved)
    if solved.ndim == 0:
        raise ValueError("failures takes a batch; for a single Equilibrium read its status.")
    index = np.argwhere(~solved)
    names = np.array(STATUS_NAMES)[np.asarray(code(found.status))]
    return Failures(index, names[~solved], _rows(params, axes, solved), solved.size)


def _rows(params: PyTree, axes: PyTree, solved: np.ndarray) -> PyTree:
    if params is None:
        return None

    def rows(axis: int | None, leaf: Any) -> Any:
        if axis is None:
            return leaf
        values = np.asarray(leaf)
        if values.shape[: solved.ndim] != solved.shape:
            raise ValueError(f"failures: params have shape {values.shape}, but the batch has shape {solved.shape}.")
        return values[~solved]

    spread = spread_axes(axes, params, "failures")
    return jax.tree.map(rows, spread, params, is_leaf=lambda axis: axis is None)


def _columns(params: PyTree, games: int) -> dict[str, np.ndarray]:
    """The parameters that differ from game to game, one number per column, by name."""
    columns: dict[str, np.ndarray] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        values = np.asarray(leaf)
        if values.ndim == 0 or values.shape[0] != games:
            continue
        for place in np.ndindex(values.shape[1:]):
            columns[entry_label(path_label(path), place)] = values[(slice(None), *place)]
    return dict(list(columns.items())[:COLUMNS])
