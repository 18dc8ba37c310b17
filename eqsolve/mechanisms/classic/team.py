r"""Holmstrom's team: joint output, private effort, and why sharing it all cannot be efficient.

Output $\sum a_i e_i$ costs $k_i e_i^2 / 2$ each. Member i is paid $s_i$ of output and a fixed amount: it works
$e_i = s_i a_i / k_i$, the first best is $a_i / k_i$, and what is lost is $\sum (1 - s_i)^2 a_i^2 / (2 k_i)$. Shares
that sum to one (a balanced budget) lose something whenever two members matter. A budget breaker, who keeps a deposit
from everybody and pays each the whole output, loses nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite, require_kind
from eqsolve._fields import (
    all_nonnegative,
    all_positive,
    as_fields,
    nan_unless,
    per_entry,
    player_names,
    require_nonnegative,
    require_positive,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

Members = Float[Array, " members"]


class Team(eqx.Module):
    r"""A team and how it is paid.

    **Arguments:** `productivity` $a \ge 0$ [money per unit of effort], `[n]`. `cost` $k$ > 0, `share` $s$, `fixed`
    [money]: numbers or `[n]`. `members`: names, by default "member 1" and so on.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Holmstrom, Moral hazard in teams, Bell Journal of Economics 13 (1982).

    >>> team = Team([3.0, 2.0, 1.0], cost=[1.0, 2.0, 0.5], share=[0.5, 0.3, 0.2])
    >>> [round(float(effort), 4) for effort in team_equilibrium(team)], team_first_best(team).tolist()
    ([1.5, 0.3, 0.4], [3.0, 1.0, 2.0])
    """

    productivity: Members
    cost: Members
    share: Members
    fixed: Members
    members: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self, productivity: Any, cost: Any, share: Any, fixed: Any = 0.0, members: Iterable[str] | None = None
    ):
        fields = as_fields("Team", productivity=productivity, cost=cost, share=share, fixed=fixed)
        self.productivity = fields["productivity"]
        require_vector(self.productivity, "Team.productivity")
        n = self.productivity.shape[0]
        self.cost = per_entry(fields["cost"], n, "Team.cost")
        self.share = per_entry(fields["share"], n, "Team.share")
        self.fixed = per_entry(fields["fixed"], n, "Team.fixed")
        self.members = player_names(members, n, "Team.members", "member")

    def __check_init__(self) -> None:
        require_nonnegative(self.productivity, "Team.productivity")
        require_positive(self.cost, "Team.cost")
        require_finite(self, "Team")

    @property
    def _valid(self) -> Bool[Array, ""]:
        pay = jnp.isfinite(self.share) & jnp.isfinite(self.fixed)
        return jnp.all(all_nonnegative(self.productivity) & all_positive(self.cost) & pay)

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of efforts, one action "effort" with an entry per member.

        Outcomes: "net pay" per member, "output", "surplus" (output less costs) and "residual" (output less pay).

        **Arguments:** `total`: what a planner maximises; by default the surplus.
        """
        return Game(
            self,
            actions=[Action("effort", (len(self.members),), self.members)],
            bounds=Box({"effort": 0.0}, {"effort": jnp.inf}),
            outcomes=team_outcomes,
            pay=own_entry("net pay", self.members),
            total={"surplus": 1.0} if total is None else total,
        )


def team_outcomes(params: Team, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Output, pay and costs at these efforts."""
    del shock
    effort = actions["effort"]
    output = jnp.sum(params.productivity * effort)
    cost = params.cost * effort**2 / 2
    pay = params.share * output + params.fixed
    outcomes = {
        "net pay": pay - cost,
        "output": output,
        "surplus": output - jnp.sum(cost),
        "residual": output - jnp.sum(pay),
    }
    return nan_unless(params._valid, outcomes)


def team_equilibrium(team: Team) -> Members:
    r"""The efforts $e_i = \max(s_i, 0) a_i / k_i$, each a dominant strategy; NaN where a traced parameter is invalid.

    **Source:** Holmstrom (1982), section 2.

    >>> team_equilibrium(Team([3.0, 2.0], cost=1.0, share=0.5)).tolist()
    [1.5, 1.0]
    """
    require_kind(team, Team, "team_equilibrium: team")
    return nan_unless(team._valid, jnp.maximum(team.share, 0.0) * team.productivity / team.cost)


def team_first_best(team: Team) -> Members:
    """The efforts $a_i / k_i$ that maximise the surplus; NaN where a traced parameter is invalid.

    **Source:** Holmstrom (1982), section 2.

    >>> team_first_best(Team([3.0, 2.0], cost=1.0, share=0.5)).tolist()
    [3.0, 2.0]
    """
    require_kind(team, Team, "team_first_best: team")
    return nan_unless(team._valid, team.productivity / team.cost)


def team_loss(team: Team) -> Float[Array, ""]:
    r"""The surplus lost to sharing: $\sum (1 - s_i)^2 a_i^2 / (2 k_i)$ for shares of zero or more [money].

    **Source:** Holmstrom (1982), theorem 1: with $\sum s_i = 1$ it is positive unless one member alone matters.

    >>> float(team_loss(Team([3.0, 2.0], cost=1.0, share=0.5)))
    1.625
    """
    require_kind(team, Team, "team_loss: team")
    lost = jnp.sum((1 - jnp.maximum(team.share, 0.0)) ** 2 * team.productivity**2 / (2 * team.cost))
    return nan_unless(team._valid, lost)


def budget_breaker(team: Team) -> Team:
    r"""The same team under a principal who pays everybody the whole output and keeps deposits.

    Deposits are equal and sum to $n - 1$ times the first-best output, so that the budget balances in equilibrium. Off
    the equilibrium it does not: that is the point.

    **Returns:** a `Team` with shares of one, whose equilibrium is the first best.
    **Source:** Holmstrom (1982), theorem 2, in its linear form.

    >>> broken = budget_breaker(Team([3.0, 2.0], cost=1.0, share=0.5))
    >>> broken.fixed.tolist(), float(team_loss(broken))
    ([-6.5, -6.5], 0.0)
    """
    require_kind(team, Team, "budget_breaker: team")
    n = len(team.members)
    output = jnp.sum(team.productivity * team_first_best(team))
    deposit = -(n - 1) / n * output
    return Team(team.productivity, team.cost, 1.0, deposit, team.members)
