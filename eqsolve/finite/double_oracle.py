"""Mixed play of two players who decide several numbers each, found by the double oracle.

Each player has a short list of actions. The finite game on the lists is solved exactly (learning rules may go round in
it); each player's best reply of its whole box to the other's mixture joins its list, until it gains next to nothing.
That gain is the certificate.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.finite.lemke_howson import bimatrix_equilibrium
from eqsolve.problem import Problem

MOST = 32  # actions per player; shorter lists are filled up with their first action, so that all compile once
SEARCHED = 41  # own actions per number, before the search narrows
NEAR = 9  # and in each round of narrowing
ROUNDS = 10
CHUNK = 256

Lists = Float[np.ndarray, "2 actions k"]


@dataclasses.dataclass(frozen=True)
class Mixture:
    """What two players do with which probability, and what a deviation would earn.

    **Fields:** `actions` `[player, action, number]` and `probabilities` `[player, action]`; by player, `payoff` and
    `gain`, what the best deviation found in the whole box would add to it.
    """

    actions: np.ndarray
    probabilities: np.ndarray
    payoff: np.ndarray
    gain: np.ndarray


def grid_regret(problem: Problem, points: int) -> tuple[float, Lists]:
    """The smallest regret of any profile on a grid of actions, against deviations on the grid; and that profile."""
    entries = _entries(problem)
    lower, upper = np.asarray(problem.lower), np.asarray(problem.upper)
    axes = [[np.linspace(lower[j], upper[j], points) for j in own] for own in entries]
    grids = np.stack([np.stack([m.ravel() for m in np.meshgrid(*axis, indexing="ij")], axis=1) for axis in axes])
    first, second = np.asarray(_payoffs(problem, jnp.asarray(grids)))
    regret = np.maximum(first.max(axis=0) - first, second.max(axis=1)[:, None] - second)
    i, j = np.unravel_index(regret.argmin(), regret.shape)
    return float(regret[i, j]), np.stack([grids[0][[i]], grids[1][[j]]])


def mixed_play(problem: Problem, start: Lists, tolerance: float) -> Mixture:
    """Mixed play from which no player gains more than `tolerance` times its payoff's size, or the best found.

    **Arguments:** `start`: lists of actions to begin with, at least one per player.
    """
    lists, best = start, None
    while True:
        short = MOST - lists.shape[1]
        padded = np.concatenate([lists, np.repeat(lists[:, :1], short, axis=1)], axis=1)
        tensor = np.asarray(_payoffs(problem, jnp.asarray(padded)), float)
        played = bimatrix_equilibrium(*tensor[:, : lists.shape[1], : lists.shape[1]])
        mixtures = np.stack([np.pad(own, (0, short)) for own in played])
        payoff = np.einsum("pij,i,j->p", tensor, *mixtures)
        replies, earned = (
            np.asarray(part) for part in _replies(problem, jnp.asarray(padded), jnp.asarray(mixtures, lists.dtype))
        )
        found = Mixture(padded, mixtures, payoff, np.maximum(earned - payoff, 0.0))
        if best is None or found.gain.max() < best.gain.max():
            best = found
        if np.all(best.gain <= tolerance * np.abs(best.payoff)) or not short or not np.all(np.isfinite(earned)):
            return best
        lists = np.concatenate([lists, replies[:, None]], axis=1)


def _entries(problem: Problem) -> np.ndarray:
    """Where each player's numbers stand in the vector of actions."""
    return np.stack([np.flatnonzero(problem.owners == player) for player in (0, 1)])


@eqx.filter_jit
def _payoffs(problem: Problem, lists: Float[Array, "2 n k"]) -> Float[Array, "2 n n"]:
    """Both players' payoffs for all pairs of their actions."""
    entries, count = _entries(problem), lists.shape[1]

    def payoffs(pair: Array) -> Array:
        x = jnp.zeros_like(problem.lower)
        return problem.payoffs(x.at[entries[0]].set(lists[0][pair[0]]).at[entries[1]].set(lists[1][pair[1]]))

    pairs = jnp.stack(jnp.meshgrid(jnp.arange(count), jnp.arange(count), indexing="ij"), axis=-1).reshape(-1, 2)
    return jax.lax.map(payoffs, pairs, batch_size=CHUNK).T.reshape(2, count, count)


@eqx.filter_jit
def _replies(
    problem: Problem, lists: Float[Array, "2 n k"], mixtures: Float[Array, "2 n"]
) -> tuple[Float[Array, "2 k"], Float[Array, "2"]]:
    """Each player's best action against the other's mixture, searched over its whole box, and what it earns."""
    entries = jnp.asarray(_entries(problem))

    def reply(player: Array) -> tuple[Array, Array]:
        mine, theirs = entries[player], entries[1 - player]
        low, high = problem.lower[mine], problem.upper[mine]

        def earned(own: Array) -> Array:
            x = jnp.zeros_like(problem.lower).at[mine].set(own)
            values = jax.vmap(lambda rival: problem.payoffs(x.at[theirs].set(rival))[player])(lists[1 - player])
            return jnp.sum(mixtures[1 - player] * values)

        def best(tried: Array) -> tuple[Array, Array]:
            values = jax.lax.map(earned, tried, batch_size=CHUNK)
            top = jnp.argmax(values)
            return tried[top], values[top]

        def narrow(k: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
            near = 2 * (high - low) / (SEARCHED - 1) / 3.0**k
            return best(jnp.clip(found[0] + near * _cube(NEAR, low), low, high))  # its own middle is among them

        return jax.lax.fori_loop(0, ROUNDS, narrow, best(low + (high - low) * (1 + _cube(SEARCHED, low)) / 2))

    return jax.lax.map(reply, jnp.arange(2))


def _cube(points: int, like: Array) -> Float[Array, "points k"]:
    """A grid of the cube from -1 to 1, its middle included."""
    side = jnp.linspace(-1.0, 1.0, points, dtype=like.dtype)
    return jnp.stack([axis.ravel() for axis in jnp.meshgrid(*[side] * like.shape[0])], axis=1)
