"""Maximum likelihood and the method of moments for any family, by one regularised Newton ascent."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve.demand.fitting.data import Data
from eqsolve.demand.fitting.model import Model
from eqsolve.demand.joint.marginals import density
from eqsolve.solvers.ascent import Ascent

Estimate = tuple[np.ndarray, np.ndarray]  # parameters and their covariance


def log_likelihood(law: Any, values: Array, weights: Array) -> Float[Array, ""]:
    """The sum of log densities; minus infinity where a value is impossible."""
    likely = density(law, values)
    positive = likely > 0
    logs = jnp.log(jnp.where(positive, likely, 1.0))
    return jnp.where(jnp.all(positive), jnp.sum(weights * jnp.where(positive, logs, 0.0)), -jnp.inf)


def maximum_likelihood(model: Model, data: Data) -> Estimate:
    """The maximum of the likelihood, and the inverse of the observed information there."""
    y, value, theta, hessian = _climb(_mean_log_likelihood, model, data)
    _require_estimate(model, data, y, np.isfinite(value), "likelihood")
    return theta, np.linalg.inv(-hessian * data.count)


def moments(model: Model, data: Data) -> Estimate:
    """The parameters whose mean, and variance where two are free, are the sample's; covariance by the delta method."""
    free = len(model.names)
    if free > 2:
        raise ValueError(
            f'fit: method="moments" matches mean and variance, but {model.family.__name__} has the free parameters'
            f' {", ".join(model.names)}; hold all but two with `fixed`, or use method="mle".'
        )
    y, value, theta, _ = _climb(_moment_match, model, data)
    _require_estimate(model, data, y, value > -1e-8, "match of the moments")
    slope = np.asarray(jax.jit(jax.jacfwd(lambda theta: _law_moments(model, theta)))(theta), float)
    gap = np.stack([data.values - data.mean, (data.values - data.mean) ** 2 - data.var])[:free]
    spread = (data.weights * gap) @ gap.T / data.count**2
    inverse = np.linalg.inv(slope)
    return theta, inverse @ spread @ inverse.T


def _mean_log_likelihood(model: Model, theta: Array, values: Array, weights: Array) -> Array:
    return log_likelihood(model.law(theta), values, weights) / jnp.sum(weights)


def _moment_match(model: Model, theta: Array, values: Array, weights: Array) -> Array:
    """Minus half the squared distance of mean and log variance from the sample's."""
    total = jnp.sum(weights)
    mean = jnp.sum(weights * values) / total
    var = jnp.sum(weights * (values - mean) ** 2) / total
    law = model.law(theta)
    distance = (law.mean() - mean) ** 2 / var
    if len(model.names) > 1:
        law_var = law.var()
        positive = law_var > 0
        distance += jnp.where(positive, jnp.log(jnp.where(positive, law_var, 1.0) / var) ** 2, jnp.inf)
    return -distance / 2


def _law_moments(model: Model, theta: Array) -> Array:
    law = model.law(theta)
    return jnp.stack([law.mean(), law.var()])[: len(model.names)]


def _climb(criterion: Callable[..., Array], model: Model, data: Data) -> tuple[np.ndarray, float, np.ndarray, Any]:
    """The best coordinates, the criterion, the parameters, and the criterion's second derivatives in them."""
    if not model.names:
        raise ValueError(f"fit: all parameters of {model.family.__name__} are fixed; leave one of them out of `fixed`.")
    found = _compiled(criterion, model, data.values, data.weights, model.starts(data), *model.box(data))
    y, value, theta, hessian = (np.asarray(part, float) for part in found)
    return y, float(value), theta, hessian


@eqx.filter_jit
def _compiled(
    criterion: Callable[..., Array], model: Model, values: Any, weights: Any, starts: Any, lower: Any, upper: Any
) -> tuple[Array, Array, Array, Array]:
    values, weights, starts, lower, upper = map(jnp.asarray, (values, weights, starts, lower, upper))

    def payoff(y: Array) -> Array:
        return criterion(model, model.natural(y), values, weights)

    heights = jax.lax.map(payoff, starts)
    start = starts[jnp.argmax(jnp.where(jnp.isnan(heights), -jnp.inf, heights))]
    y, value, _ = Ascent().climb(payoff, start, lower, upper)
    theta = model.natural(y)
    return y, value, theta, jax.hessian(lambda theta: criterion(model, theta, values, weights))(theta)


def _require_estimate(model: Model, data: Data, y: np.ndarray, found: bool, what: str) -> None:
    lower, upper = model.box(data)
    margin = 1e-6 * (upper - lower)
    ends = [name for name, at in zip(model.names, (y <= lower + margin) | (y >= upper - margin), strict=True) if at]
    if found and not ends:
        return
    name = model.family.__name__
    reason = f"it rises towards the limit of {', '.join(ends)}" if ends else "none of the starts has one"
    raise ValueError(
        f"fit: {name} has no best {what} for these data, whose values are between {data.values[0]:.6g} and"
        f" {data.values[-1]:.6g} with mean {data.mean:.6g} and variance {data.var:.6g}: {reason}; choose a family whose"
        " support and shape fit them, or hold a parameter with `fixed`."
    )
