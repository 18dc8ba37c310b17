"""The fungible-capacity game by hand, in Numba: what the machine can do for this one game.

Games lie side by side in the lanes of the vector unit: a loop over lanes takes eight games per instruction and has no
branches. A lane whose game is solved takes the next game, so that nobody waits for the slowest. The marginal payoffs
come twice: `on_grid` sums over 16 x 16 nodes, `by_parts` integrates the second shock in closed form. Newton's step is
the same for both.

At the start, the middle of the box, both divisions together hold more than they could ever use: the shadow price and
its slope are zero there, so that the first step needs no sum over states.
"""

import numba
import numpy as np
from llvmlite import binding

from rivals import Answer, Games

# eight doubles at a time where the processor can: LLVM's own choice is four
numba.config.CPU_NAME = binding.get_host_cpu_name()
numba.config.CPU_FEATURES = f"{binding.get_host_cpu_features().flatten()},-prefer-256-bit"

NODES = 16
_POINTS, _SHARES = np.polynomial.legendre.leggauss(NODES)
X, W = (_POINTS + 1) / 2, _SHARES / 2
LANES = 64
CHUNK = 4096  # games that a thread takes at a time
MOST_STEPS = 60
DAMPED = 12  # steps from which all are halved: Newton may cycle among the pieces of a piecewise linear function
TOLERANCE = 1e-11  # of the natural residual, in money per unit
FLOOR = 1e-9  # keeps the Jacobian regular where capacity is never scarce

# One array holds a row of lanes per variable: offsets that the compiler knows need no checks for overlap.
ROWS = 33
(
    LOW1, WIDTH1, LOW2, WIDTH2, STEEP1, STEEP2, COMMON, SHARE1, SHARE2, COST1, COST2, DELTA, UPPER, K1, K2, TOTAL,
    OWN1, SLOPE1, OWN2, SLOPE2, PRICE, SLOPE, FLAT, FLAT_SLOPE, SHARED, SHARED_WIDTH, ALONE, RESIDUAL, STEPS, GAME,
    DENSITY1, DENSITY2, RATIO,
) = (LANES * row for row in range(ROWS))  # fmt: skip

FAST = {"fastmath": True, "error_model": "numpy"}


@numba.njit(**FAST)
def larger(a, b):
    """The maximum, as one instruction."""
    return a if a > b else b


@numba.njit(**FAST)
def between(x, upper):
    """`x` moved into [0, upper]."""
    x = larger(x, 0.0)
    return x if x < upper else upper


@numba.njit(**FAST)
def state(flat, flat_slope, alone, shared, steep, common):
    """The shadow price in one state, and minus its slope in capacity."""
    most = larger(flat, alone)
    slope = steep if alone > flat else flat_slope
    return larger(most, shared), common if shared > most else slope


@numba.njit(**FAST)
def price_on_grid(z):
    """PRICE and SLOPE, summed over 16 x 16 states, four of the second shock at a time."""
    for n in range(LANES):
        z[PRICE + n] = 0.0
        z[SLOPE + n] = 0.0
        z[ALONE + n] = z[LOW2 + n] - z[STEEP2 + n] * z[TOTAL + n]
        z[SHARED_WIDTH + n] = z[WIDTH2 + n] * z[SHARE2 + n]
    for i in range(NODES):
        for n in range(LANES):
            a1 = z[LOW1 + n] + z[WIDTH1 + n] * X[i]
            flat = a1 - z[STEEP1 + n] * z[TOTAL + n]
            z[FLAT + n] = larger(flat, 0.0)
            z[FLAT_SLOPE + n] = z[STEEP1 + n] if flat > 0 else 0.0
            z[SHARED + n] = z[SHARE1 + n] * a1 + z[SHARE2 + n] * z[LOW2 + n] - z[COMMON + n] * z[TOTAL + n]
        for j in range(0, NODES, 4):
            x0, x1, x2, x3 = X[j], X[j + 1], X[j + 2], X[j + 3]
            w0, w1, w2, w3 = W[i] * W[j], W[i] * W[j + 1], W[i] * W[j + 2], W[i] * W[j + 3]
            for n in range(LANES):
                flat, slope, steep, common = z[FLAT + n], z[FLAT_SLOPE + n], z[STEEP2 + n], z[COMMON + n]
                alone, width, shared, wide = z[ALONE + n], z[WIDTH2 + n], z[SHARED + n], z[SHARED_WIDTH + n]
                s0, d0 = state(flat, slope, alone + width * x0, shared + wide * x0, steep, common)
                s1, d1 = state(flat, slope, alone + width * x1, shared + wide * x1, steep, common)
                s2, d2 = state(flat, slope, alone + width * x2, shared + wide * x2, steep, common)
                s3, d3 = state(flat, slope, alone + width * x3, shared + wide * x3, steep, common)
                z[PRICE + n] += w0 * s0 + w1 * s1 + w2 * s2 + w3 * s3
                z[SLOPE + n] -= w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3


@numba.njit(**FAST)
def own_on_grid(z, first, end):
    """What each division's own last unit earns in expectation, and its slope, in lanes `first` to `end`."""
    for n in range(first, end):
        z[OWN1 + n] = 0.0
        z[SLOPE1 + n] = 0.0
        z[OWN2 + n] = 0.0
        z[SLOPE2 + n] = 0.0
    for j in range(NODES):
        x, w = X[j], W[j]
        for n in range(first, end):
            margin1 = z[LOW1 + n] + z[WIDTH1 + n] * x - z[STEEP1 + n] * z[K1 + n]
            margin2 = z[LOW2 + n] + z[WIDTH2 + n] * x - z[STEEP2 + n] * z[K2 + n]
            z[OWN1 + n] += w * larger(margin1, 0.0)
            z[SLOPE1 + n] -= w * z[STEEP1 + n] if margin1 > 0 else 0.0
            z[OWN2 + n] += w * larger(margin2, 0.0)
            z[SLOPE2 + n] -= w * z[STEEP2 + n] if margin2 > 0 else 0.0


@numba.njit(**FAST)
def excess(low, width, density, t):
    """E (a - t)^+ and P(a > t) for a margin uniform on [low, low + width]."""
    top, bottom = larger(low + width - t, 0.0), larger(low - t, 0.0)
    return 0.5 * density * (top * top - bottom * bottom), density * (top - bottom)


@numba.njit(**FAST)
def price_by_parts(z):
    """PRICE and SLOPE: 16 nodes of the first shock, the second one integrated in closed form.

    Given the first margin a, the shadow price is max(a - 2 h1 k, 0) up to some second margin, then rises with it: first
    at the rate at which both divisions share a unit, and one for one once division 2 uses all units.
    """
    for n in range(LANES):
        z[PRICE + n] = 0.0
        z[SLOPE + n] = 0.0
    for i in range(NODES):
        x, w = X[i], W[i]
        for n in range(LANES):
            low, width, density = z[LOW2 + n], z[WIDTH2 + n], z[DENSITY2 + n]
            steep1, steep2, ratio = z[STEEP1 + n], z[STEEP2 + n], z[RATIO + n]
            a = larger(z[LOW1 + n] + z[WIDTH1 + n] * x, 0.0)
            scarce = a - steep1 * z[TOTAL + n]
            begins = scarce if scarce > 0 else -scarce * ratio
            moves = steep1 if scarce > 0 else -steep2
            shares, likely = excess(low, width, density, begins)
            alone, unlikely = excess(low, width, density, a + steep2 * z[TOTAL + n])
            z[PRICE + n] += w * (larger(scarce, 0.0) + z[SHARE2 + n] * shares + z[SHARE1 + n] * alone)
            flat = steep1 if scarce > 0 else 0.0
            z[SLOPE + n] -= w * (flat - z[SHARE2 + n] * likely * moves + z[SHARE1 + n] * unlikely * steep2)


@numba.njit(**FAST)
def own_by_parts(z, first, end):
    """What each division's own last unit earns in expectation, and its slope, in closed form."""
    for n in range(first, end):
        own1, busy1 = excess(z[LOW1 + n], z[WIDTH1 + n], z[DENSITY1 + n], z[STEEP1 + n] * z[K1 + n])
        own2, busy2 = excess(z[LOW2 + n], z[WIDTH2 + n], z[DENSITY2 + n], z[STEEP2 + n] * z[K2 + n])
        z[OWN1 + n], z[SLOPE1 + n] = own1, -z[STEEP1 + n] * busy1
        z[OWN2 + n], z[SLOPE2 + n] = own2, -z[STEEP2 + n] * busy2


@numba.njit(**FAST)
def newton(z, first, end):
    """One step in the unsolved lanes of a range; an entry whose own step would cross a bound goes there."""
    for n in range(first, end):
        delta, upper, k1, k2 = z[DELTA + n], z[UPPER + n], z[K1 + n], z[K2 + n]
        f1 = (1 - delta) * z[OWN1 + n] + delta * z[PRICE + n] - z[COST1 + n]
        f2 = delta * z[OWN2 + n] + (1 - delta) * z[PRICE + n] - z[COST2 + n]
        residual = larger(abs(between(k1 + f1, upper) - k1), abs(between(k2 + f2, upper) - k2))
        j12, j21 = delta * z[SLOPE + n], (1 - delta) * z[SLOPE + n]
        j11, j22 = (1 - delta) * z[SLOPE1 + n] + j12 - FLOOR, delta * z[SLOPE2 + n] + j21 - FLOOR
        alone1, alone2 = k1 - f1 / j11, k2 - f2 / j22
        bound1, bound2 = (alone1 <= 0) | (alone1 >= upper), (alone2 <= 0) | (alone2 >= upper)
        a11, a12 = 1.0 if bound1 else j11, 0.0 if bound1 else j12
        a22, a21 = 1.0 if bound2 else j22, 0.0 if bound2 else j21
        b1 = between(alone1, upper) - k1 if bound1 else -f1
        b2 = between(alone2, upper) - k2 if bound2 else -f2
        length = (0.5 if z[STEPS + n] > DAMPED else 1.0) / (a11 * a22 - a12 * a21)
        length = 0.0 if residual <= TOLERANCE else length
        z[K1 + n] = between(k1 + length * (a22 * b1 - a12 * b2), upper)
        z[K2 + n] = between(k2 + length * (a11 * b2 - a21 * b1), upper)
        z[TOTAL + n] = z[K1 + n] + z[K2 + n]
        z[RESIDUAL + n] = residual
        z[STEPS + n] += 1.0


@numba.njit(**FAST)
def load(z, n, g, theta, h, w, c, delta, low, high):
    """Put game `g` into lane `n`, at the middle of the box."""
    z[GAME + n] = g
    z[LOW1 + n], z[LOW2 + n] = theta[g, 0] * low[g, 0] - w[g, 0], theta[g, 1] * low[g, 1] - w[g, 1]
    z[WIDTH1 + n], z[WIDTH2 + n] = theta[g, 0] * (high[g, 0] - low[g, 0]), theta[g, 1] * (high[g, 1] - low[g, 1])
    z[DENSITY1 + n], z[DENSITY2 + n] = 1 / z[WIDTH1 + n], 1 / z[WIDTH2 + n]
    h1, h2 = h[g, 0], h[g, 1]
    z[RATIO + n] = h2 / h1
    z[STEEP1 + n], z[STEEP2 + n], z[COMMON + n] = 2 * h1, 2 * h2, 2 * h1 * h2 / (h1 + h2)
    z[SHARE1 + n], z[SHARE2 + n] = h2 / (h1 + h2), h1 / (h1 + h2)
    z[COST1 + n], z[COST2 + n], z[DELTA + n] = c[g, 0], c[g, 1], delta[g]
    best1, best2 = larger(z[LOW1 + n] + z[WIDTH1 + n], 0.0), larger(z[LOW2 + n] + z[WIDTH2 + n], 0.0)
    upper = 0.5 * (best1 / h1 + best2 / h2) + 1.0
    z[UPPER + n], z[K1 + n], z[K2 + n] = upper, 0.5 * upper, 0.5 * upper
    z[PRICE + n], z[SLOPE + n], z[STEPS + n] = 0.0, 0.0, 0.0


def solver(price, own):
    """A compiled solver of many games whose marginal payoffs are summed up by `price` and `own`."""

    @numba.njit(parallel=True, **FAST)
    def solve(theta, h, w, c, delta, low, high, actions, residual, steps):
        count = delta.shape[0]
        for chunk in numba.prange((count + CHUNK - 1) // CHUNK):
            z = np.zeros(ROWS * LANES)
            following, end = chunk * CHUNK, min((chunk + 1) * CHUNK, count)
            running = min(LANES, end - following)
            for n in range(LANES):
                load(z, n, min(following, end - 1), theta, h, w, c, delta, low, high)
                following += 1
                if n >= running:
                    z[GAME + n] = -1.0
            own(z, 0, LANES)
            newton(z, 0, LANES)
            while running > 0:
                price(z)
                own(z, 0, LANES)
                newton(z, 0, LANES)
                for n in range(LANES):
                    if z[GAME + n] >= 0 and (z[RESIDUAL + n] <= TOLERANCE or z[STEPS + n] >= MOST_STEPS):
                        g = int(z[GAME + n])
                        actions[g, 0], actions[g, 1] = z[K1 + n], z[K2 + n]
                        residual[g], steps[g] = z[RESIDUAL + n], int(z[STEPS + n])
                        if following < end:
                            load(z, n, following, theta, h, w, c, delta, low, high)
                            own(z, n, n + 1)
                            newton(z, n, n + 1)
                            following += 1
                        else:
                            z[GAME + n] = -1.0
                            running -= 1

    def run(games: Games) -> Answer:
        count = games["delta"].size
        actions, residual, steps = np.empty((count, 2)), np.empty(count), np.empty(count, np.int64)
        given = (games[name] for name in ("theta", "h", "w", "c", "delta", "low", "high"))
        solve(*given, actions, residual, steps)
        return Answer(actions, residual <= TOLERANCE, steps)

    return run


on_grid = solver(price_on_grid, own_on_grid)
by_parts = solver(price_by_parts, own_by_parts)
