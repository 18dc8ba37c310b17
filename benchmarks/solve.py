"""How long eqsolve takes beside a loop with SciPy, on Cournot games whose answer is known.

    python benchmarks/solve.py [--games 1000 100000] [--subset 200]

Every row says what the method reports, how many games are solved and the worst regret, computed by one NumPy formula
for all methods: a time without a regret is not a result. SciPy gets vectorised payoffs, the exact Jacobian and a good
start; it solves a subset, and the time of a whole batch is extrapolated from that. The table goes to the terminal and
to `benchmarks/results/solve.json`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from common import options, save, table, timed
from scipy.optimize import minimize_scalar, root

import eqsolve as eqs
from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand

NEGLIGIBLE = 1e-9  # of a firm's profit: a regret below this counts as solved


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one set of games; `seconds` is extrapolated where `timed` is less than `games`."""

    firms: int
    games: int
    method: str
    timed: int
    seconds: float
    status: str
    solved: float
    worst_regret: float

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        seconds = f"{self.seconds:.2g}" + (" *" if self.timed < self.games else "")
        each = f"{1e6 * self.seconds / self.games:.3g}"
        return (
            str(self.firms), f"{self.games:,}", self.method, seconds, each, self.status,
            f"{100 * self.solved:.4g} %", f"{self.worst_regret:.1e}",
        )  # fmt: skip


HEADER = ("firms", "games", "method", "seconds", "µs per game", "status", "solved", "worst regret")


def markets(games: int, firms: int) -> dict[str, np.ndarray]:
    """Random markets in which every firm sells, reproducible."""
    rng = np.random.default_rng(20240501)
    return {"intercept": rng.uniform(8, 12, games) * firms, "cost": rng.uniform(1, 2, (games, firms))}


def regrets(given: dict[str, np.ndarray], quantity: np.ndarray) -> np.ndarray:
    """The largest gain of any firm from its best reply, relative to its profit; infinite where a quantity is NaN."""
    margin = given["intercept"][:, None] - given["cost"]
    others = quantity.sum(axis=1, keepdims=True) - quantity
    best = np.maximum((margin - others) / 2, 0)
    profit, possible = (margin - others - quantity) * quantity, (margin - others - best) * best
    gain = (possible - profit) / np.abs(possible)
    return np.where(np.isnan(gain), np.inf, np.maximum(gain, 0)).max(axis=1)


def make(params: dict[str, Any]) -> eqs.Game:
    """The game of one market."""
    return Cournot(LinearInverseDemand(params["intercept"], 1.0), params["cost"]).game()


Answer = tuple[np.ndarray, np.ndarray]  # quantities and what the method reports, one row per game
many = eqs.batch(make)


def read(found: eqs.Equilibrium) -> Answer:
    """Quantities and statuses of an eqsolve result."""
    return np.atleast_2d(found.actions["quantity"]), np.atleast_1d(found.to_numpy()["status"])


def looped(method: Callable[[float, np.ndarray], tuple[np.ndarray, str]], given: dict[str, np.ndarray]) -> Answer:
    """A method for one market on one market after the other."""
    results = [method(a, c) for a, c in zip(given["intercept"], given["cost"], strict=True)]
    return np.array([quantity for quantity, _ in results]), np.array([status for _, status in results])


def by_root(intercept: float, cost: np.ndarray) -> tuple[np.ndarray, str]:
    """SciPy's Levenberg-Marquardt on the first-order conditions; the hybrid method calls most exact ends failures."""
    jacobian = -(np.ones((cost.size, cost.size)) + np.eye(cost.size))
    start = np.full(cost.size, (intercept - cost.mean()) / (cost.size + 1))
    found = root(lambda q: intercept - q.sum() - q - cost, start, jac=lambda _: jacobian, method="lm", tol=1e-10)
    return found.x, "success" if found.success else "failure"


def by_best_reply(intercept: float, cost: np.ndarray) -> tuple[np.ndarray, str]:
    """Rounds of SciPy's bounded scalar search, firm by firm, until no quantity moves by more than 1e-7 of itself.

    A search that only sees payoffs cannot place a maximum more exactly than the square root of their precision.
    """
    quantity = np.full(cost.size, (intercept - cost.mean()) / (cost.size + 1))
    for _ in range(200):
        before = quantity.copy()
        for firm in range(cost.size):
            others = quantity.sum() - quantity[firm]
            reply = minimize_scalar(
                lambda q, others=others, firm=firm: -(intercept - others - q - cost[firm]) * q,
                bounds=(0, intercept),
                method="bounded",
                options={"xatol": 1e-9 * intercept},
            )
            quantity[firm] = reply.x
        if np.max(np.abs(quantity - before) / before) < 1e-7:
            return quantity, "settled"
    return quantity, "still moving"


def row(given: dict[str, np.ndarray], method: str, seconds: float, answer: Answer, games: int) -> Row:
    """A row for what was found on `given`, for a set of `games` that may be larger."""
    timed_games, firms = given["cost"].shape
    regret = regrets(given, answer[0])
    share = float(np.mean(regret <= NEGLIGIBLE))
    status = ", ".join(np.unique(answer[1]))
    return Row(firms, games, method, timed_games, seconds * games / timed_games, status, share, float(regret.max()))


def single_games(firms: int) -> list[Row]:
    """One market of `firms` firms, solved by every method that can be expected to finish."""
    given = markets(1, firms)
    params = {name: value[0] for name, value in given.items()}
    rows = []
    for label, repeats in (("first call", 1), ("later calls", 20)):
        seconds, found = timed(lambda: eqs.solve_nash(make(params)), repeats)
        rows.append(row(given, f"eqsolve, {label}", seconds, read(found), 1))
    rivals = {"SciPy root": by_root}
    if firms == 2:  # the best replies of many firms do not settle
        rivals["SciPy best replies"] = by_best_reply
    for label, method in rivals.items():
        seconds, answer = timed(lambda method=method: looped(method, given), repeats=20)
        rows.append(row(given, label, seconds, answer, 1))
    return rows


def batches(games: int, subset: int) -> list[Row]:
    """Many duopolies: eqsolve on all, SciPy on a subset."""
    given = markets(games, 2)
    rows = []
    for label, repeats in (("first call", 1), ("later calls", 3)):
        seconds, found = timed(lambda: many(given), repeats)
        rows.append(row(given, f"eqsolve batch, {label}", seconds, read(found), games))
    part = {name: value[: min(subset, games)] for name, value in given.items()}
    for label, method in (("root", by_root), ("best replies", by_best_reply)):
        seconds, answer = timed(lambda method=method: looped(method, part))
        rows.append(row(part, f"SciPy {label}, loop", seconds, answer, games))
    return rows


def summary(rows: list[Row]) -> str:
    """Rows under a header, and who was fastest on each set of games once compiled."""
    lines = [table(HEADER, [row.cells() for row in rows]), "* extrapolated from a subset"]
    for firms, games in dict.fromkeys((row.firms, row.games) for row in rows):
        rivals = [r for r in rows if (r.firms, r.games) == (firms, games) and "first" not in r.method and r.solved == 1]
        best = min(rivals, key=lambda r: r.seconds)
        others = ", ".join(f"{r.seconds / best.seconds:.3g} x {r.method}" for r in rivals if r is not best)
        lines.append(f"{games:,} x {firms} firms, once compiled: {best.method} is fastest ({others})")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, print the table, save it."""
    parser = options(__doc__)
    parser.add_argument("--games", type=int, nargs="+", help="batch sizes [default: 1000 100000]")
    parser.add_argument("--subset", type=int, default=200, help="games that SciPy solves of each batch")
    given = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    rows = single_games(2)
    if not given.quick:
        rows += single_games(50)
    for games in given.games or ([100] if given.quick else [1_000, 100_000]):
        rows += batches(games, given.subset)
    print(summary(rows))
    save(
        "solve",
        given.output,
        measured={f"{row.games:,} games of {row.firms} firms, {row.method}": row.seconds for row in rows},
        rows=[dataclasses.asdict(row) for row in rows],
    )


if __name__ == "__main__":
    main()
