"""How eqsolve's cost per game grows with the number of games, players, actions per player and quadrature nodes.

    python benchmarks/scaling.py [--most 1000000] [--repeats 5] [--quick]

The number of games is varied in processes of their own, for the memory: the fungible-capacity game with the second
shock in closed form. The rest is Cournot competition with `actions` products per firm, in which costs rise with what a
firm makes of all its products, and whose intercept is uncertain: the expectation is a sum over `nodes` nodes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import fungible_truth
import jax
import jax.numpy as jnp
import numpy as np
from common import options, save, table, timed
from contenders import CONTENDERS, run
from fungible import by_parts

import eqsolve as eqs

Params = dict[str, Any]
CONSTANT = 1.2  # cost per game may vary by 20 percent
CONSTANT_FROM = 10_000  # games


@dataclasses.dataclass(frozen=True)
class Point:
    """What one size took: seconds of a later call and of the first, the share solved, and memory where it is known."""

    varied: str
    value: int
    games: int
    seconds: float
    first: float
    solved: float
    megabytes: float | None = None

    @property
    def label(self) -> str:
        """What identifies the point in a comparison of runs."""
        return f"{self.varied} {self.value:,}"

    def cells(self, base: "Point") -> tuple[str, ...]:
        """The point as text, with its cost per game relative to the smallest size."""
        each, first = self.seconds / self.games, base.seconds / base.games
        memory = "" if self.megabytes is None else f"{self.megabytes:.0f}"
        return (
            self.varied, f"{self.value:,}", f"{self.games:,}", f"{1e6 * each:.3g}", f"{each / first:.3g}",
            f"{self.first - self.seconds:.2g}", memory, f"{100 * self.solved:.4g} %",
        )  # fmt: skip


HEADER = ("varied", "value", "games", "µs per game", "x smallest", "compile s", "MB solving", "solved")


def over_games(sizes: Sequence[int], repeats: int) -> list[Point]:
    """The fungible-capacity game by its best rule, more and more of them."""
    contender = next(c for c in CONTENDERS if (c.name, c.rule) == ("eqsolve", "by parts"))
    points = []
    for games in sizes:
        found = run(contender, games, repeats)
        solved, memory = float(np.mean(found.solved)), found.peak - found.start
        points.append(Point("games", games, games, found.later, found.first, solved, memory))
    return points


def result_bytes() -> int:
    """What the result of one fungible-capacity game takes."""
    shapes = jax.eval_shape(
        eqs.batch(by_parts), {name: jnp.asarray(value) for name, value in fungible_truth.games(1).items()}
    )
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


# ---- Cournot competition with several products and an uncertain intercept ----


def profits(params: Params, actions: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Expected profits, by firm: every product has its own market, demand is shared by all states."""
    quantity, nodes = actions["quantity"], params["nodes"]
    prices = jnp.maximum(nodes[:, None] - jnp.sum(quantity, axis=0), 0.0)  # in every state, of every product
    effort = jnp.sum(quantity, axis=1)
    revenue = jnp.mean(prices, axis=0) * quantity
    return {"profit": jnp.sum(revenue - params["cost"][:, None] * quantity, axis=1) - 0.05 * effort**2}


def markets(games: int, firms: int, products: int, nodes: int) -> tuple[Params, Any]:
    """Random markets, and which of their parameters are batched."""
    rng = np.random.default_rng(20240501)
    params = {
        "cost": rng.uniform(1, 2, (games, firms)),
        "nodes": np.linspace(8.0, 12.0, nodes),
        "products": np.zeros(products),
    }
    return params, {"cost": 0, "nodes": None, "products": None}


def make(params: Params) -> eqs.Game:
    """The game of one market."""
    firms, products = params["cost"].shape[0], params["products"].shape[0]
    names = [f"firm {i + 1}" for i in range(firms)]
    share = jnp.eye(firms)
    return eqs.Game(
        params,
        actions=[eqs.Action("quantity", (firms, products), names)],
        bounds=eqs.Box({"quantity": 0.0}, {"quantity": 12.0}),
        expected=profits,
        pay={name: {"profit": share[i]} for i, name in enumerate(names)},
        total={"profit": 1.0},
    )


def over(varied: str, values: Sequence[int], games: int, repeats: int) -> list[Point]:
    """The markets at growing numbers of what is varied."""
    points = []
    for value in values:
        size = {"firms": 2, "products": 1, "nodes": 16} | {varied: value}
        params, axes = markets(games, **size)
        solve = eqs.batch(make, axes)
        first, _ = timed(lambda solve=solve, params=params: solve(params))
        seconds, found = timed(lambda solve=solve, params=params: solve(params), repeats)
        points.append(Point(varied, value, games, seconds, first, float(np.mean(found.solved))))
    return points


def verdicts(points: Sequence[Point]) -> list[str]:
    """Whether cost per game and memory stay constant over the number of games."""
    large = [point for point in points if point.varied == "games" and point.value >= CONSTANT_FROM]
    if len(large) < 2:
        return []
    each = [point.seconds / point.games for point in large]
    spread = max(each) / min(each)
    least, most = large[0], large[-1]
    assert least.megabytes is not None
    assert most.megabytes is not None
    growth = 2**20 * (most.megabytes - least.megabytes) / (most.games - least.games)
    return [
        f"cost per game from {least.games:,} to {most.games:,} games varies by a factor of {spread:.3g}"
        f" (goal: {CONSTANT}): {'met' if spread <= CONSTANT else 'not met'}",
        f"memory while solving grows by {growth:.0f} bytes per game, of which {result_bytes()} are the result",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, print the table, save it."""
    parser = options(__doc__)
    parser.add_argument("--most", type=int, default=1_000_000, help="the largest number of games")
    parser.add_argument("--repeats", type=int, default=5, help="later calls, of which the shortest counts")
    given = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    points: list[Point] = []
    if given.quick:
        points += over("nodes", [4], 100, 1)
    else:
        points += over_games([n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= given.most], given.repeats)
        points += over("firms", [2, 4, 8, 16], 10_000, given.repeats)
        points += over("products", [1, 2, 4, 8], 10_000, given.repeats)
        points += over("nodes", [4, 16, 64, 256], 10_000, given.repeats)
    base = {point.varied: point for point in reversed(points)}
    print(table(HEADER, [point.cells(base[point.varied]) for point in points]))
    found = verdicts(points)
    print("\n".join(found))
    save(
        "scaling",
        given.output,
        measured={point.label: point.seconds for point in points},
        points=[dataclasses.asdict(point) for point in points],
        verdicts=found,
    )


if __name__ == "__main__":
    main()
