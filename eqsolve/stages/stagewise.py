"""Which solver finds the equilibrium of which stage."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from eqsolve._checks import unknown_name
from eqsolve.game import Game
from eqsolve.solvers.base import Solver
from eqsolve.solvers.best_reply import BestReply
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.search import Search


class Stagewise(eqx.Module):
    """One solver for each stage of a game with several, first movers first.

    Without it the first stage is solved by `BestReply()`, as its payoffs have kinks and may have several peaks where
    followers change regime (an idle firm, a binding capacity), and the later ones by `Newton(sweeps=0)`. A later stage
    is solved wherever the search of an earlier one looks. Where it has no solution, earlier ones have no payoff (NaN),
    and where its own payoff has a kink at the solution, theirs has no derivative. Of several stationary points or
    equilibria, the one that the later stage's solver finds from its default start is taken: give `BestReply()` where
    payoffs of a later stage have several peaks. Compiling takes seconds for two stages, a minute for three, and
    several times that with a global search in a later stage.

    **Errors:** `TypeError` for anything that is no `Solver`; `ValueError` without solvers, and where a game has another
    number of stages.

    >>> from eqsolve import Search
    >>> len(Stagewise(BestReply(search=Search(points=(65, 17, 9))), Newton()).solvers)
    2
    """

    solvers: tuple[Solver, ...]

    def __init__(self, *solvers: Solver):
        self.solvers = solvers

    def __check_init__(self) -> None:
        if not self.solvers:
            raise ValueError("Stagewise got no solver; give one per stage, such as Stagewise(BestReply(), Newton()).")
        for solver in self.solvers:
            if not isinstance(solver, Solver):
                raise TypeError(f"Stagewise got {solver!r}; give one Solver per stage, such as Newton().")


def stage_solvers(game: Game, solver: Solver | Stagewise | None) -> tuple[Solver, ...]:
    """The solver of every stage: the default ones, the same for all, or as `Stagewise` says."""
    stages = len(game.order)
    if solver is None:
        solvers: tuple[Solver, ...] = (Newton(),) if stages == 1 else (BestReply(), *[Newton(sweeps=0)] * (stages - 1))
    elif isinstance(solver, Stagewise):
        solvers = solver.solvers
    else:
        solvers = (solver,) * stages
    if len(solvers) != stages:
        raise ValueError(
            f"Stagewise has {len(solvers)} solvers, but the game has {stages} stages: {game.order}; give one for each."
        )
    return tuple(_confined(game, stage, given) for stage, given in enumerate(solvers))


def _confined(game: Game, stage: int, solver: Solver) -> Solver:
    search = getattr(solver, "search", None)
    return solver if search is None else dataclasses.replace(solver, search=stage_search(game, stage, search))  # pyright: ignore


def stage_search(game: Game, stage: int, search: Search) -> Search:
    """The same search, its box reduced to what is decided in a stage."""
    if search.box is None or len(game.order) == 1:
        return search
    shapes = {action.name: action.shape for action in game.actions}
    for name in search.box:
        if name not in shapes:
            raise ValueError(unknown_name("Search.box: action", name, shapes))

    def own(side: int) -> Mapping[str, Any]:
        box: Mapping[str, Any] = search.box or {}
        unlimited = (-jnp.inf, jnp.inf)
        whole = {name: jnp.broadcast_to(jnp.asarray(box.get(name, unlimited)[side]), s) for name, s in shapes.items()}
        return game.layout.own(stage, whole)

    low, high = own(0), own(1)
    return dataclasses.replace(search, box={name: (low[name], high[name]) for name in low})
