"""Every distinct equilibrium that a stated set of starts leads to."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from eqsolve._tables import number, table
from eqsolve.certify.certificate import SEARCH, Certificate, certify
from eqsolve.core import require_game
from eqsolve.equilibrium import STATUS_NAMES, Equilibrium, code
from eqsolve.game import Game
from eqsolve.problem import problem_of
from eqsolve.solve import require_searchable, solve_all_stages
from eqsolve.solvers.base import Solver
from eqsolve.solvers.search import Search
from eqsolve.stages.stage_game import facing
from eqsolve.stages.stagewise import Stagewise, stage_search, stage_solvers
from eqsolve.starts import starts_with_corners


@dataclasses.dataclass(frozen=True)
class EquilibriumSet:
    """The distinct certified equilibria found, and what became of the starts.

    `equilibria` and `certificates` are parallel, and so are `refuted` (distinct candidate points that some player would
    leave, `rejected` in number) and `refutations`, which hold the deviations; `statuses` counts how the solves from all
    `starts` ended.
    """

    equilibria: tuple[Equilibrium, ...]
    certificates: tuple[Certificate, ...]
    refuted: tuple[Equilibrium, ...]
    refutations: tuple[Certificate, ...]
    statuses: dict[str, int]
    starts: int

    @property
    def rejected(self) -> int:
        """How many distinct candidate points some player would leave."""
        return len(self.refuted)

    def __len__(self) -> int:
        return len(self.equilibria)

    def __getitem__(self, index: int) -> Equilibrium:
        return self.equilibria[index]

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {name}" for name, count in self.statuses.items())
        head = (
            f"{len(self)} certified equilibria from {self.starts} starts ({ends}); {self.rejected} candidates rejected"
        )
        if not self.equilibria:
            return head
        labels = [*self.equilibria[0].actions, *self.equilibria[0].objectives]
        rows = []
        for found in self.equilibria:
            values = [*found.actions.values(), *found.objectives.values()]
            rows.append([" ".join(number(v) for v in np.ravel(value)) for value in values])
        return "\n".join([head, "", table(labels, rows)])


def enumerate_equilibria(
    game: Game,
    starts: int = 64,
    solver: Solver | Stagewise | None = None,
    search: Search | None = None,
    *,
    distance: float = 1e-4,
) -> EquilibriumSet:
    """All distinct certified equilibria reached from `starts` points spread over the box.

    With several stages the starts are the first stage's; each later stage is in the equilibrium that its solver finds
    from the default start.

    **Arguments:** `starts`: how many starts: the middle of the box, both extreme corners, then points spread
    over it. `solver`: as in `solve_nash`. `search`: for the certificates, as in `certify`; its box also confines the
    starts of actions with infinite bounds. `distance`: solutions closer than this share of the box (of the action's
    size, where infinite) are one.
    **Returns:** an `EquilibriumSet`, equilibria in the order in which they were met. Finding none is evidence, not
    proof, that there is none; on a continuum every start may find another point.
    **Errors:** `ValueError` for fewer than one start, or infinite bounds without a declared box.

    >>> from eqsolve import game_from_payoffs
    >>> def meet(params, actions):
    ...     return -((actions["a"] - actions["b"] ** 3) ** 2)
    >>> def follow(params, actions):
    ...     return -((actions["b"] - actions["a"]) ** 2)
    >>> game = game_from_payoffs({"a": meet, "b": follow}, {"a": (-2, 2), "b": (-2, 2)})
    >>> len(enumerate_equilibria(game, starts=16))
    5
    """
    require_game(game, "enumerate_equilibria")
    if starts < 1:
        raise ValueError(f"enumerate_equilibria: starts is {starts}; give at least 1.")
    search = SEARCH if search is None else search
    solvers = stage_solvers(game, solver)
    require_searchable(game, solvers, search)
    solutions, points, width = _solve_all(game, solvers, search, starts)
    codes = np.asarray(code(solutions.status))
    statuses = {name: int(np.sum(codes == index)) for index, name in enumerate(STATUS_NAMES) if np.any(codes == index)}
    distinct = _distinct(np.asarray(points), np.asarray(solutions.solved), np.asarray(width), distance)
    equilibria = [jax.tree.map(lambda leaf, i=i: leaf[i], solutions) for i in distinct]
    certificates = [certify(game, equilibrium.actions, search, solver=solver) for equilibrium in equilibria]
    judged = [(*pair, bool(pair[1].certified)) for pair in zip(equilibria, certificates, strict=True)]
    return EquilibriumSet(
        equilibria=tuple(found for found, _, stands in judged if stands),
        certificates=tuple(certificate for _, certificate, stands in judged if stands),
        refuted=tuple(found for found, _, stands in judged if not stands),
        refutations=tuple(certificate for _, certificate, stands in judged if not stands),
        statuses=statuses,
        starts=starts,
    )


@eqx.filter_jit
def _solve_all(
    game: Game, solvers: tuple[Solver, ...], search: Search, starts: int
) -> tuple[Equilibrium, Array, Array]:
    problem = problem_of(facing(game, 0, {}, solvers))
    lower, upper = stage_search(game, 0, search).limits(problem)
    points = starts_with_corners(lower, upper, starts)
    found = jax.vmap(lambda x: solve_all_stages(game, problem.actions(x), solvers))(points)
    reached = jax.vmap(lambda actions: problem.vector(game.layout.own(0, actions)))(found.actions)
    return found, reached, upper - lower


def _distinct(
    points: Float[np.ndarray, "starts n"], solved: np.ndarray, width: np.ndarray, distance: float
) -> list[int]:
    """Indices of solved points that lie further than `distance` from every one kept before."""
    kept: list[int] = []
    for index in np.flatnonzero(solved):
        unit = np.where(np.isfinite(width) & (width > 0), width, np.maximum(np.abs(points[index]), 1.0))
        near = [np.all(np.abs(points[index] - points[other]) <= distance * unit) for other in kept]
        if not any(near):
            kept.append(int(index))
    return kept
