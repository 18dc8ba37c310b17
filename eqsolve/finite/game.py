"""A game with finitely many strategies: payoffs as one tensor, mixed profiles, regret, pure equilibria."""

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import as_array, float_dtype, require_finite, unknown_name
from eqsolve._fields import player_names
from eqsolve._tables import number, table
from eqsolve.finite.profile import as_mixtures, deviation_values

Strategies = Mapping[str, Iterable[str]] | Sequence[Iterable[str]]


class FiniteGame(eqx.Module):
    r"""A simultaneous game in which every player has finitely many strategies.

    **Arguments:**

    - `payoffs`: entry `[i, s_1, ..., s_P]` is what player i earns when player k plays strategy `s_k`; shape
      `[players, n_1, ..., n_P]`, one player or more. A dict gives one tensor `[n_1, ..., n_P]` per player, by name.
    - `players`: the names; by default the keys of such a dict, or "player 1" and so on.
    - `strategies`: the names of each player's strategies, in the players' order or by player; by default "strategy 1"
      and so on.

    A mixed profile is written as one entry per player, by player or in their order: the name of a pure strategy, a dict
    from strategy to probability (0 where left out), or a vector of probabilities.

    `str()` prints the table of payoffs. Under `vmap` build the game from a traced tensor of payoffs.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; NaN and infinite payoffs are
    refused where they are concrete.
    **Source:** Nash (1951).

    >>> game = FiniteGame(
    ...     {"row": [[3, 0], [5, 1]], "column": [[3, 5], [0, 1]]},
    ...     strategies=[("quiet", "confess"), ("quiet", "confess")],
    ... )
    >>> print(game)
    row \ column  quiet  confess
    ------------  -----  -------
    quiet         3, 3   0, 5
    confess       5, 0   1, 1
    >>> game.pure_equilibria()
    (('confess', 'confess'),)
    >>> {player: float(gain) for player, gain in game.regret(("quiet", "confess")).items()}
    {'row': 1.0, 'column': 0.0}
    """

    payoffs: Float[Array, "players *strategies"]
    players: tuple[str, ...] = eqx.field(static=True)
    strategies: tuple[tuple[str, ...], ...] = eqx.field(static=True)

    def __init__(self, payoffs: Any, players: Iterable[str] | None = None, strategies: Strategies | None = None):
        self.payoffs, named = _tensor(payoffs)
        if self.payoffs.ndim < 2 or self.payoffs.ndim != self.payoffs.shape[0] + 1:
            raise ValueError(
                f"FiniteGame.payoffs has shape {self.payoffs.shape}; give [players, n_1, ..., n_P], one axis of"
                " strategies for each player."
            )
        count, sizes = self.payoffs.shape[0], self.payoffs.shape[1:]
        if 0 in sizes:
            raise ValueError(f"FiniteGame.payoffs has shape {self.payoffs.shape}; give every player a strategy.")
        self.players = player_names(named if players is None else players, count, "FiniteGame.players", "player")
        self.strategies = _strategy_names(strategies, self.players, sizes)
        require_finite(self, "FiniteGame")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of strategies of each player."""
        return self.payoffs.shape[1:]

    def mixtures(self, profile: Any) -> tuple[Float[Array, " strategies"], ...]:
        """A profile as one vector of probabilities per player, in their order."""
        return as_mixtures(self.players, self.strategies, profile, self.payoffs.dtype)

    def deviation_payoffs(self, profile: Any) -> OrderedDict[str, Float[Array, " strategies"]]:
        """By player, what each of its strategies earns against the others' part of `profile`."""
        mixtures = self.mixtures(profile)
        return self._by_player(deviation_values(self.payoffs[i], mixtures, i) for i in range(len(self.players)))

    def expected(self, profile: Any) -> OrderedDict[str, Float[Array, ""]]:
        """By player, the expected payoff of `profile`."""
        values = self.deviation_payoffs(profile).values()
        return self._by_player(jnp.sum(value * own) for value, own in zip(values, self.mixtures(profile), strict=True))

    def regret(self, profile: Any) -> OrderedDict[str, Float[Array, ""]]:
        """By player, the largest gain over `profile` by changing its own part: zero for all at an equilibrium only.

        No mixture gains more than the best pure strategy, so this is exact, up to rounding.
        """
        values, expected = self.deviation_payoffs(profile), self.expected(profile)
        return self._by_player(jnp.maximum(jnp.max(values[p]) - expected[p], 0.0) for p in self.players)

    def best_replies(self, profile: Any, tolerance: float = 0.0) -> OrderedDict[str, tuple[str, ...]]:
        """By player, the strategies that earn most against `profile`, or less by up to `tolerance`."""
        values = [np.asarray(value) for value in self.deviation_payoffs(profile).values()]
        best = [np.flatnonzero(value >= value.max() - tolerance) for value in values]
        names = [tuple(self.strategies[i][s] for s in chosen) for i, chosen in enumerate(best)]
        return OrderedDict(zip(self.players, names, strict=True))

    def pure_equilibria(self, tolerance: float = 0.0) -> tuple[tuple[str, ...], ...]:
        """All equilibria in pure strategies, each as one strategy per player; weak ones (with ties) included.

        **Arguments:** `tolerance`: a gain that counts as nothing, in the unit of the payoffs; 0 compares exactly, which
        is right for payoffs that are written down and may be too strict for payoffs that are computed.
        """
        payoffs = np.asarray(self.payoffs)
        content = [own >= own.max(axis=i, keepdims=True) - tolerance for i, own in enumerate(payoffs)]
        found = np.argwhere(np.logical_and.reduce(content))
        return tuple(tuple(names[s] for names, s in zip(self.strategies, at, strict=True)) for at in found)

    def restricted(self, kept: Mapping[str, Iterable[str]]) -> "FiniteGame":
        """The game in which the players named play only the strategies given, in the order given."""
        payoffs, strategies = self.payoffs, list(self.strategies)
        for player, names in kept.items():
            i = _position(player, self.players, "FiniteGame.restricted: player")
            chosen = tuple(names)
            where = [
                _position(name, strategies[i], f"FiniteGame.restricted: strategy of {player!r}") for name in chosen
            ]
            payoffs = jnp.take(payoffs, jnp.asarray(where, int), axis=i + 1)
            strategies[i] = chosen
        return FiniteGame(payoffs, self.players, strategies)

    def __str__(self) -> str:
        payoffs = np.asarray(self.payoffs)
        if len(self.players) == 2:
            rows, columns = self.strategies
            cells = [
                [f"{number(a)}, {number(b)}" for a, b in zip(*pair, strict=True)] for pair in zip(*payoffs, strict=True)
            ]
            return table((" \\ ".join(self.players), *columns), [(r, *c) for r, c in zip(rows, cells, strict=True)])
        earned = np.moveaxis(payoffs, 0, -1).reshape(-1, len(self.players))
        lines = zip(itertools.product(*self.strategies), earned, strict=True)
        header = (*self.players, *(f"payoff of {player}" for player in self.players))
        return table(header, [(*names, *map(number, values)) for names, values in lines])

    def _by_player(self, values: Iterable[Array]) -> OrderedDict[str, Array]:
        return OrderedDict(zip(self.players, values, strict=True))


def _tensor(payoffs: Any) -> tuple[Array, tuple[str, ...] | None]:
    """The payoffs as one tensor, and the players' names where they are a dict."""
    if not isinstance(payoffs, Mapping):
        return as_array(payoffs, float_dtype(payoffs), "FiniteGame.payoffs"), None
    dtype = float_dtype(dict(payoffs))
    tensors = {player: as_array(given, dtype, f"FiniteGame.payoffs[{player!r}]") for player, given in payoffs.items()}
    shapes = {player: tensor.shape for player, tensor in tensors.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"FiniteGame.payoffs has the shapes {shapes}; give every player a tensor of the same shape.")
    return jnp.stack(list(tensors.values())), tuple(payoffs)


def _strategy_names(
    given: Strategies | None, players: tuple[str, ...], sizes: tuple[int, ...]
) -> tuple[tuple[str, ...], ...]:
    if given is None:
        return tuple(tuple(f"strategy {k}" for k in range(1, size + 1)) for size in sizes)
    what = "FiniteGame.strategies"
    if isinstance(given, Mapping):
        if set(given) != set(players):
            raise ValueError(f"{what} names the players {list(given)}; give the strategies of {list(players)}.")
        given = [given[player] for player in players]
    if len(given) != len(players):
        raise ValueError(f"{what} has {len(given)} entries; give one list of names for each of {len(players)} players.")
    chosen = tuple(tuple(names) for names in given)
    for player, names, size in zip(players, chosen, sizes, strict=True):
        if len(names) != size or len(set(names)) != size:
            raise ValueError(f"{what} of {player!r} is {names}; give {size} different names, one per strategy.")
    return chosen


def _position(name: str, known: Sequence[str], what: str) -> int:
    if name not in known:
        raise ValueError(unknown_name(what, name, known))
    return list(known).index(name)
