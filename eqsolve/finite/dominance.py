"""Strictly dominated strategies, and what is left when they are removed again and again."""

from typing import Any

import numpy as np
from jaxtyping import Float

from eqsolve.finite._linear import maximise
from eqsolve.finite.game import FiniteGame

ROUNDING = 1e-9  # of the range of a player's payoffs: a smaller margin of a mixture counts as none


def dominated(game: FiniteGame, *, mixed: bool = False) -> dict[str, tuple[str, ...]]:
    """By player, the strategies that are strictly dominated: another one earns more whatever the others play.

    **Arguments:** `game`: with concrete payoffs. `mixed`: whether mixtures may dominate too (a linear programme per
    strategy, with the extra `lp`); a strategy is then left out exactly if it is a best reply to some correlated play of
    the others.
    **Returns:** player -> names, empty where none is dominated. Margins of pure strategies are compared exactly, those
    of mixtures must exceed 1e-9 of the range of the player's payoffs.
    **Errors:** `TypeError` for anything but a `FiniteGame`; `ImportError` that names the extra where SciPy is missing.
    **Source:** Luce and Raiffa, *Games and Decisions* (1957), chapter 5; Pearce, Rationalizable strategic behavior and
    the problem of perfection, Econometrica 52 (1984), for mixtures.

    >>> game = FiniteGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]], strategies=[("quiet", "confess")] * 2)
    >>> dominated(game)
    {'player 1': ('quiet',), 'player 2': ('quiet',)}
    """
    if not isinstance(game, FiniteGame):
        raise TypeError(f"dominated got {game!r}; give a FiniteGame.")
    found: dict[str, tuple[str, ...]] = {}
    for i, (player, names) in enumerate(zip(game.players, game.strategies, strict=True)):
        earned = np.moveaxis(np.asarray(game.payoffs[i]), i, 0).reshape(len(names), -1)
        test = _beaten_by_mixture if mixed else _beaten
        found[player] = tuple(name for s, name in enumerate(names) if test(earned, s))
    return found


def without_dominated(game: FiniteGame, *, mixed: bool = False) -> FiniteGame:
    """The game that is left when strictly dominated strategies are removed until there are none.

    The order of removal makes no difference, and no equilibrium is lost.

    **Arguments, errors and source:** as for `dominated`.

    >>> game = FiniteGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]], strategies=[("quiet", "confess")] * 2)
    >>> without_dominated(game).strategies
    (('confess',), ('confess',))
    """
    while True:
        removed = dominated(game, mixed=mixed)
        if not any(removed.values()):
            return game
        pairs = zip(game.players, game.strategies, strict=True)
        game = game.restricted({player: [n for n in names if n not in removed[player]] for player, names in pairs})


def _beaten(earned: Float[np.ndarray, "strategies profiles"], strategy: int) -> bool:
    return bool(np.any(np.all(earned > earned[strategy], axis=1)))


def _beaten_by_mixture(earned: Float[np.ndarray, "strategies profiles"], strategy: int) -> bool:
    """Whether a mixture earns more everywhere: the largest margin that one can guarantee is positive."""
    if _beaten(earned, strategy):
        return True
    others = np.delete(earned, strategy, axis=0)
    scale = float(np.ptp(earned))
    if not len(others) or scale == 0:
        return False
    gains = (others - earned[strategy]).astype(float) / scale
    margin = np.append(np.zeros(len(others)), 1.0)
    constraints: dict[str, Any] = {
        "A_ub": np.column_stack([-gains.T, np.ones(gains.shape[1])]),  # margin <= gain of the mixture, everywhere
        "b_ub": np.zeros(gains.shape[1]),
        "A_eq": [np.append(np.ones(len(others)), 0.0)],
        "b_eq": [1.0],
        "bounds": [(0, None)] * len(others) + [(None, None)],
    }
    return bool(maximise(margin, "Dominance by mixtures", **constraints) @ margin > ROUNDING)
