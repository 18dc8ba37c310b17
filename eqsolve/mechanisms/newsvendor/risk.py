r"""Mean-CVaR: the newsvendor who also minds the average profit of bad years.

Profit rises with demand up to the order (slope $p - s$) and falls beyond it (slope $-g$), so the worst share $\alpha$
of all cases is a lower tail $D \le a$ and an upper tail $D \ge b$ in which profit is at most the same: with $\tau$ the
probability of the lower tail,

$$a = F^{-1}(\tau), \quad b = F^{-1}(1 - \alpha + \tau), \quad (p - s + g)\, y = (p - s)\, a + g\, b .$$

Everything follows from $\tau$: it rises with the order $y$, and the objective's slope along it falls.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, require_values
from eqsolve.mechanisms._roots import bisected, polished
from eqsolve.mechanisms.newsvendor.single import Newsvendor

Values = Float[Array, "*batch"]


class MeanCVaR(eqx.Module):
    r"""A newsvendor who maximises $(1 - w)\, E[\pi] + w\, CVaR_\alpha[\pi]$.

    $CVaR_\alpha[\pi]$ is the expected profit of the worst share $\alpha$ of all cases; at $\alpha = 1$ the mean.

    **Arguments** (scalars, or arrays that broadcast):

    - `vendor`: the `Newsvendor`, with price >= salvage, so that a unit sold is never worse than one left over.
    - `weight` $w$: in [0, 1]; 0 is the risk-neutral newsvendor.
    - `level` $\alpha$: in (0, 1].

    Works for every distribution, continuous or discrete. Corners of the order are those of `Newsvendor`.

    **Errors:** `ValueError` that names the field, the value and the remedy; traced values out of range give NaN.
    **Source:** Rockafellar and Uryasev, Optimization of conditional value-at-risk, *Journal of Risk* 2 (2000), for the
    measure; Gotoh and Takano, Newsvendor solutions via conditional value-at-risk minimization, *European Journal of
    Operational Research* 179 (2007), for the order at weight 1: $a = F^{-1}(\alpha f)$ and
    $b = F^{-1}(1 - \alpha (1 - f))$ with the critical fractile $f$.

    >>> from eqsolve.demand.uniform import Uniform
    >>> vendor = Newsvendor(price=10.0, cost=4.0, demand=Uniform(0.0, 100.0))
    >>> careful = MeanCVaR(vendor, weight=1.0, level=0.5)
    >>> round(float(vendor.order()), 3), round(float(careful.order()), 3)
    (60.0, 30.0)
    """

    vendor: Newsvendor
    weight: Values
    level: Values

    def __init__(self, vendor: Newsvendor, weight: Any, level: Any):
        if not isinstance(vendor, Newsvendor):
            raise TypeError(f"MeanCVaR.vendor is {vendor!r}; give a Newsvendor.")
        fields = as_fields("MeanCVaR", vendor=vendor, weight=weight, level=level)
        self.vendor, self.weight, self.level = fields["vendor"], fields["weight"], fields["level"]

    def __check_init__(self) -> None:
        require_values(
            self.weight, lambda w: (w >= 0) & (w <= 1), "MeanCVaR.weight", "give the share of the CVaR, from 0 to 1"
        )
        require_values(
            self.level, lambda a: (a > 0) & (a <= 1), "MeanCVaR.level", "give the share of worst cases, in (0, 1]"
        )
        require_values(
            self.vendor.price - self.vendor.salvage,
            lambda gain: gain >= 0,
            "MeanCVaR: price - salvage",
            "give a price of at least the salvage value",
        )

    @eqx.filter_jit
    def order(self) -> Values:
        r"""The optimal order [units].

        In the tail probability $\tau$ the objective's slope is $(1 - w)[u - (u + o) F(y)] + w[u - (u + o) \tau /
        \alpha]$, whose root is bracketed. With that $\tau$ the order is a quantile, which says where it lies if $y$
        jumps at the root or the root is 0 or $\alpha$.
        """
        vendor, law = self.vendor, self.vendor.demand
        zero, full = self._ends()
        fixed = jax.lax.stop_gradient(self)  # the search needs no derivatives
        before, after = bisected(fixed._slope, zero, full)
        none, whole = ~(fixed._slope(zero) > 0), fixed._slope(full) > 0
        first = jnp.where(none, -jnp.inf, fixed._order_at(jnp.where(whole, full, before)))
        last = jnp.where(whole, jnp.inf, fixed._order_at(jnp.where(none, zero, after)))
        order = jnp.clip(fixed._quantile(jnp.where(whole, full, before)), first, last)
        if not law.discrete:
            # derivatives: of the root in tau; of the quantile where tau is 0 or alpha, or too near to resolve the order
            near = jnp.finfo(order.dtype).eps ** 0.5 * (jnp.abs(first) + jnp.abs(last))
            resolved = jnp.isfinite(near) & (last - first <= near)
            root = self._order_at(polished(self._slope, jnp.where(resolved, before, full / 2)))
            edge = self._quantile(jnp.where(before > full / 2, full, zero))
            order = _moving_with(jnp.where(resolved, root, edge), order)
        return self._checked(vendor._decided(order))

    def value(self, order: Any) -> Values:
        """The objective at an order [units]: mean and CVaR of profit, weighted [money]; NaN for a negative order."""
        mean, tail = self.vendor.profit(order), self.cvar(order)
        return self._checked(_product(1 - self.weight, mean) + _product(self.weight, tail))

    @eqx.filter_jit
    def cvar(self, order: Any) -> Values:
        """The expected profit of the worst share `level` of all cases at an order [units] [money].

        NaN for a negative order; `inf` is the limit of ever larger orders.
        """
        vendor, law = self.vendor, self.vendor.demand
        order = vendor._order(order)
        tau = self._lower_tail(order)
        above = self.level - tau
        a, b = law.ppf(tau), law.ppf(1 - above)
        # the sum of D over the lower (upper) tail, each case weighted with its probability
        lower = _product(tau, a) - jnp.where(tau > 0, law.overstock(jnp.where(tau > 0, a, 0.0)), 0.0)
        upper = _product(above, b) + jnp.where(above > 0, law.loss(jnp.where(above > 0, b, 0.0)), 0.0)
        total = (
            (vendor.price - vendor.salvage) * lower
            - _product(vendor.overage * tau, order)
            + _product(vendor.underage * above, order)
            - _product(vendor.penalty, upper)
        )
        return self._checked(total / self.level)

    def _slope(self, tau: Values) -> Values:
        """The slope of the objective in the order where the lower tail has probability `tau`, as a share of u + o."""
        stake = self.vendor._level()
        mean = stake - self.vendor.demand.cdf(self._order_at(tau))
        return (1 - self.weight) * mean + self.weight * (stake - tau / self.level)

    def _quantile(self, tau: Values) -> Values:
        """The order at which the slope is zero for this `tau`; for weight 1 the far end on the side where it is."""
        rest = self.vendor._level() - self.weight * tau / self.level
        mean = self.weight < 1
        level = jnp.where(mean, rest / jnp.where(mean, 1 - self.weight, 1.0), (rest > 0).astype(rest.dtype))
        return self.vendor.demand.ppf(jnp.clip(level, 0.0, 1.0))

    def _order_at(self, tau: Values) -> Values:
        """The order at which the worst cases put the probability `tau` below it."""
        vendor, law = self.vendor, self.vendor.demand
        gain = vendor.price - vendor.salvage
        both = gain + vendor.penalty
        ends = _product(gain, law.ppf(tau)) + _product(vendor.penalty, law.ppf(1 - (self.level - tau)))
        return ends / jnp.where(both > 0, both, 1.0)

    def _lower_tail(self, order: Values) -> Values:
        """The probability of the lower tail at an order: none, all of it, or where `_order_at` passes the order."""
        zero, full = (jnp.broadcast_to(end, jnp.broadcast_shapes(end.shape, order.shape)) for end in self._ends())

        fixed = jax.lax.stop_gradient((self, order))

        def gap(tau: Values) -> Values:
            return fixed[1] - fixed[0]._order_at(tau)

        tau = bisected(gap, zero, full)[0]
        # an upper tail whose start rounds to infinity weighs nothing
        none, whole = ~(gap(zero) > 0), (gap(full) >= 0) | jnp.isinf(fixed[0].vendor.demand.ppf(1 - (full - tau)))
        if not self.vendor.demand.discrete:
            smooth = polished(lambda tau: order - self._order_at(tau), jnp.where(none | whole, full / 2, tau))
            tau = _moving_with(smooth, tau)
        return jnp.where(whole, full, jnp.where(none, zero, tau))

    def _ends(self) -> tuple[Values, Values]:
        shape = jnp.shape(self._valid)
        full = jnp.broadcast_to(self.level, shape)
        return jnp.zeros_like(full), full

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        shares = (self.weight >= 0) & (self.weight <= 1) & (self.level > 0) & (self.level <= 1)
        return shares & self.vendor._valid & (self.vendor.price >= self.vendor.salvage)

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def _moving_with(mover: Values, value: Values) -> Values:
    """`value` with the derivatives of `mover`."""
    finite = jnp.isfinite(mover)
    mover = jnp.where(finite, mover, 0.0)
    return jax.lax.stop_gradient(value) + (mover - jax.lax.stop_gradient(mover))


def _product(factor: Values, value: Values) -> Values:
    """The product, zero for a factor of zero also where the value is infinite."""
    return jnp.where(factor == 0, 0.0, factor * jnp.where(factor == 0, 0.0, value))
