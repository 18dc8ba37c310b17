"""How fast random games of prices and stocks are solved and certified: two outlets, linear demand, spill.

    python benchmarks/vertical.py [--games 100000]

Demand is a - b p + g p' + shock, cut at zero, with a from 8 to 12, b from 0.8 to 1.5, g from 0.1 to 0.5, a spill share
from 0 to 0.5, a cost of 1 to 3 that is also the wholesale price, and shocks that are independent, uniform of
half-width 1 to 3 or normal of the same variance. Prices are between 0 and a / (b - g), at which nobody buys from
equals. A sample is searched for deviations, on a grid of 65 x 65 prices and stocks of each outlet with the best points
climbed from; the time of that stands beside the time of solving the sample.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from common import options, save, table, timed

import eqsolve as eqs
from eqsolve.demand import Normal, Uniform
from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket

SAMPLE = 1000
SEARCH = eqs.Search(points=(401, 65, 15))


@dataclasses.dataclass(frozen=True)
class Row:
    """One law of the shocks: times of all games, and of a sample that is also certified."""

    shocks: str
    games: int
    compile_seconds: float
    seconds: float
    solved: float
    certified: float
    regret: float
    certificate: float

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        return (
            self.shocks, f"{self.games:,}", f"{self.compile_seconds:.0f}", f"{self.games / self.seconds:,.3g}",
            f"{100 * self.solved:.4g} %", f"{100 * self.certified:.4g} %", f"{self.regret:.1e}",
            f"{self.certificate:.3g}",
        )  # fmt: skip


HEADER = (
    "shocks", "games", "first call, s", "games/s", "solved", "certified of sample", "worst regret",
    "certificate / solve",
)  # fmt: skip


def draws(games: int) -> dict[str, np.ndarray]:
    """Random parameters, reproducible."""
    rng = np.random.default_rng(20261122)
    ranges = {"a": (8, 12), "b": (0.8, 1.5), "g": (0.1, 0.5), "spill": (0, 0.5), "cost": (1, 3), "width": (1, 3)}
    return {name: rng.uniform(low, high, games) for name, (low, high) in ranges.items()}


def uniform(params: dict[str, Any]) -> eqs.Game:
    """The game of one market with uniform shocks."""
    return _game(params, Uniform(-params["width"], 2 * params["width"]))


def normal(params: dict[str, Any]) -> eqs.Game:
    """The same with normal shocks of the same variance."""
    return _game(params, Normal(0.0, params["width"] / 3**0.5))


def _game(params: dict[str, Any], shocks: Any) -> eqs.Game:
    demand = LinearDemand(params["a"], params["b"], params["g"], params["spill"], shocks)
    highest = params["a"] / (params["b"] - params["g"])
    return VerticalMarket(demand, params["cost"], Contract(params["cost"]), highest).game()


def solved_and_certified(game: eqs.Game) -> tuple[eqs.Equilibrium, eqs.Certificate]:
    """The equilibrium, and the search of all deviations from it."""
    found = eqs.solve_nash(game)
    return found, eqs.certify(game, found.actions, SEARCH)


def measure(shocks: str, make: Any, games: int, repeats: int) -> Row:
    """Solve all games, and certify a sample."""
    params = draws(games)
    sample = {name: value[:SAMPLE] for name, value in params.items()}
    solve, certify = eqs.batch(make), eqs.batch(make, task=solved_and_certified)
    first, _ = timed(lambda: solve(params))
    seconds, found = timed(lambda: solve(params), repeats)
    timed(lambda: (solve(sample), certify(sample)))
    alone, _ = timed(lambda: solve(sample), repeats)
    both, (_, certificate) = timed(lambda: certify(sample), repeats)
    return Row(
        shocks, games, first - seconds, seconds, float(np.mean(found.solved)), float(np.mean(certificate.certified)),
        float(np.max(certificate.regret)), (both - alone) / alone,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both laws, print the table and save it."""
    parser = options(__doc__)
    parser.add_argument("--games", type=int, default=100_000)
    given = parser.parse_args(arguments)
    games, repeats = (SAMPLE, 1) if given.quick else (given.games, 3)
    rows = [measure(name, make, games, repeats) for name, make in (("uniform", uniform), ("normal", normal))]
    print(table(HEADER, [row.cells() for row in rows]))
    measured = {f"{row.shocks} shocks, {games:,} games": row.seconds for row in rows}
    save("vertical", given.output, measured=measured, rows=[dataclasses.asdict(row) for row in rows])


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
