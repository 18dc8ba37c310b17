"""Tullock's contest: players spend effort on winning a prize with a probability that grows with their share of effort.

The payoff jumps at the profile where nobody spends anything, and its slope there is infinite. Efforts below a floor,
negligible beside every equilibrium effort, are therefore weighed linearly: shares, slopes and curvatures are finite
everywhere, exact above the floor, and at zero the slope still tells every player to spend.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import (
    as_fields,
    per_entry,
    player_names,
    require_positive,
    require_scalar,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

FLOOR = 1e-6  # of the smallest effort that costs a whole prize
ROUNDING = 1e-12  # a player who is just indifferent stays


class Tullock(eqx.Module):
    r"""A contest in which player $i$ earns $v_i \, x_i^r / \sum_j x_j^r - c_i x_i$.

    If nobody spends anything, everybody wins with the same probability. Efforts run from zero to $v_i / c_i$, where the
    prize would be spent.

    **Arguments:**

    - `value` $v$: what the prize is worth to each player, > 0 [money], shape `[players]`, two players or more.
    - `decisiveness` $r$ > 0: how much relative effort matters.
    - `cost` $c$: cost of effort > 0 [money/effort], one number or `[players]`.
    - `players`: the names; by default "player 1" and so on.

    Outcomes: "payoff" [money] and "share" (winning probability), per player; "total effort" [effort]. The planner
    maximises the sum of payoffs, that is, avoids effort; give `game` another total for a contest designer.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Tullock, Efficient rent seeking, in Buchanan, Tollison and Tullock, *Toward a Theory of the Rent-Seeking
    Society* (1980).

    >>> tullock_equilibrium(Tullock(value=[4.0, 4.0])).tolist()
    [1.0, 1.0]
    """

    value: Float[Array, " players"]
    decisiveness: Float[Array, ""]
    cost: Float[Array, " players"]
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, value: Any, decisiveness: Any = 1.0, cost: Any = 1.0, players: Iterable[str] | None = None):
        fields = as_fields("Tullock", value=value, decisiveness=decisiveness, cost=cost)
        self.value, self.decisiveness = fields["value"], fields["decisiveness"]
        require_vector(self.value, "Tullock.value", least=2)
        self.cost = per_entry(fields["cost"], self.value.shape[0], "Tullock.cost")
        self.players = player_names(players, self.value.shape[0], "Tullock.players", "player")

    def __check_init__(self) -> None:
        require_scalar(self.decisiveness, "Tullock.decisiveness")
        for name in ("value", "decisiveness", "cost"):
            require_positive(getattr(self, name), f"Tullock.{name}")
        require_finite(self, "Tullock")

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of efforts, one action "effort" with an entry per player.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default the sum of payoffs.
        Give `{"total effort": 1.0}` for a designer who wants effort.
        """
        return Game(
            self,
            actions=[Action("effort", (len(self.players),), self.players)],
            bounds=tullock_bounds,
            outcomes=tullock_outcomes,
            pay=own_entry("payoff", self.players),
            total={"payoff": 1.0} if total is None else total,
        )


def tullock_bounds(params: Tullock, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to the effort that costs the whole prize."""
    del earlier
    upper = params.value / params.cost
    return {"effort": jnp.zeros_like(upper)}, {"effort": upper}


def tullock_outcomes(params: Tullock, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Payoffs, winning probabilities and total effort at these efforts."""
    del shock
    effort = actions["effort"]
    floor = FLOOR * jnp.min(params.value / params.cost)
    share = contest_share(effort, params.decisiveness, floor)
    return {
        "payoff": params.value * share - params.cost * effort,
        "share": share,
        "total effort": jnp.sum(effort),
    }


def contest_share(effort: Float[Array, " players"], decisiveness: Array, floor: Array) -> Float[Array, " players"]:
    r"""Return the winning probabilities $x_i^r / \sum_j x_j^r$, with finite derivatives at zero.

    **Arguments:** `effort` $x$ >= 0 [effort]; `decisiveness` $r$ > 0; `floor` > 0 [effort]: an effort below it weighs
    linearly, and while no effort reaches it the shares move towards equal ones, which they are where nobody spends.
    **Returns:** probabilities that add up to one.

    >>> contest_share(jnp.array([1.0, 3.0]), jnp.array(1.0), jnp.array(1e-6)).tolist()
    [0.25, 0.75]
    >>> contest_share(jnp.zeros(2), jnp.array(0.5), jnp.array(1e-6)).tolist()
    [0.5, 0.5]
    """
    # Shares do not change with the unit of effort, so the largest serves as one: powers then stay in range, and no
    # derivative has to pass through it. The largest weight is one as soon as an effort reaches the floor.
    unit = jnp.maximum(jax.lax.stop_gradient(jnp.max(effort)), floor)
    weight = effort / unit * jnp.maximum(effort / unit, floor / unit) ** (decisiveness - 1)
    total = jnp.sum(weight)
    return weight / jnp.maximum(total, 1) + jnp.maximum(1 - total, 0) / effort.shape[0]


def tullock_equilibrium(contest: Tullock) -> Float[np.ndarray, " players"]:
    r"""Solve for the Nash efforts, where a closed form is known.

    With $w_i = v_i / c_i$ the cases are

    - $r = 1$: the $k$ players of largest $w$ are active, $x_i = X (1 - X / w_i)$ and $X = (k - 1) / \sum 1 / w_i$ over
      them, with $k$ the largest number for which all of these are positive; the equilibrium is unique;
    - two players, or equal $w$: the first-order efforts, if nobody would rather spend nothing:
      $r (1 - p_i) \le 1$ at winning probabilities $p_i$, that is $r \le 1 + (w_2 / w_1)^r$ for two players with
      $w_2 \le w_1$, and $r \le n / (n - 1)$ for $n$ equal ones. For three or more players and $r > 1$ there may be
      others in which some spend nothing.

    **Arguments:** `contest`: concrete numbers.
    **Returns:** efforts, shape `[players]`, from NumPy in 64 bit.
    **Errors:** `ValueError` where none of these cases holds.
    **Source:** Stein, Asymmetric rent-seeking with more than two contestants, Public Choice 113 (2002), for $r = 1$;
    Tullock (1980) for equal players.

    >>> tullock_equilibrium(Tullock(value=[2.0, 2.0, 0.5])).tolist()
    [0.5, 0.5, 0.0]
    """
    worth = _worth(contest)
    if float(contest.decisiveness) == 1:
        return _proportional_efforts(worth)
    effort = tullock_first_order_efforts(contest)
    if np.any(effort > worth * _probabilities(contest) * (1 + ROUNDING)):
        raise ValueError(
            f"tullock_equilibrium: at Tullock.decisiveness {contest.decisiveness} some players would rather spend"
            f" nothing than {effort}; lower the decisiveness."
        )
    return effort


def tullock_first_order_efforts(contest: Tullock) -> Float[np.ndarray, " players"]:
    r"""Find the efforts $x_i = r w_i p_i (1 - p_i)$ at which all first-order conditions hold, equilibrium or not.

    **Arguments:** `contest`: concrete numbers, of two players, or of players with the same $w = v / c$.
    **Returns:** efforts, shape `[players]`, from NumPy in 64 bit.
    **Errors:** `ValueError` for three or more different players.
    **Source:** for two players the conditions imply $x_1 / x_2 = w_1 / w_2$, hence $p_i = w_i^r / (w_1^r + w_2^r)$.

    >>> tullock_first_order_efforts(Tullock(value=[4.0, 2.0])).round(4).tolist()
    [0.8889, 0.4444]
    """
    worth = _worth(contest)
    if worth.size > 2 and np.any(worth != worth[0]):
        raise ValueError(
            f"tullock_first_order_efforts: {worth.size} players with value over cost {worth} have no closed form; give"
            " two players, or equal ones."
        )
    probability = _probabilities(contest)
    return float(contest.decisiveness) * worth * probability * (1 - probability)


def _worth(contest: Tullock) -> Float[np.ndarray, " players"]:
    return np.asarray(contest.value, float) / np.asarray(contest.cost, float)


def _probabilities(contest: Tullock) -> Float[np.ndarray, " players"]:
    worth = _worth(contest)
    weight = (worth / worth.max()) ** float(contest.decisiveness)
    return weight / weight.sum()


def _proportional_efforts(worth: Float[np.ndarray, " players"]) -> Float[np.ndarray, " players"]:
    ordered = np.sort(worth)[::-1]
    totals = np.arange(worth.size) / np.cumsum(1 / ordered)  # total effort if only the first k players were active
    total = totals[np.flatnonzero(ordered > totals)[-1]]
    return np.maximum(total * (1 - total / worth), 0.0)
