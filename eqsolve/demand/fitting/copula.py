"""A copula from paired observations: the dependence from ranks, whatever the marginal laws are."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import concrete
from eqsolve._tables import number, table
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.fitting.ranks import kendall, mean_ranks, nearest_correlation
from eqsolve.demand.joint.copula import GaussianCopula, pearson_from_kendall
from eqsolve.demand.joint.marginals import Coupled
from eqsolve.demand.joint.t_copula import SMALLEST_DF, TCopula
from eqsolve.demand.uniform import Uniform

Family = Literal["gaussian", "t"]

MOST_DF = 1000.0
_LEAST_EIGENVALUE = 1e-4
_GRID, _ROUNDS = 17, 6  # degrees of freedom tried at a time, and how often around the best of them


@dataclasses.dataclass(frozen=True)
class CopulaFit:
    """A fitted copula; `str()` prints a table.

    **Fields:** `law`: the joint distribution. `correlation`, `standard_errors`: of the normal or t scores, shape
    `[d, d]`. `count`: the number of observations. `log_likelihood`: of the ranks, without the marginals' part, so that
    it compares copulas. `df`: degrees of freedom, None for a Gaussian copula. `repaired`: whether the rank correlations
    fitted no correlation matrix, so that `correlation` is a positive definite one near them.
    """

    law: Coupled
    correlation: Float[np.ndarray, "d d"]
    standard_errors: Float[np.ndarray, "d d"]
    count: int
    log_likelihood: float
    df: float | None = None
    repaired: bool = False

    @property
    def aic(self) -> float:
        """Akaike's criterion, smaller being better."""
        size = len(self.correlation)
        estimated = size * (size - 1) // 2 + (self.df is not None)
        return 2 * estimated - 2 * self.log_likelihood

    def __str__(self) -> str:
        pairs = zip(*np.triu_indices(len(self.correlation), 1), strict=True)
        rows = [(f"{i}, {j}", number(self.correlation[i, j]), number(self.standard_errors[i, j])) for i, j in pairs]
        how = "normal scores of ranks" if self.df is None else "Kendall's tau and likelihood of ranks"
        head = f"{type(self.law).__name__} fitted to {self.count} observations ({how})"
        summary = [("log-likelihood", number(self.log_likelihood)), ("AIC", number(self.aic))]
        if self.df is not None:
            summary.insert(0, ("degrees of freedom", number(self.df)))
        dependence = table(("components", "correlation", "standard error"), rows)
        return "\n".join([head, dependence, "", table(("fit", "value"), summary)])


def fit_copula(marginals: Iterable[Distribution], data: Any, family: Family = "gaussian") -> CopulaFit:
    r"""Fit a Gaussian or a t copula to joint observations.

    The marginals are taken as given and do not influence the dependence, which is that of the levels
    $\mathrm{rank}/(n+1)$. Tied observations share their mean rank, which biases the dependence of a Gaussian copula
    towards zero where ties are many, and the likelihoods of both.

    - `"gaussian"`: the correlation of the normal scores $\Phi^{-1}$ of the levels, scaled to one where ranks are equal.
    - `"t"`: the correlation $\sin(\pi \tau_b / 2)$ from Kendall's rank correlation, made positive definite where it is
      not, and the degrees of freedom, from 0.5 to 1000, that make the levels most likely. At 1000 the data speak for a
      Gaussian copula. The time grows with $n^2$.

    The one with the smaller `aic` describes the data better.

    **Arguments:** `marginals`: one law per component, such as those `fit` returns. `data`: joint observations [units],
    shape `[n, d]`, n >= 3, d >= 2 for a t copula. `family`: "gaussian" or "t".
    **Returns:** a `CopulaFit`; the standard errors, $(1 - r^2)/\sqrt n$ for a Gaussian copula and those of $\tau$
    (before a repair) for a t copula, are asymptotic and hold for continuous marginals.
    **Errors:** `ValueError` that names the value and the remedy, also where one component's ranks determine another's.
    **Source:** Klaassen and Wellner, Efficient estimation in the bivariate normal copula model (1997); Demarta and
    McNeil, The t copula and related copulas (2005), section 4; Genest, Ghoudi and Rivest, A semiparametric estimation
    procedure of dependence parameters (1995).

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = fit_copula([Uniform(), Uniform()], [[0.1, 0.3], [0.4, 0.2], [0.6, 0.9], [0.9, 0.7]])
    >>> round(float(found.correlation[0, 1]), 3)
    0.552
    """
    if family not in ("gaussian", "t"):
        raise ValueError(f'fit_copula: family is {family!r}; give "gaussian" or "t".')
    laws = tuple(marginals)
    values = _checked(data, len(laws))
    levels = np.stack([mean_ranks(column) for column in values.T], axis=1) / (len(values) + 1)
    return (_fit_gaussian if family == "gaussian" else _fit_t)(laws, values, levels)


def _checked(data: Any, size: int) -> Float[np.ndarray, "n d"]:
    given = concrete(data)
    if given is None:
        raise TypeError("fit_copula: data is traced; fit outside `jit` and `vmap`, where the numbers can be checked.")
    values = np.asarray(given, float)
    if values.ndim != 2 or values.shape[0] < 3 or values.shape[1] != size:
        raise ValueError(
            f"fit_copula: data has shape {values.shape}; give three or more rows and one column for each of the"
            f" {size} marginals."
        )
    if not np.all(np.isfinite(values)):
        i, j = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"fit_copula: data[{i}, {j}] is {values[i, j]}; leave incomplete observations out.")
    for j, column in enumerate(values.T):
        if np.ptp(column) == 0:
            raise ValueError(f"fit_copula: data[:, {j}] is always {column[0]}; leave a certain demand out.")
    return values


def _fit_gaussian(
    laws: tuple[Distribution, ...], values: Float[np.ndarray, "n d"], levels: Float[np.ndarray, "n d"]
) -> CopulaFit:
    count, size = values.shape
    scores = np.asarray(jax.scipy.special.ndtri(levels.T), float)
    correlation = np.atleast_2d(np.corrcoef(scores))
    np.fill_diagonal(correlation, 1.0)
    errors = (1 - correlation**2) / np.sqrt(count)
    law = GaussianCopula(laws, correlation)
    excess = np.linalg.inv(correlation) - np.eye(size)
    likelihood = -(np.sum(excess * (scores @ scores.T)) + count * np.linalg.slogdet(correlation)[1]) / 2
    return CopulaFit(law, correlation, errors, count, float(likelihood))


def _fit_t(
    laws: tuple[Distribution, ...], values: Float[np.ndarray, "n d"], levels: Float[np.ndarray, "n d"]
) -> CopulaFit:
    count, size = values.shape
    if size < 2:
        raise ValueError('fit_copula: family "t" needs two or more components; data has one.')
    tau, tau_errors = kendall(values)
    bound = np.triu(np.abs(tau) > 1 - 1e-12, 1)
    if np.any(bound):
        i, j = np.argwhere(bound)[0]
        raise ValueError(
            f"fit_copula: the ranks of data[:, {i}] determine those of data[:, {j}] (Kendall's tau is"
            f" {tau[i, j]:.6g}); leave one of the two out, or use EmpiricalPairs."
        )
    correlation = np.array(pearson_from_kendall(np.clip(tau, -1, 1)), float)
    np.fill_diagonal(correlation, 1.0)
    correlation, repaired = nearest_correlation(correlation, _LEAST_EIGENVALUE)
    errors = np.pi / 2 * np.sqrt(1 - correlation**2) * tau_errors
    df, likelihood = _most_likely_df(correlation, levels)
    return CopulaFit(TCopula(laws, correlation, df), correlation, errors, count, likelihood, df, repaired)


def _most_likely_df(correlation: Float[np.ndarray, "d d"], levels: Float[np.ndarray, "n d"]) -> tuple[float, float]:
    """The degrees of freedom of the highest likelihood and that likelihood: grids, each around the best of the last."""
    low, high = np.log(SMALLEST_DF), np.log(MOST_DF)
    found = (SMALLEST_DF, -np.inf)
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _GRID)
        heights = np.asarray(_log_likelihoods(jnp.exp(grid), jnp.asarray(correlation), jnp.asarray(levels)), float)
        best = int(np.argmax(heights))
        found = (float(np.exp(grid[best])), float(heights[best]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    return found


@jax.jit
def _log_likelihoods(
    dfs: Float[Array, " k"], correlation: Float[Array, "d d"], levels: Float[Array, "n d"]
) -> Float[Array, " k"]:
    """Of levels in a t copula with each of these degrees of freedom."""
    marginals = (Uniform(0.0, 1.0),) * levels.shape[1]

    def log_likelihood(df: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.sum(TCopula(marginals, correlation, df)._log_copula(levels, 1 - levels))

    return jax.lax.map(log_likelihood, dfs)
