"""Correlated equilibria: a device recommends strategies, and nobody gains by doing something else than it says."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from eqsolve._checks import unknown_name
from eqsolve._tables import number, table
from eqsolve.finite._linear import maximise
from eqsolve.finite.game import FiniteGame

SHOWN = 1e-9  # smaller probabilities are not printed


@dataclasses.dataclass(frozen=True)
class CorrelatedEquilibrium:
    """A distribution over the profiles of a game, and what disobeying its recommendations would gain.

    **Fields:** `probabilities`: shape `[n_1, ..., n_P]`. `payoffs`: by player, expected. `gain`: by player, the largest
    gain by replacing one recommended strategy by another one, weighed with the probability of the recommendation; zero
    up to rounding. `objective`: what was optimised, at the optimum. `players`, `strategies`: the names.
    """

    probabilities: Float[np.ndarray, "*strategies"]
    payoffs: dict[str, float]
    gain: dict[str, float]
    objective: float
    players: tuple[str, ...]
    strategies: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        profiles = zip(itertools.product(*self.strategies), self.probabilities.ravel(), strict=True)
        recommended = [(*names, number(p)) for names, p in profiles if p > SHOWN]
        earned = [(player, number(self.payoffs[player]), number(self.gain[player])) for player in self.players]
        tables = [table((*self.players, "probability"), recommended), table(("player", "payoff", "gain"), earned)]
        return "\n\n".join(tables)


def correlated_equilibrium(
    game: FiniteGame, objective: Mapping[str, float] | None = None, *, worst: bool = False
) -> CorrelatedEquilibrium:
    """The correlated equilibrium that is best, or worst, for an objective: a linear programme.

    The programme has one variable per pure profile and is held as a dense table: for up to some thousands of profiles.

    **Arguments:** `game`: with concrete payoffs. `objective`: player -> weight of its payoff, 0 where left out; by
    default 1 for everybody (welfare). `worst`: minimise the objective instead.
    **Returns:** a `CorrelatedEquilibrium`; one always exists. Where several are equally good, any one of them.
    **Errors:** `TypeError` and `ValueError` that name what is wrong; `ImportError` that names the extra `eqsolve[lp]`
    where SciPy is missing.
    **Source:** Aumann, Subjectivity and correlation in randomized strategies, Journal of Mathematical Economics 1
    (1974); solved by `scipy.optimize.linprog` (HiGHS).

    >>> chicken = FiniteGame([[[6, 2], [7, 0]], [[6, 7], [2, 0]]], strategies=[("swerve", "dare")] * 2)
    >>> best = correlated_equilibrium(chicken)
    >>> best.probabilities.round(6).tolist(), round(best.objective, 6)
    ([[0.5, 0.25], [0.25, 0.0]], 10.5)
    """
    if not isinstance(game, FiniteGame):
        raise TypeError(f"correlated_equilibrium got {game!r}; give a FiniteGame.")
    weights = dict.fromkeys(game.players, 1.0) if objective is None else dict(objective)
    for player in weights:
        if player not in game.players:
            raise ValueError(unknown_name("correlated_equilibrium: player", player, game.players))
    given = np.array([float(weights.get(player, 0.0)) for player in game.players])
    if not np.all(np.isfinite(given)):
        raise ValueError(f"correlated_equilibrium: objective is {weights}; give finite weights.")
    payoffs = np.asarray(game.payoffs, float)
    goal = np.tensordot(given, payoffs, axes=1).ravel()
    probabilities = _solve(payoffs, -goal if worst else goal)
    earned = payoffs.reshape(len(payoffs), -1) @ probabilities
    gains = [_gains(own, i) for i, own in enumerate(payoffs)]
    recommended = [np.moveaxis(probabilities.reshape(game.sizes), i, 0) for i in range(len(payoffs))]
    gain = [
        float(np.max(np.einsum("sr,str->st", p.reshape(len(p), -1), g)))
        for p, g in zip(recommended, gains, strict=True)
    ]
    return CorrelatedEquilibrium(
        probabilities=probabilities.reshape(game.sizes),
        payoffs=dict(zip(game.players, map(float, earned), strict=True)),
        gain=dict(zip(game.players, gain, strict=True)),
        objective=float(goal @ probabilities),
        players=game.players,
        strategies=game.strategies,
    )


def _gains(own: Float[np.ndarray, "*strategies"], player: int) -> Float[np.ndarray, "recommended played others"]:
    """What a player gains in every case by playing one strategy where another one is recommended."""
    earned = np.moveaxis(own, player, 0).reshape(own.shape[player], -1)
    return earned[None, :, :] - earned[:, None, :]


def _solve(payoffs: np.ndarray, goal: Float[np.ndarray, " profiles"]) -> Float[np.ndarray, " profiles"]:
    """Maximise `goal` over the correlated equilibria; money is scaled away, so that tolerances are relative."""
    shape = payoffs.shape[1:]
    profiles = np.arange(goal.size).reshape(shape)
    blocks: list[np.ndarray] = []
    for i, own in enumerate(payoffs):
        gains = _gains(own, i) / (np.ptp(own) or 1.0)
        recommended = np.moveaxis(profiles, i, 0).reshape(shape[i], -1)
        rows = np.zeros((shape[i], shape[i], goal.size))
        for strategy, columns in enumerate(recommended):
            rows[strategy][:, columns] = gains[strategy]
        blocks.append(rows[~np.eye(shape[i], dtype=bool)])
    limits = np.concatenate(blocks)
    found = maximise(
        goal / (np.max(np.abs(goal)) or 1.0),
        "A correlated equilibrium",
        A_ub=limits,
        b_ub=np.zeros(len(limits)),
        A_eq=np.ones((1, goal.size)),
        b_eq=[1.0],
        bounds=(0, None),
    )
    found = np.maximum(found, 0.0)
    return found / found.sum()
