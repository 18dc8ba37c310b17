"""The price of capacity rights that makes a renegotiating firm install the first-best capacity."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import as_fields
from eqsolve._tabled import Tabled
from eqsolve.mechanisms._roots import falling_root, polished
from eqsolve.mechanisms.capacity._zoom import zoomed
from eqsolve.mechanisms.capacity.expectations import expected_own_price
from eqsolve.mechanisms.capacity.first_best import fungible_capacity
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame, capacity_outcomes
from eqsolve.solve import solve_nash

Number = Float[Array, ""]


class CorrectivePrice(Tabled):
    """A charge per unit of right at which total capacity is efficient.

    **Fields:** `price` [money/unit]. `markup`: price less capacity cost, negative where divisions would buy too little.
    `capacity`: the rights that divisions buy at this price [units].
    """

    price: Number
    markup: Number
    capacity: Float[Array, " two"]


def corrective_price(game: CapacityGame) -> CorrectivePrice:
    r"""The price that makes Nash capacities efficient in total.

    It solves $(1-\delta) E CM_1'(k_1) + \delta c = p$ and $\delta E CM_2'(k_2) + (1-\delta) c = p$ with $k_1 + k_2 =
    k^*$: marginal values $E S$ are c at the first best. The mark-up is zero where the shadow price is linear in the
    shocks or a share is 0 or 1, positive where divisions would buy too much.

    **Arguments:** `game`: of two divisions; its `charge` is not used.
    **Returns:** a `CorrectivePrice`, differentiable in everything.
    **Errors:** `ValueError` for more than two divisions.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1, after Proposition 6: mark-ups are called for, but not
    computed; for convex shadow prices they are negative (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> round(float(corrective_price(game).price), 3)
    3.0
    """
    environment = game.environment
    if environment.divisions != 2:
        raise ValueError(f"corrective_price: game has {environment.divisions} divisions; give a game of two.")
    total = fungible_capacity(environment).capacity

    def prices(game: CapacityGame, total: Number, first: Number) -> Array:
        own = expected_own_price(game.environment, jnp.stack([first, total - first]))
        return (1 - game.share) * own + game.share * game.environment.capacity_cost

    def gap(game: CapacityGame, total: Number, first: Number) -> Number:
        one, other = prices(game, total, first)
        return one - other

    still, whole = jax.lax.stop_gradient((game, total))
    start = jnp.zeros_like(whole)
    root = falling_root(lambda first: gap(still, whole, first), start, whole)
    # where even all of it is worth more to one division than nothing to the other, one has it all
    none, all_of_it = gap(still, whole, start) <= 0, gap(still, whole, whole) >= 0
    inner = polished(lambda first: gap(game, total, first), jnp.where(none | all_of_it, whole / 2, root))
    first = jnp.where(none, 0.0, jnp.where(all_of_it, total, jnp.clip(inner, 0.0, total)))  # beyond only by rounding
    price = jnp.max(prices(game, total, first))
    return CorrectivePrice(price, price - environment.capacity_cost, jnp.stack([first, total - first]))


class SinglePrice(Tabled):
    """One charge for firms of several types.

    **Fields:** `price` [money/unit]. `firm_profit`: expected over types at this price; `at_cost`: where rights are
    charged at capacity cost; `first_best`: where every type has its own corrective price [money].
    """

    price: Number
    firm_profit: Number
    at_cost: Number
    first_best: Number


def best_single_price(games: CapacityGame, weights: Any = None) -> SinglePrice:
    """The one price of rights that is best on average where the firm's type is not known to who sets it.

    Between the lowest and the highest corrective price, beyond which all types lose.

    **Arguments:** `games`: of two divisions, with an axis of types in front of every array (stacked games, or made by
    `jax.vmap`). `weights`: >= 0, probabilities of types; None for equal ones.
    **Returns:** a `SinglePrice`. Grids close in around their best point: with several peaks between two points of the
    first, a lower one may be found.
    **Source:** Dutta and Reichelstein (paper 001), section 6.1, the case they leave open.

    >>> from eqsolve.mechanisms.capacity import two_divisions
    >>> types = jax.vmap(lambda volatility: two_divisions(0.5, -1.0, volatility, 0.2))(jnp.array([0.3, 0.6]))
    >>> round(float(best_single_price(types).price), 2)  # capacity costs 0.4
    0.7
    """
    fixed = jax.vmap(corrective_price)(games)
    types = fixed.price.shape[0]
    given = jnp.ones(types) if weights is None else as_fields("best_single_price", weights=weights)["weights"]
    if given.shape != (types,):
        raise ValueError(f"best_single_price: weights has shape {given.shape}; give {types} numbers, one per type.")
    probability = (given / jnp.sum(given)).astype(fixed.price.dtype)

    def average(prices: Float[Array, " types"]) -> Number:
        return jnp.sum(probability * jax.vmap(_profit_at)(games, prices))

    def for_all(price: Array) -> Float[Array, "... types"]:
        return jnp.broadcast_to(price[..., None], (*price.shape, types))

    low, high = jnp.min(fixed.price), jnp.max(fixed.price)
    # prices one after the other: what compiles long is compiled in two places only
    price = zoomed(lambda grid: jax.lax.map(average, for_all(grid)), low, high)
    environments = games.environment
    earned, at_cost = jax.lax.map(average, jnp.stack([for_all(price), environments.capacity_cost]))
    best = jax.vmap(lambda environment: fungible_capacity(environment).profit)(environments)
    return SinglePrice(price, earned, at_cost, jnp.sum(probability * best))


def _profit_at(game: CapacityGame, price: Number) -> Number:
    """Firm profit in the equilibrium at this charge."""
    charged = eqx.tree_at(lambda game: game.charge, game, jnp.broadcast_to(price, game.charge.shape))
    return capacity_outcomes(charged, solve_nash(charged.game()).actions)["firm profit"]
