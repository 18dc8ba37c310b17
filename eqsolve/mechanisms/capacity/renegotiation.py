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
from eqsolve.action import Action
from eqsolve.equilibrium import Status
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms._roots import falling_root, polished
from eqsolve.mechanisms.capacity.environment import (
    CapacityEnvironment,
    enough,
    expected_own_price,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
    joint_states,
)
from eqsolve.mechanisms.capacity.first_best import fungible_capacity
from eqsolve.mechanisms.capacity.reallocation import finite, own_value, reallocate
from eqsolve.mechanisms.capacity.revenue import require_division
from eqsolve.solve import solve_nash

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


class Negotiation(eqx.Module):
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
    capacity = _rights(game, capacity)
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
    capacity = _rights(game, capacity)
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
    capacity = _rights(game, capacity)
    price = expected_shadow_price(game.environment, jnp.sum(capacity))
    return (1 - game.share) * (price - expected_own_price(game.environment, capacity))


def best_reply(game: CapacityGame, division: int, capacity: Any) -> Number:
    r"""The right that a division buys where the others have theirs.

    It solves $(1-\delta_i) E CM_i'(k_i) + \delta_i E S(k) = p_i$.

    **Arguments:** `game`. `division`: counted from 0. `capacity`: rights of all, shape `[divisions]`; its own entry is
    not read.
    **Returns:** a capacity >= 0 [units], differentiable in everything; NaN where another right is negative or NaN.
    **Errors:** `ValueError` for a division that does not exist.
    **Source:** Dutta and Reichelstein (paper 002), equations (18), (19) and (21); (paper 001), (14) and (16).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> round(float(best_reply(game, 0, [0.0, 5.0])), 3)
    7.0
    """
    require_division(division, game.environment.divisions, "best_reply")
    game = game.checked
    others = _rights(game, game.environment.own_capacity(capacity).at[division].set(0.0))

    def gain(game: CapacityGame, others: Each, own: Number) -> Number:
        at = others.at[division].set(own)
        price, mine = expected_shadow_price(game.environment, jnp.sum(at)), expected_own_price(game.environment, at)
        share = game.share[division]
        return (1 - share) * finite(mine[division]) + share * finite(price) - game.charge[division]

    still, fixed = jax.lax.stop_gradient((game, others))
    start = jnp.zeros_like(others[division])
    most = jnp.sum(enough(game.environment, game.charge[division]) + start)
    root = falling_root(lambda own: gain(still, fixed, own), start, most)
    worth = gain(still, fixed, start) > 0
    found = polished(lambda own: gain(game, others, own), jnp.where(worth, root, most / 2))
    reply = jnp.where(worth, jnp.maximum(found, 0.0), 0.0)  # below zero only by rounding
    return game.environment.checked(jnp.where(jnp.all(others >= 0), reply, jnp.nan))


def reaction_curve(game: CapacityGame, division: int, capacities: Any) -> Float[Array, " points"]:
    """Best replies of one of two divisions to each of these capacities of the other one.

    **Arguments:** `game` of two divisions. `division`: 0 or 1, who replies. `capacities`: >= 0 [units], shape
    `[points]`.
    **Source:** Dutta and Reichelstein (paper 002), equation (21) and Figure 4.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> [round(float(x), 2) for x in reaction_curve(game, 0, [0.0, 5.0])]
    [9.25, 7.0]
    """
    _require_two(game, "reaction_curve")
    require_division(division, 2, "reaction_curve")
    other = jnp.asarray(capacities, game.charge.dtype)
    pairs = jnp.stack([other, other], axis=-1)
    return jax.vmap(lambda capacity: best_reply(game, division, capacity))(pairs)


class CapacityResult(eqx.Module):
    """An outcome of the renegotiation game beside the first best.

    **Fields:** `capacity`: rights; `profit`: of every division. `firm_profit`: E M - c k. `first_best`: the shared
    capacity that is best; `loss`: what firm profit falls short of its maximum [money]. `held_up`: see the function of
    that name [money/unit]. `status`: the solver's, or `Status.converged` where no game had to be solved.
    """

    capacity: Each
    profit: Each
    firm_profit: Number
    first_best: Number
    loss: Number
    held_up: Each
    status: Status

    @property
    def excess(self) -> Number:
        """Total capacity less the first best [units]: positive for over-investment."""
        return jnp.sum(self.capacity, axis=-1) - self.first_best


def renegotiated(game: CapacityGame) -> CapacityResult:
    """The Nash equilibrium of the renegotiation game, and what it loses.

    **Returns:** a `CapacityResult`; for 0 < share < 1 its capacities are unique.
    **Source:** Dutta and Reichelstein (paper 002), equations (18) and (19); (paper 001), proposition 6.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.4)
    >>> found = renegotiated(game)
    >>> [round(float(x), 2) for x in found.capacity], abs(float(found.loss)) < 1e-3
    ([7.0, 5.0], True)
    """
    found = solve_nash(game.game())
    return result_at(game, found.actions["capacity"], found.status)


def only_one_acquires(game: CapacityGame, division: int = 0) -> CapacityResult:
    """The outcome where one division buys all capacity, and shares it when shocks are known.

    **Source:** Dutta and Reichelstein (paper 002), section 4; (paper 001), equations (16) and (17): capacity falls
    short of the first best, but for a share of 1 (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> found = only_one_acquires(game)
    >>> [round(float(x), 2) for x in found.capacity], round(float(found.loss), 2)
    ([9.25, 0.0], 1.89)
    """
    require_division(division, game.environment.divisions, "only_one_acquires")
    none = jnp.zeros_like(game.share)
    return result_at(game, none.at[division].set(best_reply(game, division, none)))


def result_at(game: CapacityGame, capacity: Any, status: Status = Status.converged) -> CapacityResult:
    """What these rights lead to, beside the first best; `capacity` >= 0 [units], one right per division."""
    game = game.checked
    capacity = _rights(game, capacity)
    outcomes = capacity_outcomes(game, {"capacity": capacity})
    best = fungible_capacity(game.environment)
    firm = outcomes["firm profit"]
    return CapacityResult(
        capacity,
        outcomes["profit"],
        firm,
        best.capacity,
        best.profit - firm,
        held_up(game, capacity),
        status,
    )


def _rights(game: CapacityGame, capacity: Any) -> Each:
    """One right per division; all NaN where one is negative or NaN, as what one has matters to all."""
    rights = game.environment.own_capacity(capacity)
    return jnp.where(jnp.all(rights >= 0), rights, jnp.nan)


def _require_two(game: CapacityGame, what: str) -> None:
    if game.environment.divisions != 2:
        raise ValueError(f"{what}: game has {game.environment.divisions} divisions; give a game of two.")
