"""Thin entry points: solve a game for a Nash equilibrium, its first best, or one player's best response."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from eqsolve._checks import concrete, unknown_name
from eqsolve.core import as_actions, require_game, solve_from
from eqsolve.equilibrium import Equilibrium
from eqsolve.game import Game
from eqsolve.problem import problem_of
from eqsolve.solvers.base import Solver
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.solvers.search import Search, best_reply
from eqsolve.stages.play import solve_stages
from eqsolve.stages.stage_game import facing
from eqsolve.stages.stagewise import Stagewise, stage_search, stage_solvers


def solve_nash(
    game: Game, start: Mapping[str, Any] | None = None, solver: Solver | Stagewise | None = None
) -> Equilibrium:
    """A Nash equilibrium candidate of `game`, differentiable in all of its arrays.

    With several stages, a subgame-perfect one: the actions on its path. Players of a stage anticipate the equilibrium
    of every later stage; of several, the one that its solver finds from the default start.

    **Arguments:** `start`: action name -> value inside the bounds; by default the game's own start, or else the middle
    of the box (one unit inside a single finite bound, zero without bounds). With several stages only the first stage's
    actions are read. `solver`: `Newton()` by default; `BestReply()` where payoffs have several peaks per player. With
    several stages the same solver for each, or `Stagewise(...)`, which also says what the default is.
    **Returns:** an `Equilibrium`; read `status`, and let `certify` decide whether it is one. With shared constraints it
    is the normalised equilibrium, at which all players face the same prices (times the inverse of their weights).
    **Errors:** `ValueError` for a start with wrong names, shapes or concrete values outside the bounds. Everything
    else, NaN included, is a status.
    **Source:** Nash (1951); Selten (1965) for several stages; Rosen (1965) for shared constraints; derivatives by the
    implicit function theorem on the free entries.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> print(solve_nash(game).actions["quantity"])
    [3. 3.]
    """
    require_game(game, "solve_nash")
    if not (solver is None or isinstance(solver, (Solver, Stagewise))):
        raise TypeError(f"solve_nash: solver is {solver!r}; give a Solver such as Newton() or BestReply().")
    solvers = stage_solvers(game, solver)
    require_searchable(game, solvers)
    return _solve(game, check_start(game, start), solvers)


def solve_first_best(
    game: Game, start: Mapping[str, Any] | None = None, solver: GlobalAscent | None = None
) -> Equilibrium:
    """The plan that maximises `game.total` over everybody's actions, differentiable in all of the game's arrays.

    **Arguments:** `start`: an extra starting point. `solver`: `GlobalAscent()` by default: several starts, each
    climbed, the best polished and its curvature checked.
    **Returns:** an `Equilibrium` of `game.cooperative()`, whose one player is the `planner` (who appears once per stage
    where earlier actions move the bounds of later stages). It keeps the shared constraints, and their prices are what
    one more unit of a limit adds to the total.
    **Errors:** as for `solve_nash`.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> float(solve_first_best(game).actions["quantity"].sum())
    4.5
    """
    require_game(game, "solve_first_best")
    solver = GlobalAscent() if solver is None else solver
    if not isinstance(solver, GlobalAscent):
        raise TypeError(f"solve_first_best: solver is {solver!r}; give a GlobalAscent().")
    plan = game.cooperative()
    return _solve(plan, check_start(plan, start), stage_solvers(plan, solver))


class BestResponse(eqx.Module):
    """A player's best reply: all actions by name (the others' as they were), its payoff and its gain over before."""

    actions: OrderedDict[str, Array]
    payoff: Float[Array, "..."]
    gain: Float[Array, "..."]


def best_response(
    game: Game,
    player: str,
    actions: Mapping[str, Any],
    search: Search | None = None,
    solver: Solver | Stagewise | None = None,
) -> BestResponse:
    """The best reply of one player to the others' `actions`, searched over the player's whole box.

    With several stages, later ones answer every action tried with their equilibrium, and the result has their answer.

    **Arguments:** `actions`: every player's actions by name; the player's own are where the comparison starts.
    `search`: how finely to look, and which part of infinite action sets. `solver`: as for `solve_nash`; finds the
    answers of later stages.
    **Returns:** a `BestResponse`; with shared constraints the best of the player's actions that keep them, the others'
    given, and NaN where none does.
    **Errors:** `ValueError` for unknown names, wrong shapes or an infinite box without a declared part to search.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> round(float(best_response(game, "firm 1", {"quantity": [0.0, 5.0]}).actions["quantity"][0]), 9)
    2.0
    """
    require_game(game, "best_response")
    if player not in game.players:
        raise ValueError(unknown_name("best_response: player", player, game.players))
    search = Search() if search is None else search
    solvers = stage_solvers(game, solver)
    require_searchable(game, solvers, search)
    return _best_response(game, as_actions(game, actions, "best_response: actions"), player, search, solvers)


@eqx.filter_jit
def _best_response(
    game: Game, actions: dict[str, Array], player: str, search: Search, solvers: tuple[Solver, ...]
) -> BestResponse:
    stage = next(stage for stage, movers in enumerate(game.order) if player in movers)
    stage_game = facing(game, stage, game.layout.before(stage, actions), solvers)
    problem = problem_of(stage_game)
    index = stage_game.players.index(player)
    entries = np.flatnonzero(problem.owners == index)
    x = problem.vector(game.layout.own(stage, actions))
    search = stage_search(game, stage, search)
    reply = best_reply(problem, search, search.limits(problem), x, jnp.asarray(index), jnp.asarray(entries))
    profile = stage_game.played_out(problem.actions(x.at[entries].set(reply.own)))[0]
    named = OrderedDict((action.name, profile[action.name]) for action in game.actions)
    return BestResponse(named, reply.payoff, reply.payoff - game.objectives(actions)[player])


@eqx.filter_jit
def _solve(game: Game, start: dict[str, Array] | None, solvers: tuple[Solver, ...]) -> Equilibrium:
    return solve_all_stages(game, start, solvers)


def solve_all_stages(game: Game, start: Mapping[str, Array] | None, solvers: tuple[Solver, ...]) -> Equilibrium:
    """The uncompiled core of both solves, with one solver per stage."""
    if len(solvers) == 1:
        return solve_from(game, start, solvers[0])
    return solve_stages(game, start, solvers)


def check_start(game: Game, start: Mapping[str, Any] | None) -> dict[str, Array] | None:
    """The first stage's start as arrays; raises where names or shapes are wrong or concrete values out of bounds."""
    if start is None:
        return None
    layout = game.layout
    if isinstance(start, Mapping):
        first = {action.name for action, _ in layout.parts(0)}
        start = {name: zero for name, zero in layout.zeros(game.params).items() if name not in first} | dict(start)
    arrays = layout.own(0, as_actions(game, start, "start"))
    lower, upper = layout.limits(game.bounds, game.params, 0, {})
    for name, value in arrays.items():
        at, low, high = concrete(value), concrete(lower[name]), concrete(upper[name])
        if at is None or low is None or high is None:
            continue
        if not np.all((low <= at) & (at <= high)):
            raise ValueError(f"start[{name!r}] is {at}, outside its bounds [{low}, {high}]; give a point inside.")
    return arrays


def require_searchable(game: Game, solvers: tuple[Solver, ...], search: Search | None = None) -> None:
    """Raise where `search`, or else the solvers' own, would meet concrete infinite bounds in some stage."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(game)):
        return
    # where earlier actions move bounds, those of later stages are known only on the way
    known = 1 if game.layout.bounds_move(game.bounds, game.params) else len(game.order)
    for stage in range(known):
        own = solvers[stage].searched if search is None else stage_search(game, stage, search)
        if own is not None:
            before = game.layout.before(stage, game.layout.zeros(game.params))
            own.require_finite(problem_of(facing(game, stage, before, solvers)))
