"""Finitely many joint demands with probabilities: observed pairs, or a table written by hand."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_values
from eqsolve.demand.joint.joint import JointDiscrete, Points


class _Table(JointDiscrete):
    """Points with weights that are normalised here."""

    @property
    def size(self) -> int:
        """The number of components, $d$."""
        return self._points.shape[-1]

    @property
    @abc.abstractmethod
    def _points(self) -> Float[Array, "n d"]: ...

    @property
    @abc.abstractmethod
    def _probabilities(self) -> Float[Array, " n"]: ...

    def scenarios(self) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
        """The points `[n, d]` and their probabilities `[n]`, as `Scenarios` takes them."""
        return self._checked(self._points), self._checked(self._probabilities)

    def _transport(self, u: Points) -> Points:
        cumulative = jnp.cumsum(self._probabilities)
        # rounding may leave the sum beside one: shares of the sum keep every level inside the table
        index = jnp.searchsorted(cumulative, u[..., 0] * cumulative[-1], side="left")
        return self._points[jnp.minimum(index, cumulative.shape[0] - 1)]

    def _mean(self) -> Float[Array, " d"]:
        return jnp.sum(self._probabilities[:, None] * self._points, axis=0)

    def _cov(self) -> Float[Array, "d d"]:
        gap = self._points - self._mean()
        return jnp.sum(self._probabilities[:, None, None] * gap[:, :, None] * gap[:, None, :], axis=0)


class JointTable(_Table):
    """A finite table of joint demands and their probabilities.

    **Arguments:** `points`: joint demands [units], shape `[n, d]`. `probabilities`: >= 0 with sum 1, shape `[n]`.

    `transport` reads the row from the first uniform of each point; the others are free. It has steps in `u`, and the
    derivative in `points` is that of the row.

    **Errors:** `ValueError` that names the field, the value and the remedy.
    **Source:** `scipy.stats.rv_discrete` in several dimensions.

    >>> law = JointTable(points=[[4.0, 8.0], [8.0, 4.0]], probabilities=[0.25, 0.75])
    >>> law.mean().tolist(), law.cov().tolist()
    ([7.0, 5.0], [[3.0, -3.0], [-3.0, 3.0]])
    """

    points: Float[Array, "n d"]
    probabilities: Float[Array, " n"]

    def __init__(self, points: Any, probabilities: Any):
        fields = as_fields("JointTable", points=points, probabilities=probabilities)
        self.points, self.probabilities = fields["points"], fields["probabilities"]
        _check_rows(self.points, self.probabilities, "JointTable.points", "JointTable.probabilities")
        require_finite(self, "JointTable")
        require_nonnegative(self.probabilities, "JointTable.probabilities")
        slack = _slack(self.probabilities)
        require_values(
            jnp.sum(self.probabilities),
            lambda total: np.abs(total - 1) <= slack,
            "The sum of JointTable.probabilities",
            "divide them by their sum",
        )

    @property
    def _points(self) -> Float[Array, "n d"]:
        return self.points

    @property
    def _probabilities(self) -> Float[Array, " n"]:
        return self.probabilities

    @property
    def _valid(self) -> Bool[Array, ""]:
        proper = jnp.all(self.probabilities >= 0)
        total = jnp.abs(jnp.sum(self.probabilities) - 1) <= _slack(self.probabilities)
        return proper & total & jnp.all(jnp.isfinite(self.points))


class EmpiricalPairs(_Table):
    """Joint demands as they were observed, every observation with its weight: dependence as it is, with no model.

    **Arguments:** `observations`: joint demands [units], shape `[n, d]`, one row per observation. `weights`: >= 0 and
    not all zero, shape `[n]`; None for equal ones. Only their proportions matter.

    Moments are those of this distribution: the covariance divides by the sum of weights, not by one less. `transport`
    reads the row from the first uniform of each point; the others are free.

    **Errors:** `ValueError` that names the field, the value and the remedy.
    **Source:** the empirical distribution; Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 4.

    >>> law = EmpiricalPairs([[4.0, 8.0], [8.0, 4.0], [6.0, 6.0]])
    >>> law.mean().tolist(), round(float(law.correlation()[0, 1]), 4)
    ([6.0, 6.0], -1.0)
    """

    observations: Float[Array, "n d"]
    weights: Float[Array, " n"] | None = eqx.field(default=None)

    def __init__(self, observations: Any, weights: Any = None):
        fields = as_fields("EmpiricalPairs", observations=observations, weights=weights)
        self.observations, self.weights = fields["observations"], fields["weights"]
        _check_rows(self.observations, self.weights, "EmpiricalPairs.observations", "EmpiricalPairs.weights")
        require_finite(self, "EmpiricalPairs")
        if self.weights is not None:
            require_nonnegative(self.weights, "EmpiricalPairs.weights")
            what = "The sum of EmpiricalPairs.weights"
            require_values(jnp.sum(self.weights), lambda total: total > 0, what, "give one weight above zero at least")

    @property
    def _points(self) -> Float[Array, "n d"]:
        return self.observations

    @property
    def _probabilities(self) -> Float[Array, " n"]:
        n = self.observations.shape[-2]
        if self.weights is None:
            return jnp.full(n, 1 / n, self.dtype)
        total = jnp.sum(self.weights)
        return self.weights / jnp.where(total > 0, total, 1.0)

    @property
    def _valid(self) -> Bool[Array, ""]:
        finite = jnp.all(jnp.isfinite(self.observations))
        if self.weights is None:
            return finite
        return finite & jnp.all((self.weights >= 0) & jnp.isfinite(self.weights)) & (jnp.sum(self.weights) > 0)


def _slack(probabilities: Array) -> float:
    """How far a sum of probabilities may be from one: rounding of each of them."""
    return float(jnp.finfo(probabilities.dtype).eps) ** 0.5


def _check_rows(points: Array, weights: Array | None, points_name: str, weights_name: str) -> None:
    if points.ndim != 2 or min(points.shape) < 1:
        raise ValueError(
            f"{points_name} has shape {points.shape}; give one row per joint demand and one column per component."
        )
    if weights is not None and weights.shape != points.shape[:1]:
        raise ValueError(
            f"{weights_name} has shape {weights.shape}, but {points_name} has {points.shape[0]} rows; give one number"
            " per row."
        )
