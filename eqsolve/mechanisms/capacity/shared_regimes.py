r"""Where all divisions are served and all capacity is used in every state, over the life of shared capacity.

For quadratic revenue the shadow price $S_t$ of a period is a straight line there: with $b_{it} = 1 / (2 h_i x_{it})$,
$H_t = 1 / \sum_i b_{it}$ and $K = \sum_i \theta_i E\epsilon_i / (2 h_i)$,
$E S_t(k) = H_t (K - k - \sum_i w_{it} b_{it})$.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.conditions import interior_margin, limited_volatility, scarcity
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.shared_lifetime import SharedLifetime

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]
Each = Float[Array, " divisions"]
Table = Float[Array, "periods divisions"]


class Margins(Tabled):
    """What keeps shared capacity in the regime in which shadow prices of quadratic revenue are straight lines.

    **Fields** [money/unit]: `limited_volatility`: the lowest net marginal revenue of each division at its dedicated
    capacity, shape `[T, divisions]`; not negative where it always uses all of it. `interior`: by how much each
    division's first unit outbids the shadow price in its worst state, shape `[T, divisions]`; positive where it is
    always served. `scarcity`: the lowest shadow price, shape `[T]`; zero where some state leaves capacity idle.
    """

    limited_volatility: Table
    interior: Table
    scarcity: PerPeriod


@eqx.filter_jit
def regime_margins(shared: SharedLifetime, dedicated: Each) -> Margins:
    """How far limited volatility and interior allocations hold at the dedicated capacities, and at their sum.

    **Arguments:** `dedicated`: the capacity of each division on its own, as from `shared_optimum` [units].
    **Returns:** `Margins`.
    **Source:** Dutta and Reichelstein (paper 002), section 4; that both are needed, ERRATA.md.
    """
    total = jnp.sum(dedicated)

    def at(period: CapacityEnvironment) -> tuple[Array, Array, Array]:
        alone = limited_volatility(period, dedicated)
        return alone, interior_margin(period, total), scarcity(period, total)

    return Margins(*shared.each_period(at))


def interior_capacity(shared: SharedLifetime) -> Scalar:
    r"""The efficient shared capacity of quadratic revenue where every allocation is interior, in closed form.

    $k^* = K - (v + \sum_t \gamma^t H_t \sum_i w_{it} b_{it}) / \sum_t \gamma^t H_t$, with the notation at the head of
    this file.

    **Returns:** the capacity [units]; meaningless where `regime_margins` are negative, and then `shared_optimum` is
    right.
    **Errors:** `TypeError` where revenue is not a `QuadraticRevenue`.
    **Source:** derived here; it replaces the claim of paper 002, Proposition 6, that it is the sum of dedicated
    capacities (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import shared_optimum
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> x = [[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]]
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), shocks, 0.0, 9.0, 0.1, multiplier=x)
    >>> round(float(interior_capacity(shared)), 2), round(float(shared_optimum(shared).capacity), 2)
    (13.57, 13.57)
    """
    free, steepness = demand_lines(shared)
    worth = shared.discounts * steepness
    cost = jnp.sum(shared.variable_cost / (2 * curvatures(shared) * shared.multiplier), axis=1)
    return (worth @ (free - cost) - shared.price) / jnp.sum(worth)


def demand_lines(shared: SharedLifetime) -> tuple[PerPeriod, PerPeriod]:
    """Of each period, K and H: what divisions want for free together, and how steeply the shadow price falls."""
    curvature = curvatures(shared)
    assert isinstance(shared.revenue, QuadraticRevenue)
    mean = shared.each_period(lambda period: period.shocks.mean())
    free = jnp.sum(shared.revenue.scale * mean / (2 * curvature), axis=1)
    return free, 1 / jnp.sum(1 / (2 * curvature * shared.multiplier), axis=1)


def curvatures(shared: SharedLifetime) -> Each:
    """The coefficient $h_i$ of each division's quadratic revenue; raises for other revenue."""
    if not isinstance(shared.revenue, QuadraticRevenue):
        raise TypeError(
            f"revenue is {type(shared.revenue).__name__}; straight lines need a QuadraticRevenue. `shared_optimum`"
            " takes any revenue."
        )
    return jnp.broadcast_to(shared.revenue.curvature, (shared.divisions,))
