"""The mixed extension of a continuous game on a grid of actions, certified against the continuous game."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import concrete, unknown_name
from eqsolve._tables import number, table
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.mixed import MixedEquilibrium
from eqsolve.game import Game
from eqsolve.problem import Problem, problem_of
from eqsolve.solve import require_game

CHUNK = 4096  # payoffs evaluated at once
PEAKS = 8  # of the deviations searched, so many local maxima are refined
ROUNDS = 5  # each narrows the search around a peak sixteenfold
BESIDE = 1e-6  # of the box: the distance to a rival's action at which undercutting it is tried


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


class MixedCertificate(eqx.Module):
    """What deviations over the whole box would earn against a mixed profile; no player gains more than `gain`.

    **Fields**, by player: `payoff` of the profile; `gain` of the best deviation found, in the payoff's unit (NaN if a
    payoff searched was not finite); `on_grid`: the gain of the best deviation to an action of the grid; `deviation`:
    the best action; `scale`: highest minus lowest payoff on the grid. `searched`: points per player, before refinement.
    """

    payoff: OrderedDict[str, Array]
    gain: OrderedDict[str, Array]
    on_grid: OrderedDict[str, Array]
    deviation: OrderedDict[str, Array]
    scale: OrderedDict[str, Array]
    searched: int = eqx.field(static=True)

    @property
    def relative_gain(self) -> Float[Array, ""]:
        """The largest gain of any player, as a share of its `scale`: the profile is an equilibrium up to this."""
        shares = [gain / jnp.where(self.scale[p] > 0, self.scale[p], 1.0) for p, gain in self.gain.items()]
        return jnp.max(jnp.stack(shares))

    def __str__(self) -> str:
        fields = (self.payoff, self.on_grid, self.gain, self.deviation)
        rows = [(player, *(number(field[player]) for field in fields)) for player in self.payoff]
        head = f"No deviation found gains more than {number(self.relative_gain)} of the range of a player's payoffs."
        header = ("player", "payoff", "gain on the grid", "gain in the box", "best deviation")
        return f"{head}\n\n{table(header, rows)}\n\n{self.searched} or more actions per player searched, then refined"


def mixed_extension(game: Game, grid: Any = 101) -> MixedExtension:
    """The finite game in which the players of a continuous game choose among the actions of a grid.

    Solve it with `solve_mixed(extension.finite)`, and let `certify_mixed` say how far the mixture is from an
    equilibrium of the continuous game. Where payoffs jump at a tie (auctions, prices), a rival's action on the grid can
    be beaten by next to nothing, so the gain falls like the probability of one action of the grid: refine it.

    **Arguments:** `game`: one stage, finite bounds, one number to decide per player. `grid`: the number of equally
    spaced actions per player, bounds included, or by player such a number or the actions themselves, rising.
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
    >>> extension = mixed_extension(auction, grid=21)
    >>> uniform = [np.full(21, 1 / 21)] * 2  # the bids of the all-pay auction are uniform
    >>> {bidder: round(float(gain), 3) for bidder, gain in certify_mixed(extension, uniform).gain.items()}
    {'first': 0.048, 'second': 0.048}
    """
    require_game(game, "mixed_extension")
    problem = problem_of(game)
    if len(game.order) > 1:
        raise ValueError(f"mixed_extension: the game has the stages {game.order}; give a game with one stage.")
    entries = _entries(problem)
    given = grid if isinstance(grid, Mapping) else dict.fromkeys(game.players, grid)
    if set(given) != set(game.players):
        raise ValueError(f"mixed_extension: grid names {list(given)}; give one entry for each of {list(game.players)}.")
    points = OrderedDict(
        (player, _points(player, given[player], problem.lower[entry], problem.upper[entry]))
        for player, entry in zip(game.players, entries, strict=True)
    )
    payoffs = _payoffs_on(problem, tuple(points.values()), tuple(entries))
    return MixedExtension(game, FiniteGame(payoffs, game.players, [_names(own) for own in points.values()]), points)


def certify_mixed(extension: MixedExtension, profile: Any, search: int = 2001) -> MixedCertificate:
    """Search every player's whole interval for the best deviation from a mixed profile, whoever computed it.

    **Arguments:** `profile`: a `MixedEquilibrium` of `extension.finite`, or probabilities of the actions of the grid by
    player. `search`: equally spaced actions tried per player; to these come the actions of the grid, all players'
    actions and what lies closely beside them, and a refinement around the highest local maxima.
    **Returns:** a `MixedCertificate`.
    **Errors:** `TypeError` and `ValueError` for a wrong profile, or fewer than two actions.
    **Source:** Nash (1951): against a mixture no mixture earns more than the best action.
    """
    if not isinstance(extension, MixedExtension):
        raise TypeError(f"certify_mixed got {extension!r}; give a MixedExtension, from mixed_extension(game).")
    if search < 2:
        raise ValueError(f"certify_mixed: search is {search}; give at least 2.")
    return _certify(extension, extension.mixtures(profile), search)


@eqx.filter_jit
def _certify(extension: MixedExtension, mixtures: tuple[Array, ...], search: int) -> MixedCertificate:
    problem, finite = problem_of(extension.game), extension.finite
    entries = _entries(problem)
    points = tuple(extension.points.values())
    payoff = finite.expected(mixtures)
    best = [_best_deviation(problem, entries, points, mixtures, i, search) for i in range(len(points))]
    axes = tuple(range(1, finite.payoffs.ndim))
    scale = jnp.max(finite.payoffs, axis=axes) - jnp.min(finite.payoffs, axis=axes)
    gain = [jnp.maximum(value - own, 0.0) for (_, value), own in zip(best, payoff.values(), strict=True)]
    return MixedCertificate(
        payoff=payoff,
        gain=OrderedDict(zip(finite.players, gain, strict=True)),
        on_grid=finite.regret(mixtures),
        deviation=OrderedDict((player, action) for player, (action, _) in zip(finite.players, best, strict=True)),
        scale=OrderedDict(zip(finite.players, scale, strict=True)),
        searched=search,
    )


def _best_deviation(
    problem: Problem,
    entries: list[int],
    points: tuple[Array, ...],
    mixtures: tuple[Array, ...],
    player: int,
    search: int,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A player's best action against the others' mixtures, and what it earns; NaN where a payoff is not finite."""
    others = [j for j in range(len(points)) if j != player]
    low, high = problem.lower[entries[player]], problem.upper[entries[player]]
    faced = _product([points[j] for j in others], len(problem.lower), [entries[j] for j in others])
    weights = jnp.ones(1, low.dtype)
    for j in others:
        weights = jnp.ravel(weights[:, None] * mixtures[j])

    def earned(action: Array) -> Array:
        values = jax.vmap(lambda x: problem.payoffs(x.at[entries[player]].set(action))[player])(faced)
        return jnp.sum(weights * values)

    def all_earned(actions: Array) -> Array:
        return jax.lax.map(earned, actions, batch_size=max(1, CHUNK // faced.shape[0]))

    every = jnp.concatenate(points)
    beside = BESIDE * (high - low)
    tried = jnp.concatenate([jnp.linspace(low, high, search), every, every - beside, every + beside])
    tried = jnp.sort(jnp.clip(tried, low, high))
    values = all_earned(tried)
    finite = jnp.all(jnp.isfinite(values))
    peaks = _local_maxima(values)

    def narrow(k: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        centres, best = found
        step = (high - low) / (search - 1) / 16.0**k
        near = jnp.clip(centres[:, None] + step * jnp.linspace(-1, 1, 33), low, high)
        earned = all_earned(near.ravel()).reshape(near.shape)
        near, earned = jnp.column_stack([centres, near]), jnp.column_stack([best, earned])
        chosen = jnp.argmax(earned, axis=1)[:, None]  # a round never loses what the last one found
        return jnp.take_along_axis(near, chosen, axis=1)[:, 0], jnp.take_along_axis(earned, chosen, axis=1)[:, 0]

    centres, best = jax.lax.fori_loop(0, ROUNDS, narrow, (tried[peaks], values[peaks]))
    first = jnp.argmax(best)
    return centres[first], jnp.where(finite, best[first], jnp.nan)


def _local_maxima(values: Array) -> Array:
    """Where the highest values are that no neighbour exceeds."""
    sides = jnp.pad(values, 1, constant_values=-jnp.inf)
    highest = (values >= sides[:-2]) & (values >= sides[2:])
    return jax.lax.top_k(jnp.where(highest, values, -jnp.inf), min(PEAKS, values.shape[0]))[1]


def _product(points: list[Array], size: int, entries: list[int]) -> Float[Array, "profiles n"]:
    """All combinations of the players' actions as action vectors, the last player's changing fastest."""
    mesh = [jnp.ravel(axis) for axis in jnp.meshgrid(*points, indexing="ij")]
    vectors = jnp.zeros((mesh[0].shape[0] if mesh else 1, size), mesh[0].dtype if mesh else None)
    for entry, values in zip(entries, mesh, strict=True):
        vectors = vectors.at[:, entry].set(values)
    return vectors


@eqx.filter_jit
def _payoffs_on(problem: Problem, points: tuple[Array, ...], entries: tuple[int, ...]) -> Array:
    vectors = _product(list(points), len(problem.lower), list(entries))
    payoffs = jax.lax.map(problem.payoffs, vectors, batch_size=CHUNK)
    return payoffs.T.reshape(len(points), *(own.shape[0] for own in points))


def _entries(problem: Problem) -> list[int]:
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
