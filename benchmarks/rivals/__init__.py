"""Other ways to solve the games of the benchmarks, one file per rival; `solvers.py` runs them.

Every entry takes the games as NumPy arrays and returns an `Answer`.
"""

import dataclasses

import numpy as np

Games = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Actions `[games, players]`, and whether the method says that it solved each game."""

    actions: np.ndarray
    solved: np.ndarray
    steps: np.ndarray | None = None
