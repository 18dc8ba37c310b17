"""Two outlets with linear demand, searched for an equilibrium far and wide, in Numba and without eqsolve.

Demand is (a - b p + g p' + shock)^+ with independent shocks, uniform between -h and h, and a share `spill` of unserved
customers tries the other outlet. All integrals are closed forms: with F the cdf of a shock, G its integral and H the
integral of G, a pass over the rival's shock between two of its values is a difference of G or of H.

Best replies search 121 prices, each with its best stock by bisection, and refine the three highest peaks by golden
sections. They are iterated from several starts, damped where they cycle; where they stop, both replies are searched
again.
"""

import numba
import numpy as np

PRICES = 121
PEAKS = 3
SECTIONS = 34
ROUNDS = 40
STARTS = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.3, 0.8), (0.8, 0.3), (0.95, 0.95))  # shares of the highest price


@numba.njit
def cdf(u, h):
    """P(shock <= u)."""
    return min(max((u + h) / (2 * h), 0.0), 1.0)


@numba.njit
def first(u, h):
    """The integral of the cdf up to u."""
    if u <= -h:
        return 0.0
    return (u + h) ** 2 / (4 * h) if u < h else u


@numba.njit
def second(u, h):
    """The integral of that."""
    if u <= -h:
        return 0.0
    return (u + h) ** 3 / (12 * h) if u < h else u * u / 2 + h * h / 6


@numba.njit
def served(stock, mean, rival_gap, h, spill):
    """P(customers <= stock) and the expected leftover; `rival_gap` is the rival's shock at which it sells out."""
    none = cdf(rival_gap, h)
    below = none * cdf(stock - mean, h)
    least = first(-mean, h)
    left = none * (first(stock - mean, h) - least)
    low, high = max(rival_gap, -h) - rival_gap, h - rival_gap
    if high <= low:
        return below, left
    if spill < 1e-9:
        share = (high - low) / (2 * h)
        return below + share * cdf(stock - mean, h), left + share * (first(stock - mean, h) - least)
    high = min(high, stock / spill)
    if high > low:
        top, bottom = stock - spill * low - mean, stock - spill * high - mean
        below += (first(top, h) - first(bottom, h)) / (spill * 2 * h)
        left += ((second(top, h) - second(bottom, h)) / spill - (high - low) * least) / (2 * h)
    return below, left


@numba.njit
def best_stock(price, cost, mean, rival_gap, h, spill, most):
    """The stock at which customers exceed it with probability cost / price."""
    low, high = 0.0, most
    if price <= cost:
        return 0.0
    for _ in range(46):
        middle = 0.5 * (low + high)
        if 1 - served(middle, mean, rival_gap, h, spill)[0] > cost / price:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@numba.njit
def profit(price, stock, rival_price, rival_stock, game):
    """Expected profit."""
    a, b, g, spill, cost, h = game
    mean, rival = a - b * price + g * rival_price, a - b * rival_price + g * price
    left = served(stock, mean, rival_stock - rival, h, spill)[1]
    return price * (stock - left) - cost * stock


@numba.njit
def at_price(price, rival_price, rival_stock, game):
    """The best stock at a price, and the profit with it."""
    a, b, g, spill, cost, h = game
    mean, rival = a - b * price + g * rival_price, a - b * rival_price + g * price
    most = max(mean + h, 0.0) + spill * max(rival + h - rival_stock, 0.0)
    stock = best_stock(price, cost, mean, rival_stock - rival, h, spill, most)
    return stock, profit(price, stock, rival_price, rival_stock, game)


@numba.njit
def highest_near(low, high, rival_price, rival_stock, game):
    """The best price between two, by golden sections, and the profit there."""
    ratio = 0.6180339887498949
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left = at_price(left, rival_price, rival_stock, game)[1]
    at_right = at_price(right, rival_price, rival_stock, game)[1]
    for _ in range(SECTIONS):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = at_price(right, rival_price, rival_stock, game)[1]
        else:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = at_price(left, rival_price, rival_stock, game)[1]
    return (left, at_left) if at_left > at_right else (right, at_right)


@numba.njit
def reply(rival_price, rival_stock, highest, game):
    """The best price and stock against the rival's, and their profit."""
    step = highest / (PRICES - 1)
    values = np.empty(PRICES)
    for i in range(PRICES):
        values[i] = at_price(i * step, rival_price, rival_stock, game)[1]
    peaks = values.copy()
    for i in range(PRICES):
        if values[i] < values[max(i - 1, 0)] or values[i] < values[min(i + 1, PRICES - 1)]:
            peaks[i] = -np.inf
    best_price, best = 0.0, -np.inf
    for i in np.argsort(-peaks)[:PEAKS]:
        if peaks[i] == -np.inf:
            break
        low, high = max((i - 1) * step, 0.0), min((i + 1) * step, highest)
        price, value = highest_near(low, high, rival_price, rival_stock, game)
        if values[i] > value:
            price, value = i * step, values[i]
        if value > best:
            best_price, best = price, value
    return best_price, at_price(best_price, rival_price, rival_stock, game)[0], best


@numba.njit
def settle(game, highest, p, y):
    """Move `p` and `y` by best replies until nobody gains, and return what a player could still gain."""
    weight, before, gain = 1.0, np.inf, np.inf
    for _ in range(ROUNDS):
        gain, moved = 0.0, 0.0
        for i in range(2):
            price, stock, value = reply(p[1 - i], y[1 - i], highest, game)
            gain = max(gain, value - profit(p[i], y[i], p[1 - i], y[1 - i], game))
            moved += abs(price - p[i])
            p[i] += weight * (price - p[i])
            y[i] += weight * (stock - y[i])
        if moved > 0.7 * before:
            weight = max(0.5 * weight, 0.1)
        before = moved
        if gain < 1e-10 * highest:
            break
    gain = 0.0
    for i in range(2):
        value = reply(p[1 - i], y[1 - i], highest, game)[2]
        gain = max(gain, value - profit(p[i], y[i], p[1 - i], y[1 - i], game))
    return gain


@numba.njit(parallel=True)
def search(games, highest, starts):
    """Prices, stocks and the larger gain from deviating where best replies came closest to an equilibrium."""
    count = games.shape[0]
    prices, stocks, gains = np.zeros((count, 2)), np.zeros((count, 2)), np.full(count, np.inf)
    for k in numba.prange(count):
        game = (games[k, 0], games[k, 1], games[k, 2], games[k, 3], games[k, 4], games[k, 5])
        for s in range(starts.shape[0]):
            p = starts[s] * highest[k]
            y = np.maximum(game[0] - game[1] * p + game[2] * p[::-1], 0.0)
            gain = settle(game, highest[k], p, y)
            if gain < gains[k]:
                gains[k] = gain
                prices[k], stocks[k] = p, y
            if gains[k] < 1e-9 * highest[k]:
                break
    return prices, stocks, gains


def equilibria(params: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices and stocks `[games, 2]`, and what a player could still gain, as a share of a times the highest price."""
    games = np.stack([params[name] for name in ("a", "b", "g", "spill", "cost", "width")], axis=-1)
    highest = params["a"] / (params["b"] - params["g"])
    prices, stocks, gains = search(games, highest, np.array(STARTS))
    return prices, stocks, gains / (params["a"] * highest)
