"""First-best capacity: of each division on its own (dedicated), and shared by all (fungible)."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms._roots import falling_root, polished
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.expectations import (
    enough,
    expected_own_price,
    expected_own_quantity,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
    joint_states,
    own_states,
)
from eqsolve.mechanisms.capacity.reallocation import own_quantity, reallocate

Number = Float[Array, ""]
Each = Float[Array, " divisions"]


class DedicatedPlan(Tabled):
    """The best capacity of every division on its own, one entry per division.

    **Fields:** `capacity` [units]. `profit`: E CM_i - c k_i per period [money]. `output`: expected sales [units].
    `full`: the probability that all capacity is used.
    """

    capacity: Each
    profit: Each
    output: Each
    full: Each


class FungiblePlan(Tabled):
    """The best capacity for all divisions to share.

    **Fields:** `capacity` [units]. `profit`: E M - c k per period [money]. `output`: expected sales, one entry per
    division [units]. `idle`: the probability that capacity is left idle. `unserved`: of every division, the probability
    that it gets nothing.
    """

    capacity: Number
    profit: Number
    output: Each
    idle: Number
    unserved: Each


def dedicated_capacity(environment: CapacityEnvironment, price: Any = None) -> DedicatedPlan:
    """The capacity of every division at which another unit is expected to earn its cost: E dCM_i/dk = c.

    **Arguments:** `environment`. `price`: > 0 [money/unit], what a unit costs, one number or one per division, in place
    of the environment's `capacity_cost`; profit is after it.
    **Returns:** a `DedicatedPlan`; no capacity where even the first unit earns no more than its cost.
    **Derivatives:** capacities, profits and output in everything, to second order; probabilities none.
    **Source:** Dutta and Reichelstein (paper 002), Lemma 1, equations (4) to (6); (paper 001), equation (6).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.demand.joint import Independent
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> alone = CapacityEnvironment(QuadraticRevenue(10.0, 0.5), 3.0, Independent(Uniform(0.9, 0.2)), variable_cost=2.0)
    >>> round(float(dedicated_capacity(alone).capacity[0]), 4)
    5.0
    """
    cost = environment.own_capacity(environment.capacity_cost if price is None else price)
    capacity = dedicated_levels(environment, cost)
    states, weights = own_states(environment, capacity)
    sold = own_quantity(environment.revenue, environment.variable_cost, capacity, states)
    slack = 1 - 8 * jnp.finfo(cost.dtype).eps
    return DedicatedPlan(
        capacity,
        expected_own_value(environment, capacity) - cost * capacity,
        expected_own_quantity(environment, capacity),
        jnp.sum(jax.lax.stop_gradient(jnp.where(sold >= slack * capacity, weights, 0.0)), axis=0),
    )


def dedicated_levels(environment: CapacityEnvironment, price: Each) -> Each:
    """The capacities of `dedicated_capacity`, alone."""
    still, at = jax.lax.stop_gradient((environment, price))
    start = jnp.zeros_like(at)
    root = falling_root(lambda k: expected_own_price(still, k) - at, start, enough(still, at))
    worth = expected_own_price(still, start) > at
    found = polished(lambda k: expected_own_price(environment, k) - price, jnp.where(worth, root, 1.0))
    return environment.checked(jnp.where(worth, jnp.maximum(found, 0.0), 0.0))  # below zero only by rounding


def fungible_capacity(environment: CapacityEnvironment, price: Any = None) -> FungiblePlan:
    """The shared capacity at which another unit is expected to earn its cost: E S = c.

    **Arguments:** `environment`. `price`: > 0 [money/unit], what a unit costs, in place of `capacity_cost`.
    **Returns:** a `FungiblePlan`; no capacity where even the first unit earns no more than its cost.
    **Derivatives:** capacity, profit and output in everything, to second order; probabilities none.
    **Source:** Dutta and Reichelstein (paper 002), Lemma 2; (paper 001), equation (12), with the cash flow v (1 + r)
    that its section 3.2 lacks (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> plan = fungible_capacity(divisions)
    >>> round(float(plan.capacity), 4), plan.output.round(4).tolist()
    (12.0, [7.0, 5.0])
    """
    cost = jnp.asarray(environment.capacity_cost if price is None else price, environment.capacity_cost.dtype)
    capacity = fungible_level(environment, cost)
    states, weights = joint_states(environment, capacity)
    use = reallocate(environment.revenue, environment.variable_cost, capacity, states)
    still = jax.lax.stop_gradient((weights, use))
    return FungiblePlan(
        capacity,
        expected_shared_value(environment, capacity) - cost * capacity,
        jnp.sum(weights[:, None] * use.quantity, axis=0),
        jnp.sum(jnp.where(still[1].price == 0, still[0], 0.0)),
        jnp.sum(jnp.where(still[1].quantity == 0, still[0][:, None], 0.0), axis=0),
    )


def fungible_level(environment: CapacityEnvironment, price: Number) -> Number:
    """The capacity of `fungible_capacity`, alone."""
    still, at = jax.lax.stop_gradient((environment, price))
    start = jnp.zeros_like(at)
    most = jnp.sum(jnp.broadcast_to(enough(still, at), (environment.divisions,)))
    root = falling_root(lambda k: expected_shadow_price(still, k) - at, start, most)
    worth = expected_shadow_price(still, start) > at
    found = polished(lambda k: expected_shadow_price(environment, k) - price, jnp.where(worth, root, 1.0))
    return environment.checked(jnp.where(worth, jnp.maximum(found, 0.0), 0.0))
