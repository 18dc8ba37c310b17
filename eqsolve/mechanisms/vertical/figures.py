"""Figures of paper 003: marginal customers on the line, and what outlets gain by leaving the plan. Need matplotlib."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.first_best import FirstBest
from eqsolve.mechanisms.vertical.market import VerticalMarket, market_outcomes
from eqsolve.mechanisms.vertical.spatial import SpatialDemand

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRICES, STOCKS = 121, 241


def deviation_gains(
    market: VerticalMarket, plan: FirstBest, contract: Contract, prices: Any | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What outlet 1 gains over the plan by another price with its best stock there, while outlet 2 keeps to the plan.

    **Arguments:** `plan`: from `first_best(market)`. `contract`: with both outlets. `prices`: to try [money/unit];
    by default 121 from nothing to the market's highest price.
    **Returns:** prices and gains [money], the best of 241 stocks at each; NaN where the contract forbids the price.
    **Source:** Krishnan and Winter (paper 003), propositions 2 to 4: no gain may be positive.

    >>> from eqsolve.mechanisms.vertical import linear_market, plan_at
    >>> market = linear_market(0.5, 3.0, 0.2, 2.0)
    >>> plan = plan_at(market, 10.886, 6.287)
    >>> prices, gains = deviation_gains(market, plan, Contract(2.0), prices=[8.0, 10.886])
    >>> bool(gains[0] > gains[1])
    True
    """
    bound = market.with_contract(contract)
    lower, upper = bound.game().limits()
    dtype = plan.price.dtype
    tried = jnp.linspace(0.0, market.highest_price, PRICES) if prices is None else jnp.asarray(prices, dtype)
    allowed = (lower["price"][0] <= tried) & (tried <= upper["price"][0])
    stocks = jnp.linspace(lower["stock"][0], upper["stock"][0], STOCKS)
    profits = _profits(bound, plan, jnp.append(tried, plan.price), jnp.append(stocks, plan.stock))
    gains = jnp.max(profits[:-1], axis=1) - profits[-1, -1]  # the plan itself is the last of both
    return np.asarray(tried), np.asarray(jnp.where(allowed, gains, jnp.nan))


@jax.jit
def _profits(market: VerticalMarket, plan: FirstBest, prices: Array, stocks: Array) -> Array:
    """Outlet 1's profit at all pairs of own prices and stocks."""

    def profit(price: Array, stock: Array) -> Array:
        actions = {"price": jnp.stack([price, plan.price]), "stock": jnp.stack([stock, plan.stock])}
        return market_outcomes(market, actions)["outlet profit"][0]

    return jax.vmap(lambda price: jax.vmap(lambda stock: profit(price, stock))(stocks))(prices)


def draw_deviations(market: VerticalMarket, plan: FirstBest, contracts: Mapping[str, Contract]) -> "Figure":
    """What an outlet gains by leaving the plan, against its price: one curve per contract.

    **Arguments:** `plan`: from `first_best(market)`. `contracts`: by name.
    **Returns:** a matplotlib figure; `eqsolve.plots.save_figure` writes it. A contract implements the plan where its
    curve stays below zero. Curves end where a contract's floor or ceiling does.
    **Errors:** `ImportError` that names the extra where matplotlib is missing.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.vertical import LinearDemand, first_best
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> market = VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.2, shocks), 2.0, Contract(2.0), highest_price=14.0)
    >>> figure = draw_deviations(market, first_best(market), {"at cost": Contract(2.0), "above": Contract(5.0)})
    >>> figure.axes[0].get_ylabel()
    'Gain (money)'
    """
    import xarray as xr

    from eqsolve.plots import Curve, lines, new_figure

    figure, [axes] = new_figure(1)
    curves: list[Curve] = []
    for name, contract in contracts.items():
        prices, gains = deviation_gains(market, plan, contract)
        axis = ("price", prices, {"long_name": "Own price", "units": "money per unit"})
        curves.append(Curve(xr.DataArray(gains, coords=[axis]), "gain", name))
    lines(axes, curves, title="What an outlet gains by leaving the plan", label="Gain (money)", groups="Contract")
    shown = [curve.data.values for curve in curves]
    highest = max(np.nanmax(values, initial=0.0) for values in shown)
    axes.set_ylim(-max(3.0 * highest, 0.1 * float(plan.profit)), 1.2 * highest + 0.02 * float(plan.profit))
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.axvline(float(plan.price), color="black", linewidth=0.8, linestyle="dotted")
    return figure


def draw_line(demand: SpatialDemand, prices: Any) -> "Figure":
    """The line between the outlets: what every shopper gains at each, and the three marginal shoppers.

    **Arguments:** `prices`: of both outlets [money/unit].
    **Returns:** a matplotlib figure. Dots mark the shoppers who are indifferent between buying at outlet 1 and not at
    all, between both outlets, and between outlet 2 and not at all, where they lie on the line.
    **Errors:** `ImportError` that names the extra where matplotlib is missing; `ValueError` for other than two
    finite prices; `TypeError` for another demand.
    **Source:** Krishnan and Winter (paper 003), Figure 1, whose parameters are not given.

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical import SpatialDemand
    >>> figure = draw_line(SpatialDemand(10.0, travel_cost=6.0, shocks=Uniform(0.0, 1.0)), [3.0, 4.5])
    >>> figure.axes[0].get_xlabel()
    'Distance from outlet 1'
    """
    import xarray as xr

    from eqsolve.plots import Curve, lines, new_figure

    if not isinstance(demand, SpatialDemand):
        raise TypeError(f"draw_line: demand is {type(demand).__name__}; give a SpatialDemand.")
    price = np.asarray(prices, float)
    if price.shape != (2,) or not np.all((price >= 0) & np.isfinite(price)):
        raise ValueError(f"draw_line: prices is {prices}; give two numbers of zero or more, one per outlet.")
    worth, travel, length = (float(x) for x in (demand.reservation, demand.travel_cost, demand.distance))
    figure, [axes] = new_figure(1)
    place = ("place", np.linspace(0.0, length, 201), {"long_name": "Distance from outlet 1"})
    gains = [worth - price[0] - travel * place[1], worth - price[1] - travel * (length - place[1])]
    curves = [Curve(xr.DataArray(gain, coords=[place]), "gain", f"outlet {i + 1}") for i, gain in enumerate(gains)]
    lines(axes, curves, title="Shoppers on the line", label="What a shopper gains", groups="Buying at")
    _mark(axes, worth, travel, length, price)
    return figure


def _mark(axes: "Axes", worth: float, travel: float, length: float, price: np.ndarray) -> None:
    """The marginal shoppers that lie on the line, and no gain at all."""
    first, last = (worth - price[0]) / travel, length - (worth - price[1]) / travel
    middle = length / 2 + (price[1] - price[0]) / (2 * travel)
    marks = [("last of outlet 1", first, 0.0), ("last of outlet 2", last, 0.0)]
    marks.append(("indifferent", middle, worth - price[0] - travel * middle))
    for name, place, gain in marks:
        if 0 <= place <= length:
            axes.plot([place], [gain], "o", color="black", markersize=5)
            side = "right" if place > length / 2 else "left"
            axes.annotate(name, (place, gain), textcoords="offset points", xytext=(0, 9), fontsize=9, ha=side)
    axes.axhline(0.0, color="black", linewidth=0.8)
