r"""Families of revenue functions, with a = theta e, the scale theta times the shock e.

Marginal revenue is affine in the shock in all of them. Where `between` returns a closed form, divisions have the same
variable cost or, for quadratic families, any.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_values
from eqsolve.mechanisms.capacity.revenue import Revenue, Values, fields_of

Parameter = Float[Array, "*divisions"]


class QuadraticRevenue(Revenue):
    r"""$R = \theta \epsilon q - h q^2$: linear marginal revenue with a random intercept.

    **Arguments:** `scale` $\theta$: > 0 [money/unit]. `curvature` $h$: > 0, the coefficient of $q^2$ [money/unit²].
    Each one number, or one per division. `QuadraticRevenue.halved` takes the coefficient of $q^2/2$ instead.
    **Errors:** `ValueError` for parameters that are not above zero.
    **Source:** Dutta and Reichelstein (paper 002), equation (17) [h]; appendix B [h/2]; (paper 001), equation (18).

    >>> revenue = QuadraticRevenue(scale=10.0, curvature=0.5)
    >>> float(revenue.revenue(4.0, 1.0)), float(revenue.marginal(4.0, 1.0)), float(revenue.inverse_marginal(6.0, 1.0))
    (32.0, 6.0, 4.0)
    """

    scale: Parameter
    curvature: Parameter

    def __init__(self, scale: Any, curvature: Any):
        fields = fields_of("QuadraticRevenue", scale=scale, curvature=curvature)
        self.scale, self.curvature = fields["scale"], fields["curvature"]

    @classmethod
    def halved(cls, scale: Any, h: Any) -> "QuadraticRevenue":
        r"""$R = \theta \epsilon q - (h/2) q^2$: marginal revenue falls by $h$ per unit (paper 002, appendix B)."""
        fields = fields_of("QuadraticRevenue.halved", scale=scale, h=h)
        return cls(fields["scale"], fields["h"] / 2)

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return (self.scale > 0) & (self.curvature > 0)

    @property
    def nodes(self) -> int:
        """Two nodes: the value of capacity is quadratic in each shock, and cubic once one is integrated."""
        return 2

    def _revenue(self, q: Values, shock: Values) -> Values:
        return (self.scale * shock - self.curvature * q) * q

    def _marginal(self, q: Values, shock: Values) -> Values:
        return self.scale * shock - 2 * self.curvature * q

    def _inverse(self, price: Values, shock: Values) -> Values:
        return jnp.maximum((self.scale * shock - price) / (2 * self.curvature), 0.0)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """The price at which straight lines of demand meet the capacity, whatever the variable costs."""
        price = _straight(capacity, self.scale * shock - cost, 1 / (2 * self.curvature), active)
        return price, price


class ScaledQuadraticRevenue(Revenue):
    r"""$R = \epsilon (\theta q - h q^2)$: the shock multiplies a quadratic.

    **Arguments:** `scale` $\theta$: > 0. `curvature` $h$: > 0. Each one number, or one per division.
    **Errors:** `ValueError` for parameters that are not above zero.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1; ERRATA.md: its shadow price is concave in the shock.

    >>> float(ScaledQuadraticRevenue(10.0, 0.5).marginal(4.0, 2.0))
    12.0
    """

    scale: Parameter
    curvature: Parameter

    def __init__(self, scale: Any, curvature: Any):
        fields = fields_of("ScaledQuadraticRevenue", scale=scale, curvature=curvature)
        self.scale, self.curvature = fields["scale"], fields["curvature"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return (self.scale > 0) & (self.curvature > 0)

    def _revenue(self, q: Values, shock: Values) -> Values:
        return shock * (self.scale - self.curvature * q) * q

    def _marginal(self, q: Values, shock: Values) -> Values:
        return shock * (self.scale - 2 * self.curvature * q)

    def _inverse(self, price: Values, shock: Values) -> Values:
        sold = self.scale * shock > price
        steepness = jnp.where(shock > 0, 2 * self.curvature * shock, 1.0)
        # a shock of zero or less leaves nothing to earn: at a price below that, all is sold
        quantity = jnp.where(shock > 0, (self.scale * shock - price) / steepness, jnp.inf)
        return jnp.where(jnp.isnan(price) | jnp.isnan(shock), jnp.nan, jnp.where(sold, quantity, 0.0))

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """The price at which straight lines of demand meet the capacity, whatever the variable costs."""
        steepness = jnp.where(shock > 0, 2 * self.curvature * shock, 1.0)
        price = _straight(capacity, self.scale * shock - cost, 1 / steepness, active)
        return price, price


class PowerRevenue(Revenue):
    r"""$R = \theta \epsilon \, q^{1 - \eta} / (1 - \eta)$: constant elasticity of marginal revenue.

    **Arguments:** `scale` $\theta$: > 0. `elasticity` $\eta$: > 0 and not 1 (`LogRevenue` is that case); above 1
    revenue is negative and minus infinity at zero. Each one number, or one per division.
    **Errors:** `ValueError` for parameters out of range.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1.

    >>> float(PowerRevenue(3.0, 0.5).revenue(4.0, 1.0)), float(PowerRevenue(3.0, 0.5).inverse_marginal(1.5, 1.0))
    (12.0, 4.0)
    """

    scale: Parameter
    elasticity: Parameter

    def __init__(self, scale: Any, elasticity: Any):
        fields = fields_of("PowerRevenue", scale=scale, elasticity=elasticity)
        self.scale, self.elasticity = fields["scale"], fields["elasticity"]
        wanted = "give another number, or a LogRevenue, which is this limit"
        require_values(self.elasticity, lambda eta: eta != 1, "PowerRevenue.elasticity", wanted)

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return (self.scale > 0) & (self.elasticity > 0) & (self.elasticity != 1)

    def _revenue(self, q: Values, shock: Values) -> Values:
        rest = 1 - self.elasticity
        at_zero = jnp.where(rest > 0, 0.0, -jnp.inf)
        power = _positive(q) ** rest / jnp.where(rest == 0, 1.0, rest)
        return _times(self.scale * shock, _at(q, power, at_zero))

    def _marginal(self, q: Values, shock: Values) -> Values:
        return _times(self.scale * shock, _at(q, _positive(q) ** -self.elasticity, jnp.inf))

    def _inverse(self, price: Values, shock: Values) -> Values:
        a = self.scale * shock
        inner = (a > 0) & (price > 0)
        ratio = jnp.where(inner, a, 1.0) / jnp.where(inner, price, 1.0)
        return _sold(inner, ratio ** (1 / self.elasticity), a, a > 0, price)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """A closed form up to the spread of variable costs, where all divisions have one elasticity."""
        if self.elasticity.ndim:
            return super().between(capacity, cost, shock, active)
        a = jnp.where(active, self.scale * shock, 1.0)
        wanted = jnp.sum(jnp.where(active, a ** (1 / self.elasticity), 0.0), axis=-1)
        return _less(cost, (wanted / capacity) ** self.elasticity, active)


class RootRevenue(Revenue):
    r"""$R = \theta \epsilon \sqrt q$.

    **Arguments:** `scale` $\theta$: > 0, one number, or one per division.
    **Errors:** `ValueError` for a scale that is not above zero.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1.

    >>> float(RootRevenue(6.0).revenue(4.0, 1.0)), float(RootRevenue(6.0).inverse_marginal(1.5, 1.0))
    (12.0, 4.0)
    """

    scale: Parameter

    def __init__(self, scale: Any):
        self.scale = fields_of("RootRevenue", scale=scale)["scale"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return self.scale > 0

    def _revenue(self, q: Values, shock: Values) -> Values:
        return self.scale * shock * _at(q, jnp.sqrt(_positive(q)), 0.0)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return _times(self.scale * shock, _at(q, 0.5 / jnp.sqrt(_positive(q)), jnp.inf))

    def _inverse(self, price: Values, shock: Values) -> Values:
        a = self.scale * shock
        inner = (a > 0) & (price > 0)
        return _sold(inner, (jnp.where(inner, a, 1.0) / jnp.where(inner, 2 * price, 1.0)) ** 2, a, a > 0, price)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """A closed form up to the spread of variable costs."""
        squares = jnp.sum(jnp.where(active, (self.scale * shock) ** 2, 0.0), axis=-1)
        return _less(cost, 0.5 * jnp.sqrt(squares / capacity), active)


class LogRevenue(Revenue):
    r"""$R = \theta \epsilon \ln q$: minus infinity without capacity.

    **Arguments:** `scale` $\theta$: > 0, one number, or one per division.
    **Errors:** `ValueError` for a scale that is not above zero.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1.

    >>> float(LogRevenue(6.0).inverse_marginal(1.5, 1.0)), float(LogRevenue(6.0).revenue(0.0, 1.0))
    (4.0, -inf)
    """

    scale: Parameter

    def __init__(self, scale: Any):
        self.scale = fields_of("LogRevenue", scale=scale)["scale"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return self.scale > 0

    def _revenue(self, q: Values, shock: Values) -> Values:
        return _times(self.scale * shock, _at(q, jnp.log(_positive(q)), -jnp.inf))

    def _marginal(self, q: Values, shock: Values) -> Values:
        return _times(self.scale * shock, _at(q, 1 / _positive(q), jnp.inf))

    def _inverse(self, price: Values, shock: Values) -> Values:
        a = self.scale * shock
        inner = (a > 0) & (price > 0)
        return _sold(inner, jnp.where(inner, a, 1.0) / jnp.where(inner, price, 1.0), a, a > 0, price)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """A closed form up to the spread of variable costs."""
        return _less(cost, jnp.sum(jnp.where(active, self.scale * shock, 0.0), axis=-1) / capacity, active)


class ShiftedLogRevenue(Revenue):
    r"""$R = \theta \epsilon \ln(1 + q / s)$.

    **Arguments:** `scale` $\theta$: > 0 [money]. `shift` $s$: > 0 [units]. Each one number, or one per division.
    **Errors:** `ValueError` for parameters that are not above zero.
    **Source:** Dutta and Reichelstein (paper 002), section 2; (paper 001), section 6.1 with s = 1.

    >>> revenue = ShiftedLogRevenue(scale=12.0, shift=2.0)
    >>> float(revenue.marginal(4.0, 1.0)), float(revenue.inverse_marginal(2.0, 1.0))
    (2.0, 4.0)
    """

    scale: Parameter
    shift: Parameter

    def __init__(self, scale: Any, shift: Any = 1.0):
        fields = fields_of("ShiftedLogRevenue", scale=scale, shift=shift)
        self.scale, self.shift = fields["scale"], fields["shift"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return (self.scale > 0) & (self.shift > 0)

    def _revenue(self, q: Values, shock: Values) -> Values:
        return self.scale * shock * jnp.log1p(q / self.shift)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return self.scale * shock / (self.shift + q)

    def _inverse(self, price: Values, shock: Values) -> Values:
        a = self.scale * shock
        sold = a > self.shift * price
        inner = sold & (price > 0)
        return _sold(inner, jnp.where(inner, a, 1.0) / jnp.where(inner, price, 1.0) - self.shift, a, sold, price)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """A closed form up to the spread of variable costs."""
        a = jnp.sum(jnp.where(active, self.scale * shock, 0.0), axis=-1)
        return _less(cost, a / (capacity + jnp.sum(jnp.where(active, self.shift, 0.0), axis=-1)), active)


class SaturatingRevenue(Revenue):
    r"""$R = \theta \epsilon (1 - e^{-q / s})$: revenue approaches a ceiling.

    **Arguments:** `scale` $\theta$: > 0 [money]. `width` $s$: > 0 [units], 1 by default. Each one number, or one per
    division.
    **Errors:** `ValueError` for parameters that are not above zero.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1 with s = 1.

    >>> round(float(SaturatingRevenue(6.0).inverse_marginal(1.5, 1.0)), 4)
    1.3863
    """

    scale: Parameter
    width: Parameter

    def __init__(self, scale: Any, width: Any = 1.0):
        fields = fields_of("SaturatingRevenue", scale=scale, width=width)
        self.scale, self.width = fields["scale"], fields["width"]

    @property
    def _valid(self) -> Bool[Array, "*divisions"]:
        return (self.scale > 0) & (self.width > 0)

    def _revenue(self, q: Values, shock: Values) -> Values:
        return -self.scale * shock * jnp.expm1(-q / self.width)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return self.scale * shock / self.width * jnp.exp(-q / self.width)

    def _inverse(self, price: Values, shock: Values) -> Values:
        first = self.scale * shock / self.width
        inner = (first > price) & (price > 0)
        ratio = jnp.where(inner, first, 1.0) / jnp.where(inner, price, 1.0)
        return _sold(inner, self.width * jnp.log(ratio), first, first > price, price)

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """A closed form up to the spread of variable costs."""
        first = jnp.where(active, self.scale * shock / self.width, 1.0)
        widths = jnp.where(active, self.width, 0.0)
        log_price = (jnp.sum(widths * jnp.log(first), axis=-1) - capacity) / jnp.sum(widths, axis=-1)
        return _less(cost, jnp.exp(log_price), active)


def _positive(q: Values) -> Values:
    """The quantity where it is above zero, else one: for functions that are infinite at zero."""
    return jnp.where(q > 0, q, 1.0)


def _at(q: Values, inside: Values, at_zero: Any) -> Values:
    """A function of quantities above zero, with its value at zero; NaN for others."""
    return jnp.where(q > 0, inside, jnp.where(q == 0, at_zero, jnp.nan))


def _times(a: Values, slope: Values) -> Values:
    """The product; zero where the shock leaves nothing to earn, and no derivative where the slope is infinite."""
    bounded = jnp.isfinite(slope) | jnp.isnan(slope)
    without = jnp.where(a == 0, 0.0, jnp.sign(a) * slope)
    return jnp.where(bounded, a * jnp.where(bounded, slope, 0.0), jax.lax.stop_gradient(without))


def _sold(inner: Array, quantity: Values, earns: Values, sold: Array, price: Values) -> Values:
    """A quantity inside its range, else nothing, or everything where the price is not above zero; NaN stays."""
    found = jnp.where(inner, quantity, jnp.where(sold & (price <= 0), jnp.inf, 0.0))
    return jnp.where(jnp.isnan(price) | jnp.isnan(earns), jnp.nan, found)


def _straight(capacity: Values, first: Values, give: Values, active: Array) -> Values:
    """The price p at which active demands give (first - p) sum to the capacity."""
    give = jnp.where(active, give, 0.0)
    return (jnp.sum(give * jnp.where(active, first, 0.0), axis=-1) - capacity) / jnp.sum(give, axis=-1)


def _less(cost: Values, price: Values, active: Array) -> tuple[Values, Values]:
    """A marginal revenue that all would have at equal cost, less the highest and the lowest of their costs."""
    if cost.shape[-1] == 1:
        net = price - cost[..., 0]
        return net, net
    highest = jnp.max(jnp.where(active, cost, -jnp.inf), axis=-1)
    lowest = jnp.min(jnp.where(active, cost, jnp.inf), axis=-1)
    return price - highest, price - lowest
