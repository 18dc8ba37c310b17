"""A Python loop over games with SciPy: best replies found by root bracketing, or `root` on the first-order conditions.

The marginal payoffs are NumPy sums over all states at once, as fast as NumPy makes them.
"""

from collections.abc import Callable

import fungible_truth as truth
import numpy as np
from scipy.optimize import brentq, root

from rivals import Answer, Games

ROUNDS = 500
SETTLED = 1e-11  # the largest move of a capacity in the last round


def _marginal(game: Games, rule: truth.Rule) -> Callable[[np.ndarray], np.ndarray]:
    return lambda k: truth.marginal(game, k[None], rule)[0]


def best_replies(game: Games, rule: truth.Rule) -> tuple[np.ndarray, bool]:
    """Rounds of best replies, each the zero of a marginal payoff in the division's own capacity."""
    upper = float(truth.largest(game)[0])
    marginal = _marginal(game, rule)
    k = np.full(2, 0.5 * upper)
    for _ in range(ROUNDS):
        before = k.copy()
        for i in range(2):
            k[i] = _best_reply(lambda own, i=i: marginal(np.where(np.arange(2) == i, own, k))[i], upper)
        if np.max(np.abs(k - before)) <= SETTLED:
            return k, True
    return k, False


def _best_reply(slope: Callable[[float], float], upper: float) -> float:
    if slope(0.0) <= 0:
        return 0.0
    return upper if slope(upper) >= 0 else brentq(slope, 0.0, upper, xtol=1e-13, rtol=1e-14)


def by_root(game: Games, rule: truth.Rule) -> tuple[np.ndarray, bool]:
    """Powell's hybrid method on the complementarity conditions, written as in `fungible_payoffs.py`."""
    upper = float(truth.largest(game)[0])
    marginal = _marginal(game, rule)

    def conditions(k: np.ndarray) -> np.ndarray:
        slope = marginal(k)
        return np.hypot(k, slope) - k + slope

    found = root(conditions, np.full(2, 0.5 * upper), method="hybr", tol=1e-12)
    return found.x, bool(found.success)


def _loop(method: Callable[[Games, truth.Rule], tuple[np.ndarray, bool]], rule: str) -> Callable[[Games], Answer]:
    def run(games: Games) -> Answer:
        each = (truth.some(games, slice(g, g + 1)) for g in range(games["delta"].size))
        found = [method(game, truth.RULES[rule]) for game in each]
        return Answer(np.array([k for k, _ in found]), np.array([solved for _, solved in found]))

    return run


replies_on_grid, replies_by_parts = _loop(best_replies, "16 x 16"), _loop(best_replies, "by parts")
root_on_grid, root_by_parts = _loop(by_root, "16 x 16"), _loop(by_root, "by parts")
