"""The competing newsvendors without eqsolve, in NumPy: the instances, and how good an answer is.

Two outlets stock before demand is known; a share of an outlet's unserved customers tries the other one, so that outlet
i faces R_i = D_i + spill_j (D_j - y_j)^+ customers and earns p E min(y_i, R_i) - c y_i with c = p (1 - margin).
Demand is one set of equally likely scenarios for all games. Source: Krishnan and Winter (paper 003), given prices.
"""

import numpy as np

Games = dict[str, np.ndarray]
SCENARIOS = 64
CHUNK = 1024


def games(count: int, seed: int = 20240611) -> Games:
    """Random prices, margins and spill shares, and the scenarios, which all games share.

    Reproducible, and the first of many games are the same as a few.
    """
    rng = np.random.default_rng(seed)
    demand = rng.gamma(4.0, 25.0, (SCENARIOS, 2))
    unit = rng.uniform(size=(count, 6))
    return {
        "price": 4.0 + 8.0 * unit[:, 0:2],
        "margin": 0.15 + 0.7 * unit[:, 2:4],
        "spill": unit[:, 4:6],
        "demand": demand,
    }


def some(given: Games, which: slice) -> Games:
    """A part of the games."""
    return {name: value if name == "demand" else value[which] for name, value in given.items()}


def regrets(given: Games, stock: np.ndarray) -> np.ndarray:
    """The most that any outlet gains by another stock, relative to its best profit; infinite where a stock is NaN.

    Profit is linear between the numbers of customers that some scenario brings, so that no other stock can be best.
    """
    parts = [_regrets(some(given, slice(i, i + CHUNK)), stock[i : i + CHUNK]) for i in range(0, len(stock), CHUNK)]
    return np.concatenate(parts)


def _regrets(given: Games, stock: np.ndarray) -> np.ndarray:
    worst = np.zeros(len(stock))
    for i in range(2):
        own, other = given["demand"][:, i], given["demand"][:, 1 - i]
        unserved = np.maximum(other - stock[:, 1 - i, None], 0.0)
        customers = np.sort(own + given["spill"][:, 1 - i, None] * unserved, axis=1)
        below = np.cumsum(customers, axis=1) - customers
        rank = np.arange(SCENARIOS)
        price, cost = given["price"][:, i], given["price"][:, i] * (1 - given["margin"][:, i])
        sales = (below + customers * (SCENARIOS - rank)) / SCENARIOS  # of a stock equal to each number of customers
        best = np.max(price[:, None] * sales - cost[:, None] * customers, axis=1).clip(min=0.0)
        y = stock[:, i]
        profit = price * np.mean(np.minimum(customers, y[:, None]), axis=1) - cost * y
        gain = (best - profit) / np.maximum(best, 1e-300)
        worst = np.maximum(worst, np.where((y >= 0) & np.isfinite(gain), gain, np.inf))
    return worst
