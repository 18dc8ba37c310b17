"""Coordinating price and effort with a two-part tariff and a price restraint: Lemma 1 of paper 003, corrected."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from eqsolve._tables import is_traced, shown, table
from eqsolve.action import Action
from eqsolve.certify import Certificate, certify
from eqsolve.game import Game
from eqsolve.mechanisms.vertical.effort import PriceEffort, price_effort_outcomes
from eqsolve.mechanisms.vertical.effort_incentives import EffortBalance, effort_balance
from eqsolve.solve import solve_first_best

Scalar = Float[Array, ""]
Truth = Bool[Array, ""]
RESTRAINTS = {1: "floor", 0: "none", -1: "ceiling"}


class EffortContract(eqx.Module):
    """A contract that makes outlets choose the first best, and what was checked; `str()` prints a table.

    **Fields:**

    - `price`, `effort`, `quantity`, `chain_profit`: the symmetric first best, per outlet but for the last.
    - `wholesale_price` [money/unit], `fee` [money]: the terms; the fee leaves the outlets nothing.
    - `direction`: 1 for a price floor at `price`, -1 for a ceiling, 0 for neither (a number, so that it can be swept).
    - `balance`: both sides of (5) there. `price_pressure`: an outlet's marginal profit in its price under the wholesale
      price, without the restraint [units]: negative at a floor, positive at a ceiling.
    - `symmetric`: whether outlets are alike at the first best, to first order. `interior`: whether it lies inside the
      limits of price and effort. `substitutes`: whether outlets lose by their price and win by their effort, and the
      market with them.
    - `first_best`: the certificate that no plan, alike or not, earns the chain more. `equilibrium`: that no outlet
      gains by another price and effort under the contract.

    All numbers are NaN where `interior` is false: the formulas then do not apply.
    """

    price: Scalar
    effort: Scalar
    quantity: Scalar
    chain_profit: Scalar
    wholesale_price: Scalar
    fee: Scalar
    direction: Int[Array, ""]
    price_pressure: Scalar
    balance: EffortBalance
    symmetric: Truth
    interior: Truth
    substitutes: Truth
    first_best: Certificate
    equilibrium: Certificate

    @property
    def restraint(self) -> str:
        """The restraint in words: "floor", "ceiling" or "none"."""
        return RESTRAINTS[int(self.direction)]

    @property
    def hypotheses(self) -> Truth:
        """Whether what the lemma assumes holds here."""
        return self.symmetric & self.interior & self.substitutes & self.first_best.certified

    @property
    def holds(self) -> Truth:
        """Whether the hypotheses hold and the contract makes the first best an equilibrium."""
        return self.hypotheses & self.equilibrium.certified

    def applied(self, model: PriceEffort) -> PriceEffort:
        """The model under this contract; a restraint moves one of the limits of the price."""
        return _under(model, self.price, self.wholesale_price, self.fee, self.direction)

    def __str__(self) -> str:
        if is_traced(self) or jnp.ndim(self.price):
            return repr(self)
        names = ("price", "effort", "wholesale_price", "fee", "price_pressure", "symmetric", "interior", "substitutes")
        sides = ("price_ratio", "effort_ratio")
        rows = [(name, shown(getattr(self, name))) for name in names]
        rows += [(name, shown(getattr(self.balance, name))) for name in sides]
        rows += [("restraint", self.restraint), ("first best certified", shown(self.first_best.certified))]
        return table(("EffortContract", "value"), [*rows, ("equilibrium certified", shown(self.equilibrium.certified))])


@eqx.filter_jit
def coordinate_effort(model: PriceEffort) -> EffortContract:
    r"""Find the contract of Lemma 1: wholesale price, fee and, where needed, a price floor or ceiling.

    With the first best $(p^*, s^*)$ and $R_x = -\sum_{j \ne i} q_{j,x} / q_{i,x}$, the wholesale price
    $w = c + R_s (p^* - c)$ makes effort right at the price $p^*$. The outlet's marginal profit in its price is then
    $q_{i,p} (p^* - c)(R_p - R_s)$. So outlets would undercut $p^*$, and a **floor** is needed, where the left side of
    (5) exceeds the right; they would exceed it, and a **ceiling** is needed, where it is smaller; and at equality the
    wholesale price is enough. The paper prints floor and ceiling the other way round (see ERRATA.md).

    **Arguments:** `model`: its own wholesale price and fee are ignored, its limits bound what is chosen.
    **Returns:** an `EffortContract`; read `holds`. Nothing is assumed: the first best is searched over plans that treat
    outlets alike, then checked against all plans, and the contract against all deviations of an outlet. Equality in (5)
    is judged to the square root of the precision. The equilibrium need not be the only one.
    **Source:** Krishnan and Winter (paper 003), Lemma 1, corrected.

    >>> from eqsolve.mechanisms.vertical import RootEffortDemand
    >>> demand = RootEffortDemand(10.0, price_effect=1.0, cross_price=0.2, effort_effect=1.1, cross_effort=0.8)
    >>> found = coordinate_effort(PriceEffort(demand, cost=2.0, highest_price=20.0, highest_effort=30.0))
    >>> found.restraint, bool(found.holds), round(float(found.price), 3), round(float(found.wholesale_price), 3)
    ('ceiling', True, 7.402, 5.929)
    """
    price, effort, interior = _symmetric_first_best(model)
    balance = effort_balance(model, price, effort)
    every = jnp.ones(len(model.outlets), price.dtype)
    actions = {"price": price * every, "effort": effort * every}
    slopes = jax.jacobian(model.demand.quantity, (0, 1))(*actions.values())
    quantities = model.demand.quantity(*actions.values())
    quantity, wholesale = quantities[0], balance.wholesale_for_effort
    fee = quantity * (price - wholesale) - effort
    decided = interior & (jnp.abs(balance.bias) > jnp.finfo(price.dtype).eps ** 0.5)
    direction = jnp.where(decided, jnp.sign(balance.bias), 0).astype(int)
    restrained = _under(model, price, wholesale, fee, direction)
    return EffortContract(
        price=price,
        effort=effort,
        quantity=quantity,
        chain_profit=len(model.outlets) * (quantity * (price - model.cost) - effort),
        wholesale_price=wholesale,
        fee=fee,
        direction=direction,
        price_pressure=slopes[0][0, 0] * (price - model.cost) * balance.bias,
        balance=balance,
        symmetric=_alike(quantities, quantity) & _exchangeable(slopes[0]) & _exchangeable(slopes[1]),
        interior=interior,
        substitutes=_substitutes(*slopes),
        first_best=certify(model.game().cooperative(), actions),
        equilibrium=certify(restrained.game(), actions),
    )


def _symmetric_first_best(model: PriceEffort) -> tuple[Scalar, Scalar, Truth]:
    """The best price and effort common to all outlets, and whether they lie inside the limits; NaN where not."""
    game = Game(
        model,
        actions=[Action("price", (), "planner"), Action("effort", (), "planner")],
        bounds=_common_bounds,
        outcomes=_common_outcomes,
        pay={"planner": {"chain profit": 1.0}},
        total={"chain profit": 1.0},
    )
    plan = solve_first_best(game)
    price, effort = plan.actions["price"], plan.actions["effort"]
    inside = (price > model.lowest_price) & (price < model.highest_price)
    inside &= (effort > _least(model)) & (effort < model.highest_effort)
    return jnp.where(inside, price, jnp.nan), jnp.where(inside, effort, jnp.nan), inside


def _least(model: PriceEffort) -> Scalar:
    """An effort that is nothing but rounding."""
    return jnp.finfo(model.cost.dtype).eps * model.highest_effort


def _common_bounds(params: PriceEffort, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    del earlier
    lower = {"price": params.lowest_price, "effort": jnp.zeros_like(params.cost)}
    return lower, {"price": params.highest_price, "effort": params.highest_effort}


def _common_outcomes(params: PriceEffort, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    every = jnp.ones(len(params.outlets), params.cost.dtype)
    found = price_effort_outcomes(params, {name: value * every for name, value in actions.items()}, shock)
    return {"chain profit": found["chain profit"]}


def _under(model: PriceEffort, price: Scalar, wholesale: Scalar, fee: Scalar, direction: Array) -> PriceEffort:
    """The model under these terms."""
    lowest = jnp.where(direction > 0, price, model.lowest_price)
    highest = jnp.where(direction < 0, price, model.highest_price)
    return eqx.tree_at(
        lambda m: (m.wholesale_price, m.fee, m.lowest_price, m.highest_price), model, (wholesale, fee, lowest, highest)
    )


def _exchangeable(slopes: Array) -> Truth:
    """Whether all own slopes agree, and all cross slopes."""
    own = np.eye(slopes.shape[0], dtype=bool)
    size = jnp.max(jnp.abs(slopes))
    return _alike(slopes[own], size) & _alike(slopes[~own], size)


def _alike(values: Array, size: Array) -> Truth:
    """Whether numbers agree to the square root of the precision, relative to `size`."""
    return jnp.max(values) - jnp.min(values) <= jnp.finfo(values.dtype).eps ** 0.5 * size


def _substitutes(price_slopes: Array, effort_slopes: Array) -> Truth:
    """Whether outlets and market lose by a price and win by effort."""
    lose = (price_slopes[0, 0] < 0) & (jnp.sum(price_slopes[:, 0]) < 0)
    return lose & (effort_slopes[0, 0] > 0) & (jnp.sum(effort_slopes[:, 0]) > 0)
