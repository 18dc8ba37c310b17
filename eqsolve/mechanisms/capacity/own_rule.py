"""A transfer pricing rule of one's own: any function of the capacity and of the output of every period."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import as_fields, require_positive, require_scalar
from eqsolve.mechanisms.capacity._zoom import zoomed
from eqsolve.mechanisms.capacity.lifetime import ExpectedUse, LifetimeDivision
from eqsolve.mechanisms.capacity.transfer_rules import TransferRule, as_paths

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class OwnRule(TransferRule):
    """A transfer pricing rule of your own, $TP_t(k, q_t)$.

    **Arguments:**

    - `function`: `(params, capacity, quantity) -> payments` with one entry per period along the last axis of `quantity`
      and of the result, elementwise otherwise; defined at module level.
    - `params`: pytree of arrays.
    - `most`: the largest capacity that may be chosen [units], > 0.

    Quantities and capacities are searched on grids that close in on the best point, from below where several are best.
    The search assumes nothing but may miss a peak narrower than 1/32 of the range. It is good to the square root of
    rounding; where the best capacities are an interval that is approached flatly, to its cube root. It has no
    derivatives. Continuous laws are split at the shock beyond which capacity is used up; where payments have kinks of
    their own in output, expectations are only good to three or four digits.

    **Errors:** `TypeError` and `ValueError` that name the field.

    >>> def step(params, capacity, quantity):
    ...     return params["charge"] * capacity + 2.0 * quantity
    >>> OwnRule({"charge": 3.0}, step, most=20.0).payment(5.0, jnp.array([4.0])).tolist()
    [23.0]
    """

    params: PyTree
    most: Scalar
    function: Callable[[PyTree, Array, Array], Array] = eqx.field(static=True)

    def __init__(self, params: PyTree, function: Callable[[PyTree, Array, Array], Array], most: Any):
        require_callable(function, "OwnRule.function")
        require_no_captured_arrays(function, "OwnRule.function")
        self.params, self.function = as_parameters(params), function
        self.most = as_fields("OwnRule", most=most)["most"]

    def __check_init__(self) -> None:
        require_finite(self, "OwnRule")
        require_scalar(self.most, "OwnRule.most")
        require_positive(self.most, "OwnRule.most")

    def payment(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the buyer pays in each period [money]."""
        capacity, quantity = as_paths(capacity, quantity, self.most.dtype)
        possible = (capacity >= 0) & (quantity >= 0)
        return jnp.where(possible, self.function(self.params, capacity, quantity), jnp.nan)

    def chosen(self, division: LifetimeDivision, weights: PerPeriod) -> Scalar:
        """The smallest best capacity that the search finds between zero and `most`."""

        def objective(capacity: Array) -> Array:
            use, paid, _ = self.use(division, capacity)
            return jnp.sum(jnp.where(weights > 0, weights * (use.revenue - paid), 0.0))

        return zoomed(lambda grid: jax.lax.map(objective, grid), jnp.zeros_like(self.most), self.most)

    def use(self, division: LifetimeDivision, capacity: Any) -> tuple[ExpectedUse, PerPeriod, PerPeriod]:
        """Output by search in every state of the world."""
        capacity = jnp.asarray(capacity, self.most.dtype)
        full = jnp.broadcast_to(capacity, division.variable_cost.shape)
        last = jax.jvp(lambda q: self.payment(capacity, q), (full,), (jnp.ones_like(full),))[1]
        shock, weight = division.states(capacity, jnp.where(jnp.isfinite(last), last, 0.0))

        def profit(quantity: Array) -> Array:
            return division.multiplier * division.revenue.revenue(quantity, shock) - self.payment(capacity, quantity)

        output = zoomed(profit, jnp.zeros_like(shock), jnp.broadcast_to(capacity, shock.shape))
        revenue = division.multiplier * division.revenue.revenue(output, shock)
        expected = lambda value: jnp.sum(jnp.where(weight > 0, weight * value, 0.0), axis=0)  # noqa: E731
        paid = expected(self.payment(capacity, output))
        used_up = expected(jnp.where(output >= capacity, 1.0, 0.0))
        return ExpectedUse(expected(output), expected(revenue), used_up), paid, paid
