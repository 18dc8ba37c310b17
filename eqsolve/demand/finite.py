"""Demand with finitely many values: two points, a table, a sample."""

import abc
from functools import partial
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_nonnegative, require_values
from eqsolve.demand.distribution import Discrete, Values, parameters


class FiniteDemand(Discrete):
    """What finite families share: a table of values in rising order and their probabilities, along the last axis.

    Losses are added up from the far end, all terms positive, so they are relatively accurate however small. A table
    costs one pass for any number of arguments, and each argument a binary search.
    """

    @abc.abstractmethod
    def _table(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        """Values and probabilities."""

    def _mirrored(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        """The table of -X: what is left over from X is what -X exceeds."""
        values, probabilities = self._table()
        return -jnp.flip(values, -1), jnp.flip(probabilities, -1)

    def scenarios(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        """The values in rising order and their probabilities, as `Scenarios` takes them."""
        values, probabilities = self._table()
        return values, jnp.where(self._valid[..., None], probabilities, jnp.nan)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        values, probabilities = self._table()
        ordered = jnp.all(jnp.diff(values, axis=-1) >= 0, axis=-1) & jnp.all(jnp.isfinite(values), axis=-1)
        total = jnp.cumsum(probabilities, axis=-1)[..., -1]
        near_one = jnp.abs(total - 1) <= _slack(probabilities.dtype)
        return ordered & jnp.all(probabilities >= 0, axis=-1) & near_one

    def _density(self, x: Values) -> Values:
        values, probabilities = self._table()
        found = jnp.sum(jnp.where(values == x[..., None], probabilities, 0.0), axis=-1)
        return jnp.where(jnp.isnan(x), x, found)

    def _cdf(self, x: Values) -> Values:
        return _at_least(*self._mirrored(), -x)

    def _sf(self, x: Values) -> Values:
        return _above(*self._table(), x)

    def _ppf(self, q: Values) -> Values:
        return _quantile(*self._table(), q)

    def _loss(self, y: Values) -> Values:
        return _loss(*self._table(), y)

    def _overstock(self, y: Values) -> Values:
        return _loss(*self._mirrored(), -y)

    def _second_loss(self, y: Values) -> Values:
        return _second_loss(*self._table(), y)

    def _mean(self) -> Values:
        values, probabilities = self._table()
        return jnp.sum(values * probabilities, axis=-1)

    def _var(self) -> Values:
        values, probabilities = self._table()
        return jnp.sum(probabilities * (values - self._mean()[..., None]) ** 2, axis=-1)

    def _support(self) -> tuple[Values, Values]:
        values, probabilities = self._table()
        possible = probabilities > 0
        low = jnp.min(jnp.where(possible, values, jnp.inf), axis=-1)
        return low, jnp.max(jnp.where(possible, values, -jnp.inf), axis=-1)


class TwoPoint(FiniteDemand):
    r"""Demand that is either low or high.

    **Arguments:** `low`, `high`: the two values [units], `low` below `high`. `p`: the probability of `high`, in [0, 1].

    **Derivatives:** all, to second order, in the argument and the parameters, except where the argument is one of the
    values; there the slope is that for a rising argument. Tested against sums over the two values.

    **Source:** `scipy.stats.bernoulli`, scaled.

    >>> demand = TwoPoint(low=10.0, high=50.0, p=0.25)
    >>> float(demand.loss(30.0)), float(demand.ppf(0.8))
    (5.0, 50.0)
    """

    low: Float[Array, "*batch"]
    high: Float[Array, "*batch"]
    p: Float[Array, "*batch"]

    def __init__(self, low: Any, high: Any, p: Any):
        fields = parameters("TwoPoint", low=low, high=high, p=p)
        self.low, self.high, self.p = fields["low"], fields["high"], fields["p"]
        require_values(self.p, lambda x: (x >= 0) & (x <= 1), "TwoPoint.p", "give probabilities between 0 and 1")
        require_values(self.high - self.low, lambda x: x > 0, "TwoPoint.high - low", "give low below high")

    def _table(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        low, high = jnp.broadcast_arrays(self.low, self.high)
        return jnp.stack([low, high], -1), jnp.stack([1 - self.p, self.p], -1)


class DiscreteTable(FiniteDemand):
    r"""Demand with finitely many values of given probabilities.

    **Arguments:** `values`: what may be asked for [units], strictly rising along the last axis. `probabilities`: of the
    same length along the last axis, not negative, summing to one. Leading axes broadcast.

    **Derivatives:** all, to second order, in the argument, the values and the probabilities (each by itself: their sum
    is not held at one), except where the argument is one of the values; there the slope is that for a rising argument.
    Tested against sums over the table; `Empirical`, the same code, with 100,000 entries.

    **Source:** `scipy.stats.rv_discrete`. A level within rounding of a sum of probabilities counts as reached.

    >>> demand = DiscreteTable([0.0, 10.0, 40.0], [0.5, 0.25, 0.25])
    >>> float(demand.loss(20.0)), float(demand.ppf(0.75))
    (5.0, 10.0)
    """

    values: Float[Array, "*batch table"]
    probabilities: Float[Array, "*batch table"]

    def __init__(self, values: Any, probabilities: Any):
        fields = parameters("DiscreteTable", values=values, probabilities=probabilities)
        self.values, self.probabilities = fields["values"], fields["probabilities"]
        _require_table(self.values, "DiscreteTable.values")
        if self.probabilities.shape[-1:] != self.values.shape[-1:]:
            raise ValueError(
                f"DiscreteTable.probabilities has shape {self.probabilities.shape}, values {self.values.shape};"
                " give one probability per value along the last axis."
            )
        gaps = jnp.diff(self.values, axis=-1)
        require_values(gaps, lambda x: x > 0, "the rise of DiscreteTable.values", "give strictly rising values")
        require_nonnegative(self.probabilities, "DiscreteTable.probabilities")
        slack = _slack(self.probabilities.dtype)
        total = jnp.cumsum(self.probabilities, axis=-1)[..., -1]
        wanted = "divide the probabilities by their sum"
        require_values(total, lambda x: abs(x - 1) <= slack, "the sum of DiscreteTable.probabilities", wanted)

    def _table(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        return self.values, self.probabilities


class Empirical(FiniteDemand):
    r"""The distribution of a sample of demands.

    **Arguments:** `sample`: observed demands [units], in any order and with repetitions, along the last axis.
    `weights`: how much each counts, of the same length, not negative, some positive; None counts all alike. Only their
    ratios matter. Leading axes broadcast.

    **Derivatives:** all, to second order, in the argument, the sample and the weights, except where the argument is a
    value of the sample; there the slope is that for a rising argument. The quantile is the one `inverted_cdf` of
    `numpy.quantile`. Tested with samples of up to 100,000.

    **Source:** `scipy.stats.ecdf`.

    >>> demand = Empirical([30.0, 10.0, 20.0, 20.0])
    >>> float(demand.loss(15.0)), float(demand.ppf(0.75))
    (6.25, 20.0)
    """

    sample_values: Float[Array, "*batch table"]
    probabilities: Float[Array, "*batch table"]

    def __init__(self, sample: Any, weights: Any = None):
        fields = parameters("Empirical", sample=sample, weights=weights)
        values, shares = fields["sample"], fields["weights"]
        _require_table(values, "Empirical.sample")
        if weights is None:
            self.sample_values = jnp.sort(values, axis=-1)
            self.probabilities = jnp.full_like(values, 1 / values.shape[-1])
            return
        if shares.shape[-1:] != values.shape[-1:]:
            raise ValueError(
                f"Empirical.weights has shape {shares.shape}, sample {values.shape};"
                " give one weight per observation along the last axis."
            )
        require_nonnegative(shares, "Empirical.weights")
        total = jnp.sum(shares, axis=-1, keepdims=True)
        require_values(total, lambda x: x > 0, "the sum of Empirical.weights", "give one weight above zero")
        values, shares = jnp.broadcast_arrays(values, shares / total)
        order = jnp.argsort(values, axis=-1)
        self.sample_values = jnp.take_along_axis(values, order, axis=-1)
        self.probabilities = jnp.take_along_axis(shares, order, axis=-1)

    def _table(self) -> tuple[Float[Array, "*batch table"], Float[Array, "*batch table"]]:
        return self.sample_values, self.probabilities


def _require_table(values: Array, what: str) -> None:
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"{what} has shape {values.shape}; give one or more numbers along the last axis.")
    require_values(values, np.isfinite, what, "give finite numbers")


def _slack(dtype: Any) -> float:
    """By how much probabilities may miss one: rounding, and tables printed with seven digits."""
    return 1e-6 + 16 * float(jnp.finfo(dtype).eps)


# ---- one table and one argument; `jnp.vectorize` spreads them over batches, a shared table is added up once ----

_spread = partial(jnp.vectorize, signature="(n),(n),()->()")


def _upwards(terms: Array) -> Array:
    """Entry i: the sum of the terms from i upwards; one more entry, zero, for an argument beyond the table."""
    return jnp.append(jnp.cumsum(terms[::-1])[::-1], 0.0)


def _find(values: Array, y: Array, side: Literal["left", "right"]) -> tuple[Array, Array]:
    """The first value above `y` (or not below it), and how far above; NaN for NaN."""
    index = jnp.searchsorted(values, y, side=side)
    ahead = jnp.append(values, values[-1])[index] - y
    return index, jnp.where((index < values.size) | jnp.isnan(y), ahead, 0.0)


def _first_order(values: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """At each value: the probability of no less, the loss, and the distance to the next value."""
    reach = _upwards(probabilities)
    gaps = jnp.append(jnp.diff(values), 0.0)
    return reach, _upwards(gaps * reach[1:]), gaps


def _probability(values: Array, probabilities: Array, x: Array, side: Literal["left", "right"]) -> Array:
    index, _ = _find(values, x, side)
    return jnp.where(jnp.isnan(x), x, _upwards(probabilities)[index])


@_spread
def _above(values: Array, probabilities: Array, x: Array) -> Array:
    return _probability(values, probabilities, x, "right")


@_spread
def _at_least(values: Array, probabilities: Array, x: Array) -> Array:
    return _probability(values, probabilities, x, "left")


@_spread
def _loss(values: Array, probabilities: Array, y: Array) -> Array:
    reach, losses, _ = _first_order(values, probabilities)
    index, ahead = _find(values, y, "right")
    return losses[index] + ahead * reach[index]


@_spread
def _second_loss(values: Array, probabilities: Array, y: Array) -> Array:
    reach, losses, gaps = _first_order(values, probabilities)
    # between neighbours the loss is a straight line
    second = _upwards(gaps * (losses[1:] + gaps / 2 * reach[1:]))
    index, ahead = _find(values, y, "right")
    return second[index] + ahead * (losses[index] + ahead / 2 * reach[index])


@_spread
def _quantile(values: Array, probabilities: Array, q: Array) -> Array:
    eps = jnp.finfo(q.dtype).eps
    # the sum of n numbers is formed in log2(n) steps: a level that close to a sum is meant to be the sum
    reached = jnp.cumsum(probabilities) * (1 + (4 + np.log2(values.size)) * float(eps))
    index = jnp.searchsorted(reached, jnp.maximum(q, jnp.finfo(q.dtype).tiny))
    return values[jnp.minimum(index, values.size - 1)]
