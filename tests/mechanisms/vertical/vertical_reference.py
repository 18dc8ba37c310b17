"""Expected sales of two outlets in plain NumPy: no closed forms, no code of eqsolve."""

import numpy as np


def callers(q, stock, share=0.0, mass=0.0):
    """Customers of both outlets where own demands are `q[..., 2]`; `share` and `mass` of those who spill."""
    q = np.maximum(q, 0.0)
    unserved = np.where(q > stock, 1 - np.divide(stock, q, out=np.ones_like(q), where=q > 0), 0.0)
    overflow = (share * q + mass) * unserved
    return q + overflow[..., ::-1], unserved, overflow


def pairs(first, second, count):
    """Joint shocks at the midpoints of `count` equally likely levels of each of two quantile functions."""
    level = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(first(level), second(level), indexing="ij"), axis=-1)


def line(price, r, t, d, theta_c):
    """Brute-force shoppers on the line: mass who prefer each outlet, and of those who would also buy at the other."""
    x = (np.arange(400_000) + 0.5) / 400_000 * d
    gain = np.stack([r - price[0] - t * x, r - price[1] - t * (d - x)])
    best = gain.argmax(axis=0)
    buys = gain.max(axis=0) >= 0
    both = gain.min(axis=0) >= 0
    count = theta_c * d / x.size
    first = np.array([np.sum((best == i) & buys) for i in (0, 1)]) * count
    shared = np.array([np.sum((best == i) & both) for i in (0, 1)]) * count
    gained = np.array([np.sum(gain[i][(best == i) & buys]) for i in (0, 1)]) * count
    rebound = np.array([np.sum(gain[1 - i][(best == i) & both]) for i in (0, 1)]) * count
    return first, shared, gained, rebound
