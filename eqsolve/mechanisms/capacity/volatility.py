r"""What volatile shocks do to capitalised full cost: the example of paper 002, appendix B.

Revenue is $\epsilon q - (h/2) q^2$ with shocks uniform on $m \pm \sigma$. Under the capitalised rule output is free, so
the division uses all its capacity and reserves $k^I = (m - w - c) / h$, whatever $\sigma \le w + c$. Once $\sigma > c$
that is too little, and producing as much in bad states is too much.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import as_fields
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, net_present_value, use_of
from eqsolve.mechanisms.capacity.transfer_pricing import induced
from eqsolve.mechanisms.capacity.transfer_rules import capitalised

Scalar = Float[Array, ""]
Values = Float[Array, " widths"]


class VolatilityEffects(eqx.Module):
    r"""Capacities and profits per period, for each half-width $\sigma$ of the law of shocks, shape `[widths]`.

    **Fields:** `half_width` $\sigma$. `efficient` $k^o$ and `induced` $k^I$: capacities [units]. `first_best`: the
    firm's profit at $k^o$. `reached`: what it reaches under the rule. `well_used`: what $k^I$ would earn if output were
    efficient [money].
    """

    half_width: Values
    efficient: Values
    induced: Values
    first_best: Values
    reached: Values
    well_used: Values

    @property
    def under_investment(self) -> Values:
        """The part of the loss that is due to too little capacity [money]."""
        return self.first_best - self.well_used

    @property
    def over_production(self) -> Values:
        """The part of the loss that is due to too much output in bad states [money]."""
        return self.well_used - self.reached


@eqx.filter_jit
def volatility_effects(
    half_widths: Any, user_cost: Any = 1.0, variable_cost: Any = 1.0, mean: Any = 3.0, h: Any = 0.01
) -> VolatilityEffects:
    r"""Solve the example of appendix B for several volatilities.

    **Arguments:** `half_widths` $\sigma$ > 0, shape `[widths]`; marginal revenue at zero exceeds variable cost where
    $m - \sigma > w$. `user_cost` $c$, `variable_cost` $w$, `mean` $m$ [money/unit] and `h` [money/unit²]: as in the
    paper's figures by default.
    **Returns:** `VolatilityEffects`, found by solving; `volatility_formulas` has the closed form.
    **Source:** Dutta and Reichelstein (paper 002), appendix B, Figures 5 and 6.

    >>> found = volatility_effects([0.5, 1.99])
    >>> [round(float(k), 2) for k in found.efficient], [round(float(loss), 3) for loss in found.under_investment]
    ([100.0, 116.85], [0.0, 1.028])
    """
    numbers = {"user_cost": user_cost, "variable_cost": variable_cost, "mean": mean, "h": h}
    fields = as_fields("volatility_effects", half_widths=half_widths, **numbers)

    def at(half_width: Scalar) -> tuple[Scalar, ...]:
        shocks = Uniform(fields["mean"] - half_width, 2 * half_width)
        revenue = QuadraticRevenue.halved(1.0, fields["h"])
        division = LifetimeDivision(revenue, shocks, fields["variable_cost"], fields["user_cost"], 0.0, periods=1)
        found = induced(division, capitalised(division))
        well_used = net_present_value(division, found.capacity, use_of(division, found.capacity))
        return found.first_best.capacity, found.capacity, found.first_best.npv, found.npv, well_used

    return VolatilityEffects(fields["half_widths"], *jax.vmap(at)(fields["half_widths"]))


def volatility_formulas(
    half_widths: Any, user_cost: Any = 1.0, variable_cost: Any = 1.0, mean: Any = 3.0, h: Any = 0.01
) -> VolatilityEffects:
    r"""The same in closed form, for $0 < \sigma \le w + c$; NaN beyond.

    With $\mu = m - w$ and $\sigma > c$ the efficient capacity is $k^o = k^I + (\sqrt\sigma - \sqrt c)^2 / h$.

    **Arguments:** as for `volatility_effects`.
    **Source:** derived from Lemma 1 for uniform shocks; paper 002, appendix B.

    >>> [round(float(loss), 3) for loss in volatility_formulas([0.5, 1.99]).over_production]
    [0.0, 4.063]
    """
    numbers = {"user_cost": user_cost, "variable_cost": variable_cost, "mean": mean, "h": h}
    fields = as_fields("volatility_formulas", half_widths=half_widths, **numbers)
    sigma, c, mu, h = fields["half_widths"], fields["user_cost"], fields["mean"] - fields["variable_cost"], fields["h"]
    known = (sigma > 0) & (sigma <= fields["variable_cost"] + c)
    sigma = jnp.where(known, sigma, jnp.nan)
    induced_capacity = jnp.broadcast_to((mu - c) / h, sigma.shape)
    reached = jnp.broadcast_to((mu - c) ** 2 / (2 * h), sigma.shape)
    volatile = sigma > c
    spread = jnp.where(volatile, (jnp.sqrt(sigma) - jnp.sqrt(c)) ** 2, 0.0)
    best = (mu**2 / 2 + sigma**2 / 6 - c * mu - c * sigma + 4 / 3 * c * jnp.sqrt(c * sigma)) / h
    idle = jnp.maximum(sigma - c, 0.0) ** 3 / (12 * sigma)  # what not producing in bad states saves
    return VolatilityEffects(
        fields["half_widths"],
        induced_capacity + spread / h + 0 * sigma,
        induced_capacity + 0 * sigma,
        jnp.where(volatile, best, reached + 0 * sigma),
        reached + 0 * sigma,
        reached + idle / h,
    )
