"""Divisions that share capacity: their revenue, costs and shocks."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import (
    as_fields,
    per_entry,
    require_nonnegative,
    require_positive,
    require_scalar,
    require_values,
)
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms.capacity._laws import as_shocks
from eqsolve.mechanisms.capacity.reallocation import Use, require_use
from eqsolve.mechanisms.capacity.revenue import Revenue

Number = Float[Array, ""]
Each = Float[Array, " divisions"]


class CapacityEnvironment(eqx.Module):
    """Divisions that use capacity, in one period or in each of many alike.

    **Arguments:**

    - `revenue`: of all divisions, a `Revenue` with one entry per division (or parameters that they share).
    - `capacity_cost` c: > 0, user cost per unit of capacity and period [money/unit].
    - `shocks`: their joint law, one component per division, which also says how many there are. A `JointTable` or
      `EmpiricalPairs` for any number; for two, also `Independent` laws (continuous, or finite ones), a
      `GaussianCopula` or `TCopula` of continuous laws, a `MultivariateNormal` or `MultivariateLogNormal`. Shocks should
      leave marginal revenue above zero at small quantities; continuous ones are integrated with a cut at every kink, so
      that expectations are right to rounding for smooth densities.
    - `variable_cost` w: >= 0 [money/unit], one number, or one per division.
    - `use`: what a division does with its own right where nothing is renegotiated: "efficient", it sells as much as it
      wants (paper 002), or "literal", it uses all of it (paper 001).

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Dutta and Reichelstein (paper 002), section 2; (paper 001), section 2.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue, expected_own_price, expected_shadow_price
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> float(expected_shadow_price(divisions, 12.0)), expected_own_price(divisions, [7.0, 5.0]).tolist()
    (3.0, [3.0, 3.0])

    Continuous shocks from 0.5 to 1.5 that move against each other (a table may have correlations of -1 and 1, too):

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.demand.joint import GaussianCopula
    >>> law = GaussianCopula([Uniform(0.5, 1.0), Uniform(0.5, 1.0)], correlation=[[1.0, -0.5], [-0.5, 1.0]])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=law)
    >>> round(float(expected_shadow_price(divisions, 12.0)), 3)
    3.004
    """

    revenue: Revenue
    capacity_cost: Number
    shocks: JointDistribution
    variable_cost: Float[Array, "*divisions"]
    use: Use = eqx.field(static=True)

    def __init__(
        self, revenue: Revenue, capacity_cost: Any, shocks: Any, variable_cost: Any = 0.0, use: Use = "efficient"
    ):
        owner = "CapacityEnvironment"
        if not isinstance(revenue, Revenue):
            raise TypeError(f"{owner}.revenue is {revenue!r}; give a Revenue, such as QuadraticRevenue(10.0, 0.5).")
        law = as_shocks(owner, shocks)
        fields = as_fields(owner, revenue=revenue, capacity_cost=capacity_cost, shocks=law, variable_cost=variable_cost)
        self.revenue, self.capacity_cost, self.shocks = fields["revenue"], fields["capacity_cost"], fields["shocks"]
        self.variable_cost = fields["variable_cost"]
        per_entry(self.variable_cost, law.size, f"{owner}.variable_cost")  # raises where the shape is another
        self.use = use

    def __check_init__(self) -> None:
        owner = "CapacityEnvironment"
        require_use(self.use, f"{owner}.use")
        require_scalar(self.capacity_cost, f"{owner}.capacity_cost")
        require_positive(self.capacity_cost, f"{owner}.capacity_cost")
        require_nonnegative(self.variable_cost, f"{owner}.variable_cost")
        for name in ("capacity_cost", "variable_cost"):
            require_values(getattr(self, name), np.isfinite, f"{owner}.{name}", "give finite numbers")
        if self.revenue.divisions not in (1, self.divisions):
            raise ValueError(
                f"{owner}.revenue has parameters of {self.revenue.divisions} divisions, shocks {self.divisions}"
                " components; give one shock per division."
            )

    @property
    def divisions(self) -> int:
        """How many divisions there are."""
        return self.shocks.size

    @property
    def valid(self) -> Bool[Array, ""]:
        """What construction checks where it can, for values that were traced then."""
        costs = (self.capacity_cost > 0) & jnp.all(self.variable_cost >= 0)
        return costs & jnp.all(self.revenue._valid) & self.shocks._valid

    def checked(self, value: Array) -> Array:
        """`value`, or NaN where the environment is not valid."""
        return jnp.where(self.valid, value, jnp.nan)

    @property
    def variable_costs(self) -> Each:
        """Variable cost of every division [money/unit]."""
        return jnp.broadcast_to(self.variable_cost, (self.divisions,))

    def own_capacity(self, capacity: Any) -> Each:
        """`capacity` as one number per division."""
        value = jnp.asarray(capacity, self.capacity_cost.dtype)
        return per_entry(value, self.divisions, "capacity")

    def shared_capacity(self, capacity: Any) -> Number:
        """`capacity` as one number for all divisions together."""
        value = jnp.asarray(capacity, self.capacity_cost.dtype)
        require_scalar(value, "shared capacity")
        return value
