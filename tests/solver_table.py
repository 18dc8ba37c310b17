"""What each solver does on each problem of `problems/`; run as a program it prints the table."""

import dataclasses
from collections.abc import Iterable

import jax
import numpy as np
import pytest
from problems import PROBLEMS, Problem

import eqsolve as eqs
from eqsolve.certify.certificate import SEARCH

# the search of players' boxes is for problems without bounds
SOLVERS = {
    "Newton": lambda search: eqs.Newton(),
    "BestReply": lambda search: eqs.BestReply(search=search),
    "Extragradient": lambda search: eqs.Extragradient(),
    "Anderson": lambda search: eqs.Anderson(),
}
REACH = 20.0  # the part of infinite action sets that is searched

LOCAL = ("Newton", "Extragradient", "Anderson")


def _pairs(solvers: Iterable[str], *names: str) -> set[tuple[str, str]]:
    return {(name, solver) for name in names for solver in solvers}


# Problems that a solver does not solve, each flagged; everything else it solves.
UNSOLVED = {
    # no equilibrium in pure strategies: there is nothing to solve
    *_pairs(
        SOLVERS,
        "hotelling linear, close",
        "hotelling linear, one close to the middle",
        "contest, too decisive",
        "evader and pursuer",
        "evader who is shy of the end",
    ),
    # best replies cycle; those to linear payoffs jump from one end of the box to the other
    *_pairs(
        ["BestReply"],
        "zero sum saddle",
        "saddle from a corner",
        "saddle, payoffs a thousand apart",
        "matching pennies",
        "saddle in six actions",
        "saddle in six actions, two at bounds",
        "saddle in six actions from a corner",
        "rotation of four players",
        "strong rotation, weak concavity",
        "two players with ten actions each",
    ),
    # nothing keeps both limits
    *_pairs(SOLVERS, "limits that contradict"),
    # refused: against others who use a shared limit up a best reply is not the variational equilibrium's
    *_pairs(["BestReply"], *(problem.name for problem in PROBLEMS if problem.shared)),
    # with prices that follow the actions a rotation is too strong for one step of fixed length, and a price found to
    # eight digits leaves the total above its cap by as much: no certificate
    *_pairs(
        ["Anderson"],
        "rotation under a cap",
        "rotation of 30 under a cap",
        "emission cap on three firms",
        "emission cap, weighted",
        "emission cap in tonnes per billion",
    ),
    # guesses of which limits bind go round in a rotation this strong
    *_pairs(["Newton", "Extragradient"], "rotation of 30 under a cap"),
    # best replies of fifty players settle too slowly
    *_pairs(["BestReply"], "cournot fifty firms", "contest of fifty"),
    # from a corner the residual of a saddle first has to rise
    *_pairs(["Newton"], "saddle from a corner", "saddle in six actions from a corner"),
    *_pairs(["Newton", "Anderson"], "saddle in six actions, two at bounds"),
    # started beside a lower peak, or on it
    *_pairs(
        LOCAL,
        "two peaks, start on the lower one",
        "two peaks each, start on the lower ones",
        "an end above the inner peak",
    ),
    # the valley between the peaks is a fixed point too
    *_pairs(["Anderson"], "two peaks"),
}


@dataclasses.dataclass(frozen=True)
class Attempt:
    """How a solve ended: its status, whether a search certifies the point, and the distance to a known equilibrium."""

    status: str
    certified: bool
    miss: float
    rtol: float

    @property
    def flagged(self) -> bool:
        """Whether a reader is told not to trust the point."""
        return not self.certified or self.status not in ("converged", "kinked", "degenerate")

    @property
    def right(self) -> bool:
        """Whether the point is a known equilibrium and passes for one."""
        return not self.flagged and self.miss <= self.rtol


def _box(game: eqs.Game) -> dict[str, tuple[float, float]]:
    lower, upper = game.limits()
    return {
        name: (-REACH, REACH)
        for name in lower
        if not (np.all(np.isfinite(lower[name])) and np.all(np.isfinite(upper[name])))
    }


def attempt(problem: Problem, solver: str) -> Attempt:
    """Solve a problem from its given start, or the default one, and certify the result."""
    game = problem.game()
    box = _box(game)
    if solver == "BestReply" and game.constraint is not None:
        with pytest.raises(ValueError, match="shared constraints"):
            eqs.solve_nash(game, solver=eqs.BestReply())
        return Attempt("refused", certified=False, miss=np.inf, rtol=problem.rtol)
    found = eqs.solve_nash(game, problem.start, SOLVERS[solver](eqs.Search(box=box)))
    search = eqs.Search(points=SEARCH.points, starts=SEARCH.starts, box=box)
    certificate = eqs.certify(game, found.actions, search)
    miss = np.inf if problem.expected is None else problem.miss(found.actions)
    # float32: the solvers' relative tolerance of 3e-5 times the worst conditioning among the problems, 51 (fifty firms)
    rtol = problem.rtol if game.dtype == np.float64 else max(problem.rtol, 51 * 3e-5)
    return Attempt(str(found.to_numpy()["status"]), bool(certificate.certified), float(miss), rtol)


def main() -> None:
    """Print a table: per kind and solver, how many problems are solved, flagged, or wrong."""
    counts = {(problem.kind, solver): [0, 0, 0] for problem in PROBLEMS for solver in SOLVERS}
    for index, problem in enumerate(PROBLEMS):
        if index % 20 == 0:
            jax.clear_caches()  # a process can map only so many compiled programs
        for solver in SOLVERS:
            tried = attempt(problem, solver)
            counts[problem.kind, solver][0 if tried.right else 1 if tried.flagged else 2] += 1
            if not tried.right:
                print(f"# {solver} does not solve {problem.name!r}: {tried}")
    print("| solved, flagged, wrong | " + " | ".join(SOLVERS) + " |\n|" + "---|" * (len(SOLVERS) + 1))
    for kind in dict.fromkeys(problem.kind for problem in PROBLEMS):
        cells = [", ".join(map(str, counts[kind, solver])) for solver in SOLVERS]
        print(f"| {kind} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    import sys

    jax.config.update("jax_enable_x64", "32" not in sys.argv[1:])
    main()
