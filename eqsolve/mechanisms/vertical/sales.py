r"""Expected sales of two outlets that send each other the customers whom they turn away, with exact slopes.

With $D_i = q_i + o_j$ and $E(x - q_i)^+$ the leftover of own demand (zero for negative $x$), integrating first over
the own shock and then over the rival's gives

$$E t_i = E \min(y_i, q_i) + E[(y_i - q_i)^+ - (y_i - o_j - q_i)^+;\, q_j > y_j].$$

The inner expectations are loss functions; the outer ones are the sums of `_rival.py`. Slopes are differentiated under
the integral, $dE t_i / dx = E[dD_i / dx;\, D_i < y_i]$, so they need no second rule.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint import Independent, JointDiscrete, JointDistribution
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical._added import AddedMeeting
from eqsolve.mechanisms.vertical._laws import common_nodes, given_rival, marginal
from eqsolve.mechanisms.vertical._own import OwnDemand
from eqsolve.mechanisms.vertical._rival import Overflow, edges, shock_points
from eqsolve.mechanisms.vertical._scenarios import scenario_sales
from eqsolve.mechanisms.vertical.demand import Pair, Parts, SteadyParts, VerticalDemand

Table = Float[Array, "2 2"]


class ExpectedSales(eqx.Module):
    r"""Expected sales at given prices and stocks, and their slopes.

    **Fields:** `sales` $E t_i$ [units] and `stockout` $P(D_i \ge y_i)$, one entry per outlet; `d_price`, `d_stock`:
    the derivative of outlet i's expected sales in price or stock k, at `[i, k]`. At kinks (stocks that equal a possible
    demand, prices where a market changes its shape) slopes are those for a rising stock and of one side in prices.
    """

    sales: Pair
    d_price: Table
    d_stock: Table
    stockout: Pair


def expected_sales(model: Any, price: Any, stock: Any) -> ExpectedSales:
    r"""Expected sales of both outlets with their slopes in prices and stocks.

    **Arguments:** `model`: a demand model, or a `VerticalMarket` with one. `price` [money/unit] and `stock` [units]:
    one entry per outlet.
    **Returns:** `ExpectedSales`. Values are exact for finite laws and accurate to 1e-10 of demand for uniform and
    normal shocks, to about 1e-8 for other continuous laws; all are differentiable again, in everything.
    **Errors:** `ValueError` for other shapes. Invalid traced parameters and NaN give NaN.
    **Source:** Krishnan and Winter (paper 003), equation (6) and the derivatives in (9) and (10).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import LinearDemand
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> found = expected_sales(demand, [8.0, 8.0], [7.0, 7.0])
    >>> [round(float(sales), 2) for sales in found.sales]
    [5.71, 5.71]
    """
    demand = model if isinstance(model, VerticalDemand) else getattr(model, "demand", None)
    if not isinstance(demand, VerticalDemand):
        raise TypeError(f"expected_sales: model is {model!r}; give a demand model or a VerticalMarket.")
    dtype = demand.shocks.dtype
    price, stock = jnp.asarray(price, dtype), jnp.asarray(stock, dtype)
    for name, value in (("price", price), ("stock", stock)):
        if value.shape != (2,):
            raise ValueError(f"expected_sales: {name} has shape {value.shape}; give one number per outlet: [2].")
    found = _sales(demand, price, stock)
    valid = demand._valid & ~jnp.any(jnp.isnan(price) | jnp.isnan(stock))
    return jax.tree.map(lambda value: jnp.where(valid, value, jnp.nan), found)


def _sales(demand: VerticalDemand, price: Pair, stock: Pair) -> ExpectedSales:
    if isinstance(demand.shocks, JointDiscrete):
        return ExpectedSales(*scenario_sales(demand, price, stock))

    def at(common: Array | None) -> ExpectedSales:
        return _given_common(demand, price, stock, common)

    if demand.common is None:
        return at(None)
    shocks, weights = common_nodes(demand.common)
    values = jax.vmap(at, out_axes=-1)(shocks)
    return jax.tree.map(lambda value: jnp.sum(weights * value, axis=-1), values)


def _given_common(demand: VerticalDemand, price: Pair, stock: Pair, common: Array | None) -> ExpectedSales:
    def twice(p: Pair) -> tuple[Parts, Parts]:
        parts = demand.parts(p, common)
        return parts, parts

    moves, parts = jax.jacfwd(twice, has_aux=True)(price)
    if _is_steady(demand.shocks, parts):
        first, second = (AddedMeeting(demand.shocks, parts, moves, stock, outlet) for outlet in (0, 1))
    else:
        first, second = (_Meeting(demand.shocks, parts, moves, stock, outlet) for outlet in (0, 1))
    return ExpectedSales(
        sales=jnp.stack([first.sales(), second.sales()]),
        d_price=jnp.stack([jnp.stack([meeting.price_slope(k) for k in (0, 1)]) for meeting in (first, second)]),
        d_stock=jnp.stack([jnp.stack([first.own(), first.cross()]), jnp.stack([second.cross(), second.own()])]),
        stockout=jnp.stack([first.stockout(), second.stockout()]),
    )


def _is_steady(shocks: JointDistribution, parts: Parts) -> TypeGuard[Independent]:
    """Whether the faster integrals apply."""
    if not isinstance(parts, SteadyParts) or not isinstance(shocks, Independent):
        return False
    return all(isinstance(law, Uniform | Normal) for law in shocks.marginals)


class _Point(NamedTuple):
    """One shock of the rival, or a row of them, and what is left for own customers."""

    shock: Array
    weight: Array
    demand: Array
    rate: Array
    left: Array
    own: OwnDemand
    free: Array


class _Meeting:
    """One outlet meets the customers whom its rival turns away, at one common shock."""

    def __init__(self, shocks: JointDistribution, parts: Parts, moves: Parts, stock: Pair, outlet: int):
        self.outlet, self.rival = outlet, 1 - outlet
        self.shocks, self.parts, self.moves, self.stock = shocks, parts, moves, stock[outlet]
        self.alone = OwnDemand.of(marginal(shocks, outlet), parts, outlet)
        mass = None if parts.mass is None else parts.mass[self.rival]
        sender = OwnDemand.of(marginal(shocks, self.rival), parts, self.rival)
        self.overflow = Overflow(sender, parts.share[self.rival], mass, stock[self.rival])
        self.independent = isinstance(shocks, Independent)
        kinks = [self.alone.demand(edge) for edge in edges(self.alone.law)]
        cuts = [self.stock - jnp.where(kink > 0, kink, 0.0) for kink in kinks]
        self.nodes = _count(shocks, self.alone.law, sender.law, mass)
        points = shock_points(self.overflow, cuts if self.independent else [self.stock], self.nodes)
        self.points = [self._point(*point) for point in points]

    def _point(self, shock: Array, weight: Array) -> _Point:
        demand, sent, rate = self.overflow.at(shock)
        left = self.stock - sent
        own = OwnDemand.of(given_rival(self.shocks, self.outlet, shock), self.parts, self.outlet)
        return _Point(shock, weight, demand, rate, left, own, weight * own.below(left))

    def _sum(self, function: Callable[[_Point], Array]) -> Array:
        """The sum over all points of what is found there, which includes the probability."""
        return sum((jnp.sum(function(at)) for at in self.points), start=jnp.zeros((), self.stock.dtype))

    def _beside(self, function: Callable[[OwnDemand], Array]) -> Array:
        """E[function(own demand); the rival turns customers away]."""
        if self.independent:
            return self.overflow.chance() * function(self.alone)
        [(shock, weight)] = shock_points(self.overflow, [jnp.full_like(self.stock, jnp.inf)], self.nodes)
        own = OwnDemand.of(given_rival(self.shocks, self.outlet, shock), self.parts, self.outlet)
        return jnp.sum(weight * function(own))

    def sales(self) -> Array:
        """Expected sales."""
        lost = self._sum(lambda at: at.weight * at.own.leftover(at.left))
        return self.stock - self.alone.leftover(self.stock) + self._beside(lambda own: own.leftover(self.stock)) - lost

    def own(self) -> Array:
        """The slope in the own stock: the probability that more customers come than there is stock."""
        served = self._sum(lambda at: at.free)
        return 1 - self.alone.below(self.stock) + self._beside(lambda own: own.below(self.stock)) - served

    def stockout(self) -> Array:
        """The probability that at least as many customers come as there is stock."""
        laws = (self.alone.law, self.overflow.own.law)
        if not any(isinstance(law, FiniteDemand) for law in laws):
            return jnp.where(self.stock > 0, self.own(), 1.0)
        # stocks at a kink equal some demand up to a solver's rounding, which must not decide whether they are reached
        less = float(jnp.finfo(self.stock.dtype).eps) ** (2 / 3) * self.stock
        served = self._sum(lambda at: at.weight * at.own.below(at.left - less))
        below = self.alone.below(self.stock - less)
        return jnp.where(self.stock > 0, 1 - below + self.overflow.chance() * below - served, 1.0)

    def cross(self) -> Array:
        """The slope in the rival's stock, which keeps customers away."""

        def lost(at: _Point) -> Array:
            if self.overflow.mass is None:
                return at.free * self.overflow.share
            some = at.demand > 0
            return at.free * (
                self.overflow.share + jnp.where(some, self.overflow.mass / jnp.where(some, at.demand, 1.0), 0.0)
            )

        return -self._sum(lost)

    def price_slope(self, k: int) -> Array:
        """The slope in price `k`."""
        moves = self.moves
        level = moves.level[self.outlet, k]
        slope = None if moves.slope is None else moves.slope[self.outlet, k]
        alone = self.alone.moved_below(self.stock, level, slope)
        beside = self._beside(lambda own: own.moved_below(self.stock, level, slope))
        met = self._sum(lambda at: at.weight * at.own.moved_below(at.left, level, slope) + at.free * self._sent(at, k))
        return alone - beside + met

    def _sent(self, at: _Point, k: int) -> Array:
        """How fast the rival's overflow grows with price `k`."""
        moves, rival = self.moves, self.rival
        demand = moves.level[rival, k] + (0.0 if moves.slope is None else moves.slope[rival, k] * at.shock)
        sent = at.rate * demand + moves.share[rival, k] * (at.demand - self.overflow.stock)
        if moves.mass is None:
            return sent
        some = at.demand > 0
        unserved = 1 - self.overflow.stock / jnp.where(some, at.demand, 1.0)
        return sent + moves.mass[rival, k] * jnp.where(some, unserved, 0.0)


def _count(shocks: JointDistribution, own: Distribution, rival: Distribution, mass: Array | None) -> int:
    """Nodes per piece: few where the integrand is a polynomial."""
    if not isinstance(rival, Uniform | Normal) or not isinstance(shocks, Independent):
        return 32
    polynomial = isinstance(rival, Uniform) and isinstance(own, Uniform | FiniteDemand)
    if polynomial:
        return 2 if mass is None else 16
    return 24
