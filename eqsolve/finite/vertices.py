"""All equilibria of a small two-player game, by enumerating the vertices of the players' best-reply polytopes.

With positive payoffs A (row) and B (column), the row player's polytope holds the x >= 0 with x B <= 1, the column
player's the y >= 0 with A y <= 1: mixtures divided by the best payoff the other player can get against them. An
inequality that binds says that a strategy is not played, or that it is a best reply. A pair of vertices is an
equilibrium, once divided by its sums, if every strategy is one or the other.

In a nondegenerate game this finds what comparing supports of equal size finds; in a degenerate one it also finds the
ends of every continuum of equilibria, which equal supports miss.
"""

import dataclasses
import itertools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._tables import number, table
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.mixed import MixedEquilibrium, judged

BINDING = 1e-9  # payoffs are scaled to [1, 2]: a smaller gap between two of them is a tie
SINGULAR = 1e-12  # a smaller determinant, with rows of length one: the inequalities meet in no single point
MOST = 200_000  # sets of inequalities that are tried, per player
CHUNK = 20_000


@dataclasses.dataclass(frozen=True)
class MixedEquilibriumSet:
    """The extreme equilibria of a two-player game: all equilibria are these and mixtures of some of them.

    **Fields:** `equilibria`, with their regrets. `components`: indices into them, grouped so that equilibria of a
    group share a player's mixture with the next one; a group of one is an isolated equilibrium, in a larger one the
    mixtures between those that share the other player's mixture are equilibria too. `degenerate`: whether some mixture
    has more best replies than strategies it plays, the case in which such continua can arise.
    """

    equilibria: tuple[MixedEquilibrium, ...]
    components: tuple[tuple[int, ...], ...]
    degenerate: bool

    def __len__(self) -> int:
        return len(self.equilibria)

    def __getitem__(self, index: int) -> MixedEquilibrium:
        return self.equilibria[index]

    def __str__(self) -> str:
        continua = sum(len(group) > 1 for group in self.components)
        kind = "degenerate" if self.degenerate else "nondegenerate"
        head = f"{len(self)} extreme equilibria of a {kind} game, {continua} continua"
        group = {index: place for place, members in enumerate(self.components, 1) for index in members}
        rows: list[tuple[str, ...]] = []
        for index, found in enumerate(self.equilibria):
            mixtures = [", ".join(f"{s} {number(p)}" for s, p in own.items()) for own in found.named().values()]
            rows.append(
                (str(group[index]), *mixtures, *map(number, found.payoffs.values()), number(found.relative_regret))
            )
        players = list(self.equilibria[0].payoffs)
        header = ("component", *players, *(f"payoff of {player}" for player in players), "relative regret")
        return f"{head}\n\n{table(header, rows)}"


def enumerate_mixed(game: FiniteGame) -> MixedEquilibriumSet:
    """All extreme equilibria, pure and mixed, of a game with two players: exact up to rounding.

    Work grows like the number of ways to choose n of m + n: for up to 9 strategies each. Remove dominated strategies
    first (`without_dominated`), or use `solve_mixed`.

    **Arguments:** `game`: two players, concrete payoffs. Payoffs that differ by less than 1e-9 of a player's range are
    treated as equal.
    **Returns:** a `MixedEquilibriumSet`, never empty; computed in NumPy in 64 bit.
    **Errors:** `TypeError` and `ValueError` for other games, or too many strategies.
    **Source:** von Stengel, Computing equilibria for two-person games, in Aumann and Hart, *Handbook of Game Theory* 3
    (2002), sections 2.3 and 3.

    >>> battle = FiniteGame([[[2, 0], [0, 1]], [[1, 0], [0, 2]]], strategies=[("opera", "match")] * 2)
    >>> found = enumerate_mixed(battle)
    >>> len(found), [round(float(p), 4) for p in found[-1].probabilities["player 1"]], found.degenerate
    (3, [0.0, 1.0], False)
    """
    if not isinstance(game, FiniteGame):
        raise TypeError(f"enumerate_mixed got {game!r}; give a FiniteGame.")
    if len(game.players) != 2:
        raise ValueError(f"enumerate_mixed: the game has {len(game.players)} players; use solve_mixed beyond two.")
    rows, columns = game.sizes
    if (sets := math.comb(rows + columns, rows)) > MOST:
        raise ValueError(
            f"enumerate_mixed: {rows} and {columns} strategies make {sets} sets of inequalities, more than {MOST};"
            " remove dominated strategies (without_dominated) or use solve_mixed."
        )
    first, second = (positive_payoffs(own) for own in np.asarray(game.payoffs, float))
    # labels: the row player's strategies, then the column player's
    x, x_binds = _vertices(second.T, own_first=True)
    y, y_binds = _vertices(first, own_first=False)
    pairs = [
        (i, j)
        for i, j in zip(*np.nonzero(_complementary(x_binds, y_binds)), strict=True)
        if x[i].sum() > 0 and y[j].sum() > 0  # the two origins complement each other, and are no mixtures
    ]
    tolerance = max(10 * BINDING, 64 * float(jnp.finfo(game.payoffs.dtype).eps))
    equilibria = tuple(judged(game, (_mixture(game, x[i]), _mixture(game, y[j])), 0, tolerance) for i, j in pairs)
    degenerate = bool(np.any(x_binds.sum(axis=1) > rows) or np.any(y_binds.sum(axis=1) > columns))
    return MixedEquilibriumSet(equilibria, _components(pairs), degenerate)


def positive_payoffs(own: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Payoffs shifted and scaled into [1, 2], which changes no equilibrium."""
    return 1 + (own - own.min()) / (np.ptp(own) or 1.0)


def _vertices(
    against: Float[np.ndarray, "replies own"], *, own_first: bool
) -> tuple[Float[np.ndarray, "vertices own"], Bool[np.ndarray, "vertices labels"]]:
    """The vertices of {z >= 0, against z <= 1} and which inequalities bind, `z >= 0` listed first or last."""
    replies, own = against.shape
    sides = np.concatenate([-np.eye(own), against])
    limits = np.concatenate([np.zeros(own), np.ones(replies)])
    lengths = np.linalg.norm(sides, axis=1)
    found: list[np.ndarray] = []
    choices = itertools.combinations(range(own + replies), own)
    while chunk := list(itertools.islice(choices, CHUNK)):
        chosen = np.array(chunk)
        systems = sides[chosen]
        regular = np.abs(np.linalg.det(systems / lengths[chosen][..., None])) > SINGULAR
        points = np.linalg.solve(systems[regular], limits[chosen[regular]][..., None])[..., 0]
        found.append(points[np.all(points @ sides.T <= limits + BINDING, axis=1)])
    points = np.maximum(np.concatenate(found), 0.0)
    binds = np.abs(points @ sides.T - limits) <= BINDING
    binds, where = np.unique(binds, axis=0, return_index=True)  # a vertex is known by what binds there
    points = np.where(binds[:, :own], 0.0, points[where])
    return points, binds if own_first else np.roll(binds, replies, axis=1)


def _complementary(
    x_binds: Bool[np.ndarray, "x labels"], y_binds: Bool[np.ndarray, "y labels"]
) -> Bool[np.ndarray, "x y"]:
    """Whether every strategy is not played or a best reply: no inequality is slack in both polytopes."""
    return (~x_binds).astype(int) @ (~y_binds).astype(int).T == 0


def _mixture(game: FiniteGame, vertex: Float[np.ndarray, " own"]) -> Float[Array, " own"]:
    return jnp.asarray(vertex / vertex.sum(), game.payoffs.dtype)


def _components(pairs: list[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Equilibria that are linked by sharing the mixture of one player, directly or through others."""
    groups: list[set[int]] = []
    for index, (i, j) in enumerate(pairs):
        linked = [group for group in groups if any(pairs[k][0] == i or pairs[k][1] == j for k in group)]
        groups = [group for group in groups if group not in linked] + [set().union({index}, *linked)]
    return tuple(sorted(tuple(sorted(group)) for group in groups))
