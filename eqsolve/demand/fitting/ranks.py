"""Dependence as the ranks of joint observations show it."""

import numpy as np
from jaxtyping import Float

_BLOCK = 2**22  # numbers in memory at a time


def mean_ranks(column: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks counted from one; equal values share the mean of theirs."""
    _, group, size = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size - 1) / 2)[group]


def kendall(values: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "d d"], Float[np.ndarray, "d d"]]:
    r"""Kendall's $\tau_b$ of all pairs of columns and its standard errors, in a time that grows with $n^2$.

    The errors are those of the mean over observations of how many others agree with each in their order, less how many
    disagree, a U-statistic; they hold for continuous laws.

    **Source:** Hoeffding, A class of statistics with asymptotically normal distribution (1948).
    """
    count, size = values.shape
    agreement = np.zeros((size, size, count))
    step = max(1, _BLOCK // (count * size))
    for start in range(0, count, step):
        part = slice(start, start + step)
        signs = np.sign(values[part, None] - values[None]).T  # component, other observation, observation
        for i in range(size):
            agreement[i, :, part] = np.einsum("nm,dnm->dm", signs[i], signs)
    total = agreement.sum(axis=-1)
    untied = np.sqrt(np.diagonal(total))
    spread = 2 * np.std(agreement / (count - 1), axis=-1) / np.sqrt(count)
    return total / untied[:, None] / untied[None, :], spread


def nearest_correlation(matrix: Float[np.ndarray, "d d"], least: float) -> tuple[Float[np.ndarray, "d d"], bool]:
    """A correlation matrix whose eigenvalues are about `least` or more, and whether it differs from `matrix`.

    Smaller eigenvalues are raised, and the diagonal is scaled back to one.

    **Source:** Rousseeuw and Molenberghs, Transformation of non positive semidefinite correlation matrices (1993).
    """
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if eigenvalues[0] >= least:
        return matrix, False
    raised = (vectors * np.maximum(eigenvalues, least)) @ vectors.T
    scale = np.sqrt(np.diagonal(raised))
    repaired = raised / scale[:, None] / scale[None, :]
    np.fill_diagonal(repaired, 1.0)
    return (repaired + repaired.T) / 2, True
