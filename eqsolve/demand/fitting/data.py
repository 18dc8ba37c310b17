"""One sample of one demand, checked."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from eqsolve._checks import concrete


@dataclasses.dataclass(frozen=True)
class Data:
    """Ascending values and how often each was seen; values that were never seen are left out."""

    values: Float[np.ndarray, " n"]
    weights: Float[np.ndarray, " n"]

    @property
    def count(self) -> float:
        """The number of observations: the sum of weights."""
        return float(self.weights.sum())

    @property
    def mean(self) -> float:
        """The mean."""
        return float(self.weights @ self.values / self.count)

    @property
    def var(self) -> float:
        """The variance, divided by the count."""
        return float(self.weights @ (self.values - self.mean) ** 2 / self.count)


def checked_data(data: Any, weights: Any) -> Data:
    """The sample as numbers; an error that names what cannot be fitted."""
    given = concrete(data)
    if given is None:
        raise TypeError("fit: data is traced; fit outside `jit` and `vmap`, where the numbers can be checked.")
    values = np.asarray(given, float)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"fit: data has shape {values.shape}; give a vector of two or more observations.")
    counts = np.ones_like(values) if weights is None else np.asarray(weights, float)
    if counts.shape != values.shape:
        raise ValueError(f"fit: weights has shape {counts.shape}, but data has {values.shape}; give one per value.")
    for name, array, allowed in (("data", values, True), ("weights", counts, counts >= 0)):
        bad = ~(np.isfinite(array) & allowed)
        if np.any(bad):
            i = int(np.argmax(bad))
            wanted = "leave missing observations out" if name == "data" else "give counts of zero or more"
            raise ValueError(f"fit: {name}[{i}] is {array[i]}; {wanted}.")
    seen = counts > 0
    if np.unique(values[seen]).size < 2:
        raise ValueError(
            f"fit: all data are {values[seen][:1]}; give observations that vary (a certain demand needs no fit)."
        )
    order = np.argsort(values[seen], kind="stable")
    return Data(values[seen][order], counts[seen][order])
