"""The rights that divisions buy: best replies, the equilibrium and a single buyer, beside the first best."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._tabled import Tabled
from eqsolve.equilibrium import Status
from eqsolve.mechanisms._roots import falling_root, polished
from eqsolve.mechanisms.capacity.expectations import enough, expected_own_price, expected_shadow_price
from eqsolve.mechanisms.capacity.first_best import fungible_capacity
from eqsolve.mechanisms.capacity.reallocation import finite
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame, as_rights, capacity_outcomes, held_up
from eqsolve.mechanisms.capacity.revenue import require_division
from eqsolve.solve import solve_nash

Number = Float[Array, ""]
Each = Float[Array, " divisions"]


def best_reply(game: CapacityGame, division: int, capacity: Any) -> Number:
    r"""The right that a division buys where the others have theirs.

    It solves $(1-\delta_i) E CM_i'(k_i) + \delta_i E S(k) = p_i$.

    **Arguments:** `game`. `division`: counted from 0. `capacity`: rights of all, shape `[divisions]`; its own entry is
    not read.
    **Returns:** a capacity >= 0 [units], differentiable in everything; NaN where another right is negative or NaN.
    **Errors:** `ValueError` for a division that does not exist.
    **Source:** Dutta and Reichelstein (paper 002), equations (18), (19) and (21); (paper 001), (14) and (16).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> round(float(best_reply(game, 0, [0.0, 5.0])), 3)
    7.0
    """
    require_division(division, game.environment.divisions, "best_reply")
    game = game.checked
    others = as_rights(game, game.environment.own_capacity(capacity).at[division].set(0.0))

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
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
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


class CapacityResult(Tabled):
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
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
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
    >>> from eqsolve.mechanisms.capacity import CapacityEnvironment, QuadraticRevenue
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
    capacity = as_rights(game, capacity)
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


def _require_two(game: CapacityGame, what: str) -> None:
    if game.environment.divisions != 2:
        raise ValueError(f"{what}: game has {game.environment.divisions} divisions; give a game of two.")
