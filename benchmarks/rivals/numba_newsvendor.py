"""The competing newsvendors by hand, in Numba: a game at a time, loops over scenarios in vector instructions.

The best stock given the other's is an order statistic of the customers that the scenarios bring. Near it the best reply
is linear, with the slope of the one scenario that decides, so that Newton on the pair of best replies ends exactly
after a few rounds; where it does not, plain rounds of best replies contract at the product of the spill shares.
"""

import numba
import numpy as np
from llvmlite import binding

from rivals import Answer, Games

# eight doubles at a time where the processor can: LLVM's own choice is four
numba.config.CPU_NAME = binding.get_host_cpu_name()
numba.config.CPU_FEATURES = f"{binding.get_host_cpu_features().flatten()},-prefer-256-bit"

NEWTON_ROUNDS, MOST_ROUNDS = 20, 2000
SETTLED = 1e-12  # of the largest stock
CHUNK = 1024  # games that a thread takes at a time
FAST = {"fastmath": True, "error_model": "numpy"}


@numba.njit(**FAST)
def count_up_to(values, y):
    """How many values are at most `y`."""
    count = 0
    for s in range(values.size):
        count += values[s] <= y
    return count


@numba.njit(**FAST)
def ranked(values, rank, guess):
    """Where the value stands that has `rank` in increasing order; `guess` is tried first."""
    y, below, upto = values[guess], 0, 0
    for s in range(values.size):
        below += values[s] < y
        upto += values[s] <= y
    if below < rank <= upto:
        return guess
    low, high = (-1.0, y) if upto >= rank else (y, values.max())
    fewer, more = count_up_to(values, low), count_up_to(values, high)
    while more - fewer > 1 and high - low > SETTLED * high:  # equal values end the search by the second condition
        middle = 0.5 * (low + high)
        count = count_up_to(values, middle)
        if count >= rank:
            high, more = middle, count
        else:
            low, fewer = middle, count
    found = guess
    for s in range(values.size):
        if low < values[s] <= high:
            found = s
    return found


@numba.njit(**FAST)
def reply(own, other, spill, stock, rank, guess, customers):
    """Which scenario decides the best stock given the other outlet's; fills `customers`."""
    for s in range(own.size):
        short = other[s] - stock
        customers[s] = own[s] + (spill * short if short > 0.0 else 0.0)
    return ranked(customers, rank, guess)


@numba.njit(parallel=True, **FAST)
def solve(margin, spill, demand1, demand2, stocks, settled, rounds):
    """All games, chunk by chunk on all cores; writes the last three arguments."""
    count, scenarios = margin.shape[0], demand1.size
    for chunk in numba.prange((count + CHUNK - 1) // CHUNK):
        customers1, customers2 = np.empty(scenarios), np.empty(scenarios)
        s1, s2 = 0, 0
        for g in range(chunk * CHUNK, min((chunk + 1) * CHUNK, count)):
            spill1, spill2 = spill[g, 0], spill[g, 1]
            rank1, rank2 = int(np.ceil(margin[g, 0] * scenarios)), int(np.ceil(margin[g, 1] * scenarios))
            most1, most2 = (demand1 + spill2 * demand2).max(), (demand2 + spill1 * demand1).max()
            y1, y2 = 0.625 * most1, 0.625 * most2  # the middle of the box
            done, turn = False, 0
            while turn < MOST_ROUNDS and not done:
                turn += 1
                s1 = reply(demand1, demand2, spill2, y2, rank1, s1, customers1)
                s2 = reply(demand2, demand1, spill1, y1, rank2, s2, customers2)
                gap1, gap2 = customers1[s1] - y1, customers2[s2] - y2
                done = max(abs(gap1), abs(gap2)) <= SETTLED * max(most1, most2)
                newton = turn <= NEWTON_ROUNDS
                slope1 = -spill2 if newton and demand2[s1] > y2 else 0.0
                slope2 = -spill1 if newton and demand1[s2] > y1 else 0.0
                move1 = (gap1 + slope1 * gap2) / (1 - slope1 * slope2)
                y1, y2 = max(y1 + move1, 0.0), max(y2 + gap2 + slope2 * move1, 0.0)
            stocks[g, 0], stocks[g, 1], settled[g], rounds[g] = y1, y2, done, turn


def best_replies(games: Games) -> Answer:
    """Stocks at which each outlet's is its best reply."""
    margin, demand = games["margin"], games["demand"]
    count = len(margin)
    stocks, settled, rounds = np.empty((count, 2)), np.empty(count, np.bool_), np.empty(count, np.int64)
    columns = (np.ascontiguousarray(demand[:, i]) for i in range(2))
    solve(margin, games["spill"], *columns, stocks, settled, rounds)
    return Answer(stocks, settled, rounds)
