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
from eqsolve._tangents import carrying
from eqsolve.equilibrium import Equilibrium, Status
from eqsolve.game import Game, paid
from eqsolve.implicit import attach_derivative
from eqsolve.points import Point, solved_point
from eqsolve.problem import Problem, problem_of
from eqsolve.solvers.base import Solver
from eqsolve.solvers.first_best import GlobalAscent
from eqsolve.solvers.newton import Newton
from eqsolve.solvers.priced import at_zero_prices, priced, problem_at
from eqsolve.solvers.rows import rows_of
from eqsolve.solvers.search import Search, best_reply
from eqsolve.starts import default_start


def solve_nash(game: Game, start: Mapping[str, Any] | None = None, solver: Solver | None = None) -> Equilibrium:
    """A Nash equilibrium candidate of `game`, differentiable in all of its arrays.

    **Arguments:** `start`: action name -> value inside the bounds; by default the middle of the box (one unit inside a
    single finite bound, zero without bounds). `solver`: `Newton()` by default; `BestReply()` where payoffs have several
    peaks per player.
    **Returns:** an `Equilibrium`; read `status`, and let `certify` decide whether it is one. With shared constraints it
    is the normalised equilibrium, at which all players face the same prices (times the inverse of their weights).
    **Errors:** `ValueError` for a start with wrong names, shapes or concrete values outside the bounds. Everything
    else, NaN included, is a status.
    **Source:** Nash (1951); with shared constraints Rosen (1965); derivatives by the implicit function theorem on the
    free entries.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> print(solve_nash(game).actions["quantity"])
    [3. 3.]
    """
    require_game(game, "solve_nash")
    solver = Newton() if solver is None else solver
    if not isinstance(solver, Solver):
        raise TypeError(f"solve_nash: solver is {solver!r}; give a Solver such as Newton() or BestReply().")
    require_searchable(game, getattr(solver, "search", None))
    return _solve(game, check_start(game, start), solver)


def solve_first_best(
    game: Game, start: Mapping[str, Any] | None = None, solver: GlobalAscent | None = None
) -> Equilibrium:
    """The plan that maximises `game.total` over everybody's actions, differentiable in all of the game's arrays.

    **Arguments:** `start`: an extra starting point. `solver`: `GlobalAscent()` by default: several starts, each
    climbed, the best polished and its curvature checked.
    **Returns:** an `Equilibrium` of `game.cooperative()`, whose one player is the `planner`; it keeps the shared
    constraints, and their prices are what one more unit of a limit adds to the total.
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
    """The uncompiled core of both solves: find the point, attach derivatives, name everything."""
    plain = problem_of(jax.lax.stop_gradient(game))
    x = default_start(plain.lower, plain.upper) if start is None else jax.lax.stop_gradient(plain.vector(start))
    fixed = priced(plain, jnp.clip(x, plain.lower, plain.upper))
    return _equilibrium(game, solved_point(fixed, at_zero_prices(fixed, x), solver))


def _equilibrium(game: Game, point: Point) -> Equilibrium:
    verdict = point.verdict
    computed = (verdict.status != Status.nonfinite) & (verdict.status != Status.infeasible)
    x = attach_derivative(game, point.x, verdict.status == Status.converged)
    problem = problem_of(game)
    marginal = carrying(lambda game, x: problem_at(game, x).marginal(x), verdict.marginal, game, x)
    expected = carrying(lambda game, x: game.expect(problem_of(game).actions(x)), point.outcomes, game, x)
    return Equilibrium(
        actions=problem.actions(x),
        outcomes=expected,
        objectives=OrderedDict((player, paid(game.pay[player], expected)) for player in game.players),
        residual=jnp.where(computed, verdict.residual, jnp.nan),
        multipliers=problem.actions(jnp.where(verdict.active != 0, marginal, 0.0)),
        active=problem.actions(jnp.where(computed, verdict.active, 0)),
        status=verdict.status,
        steps=point.steps,
        owners=tuple((action.name, action.owners) for action in game.actions),
        **_shared(problem, x[: problem.size], x[problem.size :]),
    )


def _shared(problem: Problem, x: Array, prices: Array) -> dict[str, OrderedDict[str, Any]]:
    """The fields of an `Equilibrium` about shared constraints; none without constraints."""
    constraint, rows = problem.game.constraint, rows_of(problem)
    if constraint is None or rows is None:
        return {}
    by_player = [(player, constraint.named(prices / constraint.weight(player))) for player in problem.game.players]
    return {
        "prices": constraint.named(prices),
        "slack": constraint.named(rows.slack(x)),
        "player_prices": OrderedDict(by_player),
    }


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
