r"""Newsvendors whose supply is uncertain: a random share of the order arrives, or no more than a random capacity.

Given what arrives, demand is integrated in closed form; what arrives is integrated by Gauss-Legendre sums over its
quantiles, on pieces that end where the arrival leaves the support of demand, where profit is not smooth.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, require_nonnegative
from eqsolve.demand.distribution import Distribution
from eqsolve.mechanisms.newsvendor._roots import bisected, polished
from eqsolve.mechanisms.newsvendor.single import Newsvendor

Values = Float[Array, "*batch"]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)


class RandomYield(eqx.Module):
    r"""A newsvendor who receives $U y$ of an order of $y$ (stochastically proportional yield), and pays for all of $y$.

    **Arguments** (scalars, or arrays that broadcast):

    - `vendor`: the `Newsvendor`; cost and tax are paid per unit *ordered*, whatever arrives.
    - `arriving` $U$: a continuous `Distribution` on numbers >= 0 with positive mean, independent of demand.

    The order is 0 where the first unit does not earn its cost, $(p + g) E U \le c + t$, and `inf` where salvage alone
    does, $s E U > c + t$.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Henig and Gerchak, The structure of periodic review policies in the presence of random yield,
    *Operations Research* 38 (1990); Yano and Lee, Lot sizing with random yields: a review, *Operations Research* 43
    (1995), section 2.

    >>> from eqsolve.demand.uniform import Uniform
    >>> vendor = Newsvendor(price=10.0, cost=4.0, demand=Uniform(0.0, 100.0))
    >>> round(float(RandomYield(vendor, arriving=Uniform(0.5, 0.5)).order()), 3)
    60.0
    """

    vendor: Newsvendor
    arriving: Distribution

    def __init__(self, vendor: Newsvendor, arriving: Distribution):
        fields = _supplied("RandomYield", vendor=vendor, arriving=arriving)
        self.vendor, self.arriving = fields["vendor"], fields["arriving"]

    def __check_init__(self) -> None:
        require_nonnegative(self.arriving.support()[0], "RandomYield.arriving: the lowest value")

    @eqx.filter_jit
    def order(self) -> Values:
        r"""The optimal order [units]: the root of $E[U ((p + g) \bar F(U y) + s F(U y))] = c + t$."""
        vendor, mean = self.vendor, self.arriving.mean()
        cost = vendor.cost + vendor.tax
        shape = jnp.shape(self._valid)
        # orders are searched as shares of an infinite one, measured in what mean demand needs
        size = jax.lax.stop_gradient(vendor.demand.mean() / mean)
        fixed = jax.lax.stop_gradient(self)

        def at(share: Values) -> Values:
            return size * share / (1 - share)

        dtype = vendor.price.dtype
        first, last = jnp.zeros(shape, dtype), jnp.full(shape, 1 - jnp.finfo(dtype).eps, dtype)
        root = at(bisected(lambda share: fixed._slope(at(share)), first, last)[0])
        if not vendor.demand.discrete:
            root = polished(self._slope, root)
        none = ((vendor.price + vendor.penalty) * mean <= cost) | ~(fixed._slope(at(first)) > 0)
        endless = vendor.salvage * mean > cost
        free = vendor.salvage * mean == cost
        order = jnp.where(none, 0.0, jnp.where(free, _enough(vendor.demand, self.arriving), root))
        return self._checked(jnp.where(endless, jnp.inf, order))

    @eqx.filter_jit
    def profit(self, order: Any) -> Values:
        """Expected profit of an order [units] [money]."""
        vendor = self.vendor
        order = self._order(order)
        paid = vendor.cost + vendor.tax
        earned = _expected(self.arriving, lambda u: _revenue(vendor, u * order), self._cuts(order))
        return self._checked(earned - paid * order)

    def _slope(self, order: Values) -> Values:
        vendor, law = self.vendor, self.vendor.demand
        order = self._order(order)

        def gain(u: Values) -> Values:
            received = u * order
            sold = (vendor.price + vendor.penalty) * law.sf(received)
            return u * (sold + vendor.salvage * law.cdf(received))

        return _expected(self.arriving, gain, self._cuts(order)) - vendor.cost - vendor.tax

    def _order(self, order: Any) -> Values:
        order = self.vendor._order(order)
        return jnp.broadcast_to(order, jnp.broadcast_shapes(order.shape, jnp.shape(self._valid)))

    def _cuts(self, order: Values) -> tuple[Values, Values]:
        """The shares at which the arrival passes the ends of the demand's support."""
        low, high = self.vendor.demand.support()
        some = order > 0
        each = jnp.where(some, order, 1.0)
        return low / each, jnp.where(some, high / each, jnp.inf)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return self.vendor._valid & (self.arriving.support()[0] >= 0)  # NaN, hence false, for an invalid law

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


class RandomCapacity(eqx.Module):
    r"""A newsvendor who receives $\min(y, K)$ of an order of $y$, and pays for what arrives.

    The optimal order is the one of a newsvendor without the limit: where the capacity does not bind the trade-off is
    the same, and where it does the order makes no difference, $d E[\pi] / dy = P(K > y)\, \pi'(y)$.

    **Arguments** (scalars, or arrays that broadcast):

    - `vendor`: the `Newsvendor`; cost and tax are paid per unit received.
    - `capacity` $K$: a continuous `Distribution` on numbers >= 0 [units], independent of demand.

    **Errors:** as `RandomYield`.
    **Source:** Ciarallo, Akella and Morton, A periodic review, production planning model with uncertain capacity and
    uncertain demand, *Management Science* 40 (1994), the single-period result.

    >>> from eqsolve.demand.uniform import Uniform
    >>> vendor = Newsvendor(price=10.0, cost=4.0, demand=Uniform(0.0, 100.0))
    >>> float(RandomCapacity(vendor, Uniform(20.0, 100.0)).order())
    60.0
    """

    vendor: Newsvendor
    capacity: Distribution

    def __init__(self, vendor: Newsvendor, capacity: Distribution):
        fields = _supplied("RandomCapacity", vendor=vendor, capacity=capacity)
        self.vendor, self.capacity = fields["vendor"], fields["capacity"]

    def __check_init__(self) -> None:
        require_nonnegative(self.capacity.support()[0], "RandomCapacity.capacity: the lowest value")

    def order(self) -> Values:
        """The optimal order [units], that of the newsvendor without a limit."""
        return self._checked(self.vendor.order())

    @eqx.filter_jit
    def profit(self, order: Any) -> Values:
        """Expected profit of an order [units] [money]."""
        vendor = self.vendor
        order = vendor._order(order)
        order = jnp.broadcast_to(order, jnp.broadcast_shapes(order.shape, jnp.shape(self._valid)))
        low, high = vendor.demand.support()

        def earned(capacity: Values) -> Values:
            return vendor.profit(jnp.minimum(order, capacity))

        return self._checked(
            _expected(self.capacity, earned, (jnp.minimum(low, order), jnp.minimum(high, order), order))
        )

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return self.vendor._valid & (self.capacity.support()[0] >= 0)

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def _revenue(vendor: Newsvendor, received: Values) -> Values:
    """Expected sales and salvage revenue less goodwill lost, for a quantity received [money]."""
    sold = vendor.price * vendor.sales(received) - vendor.penalty * vendor.shortage(received)
    return sold + vendor.salvage * vendor.leftover(received)


def _enough(demand: Distribution, arriving: Distribution) -> Values:
    """The order of which even the smallest arriving share serves the largest demand."""
    share = arriving.support()[0]
    return jnp.where(share > 0, demand.support()[1] / jnp.where(share > 0, share, 1.0), jnp.inf)


def _expected(law: Distribution, function: Callable[[Values], Values], cuts: tuple[Values, ...]) -> Values:
    """E[function(X)] as a sum over quantiles of X, on pieces that end at the `cuts`, given in ascending order."""
    inner = [law.cdf(cut) for cut in cuts]
    shape = jnp.broadcast_shapes(*(level.shape for level in inner))
    levels = [jnp.zeros(shape), *inner, jnp.ones(shape)]
    breaks = jnp.stack([jnp.broadcast_to(level, shape).astype(law.dtype) for level in levels])
    half, middle = (breaks[1:] - breaks[:-1]) / 2, (breaks[1:] + breaks[:-1]) / 2
    column = (len(NODES),) + (1,) * half.ndim
    nodes, weights = (jnp.asarray(part, breaks.dtype).reshape(column) for part in (NODES, WEIGHTS))
    values = function(law.ppf(middle + half * nodes))
    return jnp.sum(half * jnp.sum(weights * values, axis=0), axis=0)


def _supplied(owner: str, vendor: Newsvendor, **supply: Distribution) -> dict[str, Any]:
    if not isinstance(vendor, Newsvendor):
        raise TypeError(f"{owner}.vendor is {vendor!r}; give a Newsvendor.")
    for name, law in supply.items():
        if not isinstance(law, Distribution) or law.discrete:
            raise TypeError(f"{owner}.{name} is {law!r}; give a continuous Distribution such as Uniform(0.5, 0.5).")
    return as_fields(owner, vendor=vendor, **supply)
