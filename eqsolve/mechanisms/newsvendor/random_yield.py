r"""Newsvendors whose supply is uncertain: a random share of the order arrives, or no more than a random capacity.

Given demand, what arrives is integrated in closed form, by the loss function of the share or the capacity: of an order
of $y$, a share $U$ leaves over $E(U y - d)^+ = y\, E(U - d / y)^+$. What is left is a sum over demand $d$: over its
table where demand is discrete, and by the Gauss rule of `eqsolve.expectation` where it is continuous, split where the
arrival leaves its support and at quantiles of the arrival.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, require_nonnegative
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.expectation.gauss import split_levels
from eqsolve.mechanisms._roots import bisected, polished
from eqsolve.mechanisms.newsvendor.single import Newsvendor

Values = Float[Array, "*batch"]
Points = tuple[Array, Array]  # values of demand and their weights, along the first axis
NODES = 32
# levels of the arrival between which its distribution is smooth enough for one piece
MARKS = np.array([1e-9, 1e-4, 0.05, 0.5, 0.95, 1 - 1e-4, 1 - 1e-9])
BINS = 1024


class RandomYield(eqx.Module):
    r"""A newsvendor who receives $U y$ of an order of $y$ (stochastically proportional yield), and pays for all of $y$.

    **Arguments** (scalars, or arrays that broadcast):

    - `vendor`: the `Newsvendor`; cost and tax are paid per unit *ordered*, whatever arrives.
    - `arriving` $U$: a continuous `Distribution` on numbers >= 0 with positive mean, independent of demand.

    The order is 0 where the first unit does not earn its cost, $(p + g) E U \le c + t$, and `inf` where salvage alone
    does, $s E U > c + t$. A negative order is worth NaN, an infinite one the limit of ever larger orders.

    **Accuracy:** rounding for finite demand (tables, samples, two points) and for countable demand (Poisson) of at most
    1024 values between the levels eps and 1 - eps; beyond that, demand is rounded to that fraction of its range. For
    continuous demand and arrivals of smooth density, about 1e-9 of revenue; densities with a kink (triangular,
    mixtures) cost digits. Tested against `scipy.integrate.quad`.

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
        fixed = jax.lax.stop_gradient(self)  # the search needs no derivatives
        size = fixed._size()

        def at(share: Values) -> Values:
            """The order as a share of an infinite one, measured in `size`."""
            return size * share / (1 - share)

        dtype = vendor.price.dtype
        first, last = jnp.zeros(shape, dtype), jnp.full(shape, 1 - jnp.finfo(dtype).eps, dtype)
        demands = fixed._demands(shape)
        start = fixed._slope(first, demands)
        found = at(bisected(lambda share: fixed._slope(at(share), demands), first, last)[0])
        root = _settled(polished(partial(self._slope, demands=self._demands(shape)), found), found)
        none = ((vendor.price + vendor.penalty) * mean <= cost) | (start <= 0)
        endless = vendor.salvage * mean > cost
        free = vendor.salvage * mean == cost
        order = jnp.where(none, 0.0, jnp.where(free, _enough(vendor.demand, self.arriving), root))
        order = jnp.where(jnp.isnan(start), jnp.nan, order)
        return self._checked(jnp.where(endless, jnp.inf, order))

    @eqx.filter_jit
    def profit(self, order: Any) -> Values:
        """Expected profit of an order [units] [money]; NaN for a negative order."""
        vendor, mean = self.vendor, self.arriving.mean()
        order = self._order(order)
        endless = jnp.isposinf(order)
        some = jnp.where(endless, 1.0, order)
        demand, weight = self._demands(some.shape)(some)
        share = jnp.where(demand > 0, demand, 1.0) / jnp.where(some > 0, some, 1.0)
        left = jnp.where(some > 0, some * self.arriving.loss(share), 0.0)
        leftover = jnp.sum(weight * jnp.where(demand > 0, left, some * mean - demand), axis=0)
        paid = vendor.cost + vendor.tax
        profit = _earned(vendor, some * mean, leftover) - paid * some
        # of an endless order everything demanded is sold, and each unit ordered brings its salvage less its cost
        gain = vendor.salvage * mean - paid
        limit = (vendor.price - vendor.salvage) * vendor.demand.mean()
        limit = jnp.where(gain == 0, limit, jnp.where(gain > 0, jnp.inf, -jnp.inf))
        return self._checked(jnp.where(endless, limit, profit))

    def _slope(self, order: Values, demands: Callable[[Values], Points]) -> Values:
        """The slope of profit in the order: E[U; U y > d], summed over demand d, is what a unit more leaves over."""
        vendor = self.vendor
        demand, weight = demands(order)
        share = jnp.where(demand > 0, demand, 1.0) / jnp.where(order > 0, order, 1.0)
        beyond = jnp.where(order > 0, self.arriving.loss(share) + share * self.arriving.sf(share), 0.0)
        left = jnp.sum(weight * jnp.where(demand > 0, beyond, self.arriving.mean()), axis=0)
        served = vendor.price + vendor.penalty
        return served * self.arriving.mean() - (served - vendor.salvage) * left - vendor.cost - vendor.tax

    def _demands(self, shape: tuple[int, ...]) -> Callable[[Values], Points]:
        """The demands to sum over, given the order."""
        points = _points(self.vendor.demand, shape)
        ends, marks = _ends(self.arriving), _marks(self.arriving, len(shape))
        return lambda order: points([order * end for end in ends], order * marks)

    def _size(self) -> Values:
        """The order that serves common demands, above zero."""
        demand = self.vendor.demand
        common = jnp.maximum(jnp.abs(demand.ppf(0.1)), jnp.abs(demand.ppf(0.9)))
        return jnp.where(common > 0, common, 1.0) / self.arriving.mean()

    def _order(self, order: Any) -> Values:
        order = self.vendor._order(order)
        return jnp.broadcast_to(order, jnp.broadcast_shapes(order.shape, jnp.shape(self._valid)))

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

    A negative order is worth NaN, an infinite one what capacity alone limits.

    **Accuracy:** as `RandomYield`.
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
        """Expected profit of an order [units] [money]; NaN for a negative order."""
        vendor, capacity = self.vendor, self.capacity
        order = vendor._order(order)
        order = jnp.broadcast_to(order, jnp.broadcast_shapes(order.shape, jnp.shape(self._valid)))
        demand, weight = _points(vendor.demand, order.shape)([order, *_ends(capacity)], _marks(capacity, order.ndim))
        received = capacity.expected_min(order)
        # E min(y, K) - E min(d, K) is left over of demand d < y
        sold = jnp.where(demand > 0, capacity.expected_min(jnp.where(demand > 0, demand, 1.0)), demand)
        leftover = jnp.sum(weight * jnp.where(demand < order, received - sold, 0.0), axis=0)
        return self._checked(_earned(vendor, received, leftover) - (vendor.cost + vendor.tax) * received)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return self.vendor._valid & (self.capacity.support()[0] >= 0)

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def _earned(vendor: Newsvendor, received: Values, leftover: Values) -> Values:
    """Expected sales and salvage revenue less goodwill lost [money], where units are expected to arrive and be left."""
    served = vendor.price + vendor.penalty
    return served * (received - leftover) + vendor.salvage * leftover - vendor.penalty * vendor.demand.mean()


def _settled(root: Values, found: Values) -> Values:
    """The polished root, or the number found where a slope near zero, between two demands, throws it far away."""
    near = jnp.abs(root - found) <= jnp.finfo(found.dtype).eps ** 0.5 * found
    return jnp.where(near, root, found)


def _enough(demand: Distribution, arriving: Distribution) -> Values:
    """The order of which even the smallest arriving share serves the largest demand."""
    share = arriving.support()[0]
    return jnp.where(share > 0, demand.support()[1] / jnp.where(share > 0, share, 1.0), jnp.inf)


def _ends(law: Distribution) -> list[Values]:
    """The ends of the support, zero in place of an infinite one."""
    return [jnp.where(jnp.isfinite(end), end, 0.0) for end in law.support()]


def _marks(law: Distribution, rank: int) -> Array:
    """Quantiles along a first axis before a batch of the given rank; they only place nodes and need no derivatives."""
    return jax.lax.stop_gradient(law.ppf(MARKS.reshape((-1,) + (1,) * rank)))


def _points(demand: Distribution, shape: tuple[int, ...]) -> Callable[[list[Values], Array], Points]:
    """A function of the kinks and marks of an integrand that gives the points of demand to sum over.

    Only continuous demand looks at either: `kinks` move with the parameters and carry derivatives, `marks` do not.
    """
    if isinstance(demand, FiniteDemand):
        values, weights = jnp.broadcast_arrays(*demand.scenarios())
        batch = (1,) * (len(shape) - values.ndim + 1) + values.shape[:-1]
        values, weights = (jnp.moveaxis(part, -1, 0).reshape(-1, *batch) for part in (values, weights))
        return lambda kinks, marks: (values, weights)
    if demand.discrete:
        bins = _bins(demand, len(shape))
        return lambda kinks, marks: bins
    return lambda kinks, marks: _nodes(demand, shape, kinks, marks)


def _bins(demand: Distribution, rank: int) -> Points:
    """Countable demand as a table: the range cut into equal bins, each with its probability and its median."""
    eps = jnp.finfo(demand.dtype).eps
    low, high = jax.lax.stop_gradient((demand.ppf(eps), demand.ppf(1 - eps)))
    inner = jnp.linspace(0.0, 1.0, BINS + 1, dtype=demand.dtype)[1:-1].reshape((-1,) + (1,) * rank)
    levels = demand.cdf(low + inner * (high - low))
    levels = jnp.concatenate([jnp.zeros_like(levels[:1]), levels, jnp.ones_like(levels[:1])])
    return demand.ppf((levels[1:] + levels[:-1]) / 2), jnp.diff(levels, axis=0)


def _nodes(demand: Distribution, shape: tuple[int, ...], kinks: list[Values], marks: Array) -> Points:
    """The nodes and weights of the Gauss rule for each entry of a batch."""
    low, high = demand.support()
    median = jax.lax.stop_gradient(demand.ppf(0.5))

    def level(cut: Values) -> Values:
        # a cut outside the support would only bring infinite densities to its ends
        return demand.cdf(jnp.broadcast_to(jnp.where((cut > low) & (cut < high), cut, median), shape))

    cuts = [level(kink) for kink in kinks] + [level(mark) for mark in jax.lax.stop_gradient(marks)]
    rule = jnp.vectorize(partial(split_levels, nodes=NODES), signature="(k)->(n),(n)")
    levels, weights = (jnp.moveaxis(part, -1, 0) for part in rule(jnp.stack(cuts, axis=-1)))
    return demand.ppf(levels), weights


def _supplied(owner: str, vendor: Newsvendor, **supply: Distribution) -> dict[str, Any]:
    if not isinstance(vendor, Newsvendor):
        raise TypeError(f"{owner}.vendor is {vendor!r}; give a Newsvendor.")
    for name, law in supply.items():
        if not isinstance(law, Distribution) or law.discrete:
            raise TypeError(f"{owner}.{name} is {law!r}; give a continuous Distribution such as Uniform(0.5, 0.5).")
    return as_fields(owner, vendor=vendor, **supply)
