"""How fast and how exactly random games of capacity rights are solved: quadratic revenue, uniform shocks.

    python benchmarks/capacity.py [--games 100000]

The games are those of `fungible_truth.py`: the shares of both divisions, their scales, curvatures, costs and laws of
shocks differ, and in over 30 percent some state leaves capacity idle or a division at a corner. Errors in capacities
are against the bisection there, which uses no derivative and shares no code with eqsolve, on a sample.
"""

from collections.abc import Sequence
from typing import Any

import fungible_truth
import jax
import numpy as np
from common import options, save, table, timed

import eqsolve as eqs
from eqsolve.demand import Uniform
from eqsolve.demand.joint import Independent
from eqsolve.mechanisms.capacity import CapacityEnvironment, CapacityGame, QuadraticRevenue

SAMPLE = 4096
QUICK = 2048


def make(params: dict[str, Any]) -> eqs.Game:
    """One game."""
    low, high = params["low"], params["high"]
    shocks = Independent(*(Uniform(low[i], high[i] - low[i]) for i in (0, 1)))
    revenue = QuadraticRevenue(params["theta"], params["h"])
    environment = CapacityEnvironment(revenue, params["c"][0], shocks, params["w"])
    return CapacityGame(environment, params["delta"], params["c"]).game()


def main(arguments: Sequence[str] | None = None) -> None:
    """Solve all games, compare a sample with the truth, print the table and save it."""
    parser = options(__doc__)
    parser.add_argument("--games", type=int, default=100_000)
    given = parser.parse_args(arguments)
    count, repeats = (QUICK, 1) if given.quick else (given.games, 3)
    games = fungible_truth.games(count)
    solve = eqs.batch(make)
    first, _ = timed(lambda: solve(games))
    seconds, found = timed(lambda: solve(games), repeats)
    capacity = np.asarray(found.actions["capacity"])
    sample = fungible_truth.some(games, slice(0, min(SAMPLE, count)))
    truth = fungible_truth.equilibria(sample, fungible_truth.RULES["exact"])
    error = np.abs(capacity[: len(truth)] - truth).max(axis=1)
    rows = [
        ("games per second", f"{count / seconds:,.3g}"),
        ("compiling, s", f"{first - seconds:.0f}"),
        ("solved", f"{100 * float(np.mean(found.solved)):.4g} %"),
        ("largest error in a capacity, of the sample", f"{error.max():.1e}"),
        ("largest gain from deviating, relative", f"{_regret(games, capacity):.1e}"),
    ]
    print(table((f"{count:,} games", ""), rows))
    save(
        "capacity", given.output,
        measured={f"capacity rights, {count:,} games": seconds},
        solved=float(np.mean(found.solved)), error=float(error.max()),
    )  # fmt: skip


def _regret(games: fungible_truth.Games, capacity: np.ndarray) -> float:
    return float(fungible_truth.regrets(games, capacity, fungible_truth.RULES["exact"]).max())


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
