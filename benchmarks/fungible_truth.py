"""The fungible-capacity game without eqsolve, in NumPy: its instances, its equilibria, and how good an answer is.

`fungible.py` explains the game. An equilibrium is found here by bisection alone: given total capacity K the shadow
price P(K) is known, hence what division i must earn with its own last unit, m_i(k_i) = (c_i - share_i P(K)) / (1 -
share_i), hence k_i, which falls with K; K is right where the k_i add up to it. Nothing can diverge, and no derivative
is used. Three rules for the expectations: the 16 x 16 grid, 16 nodes with the second shock in closed form, and the
exact integral.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

Games = dict[str, np.ndarray]
NODES = 16
_POINTS, _SHARES = np.polynomial.legendre.leggauss(NODES)
X, W = (_POINTS + 1) / 2, _SHARES / 2
_FOUR, _FOUR_SHARES = np.polynomial.legendre.leggauss(4)  # exact for the cubics between kinks
HALVINGS = 60  # of intervals that are a few units long
ROUNDING = 1e-12  # by which a capacity may lie outside its bounds, of the upper bound
CHUNK = 1024  # games whose 16 x 16 states stay in the cache


def games(count: int, seed: int = 20240817) -> Games:
    """Random games with uniform shocks; reproducible, and the first of many are the same as a few.

    In over 30 percent of them some state leaves capacity idle or a division at a corner.
    """
    unit = np.random.default_rng(seed).uniform(size=(count, 13))
    low = 0.2 + 0.8 * unit[:, 8:10]
    return {
        "theta": 3.0 + 3.0 * unit[:, 0:2],
        "h": 0.4 + 0.8 * unit[:, 2:4],
        "w": 0.2 + 1.3 * unit[:, 4:6],
        "c": 0.3 + 0.9 * unit[:, 6:8],
        "delta": 0.05 + 0.9 * unit[:, 12],
        "low": low,
        "high": low + 0.2 + 1.4 * unit[:, 10:12],
    }


def some(given: Games, which: slice) -> Games:
    """A part of the games."""
    return {name: value[which] for name, value in given.items()}


def largest(given: Games) -> np.ndarray:
    """The upper bound of both capacities: a unit more than both divisions could ever sell."""
    best = np.maximum(given["theta"] * given["high"] - given["w"], 0.0)
    return np.sum(best / (2 * given["h"]), axis=1) + 1.0


def _margins(given: Games) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest margin of each division's first unit."""
    return given["theta"] * given["low"] - given["w"], given["theta"] * given["high"] - given["w"]


def _nodes(given: Games) -> np.ndarray:
    low, high = _margins(given)
    return low[..., None] + (high - low)[..., None] * X


def state_price(a1: np.ndarray, a2: np.ndarray, h1: np.ndarray, h2: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The shadow price of capacity in one state: the highest of what four ways to use it would give."""
    shared = (h2 * a1 + h1 * a2 - 2 * h1 * h2 * total) / (h1 + h2)
    return np.maximum(np.maximum(a1 - 2 * h1 * total, a2 - 2 * h2 * total), np.maximum(shared, 0.0))


# ---- the three rules ----


def grid_price(given: Games, total: np.ndarray) -> np.ndarray:
    """E S on the 16 x 16 grid."""
    nodes = _nodes(given)
    h1, h2 = (given["h"][:, i, None, None] for i in range(2))
    prices = state_price(nodes[:, 0, :, None], nodes[:, 1, None], h1, h2, total[:, None, None])
    return prices @ W @ W


def grid_own(given: Games, k: np.ndarray) -> np.ndarray:
    """E (a_i - 2 h_i k_i)^+ on the 16 nodes of each division's own shock."""
    return np.maximum(_nodes(given) - (2 * given["h"] * k)[..., None], 0.0) @ W


def _excess(low: np.ndarray, high: np.ndarray, t: np.ndarray) -> np.ndarray:
    """E (a - t)^+ for a uniform a."""
    return (np.maximum(high - t, 0.0) ** 2 - np.maximum(low - t, 0.0) ** 2) / (2 * (high - low))


def _price_given_first(given: Games, total: np.ndarray, a1: np.ndarray) -> np.ndarray:
    """E S over the second margin, given the first: S rises with it in two steps."""
    (low, high), h1, h2 = _margins(given), given["h"][:, :1], given["h"][:, 1:]
    a1, total = np.maximum(a1, 0.0), total[:, None]
    left = a1 - 2 * h1 * total  # what the last unit earns if division 1 has them all
    begins = np.where(left > 0, left, 2 * h2 * (total - a1 / (2 * h1)))  # the second margin from which S rises
    shared = h1 / (h1 + h2)  # of a rise of a2 shows in S while both produce
    second, ends = (low[:, 1:], high[:, 1:]), a1 + 2 * h2 * total
    rise = shared * _excess(*second, begins) + (1 - shared) * _excess(*second, ends)
    return np.maximum(left, 0.0) + rise


def parts_price(given: Games, total: np.ndarray) -> np.ndarray:
    """E S with 16 nodes of the first shock and the second one in closed form."""
    return _price_given_first(given, total, _nodes(given)[:, 0]) @ W


def exact_price(given: Games, total: np.ndarray) -> np.ndarray:
    """E S: Gauss rules on the pieces of the first margin between kinks, where the integrand is a polynomial."""
    (low, high), (h1, h2) = _margins(given), given["h"].T
    ends, one, two = np.stack([low[:, 1], high[:, 1]]), 2 * h1 * total, 2 * h2 * total
    kinks = [np.zeros((1, total.size)), one[None], one + ends, (h2 * one - h1 * ends) / h2, ends - two]
    cuts = np.concatenate([low[:, :1], np.sort(np.concatenate(kinks).T, axis=1), high[:, :1]], axis=1)
    cuts = np.clip(cuts, low[:, :1], high[:, :1])
    middle, half = (cuts[:, 1:] + cuts[:, :-1]) / 2, np.diff(cuts) / 2
    nodes = middle[..., None] + half[..., None] * _FOUR
    weights = half[..., None] * _FOUR_SHARES / (high - low)[:, :1, None]
    prices = _price_given_first(given, total, nodes.reshape(total.size, -1))
    return np.sum(prices * weights.reshape(total.size, -1), axis=1)


def exact_own(given: Games, k: np.ndarray) -> np.ndarray:
    """E (a_i - 2 h_i k_i)^+ in closed form."""
    return _excess(*_margins(given), 2 * given["h"] * k)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A way to take expectations: of the shadow price given total capacity, and of each division's own last unit."""

    price: Callable[[Games, np.ndarray], np.ndarray]
    own: Callable[[Games, np.ndarray], np.ndarray]


RULES = {
    "16 x 16": Rule(grid_price, grid_own),
    "by parts": Rule(parts_price, exact_own),
    "exact": Rule(exact_price, exact_own),
}


# ---- equilibria ----


def equilibria(given: Games, rule: Rule) -> np.ndarray:
    """Both capacities in every game, to rounding."""
    count = given["delta"].size
    return np.concatenate([_equilibria(some(given, slice(i, i + CHUNK)), rule) for i in range(0, count, CHUNK)])


def _equilibria(given: Games, rule: Rule) -> np.ndarray:
    upper = largest(given)
    low, high = np.zeros_like(upper), 2 * upper
    for _ in range(HALVINGS):
        total = (low + high) / 2
        more = np.sum(_capacities(given, rule, total), axis=1) > total
        low, high = np.where(more, total, low), np.where(more, high, total)
    # where a division's own last unit earns nothing, any capacity of its own will do: the total decides
    least, most = (_capacities(given, rule, end) for end in (high, low))
    missing = np.maximum(low - np.sum(least, axis=1), 0.0)[:, None]
    room = most - least
    free = np.sum(room, axis=1, keepdims=True)
    return least + np.where(free > 0, room * np.minimum(missing / np.where(free > 0, free, 1.0), 1.0), 0.0)


def _capacities(given: Games, rule: Rule, total: np.ndarray) -> np.ndarray:
    """What each division buys where all others' and its own units add up to `total`."""
    share = np.stack([given["delta"], 1 - given["delta"]], axis=1)
    needed = (given["c"] - share * rule.price(given, total)[:, None]) / (1 - share)
    low, high = np.zeros_like(needed), np.repeat(largest(given)[:, None], 2, axis=1)
    for _ in range(HALVINGS):
        k = (low + high) / 2
        more = rule.own(given, k) > needed
        low, high = np.where(more, k, low), np.where(more, high, k)
    return np.where(needed < 0, largest(given)[:, None], (low + high) / 2)


# ---- how good an answer is ----


def marginal(given: Games, k: np.ndarray, rule: Rule) -> np.ndarray:
    """What one more unit of its own capacity earns each division, less its cost."""
    share = np.stack([given["delta"], 1 - given["delta"]], axis=1)
    return (1 - share) * rule.own(given, k) + share * rule.price(given, np.sum(k, axis=1))[:, None] - given["c"]


def regrets(given: Games, k: np.ndarray, rule: Rule) -> np.ndarray:
    """No division gains more by any other capacity; a bound, relative to what all capacity would cost.

    A payoff is concave in the division's own capacity, so it lies below its tangent. Infinite where a capacity is NaN
    or outside its bounds.
    """
    bounds = [_regrets(some(given, slice(i, i + CHUNK)), k[i : i + CHUNK], rule) for i in range(0, len(k), CHUNK)]
    return np.concatenate(bounds)


def _regrets(given: Games, k: np.ndarray, rule: Rule) -> np.ndarray:
    upper = largest(given)[:, None]
    slope = marginal(given, k, rule)
    gain = np.maximum(slope * (upper - k), -slope * k) / (given["c"] * upper)
    inside = (k >= -ROUNDING * upper) & (k <= upper * (1 + ROUNDING))
    return np.where(inside & np.isfinite(gain), gain, np.inf).max(axis=1)


def corner_share(given: Games, k: np.ndarray) -> float:
    """The share of games in which some of the 16 x 16 states leaves capacity unused or a division without any."""
    found = [_has_corner(some(given, slice(i, i + CHUNK)), k[i : i + CHUNK]) for i in range(0, len(k), CHUNK)]
    return float(np.mean(np.concatenate(found)))


def _has_corner(given: Games, k: np.ndarray) -> np.ndarray:
    a1, a2 = _nodes(given)[:, 0, :, None], _nodes(given)[:, 1, None]
    h1, h2 = (given["h"][:, i, None, None] for i in range(2))
    price = state_price(a1, a2, h1, h2, np.sum(k, axis=1)[:, None, None])
    return np.any((price <= 0) | (a1 <= price) | (a2 <= price), axis=(1, 2))
