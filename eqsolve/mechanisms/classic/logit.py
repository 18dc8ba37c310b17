"""Bertrand under multinomial logit demand: firms own one or several products each and set their prices."""

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
    require_nonnegative,
    require_positive,
    require_scalar,
    require_vector,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry


class LogitBertrand(eqx.Module):
    r"""Price competition with logit shares $s_j = e^{\delta_j - \alpha p_j} / (1 + \sum_k e^{\delta_k - \alpha p_k})$.

    The price equilibrium is unique, and all products of firm $f$ carry the same markup $1/(\alpha (1 - S_f))$, where
    $S_f$ is the firm's total share. Prices run from zero to the cost plus $(1 + \log(1 + \sum_k e^{\delta_k - \alpha
    c_k}))/\alpha$, which exceeds even the markup of one firm that owns everything.

    **Arguments:**

    - `quality` $\delta$: mean utility at a price of zero, the outside good's being 0; shape `[products]`.
    - `cost` $c$: unit costs >= 0 [money/unit], one number or `[products]`.
    - `price_sensitivity` $\alpha$ > 0 [unit/money].
    - `market_size`: number of consumers > 0 [units].
    - `owners`: the name of each product's firm; by default one firm per product, "firm 1" and so on.

    Outcomes: "profit" [money, per firm, in order of first appearance in `owners`], "share" [per product], "consumer
    surplus" and "welfare" [money].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Nocke and Schutz, Multiproduct-firm oligopoly: an aggregative games approach, Econometrica 86 (2018).

    >>> market = LogitBertrand(quality=[1.0, 1.0, 2.0], cost=1.0, owners=["left", "left", "right"])
    >>> market.players
    ('left', 'right')
    >>> markup = logit_bertrand_equilibrium(market) - 1.0
    >>> bool(markup[0] == markup[1]), bool(markup[2] > markup[0])
    (True, True)
    """

    quality: Float[Array, " products"]
    cost: Float[Array, " products"]
    price_sensitivity: Float[Array, ""]
    market_size: Float[Array, ""]
    owners: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        quality: Any,
        cost: Any,
        price_sensitivity: Any = 1.0,
        market_size: Any = 1.0,
        owners: Iterable[str] | None = None,
    ):
        fields = as_fields(
            "LogitBertrand",
            quality=quality,
            cost=cost,
            price_sensitivity=price_sensitivity,
            market_size=market_size,
        )
        self.quality = fields["quality"]
        require_vector(self.quality, "LogitBertrand.quality")
        products = self.quality.shape[0]
        self.cost = per_entry(fields["cost"], products, "LogitBertrand.cost")
        self.price_sensitivity, self.market_size = fields["price_sensitivity"], fields["market_size"]
        self.owners = player_names(None, products, "", "firm") if owners is None else tuple(owners)

    def __check_init__(self) -> None:
        products = self.quality.shape[0]
        if len(self.owners) != products:
            raise ValueError(
                f"LogitBertrand.owners is {self.owners}; name the owner of each of the {products} products."
            )
        for name in ("price_sensitivity", "market_size"):
            require_scalar(getattr(self, name), f"LogitBertrand.{name}")
            require_positive(getattr(self, name), f"LogitBertrand.{name}")
        require_nonnegative(self.cost, "LogitBertrand.cost")
        require_finite(self, "LogitBertrand")

    @property
    def players(self) -> tuple[str, ...]:
        """The firms, in order of first appearance in `owners`."""
        return tuple(dict.fromkeys(self.owners))

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of prices, one action "price" with an entry per product.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default joint profit. Give
        `{"welfare": 1.0}` for consumers and firms together, which asks for prices at cost.
        """
        return Game(
            self,
            actions=[Action("price", (len(self.owners),), self.owners)],
            bounds=logit_bertrand_bounds,
            outcomes=logit_bertrand_outcomes,
            jacobian=logit_bertrand_jacobian,
            pay=own_entry("profit", self.players),
            total={"profit": 1.0} if total is None else total,
        )


def logit_bertrand_bounds(
    params: LogitBertrand, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """From zero to more than a monopolist would charge."""
    del earlier
    utility = _with_outside(params.quality - params.price_sensitivity * params.cost)
    upper = params.cost + (1 + jax.nn.logsumexp(utility)) / params.price_sensitivity
    return {"price": jnp.zeros_like(upper)}, {"price": upper}


def logit_bertrand_outcomes(params: LogitBertrand, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Profits, shares, consumer surplus and welfare at these prices."""
    del shock
    price = actions["price"]
    utility = _with_outside(params.quality - params.price_sensitivity * price)
    share = jax.nn.softmax(utility)[:-1]
    profit = jnp.sum(_ownership(params) * (params.market_size * (price - params.cost) * share), axis=1)
    consumer_surplus = params.market_size * jax.nn.logsumexp(utility) / params.price_sensitivity
    return {
        "profit": profit,
        "share": share,
        "consumer surplus": consumer_surplus,
        "welfare": consumer_surplus + jnp.sum(profit),
    }


def logit_bertrand_jacobian(params: LogitBertrand, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Differentiate profits and consumer surplus in every price."""
    price = actions["price"]
    share = jax.nn.softmax(_with_outside(params.quality - params.price_sensitivity * price))[:-1]
    margin = price - params.cost
    own = _ownership(params)
    earned = jnp.sum(own * (margin * share), axis=1)
    per_consumer = share * (own * (1 - params.price_sensitivity * margin) + params.price_sensitivity * earned[:, None])
    profit = params.market_size * per_consumer
    consumer_surplus = -params.market_size * share
    return {
        "profit": {"price": profit},
        "consumer surplus": {"price": consumer_surplus},
        "welfare": {"price": consumer_surplus + jnp.sum(profit, axis=0)},
    }


def logit_bertrand_equilibrium(market: LogitBertrand) -> Float[np.ndarray, " products"]:
    r"""Solve for the Nash prices, from one equation in the aggregate $H = 1 + \sum_j e^{\delta_j - \alpha p_j}$.

    Given $H$, firm $f$'s markup solves $\alpha m_f (1 - e^{-\alpha m_f} T_f / H) = 1$ with
    $T_f = \sum_{j \in f} e^{\delta_j - \alpha c_j}$; shares fall in $H$ and, with the outside $1/H$, add up to one at
    the equilibrium. Both equations are bisected in NumPy in 64 bit.

    **Arguments:** `market`: concrete numbers. One firm that owns every product gives the cartel.
    **Returns:** prices [money/unit], shape `[products]`.
    **Source:** Nocke and Schutz (2018), the multinomial logit case.

    >>> logit_bertrand_equilibrium(LogitBertrand(quality=[1.0, 1.0], cost=1.0)).round(4).tolist()
    [2.2268, 2.2268]
    """
    sensitivity, cost = float(market.price_sensitivity), np.asarray(market.cost, float)
    firm = np.array([market.players.index(owner) for owner in market.owners])
    value = np.asarray(market.quality, float) - sensitivity * cost
    log_type = np.array([np.logaddexp.reduce(value[firm == f]) for f in range(len(market.players))])

    def markups(log_total: float) -> Float[np.ndarray, " players"]:
        """Markups times price sensitivity, each at least one, given log H."""
        low, high = np.ones_like(log_type), 2 + np.logaddexp(0, log_type - log_total)
        for _ in range(100):
            middle = (low + high) / 2
            short = middle * (1 - np.exp(np.minimum(log_type - log_total - middle, 0.0))) < 1
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return high

    low, high = 0.0, float(np.logaddexp.reduce(np.append(value, 0.0)))
    for _ in range(100):
        middle = (low + high) / 2
        shares = np.exp(log_type - markups(middle) - middle).sum() + np.exp(-middle)
        low, high = (middle, high) if shares > 1 else (low, middle)
    return cost + markups(high)[firm] / sensitivity


def _with_outside(utility: Array) -> Array:
    return jnp.append(utility, 0)


def _ownership(params: LogitBertrand) -> Array:
    """One row per firm: 1 where the firm owns the product."""
    rows = np.array([[owner == player for owner in params.owners] for player in params.players])
    return jnp.asarray(rows, params.quality.dtype)
