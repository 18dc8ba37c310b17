r"""Price and sales effort at competing outlets: the background model of paper 003, equations (1) and (2).

A manufacturer sells through outlets at a wholesale price $w$ and a fixed fee $F$. Each outlet chooses its price $p_i$
and what it spends on sales effort $s_i$, and demand is certain:

$$\pi_i = q_i(p, s)\,(p_i - w) - s_i, \qquad \Pi = \sum_i q_i(p, s)\,(p_i - c) - s_i.$$
"""

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import (
    as_fields,
    player_names,
    require_nonnegative,
    require_positive,
    require_scalar,
    require_values,
)
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

PerOutlet = Float[Array, " outlets"]


class EffortDemand(eqx.Module):
    """What each outlet sells at everybody's prices and efforts."""

    @abc.abstractmethod
    def quantity(self, price: PerOutlet, effort: PerOutlet) -> PerOutlet:
        """Return the demand of every outlet [units] at prices [money/unit] and efforts [money]."""


class RootEffortDemand(EffortDemand):
    r"""Demand $q_i = a - b p_i + g \sum_{j \ne i} p_j + e \sqrt{s_i} - f \sum_{j \ne i} \sqrt{s_j}$.

    It is not clipped: where it would be negative, the form no longer describes the market. The slope of the root at an
    effort of zero is finite but huge, so that nobody rests there by mistake.

    **Arguments** (one number each): `intercept` $a$ > 0 [units]; `price_effect` $b$ > 0 [units²/money]; `cross_price`
    $g$, >= 0 for substitutes [units²/money]; `effort_effect` $e$ >= 0 [units/money^½]; `cross_effort` $f$ >= 0, what
    effort takes from each other outlet [units/money^½].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.

    >>> demand = RootEffortDemand(10.0, price_effect=1.0, cross_price=0.2, effort_effect=1.0, cross_effort=0.5)
    >>> demand.quantity(jnp.array([5.0, 5.0]), jnp.array([4.0, 0.0])).tolist()
    [8.0, 5.0]
    """

    intercept: Float[Array, ""]
    price_effect: Float[Array, ""]
    cross_price: Float[Array, ""]
    effort_effect: Float[Array, ""]
    cross_effort: Float[Array, ""]

    def __init__(
        self, intercept: Any, price_effect: Any, cross_price: Any, effort_effect: Any = 0.0, cross_effort: Any = 0.0
    ):
        given = {"intercept": intercept, "price_effect": price_effect, "cross_price": cross_price}
        efforts = {"effort_effect": effort_effect, "cross_effort": cross_effort}
        for name, value in as_fields("RootEffortDemand", **given, **efforts).items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        require_finite(self, "RootEffortDemand")
        for name in ("intercept", "price_effect", "cross_price", "effort_effect", "cross_effort"):
            check = require_positive if name in ("intercept", "price_effect") else require_nonnegative
            require_scalar(getattr(self, name), f"RootEffortDemand.{name}")
            check(getattr(self, name), f"RootEffortDemand.{name}")

    def quantity(self, price: PerOutlet, effort: PerOutlet) -> PerOutlet:
        """Return the demand of every outlet [units]; NaN for a negative effort."""
        root = _root(effort)
        own = self.intercept - self.price_effect * price + self.effort_effect * root
        return own + self.cross_price * (jnp.sum(price) - price) - self.cross_effort * (jnp.sum(root) - root)


class DemandFunction(EffortDemand):
    """Demand that a user supplies as a function.

    **Arguments:** `function`: `(params, price, effort) -> quantity`, all per outlet; defined once at module level, as
    functions are compared by identity, and capturing no arrays. `params`: pytree of numbers and arrays it reads.
    **Errors:** `TypeError` where `function` is not callable, `ValueError` where it captures an array.

    >>> def logit(params, price, effort):
    ...     share = jnp.exp(params["quality"] + jnp.log1p(effort) - price)
    ...     return params["size"] * share / (1 + share.sum())
    >>> demand = DemandFunction(logit, {"quality": 2.0, "size": 9.0})
    >>> demand.quantity(jnp.array([2.0, 2.0]), jnp.array([0.0, 0.0])).tolist()
    [3.0, 3.0]
    """

    params: PyTree
    function: Callable[[Any, PerOutlet, PerOutlet], PerOutlet] = eqx.field(static=True)

    def __init__(self, function: Callable[[Any, PerOutlet, PerOutlet], PerOutlet], params: PyTree = None):
        if function is None:
            raise TypeError("DemandFunction.function is None; give (params, price, effort) -> quantity.")
        require_callable(function, "DemandFunction.function")
        require_no_captured_arrays(function, "DemandFunction.function")
        self.params = as_parameters(params)
        self.function = function

    def quantity(self, price: PerOutlet, effort: PerOutlet) -> PerOutlet:
        """Return what the function says [units]."""
        return jnp.asarray(self.function(self.params, price, effort))


class PriceEffort(eqx.Module):
    r"""Outlets that buy at a wholesale price and choose price and effort.

    **Arguments** (one number each):

    - `demand`: an `EffortDemand`.
    - `cost` $c$: the manufacturer's unit cost >= 0 [money/unit].
    - `highest_price`, `highest_effort`: the limits of what is chosen and searched, > 0 [money/unit], [money]. A price
      ceiling is a lower `highest_price`.
    - `wholesale_price` $w$ [money/unit]; None for the cost. `fee` $F$: what each outlet pays to carry the product
      [money].
    - `lowest_price`: >= 0 [money/unit]; above zero it is a price floor.
    - `outlets`: two or more names; by default "outlet 1" and "outlet 2".

    Outcomes: per outlet "profit" after the fee [money], "gross profit" before it (the $\pi_i$ of the paper) and
    "quantity" [units]; "manufacturer profit" and "chain profit" $\Pi$ [money]. The first best maximises chain profit.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Krishnan and Winter (paper 003), equations (1) and (2); Winter, Vertical control and price versus
    nonprice competition, *Quarterly Journal of Economics* 108 (1993).

    >>> demand = RootEffortDemand(10.0, price_effect=1.0, cross_price=0.2, effort_effect=1.0, cross_effort=0.5)
    >>> model = PriceEffort(demand, cost=2.0, highest_price=20.0, highest_effort=30.0, wholesale_price=4.0)
    >>> found = model.game().expect({"price": jnp.array([6.0, 6.0]), "effort": jnp.array([1.0, 1.0])})
    >>> found["gross profit"].round(3).tolist(), round(float(found["chain profit"]), 3)
    ([10.4, 10.4], 43.6)
    """

    demand: EffortDemand
    cost: Float[Array, ""]
    highest_price: Float[Array, ""]
    highest_effort: Float[Array, ""]
    wholesale_price: Float[Array, ""]
    fee: Float[Array, ""]
    lowest_price: Float[Array, ""]
    outlets: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        demand: EffortDemand,
        cost: Any,
        highest_price: Any,
        highest_effort: Any,
        wholesale_price: Any = None,
        fee: Any = 0.0,
        lowest_price: Any = 0.0,
        outlets: Iterable[str] = ("outlet 1", "outlet 2"),
    ):
        if not isinstance(demand, EffortDemand):
            raise TypeError(f"PriceEffort.demand is {demand!r}; give a RootEffortDemand or DemandFunction(function).")
        limits = {"highest_price": highest_price, "highest_effort": highest_effort, "lowest_price": lowest_price}
        wholesale_price = cost if wholesale_price is None else wholesale_price
        contract = {"wholesale_price": wholesale_price, "fee": fee}
        for name, value in as_fields("PriceEffort", demand=demand, cost=cost, **limits, **contract).items():
            setattr(self, name, value)
        names = tuple(outlets)
        if len(names) < 2:
            raise ValueError(f"PriceEffort.outlets is {names}; give at least two names.")
        self.outlets = player_names(names, len(names), "PriceEffort.outlets", "outlet")

    def __check_init__(self) -> None:
        require_finite(self, "PriceEffort")
        for name in ("cost", "highest_price", "highest_effort", "wholesale_price", "fee", "lowest_price"):
            require_scalar(getattr(self, name), f"PriceEffort.{name}")
        for name in ("cost", "lowest_price"):
            require_nonnegative(getattr(self, name), f"PriceEffort.{name}")
        for name in ("highest_price", "highest_effort"):
            require_positive(getattr(self, name), f"PriceEffort.{name}")
        require_values(
            self.highest_price - self.lowest_price,
            lambda width: width >= 0,
            "PriceEffort: highest_price - lowest_price",
            "give a ceiling that is not below the floor",
        )
        zeros = jnp.zeros(len(self.outlets), self.cost.dtype)
        shape = jnp.shape(self.demand.quantity(zeros, zeros))
        if shape != zeros.shape:
            raise ValueError(
                f"PriceEffort.demand returns shape {shape} for {len(self.outlets)} outlets; return one quantity each."
            )

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of prices and efforts: actions "price" and "effort", an entry per outlet.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default chain profit.
        """
        return Game(
            self,
            actions=[Action(name, (len(self.outlets),), self.outlets) for name in ("price", "effort")],
            bounds=price_effort_bounds,
            outcomes=price_effort_outcomes,
            pay=own_entry("profit", self.outlets),
            total={"chain profit": 1.0} if total is None else total,
        )


def price_effort_bounds(params: PriceEffort, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the price limits, and effort from zero to its limit."""
    del earlier
    every = jnp.ones(len(params.outlets), params.cost.dtype)
    lower = {"price": params.lowest_price * every, "effort": 0.0 * every}
    return lower, {"price": params.highest_price * every, "effort": params.highest_effort * every}


def price_effort_outcomes(params: PriceEffort, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Return the profits of all parties and what is sold."""
    del shock
    price, effort = actions["price"], actions["effort"]
    quantity = params.demand.quantity(price, effort)
    gross = quantity * (price - params.wholesale_price) - effort
    paid = quantity * (params.wholesale_price - params.cost) + params.fee
    return {
        "profit": gross - params.fee,
        "gross profit": gross,
        "quantity": quantity,
        "manufacturer profit": jnp.sum(paid),
        "chain profit": jnp.sum(quantity * (price - params.cost) - effort),
    }


def _root(effort: PerOutlet) -> PerOutlet:
    """The square root, with a chord of finite slope below an effort so small that it does not matter."""
    least = float(jnp.finfo(effort.dtype).tiny) ** 0.25
    usual = effort > least
    chord = effort / least**0.5
    return jnp.where(usual, jnp.sqrt(jnp.where(usual, effort, 1.0)), jnp.where(effort >= 0, chord, jnp.nan))
