"""What divisions that share capacity may expect of it before shocks are known: values, prices and quantities."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tangents import pushed_forward
from eqsolve.mechanisms.capacity import _by_parts
from eqsolve.mechanisms.capacity._laws import Nodes, likely_ends, own_nodes, pair_nodes, shock_ends
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.reallocation import (
    finite,
    own_price,
    own_quantity,
    own_value,
    shadow_price,
    shared_value,
)
from eqsolve.mechanisms.capacity.revenue import Revenue

Each = Float[Array, " divisions"]
Number = Float[Array, ""]


def joint_states(environment: CapacityEnvironment, capacity: Number) -> Nodes:
    """Shocks `[nodes, divisions]` and weights, cut where the use of this much shared capacity changes its kind.

    Given the first of two continuous shocks, that is where the second division is just served, where it takes all, and
    where both together want just what there is.
    """
    divisions, count = environment.divisions, environment.revenue.nodes
    if divisions > 2:
        return pair_nodes(environment.shocks, jnp.zeros(0), _no_cuts, 1)
    first, first_cost = environment.revenue.of(0), environment.variable_costs[0]
    alone = jnp.stack([first.shock_at(q, first_cost) for q in (jnp.zeros_like(capacity), capacity)])
    if divisions == 1:
        return pair_nodes(environment.shocks, alone, _no_cuts, count)
    second, second_cost = environment.revenue.of(1), environment.variable_costs[1]

    def meetings(one: Revenue, one_cost: Number, other: Revenue, other_cost: Number, shock: Any) -> list[Array]:
        """Shocks of `other` at which the kind of use changes, given that of `one`."""
        net = [jnp.maximum(one.marginal(q, shock) - one_cost, 0.0) for q in (capacity, jnp.zeros_like(capacity))]
        left = capacity - jnp.minimum(one.inverse_marginal(one_cost, shock), capacity)
        served, all_of_it = other.shock_at(0.0, net[0] + other_cost), other.shock_at(capacity, net[1] + other_cost)
        return [served, all_of_it, other.shock_at(left, other_cost)]

    ends = [end[1] for end in shock_ends(environment.shocks)]
    crossed = [meetings(second, second_cost, first, first_cost, end) for end in ends]
    return pair_nodes(
        environment.shocks,
        jnp.concatenate([alone, *(jnp.stack(cuts) for cuts in crossed)]),
        lambda shock: jnp.stack(meetings(first, first_cost, second, second_cost, shock)),
        count,
    )


def own_states(environment: CapacityEnvironment, capacity: Each) -> Nodes:
    """Own shocks and weights `[nodes, divisions]`, cut where a division begins to sell, and to use all it has."""
    cuts = [environment.revenue.shock_at(q, environment.variable_cost) for q in (jnp.zeros_like(capacity), capacity)]
    return own_nodes(environment.shocks, jnp.stack(cuts), environment.revenue.nodes)


def expected_shadow_price(environment: CapacityEnvironment, capacity: Any) -> Number:
    """E S: what one more unit of shared capacity is expected to earn [money/unit].

    **Arguments:** `capacity`: >= 0 [units], one number.
    **Returns:** NaN for negative capacity.
    **Errors:** `ValueError` for more than one number.
    **Derivatives:** all, to second order.
    **Source:** Dutta and Reichelstein (paper 002), Lemma 2; (paper 001), equation (12).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> float(expected_shadow_price(divisions, 12.0))
    3.0
    """
    return _SHARED_PRICE(environment, environment.shared_capacity(capacity))


def expected_shared_value(environment: CapacityEnvironment, capacity: Any) -> Number:
    """E M: what shared capacity is expected to earn net of variable cost [money]; as for `expected_shadow_price`.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> float(expected_shared_value(divisions, 12.0))
    78.0625
    """
    return _SHARED_VALUE(environment, environment.shared_capacity(capacity))


def expected_own_price(environment: CapacityEnvironment, capacity: Any) -> Each:
    """E dCM_i/dk_i: what one more unit of its own is expected to earn every division [money/unit].

    **Arguments:** `capacity`: >= 0 [units], one per division.
    **Returns:** NaN for negative capacity.
    **Derivatives:** all, to second order.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> expected_own_price(divisions, [7.0, 5.0]).tolist()
    [3.0, 3.0]
    """
    return _OWN_PRICE(environment, environment.own_capacity(capacity))


def expected_own_value(environment: CapacityEnvironment, capacity: Any) -> Each:
    """E CM_i: what every division's own capacity is expected to earn net of variable cost [money].

    **Arguments:** `capacity`: as for `expected_own_price`.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> expected_own_value(divisions, [7.0, 5.0]).tolist()
    [45.5, 27.5]
    """
    return _OWN_VALUE(environment, environment.own_capacity(capacity))


def _shared_price(environment: CapacityEnvironment, capacity: Number) -> Number:
    states, weights = joint_states(environment, capacity)
    price = shadow_price(environment.revenue, environment.variable_cost, capacity, states)
    return environment.checked(_mean(weights, price))


def _shared_slope(environment: CapacityEnvironment, capacity: Number) -> Number:
    """The mean slope of the price: the price has kinks and no jumps, so that the kinks' moves do not matter."""
    states, weights = joint_states(environment, capacity)

    def price(capacity: Number) -> Array:
        return shadow_price(environment.revenue, environment.variable_cost, capacity, states)

    return _mean(weights, jax.jvp(price, (capacity,), (jnp.ones_like(capacity),))[1])


def _shared_value(environment: CapacityEnvironment, capacity: Number) -> Number:
    states, weights = joint_states(environment, capacity)
    value = shared_value(environment.revenue, environment.variable_cost, capacity, states)
    return environment.checked(_mean(weights, value))


def _own_price(environment: CapacityEnvironment, capacity: Each) -> Each:
    shock, weights = own_states(environment, capacity)
    price = own_price(environment.revenue, environment.variable_cost, capacity, shock, environment.use)
    return environment.checked(_mean(weights, price))


def _own_slope(environment: CapacityEnvironment, capacity: Each) -> Each:
    shock, weights = own_states(environment, capacity)

    def price(capacity: Each) -> Array:
        return own_price(environment.revenue, environment.variable_cost, capacity, shock, environment.use)

    return _mean(weights, jax.jvp(price, (capacity,), (jnp.ones_like(capacity),))[1])


def _own_value(environment: CapacityEnvironment, capacity: Each) -> Each:
    shock, weights = own_states(environment, capacity)
    value = own_value(environment.revenue, environment.variable_cost, capacity, shock, environment.use)
    return environment.checked(_mean(weights, value))


Function = Callable[[CapacityEnvironment, Array], Array]
Exact = Callable[[_by_parts.Margins, Array], Array]


def _shared(exact: Exact, summed: Function) -> Function:
    """An expectation about shared capacity: in closed form where there is one, else summed over states."""

    def function(environment: CapacityEnvironment, capacity: Array) -> Array:
        if not _by_parts.is_by_parts(environment.revenue, environment.shocks):
            return summed(environment, capacity)
        margins = _by_parts.Margins.of(environment.revenue, environment.shocks, environment.variable_costs)
        return environment.checked(jnp.where(capacity >= 0, exact(margins, capacity), jnp.nan))

    return function


def _own(exact: Exact, summed: Function) -> Function:
    """The same about each division's own capacity; the closed forms are those of efficient use."""
    efficient = _shared(exact, summed)

    def function(environment: CapacityEnvironment, capacity: Array) -> Array:
        return (efficient if environment.use == "efficient" else summed)(environment, capacity)

    return function


def _with_slope(function: Function, slope: Function) -> Function:
    """A function of capacity with a given derivative in it; derivatives in the environment are those of the formula."""

    @eqx.filter_custom_jvp
    def known(environment: CapacityEnvironment, capacity: Array) -> Array:
        return function(environment, capacity)

    @known.def_jvp
    def rule(primals: tuple[CapacityEnvironment, Array], tangents: tuple[Any, Array | None]) -> tuple[Array, Array]:
        environment, capacity = primals
        value = known(environment, capacity)
        moved = jnp.zeros_like(value)
        if tangents[1] is not None:
            moved += finite(slope(environment, capacity)) * tangents[1]
        if jax.tree.leaves(tangents[0]):
            moved += pushed_forward(lambda given: function(given, capacity), environment, tangents[0])[0]
        return value, moved

    return known


_SHARED_PRICE = _with_slope(
    _shared(_by_parts.shared_price, _shared_price), _shared(_by_parts.shared_slope, _shared_slope)
)
_SHARED_VALUE = _with_slope(_shared(_by_parts.shared_value, _shared_value), _SHARED_PRICE)
_OWN_PRICE = _with_slope(_own(_by_parts.own_price, _own_price), _own(_by_parts.own_slope, _own_slope))
_OWN_VALUE = _with_slope(_own(_by_parts.own_value, _own_value), _OWN_PRICE)


def expected_own_quantity(environment: CapacityEnvironment, capacity: Any) -> Each:
    """E q_i: what every division is expected to sell from its own capacity [units].

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> expected_own_quantity(divisions, [7.0, 9.0]).tolist()
    [7.0, 7.5]
    """
    capacity = environment.own_capacity(capacity)
    shock, weights = own_states(environment, capacity)
    sold = own_quantity(environment.revenue, environment.variable_cost, capacity, shock, environment.use)
    return environment.checked(_mean(weights, sold))


def enough(environment: CapacityEnvironment, price: Any) -> Each:
    """More than any division would sell, were capacity to earn half of `price` [money/unit] in its best state.

    States of a probability below rounding are left out where the best one is infinite.
    """
    best = likely_ends(environment.shocks)[1]
    return environment.revenue.inverse_marginal(environment.variable_cost + price / 2, best)


def _mean(weights: Array, value: Array) -> Array:
    """The sum over states; those without weight do not count, even where the value is infinite."""
    counts = weights > 0
    return jnp.sum(jnp.where(counts, weights * jnp.where(counts, value, 0.0), 0.0), axis=0)


def _no_cuts(shock: Number) -> Float[Array, " cuts"]:
    return jnp.zeros(0, shock.dtype)
