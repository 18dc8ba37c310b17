r"""Two divisions that are charged capitalised full cost, and renegotiate the use of their capacity in every period.

Each reserves $k_i$ at $\hat z_{it} (v + \bar w_i)$ per unit and period, with relative benefit charges. What variable
cost is then incurred is expensed net of the $w_{it} k_i$ that was capitalised; charging both would count it twice. At
the status quo a division uses all its capacity. So period t's conditions for a unit more are

$$(1 - \delta_i) [x_{it} E R_i'(k_i) - a_{it}] + \delta_i [E S_t(k_1 + k_2) + w_{it} - a_{it}] = 0,$$

with $a_{it} = \hat z_{it} (v + \bar w_i)$, $\delta_1 = \delta$ and $\delta_2 = 1 - \delta$.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.accounting import relative_benefit
from eqsolve.mechanisms.capacity.expectations import expected_shadow_price, own_states
from eqsolve.mechanisms.capacity.shared_lifetime import SharedLifetime, shared_optimum
from eqsolve.mechanisms.capacity.shared_regimes import curvatures, demand_lines

PerPeriod = Float[Array, " periods"]
Table = Float[Array, "periods divisions"]


class CapitalisedNegotiation(Tabled):
    """What capitalised full cost makes of two divisions that renegotiate.

    **Fields:** `charges`: of a dollar of capitalised cost, shape `[T, 2]`. `residuals`: what a unit more of its own
    brings each division in each period at the dedicated capacities [money/unit], shape `[T, 2]`: zero where those are
    an equilibrium of the period. `charge_gap`: by how much the two divisions' charges beyond variable cost differ
    [money/unit], shape `[T]`: where it is zero in every period the dedicated capacities are an equilibrium of all.
    """

    charges: Table
    residuals: Table
    charge_gap: PerPeriod


def capitalised_negotiation(shared: SharedLifetime, delta: Any) -> CapitalisedNegotiation:
    r"""Both divisions' first-order conditions in every period, at their dedicated capacities.

    **Arguments:** `shared`: two divisions. `delta` in [0, 1]: the first division's bargaining share.
    **Returns:** `CapitalisedNegotiation`, for any revenue and law.
    **Errors:** `ValueError` for other numbers of divisions.
    **Source:** Dutta and Reichelstein (paper 002), proof of Proposition 6, with the convention of ERRATA.md.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> x = [[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]]
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), shocks, 0.0, 9.0, 0.1, multiplier=x)
    >>> [round(float(residual), 4) for residual in capitalised_negotiation(shared, 0.4).residuals[0]]
    [0.1901, -0.3194]
    """
    _require_two(shared)
    return _conditions(shared, _shares(shared, delta), shared_optimum(shared).dedicated)


@eqx.filter_jit
def _conditions(shared: SharedLifetime, share: Float[Array, "2"], alone: Float[Array, "2"]) -> CapitalisedNegotiation:
    charges, bills = _bills(shared)

    def worth(period: Any) -> tuple[Array, Array]:
        states, weights = own_states(period, alone)
        own = jnp.sum(weights * period.revenue.marginal(alone, states), axis=0)
        return own, expected_shadow_price(period, jnp.sum(alone))

    own, both = shared.each_period(worth)
    residuals = (1 - share) * (own - bills) + share * (both[:, None] + shared.variable_cost - bills)
    beyond = bills - shared.variable_cost
    return CapitalisedNegotiation(charges, residuals, beyond[:, 0] - beyond[:, 1])


@eqx.filter_jit
def period_equilibria(shared: SharedLifetime, delta: Any) -> Table:
    r"""The capacities that are an equilibrium for each period's performance alone, for quadratic revenue [units].

    **Arguments:** as for `capitalised_negotiation`.
    **Returns:** shape `[T, 2]`: the solution of two straight lines per period; right where shared allocations are
    interior and all capacity is used in every state.
    **Errors:** `TypeError` where revenue is not a `QuadraticRevenue`.
    **Source:** as for `capitalised_negotiation`; the paper takes all of them to be the dedicated capacities.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity.families import QuadraticRevenue
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> x = [[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]]
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), shocks, 0.0, 9.0, 0.1, multiplier=x)
    >>> [round(float(k), 2) for k in period_equilibria(shared, 0.4)[1]]
    [7.35, 6.29]
    """
    _require_two(shared)
    curvature = curvatures(shared)
    free, steepness = demand_lines(shared)
    _, bills = _bills(shared)
    share = _shares(shared, delta)
    mean = shared.each_period(lambda period: period.shocks.mean())
    cost = jnp.sum(shared.variable_cost / (2 * curvature * shared.multiplier), axis=1)
    scale = shared.revenue.scale  # pyright: ignore[reportAttributeAccessIssue]
    line = share * steepness[:, None]
    slope = (1 - share) * 2 * curvature * shared.multiplier + line
    own = (1 - share) * shared.multiplier * scale * mean
    level = own + line * (free - cost)[:, None] + share * shared.variable_cost - bills
    # slope_i k_i + line_i k_j = level_i
    determinant = slope[:, 0] * slope[:, 1] - line[:, 0] * line[:, 1]
    first = (level[:, 0] * slope[:, 1] - line[:, 0] * level[:, 1]) / determinant
    second = (level[:, 1] * slope[:, 0] - line[:, 1] * level[:, 0]) / determinant
    return jnp.stack([first, second], axis=1)


def _bills(shared: SharedLifetime) -> tuple[Table, Table]:
    """Relative benefit charges per dollar, and what each division is charged per unit of capacity [money/unit]."""
    charges = jax.vmap(lambda x: relative_benefit(x, shared.rate).charges, in_axes=1, out_axes=1)(shared.multiplier)
    return charges, charges * (shared.price + shared.anticipated_cost)


def _shares(shared: SharedLifetime, delta: Any) -> Float[Array, "2"]:
    delta = jnp.asarray(delta, shared.price.dtype)
    delta = jnp.where((delta >= 0) & (delta <= 1), delta, jnp.nan)
    return jnp.stack([delta, 1 - delta])


def _require_two(shared: SharedLifetime) -> None:
    if shared.divisions != 2:
        raise ValueError(f"shared has {shared.divisions} divisions; the bargaining share is that of one of two.")
