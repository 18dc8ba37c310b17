"""Exact Cournot equilibria and plans, in NumPy and 64 bit: the reference that solvers are tested against."""

import numpy as np
from jaxtyping import Float

from eqsolve.mechanisms.classic.cournot import Cournot
from eqsolve.mechanisms.classic.inverse_demand import InverseDemand, IsoelasticInverseDemand, LinearInverseDemand

Quantities = Float[np.ndarray, " players"]


def cournot_equilibrium(market: Cournot) -> Quantities:
    r"""Solve for the Nash quantities, with firms that stay out and capacities that bind.

    Linear demand: $q_i(P) = \min(\max((P - c_i)/b, 0), k_i)$ is the reply that fits into a market of price $P$, which
    determines the total; supply meets demand at one price, found exactly between the prices at which a firm enters or
    fills its capacity. Isoelastic demand, without binding capacities: $q_i/Q = \varepsilon (1 - c_i/P)$ for the $m$
    firms that sell, and $P = \sum c_i / (m - 1/\varepsilon)$ over them. Both equilibria are unique.

    **Arguments:** `market`: concrete numbers.
    **Returns:** quantities [units], shape `[firms]`.
    **Errors:** `ValueError` where isoelastic demand has no equilibrium (elasticity times firms is at most 1, or
    elasticity times firms without costs at least 1), where a capacity binds under it, or where the price would exceed
    its `price_limit`. `TypeError` for other demand.
    **Source:** Tirole, section 5.4 (the linear duopoly; a firm's relative margin is its share over the elasticity).

    >>> market = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0, 6.0], capacity=[1.0, 9.0, 9.0])
    >>> cournot_equilibrium(market).tolist()
    [1.0, 4.0, 0.0]
    """
    cost = np.asarray(market.cost, float)
    if isinstance(market.demand, LinearInverseDemand):
        return _linear_equilibrium(float(market.demand.intercept), float(market.demand.slope), cost, _capacity(market))
    demand = _isoelastic(market.demand)
    quantity = _on_curve(demand, _isoelastic_equilibrium(demand, cost))
    if np.any(quantity > _capacity(market)):
        raise ValueError(
            f"cournot_equilibrium: the quantities {quantity} exceed Cournot.capacity {market.capacity}; under"
            " isoelastic demand binding capacities have no closed form: solve the game."
        )
    return quantity


def cournot_cartel(market: Cournot) -> Quantities:
    """Maximise joint profit: the cheapest firms produce up to capacity, while marginal revenue covers cost.

    **Arguments:** `market`: concrete numbers.
    **Returns:** quantities [units], shape `[firms]`; among firms of equal cost the first makes all it can.
    **Errors:** `ValueError` for isoelastic demand of elasticity <= 1, where joint profit has no maximum, or prices
    above its `price_limit`.

    >>> cournot_cartel(Cournot(LinearInverseDemand(10.0, 1.0), cost=[2.0, 4.0])).tolist()
    [4.0, 0.0]
    """
    cost = np.asarray(market.cost, float)
    if isinstance(market.demand, LinearInverseDemand):
        wanted = (float(market.demand.intercept) - cost) / (2 * float(market.demand.slope))
        return _cheapest_first(cost, wanted, _capacity(market))
    demand = _isoelastic(market.demand)
    elasticity = float(demand.elasticity)
    if elasticity <= 1:
        raise ValueError(
            f"cournot_cartel: IsoelasticInverseDemand.elasticity is {elasticity}; joint profit has a maximum only"
            " above 1."
        )
    return _on_curve(demand, _cheapest_first(cost, _sales(demand, cost / (1 - 1 / elasticity)), _capacity(market)))


def cournot_welfare_optimum(market: Cournot) -> Quantities:
    """Maximise welfare: the cheapest firms produce up to capacity, while the price covers cost.

    **Arguments:** `market`: concrete numbers.
    **Returns:** quantities [units], shape `[firms]`; among firms of equal cost the first makes all it can.
    **Errors:** `ValueError` for prices above the `price_limit` of isoelastic demand.

    >>> cournot_welfare_optimum(Cournot(LinearInverseDemand(10.0, 1.0), cost=[2.0, 4.0], capacity=5.0)).tolist()
    [5.0, 1.0]
    """
    cost = np.asarray(market.cost, float)
    if isinstance(market.demand, LinearInverseDemand):
        wanted = (float(market.demand.intercept) - cost) / float(market.demand.slope)
        return _cheapest_first(cost, wanted, _capacity(market))
    demand = _isoelastic(market.demand)
    return _on_curve(demand, _cheapest_first(cost, _sales(demand, cost), _capacity(market)))


def _linear_equilibrium(intercept: float, slope: float, cost: Quantities, capacity: Quantities) -> Quantities:
    full = cost + slope * capacity  # the price at which a firm fills its capacity

    def reply(price: Float[np.ndarray, "..."]) -> Float[np.ndarray, "... players"]:
        return np.clip((np.asarray(price)[..., None] - cost) / slope, 0.0, capacity)

    knots = np.unique(np.concatenate([cost, full, [intercept]]))
    knots = knots[knots <= intercept]
    missing = (intercept - knots) / slope - reply(knots).sum(-1)  # falls in the price, and is zero at equilibrium
    last = np.flatnonzero(missing >= 0)[-1]
    replying = np.sum((cost <= knots[last]) & (knots[last] < full))
    return reply(knots[last] + slope * missing[last] / (replying + 1))


def _isoelastic_equilibrium(demand: IsoelasticInverseDemand, cost: Quantities) -> Quantities:
    elasticity = float(demand.elasticity)
    if elasticity * cost.size <= 1 or elasticity * np.sum(cost == 0) >= 1:
        raise ValueError(
            f"cournot_equilibrium: elasticity {elasticity} and {cost.size} firms of cost {cost} have no equilibrium; it"
            " needs elasticity times firms above 1, and below 1 if only firms without costs are counted."
        )
    ordered = np.sort(cost)
    selling = np.arange(1, cost.size + 1)
    enough = selling > 1 / elasticity
    prices = np.cumsum(ordered)[enough] / (selling[enough] - 1 / elasticity)
    stays_out = np.append(ordered[1:], np.inf)[enough] >= prices
    price = prices[stays_out][:1]
    return np.maximum(elasticity * (1 - cost / price), 0.0) * _sales(demand, price)


def _cheapest_first(cost: Quantities, wanted: Quantities, capacity: Quantities) -> Quantities:
    """Let firms, in order of cost, fill what the market still wants at their cost; `wanted` are market totals."""
    quantity = np.zeros_like(cost)
    for firm in np.argsort(cost, kind="stable"):
        quantity[firm] = np.clip(wanted[firm] - quantity.sum(), 0.0, capacity[firm])
    return quantity


def _sales(demand: IsoelasticInverseDemand, price: Quantities) -> Quantities:
    with np.errstate(divide="ignore"):  # a price of zero sells without limit
        return float(demand.scale) * price ** -float(demand.elasticity)


def _on_curve(demand: IsoelasticInverseDemand, quantity: Quantities) -> Quantities:
    limit = float(demand.price_limit)
    if quantity.sum() < float(demand.scale) * limit ** -float(demand.elasticity):
        raise ValueError(
            f"The quantities {quantity} sell above IsoelasticInverseDemand.price_limit {limit}, where the curve is a"
            " tangent; raise price_limit."
        )
    return quantity


def _isoelastic(demand: InverseDemand) -> IsoelasticInverseDemand:
    if not isinstance(demand, IsoelasticInverseDemand):
        raise TypeError(f"Cournot.demand is {demand!r}; closed forms exist for linear and isoelastic demand.")
    return demand


def _capacity(market: Cournot) -> Quantities:
    if market.capacity is None:
        return np.full(market.cost.shape, np.inf)
    return np.asarray(market.capacity, float)
