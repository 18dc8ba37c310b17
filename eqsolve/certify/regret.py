"""Unilateral regret: what each player could gain by the best deviation found anywhere in its own box."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from eqsolve.problem import Problem
from eqsolve.solvers.search import Search, best_reply


class Regret(eqx.Module):
    """What deviations would earn.

    Per player: payoff, gain of the best deviation, points without a finite payoff. Per entry: its owner's best
    deviation and the spacing of the grid searched (NaN where starts were used).
    """

    payoffs: Float[Array, " players"]
    gains: Float[Array, " players"]
    nonfinite: Int[Array, " players"]
    deviations: Float[Array, " n"]
    spacing: Float[Array, " n"]


def unilateral_regret(
    problem: Problem, x: Float[Array, " n"], search: Search, payoffs: Float[Array, " players"] | None = None
) -> Regret:
    """The regret of every player at `x`, by a global search that uses payoffs first and derivatives to refine.

    **Arguments:** `payoffs`: what the players earn without deviating, where it is not the payoff at `x`.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> from eqsolve.problem import problem_of
    >>> problem = problem_of(Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game())
    >>> unilateral_regret(problem, jnp.array([2.0, 3.0]), Search()).gains.round(6)
    Array([1.  , 0.25], dtype=float64)
    """
    limits = search.limits(problem)
    payoffs = problem.payoffs(x) if payoffs is None else payoffs
    gains = jnp.zeros_like(payoffs)
    nonfinite = jnp.zeros(payoffs.shape, int)
    deviations, spacing = x, jnp.full_like(x, jnp.nan)
    for players, entries in problem.groups:
        reply = jax.vmap(lambda p, e: best_reply(problem, search, limits, x, p, e))(
            jnp.asarray(players), jnp.asarray(entries)
        )
        gain = reply.payoff - payoffs[players]
        gains = gains.at[players].set(jnp.where(gain < 0, 0.0, gain))  # rounding; NaN stays NaN
        nonfinite = nonfinite.at[players].set(reply.nonfinite)
        deviations = deviations.at[entries].set(reply.own)
        spacing = spacing.at[entries].set(reply.spacing)
    return Regret(payoffs, gains, nonfinite, deviations, spacing)
