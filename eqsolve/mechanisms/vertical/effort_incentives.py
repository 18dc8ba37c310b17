r"""What bends an outlet's choice of price and effort: equations (3) to (5) of paper 003.

At any prices and efforts, for $x$ the price or the effort of outlet $i$,

$$\frac{\partial \pi_i}{\partial x} - \frac{\partial \Pi}{\partial x} =
  \underbrace{-\frac{\partial q_i}{\partial x}(w - c)}_{\text{vertical}}
  \underbrace{-\sum_{j \ne i} \frac{\partial q_j}{\partial x}(p_j - c)}_{\text{horizontal}}.$$
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.vertical.effort import PerOutlet, PriceEffort, price_effort_outcomes

Scalar = Float[Array, ""]


class EffortExternalities(Tabled):
    """Marginal profits and what separates them, one entry per outlet; `str()` prints a table.

    **Fields:** for the outlet's price [units] and effort [1]: `outlet_*`, the outlet's marginal profit; `chain_*`, the
    marginal chain profit; `vertical_*` and `horizontal_*`, the two externalities. Outlet = chain + vertical +
    horizontal. A positive externality makes the outlet choose too much.
    """

    outlet_price: PerOutlet
    chain_price: PerOutlet
    vertical_price: PerOutlet
    horizontal_price: PerOutlet
    outlet_effort: PerOutlet
    chain_effort: PerOutlet
    vertical_effort: PerOutlet
    horizontal_effort: PerOutlet


def effort_externalities(model: PriceEffort, price: PerOutlet, effort: PerOutlet) -> EffortExternalities:
    """Split each outlet's marginal profit into the chain's, a vertical and a horizontal part.

    **Arguments:** `price` [money/unit], `effort` [money]: shape `[outlets]`, symmetric or not.
    **Returns:** an `EffortExternalities`. The marginal profits are differentiated for themselves, so that the sum is a
    check, not a definition.
    **Source:** Krishnan and Winter (paper 003), equations (3) and (4), here without their symmetry.

    >>> from eqsolve.mechanisms.vertical import RootEffortDemand
    >>> demand = RootEffortDemand(10.0, price_effect=1.0, cross_price=0.2, effort_effect=1.0, cross_effort=0.5)
    >>> model = PriceEffort(demand, cost=2.0, highest_price=20.0, highest_effort=30.0, wholesale_price=4.0)
    >>> found = effort_externalities(model, jnp.array([6.0, 6.0]), jnp.array([1.0, 1.0]))
    >>> [round(float(x[0]), 6) for x in (found.vertical_price, found.horizontal_price)]
    [2.0, -0.8]
    """
    price, effort = jnp.asarray(price, model.cost.dtype), jnp.asarray(effort, model.cost.dtype)

    def marginal(name: str) -> tuple[Array, Array]:
        return jax.jacobian(lambda p, s: price_effort_outcomes(model, {"price": p, "effort": s}, None)[name], (0, 1))(
            price, effort
        )

    own, chain, slopes = marginal("profit"), marginal("chain profit"), marginal("quantity")
    vertical = [-jnp.diagonal(slope) * (model.wholesale_price - model.cost) for slope in slopes]
    margin = (price - model.cost)[:, None]
    horizontal = [-jnp.sum(_off_diagonal(slope) * margin, axis=0) for slope in slopes]
    return EffortExternalities(
        outlet_price=jnp.diagonal(own[0]),
        chain_price=chain[0],
        vertical_price=vertical[0],
        horizontal_price=horizontal[0],
        outlet_effort=jnp.diagonal(own[1]),
        chain_effort=chain[1],
        vertical_effort=vertical[1],
        horizontal_effort=horizontal[1],
    )


class EffortBalance(Tabled):
    r"""Both sides of equation (5) at a common price and effort; `str()` prints a table.

    **Fields:**

    - `outlet_price_elasticity`, `market_price_elasticity` (negative), `outlet_effort_elasticity`,
      `market_effort_elasticity`: of an outlet's demand in its own price or effort, and in everybody's.
    - `price_ratio`, `effort_ratio`: the left and the right side of (5), outlet over market elasticity. Infinite where
      what one outlet wins the others lose.
    - `price_diversion`, `effort_diversion`: $R = -\sum_{j \ne i} q_{j,x} / q_{i,x}$, the share of an outlet's response
      that comes from the other outlets. Each ratio is $1 / (1 - R)$.
    - `wholesale_for_price`, `wholesale_for_effort`: the wholesale prices $w = c + R (p - c)$ at which the externalities
      on the price, or on the effort, cancel [money/unit].
    - `spending`: effort over revenue, $s / pq$; `market_spending`, `outlet_spending`: effort over price elasticity, in
      size, of the market and of an outlet. Dorfman and Steiner: the first two are equal at the first best.
    """

    outlet_price_elasticity: Scalar
    market_price_elasticity: Scalar
    outlet_effort_elasticity: Scalar
    market_effort_elasticity: Scalar
    price_ratio: Scalar
    effort_ratio: Scalar
    price_diversion: Scalar
    effort_diversion: Scalar
    wholesale_for_price: Scalar
    wholesale_for_effort: Scalar
    spending: Scalar
    market_spending: Scalar
    outlet_spending: Scalar

    @property
    def margin(self) -> Scalar:
        """The left less the right side of (5)."""
        return self.price_ratio - self.effort_ratio

    @property
    def bias(self) -> Scalar:
        """Price less effort diversion: positive where outlets compete too much by price, negative by effort.

        It has the sign of `margin` wherever the market responds to price and effort with the sign that an outlet does,
        as it must at a first best inside the limits.
        """
        return self.price_diversion - self.effort_diversion


def effort_balance(model: PriceEffort, price: Scalar, effort: Scalar) -> EffortBalance:
    """Compare price and effort elasticities of one outlet and of the market: condition (5).

    **Arguments:** `price` [money/unit], `effort` [money]: one number each, common to all outlets.
    **Returns:** an `EffortBalance` with the wholesale prices that would set price and effort right one by one. It is
    about the first outlet: demand should be symmetric (`coordinate_effort` checks).
    **Source:** Krishnan and Winter (paper 003), equation (5); Dorfman and Steiner, Optimal advertising and optimal
    quality, *American Economic Review* 44 (1954).

    >>> from eqsolve.mechanisms.vertical import RootEffortDemand
    >>> demand = RootEffortDemand(10.0, price_effect=1.0, cross_price=0.2, effort_effect=1.0, cross_effort=0.5)
    >>> model = PriceEffort(demand, cost=2.0, highest_price=20.0, highest_effort=30.0)
    >>> found = effort_balance(model, 7.0, 1.0)
    >>> round(float(found.price_ratio), 4), round(float(found.effort_ratio), 4)
    (1.25, 2.0)
    """
    dtype = model.cost.dtype
    price, effort = jnp.asarray(price, dtype), jnp.asarray(effort, dtype)
    every = jnp.ones(len(model.outlets), dtype)
    quantity = model.demand.quantity(price * every, effort * every)[0]
    slopes = jax.jacobian(model.demand.quantity, (0, 1))(price * every, effort * every)
    own = [slope[0, 0] for slope in slopes]
    market = [jnp.sum(slope[:, 0]) for slope in slopes]
    diversion = [1 - _ratio(all_, one) for all_, one in zip(market, own, strict=True)]
    sizes = (price, effort, price, effort)
    elasticity = [_ratio(slope * size, quantity) for slope, size in zip((*own, *market), sizes, strict=True)]
    return EffortBalance(
        outlet_price_elasticity=elasticity[0],
        outlet_effort_elasticity=elasticity[1],
        market_price_elasticity=elasticity[2],
        market_effort_elasticity=elasticity[3],
        price_ratio=_ratio(own[0], market[0]),
        effort_ratio=_ratio(own[1], market[1]),
        price_diversion=diversion[0],
        effort_diversion=diversion[1],
        wholesale_for_price=model.cost + diversion[0] * (price - model.cost),
        wholesale_for_effort=model.cost + diversion[1] * (price - model.cost),
        spending=_ratio(effort, price * quantity),
        market_spending=_ratio(elasticity[3], jnp.abs(elasticity[2])),
        outlet_spending=_ratio(elasticity[1], jnp.abs(elasticity[0])),
    )


def _ratio(above: Array, below: Array) -> Array:
    """A quotient: infinite, with the sign of `above`, or NaN over zero."""
    zero = below == 0
    limit = jnp.where(above == 0, jnp.nan, jnp.sign(above) * jnp.inf)
    return jnp.where(zero, limit, above / jnp.where(zero, 1.0, below))


def _off_diagonal(matrix: Array) -> Array:
    return jnp.where(jnp.eye(matrix.shape[0], dtype=bool), 0.0, matrix)
