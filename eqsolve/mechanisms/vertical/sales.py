r"""Expected sales of two outlets that send each other the customers whom they turn away, with exact slopes.

With $D_i = q_i + o_j$ and $E(x - q_i)^+$ the leftover of own demand (zero for negative $x$), integrating first over
the own shock and then over the rival's gives

$$E t_i = E \min(y_i, q_i) + E[(y_i - q_i)^+ - (y_i - o_j - q_i)^+;\, q_j > y_j].$$

The inner expectations are loss functions; the outer ones are the sums of `_rival.py`. Slopes are differentiated under
the integral, $dE t_i / dx = E[dD_i / dx;\, D_i < y_i]$, so they need no second rule.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve.demand.distribution import Distribution
from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint import Independent, JointDiscrete, JointDistribution
from eqsolve.demand.normal import Normal
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.vertical._laws import common_nodes, given_rival, marginal
from eqsolve.mechanisms.vertical._own import OwnDemand
from eqsolve.mechanisms.vertical._rival import Overflow, edges, shock_nodes
from eqsolve.mechanisms.vertical._scenarios import scenario_sales
from eqsolve.mechanisms.vertical.demand import Pair, Parts, VerticalDemand

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

    def weighted(self, weight: Any) -> "ExpectedSales":
        """Everything times a probability."""
        return jax.tree.map(lambda value: weight * value, self)


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
    >>> expected_sales(demand, [8.0, 8.0], [7.0, 7.0]).sales.round(3).tolist()
    [5.681, 5.681]
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
    first, second = (_Meeting(demand.shocks, parts, moves, stock, outlet) for outlet in (0, 1))
    return ExpectedSales(
        sales=jnp.stack([first.sales(), second.sales()]),
        d_price=jnp.stack([first.price_slopes(), second.price_slopes()]),
        d_stock=jnp.stack([jnp.stack([first.own(), first.cross()]), jnp.stack([second.cross(), second.own()])]),
        stockout=jnp.stack([first.stockout(), second.stockout()]),
    )


class _Meeting:
    """One outlet meets the customers whom its rival turns away, at one common shock."""

    def __init__(self, shocks: JointDistribution, parts: Parts, moves: Parts, stock: Pair, outlet: int):
        rival = 1 - outlet
        self.law = marginal(shocks, outlet)
        self.parts, self.moves, self.outlet, self.rival = parts, moves, outlet, rival
        self.alone = OwnDemand.of(self.law, parts, outlet)
        self.stock = stock[outlet]
        mass = None if parts.mass is None else parts.mass[rival]
        sender = OwnDemand.of(marginal(shocks, rival), parts, rival)
        self.overflow = Overflow(sender, parts.share[rival], mass, stock[rival])
        kinks = self.alone.demand(edges(self.law))
        cuts = self.stock - jnp.where(kinks > 0, kinks, 0.0)
        if not isinstance(shocks, Independent):
            cuts = self.stock[None]
        count = _count(shocks, self.law, sender.law, mass)
        self.shock, self.weight = shock_nodes(self.overflow, cuts, count)
        self.demand, self.sent, self.rate = self.overflow.at(self.shock)
        self.left = self.stock - self.sent
        self.met = OwnDemand.of(given_rival(shocks, outlet, self.shock), parts, outlet)
        self.free = self.weight * self.met.below(self.left)
        self._shocks, self._count = shocks, count

    def _beside(self, function: Any) -> Array:
        """E[function(own demand); the rival turns customers away]."""
        if isinstance(self._shocks, Independent):
            return self.overflow.chance() * function(self.alone)
        shock, weight = shock_nodes(self.overflow, jnp.full(1, jnp.inf, self.stock.dtype), self._count)
        met = OwnDemand.of(given_rival(self._shocks, self.outlet, shock), self.parts, self.outlet)
        return jnp.sum(weight * function(met))

    def sales(self) -> Array:
        """Expected sales."""
        gained = self._beside(lambda own: own.leftover(self.stock)) - jnp.sum(
            self.weight * self.met.leftover(self.left)
        )
        return self.stock - self.alone.leftover(self.stock) + gained

    def own(self) -> Array:
        """The slope in the own stock: the probability that more customers come than there is stock."""
        return self._exceeds(self.stock)

    def _exceeds(self, level: Array) -> Array:
        sold_out = self._beside(lambda own: own.below(level)) - jnp.sum(
            self.weight * self.met.below(self.left + (level - self.stock))
        )
        return 1 - self.alone.below(level) + sold_out

    def stockout(self) -> Array:
        """The probability that at least as many customers come as there is stock."""
        # stocks at a kink equal some demand up to a solver's rounding, which must not decide whether they are reached
        discrete = isinstance(self.law, FiniteDemand) or isinstance(self.overflow.own.law, FiniteDemand)
        clearly = 1 - float(jnp.finfo(self.stock.dtype).eps) ** (2 / 3) if discrete else 1.0
        return jnp.where(self.stock > 0, self._exceeds(clearly * self.stock), 1.0)

    def cross(self) -> Array:
        """The slope in the rival's stock, which keeps customers away."""
        some = self.demand > 0
        share = self.overflow.share
        if self.overflow.mass is not None:
            share = share + jnp.where(some, self.overflow.mass / jnp.where(some, self.demand, 1.0), 0.0)
        return -jnp.sum(self.free * share)

    def price_slopes(self) -> Pair:
        """The slopes in both prices."""
        return jnp.stack([self._price_slope(0), self._price_slope(1)])

    def _price_slope(self, k: int) -> Array:
        moves, rival = self.moves, self.rival
        level = moves.level[self.outlet, k]
        slope = None if moves.slope is None else moves.slope[self.outlet, k]
        direct = self.alone.moved_below(self.stock, level, slope)
        direct -= self._beside(lambda own: own.moved_below(self.stock, level, slope))
        direct += jnp.sum(self.weight * self.met.moved_below(self.left, level, slope))
        moved = moves.level[rival, k] + (0.0 if moves.slope is None else moves.slope[rival, k] * self.shock)
        moved = self.rate * moved + moves.share[rival, k] * (self.demand - self.overflow.stock)
        if moves.mass is not None:
            some = self.demand > 0
            unserved = 1 - self.overflow.stock / jnp.where(some, self.demand, 1.0)
            moved += moves.mass[rival, k] * jnp.where(some, unserved, 0.0)
        return direct + jnp.sum(self.free * moved)


def _count(shocks: JointDistribution, own: Distribution, rival: Distribution, mass: Array | None) -> int:
    """Nodes per piece: few where the integrand is a polynomial."""
    if not isinstance(rival, Uniform | Normal) or not isinstance(shocks, Independent):
        return 32
    polynomial = isinstance(rival, Uniform) and isinstance(own, Uniform | FiniteDemand)
    if polynomial:
        return 2 if mass is None else 16
    return 24
