"""The mixed extension of a continuous game: the finite game that its players play on a grid of actions."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import concrete, unknown_name
from eqsolve._tables import number
from eqsolve.core import require_game
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.mixed import MixedEquilibrium
from eqsolve.game import Game
from eqsolve.problem import Problem, problem_of

CHUNK = 4096  # payoffs evaluated at once


class MixedExtension(eqx.Module):
    """A continuous game and the finite game that its players play on a grid; built by `mixed_extension`.

    **Fields:** `game`: the continuous game. `finite`: the `FiniteGame` of the actions on the grid. `points`: by player,
    these actions, rising, in the action's unit.
    """

    game: Game
    finite: FiniteGame
    points: OrderedDict[str, Float[Array, " points"]]

    def cdf(self, profile: Any, player: str, values: Any) -> Float[Array, "*values"]:
        """The probability that a player's action is at most `values`, under a mixed profile of the finite game."""
        mixture = self.mixtures(profile)[self._position(player)]
        below = self.points[player] <= jnp.asarray(values)[..., None]
        return jnp.sum(jnp.where(below, mixture, 0.0), axis=-1)

    def mean(self, profile: Any, player: str) -> Float[Array, ""]:
        """A player's expected action under a mixed profile of the finite game."""
        mixture = self.mixtures(profile)[self._position(player)]
        return jnp.sum(self.points[player] * mixture)

    def mixtures(self, profile: Any) -> tuple[Float[Array, " points"], ...]:
        """A `MixedEquilibrium`, or a profile as `FiniteGame` takes it, as one vector of probabilities per player."""
        return self.finite.mixtures(profile.probabilities if isinstance(profile, MixedEquilibrium) else profile)

    def _position(self, player: str) -> int:
        if player not in self.points:
            raise ValueError(unknown_name("MixedExtension: player", player, self.points))
        return self.finite.players.index(player)


def mixed_extension(game: Game, grid: Any = 101) -> MixedExtension:
    """The finite game in which the players of a continuous game choose among the actions of a grid.

    Solve it with `solve_mixed(extension.finite)`, and let `certify_mixed` say how far the mixture is from an
    equilibrium of the continuous game. Where payoffs jump at a tie (auctions, prices), a rival's action on the grid can
    be beaten by next to nothing, so the gain falls like the probability of one action of the grid: refine it.

    **Arguments:** `game`: one stage, finite bounds, no shared constraints, one number to decide per player. `grid`: the
    number of equally spaced actions per player, bounds included, or by player such a number or the actions themselves,
    rising.
    **Errors:** `TypeError` and `ValueError` for other games, actions out of order or outside the bounds; as for
    `FiniteGame` where a payoff is not finite.
    **Source:** Dasgupta and Maskin, The existence of equilibrium in discontinuous economic games, Review of Economic
    Studies 53 (1986), for limits of equilibria on grids.

    >>> from eqsolve import game_from_payoffs
    >>> def win(mine, other):
    ...     return jnp.where(mine > other, 1.0, jnp.where(mine == other, 0.5, 0.0)) - mine
    >>> def first(params, bids):
    ...     return win(bids["first"], bids["second"])
    >>> def second(params, bids):
    ...     return win(bids["second"], bids["first"])
    >>> auction = game_from_payoffs({"first": first, "second": second}, {"first": (0, 1), "second": (0, 1)})
    >>> from eqsolve.finite import certify_mixed
    >>> extension = mixed_extension(auction, grid=21)
    >>> uniform = [np.full(21, 1 / 21)] * 2  # the bids of the all-pay auction are uniform
    >>> {bidder: round(float(gain), 3) for bidder, gain in certify_mixed(extension, uniform).gain.items()}
    {'first': 0.048, 'second': 0.048}
    """
    require_game(game, "mixed_extension")
    if len(game.order) > 1:
        raise ValueError(f"mixed_extension: the game has the stages {game.order}; give a game with one stage.")
    if game.constraint is not None:
        raise ValueError(
            "mixed_extension: the game has shared constraints, which independent mixtures do not keep; give a game"
            " without constraints."
        )
    problem = problem_of(game)
    entries = own_entries(problem)
    given = grid if isinstance(grid, Mapping) else dict.fromkeys(game.players, grid)
    if set(given) != set(game.players):
        raise ValueError(f"mixed_extension: grid names {list(given)}; give one entry for each of {list(game.players)}.")
    points = OrderedDict(
        (player, _points(player, given[player], problem.lower[entry], problem.upper[entry]))
        for player, entry in zip(game.players, entries, strict=True)
    )
    payoffs = _payoffs_on(problem, tuple(points.values()), tuple(entries))
    return MixedExtension(game, FiniteGame(payoffs, game.players, [_names(own) for own in points.values()]), points)


def product_of(points: list[Array], size: int, entries: list[int]) -> Float[Array, "profiles n"]:
    """All combinations of the players' actions as action vectors, the last player's changing fastest."""
    mesh = [jnp.ravel(axis) for axis in jnp.meshgrid(*points, indexing="ij")]
    vectors = jnp.zeros((mesh[0].shape[0] if mesh else 1, size), mesh[0].dtype if mesh else None)
    for entry, values in zip(entries, mesh, strict=True):
        vectors = vectors.at[:, entry].set(values)
    return vectors


@eqx.filter_jit
def _payoffs_on(problem: Problem, points: tuple[Array, ...], entries: tuple[int, ...]) -> Array:
    vectors = product_of(list(points), len(problem.lower), list(entries))
    payoffs = jax.lax.map(problem.payoffs, vectors, batch_size=CHUNK)
    return payoffs.T.reshape(len(points), *(own.shape[0] for own in points))


def own_entries(problem: Problem) -> list[int]:
    """Where each player's one action stands in the vector of actions."""
    owned = [np.flatnonzero(problem.owners == player) for player in range(len(problem.game.players))]
    for player, entries in zip(problem.game.players, owned, strict=True):
        if len(entries) != 1:
            raise ValueError(f"mixed_extension: {player!r} decides {len(entries)} numbers; give a game with one each.")
    return [int(entries[0]) for entries in owned]


def _points(player: str, given: Any, low: Array, high: Array) -> Float[Array, " points"]:
    lowest, highest = concrete(low), concrete(high)
    if lowest is None or highest is None:
        raise ValueError("mixed_extension: the bounds are traced; call it outside jit and vmap.")
    what = f"mixed_extension: the grid of {player!r}"
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError(f"{what}: its bounds are [{low}, {high}]; give finite bounds.")
    if isinstance(given, (int, np.integer)):
        if given < 1:
            raise ValueError(f"{what} is {given}; give at least 1 action.")
        return jnp.linspace(low, high, int(given)) if low < high else low[None]
    actions = np.asarray(given, low.dtype)
    if actions.ndim != 1 or not actions.size or not np.all(np.diff(actions) > 0):
        raise ValueError(f"{what} is {given}; give a number of actions, or a vector of rising actions.")
    if not (actions[0] >= lowest and actions[-1] <= highest):
        raise ValueError(f"{what} runs from {actions[0]} to {actions[-1]}; stay within its bounds [{low}, {high}].")
    return jnp.asarray(actions)


def _names(points: Array) -> tuple[str, ...]:
    values = np.asarray(points)
    short = tuple(number(value) for value in values)
    return short if len(set(short)) == len(short) else tuple(repr(float(value)) for value in values)
