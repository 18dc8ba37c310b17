"""What a solver sees of a game: one vector of actions in a box, payoffs, and each entry's own marginal payoff."""

from collections import OrderedDict
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._shapes import shapes_of
from eqsolve.game import Game
from eqsolve.linalg import UNROLLED, row_sums

UNGATHERED = 16  # up to so many entries are picked one by one


class Problem(eqx.Module):
    """A game with its actions laid out as one vector.

    `lower`, `upper` have shape `[n]`; `weights` holds, per paid outcome, one coefficient array per player. Built once
    outside a solver's loop by `problem_of`.
    """

    game: Game
    lower: Float[Array, " n"]
    upper: Float[Array, " n"]
    weights: OrderedDict[str, Array]

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.decisions

    @property
    def decisions(self) -> int:
        """How many of the entries are actions: all of them, unless prices of shared constraints follow."""
        return sum(action.size for action in self.game.actions)

    @property
    def typical(self) -> Float[Array, " n"]:
        """What counts as a small size of each entry besides what its value, start and box say; zero if nothing."""
        return jnp.zeros_like(self.lower)

    @property
    def owners(self) -> np.ndarray:
        """The player (by position) who owns each entry."""
        position = {player: index for index, player in enumerate(self.game.players)}
        return np.array([position[owner] for action in self.game.actions for owner in action.owners])

    @property
    def groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Players grouped by how many entries they own: (players `[g]`, their entries `[g, k]`), fewest first."""
        owned = [np.flatnonzero(self.owners == player) for player in range(self.owners.max() + 1)]
        sizes = sorted({len(entries) for entries in owned})
        members = {k: [player for player, entries in enumerate(owned) if len(entries) == k] for k in sizes}
        return [(np.array(members[k]), np.stack([owned[player] for player in members[k]])) for k in sizes]

    def actions(self, x: Float[Array, " n"]) -> OrderedDict[str, Array]:
        """The vector as named actions."""
        ends = np.cumsum([action.size for action in self.game.actions])
        pieces = zip(self.game.actions, ends, strict=True)
        return OrderedDict((a.name, x[end - a.size : end].reshape(a.shape)) for a, end in pieces)

    def vector(self, actions: Mapping[str, Array]) -> Float[Array, " n"]:
        """Named actions as one vector."""
        dtype = self.lower.dtype
        return jnp.concatenate([jnp.ravel(jnp.asarray(actions[a.name], dtype)) for a in self.game.actions])

    def walls(self, x: Float[Array, " n"]) -> Float[Array, "m n"]:
        """Directions in which a shared constraint stops every player who cares: one row per constraint, none here."""
        return jnp.zeros((0, self.size), x.dtype)

    def terms(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """A size of the terms of each entry's marginal payoff that its own moves do not reveal; zero where they do."""
        return jnp.zeros_like(x)

    def adjusted(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """`x` with the entries that are no actions as they follow from the actions, where they do."""
        return x

    def consistent(self) -> Bool[Array, ""]:
        """Whether some point of the box keeps all shared constraints."""
        return jnp.asarray(True)

    def is_open(self, x: Float[Array, " n"]) -> Bool[Array, ""]:
        """Whether the actions can be taken."""
        return self.game.is_open(self.actions(x))

    @eqx.filter_jit
    def payoffs(self, x: Float[Array, " n"]) -> Float[Array, " players"]:
        """Every player's objective; minus infinity where later stages would have nothing to choose."""
        expected, is_open = self.game.offered(self.actions(x))
        return jnp.where(is_open, self.earned(expected), -jnp.inf)

    @eqx.filter_jit
    def marginal(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """The pseudogradient: each entry's derivative of its owner's objective."""
        if self.game.jacobian is not None:
            return self._supplied_marginal(x)
        return _own_entries(self._gradients(x), self.owners)

    @eqx.filter_jit
    def marginal_and_jacobian(self, x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
        """The pseudogradient and its derivative in all actions."""
        if self.game.jacobian is not None and self.size <= UNROLLED:
            # one derivative at a time: in a batch all numbers are then of one shape, and run through one loop
            marginal, move = jax.linearize(self.marginal, x)
            units = np.eye(self.size)
            return marginal, jnp.stack([move(jnp.asarray(unit, x.dtype)) for unit in units], axis=1)

        def twice(x: Array) -> tuple[Array, Array]:
            marginal = self.marginal(x)
            return marginal, marginal

        jacobian, marginal = jax.jacfwd(twice, has_aux=True)(x)
        return marginal, jacobian

    def earned(self, expected: Mapping[str, Array]) -> Float[Array, " players"]:
        """Every player's objective from expected outcomes."""
        # a sum of one product per outcome: XLA then evaluates only the outcomes that are paid
        terms = [
            jnp.sum(weight * expected[name], axis=tuple(range(1, weight.ndim))) for name, weight in self.weights.items()
        ]
        return sum(terms, start=jnp.zeros(len(self.game.players), self.lower.dtype))

    def _gradients(self, x: Array) -> Float[Array, "players n"]:
        values, pull = jax.vjp(self.payoffs, x)
        return jax.vmap(pull)(jnp.eye(values.shape[0], dtype=values.dtype))[0]

    def _supplied_marginal(self, x: Array) -> Float[Array, " n"]:
        """The same from the mechanism's Jacobian of expected outcomes, whatever the pay of the moment."""
        game, actions = self.game, self.actions(x)
        expected = game.primary(actions)
        adjoints = self._adjoints(expected)
        # an outcome that is neither paid nor behind a paid derived outcome must not be touched: its slope may be
        # infinite
        used = set(adjoints)
        jacobian = {name: row for name, row in game.slopes(actions).items() if name in used}
        absent = [name for name in expected if name in used and name not in jacobian]
        if absent:
            jacobian |= jax.jacfwd(lambda a: {name: game.primary(a)[name] for name in absent})(actions)
        ends = np.cumsum([action.size for action in game.actions])
        pieces = []
        for action, end in zip(game.actions, ends, strict=True):
            owners = self.owners[end - action.size : end]
            piece = jnp.zeros(action.size, self.lower.dtype)
            for name, row in jacobian.items():
                if action.name in row:
                    slopes = jnp.moveaxis(row[action.name].reshape(-1, action.size), -1, 0)
                    adjoint = _rows(adjoints[name].reshape(adjoints[name].shape[0], -1), owners)
                    piece += row_sums(adjoint * slopes)
            pieces.append(piece)
        return jnp.concatenate(pieces)

    def _adjoints(self, expected: Mapping[str, Array]) -> dict[str, Array]:
        """By outcome that matters to pay: what one more unit of it is worth to each player, `[players, *outcome]`."""
        if not set(self.weights) - set(expected):
            return dict(self.weights)
        values, pull = jax.vjp(lambda e: self.earned(e | self.game.derive(e)), expected)
        return dict(jax.vmap(pull)(jnp.eye(values.shape[0], dtype=values.dtype))[0])


def _own_entries(gradients: Float[Array, "players n"], owners: np.ndarray) -> Float[Array, " n"]:
    """Each entry's slope of its owner's payoff; for few entries without a gather, which is slow in a batch."""
    if owners.size > UNGATHERED:
        return gradients[owners, np.arange(owners.size)]
    return jnp.stack([jax.lax.slice(gradients, (o, j), (o + 1, j + 1)).reshape(()) for j, o in enumerate(owners)])


def _rows(table: Float[Array, "players ..."], owners: np.ndarray) -> Float[Array, "entries ..."]:
    """The owners' rows; without a gather where each player owns one entry in turn, or one player owns all."""
    if np.array_equal(owners, np.arange(table.shape[0])):
        return table
    if np.all(owners == owners[0]):
        return table[owners[0] : owners[0] + 1]
    return table[owners]


def problem_of(game: Game) -> Problem:
    """Lay a game of one stage out for the solvers."""
    if len(game.order) > 1:
        raise ValueError(f"The game has the stages {game.order}; a solver sees one stage at a time (`StageGame`).")
    lower, upper = game.limits()
    actions = {a.name: jax.ShapeDtypeStruct(a.shape, game.dtype) for a in game.actions}
    shapes = shapes_of(type(game).expect, game, actions)
    names = [name for name in shapes if any(name in pay for pay in game.pay.values())]

    def weight(player: str, name: str) -> Array:
        return jnp.broadcast_to(game.pay[player].get(name, jnp.zeros((), game.dtype)), shapes[name].shape)

    weights = OrderedDict((name, jnp.stack([weight(player, name) for player in game.players])) for name in names)

    def flat(limits: dict[str, Array]) -> Array:
        return jnp.concatenate([jnp.ravel(limits[a.name]) for a in game.actions])

    return Problem(game, flat(lower), flat(upper), weights)
