"""Inverse demand of a market for one homogeneous good: the price at which a total quantity sells.

Nothing is clipped: a linear price turns negative beyond the choke quantity, where no producer sells, so that every
curve has a continuous slope.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_positive, require_scalar, require_values

SMALLEST_SALES = 1e-30  # sales relative to `scale` at the price limit; less than this is lost in 32 bit


class InverseDemand(eqx.Module):
    """What a market for one good must answer; `quantity` is the total sold, of shape `[]`."""

    @abc.abstractmethod
    def price(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the price [money/unit] at which `quantity` [units] sells."""

    @abc.abstractmethod
    def price_slope(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the derivative of `price` [money/unit²]."""

    @abc.abstractmethod
    def gross_surplus(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return what consumers would pay at most for `quantity`: the area under the price from zero [money]."""

    @abc.abstractmethod
    def useful_quantity(self, cost: Float[Array, " players"]) -> Float[Array, " players"]:
        """Return a quantity that a producer of unit cost `cost` never wants to exceed, in rivalry or jointly."""


class LinearInverseDemand(InverseDemand):
    r"""Inverse demand $P = a - bQ$.

    **Arguments:** `intercept` $a$ > 0 [money/unit]; `slope` $b$ > 0 [money/unit²].
    **Errors:** `TypeError` and `ValueError` for values that are not single positive numbers.

    >>> float(LinearInverseDemand(10.0, 2.0).price(3.0))
    4.0
    """

    intercept: Float[Array, ""]
    slope: Float[Array, ""]

    def __init__(self, intercept: Any, slope: Any):
        fields = as_fields("LinearInverseDemand", intercept=intercept, slope=slope)
        self.intercept, self.slope = fields["intercept"], fields["slope"]

    def __check_init__(self) -> None:
        for name in ("intercept", "slope"):
            require_scalar(getattr(self, name), f"LinearInverseDemand.{name}")
            require_positive(getattr(self, name), f"LinearInverseDemand.{name}")
        require_finite(self, "LinearInverseDemand")

    def price(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the price; negative beyond the choke quantity."""
        return self.intercept - self.slope * quantity

    def price_slope(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the slope, the same everywhere."""
        return -self.slope * jnp.ones_like(quantity)

    def gross_surplus(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the area under the price."""
        return (self.intercept - self.slope * quantity / 2) * quantity

    def useful_quantity(self, cost: Float[Array, " players"]) -> Float[Array, " players"]:
        """Return the choke quantity $a/b$, at which the price is zero."""
        return self.intercept / self.slope * jnp.ones_like(cost)


class IsoelasticInverseDemand(InverseDemand):
    r"""Inverse demand of constant elasticity, $P = (Q/s)^{-1/\varepsilon}$.

    Where the price would exceed `price_limit` the curve continues along its tangent, which keeps price, slope and
    consumer surplus finite at zero. Answers at prices below the limit do not depend on it, except that the level of
    consumer surplus rises with the limit: a little for an elasticity above one, without bound for one or less.

    **Arguments:** `scale` $s$ > 0 [units], sales at a price of one; `elasticity` $\varepsilon$ > 0; `price_limit` > 0
    [money/unit], well above every price of interest.
    **Errors:** `TypeError` and `ValueError` for values that are not single positive numbers, or a limit at which sales
    vanish numerically.

    >>> demand = IsoelasticInverseDemand(scale=8.0, elasticity=2.0)
    >>> float(demand.price(2.0).round(4)), bool(demand.price(0.0) < 2000.0)
    (2.0, True)
    """

    scale: Float[Array, ""]
    elasticity: Float[Array, ""]
    price_limit: Float[Array, ""]

    def __init__(self, scale: Any, elasticity: Any, price_limit: Any = 1e3):
        fields = as_fields("IsoelasticInverseDemand", scale=scale, elasticity=elasticity, price_limit=price_limit)
        self.scale, self.elasticity, self.price_limit = fields["scale"], fields["elasticity"], fields["price_limit"]

    def __check_init__(self) -> None:
        for name in ("scale", "elasticity", "price_limit"):
            require_scalar(getattr(self, name), f"IsoelasticInverseDemand.{name}")
            require_positive(getattr(self, name), f"IsoelasticInverseDemand.{name}")
        require_finite(self, "IsoelasticInverseDemand")
        require_values(
            self._least_sales(),
            lambda sales: sales > SMALLEST_SALES,
            "IsoelasticInverseDemand: price_limit ** -elasticity",
            "lower price_limit or elasticity until it is above 1e-30",
        )

    def price(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the price; linear in the quantity where it is above `price_limit`."""
        sales = quantity / self.scale
        touching = jnp.maximum(sales, self._least_sales())  # where the tangent touches the curve
        return touching ** (-1 / self.elasticity) * (1 + (touching - sales) / (self.elasticity * touching))

    def price_slope(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the slope of the curve, or of its tangent above `price_limit`."""
        touching = jnp.maximum(quantity / self.scale, self._least_sales())
        return -(touching ** (-1 / self.elasticity)) / (self.elasticity * touching * self.scale)

    def gross_surplus(self, quantity: Float[Array, ""]) -> Float[Array, ""]:
        """Return the area under the tangent, then under the curve."""
        least = self._least_sales()
        sales = quantity / self.scale
        below = jnp.minimum(sales, least)
        tangent = self.price_limit * below * (1 + (1 - below / (2 * least)) / self.elasticity)
        length = jnp.log(jnp.maximum(sales, least) / least)
        curve = self.price_limit * least * length * _relative_growth((1 - 1 / self.elasticity) * length)
        return self.scale * (tangent + curve)

    def useful_quantity(self, cost: Float[Array, " players"]) -> Float[Array, " players"]:
        """Return what sells at half the unit cost; infinite for a cost of zero."""
        positive = cost > 0
        half = jnp.where(positive, cost, 1) / 2
        return jnp.where(positive, self.scale * half ** (-self.elasticity), jnp.inf)

    def _least_sales(self) -> Float[Array, ""]:
        return self.price_limit ** (-self.elasticity)


def _relative_growth(x: Array) -> Array:
    """(exp(x) - 1) / x; a series near zero, where an elasticity of one leads."""
    small = jnp.abs(x) < 1e-3
    safe = jnp.where(small, 1, x)
    series = 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5)))
    return jnp.where(small, series, jnp.expm1(safe) / safe)
