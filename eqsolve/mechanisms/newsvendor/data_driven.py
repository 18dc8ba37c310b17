"""Orders straight from observed demand: the sample quantile, with bootstrap confidence intervals.

Maximising average profit over the sample (sample average approximation) gives the smallest observation at which the
share of observations reaches the critical fractile; no distribution is fitted.
"""

from numbers import Integral, Real
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_scalar, require_values, require_vector
from eqsolve._tabled import Tabled

Scalar = Float[Array, ""]
Vector = Float[Array, " observations"]


class SampleOrder(Tabled):
    """An order from a sample, with percentile bootstrap intervals; `str()` prints a table.

    **Fields:**

    - `order` [units] and `profit`: the average profit it would have earned on the sample [money].
    - `order_interval`: shape `[2]`, of the orders that resamples lead to.
    - `profit_interval`: shape `[2]`, of the average profit of `order`, held fixed, over resamples.
    """

    order: Scalar
    profit: Scalar
    order_interval: Float[Array, "2"]
    profit_interval: Float[Array, "2"]


def order_from_sample(
    sample: Any,
    price: Any,
    cost: Any,
    salvage: Any = 0.0,
    penalty: Any = 0.0,
    tax: Any = 0.0,
    weights: Any = None,
) -> Scalar:
    """The order that maximises average profit over observed demands.

    **Arguments:** `sample`: demands [units], shape `[observations]`. `price`, `cost`, `salvage`, `penalty`, `tax`:
    single numbers as in `Newsvendor`, with its corners (0 where a unit short costs nothing, `inf` where leftovers earn
    money, never negative); several by `jax.vmap`. `weights`: >= 0, shape `[observations]`, in any scale; None for equal
    ones.
    **Returns:** the smallest optimal order [units], never an observation of weight zero. That a share of the sample
    equals the fractile is decided with a tolerance of the rounding of both.
    **Errors:** `TypeError` and `ValueError` that name the argument, the value and the remedy; traced values out of
    range give NaN.
    **Source:** Levi, Roundy and Shmoys, Provably near-optimal sampling-based policies for stochastic inventory control
    models, *Mathematics of Operations Research* 32 (2007), section 2.

    >>> float(order_from_sample([9.0, 4.0, 6.0, 12.0], price=8.0, cost=2.0))
    9.0
    """
    case = _Case("order_from_sample", sample, price, cost, salvage, penalty, tax, weights)
    return case.order(case.weights)


def bootstrap_order(
    key: PRNGKeyArray,
    sample: Any,
    price: Any,
    cost: Any,
    salvage: Any = 0.0,
    penalty: Any = 0.0,
    tax: Any = 0.0,
    weights: Any = None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> SampleOrder:
    """`order_from_sample` with confidence intervals for the order and for what it earns.

    **Arguments:** `key`: a random key of `jax.random`. `resamples`: how many samples of the same size are drawn with
    replacement, observations with a chance in proportion to their weight; memory grows with resamples times
    observations. `confidence`: in (0, 1). The others as for `order_from_sample`.
    **Returns:** a `SampleOrder`. The intervals are percentiles and hold approximately, for large samples; they say
    nothing about demand above the largest observation.
    **Errors:** as `order_from_sample`.
    **Source:** Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), section 13.3.

    >>> found = bootstrap_order(jax.random.key(0), jnp.arange(1.0, 101.0), price=8.0, cost=2.0)
    >>> float(found.order), bool(found.order_interval[0] < 75.0 < found.order_interval[1])
    (75.0, True)
    """
    if not isinstance(resamples, Integral) or isinstance(resamples, bool):
        raise TypeError(f"bootstrap_order: resamples is {resamples!r}; give a whole number.")
    if not isinstance(confidence, Real) or isinstance(confidence, bool):
        raise TypeError(f"bootstrap_order: confidence is {confidence!r}; give a Python number between 0 and 1.")
    if resamples < 1:
        raise ValueError(f"bootstrap_order: resamples is {resamples}; give 1 or more.")
    if not 0 < confidence < 1:
        raise ValueError(f"bootstrap_order: confidence is {confidence}; give a number between 0 and 1.")
    case = _Case("bootstrap_order", sample, price, cost, salvage, penalty, tax, weights)
    return _bootstrap(key, case, int(resamples), float(confidence))


class _Case(eqx.Module):
    """Checked arguments, the sample sorted."""

    sample: Vector
    weights: Vector
    price: Scalar
    cost: Scalar
    salvage: Scalar
    penalty: Scalar
    tax: Scalar

    def __init__(
        self, owner: str, sample: Any, price: Any, cost: Any, salvage: Any, penalty: Any, tax: Any, weights: Any
    ):
        given = {"price": price, "cost": cost, "salvage": salvage, "penalty": penalty, "tax": tax}
        fields = as_fields(owner, sample=sample, weights=weights, **given)
        for name in given:
            require_scalar(fields[name], f"{owner}: {name}")
            setattr(self, name, fields[name])
        sample, weights = fields["sample"], fields["weights"]
        require_vector(sample, f"{owner}: sample")
        weights = jnp.ones_like(sample) if weights is None else weights
        if weights.shape != sample.shape:
            raise ValueError(f"{owner}: weights has shape {weights.shape}; give one for each of {sample.size} demands.")
        require_finite(fields, owner)
        require_nonnegative(weights, f"{owner}: weights")
        require_values(jnp.sum(weights), lambda total: total > 0, f"{owner}: the sum of weights", "give a positive one")
        for name in ("price", "cost", "penalty"):
            require_nonnegative(fields[name], f"{owner}: {name}")
        rank = jnp.argsort(sample)
        self.sample, self.weights = sample[rank], weights[rank]

    def order(self, weights: Vector) -> Scalar:
        """The best order where observations have these weights."""
        underage = self.price + self.penalty - self.cost - self.tax
        overage = self.cost + self.tax - self.salvage
        interior = (underage > 0) & (overage >= 0)
        fractile = jnp.where(interior, underage / jnp.where(interior, underage + overage, 1.0), 0.5)
        reached = jnp.cumsum(weights)
        # a fractile computed from money, and shares from sums, are rounded: what agrees up to that is equal
        slack = jnp.finfo(weights.dtype).eps * (8 + weights.size / 2)
        enough = reached >= (fractile - slack) * reached[-1]
        first = jnp.argmax(enough & (weights > 0))
        corner = jnp.where(overage < 0, jnp.inf, 0.0)
        order = jnp.where(interior, jnp.maximum(self.sample[first], 0.0), corner)
        return jnp.where(self._valid, order, jnp.nan)

    def profits(self, order: Scalar) -> Vector:
        """What an order earns at each observation [money]."""
        sold = jnp.minimum(order, self.sample)
        left, short = order - sold, self.sample - sold
        earned = self.price * sold + self.salvage * left - self.penalty * short
        return jnp.where(self._valid, earned - (self.cost + self.tax) * order, jnp.nan)

    @property
    def _valid(self) -> Array:
        numbers = [self.price, self.cost, self.salvage, self.penalty, self.tax]
        in_range = (self.price >= 0) & (self.cost >= 0) & (self.penalty >= 0) & jnp.all(self.weights >= 0)
        finite = [jnp.all(jnp.isfinite(value)) for value in (*numbers, self.sample, self.weights)]
        return in_range & jnp.all(jnp.stack(finite)) & (jnp.sum(self.weights) > 0)


@eqx.filter_jit
def _bootstrap(key: PRNGKeyArray, case: _Case, resamples: int, confidence: float) -> SampleOrder:
    size = case.sample.size
    order = case.order(case.weights)
    earned = case.profits(order)
    drawn = jax.random.choice(key, size, (resamples, size), p=case.weights / jnp.sum(case.weights))

    def counts(row: Array) -> Vector:
        return jnp.zeros_like(case.weights).at[row].add(1.0)

    orders = jax.vmap(lambda row: case.order(counts(row)))(drawn)
    levels = jnp.asarray(np.array([1 - confidence, 1 + confidence]) / 2, case.sample.dtype)
    return SampleOrder(
        order=order,
        profit=jnp.sum(case.weights * earned) / jnp.sum(case.weights),
        order_interval=jnp.quantile(orders, levels),
        profit_interval=jnp.quantile(jnp.mean(earned[drawn], axis=1), levels),
    )
