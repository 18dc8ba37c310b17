"""Mixed equilibria by learning: run a rule, average what is played, measure the regret of the average."""

from collections import OrderedDict
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from eqsolve._tables import number, table
from eqsolve.finite.game import FiniteGame
from eqsolve.finite.learning import LearningRule, Mixtures, RegretMatching
from eqsolve.finite.profile import deviation_values

BLOCK = 100  # steps between two measurements of regret, which cost as much as a step
SHOWN = 1e-6  # smaller probabilities are not printed


class MixedStatus(eqx.Enumeration):
    """How the search for a mixed equilibrium ended. Under `vmap` it is an array: compare with `==`."""

    converged = "No player gains more than the tolerance by changing its strategy."
    step_limit = (
        "The step limit was reached with a regret above the tolerance. Use the profile as the approximate equilibrium"
        " that its regret says it is; raise the limit, or enumerate the equilibria of a small game with two players."
    )
    nonfinite = "A payoff is NaN or infinite: nothing was computed."


class MixedEquilibrium(eqx.Module):
    """A mixed profile of a finite game and its regret, which is its certificate; always the same structure.

    **Fields** (a batch puts its axis in front of every array):

    - `probabilities`: by player, one per strategy; NaN where nothing was computed.
    - `payoffs`: by player, expected. `regret`: by player, the largest gain by any other strategy, in the same unit:
      exact up to rounding, because no mixture gains more than the best pure strategy.
    - `scale`: by player, highest minus lowest payoff of the game, which tolerances refer to.
    - `status`: a `MixedStatus`; `steps`: learning steps taken (0 for enumerated equilibria).
    - `strategies`: player -> names.

    `str()` prints a table.
    """

    probabilities: OrderedDict[str, Array]
    payoffs: OrderedDict[str, Array]
    regret: OrderedDict[str, Array]
    scale: OrderedDict[str, Array]
    status: MixedStatus
    steps: Int[Array, "..."]
    strategies: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)

    @property
    def solved(self) -> Bool[Array, "..."]:
        """Whether the regret is within the tolerance that was asked for."""
        return self.status == MixedStatus.converged

    @property
    def relative_regret(self) -> Float[Array, "..."]:
        """The largest regret of any player, as a share of its `scale`."""
        shares = [gain / jnp.where(self.scale[p] > 0, self.scale[p], 1.0) for p, gain in self.regret.items()]
        return jnp.max(jnp.stack(shares), axis=0)

    @property
    def is_pure(self) -> bool:
        """Whether every player plays one strategy for certain."""
        return all(len(own) == 1 for own in self.named().values())

    def named(self) -> dict[str, dict[str, float]]:
        """Player -> strategy -> probability, strategies that are never played left out."""
        names = dict(self.strategies)
        return {
            player: {s: float(p) for s, p in zip(names[player], np.asarray(mixture), strict=True) if p > 0}
            for player, mixture in self.probabilities.items()
        }

    def __str__(self) -> str:
        steps = np.asarray(self.steps)
        if steps.ndim:
            solved, worst = np.sum(np.asarray(self.solved)), np.max(np.asarray(self.relative_regret))
            return f"{steps.size} games, {solved} solved; the largest relative regret is {number(worst)}."
        played = [
            (player, strategy, number(p))
            for player, own in self.named().items()
            for strategy, p in own.items()
            if p > SHOWN
        ]
        earned = [(player, number(self.payoffs[player]), number(self.regret[player])) for player in self.payoffs]
        return "\n".join(
            [
                table(("player", "strategy", "probability"), played),
                "",
                table(("player", "payoff", "regret"), earned),
                "",
                f"relative regret {number(self.relative_regret)} after {int(steps)} steps: {MixedStatus[self.status]}",
            ]
        )


def solve_mixed(
    game: FiniteGame,
    method: LearningRule | None = None,
    start: Any = None,
    *,
    steps: int = 20_000,
    tolerance: float = 1e-3,
) -> MixedEquilibrium:
    """An approximate mixed equilibrium by learning, with its exact regret; runs under `jit` and `vmap`.

    **Arguments:** `method`: `RegretMatching()` by default, or `FictitiousPlay()`. `start`: a mixed profile; by default
    everything is equally likely. `steps`: at most so many, rounded up to hundreds. `tolerance`: the regret that counts
    as nothing, relative to the range of the player's payoffs.
    **Returns:** of the averages and the profiles played at every hundredth step, the one with the least regret. No
    learning rule finds the equilibria of every game: `status` and `regret` tell.
    **Errors:** `TypeError` and `ValueError` for a wrong method, profile or number of steps.
    **Source:** that of the method.

    >>> pennies = FiniteGame({"even": [[1, -1], [-1, 1]], "odd": [[-1, 1], [1, -1]]}, strategies=[("head", "tail")] * 2)
    >>> found = solve_mixed(pennies, start=({"head": 0.9, "tail": 0.1}, "head"))
    >>> [round(float(p), 2) for p in found.probabilities["even"]], bool(found.solved)
    ([0.5, 0.5], True)
    """
    if not isinstance(game, FiniteGame):
        raise TypeError(f"solve_mixed got {game!r}; give a FiniteGame (mixed_extension takes a continuous game).")
    method = RegretMatching() if method is None else method
    if not isinstance(method, LearningRule):
        raise TypeError(f"solve_mixed: method is {method!r}; give RegretMatching() or FictitiousPlay().")
    if steps < 1:
        raise ValueError(f"solve_mixed: steps is {steps}; give at least 1.")
    if not tolerance >= 0:
        raise ValueError(f"solve_mixed: tolerance is {tolerance}; give a number of at least 0.")
    uniform = tuple(jnp.full(size, 1 / size, game.payoffs.dtype) for size in game.sizes)
    return _learn(game, method, uniform if start is None else game.mixtures(start), -(-steps // BLOCK), tolerance)


class _Run(eqx.Module):
    memory: Any
    played: Mixtures
    average: Mixtures
    best: Mixtures
    regret: Float[Array, ""]
    blocks: Int[Array, ""]


@eqx.filter_jit
def _learn(game: FiniteGame, method: LearningRule, start: Mixtures, blocks: int, tolerance: float) -> MixedEquilibrium:
    scaled = _scaled(game.payoffs)

    def step(k: Array, carry: tuple[Any, Mixtures, Mixtures]) -> tuple[Any, Mixtures, Mixtures]:
        memory, played, average = carry
        memory, played = method.step(scaled, memory, played, average)
        weight = method.weight(k.astype(scaled.dtype))
        average = tuple(old + weight * (new - old) for old, new in zip(average, played, strict=True))
        return memory, played, average

    def block(run: _Run) -> _Run:
        first = run.blocks * BLOCK + 1
        memory, played, average = jax.lax.fori_loop(first, first + BLOCK, step, (run.memory, run.played, run.average))
        best, regret = run.best, run.regret
        for candidate in (average, played):
            candidate = tuple(own / jnp.sum(own) for own in candidate)
            gain = _largest_regret(scaled, candidate)
            better = gain < regret
            best = jax.tree.map(lambda new, old, better=better: jnp.where(better, new, old), candidate, best)
            regret = jnp.where(better, gain, regret)
        return _Run(memory, played, average, best, regret, run.blocks + 1)

    def unfinished(run: _Run) -> Array:
        return (run.blocks < blocks) & (run.regret > tolerance)  # NaN stops at once

    first = _Run(method.start(start), start, start, start, _largest_regret(scaled, start), jnp.zeros((), int))
    run = jax.lax.while_loop(unfinished, block, first)
    return judged(game, run.best, run.blocks * BLOCK, tolerance)


def judged(game: FiniteGame, mixtures: Mixtures, steps: Any, tolerance: float) -> MixedEquilibrium:
    """Name a profile and measure its regret."""
    scale = jnp.max(game.payoffs, axis=_strategy_axes(game.payoffs)) - jnp.min(
        game.payoffs, axis=_strategy_axes(game.payoffs)
    )
    finite = jnp.all(jnp.isfinite(game.payoffs))
    mixtures = tuple(jnp.where(finite, own, jnp.nan) for own in mixtures)
    regret = _largest_regret(_scaled(game.payoffs), mixtures)
    status = MixedStatus.where(regret <= tolerance, MixedStatus.converged, MixedStatus.step_limit)
    status = MixedStatus.where(jnp.isfinite(regret), status, MixedStatus.nonfinite)
    profile = dict(zip(game.players, mixtures, strict=True))
    return MixedEquilibrium(
        probabilities=OrderedDict(profile),
        payoffs=game.expected(profile),
        regret=game.regret(profile),
        scale=OrderedDict(zip(game.players, scale, strict=True)),
        status=status,
        steps=jnp.asarray(steps),
        strategies=tuple(zip(game.players, game.strategies, strict=True)),
    )


def _strategy_axes(payoffs: Array) -> tuple[int, ...]:
    return tuple(range(1, payoffs.ndim))


def _scaled(payoffs: Array) -> Array:
    """Each player's payoffs moved and stretched to [0, 1], so that units make no difference."""
    axes = _strategy_axes(payoffs)
    low, high = jnp.min(payoffs, axis=axes, keepdims=True), jnp.max(payoffs, axis=axes, keepdims=True)
    return (payoffs - low) / jnp.where(high > low, high - low, 1.0)


def _largest_regret(payoffs: Array, mixtures: Mixtures) -> Float[Array, ""]:
    gains: list[Array] = []
    for i, tensor in enumerate(payoffs):
        values = deviation_values(tensor, mixtures, i)
        gains.append(jnp.max(values) - jnp.sum(values * mixtures[i]))
    return jnp.max(jnp.stack(gains))
