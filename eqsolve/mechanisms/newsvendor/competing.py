"""Competing newsvendors: two outlets stock before demand is known, and unserved customers try the other one.

Demand is a finite set of scenarios, so expectations are exact sums and expected profits are piecewise linear: an
equilibrium is a kink or an interval of stocks, never a smooth maximum. Solve with `BestReply()`; `competing_exact`
gives the extreme equilibria without any search. Prices are given; paper 003's outlets that also choose prices are
another mechanism.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import (
    as_fields,
    per_entry,
    player_names,
    require_nonnegative,
    require_positive,
    require_probabilities,
    require_values,
    scenario_weights,
)
from eqsolve.action import Action
from eqsolve.expectation import Scenarios
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry


class CompetingNewsvendors(eqx.Module):
    r"""Two outlets with substitutable products and given prices.

    In a scenario with own demands $D_i$, outlet $i$ faces $R_i = D_i + \lambda_j (D_j - y_j)^+$ customers, sells
    $\min(y_i, R_i)$ and earns $p_i \min(y_i, R_i) - c_i y_i$ with $c_i = p_i (1 - m_i)$.

    **Arguments:**

    - `price` $p$: > 0 [money/unit], one number or one per outlet.
    - `margin` $m = 1 - c/p$: in [0, 1), the share of the price that is not unit cost; one number or one per outlet.
    - `spill` $\lambda$: in [0, 1], the share of an outlet's unserved customers who try the other outlet; one number, or
      one per outlet they leave.
    - `demand`: scenarios of the two own demands >= 0 [units], shape `[scenarios, 2]`.
    - `probabilities`: >= 0 with sum 1, shape `[scenarios]`; None for equally likely scenarios.
    - `outlets`: the players' names.

    Outcomes, one entry per outlet: "profit" [money]; "sales", "leftover" (unsold stock) and "own demand served"
    [units]; "stockout probability" (that more customers come than there is stock); and "fill rate" (expected own demand
    served as a share of expected own demand; 1 without demand).

    Each outlet's profit is concave in its stock. So is joint profit in both stocks if the prices are equal; where one
    outlet earns more on a spilled customer than the other loses ($\lambda_j p_i > p_j$) it need not be.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy. Traced values are not
    checked.
    **Source:** Krishnan and Winter (paper 003), equations (6) to (8), for given prices and constant spill shares; the
    game is Lippman and McCardle, The competitive newsboy (1997), and Netessine and Rudi, Centralized and competitive
    inventory models with demand substitution (2003).

    >>> market = CompetingNewsvendors(price=10.0, margin=0.6, spill=0.5, demand=[[4.0, 8.0], [8.0, 4.0]])
    >>> market.game().expect({"stock": jnp.array([6.0, 6.0])})["sales"].tolist()
    [5.5, 5.5]
    """

    price: Float[Array, " outlets"]
    margin: Float[Array, " outlets"]
    spill: Float[Array, " outlets"]
    demand: Float[Array, "scenarios outlets"]
    probabilities: Float[Array, " scenarios"] | None
    outlets: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        price: Any,
        margin: Any,
        spill: Any,
        demand: Any,
        probabilities: Any = None,
        outlets: Iterable[str] = ("outlet 1", "outlet 2"),
    ):
        given = {"price": price, "margin": margin, "spill": spill, "demand": demand, "probabilities": probabilities}
        fields = as_fields("CompetingNewsvendors", **given)
        for name in ("price", "margin", "spill"):
            setattr(self, name, per_entry(fields[name], 2, f"CompetingNewsvendors.{name}"))
        self.demand = fields["demand"]
        self.probabilities = fields["probabilities"]
        self.outlets = player_names(outlets, 2, "CompetingNewsvendors.outlets", "outlet")

    def __check_init__(self) -> None:
        shape = self.demand.shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] != 2:
            raise ValueError(
                f"CompetingNewsvendors.demand has shape {shape}; give one row per scenario and one column per outlet:"
                " [scenarios, 2]."
            )
        require_finite(self, "CompetingNewsvendors")
        require_positive(self.price, "CompetingNewsvendors.price")
        require_values(
            self.margin,
            lambda m: (m >= 0) & (m < 1),
            "CompetingNewsvendors.margin",
            "give 1 - cost/price, at least 0 and below 1 (a product without cost has no largest sensible stock)",
        )
        require_values(
            self.spill, lambda s: (s >= 0) & (s <= 1), "CompetingNewsvendors.spill", "give shares between 0 and 1"
        )
        require_nonnegative(self.demand, "CompetingNewsvendors.demand")
        require_probabilities(self.probabilities, self.demand.shape[0], "CompetingNewsvendors.probabilities")

    @property
    def cost(self) -> Float[Array, " outlets"]:
        """Unit costs $c = p (1 - m)$ [money/unit]."""
        return self.price * (1 - self.margin)

    @property
    def weights(self) -> Float[Array, " scenarios"]:
        """The probability of every scenario."""
        return scenario_weights(self.probabilities, self.demand)

    def customers(
        self, stock: Float[Array, " outlets"], demand: Float[Array, "*scenarios outlets"]
    ) -> Float[Array, "*scenarios outlets"]:
        """Own demand plus what the other outlet's stock-out sends over, the $D_i$ of equation (6) [units].

        **Arguments:** `stock`: both outlets' stocks [units]. `demand`: own demands in one scenario or in several.
        """
        # `where` in place of `maximum`: at a tie this is the derivative for a rising stock, as in `newsvendor_jacobian`
        unserved = jnp.where(demand > stock, demand - stock, 0.0)
        return demand + (self.spill * unserved)[..., ::-1]

    def game(self) -> Game:
        """The game of stocks, one action "stock" with an entry per outlet; the first best maximises joint profit.

        Stocks are bounded by 0 and 1.25 times the largest number of customers an outlet can get, so that no kink of a
        profit falls on the upper bound.
        """
        return Game(
            self,
            actions=[Action("stock", (2,), self.outlets)],
            bounds=newsvendor_bounds,
            outcomes=newsvendor_outcomes,
            rule=SCENARIOS,
            jacobian=newsvendor_jacobian,
            derived=newsvendor_fill_rate,
            pay=own_entry("profit", self.outlets),
            total={"profit": 1.0},
        )


def most_customers(params: CompetingNewsvendors) -> Float[Array, " outlets"]:
    """The most customers each outlet can get, whatever the other stocks [units]; no best reply exceeds it."""
    return jnp.max(params.customers(jnp.zeros_like(params.spill), params.demand), axis=0)


def newsvendor_bounds(
    params: CompetingNewsvendors, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to a little more than the most customers; to 1 where nobody ever comes."""
    del earlier
    most = most_customers(params)
    return {"stock": jnp.zeros_like(most)}, {"stock": jnp.where(most > 0, 1.25 * most, 1.0)}


def newsvendor_outcomes(params: CompetingNewsvendors, actions: Mapping[str, Array], shock: Array) -> dict[str, Array]:
    """What happens at each outlet in the scenario in which the own demands are `shock`."""
    stock = actions["stock"]
    customers = params.customers(stock, shock)
    sales = jnp.where(customers > stock, stock, customers)
    # stocks at a kink equal some scenario's customers up to a solver's rounding, which must not count as a stock-out
    clearly = 1 + jnp.finfo(stock.dtype).eps ** (2 / 3)
    return {
        "profit": params.price * sales - params.cost * stock,
        "sales": sales,
        "leftover": stock - sales,
        "own demand served": jnp.where(shock > stock, stock, shock),
        "stockout probability": (customers > clearly * stock).astype(stock.dtype),
    }


def newsvendor_fill_rate(params: CompetingNewsvendors, expected: Mapping[str, Array]) -> dict[str, Array]:
    """Expected own demand served as a share of expected own demand."""
    mean = _expectation(params, params.demand)
    share = expected["own demand served"] / jnp.where(mean > 0, mean, 1.0)
    return {"fill rate": jnp.where(mean > 0, share, 1.0)}


def newsvendor_jacobian(params: CompetingNewsvendors, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    r"""The derivative of every expected outcome in both stocks; at kinks, the one for a rising stock.

    With expected sales $S_i$: $dS_i/dy_i = P(R_i > y_i)$ and $dS_i/dy_j = -\lambda_j P(D_j > y_j, R_i \le y_i)$.

    **Source:** Krishnan and Winter (paper 003), the terms of equation (9).
    """
    stock = actions["stock"]
    out = params.customers(stock, params.demand) > stock
    left = params.demand > stock
    own = _expectation(params, out)
    cross = -params.spill[::-1] * _expectation(params, left[:, ::-1] & ~out)
    one = jnp.eye(2, dtype=stock.dtype)
    sales = own[:, None] * one + cross[:, None] * one[::-1]
    return {
        "profit": {"stock": params.price[:, None] * sales - params.cost[:, None] * one},
        "sales": {"stock": sales},
        "leftover": {"stock": one - sales},
        "own demand served": {"stock": _expectation(params, left)[:, None] * one},
        "stockout probability": {},  # a step function: the derivative is zero wherever it exists
    }


def _expectation(params: CompetingNewsvendors, values: Array) -> Float[Array, " outlets"]:
    """The mean over scenarios; of equally likely ones, from a sum that is exact for counts."""
    values = values.astype(params.demand.dtype)
    if params.probabilities is None:
        return jnp.sum(values, axis=0) / values.shape[0]
    return jnp.sum(params.probabilities[:, None] * values, axis=0)


def _nodes(params: CompetingNewsvendors) -> tuple[Array, Array]:
    return params.demand, params.weights


SCENARIOS = Scenarios(_nodes)
