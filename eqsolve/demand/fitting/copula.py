"""A Gaussian copula from paired observations: the dependence from ranks, whatever the marginal laws are."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Float

from eqsolve._checks import concrete
from eqsolve._tables import number, table
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint.copula import GaussianCopula


@dataclasses.dataclass(frozen=True)
class CopulaFit:
    """A fitted Gaussian copula; `str()` prints a table.

    **Fields:** `law`: the joint distribution. `correlation`, `standard_errors`: of the normal scores, shape `[d, d]`.
    `count`: the number of observations.
    """

    law: GaussianCopula
    correlation: Float[np.ndarray, "d d"]
    standard_errors: Float[np.ndarray, "d d"]
    count: int

    def __str__(self) -> str:
        pairs = zip(*np.triu_indices(len(self.correlation), 1), strict=True)
        rows = [(f"{i}, {j}", number(self.correlation[i, j]), number(self.standard_errors[i, j])) for i, j in pairs]
        head = f"GaussianCopula fitted to {self.count} observations (normal scores of ranks)"
        return "\n".join([head, table(("components", "correlation", "standard error"), rows)])


def fit_copula(marginals: Iterable[Distribution], data: Any) -> CopulaFit:
    r"""Fit the correlation of a Gaussian copula to joint observations.

    The correlation of the normal scores $\Phi^{-1}(\mathrm{rank}/(n+1))$, scaled to one where ranks are equal; the
    marginals are taken as given and do not influence it. Tied observations share their mean rank, which biases the
    dependence towards zero where ties are many.

    **Arguments:** `marginals`: one law per component, such as those `fit` returns. `data`: joint observations [units],
    shape `[n, d]`, n >= 3.
    **Returns:** a `CopulaFit`; the standard errors $(1 - r^2)/\sqrt n$ are asymptotic and hold for continuous
    marginals.
    **Errors:** `ValueError` that names the value and the remedy, also where one component's ranks determine another's.
    **Source:** Klaassen and Wellner, Efficient estimation in the bivariate normal copula model (1997).

    >>> from eqsolve.demand.uniform import Uniform
    >>> found = fit_copula([Uniform(), Uniform()], [[0.1, 0.3], [0.4, 0.2], [0.6, 0.9], [0.9, 0.7]])
    >>> round(float(found.correlation[0, 1]), 3)
    0.552
    """
    given = concrete(data)
    if given is None:
        raise TypeError("fit_copula: data is traced; fit outside `jit` and `vmap`, where the numbers can be checked.")
    values, laws = np.asarray(given, float), tuple(marginals)
    if values.ndim != 2 or values.shape[0] < 3 or values.shape[1] != len(laws):
        raise ValueError(
            f"fit_copula: data has shape {values.shape}; give three or more rows and one column for each of the"
            f" {len(laws)} marginals."
        )
    if not np.all(np.isfinite(values)):
        i, j = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"fit_copula: data[{i}, {j}] is {values[i, j]}; leave incomplete observations out.")
    for j, column in enumerate(values.T):
        if np.ptp(column) == 0:
            raise ValueError(f"fit_copula: data[:, {j}] is always {column[0]}; leave a certain demand out.")
    count = len(values)
    levels = np.stack([_mean_ranks(column) for column in values.T]) / (count + 1)
    correlation = np.atleast_2d(np.corrcoef(np.asarray(ndtri(levels), float)))
    np.fill_diagonal(correlation, 1.0)
    errors = (1 - correlation**2) / np.sqrt(count)
    return CopulaFit(GaussianCopula(laws, correlation), correlation, errors, count)


def _mean_ranks(column: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks counted from one; equal values share the mean of theirs."""
    _, group, size = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size - 1) / 2)[group]
