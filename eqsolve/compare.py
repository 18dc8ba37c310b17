"""Institutions side by side: what each loses against the first best."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from eqsolve._tables import number, table
from eqsolve.certify.certificate import Certificate, certify
from eqsolve.equilibrium import STATUS_NAMES, Equilibrium, code
from eqsolve.game import Game, paid
from eqsolve.solve import solve_first_best, solve_nash
from eqsolve.solvers.base import Solver
from eqsolve.solvers.search import Search
from eqsolve.stages.stagewise import Stagewise


@dataclasses.dataclass(frozen=True)
class Institution:
    """One row of a comparison: the Nash equilibrium, its certificate, the first best, and totals under both."""

    nash: Equilibrium
    certificate: Certificate
    first_best: Equilibrium
    nash_total: float
    first_best_total: float

    @property
    def loss(self) -> float:
        """First-best total minus Nash total, in the total's unit."""
        return self.first_best_total - self.nash_total


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Institutions by name; `str()` prints one row each."""

    institutions: dict[str, Institution]

    def __getitem__(self, name: str) -> Institution:
        return self.institutions[name]

    def __str__(self) -> str:
        header = ("institution", "first best", "Nash", "loss", "loss in %", "Nash status", "certified")
        rows = []
        for name, row in self.institutions.items():
            share = 100 * row.loss / abs(row.first_best_total) if row.first_best_total else np.nan
            status = STATUS_NAMES[int(code(row.nash.status))]
            certified = "yes" if bool(row.certificate.certified) else "no"
            totals = (number(row.first_best_total), number(row.nash_total), number(row.loss))
            rows.append((name, *totals, number(share), status, certified))
        return table(header, rows)


def compare(
    games: Mapping[str, Game], solver: Solver | Stagewise | None = None, search: Search | None = None
) -> Comparison:
    """Solve, certify and compare institutions: the same economics under different pay, control or parameters.

    **Arguments:** `games`: name -> game. `solver`: for the Nash equilibria, as in `solve_nash`. `search`: for the
    certificates, as in `certify`.
    **Returns:** a `Comparison`; the loss is measured by each game's own `total`.
    **Errors:** `ValueError` without games, and those of `solve_nash` and `certify`.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> merged = game.coalition({"firm 1", "firm 2"})
    >>> comparison = compare({"duopoly": game, "merger": merged})
    >>> round(comparison["duopoly"].loss, 6), abs(round(comparison["merger"].loss, 6))
    (2.25, 0.0)
    """
    if not games:
        raise ValueError("compare: no games given; give {name: game}.")
    return Comparison({name: _institution(game, solver, search) for name, game in games.items()})


def _institution(game: Game, solver: Solver | Stagewise | None, search: Search | None) -> Institution:
    nash = solve_nash(game, solver=solver)
    best = solve_first_best(game)
    return Institution(
        nash=nash,
        certificate=certify(game, nash.actions, search, solver=solver),
        first_best=best,
        nash_total=float(jnp.asarray(paid(game.total, nash.outcomes))),
        first_best_total=float(jnp.asarray(paid(game.total, best.outcomes))),
    )
