"""What equilibria a market has: all pure ones found, false ones, and mixed play where none is pure."""

import dataclasses

import numpy as np

from eqsolve._tables import number, table
from eqsolve.certify.certificate import Certificate
from eqsolve.enumerate import EquilibriumSet, enumerate_equilibria
from eqsolve.equilibrium import Equilibrium, Status
from eqsolve.finite.double_oracle import Mixture, grid_regret, mixed_play
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.problem import problem_of
from eqsolve.solvers.base import Solver
from eqsolve.solvers.search import Search

PLAYED = 1e-3  # smaller probabilities are not printed


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """The equilibria of a market; `str()` prints them in a table.

    **Fields:**

    - `pure`: an `EquilibriumSet`: certified equilibria, and the stationary points that are none (`refuted`) with the
      deviations that prove it (`refutations`).
    - `smallest_regret`: where no equilibrium was certified, what some outlet gains at least at every profile on a grid
      of prices and stocks [money]: where positive, evidence, not proof, that none is pure. NaN where one was certified.
    - `mixed`: in that case, prices and stocks with probabilities, and what any deviation would gain; None otherwise.
      `actions[outlet, k]` is a price and a stock.
    """

    pure: EquilibriumSet
    smallest_regret: float
    mixed: Mixture | None

    @property
    def kinked(self) -> tuple[bool, ...]:
        """For each certified equilibrium, whether payoffs have a kink there."""
        return tuple(bool(found.status == Status.kinked) for found in self.pure.equilibria)

    def __str__(self) -> str:
        names = ["kinked equilibrium" if kinked else "equilibrium" for kinked in self.kinked]
        pure = [*zip(names, self.pure.equilibria, self.pure.certificates, strict=True)]
        pure += [("no equilibrium", *pair) for pair in zip(self.pure.refuted, self.pure.refutations, strict=True)]
        header = ("stationary point", "prices", "stocks", "profits", "gain by deviating", "best deviation")
        head = f"{len(self.pure)} certified equilibria in pure strategies from {self.pure.starts} starts."
        lines = [head, table(header, [_row(*point) for point in pure])] if pure else [head]
        return "\n".join(lines if self.mixed is None else [*lines, "", *_mixed_lines(self.mixed, self.smallest_regret)])


def _row(name: str, found: Equilibrium, certificate: Certificate) -> tuple[str, ...]:
    """A stationary point and who would leave it for what."""
    gains = [float(gain) for gain in certificate.gain.values()]
    who = int(np.argmax(gains))
    deviation = ""
    if not bool(certificate.certified):
        price, stock = (number(certificate.deviation[action][who]) for action in ("price", "stock"))
        deviation = f"{list(certificate.gain)[who]}: price {price}, stock {stock}"
    values = (found.actions["price"], found.actions["stock"], found.objectives.values())
    return (name, *(", ".join(number(v) for v in pair) for pair in values), number(max(gains)), deviation)


def _mixed_lines(mixed: Mixture, regret: float) -> list[str]:
    rows = [
        (str(outlet + 1), number(price), number(stock), number(probability))
        for outlet in (0, 1)
        for (price, stock), probability in _merged(mixed, outlet)
        if probability >= PLAYED
    ]
    gains = ", ".join(f"{number(gain)} on {number(own)}" for gain, own in zip(mixed.gain, mixed.payoff, strict=True))
    on_grid = f"At every profile on a grid some outlet gains {number(regret)} or more."
    if regret == 0:
        on_grid = "On a grid there is a profile from which no outlet gains by moving to another point of the grid."
    return [
        f"{on_grid} Mixed play, from which outlets gain at most {gains} by any price and stock:",
        table(("outlet", "price", "stock", "probability"), rows),
    ]


def _merged(mixed: Mixture, outlet: int) -> list[tuple[tuple[float, float], float]]:
    """An outlet's actions in rising order, each with its whole probability."""
    together: dict[tuple[float, float], float] = {}
    for (price, stock), probability in zip(mixed.actions[outlet], mixed.probabilities[outlet], strict=True):
        key = (float(price), float(stock))
        together[key] = together.get(key, 0.0) + float(probability)
    return sorted(together.items())


def diagnose(
    market: VerticalMarket,
    starts: int = 32,
    grid: int = 13,
    tolerance: float = 1e-3,
    solver: Solver | None = None,
    search: Search | None = None,
) -> Diagnosis:
    """All equilibria of a market that spread starts lead to; where none is certified, how outlets mix.

    **Arguments:** `starts`: points from which equilibria are sought. `grid`: prices and stocks per outlet at which pure
    play is tried where no equilibrium was found. `tolerance`: mixed play is refined until no outlet gains more than
    this share of its profit, as far as 32 actions per outlet allow. `solver`, `search`: as in `enumerate_equilibria`.
    **Returns:** a `Diagnosis`. Mixed play is found by the double oracle: the finite game on lists of actions is solved
    by pivots (Lemke and Howson), and each outlet's best reply of all prices and stocks joins its list.
    **Errors:** `ValueError` for fewer than one start, two grid points, or a tolerance that is not positive.
    **Source:** Krishnan and Winter (paper 003), section 3, which assumes equilibria in pure strategies; McMahan, Gordon
    and Blum, Planning in the presence of cost functions controlled by an adversary (2003), for the double oracle.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.vertical import Contract, LinearDemand
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> market = VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.2, shocks), 2.0, Contract(2.0), highest_price=14.0)
    >>> found = diagnose(market, starts=2)
    >>> len(found.pure), bool((found.mixed.gain <= 1e-3 * abs(found.mixed.payoff)).all())
    (0, True)
    """
    if grid < 2:
        raise ValueError(f"diagnose: grid is {grid}; give at least 2.")
    if not tolerance > 0:
        raise ValueError(f"diagnose: tolerance is {tolerance}; give a number above 0.")
    game = market.game()
    pure = enumerate_equilibria(game, starts, solver, search)
    if len(pure):
        return Diagnosis(pure, float("nan"), None)
    problem = problem_of(game)
    regret, profile = grid_regret(problem, grid)
    return Diagnosis(pure, regret, mixed_play(problem, profile, tolerance))
