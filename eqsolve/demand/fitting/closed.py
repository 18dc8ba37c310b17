"""Maximum likelihood in closed form, where a family has it: estimates and their standard errors by parameter.

The standard errors are those of the observed information at the maximum, as `fit` computes them for other families;
the ends of a uniform law, whose likelihood is not smooth there, have the standard deviations of extremes.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.exponential import Exponential
from eqsolve.demand.fitting.data import Data
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform

Closed = tuple[dict[str, float], dict[str, float]]


def _normal(data: Data) -> Closed:
    """The mean and the standard deviation, divided by the count."""
    scale, n = np.sqrt(data.var), data.count
    return {"loc": data.mean, "scale": float(scale)}, _errors(loc=scale / np.sqrt(n), scale=scale / np.sqrt(2 * n))


def _lognormal(data: Data) -> Closed:
    """Those of the logarithms; the median has the relative error of their mean."""
    _require_possible("LogNormal", data, data.values[0] > 0)
    logs = Data(np.log(data.values), data.weights)
    s, scale, n = np.sqrt(logs.var), np.exp(logs.mean), data.count
    return {"s": float(s), "scale": float(scale)}, _errors(s=s / np.sqrt(2 * n), scale=scale * s / np.sqrt(n))


def _exponential(data: Data) -> Closed:
    """The mean."""
    _require_possible("Exponential", data, data.values[0] >= 0)
    return {"scale": data.mean}, _errors(scale=data.mean / np.sqrt(data.count))


def _uniform(data: Data) -> Closed:
    """The extremes of the sample, with the standard deviations of the smallest value and of the range."""
    low, high = data.values[[0, -1]].astype(jnp.zeros(()).dtype)
    width, n = high - low, data.count
    while low + width < high:  # by rounding: the largest value must stay possible
        width = np.nextafter(width, np.inf, dtype=width.dtype)
    share = {"loc": np.sqrt(n / ((n + 1) ** 2 * (n + 2))), "scale": np.sqrt(2 * (n - 1) / ((n + 1) ** 2 * (n + 2)))}
    return {"loc": float(low), "scale": float(width)}, _errors(**{name: width * each for name, each in share.items()})


def _errors(**given: float) -> dict[str, float]:
    return {name: float(value) for name, value in given.items()}


def _require_possible(family: str, data: Data, possible: bool) -> None:
    if not possible:
        raise ValueError(
            f"fit: {family} has no best likelihood for these data, whose values are between {data.values[0]:.6g} and"
            f" {data.values[-1]:.6g}: the smallest is not possible; choose a family whose support holds all data, or"
            " leave such values out."
        )


CLOSED: dict[type[Distribution], Callable[[Data], Closed]] = {
    Exponential: _exponential,
    LogNormal: _lognormal,
    Normal: _normal,
    Uniform: _uniform,
}
