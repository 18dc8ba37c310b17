r"""Over-production under full cost: capacity and profit where the variable cost is capitalised, in closed form.

One division has revenue $R = \epsilon q - (h/2) q^2$ with $\epsilon$ uniform on $[m - \sigma, m + \sigma]$, variable
cost w and capacity cost c. A charge of w + c per unit of capacity leaves no cost of use, so that output is whatever
sells at all; a charge of c with w per unit sold is efficient.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import as_fields, require_nonnegative, require_positive
from eqsolve._tabled import Tabled

Values = Float[Array, "*batch"]


class CapitalisedCost(Tabled):
    """Efficient against capitalised charges.

    **Fields:** `capacity`: first best; `induced`: where variable cost is capitalised [units]. `profit` and
    `induced_profit`: per period; `used_well`: of the induced capacity, were output efficient [money]. Margins
    [money/unit]: `volatility`, c less the half-width, not negative under limited volatility; `first_unit`, m - sigma -
    w, of the worst state; `always_full`, w + c less the half-width, not negative where all induced capacity is used in
    every state.
    """

    capacity: Values
    induced: Values
    profit: Values
    induced_profit: Values
    used_well: Values
    volatility: Values
    first_unit: Values
    always_full: Values

    @property
    def under_investment(self) -> Values:
        """What too little capacity costs [money]."""
        return self.profit - self.used_well

    @property
    def over_production(self) -> Values:
        """What selling at prices below variable cost costs [money]."""
        return self.used_well - self.induced_profit


def capitalised_cost(c: Any, w: Any, mean: Any, curvature: Any, half_width: Any) -> CapitalisedCost:
    r"""Capacity and profit under efficient and under capitalised charges.

    **Arguments:** `c`: > 0, capacity cost; `w`: >= 0, variable cost [money/unit]. `mean` $m$: of the intercept;
    `half_width` $\sigma$: >= 0 of its uniform law [money/unit]. `curvature` $h$: > 0, of revenue with $-(h/2) q^2$. All
    broadcast.
    **Returns:** `CapitalisedCost`; NaN where the mean does not exceed w + c or a state has no demand at the price w.
    **Errors:** `ValueError` for costs or a curvature out of range.
    **Source:** Dutta and Reichelstein (paper 002), appendix B, Figures 5 and 6, with the threshold sigma = c; beyond
    sigma = w + c there are states in which capacity idles under either charge (ERRATA.md).

    >>> found = capitalised_cost(c=1.0, w=1.0, mean=3.0, curvature=0.01, half_width=1.99)
    >>> round(float(found.capacity), 1), round(float(found.over_production), 2)
    (116.9, 4.06)
    """
    fields = as_fields("capitalised_cost", c=c, w=w, mean=mean, curvature=curvature, half_width=half_width)
    require_positive(fields["c"], "capitalised_cost: c")
    require_positive(fields["curvature"], "capitalised_cost: curvature")
    for name in ("w", "half_width"):
        require_nonnegative(fields[name], f"capitalised_cost: {name}")
    c, w, m, h, s = jnp.broadcast_arrays(*fields.values())
    use = _level(m - w, s, c)
    induced = _level(m, s, w + c)
    proper = (m - s >= w) & (m > w + c) & (c > 0) & (h > 0) & (s >= 0) & (w >= 0)

    def profit(level: Values, charged: Values) -> Values:
        return jnp.where(proper, (_earned(level, m, s, w, charged) - c * level) / h, jnp.nan)

    return CapitalisedCost(
        jnp.where(proper, use / h, jnp.nan),
        jnp.where(proper, induced / h, jnp.nan),
        profit(use, w),
        profit(induced, jnp.zeros_like(w)),
        profit(induced, w),
        c - s,
        m - s - w,
        w + c - s,
    )


def _level(mean: Values, half_width: Values, cost: Values) -> Values:
    """K with E (a - K)^+ = cost, for a uniform around the mean: h times capacity."""
    spread = half_width > cost
    root = jnp.sqrt(jnp.where(spread, cost * half_width, 1.0))
    return jnp.where(spread, mean + half_width - 2 * root, mean - cost)


def _earned(level: Values, m: Values, s: Values, w: Values, charged: Values) -> Values:
    """The mean of h (R - w q) over intercepts, where output is all that sells above `charged`, up to the level K."""
    low, high = m - s, m + s
    turn = jnp.clip(level + charged, low, high)  # beyond it capacity is full
    wide = s > 0
    share_full = jnp.where(wide, (high - turn) / jnp.where(wide, 2 * s, 1.0), (m >= level + charged) * 1.0)
    mean_full = (turn + high) / 2
    full = share_full * (level * (mean_full - w) - level**2 / 2)
    # below: h q = e - charged and h (R - w q) = (e - charged) (e + charged - 2 w) / 2
    mean_square = (low**2 + low * turn + turn**2) / 3
    idle = (mean_square - charged**2) / 2 - w * ((low + turn) / 2 - charged)
    return full + (1 - share_full) * idle
