r"""Divisions that share capacity over its life, with multipliers, variable costs and shocks that may differ by period.

Capacity bought once at $v$ per unit is worth its price where $\sum_t \gamma^t E S_t(k^*) = v$, with $S_t$ the shadow
price of period t: the largest of the net marginal revenues $x_{it} R_i' - w_{it}$ after reallocation, or zero.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_positive, require_scalar
from eqsolve._tabled import Tabled
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms._roots import falling_root
from eqsolve.mechanisms.capacity._laws import as_shocks
from eqsolve.mechanisms.capacity.accounting import discount_factors, whole_periods
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.expectations import (
    enough,
    expected_own_price,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
)
from eqsolve.mechanisms.capacity.revenue import Revenue, Values, fields_of, require_division

Scalar = Float[Array, ""]
Each = Float[Array, " divisions"]
PerPeriod = Float[Array, " periods"]
Table = Float[Array, "periods divisions"]


class MultipliedRevenue(Revenue):
    """Another revenue function times a multiplier per division.

    **Arguments:** `base`: a `Revenue`. `multiplier`: > 0, one number or one per division.
    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Dutta and Reichelstein (paper 002), section 2: x_it R_i.
    """

    base: Revenue
    multiplier: Float[Array, "*divisions"]

    def __init__(self, base: Revenue, multiplier: Any):
        owner = "MultipliedRevenue"
        if not isinstance(base, Revenue):
            raise TypeError(f"{owner}.base is {base!r}; give a Revenue, such as QuadraticRevenue(10.0, 0.5).")
        fields = as_fields(owner, base=base, multiplier=multiplier)
        self.base, self.multiplier = fields["base"], fields_of(owner, multiplier=fields["multiplier"])["multiplier"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return self.base._valid & (self.multiplier > 0)

    def _revenue(self, q: Values, shock: Values) -> Values:
        return self.multiplier * self.base._revenue(q, shock)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return self.multiplier * self.base._marginal(q, shock)

    def _inverse(self, price: Values, shock: Values) -> Values:
        return self.base._inverse(*jnp.broadcast_arrays(price / self.multiplier, shock))

    @property
    def divisions(self) -> int:
        """How many divisions there are."""
        return self.multiplier.shape[-1] if self.multiplier.ndim else self.base.divisions

    def of(self, division: int) -> "MultipliedRevenue":
        """The revenue of one division, counted from 0."""
        if self.divisions > 1:
            require_division(division, self.divisions, "MultipliedRevenue.of")
        own = self.multiplier[..., division] if self.multiplier.ndim else self.multiplier
        return MultipliedRevenue(self.base.of(division), own)


class SharedLifetime(eqx.Module):
    r"""Divisions that share capacity which lasts for periods 1 to T.

    **Arguments:**

    - `revenue` $R_i$: of all divisions, as for `CapacityEnvironment`.
    - `shocks`: their joint law in every period, as for `CapacityEnvironment`; or a sequence of T laws of one family.
    - `variable_cost` $w_{it}$ >= 0 [money/unit] and `multiplier` $x_{it}$ > 0: a number, one per division, or shape
      `[T, divisions]`.
    - `price` $v$: of a unit of capacity, > 0 [money/unit]. `rate` $r$: cost of capital per period, >= 0.
    - `periods` $T$: needed where no other argument has one entry per period.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Dutta and Reichelstein (paper 002), section 5.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], 0.5), shocks, [2.0, 1.5], price=9.0, rate=0.1, periods=4)
    >>> shared.periods, shared.variable_cost.shape
    (4, (4, 2))
    """

    revenue: Revenue
    shocks: JointDistribution
    multiplier: Table
    variable_cost: Table
    price: Scalar
    rate: Scalar
    by_period: bool = eqx.field(static=True)  # whether the leaves of `shocks` have a first axis of periods

    def __init__(
        self,
        revenue: Revenue,
        shocks: Any,
        variable_cost: Any,
        price: Any,
        rate: Any,
        multiplier: Any = 1.0,
        periods: int | None = None,
    ):
        owner = "SharedLifetime"
        if not isinstance(revenue, Revenue):
            raise TypeError(f"{owner}.revenue is {revenue!r}; give a Revenue, such as QuadraticRevenue(10.0, 0.5).")
        self.by_period = isinstance(shocks, list | tuple)
        laws = [as_shocks(owner, law) for law in shocks] if self.by_period else [as_shocks(owner, shocks)]
        numbers = {"variable_cost": variable_cost, "price": price, "rate": rate, "multiplier": multiplier}
        fields = as_fields(owner, **numbers, revenue=revenue, shocks=_stacked(laws) if self.by_period else laws[0])
        self.revenue, self.shocks = fields["revenue"], fields["shocks"]
        self.price, self.rate = fields["price"], fields["rate"]
        tables = [fields[name] for name in ("multiplier", "variable_cost")]
        lengths = {table.shape[0] for table in tables if table.ndim == 2} | ({len(laws)} if self.by_period else set())
        lengths |= set() if periods is None else {whole_periods(periods, f"{owner}.periods")}
        if len(lengths) != 1:
            raise ValueError(
                f"{owner}: its arguments are for {sorted(lengths) or 'no stated number of'} periods; give `periods`, or"
                " arguments with one row per period, all for the same number."
            )
        shape = (lengths.pop(), laws[0].size)
        for name, table in zip(("multiplier", "variable_cost"), tables, strict=True):
            if table.shape not in ((), shape[1:], shape):
                raise ValueError(f"{owner}.{name} has shape {table.shape}; give one number, {shape[1:]} or {shape}.")
        self.multiplier, self.variable_cost = (jnp.broadcast_to(table, shape) for table in tables)

    def __check_init__(self) -> None:
        owner = "SharedLifetime"
        require_finite((self.multiplier, self.variable_cost, self.price, self.rate), owner)
        require_scalar(self.price, f"{owner}.price")
        require_scalar(self.rate, f"{owner}.rate")
        require_positive(self.price, f"{owner}.price")
        require_positive(self.multiplier, f"{owner}.multiplier")
        require_nonnegative(self.rate, f"{owner}.rate")
        require_nonnegative(self.variable_cost, f"{owner}.variable_cost")

    @property
    def periods(self) -> int:
        """The life of the capacity, $T$."""
        return self.multiplier.shape[0]

    @property
    def divisions(self) -> int:
        """How many divisions there are."""
        return self.multiplier.shape[1]

    @property
    def discounts(self) -> PerPeriod:
        r"""The discount factors $\gamma^t$."""
        return discount_factors(self.rate, self.periods)

    @property
    def anticipated_cost(self) -> Each:
        r"""The present value of variable cost per unit made in every period, $\bar w_i = \sum_t \gamma^t w_{it}$."""
        return self.discounts @ self.variable_cost

    def each_period(self, function: Any) -> Any:
        """`function` of the `CapacityEnvironment` of every period, with a first axis of periods."""

        def at(multiplier: Each, cost: Each, shocks: JointDistribution) -> Any:
            return function(CapacityEnvironment(MultipliedRevenue(self.revenue, multiplier), self.price, shocks, cost))

        return jax.vmap(at, in_axes=(0, 0, 0 if self.by_period else None))(
            self.multiplier, self.variable_cost, self.shocks
        )


class SharedPlan(Tabled):
    r"""The first best of shared capacity over its life, and that of each division on its own.

    **Fields:** `capacity` $k^*$ [units]. `npv`: net present value [money]. `shadow_price`: $E S_t(k^*)$ [money/unit],
    shape `[T]`. `dedicated` $k_i^o$: the best capacity of each division on its own [units]. `dedicated_npv`: of each
    [money].
    """

    capacity: Scalar
    npv: Scalar
    shadow_price: PerPeriod
    dedicated: Each
    dedicated_npv: Each


@eqx.filter_jit
def shared_optimum(shared: SharedLifetime) -> SharedPlan:
    r"""The efficient capacity for divisions that share it: $\sum_t \gamma^t E S_t(k^*) = v$.

    **Returns:** `SharedPlan`; capacities are zero where the first unit does not pay. Differentiable.
    **Source:** Dutta and Reichelstein (paper 002), section 5, before Proposition 6; Lemma 3 for dedicated capacity.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.9, 1.1], [1.1, 0.9]], [0.5, 0.5])
    >>> x = [[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]]
    >>> shared = SharedLifetime(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), shocks, 0.0, 9.0, 0.1, multiplier=x)
    >>> plan = shared_optimum(shared)
    >>> round(float(plan.capacity), 4), [round(float(k), 4) for k in plan.dedicated]
    (13.5704, [7.1608, 6.5652])
    """
    capacity = _worth_its_price(shared, expected_shadow_price, jnp.zeros_like(shared.price))
    dedicated = _worth_its_price(shared, expected_own_price, jnp.zeros(shared.divisions, shared.price.dtype))
    values = shared.each_period(lambda period: expected_shared_value(period, capacity))
    own_values = shared.each_period(lambda period: expected_own_value(period, dedicated))
    return SharedPlan(
        capacity,
        shared.discounts @ values - shared.price * capacity,
        shared.each_period(lambda period: expected_shadow_price(period, capacity)),
        dedicated,
        shared.discounts @ own_values - shared.price * dedicated,
    )


def _worth_its_price(shared: SharedLifetime, worth: Any, zero: Array) -> Array:
    """The capacity of which the last unit is worth its price over all periods, or zero."""

    def excess(shared: SharedLifetime, capacity: Array) -> Array:
        per_period = shared.each_period(lambda period: worth(period, capacity))
        return jnp.tensordot(shared.discounts, per_period, axes=1) - shared.price

    still = jax.lax.stop_gradient(shared)
    fair = still.price / jnp.sum(still.discounts)  # beyond `enough` capacity no period earns half of this
    most = jnp.max(still.each_period(lambda period: enough(period, fair)), axis=0)
    most = jnp.broadcast_to(most, (shared.divisions,))
    root = falling_root(lambda k: excess(still, k), zero, most if zero.ndim else jnp.sum(most))
    pays = excess(still, zero) > 0
    at = jnp.where(pays, root, 1.0)
    value, slope = jax.jvp(lambda k: excess(shared, k), (at,), (jnp.ones_like(at),))
    # a Newton step of rounding size from a constant: it gives the root its derivatives
    slope = jax.lax.stop_gradient(jnp.where(pays & (slope < 0), slope, -1.0))
    return jnp.where(pays, at - jnp.where(pays, value, 0.0) / slope, 0.0)


def _stacked(laws: list[JointDistribution]) -> JointDistribution:
    shapes = {(jax.tree.structure(law), tuple(leaf.shape for leaf in jax.tree.leaves(law))) for law in laws}
    if len(shapes) != 1:
        raise ValueError("SharedLifetime.shocks are laws of several families or sizes; give one family for all.")
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *laws)
