"""Learning rules for finite games: how players who adapt to each other move, step by step.

A rule knows payoffs that are scaled to [0, 1] and mixtures as vectors; `mixed.py` runs it, averages, and measures
regret.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.finite.profile import deviation_values

Mixtures = tuple[Float[Array, " strategies"], ...]


class LearningRule(eqx.Module):
    """How every player's mixture follows from what was played before; frozen, static settings only."""

    @abc.abstractmethod
    def start(self, mixtures: Mixtures) -> Any:
        """The rule's memory before the first step."""

    @abc.abstractmethod
    def step(self, payoffs: Array, memory: Any, played: Mixtures, average: Mixtures) -> tuple[Any, Mixtures]:
        """The memory and the mixtures played next, given the last ones and the average of all."""

    @abc.abstractmethod
    def weight(self, step: Array) -> Array:
        """The share of the mixtures of step 1, 2, ... in the average after it."""


class RegretMatching(LearningRule):
    r"""Play every strategy in proportion to the regret for not having played it before.

    After each step a strategy's regret grows by what it would have earned more than what was played. Players move in
    turn, each against the others' newest mixtures.

    **Arguments:** `plus`: cut negative regrets to zero at each step, and weigh step t by t in the average
    (regret-matching-plus, much faster); without it regrets are kept in full and steps weigh the same.

    The averages converge to an equilibrium in two-player zero-sum games, and in games that differ from one by terms
    that a player's own strategy does not touch (the all-pay auction). Elsewhere only joint play is known to converge,
    to the coarse correlated equilibria: read the regret.

    **Source:** Hart and Mas-Colell, A simple adaptive procedure leading to correlated equilibrium, Econometrica 68
    (2000), section 4 (c), with expected payoffs; Tammelin, Solving large imperfect information games using CFR+
    (2014).

    >>> RegretMatching() == RegretMatching(plus=True)
    True
    """

    plus: bool = eqx.field(default=True, static=True)

    def start(self, mixtures: Mixtures) -> Mixtures:
        """No regrets."""
        return tuple(jnp.zeros_like(own) for own in mixtures)

    def step(self, payoffs: Array, memory: Mixtures, played: Mixtures, average: Mixtures) -> tuple[Mixtures, Mixtures]:
        """Let each player in turn update its regrets and its mixture."""
        del average
        regrets, mixtures = list(memory), list(played)
        for i, tensor in enumerate(payoffs):
            values = deviation_values(tensor, mixtures, i)
            grown = regrets[i] + values - jnp.sum(values * mixtures[i])
            regrets[i] = jnp.maximum(grown, 0.0) if self.plus else grown
            mixtures[i] = _in_proportion(regrets[i])
        return tuple(regrets), tuple(mixtures)

    def weight(self, step: Array) -> Array:
        """Linear weights with `plus`, equal ones without."""
        return 2 / (step + 1) if self.plus else 1 / step


class FictitiousPlay(LearningRule):
    """Play a best reply to the average of what the others have played so far.

    Players move at the same time; of several best replies the first one listed is played. The start counts as one step.

    The averages converge in two-player zero-sum games, in games with identical interests and in 2 x 2 games, slowly
    (regret falls like one over the square root of the steps or worse); they may cycle elsewhere (Shapley 1964).

    **Source:** Brown, Iterative solution of games by fictitious play, in Koopmans, *Activity Analysis of Production and
    Allocation* (1951).

    >>> FictitiousPlay() == FictitiousPlay()
    True
    """

    def start(self, mixtures: Mixtures) -> tuple[()]:
        """Nothing but the average is remembered."""
        return ()

    def step(
        self, payoffs: Array, memory: tuple[()], played: Mixtures, average: Mixtures
    ) -> tuple[tuple[()], Mixtures]:
        """Let every player reply to the average."""
        del played
        replies: list[Array] = []
        for i, tensor in enumerate(payoffs):
            values = deviation_values(tensor, average, i)
            reply = jnp.where(jnp.arange(values.shape[0]) == jnp.argmax(values), 1.0, 0.0).astype(values.dtype)
            replies.append(jnp.where(jnp.any(jnp.isnan(values)), jnp.nan, reply))
        return memory, tuple(replies)

    def weight(self, step: Array) -> Array:
        """Equal weights; the start counts as one step."""
        return 1 / (step + 1)


def _in_proportion(regrets: Array) -> Array:
    """A mixture in proportion to the positive regrets; uniform without any. NaN stays NaN."""
    positive = jnp.maximum(regrets, 0.0)
    total = jnp.sum(positive)
    return jnp.where(total == 0, 1 / regrets.shape[0], positive / jnp.where(total == 0, 1.0, total))
