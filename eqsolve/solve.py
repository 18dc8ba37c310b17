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
from eqsolve.equilibrium import Equilibrium, Status
from eqsolve.game import Game
from eqsolve.implicit import attach_derivative
from eqsolve.problem import problem_of
from eqsolve.solvers.base import Solution, Solver
from eqsolve.solvers.classify import Verdict, classify
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.search import Search, best_reply
from eqsolve.starts import default_start


def solve_nash(game: Game, start: Mapping[str, Any] | None = None, solver: Solver | None = None) -> Equilibrium:
    """A Nash equilibrium candidate of `game`, differentiable in all of its arrays.

    **Arguments:** `start`: action name -> value inside the bounds; by default the middle of the box (one unit inside a
    single finite bound, zero without bounds). `solver`: `Newton()` by default; `BestReply()` where payoffs have several
    peaks per player.
    **Returns:** an `Equilibrium`; read `status`, and let `certify` decide whether it is one.
    **Errors:** `ValueError` for a start with wrong names, shapes or concrete values outside the bounds. Everything
    else, NaN included, is a status.
    **Source:** Nash (1951); derivatives by the implicit function theorem on the free entries.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> print(solve_nash(game).actions["quantity"])
    [3. 3.]
    """
    require_game(game, "solve_nash")
    solver = Newton() if solver is None else solver
    if not isinstance(solver, Solver):
        raise TypeError(f"solve_nash: solver is {solver!r}; give a Solver such as Newton() or BestReply().")
    require_searchable(game, solver.searched)
    return _solve(game, check_start(game, start), solver)


def solve_first_best(
    game: Game, start: Mapping[str, Any] | None = None, solver: GlobalAscent | None = None
) -> Equilibrium:
    """The plan that maximises `game.total` over everybody's actions, differentiable in all of the game's arrays.

    **Arguments:** `start`: an extra starting point. `solver`: `GlobalAscent()` by default: several starts, each
    climbed, the best polished and its curvature checked.
    **Returns:** an `Equilibrium` of `game.cooperative()`, whose one player is the `planner`.
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
    return _solve(game.cooperative(), check_start(game, start), solver)


class BestResponse(eqx.Module):
    """A player's best reply: all actions by name (the others' as they were), its payoff and its gain over before."""

    actions: OrderedDict[str, Array]
    payoff: Float[Array, "..."]
    gain: Float[Array, "..."]


def best_response(game: Game, player: str, actions: Mapping[str, Any], search: Search | None = None) -> BestResponse:
    """The best reply of one player to the others' `actions`, searched over the player's whole box.

    **Arguments:** `actions`: every player's actions by name; the player's own are where the comparison starts.
    `search`: how finely to look, and which part of infinite action sets.
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
    require_searchable(game, search)
    return _best_response(game, as_actions(game, actions, "best_response: actions"), player, search)


@eqx.filter_jit
def _best_response(game: Game, actions: dict[str, Array], player: str, search: Search) -> BestResponse:
    problem = problem_of(game)
    index = game.players.index(player)
    entries = np.flatnonzero(problem.owners == index)
    x = problem.vector(actions)
    reply = best_reply(problem, search, search.limits(problem), x, jnp.asarray(index), jnp.asarray(entries))
    before = problem.payoffs(x)[index]
    return BestResponse(problem.actions(x.at[entries].set(reply.own)), reply.payoff, reply.payoff - before)


@eqx.filter_jit
def _solve(game: Game, start: dict[str, Array] | None, solver: Solver) -> Equilibrium:
    return solve_from(game, start, solver)


def solve_from(game: Game, start: Mapping[str, Array] | None, solver: Solver) -> Equilibrium:
    """The uncompiled core of both solves: run the solver, judge the point, attach derivatives, name everything."""
    fixed = problem_of(jax.lax.stop_gradient(game))
    x = default_start(fixed.lower, fixed.upper) if start is None else jax.lax.stop_gradient(fixed.vector(start))
    inside = jnp.clip(x, fixed.lower, fixed.upper)
    solution = jax.lax.stop_gradient(solver.solve(fixed, inside))
    verdict = classify(fixed, solution, x)
    return _equilibrium(game, solution, jax.lax.stop_gradient(verdict))


def _equilibrium(game: Game, solution: Solution, verdict: Verdict) -> Equilibrium:
    computed = (verdict.status != Status.nonfinite) & (verdict.status != Status.infeasible)
    smooth = verdict.status == Status.converged
    # NaN first: where nothing was computed the derivative is NaN too, not that of a constant
    x = attach_derivative(game, jnp.where(computed, solution.x, jnp.nan), smooth)
    problem = problem_of(game)
    actions = problem.actions(x)
    pushed = jnp.where(verdict.active != 0, problem.marginal(x), 0.0)
    expected = game.expect(actions)
    return Equilibrium(
        actions=actions,
        outcomes=expected,
        objectives=game.objectives(actions),
        residual=jnp.where(computed, verdict.residual, jnp.nan),
        multipliers=problem.actions(pushed),
        active=problem.actions(jnp.where(computed, verdict.active, 0)),
        status=verdict.status,
        steps=solution.steps,
        owners=tuple((action.name, action.owners) for action in game.actions),
    )


def require_game(game: object, where: str) -> None:
    """Raise where something else than a game was given."""
    if not isinstance(game, Game):
        raise TypeError(f"{where} got {game!r}; give a Game, for instance mechanism.game().")


def as_actions(game: Game, actions: Mapping[str, Any], what: str) -> dict[str, Array]:
    """`actions` as arrays of the declared shapes; raises where names or shapes are wrong."""
    if not isinstance(actions, Mapping):
        raise TypeError(f"{what} is {actions!r}; give a dict from action name to value.")
    known = [action.name for action in game.actions]
    for name in actions:
        if name not in known:
            raise ValueError(unknown_name(f"{what}: action", name, known))
    arrays = {}
    for action in game.actions:
        if action.name not in actions:
            raise ValueError(f"{what} has no entry {action.name!r}; give every action: {known}.")
        value = jnp.asarray(actions[action.name], game.dtype)
        if value.shape != action.shape:
            raise ValueError(f"{what}[{action.name!r}] has shape {value.shape}; the action has shape {action.shape}.")
        arrays[action.name] = value
    return arrays


def check_start(game: Game, start: Mapping[str, Any] | None) -> dict[str, Array] | None:
    """`start` as arrays; raises where names or shapes are wrong or concrete values lie outside the bounds."""
    if start is None:
        return None
    arrays = as_actions(game, start, "start")
    lower, upper = game.limits()
    for name, value in arrays.items():
        at, low, high = concrete(value), concrete(lower[name]), concrete(upper[name])
        if at is None or low is None or high is None:
            continue
        if not np.all((low <= at) & (at <= high)):
            raise ValueError(f"start[{name!r}] is {at}, outside its bounds [{low}, {high}]; give a point inside.")
    return arrays


def require_searchable(game: Game, search: Search | None) -> None:
    """Raise where the search would meet concrete infinite bounds."""
    if search is not None and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(game)):
        search.require_finite(problem_of(game))
