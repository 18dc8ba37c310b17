r"""Two outlets at the ends of a line, with loyal customers and with shoppers who compare both.

All lengths are measured from the own outlet. A shopper at distance $x$ gains $r - p_i - t x$ from outlet $i$, so the
outlet reaches $R_i = (r - p_i) / t$, cut to the line, and is preferred up to the indifferent shopper,
$I_i = d / 2 + (p_j - p_i) / 2t$, cut to the line. It attracts shoppers up to $A_i = \min(I_i, R_i)$; of those turned
away the ones within the rival's reach try there, a stretch $H_i = (A_i + R_j - d)^+$.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, per_entry, require_nonnegative, require_positive, require_scalar
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms.vertical.demand import Pair, Parts, Surplus, VerticalDemand, common_law, own_shocks

Number = Float[Array, ""]


class SpatialDemand(VerticalDemand):
    r"""Loyal customers who know one outlet only, and shoppers on the line between both.

    Own demand is $\theta_i \ell_i (r - p_i)^+ + \theta_c m A_i$ and $\theta_c m H_i$ customers would try the other
    outlet, so the spill share is $\lambda_i = \theta_c m H_i / q_i$. There are four regimes: local monopolies, markets
    that touch (a kink of every payoff, at $p_1 + p_2 = 2r - td$), partial overlap and full coverage.

    **Arguments:**

    - `reservation` $r$: what the good is worth to everybody, > 0 [money/unit].
    - `travel_cost` $t$: > 0 [money/length]. `distance` $d$: between the outlets, > 0 [length].
    - `shocks`: the joint law of both loyal groups' sizes $\theta_1, \theta_2$ >= 0; see `LinearDemand`. A `JointTable`
      may have $\theta_c$ as third column.
    - `common`: the law of the shoppers' number per length $\theta_c$ >= 0; None for a constant one.
    - `loyal` $\ell$: >= 0, one number or one per outlet [units/money]. `shoppers` $m$: >= 0 [units/length].

    Prices above `reservation` sell nothing.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.4. The printed spill share and the printed indifferent
    shopper are wrong where a reach is cut; these are the right ones.

    >>> from eqsolve.demand import Uniform
    >>> demand = SpatialDemand(10.0, travel_cost=6.0, shocks=Uniform(0.0, 1.0))
    >>> parts = demand.parts(jnp.array([3.0, 4.5]), None)
    >>> parts.level.tolist(), [round(float(mass), 4) for mass in parts.mass]
    ([0.625, 0.375], [0.5417, 0.375])
    """

    reservation: Number
    travel_cost: Number
    distance: Number
    loyal: Pair
    shoppers: Number
    shocks: JointDistribution
    common: Distribution | None

    def __init__(
        self,
        reservation: Any,
        travel_cost: Any,
        shocks: Any,
        common: Distribution | None = None,
        distance: Any = 1.0,
        loyal: Any = 1.0,
        shoppers: Any = 1.0,
    ):
        owner = "SpatialDemand"
        fields = as_fields(
            owner,
            reservation=reservation,
            travel_cost=travel_cost,
            distance=distance,
            loyal=loyal,
            shoppers=shoppers,
            shocks=own_shocks(owner, shocks),
            common=common_law(owner, common),
        )
        for name, value in fields.items():
            setattr(self, name, per_entry(value, 2, f"{owner}.loyal") if name == "loyal" else value)

    def __check_init__(self) -> None:
        require_finite(self, "SpatialDemand")
        for name in ("reservation", "travel_cost", "distance"):
            require_scalar(getattr(self, name), f"SpatialDemand.{name}")
            require_positive(getattr(self, name), f"SpatialDemand.{name}")
        require_nonnegative(self.loyal, "SpatialDemand.loyal")
        require_scalar(self.shoppers, "SpatialDemand.shoppers")
        require_nonnegative(self.shoppers, "SpatialDemand.shoppers")

    def reach(self, price: Pair) -> tuple[Pair, Pair, Pair]:
        """The lengths $A$, $H$ and $d - R$ of the rival, beyond which shoppers would try there [length].

        **Arguments:** `price`: of both outlets [money/unit].
        """
        distance = self.distance
        reach = _cut((self.reservation - price) / self.travel_cost, distance)
        indifferent = _cut(distance / 2 + (price[::-1] - price) / (2 * self.travel_cost), distance)
        attracted = jnp.where(indifferent < reach, indifferent, reach)
        beyond = distance - reach[::-1]
        shared = attracted - beyond
        return attracted, jnp.where(shared > 0, shared, 0.0), beyond

    def parts(self, price: Pair, common: Number | None) -> Parts:
        """Demand at these prices and this number of shoppers."""
        attracted, shared, _ = self.reach(price)
        crowd = self.shoppers if common is None else self.shoppers * common
        return Parts(crowd * attracted, self.loyal * self._worth(price), jnp.zeros_like(price), crowd * shared)

    def surplus(self, price: Pair, common: Number | None) -> Surplus:
        """What customers gain at these prices."""
        attracted, shared, beyond = self.reach(price)
        crowd = self.shoppers if common is None else self.shoppers * common
        worth = self._worth(price)
        direct = attracted * worth - self.travel_cost * attracted**2 / 2
        # shoppers between `beyond` and `attracted` travel the rest of the line; none where nobody is shared
        travel = self.distance - (attracted + beyond) / 2
        rebound = shared * (worth[::-1] - self.travel_cost * travel)
        return Surplus(crowd * direct, self.loyal * worth**2 / 2, crowd * rebound)

    def _worth(self, price: Pair) -> Pair:
        gain = self.reservation - price
        return jnp.where(gain > 0, gain, 0.0)

    @property
    def _valid(self) -> Bool[Array, ""]:
        sizes = (self.reservation > 0) & (self.travel_cost > 0) & (self.distance > 0) & (self.shoppers >= 0)
        return super()._valid & sizes & jnp.all(self.loyal >= 0)


def _cut(length: Pair, distance: Number) -> Pair:
    """A length on the line; at its ends the slope of the side outside, which is zero."""
    return jnp.where(length > 0, jnp.where(length < distance, length, distance), 0.0)
