"""Equilibria by eqsolve and by its rivals: the same games, the same start, the same accuracy of the answer.

    python benchmarks/solvers.py [--games 1 1000 100000 1000000] [--only eqsolve "Numba kernel"] [--quick]

Every method runs in a process of its own. Next to each time stands what the answer is worth: the share of games that
the method calls solved and whose error is at most 1e-8, the worst regret, and how far the rule that it integrates by
is from the exact integral. Errors are measured on the first games, against equilibria by bisection under the same rule
(`fungible_truth.py`); regrets on all. Slow methods solve a part of the games (marked *). Then come the bars that
eqsolve has set itself.
"""

import dataclasses
from collections.abc import Sequence

import fungible_truth as fungible
import newsvendor_truth as newsvendor
import numpy as np
from common import options, save, table
from contenders import CONTENDERS, Contender, Run, missing, run

ACCURATE = 1e-8  # units of capacity
SAMPLE = 1000  # games whose equilibria are found by bisection
QUICK = ("SciPy root",)  # what little time is enough for
NEGLIGIBLE = 1e-9  # of the best profit: how a newsvendor's regret is judged


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one set of games. Seconds are those of all games, extrapolated where fewer were timed."""

    game: str
    rule: str
    method: str
    games: int
    timed: int
    seconds: float
    compile_seconds: float
    start_mb: float
    peak_mb: float
    solved: float
    error: float | None
    rule_error: float | None
    regret: float

    @property
    def rate(self) -> float:
        """Games per second."""
        return self.games / self.seconds

    @property
    def label(self) -> str:
        """What identifies the row in a comparison of runs."""
        return f"{self.game}, {self.rule}, {self.method}, {self.games:,} games"

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        star = " *" if self.timed < self.games else ""
        return (
            self.game, f"{self.games:,}", self.rule, self.method, f"{self.rate:,.3g}{star}",
            f"{self.compile_seconds:.2g}", f"{self.peak_mb:.0f}", f"{self.peak_mb - self.start_mb:.0f}",
            f"{100 * self.solved:.4g} %", _number(self.error), _number(self.rule_error), f"{self.regret:.0e}",
        )  # fmt: skip


HEADER = (
    "game", "games", "rule", "method", "games/s", "compile s", "peak MB", "of it solving", "solved", "error",
    "rule error", "worst regret",
)  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"


class FungibleJudge:
    """Judges answers to the fungible-capacity games; the reference equilibria of each rule are found once."""

    def __init__(self, sample: int):
        self.games = fungible.games(sample)
        self.equilibria = {name: fungible.equilibria(self.games, rule) for name, rule in fungible.RULES.items()}
        apart = {name: np.abs(k - self.equilibria["exact"]) for name, k in self.equilibria.items()}
        self.rule_errors = {name: float(np.mean(error)) for name, error in apart.items()}

    def corners(self) -> str:
        """How many games have idle or corner states."""
        share = fungible.corner_share(self.games, self.equilibria["16 x 16"])
        return f"{100 * share:.3g} % of the fungible games have idle or corner states at their equilibrium"

    def __call__(self, rule: str, found: Run) -> tuple[float, float, float, float]:
        """The share solved, the largest error among those called solved, the rule's error, the worst regret."""
        size = min(found.timed, len(self.equilibria[rule]))
        errors = np.abs(found.actions[:size] - self.equilibria[rule][:size]).max(axis=1)
        right = found.solved[:size] & (errors <= ACCURATE)
        regret = fungible.regrets(fungible.games(found.timed), found.actions, fungible.RULES[rule])[found.solved]
        error = float(np.max(errors[found.solved[:size]], initial=0.0))
        # of all games as many are solved as the method says, less those of the sample in which it is wrong
        share = float(np.mean(found.solved)) * float(np.sum(right)) / max(float(np.sum(found.solved[:size])), 1.0)
        return share, error, self.rule_errors[rule], float(np.max(regret, initial=0.0))


def judge_newsvendors(found: Run) -> tuple[float, None, None, float]:
    """The share of games that are called solved and in which nobody regrets anything, and the worst regret of those.

    Scenarios are exact, so there is no rule error; equilibria may be intervals, so errors are not compared.
    """
    regret = newsvendor.regrets(newsvendor.games(found.timed), found.actions)
    worst = float(np.max(regret[found.solved], initial=0.0))
    return float(np.mean(found.solved & (regret <= NEGLIGIBLE))), None, None, worst


def measure(contender: Contender, games: int, repeats: int, judge: FungibleJudge) -> Row:
    """Run a contender and judge its answer."""
    found = run(contender, games, repeats)
    verdict = judge(contender.rule, found) if contender.game == "fungible" else judge_newsvendors(found)
    seconds = found.later * games / found.timed
    compiling = max(found.first - found.later, 0.0)
    return Row(
        contender.game, contender.rule, contender.name, games, found.timed, seconds, compiling, found.start, found.peak,
        *verdict,
    )  # fmt: skip


# ---- the bars ----


@dataclasses.dataclass(frozen=True)
class Bar:
    """A goal (None: for information), what was measured (None: a method is missing), and whether more is better."""

    text: str
    goal: float | None
    measured: float | None
    at_least: bool = True

    def cells(self) -> tuple[str, ...]:
        """The bar as text."""
        goal = "" if self.goal is None else f"{self.goal:,.6g}"
        if self.measured is None:
            return self.text, goal, "not measured", ""
        measured = f"{self.measured:,.3g}" if self.measured < 1000 else f"{self.measured:,.0f}"
        if self.goal is None:
            return self.text, goal, measured, ""
        met = self.measured >= self.goal if self.at_least else self.measured <= self.goal
        return self.text, goal, measured, "met" if met else "not met"


def bars(rows: Sequence[Row]) -> list[Bar]:
    """The bars, measured at 100,000 games or the most that were run; single solves at one game."""
    sizes = sorted({row.games for row in rows})
    size = max((s for s in sizes if s <= 100_000), default=sizes[-1])

    def at(method: str, rule: str, games: int = size) -> Row | None:
        wanted = (method, rule, games)
        return next((row for row in rows if (row.method, row.rule, row.games) == wanted), None)

    def fastest(method: str) -> Row | None:
        found = (at(method, "16 x 16"), at(method, "by parts"))
        return max((row for row in found if row is not None), key=lambda row: row.rate, default=None)

    grid, parts, best = at("eqsolve", "16 x 16"), at("eqsolve", "by parts"), fastest("eqsolve")
    plain, plain_parts = at("jit(vmap(Newton))", "16 x 16"), at("jit(vmap(Newton))", "by parts")
    kernel, kernel_parts = at("Numba kernel", "16 x 16"), at("Numba kernel", "by parts")
    markets, markets_kernel = at("eqsolve", "scenarios"), at("Numba kernel", "scenarios")
    single, million, fewer = (at("eqsolve", "by parts", games) for games in (1, 1_000_000, 100_000))
    return [
        Bar("times jit(vmap(Newton)), same rule: 16 x 16", 4, _ratio(grid, plain)),
        Bar("times jit(vmap(Newton)) on 16 x 16, eqsolve by parts", 20, _ratio(_as_exact(parts, plain), plain)),
        Bar("times jit(vmap(Newton)), same rule: by parts", None, _ratio(parts, plain_parts)),
        Bar("of the Numba kernel on 16 x 16, eqsolve by parts", 0.15, _ratio(_as_exact(parts, kernel), kernel)),
        Bar("of the Numba kernel, same rule: 16 x 16", None, _ratio(grid, kernel)),
        Bar("of the Numba kernel, same rule: by parts", None, _ratio(parts, kernel_parts)),
        Bar("of the Numba kernel, competing newsvendors", None, _ratio(markets, markets_kernel)),
        Bar("times NashOpt, both by their faster rule", 500_000, _ratio(best, fastest("NashOpt"))),
        Bar("times SciPy best replies, both by their faster rule", 10_000, _ratio(best, fastest("SciPy best replies"))),
        Bar("times SciPy root, both by their faster rule", 10_000, _ratio(best, fastest("SciPy root"))),
        Bar("cost per game, a million games against 100,000", 1.2, _ratio(fewer, million), at_least=False),
        Bar("milliseconds for a single game", 1, None if single is None else 1e3 * single.seconds, at_least=False),
    ]


def _ratio(ours: Row | None, theirs: Row | None) -> float | None:
    """How many times as many games per second."""
    return None if ours is None or theirs is None else ours.rate / theirs.rate


def _as_exact(ours: Row | None, theirs: Row | None) -> Row | None:
    """Our row if its rule is at least as close to the exact integral as theirs."""
    if ours is None or theirs is None or ours.rule_error is None or theirs.rule_error is None:
        return None
    return ours if ours.rule_error <= theirs.rule_error else None


# ---- the report ----


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, print the tables, save them."""
    parser = options(__doc__)
    parser.add_argument("--games", type=int, nargs="+", help="numbers of games [default: 1 1000 100000 1000000]")
    parser.add_argument("--repeats", type=int, default=5, help="later calls, of which the shortest counts")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="names of methods [default: all]")
    given = parser.parse_args(arguments)
    sizes = given.games or ([20] if given.quick else [1, 1_000, 100_000, 1_000_000])
    only = given.only or (QUICK if given.quick else [contender.name for contender in CONTENDERS])
    unknown = sorted(set(only) - {contender.name for contender in CONTENDERS})
    if unknown:
        known = ", ".join(dict.fromkeys(contender.name for contender in CONTENDERS))
        parser.error(f"--only: unknown {unknown}; the methods are {known}")
    chosen = [contender for contender in CONTENDERS if contender.name in only]

    judge = FungibleJudge(min(max(sizes), SAMPLE))
    rows, notes = [], []
    for contender in chosen:
        if missing(contender):
            notes.append(f"{contender.name}, {contender.game}, {contender.rule}: {contender.needs} is not installed")
            continue
        for size in sizes:
            try:
                rows.append(measure(contender, size, given.repeats, judge))
            except RuntimeError as error:
                notes.append(str(error))
                break
            print(f"{rows[-1].label}: {rows[-1].rate:,.3g} games/s", flush=True)  # all of it takes long
    rows.sort(key=lambda row: (row.game, row.games))
    print("\n" + table(HEADER, [row.cells() for row in rows]))
    print(
        f"* extrapolated from fewer games. Solved: says so, and errs by {ACCURATE} (newsvendors: regrets {NEGLIGIBLE})"
    )
    print("\n".join([judge.corners(), *notes]))
    found = bars(rows)
    print("\n" + table(("bar", "goal", "measured", ""), [bar.cells() for bar in found]))
    save(
        "solvers",
        given.output,
        measured={row.label: row.seconds for row in rows},
        rows=[dataclasses.asdict(row) for row in rows],
        bars=[dataclasses.asdict(bar) for bar in found],
        notes=[judge.corners(), *notes],
    )


if __name__ == "__main__":
    main()
