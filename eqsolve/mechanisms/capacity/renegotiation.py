r"""The renegotiation game: divisions buy rights to capacity, learn their shocks, and trade what they have.

With own values $CM_i(k_i)$ and the value $M(k)$ of sharing all capacity, trade creates the surplus $M - \sum_i CM_i$.
Division $i$ gets the share $\delta_i$ of it, on top of what it would have earned on its own:

$$\pi_i = CM_i(k_i) + \delta_i \Big(M(k) - \sum_j CM_j(k_j)\Big) - p_i k_i, \qquad k = \sum_i k_i.$$
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import float_dtype
from eqsolve._fields import as_fields, per_entry, player_names, require_nonnegative, require_positive, require_values
from eqsolve._tabled import Tabled
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.expectations import (
    enough,
    expected_own_price,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
    joint_states,
)
from eqsolve.mechanisms.capacity.reallocation import finite, own_value, reallocate

Number = Float[Array, ""]
Each = Float[Array, " divisions"]
States = Float[Array, "*states"]


class CapacityGame(eqx.Module):
    r"""Two or more divisions that buy rights to capacity and renegotiate them when shocks are known.

    **Arguments:**

    - `environment`: the divisions, a `CapacityEnvironment`.
    - `share` $\delta$: of the surplus from trading, >= 0 and summing to 1, one per division; for two divisions one
      number will do, the first one's. Ends included.
    - `charge` $p$: > 0 [money/unit], what a division pays per unit of its right, one number or one per division; None
      for the capacity cost c. The firm pays c for what it installs, whatever it charges.
    - `names`: the divisions' names; by default "division 1" and so on.

    Outcomes: "profit" of every division; "firm profit", E M - c k; "own value" of every division; "shared value";
    "surplus" from trading [money]. The first best maximises firm profit.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Dutta and Reichelstein (paper 002), equations (15) to (19); (paper 001), equations (13) to (15).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve import solve_nash
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> solve_nash(CapacityGame(divisions, share=0.4).game()).actions["capacity"].round(3).tolist()
    [7.0, 5.0]
    """

    environment: CapacityEnvironment
    share: Each
    charge: Each
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self, environment: CapacityEnvironment, share: Any, charge: Any = None, names: Iterable[str] | None = None
    ):
        owner = "CapacityGame"
        if not isinstance(environment, CapacityEnvironment):
            raise TypeError(f"{owner}.environment is {environment!r}; give a CapacityEnvironment.")
        charge = environment.capacity_cost if charge is None else charge
        fields = as_fields(owner, environment=environment, share=share, charge=charge)
        n = environment.divisions
        if n < 2:
            raise ValueError(f"{owner}.environment has one division, who has nobody to trade with; give two or more.")
        self.environment = fields["environment"]
        share = fields["share"]
        if share is None:
            raise TypeError(f"{owner}.share is None; give a number from 0 to 1, or {n} shares, one per division.")
        if share.ndim == 0 and n == 2:
            require_values(share, lambda x: (x >= 0) & (x <= 1), f"{owner}.share", "give a number from 0 to 1")
            share = jnp.stack([share, 1 - share])
        if share.shape != (n,):
            raise ValueError(f"{owner}.share has shape {share.shape}; give {n} shares, one per division.")
        self.share = share
        self.charge = per_entry(fields["charge"], n, f"{owner}.charge")
        self.names = player_names(names, n, f"{owner}.names", "division")

    def __check_init__(self) -> None:
        require_nonnegative(self.share, "CapacityGame.share")
        slack = float(jnp.finfo(float_dtype(self.share)).eps) ** 0.5
        wanted = "divide the shares by their sum"
        require_values(jnp.sum(self.share), lambda x: np.abs(x - 1) <= slack, "The sum of CapacityGame.share", wanted)
        require_positive(self.charge, "CapacityGame.charge")

    @property
    def checked(self) -> "CapacityGame":
        """The same game, or NaN throughout where a traced value is out of range."""
        shares = jnp.all(self.share >= 0) & (jnp.abs(jnp.sum(self.share) - 1) <= 1e-3)
        valid = shares & jnp.all(self.charge > 0) & self.environment.valid
        return jax.tree.map(lambda leaf: jnp.where(valid, leaf, jnp.nan), self)

    def game(self) -> Game:
        """The game of capacities, one action "capacity" with an entry per division.

        Capacities are bounded by 0 and by more than any best reply to nothing, or first best.
        """
        return Game(
            self.checked,
            actions=[Action("capacity", (len(self.names),), self.names)],
            bounds=capacity_bounds,
            expected=capacity_outcomes,
            jacobian=capacity_jacobian,
            pay=own_entry("profit", self.names),
            total={"firm profit": 1.0},
        )


def capacity_bounds(params: CapacityGame, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to a capacity that is worth less than half its price in the best state of all divisions."""
    del earlier
    lowest = jnp.minimum(jnp.min(params.charge), params.environment.capacity_cost)
    most = jnp.broadcast_to(jnp.sum(enough(params.environment, lowest)), params.share.shape)
    return {"capacity": jnp.zeros_like(most)}, {"capacity": jnp.where(most > 0, most, 1.0)}


def capacity_outcomes(params: CapacityGame, actions: Mapping[str, Array]) -> dict[str, Array]:
    """Expected outcomes of these rights."""
    capacity, total = actions["capacity"], jnp.sum(actions["capacity"])
    own, shared = expected_own_value(params.environment, capacity), expected_shared_value(params.environment, total)
    surplus = shared - jnp.sum(own)
    return {
        "profit": own + params.share * surplus - params.charge * capacity,
        "firm profit": shared - params.environment.capacity_cost * total,
        "own value": own,
        "shared value": shared,
        "surplus": surplus,
    }


def capacity_jacobian(params: CapacityGame, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """The derivatives of all outcomes, by the envelope theorem."""
    capacity = actions["capacity"]
    price = finite(expected_shadow_price(params.environment, jnp.sum(capacity)))
    own = finite(expected_own_price(params.environment, capacity))
    prices, diagonal = jnp.broadcast_to(price, own.shape), jnp.diag(own)
    return {
        "profit": {"capacity": diagonal - jnp.diag(params.charge) + params.share[:, None] * (price - own)[None, :]},
        "firm profit": {"capacity": prices - params.environment.capacity_cost},
        "own value": {"capacity": diagonal},
        "shared value": {"capacity": prices},
        "surplus": {"capacity": prices - own},
    }


class Negotiation(Tabled):
    """What divisions agree on in given states of the world.

    **Fields:** `quantity`: of every division [units]. `price`: the shadow price [money/unit]. `value`: M; `own`: CM_i
    without trade; `surplus`: M less their sum; `margin`: what every division keeps, its own value and its share of the
    surplus. `payment`: what it receives from the others (the adjustment of the transfer price) [money].
    """

    quantity: Float[Array, "*states divisions"]
    price: States
    value: States
    own: Float[Array, "*states divisions"]
    surplus: States
    margin: Float[Array, "*states divisions"]
    payment: Float[Array, "*states divisions"]


def negotiate(game: CapacityGame, capacity: Any, shock: Any) -> Negotiation:
    """What divisions with these rights agree on when the shock is known.

    **Arguments:** `game`. `capacity`: rights >= 0 [units], shape `[divisions]`. `shock`: shape `[..., divisions]`.
    **Returns:** a `Negotiation`; payments sum to zero. NaN for rights of which one is negative.
    **Source:** Dutta and Reichelstein (paper 002), section 4, the adjustment of TP; (paper 001), section 4.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), capacity_cost=3.0, shocks=shocks)
    >>> deal = negotiate(CapacityGame(divisions, 0.5), [7.0, 5.0], [1.25, 0.75])
    >>> deal.quantity.tolist(), float(deal.surplus), deal.payment.tolist()
    ([9.25, 2.75], 5.0625, [-7.3125, 7.3125])
    """
    game = game.checked
    environment = game.environment
    capacity = as_rights(game, capacity)
    shock = jnp.asarray(shock, capacity.dtype)
    revenue, cost = environment.revenue, environment.variable_cost
    shared = reallocate(revenue, cost, jnp.sum(capacity), shock)
    own = own_value(revenue, cost, capacity, shock, environment.use)
    surplus = shared.value - jnp.sum(own, axis=-1)
    margin = own + game.share * surplus[..., None]
    earned = revenue.revenue(shared.quantity, shock) - cost * shared.quantity
    return Negotiation(shared.quantity, shared.price, shared.value, own, surplus, margin, margin - earned)


def expected_payments(game: CapacityGame, capacity: Any) -> Each:
    """What every division expects to receive from the others when rights are renegotiated [money]; sums to zero.

    **Arguments:** as for `negotiate`.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> expected_payments(game, [7.0, 5.0]).tolist()
    [-0.5625, 0.5625]
    """
    game = game.checked
    environment = game.environment
    capacity = as_rights(game, capacity)
    outcomes = capacity_outcomes(game, {"capacity": capacity})
    states, weights = joint_states(environment, jnp.sum(capacity))
    revenue, cost = environment.revenue, environment.variable_cost
    quantity = reallocate(revenue, cost, jnp.sum(capacity), states).quantity
    earned = jnp.sum(weights[:, None] * (revenue.revenue(quantity, states) - cost * quantity), axis=0)
    return outcomes["own value"] + game.share * outcomes["surplus"] - earned


def held_up(game: CapacityGame, capacity: Any) -> Each:
    r"""The marginal value of capacity that the division who buys it does not get: $(1 - \delta_i)(E S - E CM_i')$.

    **Arguments:** as for `negotiate`.
    **Returns:** [money/unit], expected. Negative for a division that has so much less of a right than the others that a
    unit more is worth more to it alone than to all together.
    **Source:** Dutta and Reichelstein (paper 002), the difference of equations (14) and (18).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> held_up(game, [7.0, 4.0]).tolist()
    [0.25, -0.25]
    """
    game = game.checked
    capacity = as_rights(game, capacity)
    price = expected_shadow_price(game.environment, jnp.sum(capacity))
    return (1 - game.share) * (price - expected_own_price(game.environment, capacity))


def as_rights(game: CapacityGame, capacity: Any) -> Each:
    """One right per division; all NaN where one is negative or NaN, as what one has matters to all."""
    rights = game.environment.own_capacity(capacity)
    return jnp.where(jnp.all(rights >= 0), rights, jnp.nan)
