"""One equilibrium of a game of two players with finitely many actions, by complementary pivots.

Mixtures divided by the best payoff against them, x >= 0 with B'x <= 1 and y >= 0 with A y <= 1 for positive payoffs,
are an equilibrium where every action is either not played or a best reply. Starting from nothing played, one action of
the first player is let in; what drops out of one system enters the other, until the first action or its rival drops.
"""

import numpy as np
from jaxtyping import Float

from eqsolve.finite.vertices import positive_payoffs

SHAKEN = 1e-10  # limits are moved by so much, each otherwise, so that ties cannot make the path go round
TINY = 1e-12
PIVOTS = 10_000

Matrix = Float[np.ndarray, "rows columns"]


def bimatrix_equilibrium(first: Matrix, second: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Both players' mixtures in one equilibrium; NaN where payoffs are not finite or rounding stops the path.

    **Arguments:** `first`, `second`: what the row and the column player earn.
    **Source:** Lemke and Howson, Equilibrium points of bimatrix games (1964).

    >>> row, column = bimatrix_equilibrium(np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([[0.0, 1.0], [2.0, 0.0]]))
    >>> row.round(6).tolist(), column.round(6).tolist()
    ([0.666667, 0.333333], [0.75, 0.25])
    """
    rows, columns = first.shape
    unknown = np.full(rows, np.nan), np.full(columns, np.nan)
    if not (np.all(np.isfinite(first)) and np.all(np.isfinite(second))):
        return unknown
    shaken = np.random.default_rng(0)
    # both systems have a variable for every action: that of its owner's mixture, or the slack of its payoff
    systems = [
        _system(np.hstack([positive_payoffs(second).T, np.eye(columns)]), shaken),
        _system(np.hstack([np.eye(rows), positive_payoffs(first)]), shaken),
    ]
    bases = [np.arange(rows, rows + columns), np.arange(rows)]
    entering, turn = 0, 0
    for _ in range(PIVOTS):
        entering = _pivot(systems[turn], bases[turn], entering)
        if entering == 0:
            played = [_values(system, basis, rows + columns) for system, basis in zip(systems, bases, strict=True)]
            row, column = played[0][:rows], played[1][rows:]
            return row / row.sum(), column / column.sum()
        if entering < 0:
            break
        turn = 1 - turn
    return unknown


def _system(matrix: Matrix, shaken: np.random.Generator) -> Matrix:
    return np.hstack([matrix, 1 + SHAKEN * shaken.random((matrix.shape[0], 1))])


def _pivot(system: Matrix, basis: np.ndarray, entering: int) -> int:
    """Let a variable in, in place; returns the one that drops out, -1 where none does."""
    column = system[:, entering]
    rises = column > TINY
    if not rises.any():
        return -1
    row = int(np.argmin(np.where(rises, system[:, -1] / np.where(rises, column, 1.0), np.inf)))
    system[row] /= system[row, entering]
    others = np.arange(len(basis)) != row
    system[others] -= np.outer(system[others, entering], system[row])
    leaving, basis[row] = int(basis[row]), entering
    return leaving


def _values(system: Matrix, basis: np.ndarray, count: int) -> np.ndarray:
    values = np.zeros(count)
    values[basis] = np.maximum(system[:, -1], 0.0)
    return values
