"""The certificate of a mixed profile: the best deviation of every player over its whole interval of actions."""

from collections import OrderedDict
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tables import number, table
from eqsolve.finite.extension import CHUNK, MixedExtension, own_entries, product_of
from eqsolve.problem import Problem, problem_of

PEAKS = 8  # of the deviations searched, so many local maxima are refined
ROUNDS = 5  # each narrows the search around a peak sixteenfold
BESIDE = 1e-6  # of the box: the distance to a rival's action at which undercutting it is tried


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


def certify_mixed(extension: MixedExtension, profile: Any, search: int = 2001) -> MixedCertificate:
    """Search every player's whole interval for the best deviation from a mixed profile, whoever computed it.

    **Arguments:** `profile`: a `MixedEquilibrium` of `extension.finite`, or probabilities of the actions of the grid by
    player. `search`: equally spaced actions tried per player; to these come the actions of the grid, all players'
    actions and what lies closely beside them, and a refinement around the highest local maxima.
    **Returns:** a `MixedCertificate`.
    **Errors:** `TypeError` and `ValueError` for a wrong profile, or fewer than two actions.
    **Source:** Nash (1951): against a mixture no mixture earns more than the best action.

    >>> from eqsolve import game_from_payoffs
    >>> from eqsolve.finite import mixed_extension
    >>> def payoff(params, actions):
    ...     return 1 - (actions["x"] - 0.3) ** 2
    >>> extension = mixed_extension(game_from_payoffs({"x": payoff}, {"x": (0, 1)}), grid=3)
    >>> certificate = certify_mixed(extension, {"x": [0.5, 0.5, 0.0]})
    >>> round(float(certificate.deviation["x"]), 3), round(float(certificate.gain["x"]), 3)
    (0.3, 0.065)
    """
    if not isinstance(extension, MixedExtension):
        raise TypeError(f"certify_mixed got {extension!r}; give a MixedExtension, from mixed_extension(game).")
    if search < 2:
        raise ValueError(f"certify_mixed: search is {search}; give at least 2.")
    return _certify(extension, extension.mixtures(profile), search)


@eqx.filter_jit
def _certify(extension: MixedExtension, mixtures: tuple[Array, ...], search: int) -> MixedCertificate:
    problem, finite = problem_of(extension.game), extension.finite
    entries = own_entries(problem)
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
    faced = product_of([points[j] for j in others], len(problem.lower), [entries[j] for j in others])
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
