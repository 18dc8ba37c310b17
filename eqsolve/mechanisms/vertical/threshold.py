"""Where along a parameter the equilibrium stops to withstand deviations, located by narrowing an interval."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Array

from eqsolve.batch import batch
from eqsolve.certify.certificate import Certificate, certify
from eqsolve.equilibrium import Equilibrium
from eqsolve.game import Game
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.solve import solve_nash
from eqsolve.solvers.search import Search

POINTS = 9  # per round: each narrows the interval to an eighth


@dataclasses.dataclass(frozen=True)
class ExistenceThreshold:
    """Between which values of a parameter certified equilibria begin or end.

    **Fields:** `low`, `high`: the last interval; at one end the equilibrium found is certified, at the other it is not.
    `certified_above`: whether it is certified at `high`. `regret_low`, `regret_high`: the largest gain from deviating
    found at either end [money].
    """

    low: float
    high: float
    certified_above: bool
    regret_low: float
    regret_high: float


def existence_threshold(
    market: Callable[[Array], VerticalMarket],
    low: float,
    high: float,
    tolerance: float = 1e-4,
    search: Search | None = None,
) -> ExistenceThreshold:
    """Where along a parameter the default solve stops to find a certified equilibrium.

    **Arguments:** `market`: from a value of the parameter to a market, for instance
    `lambda t: travel_market(t, 0.3, 0.5, 2.0)`. `low` < `high`: at exactly one of them the equilibrium found is
    certified. `tolerance`: the width of the interval returned. `search`: how finely deviations are searched, as in
    `certify`.
    **Returns:** an `ExistenceThreshold`. It tells where what the solver finds is an equilibrium; `diagnose` searches
    for others beyond it. With several thresholds in the interval, one of them is found.
    **Errors:** `ValueError` where the interval is empty, or both ends are alike.
    **Source:** Krishnan and Winter (paper 003), section 3.4, on travel costs too low for an equilibrium in pure
    strategies.

    >>> from eqsolve.mechanisms.vertical import travel_market
    >>> existence_threshold(lambda t: travel_market(t, 0.3, 0.5, 2.0), 1.0, 1.0)
    Traceback (most recent call last):
    ...
    ValueError: existence_threshold: from 1.0 to 1.0 within 0.0001; give low < high and a tolerance above zero.
    """
    if not callable(market):
        raise TypeError(f"existence_threshold: market is {market!r}; give a function from a number to a market.")
    if not all(isinstance(end, int | float) for end in (low, high)):
        raise TypeError(f"existence_threshold: from {low!r} to {high!r}; give numbers.")
    if not low < high or not tolerance > 0:
        raise ValueError(
            f"existence_threshold: from {low} to {high} within {tolerance}; give low < high and a tolerance above zero."
        )
    found = batch(lambda value: _market_of(market, value).game(), task=lambda game: _verdict(game, search))

    def certified(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nash, certificate = found(values)
        return np.asarray(nash.solved & certificate.certified), np.asarray(certificate.regret)

    while True:
        values = np.linspace(low, high, POINTS)
        holds, regret = certified(values)
        if holds[0] == holds[-1]:
            state = "certified" if holds[0] else "not certified"
            raise ValueError(
                f"existence_threshold: the equilibrium is {state} at {low} and at {high} alike; give ends that differ."
            )
        change = int(np.flatnonzero(holds != holds[0])[0])
        low, high = float(values[change - 1]), float(values[change])
        if high - low <= tolerance:
            return ExistenceThreshold(low, high, bool(holds[change]), float(regret[change - 1]), float(regret[change]))


def _market_of(market: Callable[[Array], VerticalMarket], value: Array) -> VerticalMarket:
    built = market(value)
    if not isinstance(built, VerticalMarket):
        raise TypeError(f"existence_threshold: market returns {built!r}; return a VerticalMarket.")
    return built


def _verdict(game: Game, search: Search | None) -> tuple[Equilibrium, Certificate]:
    found = solve_nash(game)
    return found, certify(game, found.actions, search)
