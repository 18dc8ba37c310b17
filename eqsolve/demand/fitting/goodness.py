"""How well a law agrees with a sample: Kolmogorov-Smirnov, Anderson-Darling, chi-square."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaincc

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.fitting.data import Data

EXPECTED = 5.0  # observations a cell of the chi-square test must expect


@dataclasses.dataclass(frozen=True)
class Goodness:
    """Distances between the sample and a law; NaN where one does not apply.

    **Fields:** `ks`: the Kolmogorov-Smirnov distance. `ks_pvalue`: of a law chosen before the data were seen; for a
    fitted law it is not adjusted for the estimated parameters and too high, and so it is for rounded data.
    `anderson_darling`: the statistic of continuous laws, which weights the tails. `chi_square`, `chi_square_pvalue`: of
    discrete laws, cells pooled until each expects 5 observations, with one degree of freedom less per estimated
    parameter.
    """

    ks: float
    ks_pvalue: float
    anderson_darling: float
    chi_square: float
    chi_square_pvalue: float


def goodness_of_fit(law: Distribution, data: Data, estimated: int) -> Goodness:
    """The summary for a law of which `estimated` parameters were chosen by these data."""
    value, first = np.unique(data.values, return_index=True)
    count = np.add.reduceat(data.weights, first)
    below, above = (np.asarray(part, float) for part in _probabilities(law, value))
    share = np.cumsum(count) / data.count
    before = share - count / data.count
    if law.discrete:
        distance = float(np.max(np.abs(share - below)))
        return Goodness(distance, np.nan, np.nan, *_chi_square(below, count, estimated))
    distance = float(max(np.max(share - below), np.max(below - before)))
    return Goodness(distance, _kolmogorov(distance, data.count), _anderson_darling(below, above, count), np.nan, np.nan)


@eqx.filter_jit
def _probabilities(law: Distribution, value: Any) -> Any:
    return law.cdf(value), law.sf(value)


def _kolmogorov(distance: float, count: float) -> float:
    """Stephens (1970): the asymptotic series at an argument corrected for the size of the sample."""
    x = (np.sqrt(count) + 0.12 + 0.11 / np.sqrt(count)) * distance
    k = np.arange(1, 101)
    if x < 0.5:  # the series of alternating terms converges slowly; its theta-function twin does not
        return float(1 - np.sqrt(2 * np.pi) / x * np.sum(np.exp(-((2 * k - 1) ** 2) * np.pi**2 / (8 * x**2))))
    return float(2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * k**2 * x**2)))


def _anderson_darling(below: np.ndarray, above: np.ndarray, count: np.ndarray) -> float:
    """The statistic with tied values kept in sequence, as if each came by itself."""
    n, rank = count.sum(), np.cumsum(count)
    with np.errstate(divide="ignore"):  # an impossible value is infinitely far
        left, right = np.log(below), np.log(above)
    # the sum over i of (2i - 1) for the ranks that share a value, from below and from above
    lower = rank**2 - (rank - count) ** 2
    upper = (n - rank + count) ** 2 - (n - rank) ** 2
    return float(-n - np.sum(lower * left + upper * right) / n)


def _chi_square(below: np.ndarray, count: np.ndarray, estimated: int) -> tuple[float, float]:
    total = count.sum()
    cells, observed, seen, reached = [], [], 0.0, 0.0
    for cumulative, here in zip(below, count, strict=True):
        seen += here
        if total * (cumulative - reached) >= EXPECTED and total * (1 - cumulative) >= EXPECTED:
            cells.append(total * (cumulative - reached))
            observed.append(seen)
            seen, reached = 0.0, cumulative
    cells.append(total * (1 - reached))
    observed.append(seen)
    expected = np.array(cells)
    statistic = float(np.sum((np.array(observed) - expected) ** 2 / expected))
    freedom = len(cells) - 1 - estimated
    if freedom < 1:
        return statistic, np.nan
    return statistic, float(gammaincc(jnp.asarray(freedom / 2), jnp.asarray(statistic / 2)))
