"""One method on one set of games, in a process of its own: what it takes, and its answer. Run by `contenders.py`.

    python benchmarks/one_method.py TRUTH MODULE FUNCTION GAMES REPEATS ANSWER.npz

prints one line of JSON: seconds of the first and of later calls, and megabytes before the first and at the peak.
"""

import importlib
import json
import resource
import sys
import time

import numpy as np


def megabytes() -> float:
    """The most memory this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(truth: str, module: str, function: str, count: str, repeats: str, path: str) -> None:
    """Solve `count` games once and `repeats` times more, all arrays in and out as NumPy's."""
    games = importlib.import_module(truth).games(int(count))
    solve = getattr(importlib.import_module(module), function)
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", True)
    before, seconds = megabytes(), []
    for _ in range(1 + int(repeats)):
        start = time.perf_counter()
        answer = solve(games)
        seconds.append(time.perf_counter() - start)
    np.savez(path, actions=answer.actions, solved=answer.solved)
    later = min(seconds[1:] or seconds)  # what compiles nothing, or everything anew, is run once
    print(json.dumps({"first": seconds[0], "later": later, "start MB": before, "peak MB": megabytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
