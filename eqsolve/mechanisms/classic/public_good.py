"""Voluntary contributions to a public good: everybody enjoys the sum, and everybody would rather let others pay.

Two classical tastes. Cobb-Douglas: contributions grow with income, the equilibrium is unique, and redistribution among
contributors does not change the provision. Quasilinear: only those who value the good most contribute, and among equals
only the sum of contributions is determined, which makes a continuum of equilibria.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
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
    require_values,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

Contributions = Float[np.ndarray, " players"]
FLOOR = 1e-6  # of a player's income, and of all incomes


class CobbDouglasPublicGood(eqx.Module):
    r"""Contributions $g_i \in [0, w_i]$ to $G = \sum_j g_j$ with $u_i = (w_i - g_i)^{\alpha_i} G^{1 - \alpha_i}$.

    Below a millionth of the own income (of all incomes for the public good) powers continue along their tangents, so
    that payoffs and slopes stay finite at corners.

    **Arguments:**

    - `income` $w$ > 0 [money], shape `[players]`.
    - `private_weight` $\alpha$, above 0 and below 1: the share of consumption in tastes, one number or `[players]`.
    - `players`: the names; by default "player 1" and so on.

    Outcomes: "utility" per player, "provision" $G$ [money]. The planner maximises the sum of utilities.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Bergstrom, Blume and Varian, On the private provision of public goods, Journal of Public Economics 29
    (1986).

    >>> economy = CobbDouglasPublicGood(income=[3.0, 3.0, 1.0], private_weight=0.5)
    >>> cobb_douglas_contributions(economy).tolist()
    [1.0, 1.0, 0.0]
    """

    income: Float[Array, " players"]
    private_weight: Float[Array, " players"]
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, income: Any, private_weight: Any = 0.5, players: Iterable[str] | None = None):
        fields = as_fields("CobbDouglasPublicGood", income=income, private_weight=private_weight)
        self.income = fields["income"]
        require_vector(self.income, "CobbDouglasPublicGood.income")
        count = self.income.shape[0]
        self.private_weight = per_entry(fields["private_weight"], count, "CobbDouglasPublicGood.private_weight")
        self.players = player_names(players, count, "CobbDouglasPublicGood.players", "player")

    def __check_init__(self) -> None:
        require_positive(self.income, "CobbDouglasPublicGood.income")
        require_values(
            self.private_weight,
            lambda weight: (weight > 0) & (weight < 1),
            "CobbDouglasPublicGood.private_weight",
            "give weights above 0 and below 1",
        )
        require_finite(self, "CobbDouglasPublicGood")

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of contributions, one action "contribution" with an entry per player.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default the sum of utilities.
        """
        return Game(
            self,
            actions=[Action("contribution", (len(self.players),), self.players)],
            bounds=contribution_bounds,
            outcomes=cobb_douglas_outcomes,
            pay=own_entry("utility", self.players),
            total={"utility": 1.0} if total is None else total,
        )


class QuasilinearPublicGood(eqx.Module):
    r"""Contributions $g_i \in [0, w_i]$ to $G = \sum_j g_j$ with $u_i = v_i s \log(1 + G/s) + w_i - g_i$.

    **Arguments:**

    - `value` $v$ > 0: each player's marginal value of the first unit, relative to money; shape `[players]`.
    - `scale` $s$ > 0 [money]: the provision at which marginal values have halved.
    - `income` $w$ > 0 [money], one number or `[players]`.
    - `players`: the names; by default "player 1" and so on.

    Outcomes: "utility" per player [money], "provision" $G$ [money]. The planner maximises the sum of utilities, which
    leaves open who contributes.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** the textbook case without income effects; Bergstrom, Blume and Varian (1986) treat the general one.

    >>> economy = QuasilinearPublicGood(value=[4.0, 2.0], income=9.0)
    >>> quasilinear_contributions(economy).tolist()
    [3.0, 0.0]
    """

    value: Float[Array, " players"]
    scale: Float[Array, ""]
    income: Float[Array, " players"]
    players: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, value: Any, scale: Any = 1.0, income: Any = 10.0, players: Iterable[str] | None = None):
        fields = as_fields("QuasilinearPublicGood", value=value, scale=scale, income=income)
        self.value, self.scale = fields["value"], fields["scale"]
        require_vector(self.value, "QuasilinearPublicGood.value")
        self.income = per_entry(fields["income"], self.value.shape[0], "QuasilinearPublicGood.income")
        self.players = player_names(players, self.value.shape[0], "QuasilinearPublicGood.players", "player")

    def __check_init__(self) -> None:
        require_scalar(self.scale, "QuasilinearPublicGood.scale")
        for name in ("value", "scale", "income"):
            require_positive(getattr(self, name), f"QuasilinearPublicGood.{name}")
        require_finite(self, "QuasilinearPublicGood")

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of contributions, one action "contribution" with an entry per player.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default the sum of utilities.
        """
        return Game(
            self,
            actions=[Action("contribution", (len(self.players),), self.players)],
            bounds=contribution_bounds,
            outcomes=quasilinear_outcomes,
            pay=own_entry("utility", self.players),
            total={"utility": 1.0} if total is None else total,
        )


def contribution_bounds(
    params: CobbDouglasPublicGood | QuasilinearPublicGood, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to the whole income."""
    del earlier
    return {"contribution": jnp.zeros_like(params.income)}, {"contribution": params.income}


def cobb_douglas_outcomes(params: CobbDouglasPublicGood, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Utilities and provision at these contributions."""
    del shock
    contribution, weight = actions["contribution"], params.private_weight
    provision = jnp.sum(contribution)
    private = _power(params.income - contribution, weight, FLOOR * params.income)
    public = _power(provision, 1 - weight, FLOOR * jnp.sum(params.income))
    return {"utility": private * public, "provision": provision}


def quasilinear_outcomes(params: QuasilinearPublicGood, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Utilities and provision at these contributions."""
    del shock
    contribution = actions["contribution"]
    provision = jnp.sum(contribution)
    benefit = params.value * params.scale * jnp.log1p(provision / params.scale)
    return {"utility": benefit + params.income - contribution, "provision": provision}


def cobb_douglas_contributions(economy: CobbDouglasPublicGood) -> Contributions:
    r"""Solve for the unique Nash contributions $g_i = \max(0, w_i - \frac{\alpha_i}{1 - \alpha_i} G)$.

    The provision $G = \sum_C w_i / (1 + \sum_C \frac{\alpha_i}{1 - \alpha_i})$ over the contributors $C$, those with
    $w_i (1 - \alpha_i) / \alpha_i > G$, is found by adding players in the order of that threshold.

    **Arguments:** `economy`: concrete numbers.
    **Returns:** contributions [money], shape `[players]`, from NumPy in 64 bit.
    **Source:** Bergstrom, Blume and Varian (1986), applied to Cobb-Douglas tastes.

    >>> cobb_douglas_contributions(CobbDouglasPublicGood(income=[3.0, 3.0, 3.0], private_weight=0.5)).tolist()
    [0.75, 0.75, 0.75]
    """
    income, weight = np.asarray(economy.income, float), np.asarray(economy.private_weight, float)
    odds = weight / (1 - weight)
    order = np.argsort(-income / odds)
    provisions = np.cumsum(income[order]) / (1 + np.cumsum(odds[order]))
    provision = provisions[np.flatnonzero((income / odds)[order] > provisions)[-1]]
    return np.maximum(income - odds * provision, 0.0)


def quasilinear_contributions(economy: QuasilinearPublicGood) -> Contributions:
    r"""Solve for Nash contributions: in order of value, players raise $G$ to $s (v_i - 1)$ as far as income allows.

    **Arguments:** `economy`: concrete numbers.
    **Returns:** contributions [money], shape `[players]`, from NumPy in 64 bit. Only the sum is unique where players of
    equal value share the last contribution; the first of them pays here.
    **Source:** the first-order condition $v_i / (1 + G/s) = 1$ of a contributor.

    >>> quasilinear_contributions(QuasilinearPublicGood(value=[4.0, 2.0], income=2.0)).tolist()
    [2.0, 0.0]
    """
    value, income, scale = np.asarray(economy.value, float), np.asarray(economy.income, float), float(economy.scale)
    contribution = np.zeros_like(value)
    for player in np.argsort(-value, kind="stable"):
        wanted = scale * (value[player] - 1) - contribution.sum()
        contribution[player] = np.clip(wanted, 0.0, income[player])
    return contribution


def _power(base: Array, exponent: Array, floor: Array) -> Array:
    """Raise `base` to `exponent`, along the tangent below the floor."""
    touching = jnp.maximum(base, floor)
    return touching**exponent * (1 + exponent * (base - touching) / touching)
