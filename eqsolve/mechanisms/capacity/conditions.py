"""What the papers' propositions assume, as margins: above zero (or at it) where an assumption holds."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.demand.joint import JointDiscrete
from eqsolve.mechanisms.capacity._laws import likely_ends, shock_ends
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.reallocation import shadow_price
from eqsolve.mechanisms.capacity.revenue import Revenue

Number = Float[Array, ""]
Each = Float[Array, " divisions"]
GRID = 7  # shocks per division, over which curvature is tested where there is no table


def first_unit_margin(environment: CapacityEnvironment) -> Each:
    """What the first unit of capacity earns in the worst state, min R_i'(0, e) - w_i [money/unit].

    Paper 002 assumes that it is above zero (section 2, x R'(0) > w).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> first_unit_margin(divisions).tolist()
    [7.5, 6.0]
    """
    return limited_volatility(environment, 0.0)


def limited_volatility(environment: CapacityEnvironment, capacity: Any) -> Each:
    """What the last unit of own capacity earns in the worst state, min R_i'(k_i, e) - w_i [money/unit].

    Not negative where a division uses all of its capacity in every state; the papers' "limited volatility" asks this of
    the dedicated optimum. Minus infinity where shocks have no lower end.

    **Arguments:** `capacity`: >= 0 [units], one number or one per division.
    **Source:** Dutta and Reichelstein (paper 002), section 3; (paper 001), equation (18) (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> limited_volatility(divisions, [7.0, 5.0]).tolist()
    [0.5, 1.0]
    """
    capacity = environment.own_capacity(capacity)
    ends = [environment.revenue.marginal(capacity, end) for end in shock_ends(environment.shocks)]
    return environment.checked(jnp.minimum(*ends) - environment.variable_cost)


def interior_margin(environment: CapacityEnvironment, capacity: Any) -> Each:
    """By how much every division's first unit outbids the shadow price in its worst state [money/unit].

    Above zero where all divisions get something in every state, which limited volatility does not imply.

    **Arguments:** `capacity`: shared, >= 0 [units], one number.
    **Source:** Dutta and Reichelstein (paper 002), proof of Proposition 2, "provided that q_i* > 0" (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> interior_margin(divisions, 12.0).tolist()
    [4.75, 2.75]
    """
    states, possible = _extreme_states(environment)
    capacity = environment.shared_capacity(capacity)
    price = shadow_price(environment.revenue, environment.variable_cost, capacity, states)
    first = environment.revenue.marginal(jnp.zeros_like(states), states) - environment.variable_cost
    margin = jnp.where(possible, first - price[:, None], jnp.inf)
    return environment.checked(jnp.min(margin, axis=0))


def scarcity(environment: CapacityEnvironment, capacity: Any) -> Number:
    """The lowest shadow price of shared capacity over all states; zero where some leave capacity idle [money/unit].

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> float(scarcity(divisions, 12.0))
    2.75
    """
    if isinstance(environment.shocks, JointDiscrete):
        states, possible = _extreme_states(environment)
    else:
        low, high = shock_ends(environment.shocks)
        states, possible = jnp.stack([low, high]), jnp.ones((2, 1), bool)
    capacity = environment.shared_capacity(capacity)
    price = shadow_price(environment.revenue, environment.variable_cost, capacity, states)
    return environment.checked(jnp.min(jnp.where(possible[:, 0], price, jnp.inf)))


class PriceCurvature(Tabled):
    """How the shadow price bends in the shocks, between pairs of states.

    **Fields:** `lowest`, `highest`: of the price in the middle of two states less the mean of its prices in both
    [money/unit]. Both zero where it is linear; none negative where it is concave, none positive where convex.
    """

    lowest: Number
    highest: Number

    def sign(self, tolerance: float = 1e-9) -> Number:
        """1 where the price is concave, -1 where convex, 0 where linear, NaN where neither, to this size."""
        up, down = self.highest > tolerance, self.lowest < -tolerance
        return jnp.where(up & down, jnp.nan, jnp.where(up, 1.0, jnp.where(down, -1.0, 0.0)))


def price_curvature(environment: CapacityEnvironment, capacity: Any) -> PriceCurvature:
    """Test whether the shadow price is concave, convex or linear in all shocks jointly.

    All pairs of possible states of a table are tried, or of a grid over continuous shocks: evidence, not a proof. The
    argument of the propositions needs marginal revenue to be affine in the shock, which holds for all families here.

    **Arguments:** `capacity`: shared, >= 0 [units].
    **Source:** Dutta and Reichelstein (paper 001), Proposition 5 and equation (22).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> found = price_curvature(divisions, 12.0)
    >>> abs(float(found.lowest)) < 1e-4, abs(float(found.highest)) < 1e-4
    (True, True)
    """
    states, possible = _grid_states(environment)

    def price(states: Array) -> Array:
        return shadow_price(environment.revenue, environment.variable_cost, capacity, states)

    at = price(states)
    bend = price((states[:, None] + states[None]) / 2) - (at[:, None] + at[None]) / 2
    pairs = possible[:, None] & possible[None]
    low, high = jnp.min(jnp.where(pairs, bend, jnp.inf)), jnp.max(jnp.where(pairs, bend, -jnp.inf))
    return PriceCurvature(environment.checked(low), environment.checked(high))


class Regularity(Tabled):
    """Margins of the papers' assumptions on revenue, over given quantities and shocks.

    **Fields:** each not negative where an assumption holds. `first_unit`: the lowest R'(0) - w [money/unit].
    `increasing`: the lowest R'. `concave`: the lowest fall of R' from one quantity to the next, per unit.
    `shock_raises`: the lowest rise of R' from one shock to the next, per unit of the shock. `affine`: minus the largest
    bend of R' in the shock, relative to its size: zero up to rounding where R' is affine in it.
    """

    first_unit: Number
    increasing: Number
    concave: Number
    shock_raises: Number
    affine: Number


def regularity(revenue: Revenue, quantities: Any, shocks: Any, variable_cost: Any = 0.0) -> Regularity:
    """Check what both papers assume of a revenue function, where it matters.

    **Arguments:** `revenue`: of one division. `quantities`: > 0 [units], rising, at least two. `shocks`: rising, evenly
    spaced, at least three. `variable_cost`: [money/unit].
    **Returns:** `Regularity`.
    **Errors:** `ValueError` for fewer quantities or shocks.
    **Source:** Dutta and Reichelstein (paper 002), section 2; (paper 001), section 2 and Assumption 1.

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> found = regularity(QuadraticRevenue(10.0, 0.5), [1.0, 4.0, 12.0], [0.5, 1.0, 1.5], variable_cost=2.0)
    >>> float(found.first_unit), float(found.increasing), float(found.concave)
    (3.0, -7.0, 1.0)
    """
    q, e = jnp.asarray(quantities, float), jnp.asarray(shocks, float)
    if q.ndim != 1 or e.ndim != 1 or q.shape[0] < 2 or e.shape[0] < 3:
        raise ValueError(
            f"regularity: quantities has shape {q.shape}, shocks {e.shape}; give at least two and three numbers."
        )
    first = revenue.marginal(jnp.zeros_like(e), e) - variable_cost
    slope = revenue.marginal(q[:, None], e[None, :])
    bend = slope[:, 2:] - 2 * slope[:, 1:-1] + slope[:, :-2]
    return Regularity(
        jnp.min(first),
        jnp.min(slope),
        jnp.min(-jnp.diff(slope, axis=0) / jnp.diff(q)[:, None]),
        jnp.min(jnp.diff(slope, axis=1) / jnp.diff(e)),
        -jnp.max(jnp.abs(bend)) / jnp.max(jnp.abs(slope)),
    )


def _extreme_states(environment: CapacityEnvironment) -> tuple[Array, Array]:
    """States in which a division may get least, and whether each can happen: the table, or its worst with all best."""
    if isinstance(environment.shocks, JointDiscrete):
        states, weights = environment.shocks.scenarios()
        return states, (weights > 0)[:, None]
    low, high = shock_ends(environment.shocks)
    own = jnp.eye(environment.divisions, dtype=bool)
    return jnp.where(own, low, high), own


def _grid_states(environment: CapacityEnvironment) -> tuple[Array, Array]:
    if isinstance(environment.shocks, JointDiscrete):
        states, weights = environment.shocks.scenarios()
        return states, weights > 0
    low, high = likely_ends(environment.shocks)
    share = np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, GRID)] * environment.divisions), axis=-1)
    states = low + (high - low) * jnp.asarray(share.reshape(-1, environment.divisions), low.dtype)
    return states, jnp.ones(states.shape[0], bool)
