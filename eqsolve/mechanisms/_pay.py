"""Who is paid what, in the form every mechanism needs."""

from collections.abc import Sequence

import numpy as np


def own_entry(outcome: str, players: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Pay that gives each player its own entry of an outcome with one entry per player.

    **Arguments:** `outcome`: name of an outcome of shape `[players]`. `players`: names, in the order of its entries.
    **Returns:** player -> `{outcome: coefficients}`, ready for `Game(pay=...)`.

    >>> own_entry("profit", ("left", "right"))["right"]["profit"].tolist()
    [0.0, 1.0]
    """
    return {player: {outcome: row} for player, row in zip(players, np.eye(len(players)), strict=True)}
