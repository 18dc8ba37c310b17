r"""The newsvendor who also sets the price: Petruzzi and Dada's joint choice of price and stocking factor.

Demand is $a - b p + X$ (additive) or $a p^{-b} X$ (multiplicative). With the stocking factor $z$, the order is
$a - b p + z$ or $a p^{-b} z$, and the best price for a given $z$ has a closed form. What is left is a function of $z$
alone that need not be concave: its slope may change sign several times, so every change on a fine grid is bracketed and
the best of the peaks is taken.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, require_nonnegative, require_positive, require_scalar, require_values
from eqsolve._tabled import Tabled
from eqsolve.demand.distribution import Distribution
from eqsolve.mechanisms._roots import bisected, polished, support_grid

Scalar = Float[Array, ""]


class PricePlan(Tabled):
    """A price, what is ordered at it, and every other candidate; `str()` prints a table.

    **Fields:**

    - `price` [money/unit], `factor`: the stocking factor z [units of the noise], `order` [units], `profit` [money]: the
      best plan.
    - `riskless_price`: the best price if the noise were its mean [money/unit].
    - `price_order_holds`: whether price and riskless price compare as the theory says: additive noise lowers the price,
      multiplicative noise raises it (up to rounding).
    - `stationary`: every z inside the support at which the slope of profit changes sign, ascending, NaN behind the
      last. The ends of the support are compared with them.
    - `peaks`: which of them are maxima, not minima.
    """

    price: Scalar
    factor: Scalar
    order: Scalar
    profit: Scalar
    riskless_price: Scalar
    price_order_holds: Bool[Array, ""]
    stationary: Float[Array, " candidates"]
    peaks: Bool[Array, " candidates"]


class _PriceSetting(eqx.Module):
    """What both forms of noise share: the search over the stocking factor."""

    intercept: Scalar
    slope: Scalar
    cost: Scalar
    noise: Distribution
    salvage: Scalar
    penalty: Scalar

    def __init__(
        self, intercept: Any, slope: Any, cost: Any, noise: Distribution, salvage: Any = 0.0, penalty: Any = 0.0
    ):
        given = {"intercept": intercept, "slope": slope, "cost": cost, "noise": noise}
        for name, value in _fields(type(self).__name__, **given, salvage=salvage, penalty=penalty).items():
            setattr(self, name, value)

    @abc.abstractmethod
    def best_price(self, factor: Any) -> Scalar:
        """The best price for a stocking factor."""

    @abc.abstractmethod
    def order(self, price: Any, factor: Any) -> Scalar:
        """The order at a price and a stocking factor [units]."""

    @abc.abstractmethod
    def profit(self, price: Any, factor: Any) -> Scalar:
        """Expected profit at a price and a stocking factor [money]."""

    @abc.abstractmethod
    def riskless_price(self) -> Scalar:
        """The best price if the noise were its mean."""

    def _marginal(self, factor: Scalar) -> Scalar:
        """The slope of profit in the stocking factor at the best price, up to a positive factor."""
        gain = (self.best_price(factor) + self.penalty - self.cost) * self.noise.sf(factor)
        return gain - (self.cost - self.salvage) * self.noise.cdf(factor)

    @abc.abstractmethod
    def _ordered(self, price: Scalar, riskless: Scalar, slack: Scalar) -> Bool[Array, ""]:
        """Whether the price lies where it should against the riskless one."""

    @eqx.filter_jit
    def solve(self, candidates: int = 8) -> PricePlan:
        """The best price and order over all stocking factors of the noise's support.

        **Arguments:** `candidates`: how many sign changes of the slope to report and compare; more are not looked at.
        Only plans with a price of at least the cost and an order of at least zero are compared. Where there is none,
        price, factor, order and profit are NaN: no such plan earns anything, and without a penalty it is best not to
        sell. A negative profit means that no plan earns anything, either.
        **Returns:** a `PricePlan`, differentiable in all parameters where the noise is continuous. The search sees the
        slope at 2000 points, half of them evenly spaced in z, half in probability: two stationary points between
        neighbours go unseen.
        """
        factors = support_grid(self.noise)
        fixed = jax.lax.stop_gradient(self)
        slopes = jax.vmap(fixed._marginal)(factors)
        positive = slopes > 0
        change = positive[1:] != positive[:-1]
        cells = jnp.flatnonzero(change, size=candidates, fill_value=-1)
        found = cells >= 0
        low, high, falls = factors[cells], factors[cells + 1], positive[cells]
        sign = jnp.where(falls, 1.0, -1.0)
        roots = bisected(lambda z: sign * jax.vmap(fixed._marginal)(z), low, high)[0]
        if not self.noise.discrete:
            roots = jax.vmap(lambda z: polished(self._marginal, z))(roots)
        # profit may also be largest at an end of the support
        ends = jax.lax.stop_gradient(factors[jnp.array([0, -1])])
        points = jnp.concatenate([jnp.where(found, roots, ends[0]), ends])
        prices = jax.vmap(self.best_price)(points)
        values = jax.vmap(self.profit)(prices, points)
        # a loss on each of a negative number of units is not a profit
        sound = (prices >= self.cost) & (jax.vmap(self.order)(prices, points) >= 0) & jnp.isfinite(values)
        best = points[jnp.argmax(jnp.where(sound, values, -jnp.inf))]
        best = jnp.where(jnp.any(sound), best, jnp.nan)
        price, riskless = self.best_price(best), self.riskless_price()
        return PricePlan(
            price=price,
            factor=best,
            order=self.order(price, best),
            profit=self.profit(price, best),
            riskless_price=riskless,
            price_order_holds=self._ordered(price, riskless, 8 * jnp.finfo(price.dtype).eps * riskless),
            stationary=jnp.where(found, roots, jnp.nan),
            peaks=found & falls,
        )


def _fields(owner: str, **given: Any) -> dict[str, Any]:
    if not isinstance(given["noise"], Distribution):
        raise TypeError(f"{owner}.noise is {given['noise']!r}; give a Distribution such as Uniform(-1.0, 2.0).")
    return as_fields(owner, **given)


def _check(vendor: _PriceSetting, owner: str) -> None:
    require_finite(vendor, owner)
    for name in ("intercept", "slope", "cost", "salvage", "penalty"):
        require_scalar(getattr(vendor, name), f"{owner}.{name}")
    require_scalar(vendor.noise.mean(), f"{owner}.noise: the mean")
    require_positive(vendor.intercept, f"{owner}.intercept")
    require_positive(vendor.cost, f"{owner}.cost")
    require_nonnegative(vendor.penalty, f"{owner}.penalty")
    require_positive(vendor.cost - vendor.salvage, f"{owner}: cost - salvage")


class AdditivePriceSetting(_PriceSetting):
    r"""Price and order under demand $D = a - b p + X$.

    **Arguments** (scalars; batches by `jax.vmap` or `eqsolve.batch`):

    - `intercept` $a$: > 0 [units]. `slope` $b$: > 0 [units²/money].
    - `cost` $c$: > 0 [money/unit]. `noise` $X$: a `Distribution` [units].
    - `salvage` $s$: < cost [money/unit]. `penalty` $g$: goodwill per unit short, >= 0 [money/unit].

    Demand is not clipped at zero, as in the source, which assumes that positive demand is possible: choose noise with
    $a - b p + X \ge 0$ at prices of interest. Where no plan has a price of at least the cost and an order of zero or
    more, the plan is NaN.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Petruzzi and Dada, Pricing and the newsvendor problem, *Operations Research* 47 (1999), section 1.

    >>> from eqsolve.demand.uniform import Uniform
    >>> plan = AdditivePriceSetting(100.0, 2.0, cost=10.0, noise=Uniform(-20.0, 40.0)).solve()
    >>> round(float(plan.price), 2), round(float(plan.riskless_price), 2)
    (29.42, 30.0)
    """

    def __check_init__(self) -> None:
        _check(self, "AdditivePriceSetting")
        require_positive(self.slope, "AdditivePriceSetting.slope")

    def best_price(self, factor: Any) -> Scalar:
        r"""The riskless price less the expected shortage by slope: $p^0 - E(X - z)^+ / 2b$ [money/unit]."""
        return self.riskless_price() - self.noise.loss(factor) / (2 * self.slope)

    def order(self, price: Any, factor: Any) -> Scalar:
        """The order a - b p + z [units]."""
        return self.intercept - self.slope * price + factor

    def profit(self, price: Any, factor: Any) -> Scalar:
        """Expected profit [money]: riskless profit less the cost of the mismatch."""
        riskless = (price - self.cost) * (self.intercept - self.slope * price + self.noise.mean())
        short = (price + self.penalty - self.cost) * self.noise.loss(factor)
        return _nan_unless(self._valid, riskless - short - (self.cost - self.salvage) * self.noise.overstock(factor))

    def riskless_price(self) -> Scalar:
        """The best price if the noise were its mean [money/unit]."""
        top = self.intercept + self.slope * self.cost + self.noise.mean()
        return _nan_unless(self._valid, top / (2 * self.slope))

    def _ordered(self, price: Scalar, riskless: Scalar, slack: Scalar) -> Bool[Array, ""]:
        return price <= riskless + slack

    @property
    def _valid(self) -> Bool[Array, ""]:
        return _in_range(self) & (self.slope > 0)


class MultiplicativePriceSetting(_PriceSetting):
    r"""Price and order under demand $D = a p^{-b} X$.

    **Arguments** (scalars; batches by `jax.vmap` or `eqsolve.batch`):

    - `intercept` $a$: > 0 [units at a price of one]. `slope` $b$: the price elasticity, > 1.
    - `cost` $c$: > 0 [money/unit]. `noise` $X$: a `Distribution` of positive numbers.
    - `salvage` $s$: < cost [money/unit]. `penalty` $g$: goodwill per unit short, >= 0 [money/unit].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Petruzzi and Dada, Pricing and the newsvendor problem, *Operations Research* 47 (1999), section 2.

    >>> from eqsolve.demand.uniform import Uniform
    >>> plan = MultiplicativePriceSetting(1000.0, 2.0, cost=10.0, noise=Uniform(0.5, 1.0)).solve()
    >>> round(float(plan.price), 2), round(float(plan.riskless_price), 2)
    (23.66, 20.0)
    """

    def __check_init__(self) -> None:
        _check(self, "MultiplicativePriceSetting")
        require_values(self.slope, lambda b: b > 1, "MultiplicativePriceSetting.slope", "give an elasticity above 1")
        require_nonnegative(self.noise.support()[0], "MultiplicativePriceSetting.noise: the lowest value")

    def best_price(self, factor: Any) -> Scalar:
        r"""The riskless price and a premium for the cost of mismatch [money/unit]; infinite where nothing is ordered.

        $$p^0 + \frac{b}{b - 1} \frac{(c - s) E(z - X)^+ + g E(X - z)^+}{E \min(z, X)}$$
        """
        mismatch = (self.cost - self.salvage) * self.noise.overstock(factor) + self.penalty * self.noise.loss(factor)
        sales = self.noise.expected_min(factor)
        some = sales > 0
        premium = jnp.where(some, mismatch, jnp.inf) / jnp.where(some, sales, 1.0)
        return self.riskless_price() + self.slope / (self.slope - 1) * premium

    def order(self, price: Any, factor: Any) -> Scalar:
        """The order a p^-b z [units]."""
        return self.intercept * price**-self.slope * factor

    def profit(self, price: Any, factor: Any) -> Scalar:
        """Expected profit [money]: margin on sales less the cost of the mismatch."""
        mismatch = (self.cost - self.salvage) * self.noise.overstock(factor) + self.penalty * self.noise.loss(factor)
        margin = (price - self.cost) * self.noise.expected_min(factor)
        return _nan_unless(self._valid, self.intercept * price**-self.slope * (margin - mismatch))

    def riskless_price(self) -> Scalar:
        """The best price if the noise were its mean [money/unit]; a goodwill penalty plays no part in it."""
        return _nan_unless(self._valid, self.slope * self.cost / (self.slope - 1))

    def _ordered(self, price: Scalar, riskless: Scalar, slack: Scalar) -> Bool[Array, ""]:
        return price >= riskless - slack

    @property
    def _valid(self) -> Bool[Array, ""]:
        return _in_range(self) & (self.slope > 1)


def _in_range(vendor: _PriceSetting) -> Bool[Array, ""]:
    costs = (vendor.cost > 0) & (vendor.cost > vendor.salvage) & (vendor.penalty >= 0)
    return costs & (vendor.intercept > 0) & vendor.noise._valid


def _nan_unless(valid: Bool[Array, ""], value: Scalar) -> Scalar:
    return jnp.where(valid, value, jnp.nan)
