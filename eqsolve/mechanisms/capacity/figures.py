"""Figures of paper 002: volatility and the loss it causes, the gatekeeper's reaction. Needs the extra `plots`."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from eqsolve.mechanisms.capacity.first_best import fungible_capacity
from eqsolve.mechanisms.capacity.gatekeeper import GatekeeperContract, gatekeeper_contract
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame, reaction_curve
from eqsolve.mechanisms.capacity.volatility import VolatilityEffects
from eqsolve.plots import Area, Curve, lines, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def volatility_figure(effects: VolatilityEffects) -> "Figure":
    """Efficient and induced capacity over volatility (Figure 5), and profits with what the loss consists of (Figure 6).

    **Arguments:** `effects`: from `volatility_effects` or `volatility_formulas`.
    **Returns:** a figure; `eqsolve.plots.save_figure` writes it.
    **Source:** Dutta and Reichelstein (paper 002), appendix B; the split of the loss is not in the paper.

    >>> from eqsolve.mechanisms.capacity.volatility import volatility_formulas
    >>> figure = volatility_figure(volatility_formulas(np.linspace(0.1, 1.9, 10)))
    >>> len(figure.axes)
    2
    """
    from xarray import DataArray

    def curve(values: Any, label: str, style: Any = "solid") -> Curve:
        width = DataArray(np.asarray(effects.half_width), dims="sigma", attrs={"long_name": "half-width of shocks"})
        return Curve(DataArray(np.asarray(values), coords={"sigma": width}, dims="sigma"), label, style=style)

    figure, axes = new_figure(2, "Volatile shocks under capitalised full cost")
    capacities = [curve(effects.efficient, "efficient"), curve(effects.induced, "induced", "dashed")]
    lines(axes[0], capacities, title="Capacity", label="capacity")
    best, used = curve(effects.first_best, "efficient"), curve(effects.well_used, "induced, well used", "dotted")
    reached = curve(effects.reached, "induced", "dashed")
    lost = [Area(used.data, best.data, "too little capacity"), Area(reached.data, used.data, "too much output")]
    lines(axes[1], [best, used, reached], title="Profit per period", label="profit")
    for area, shade in zip(lost, ("#4477aa", "#cc6677"), strict=True):
        axes[1].fill_between(area.low["sigma"], area.low, area.high, alpha=0.25, color=shade, linewidth=0)
        if float((area.high - area.low).max()) > 0:
            last = float((area.low[-1] + area.high[-1]) / 2)
            axes[1].annotate(area.label, (float(area.low["sigma"][-1]), last), xytext=(-6, 0), ha="right", va="center",
                             textcoords="offset points", fontsize=8, color=shade)  # fmt: skip
    return figure


class ReactionCurve(eqx.Module):
    """What `reaction_figure` draws; from `gatekeeper_curve`."""

    right: Any
    reply: Any
    total: Any
    contract: GatekeeperContract


@eqx.filter_jit
def gatekeeper_curve(game: CapacityGame, points: int = 41) -> ReactionCurve:
    """What the first division reserves, given rights of the second one between nothing and the efficient capacity.

    **Arguments:** `game`: of two divisions. `points`: on the curve.
    **Returns:** `ReactionCurve`: `right` and the `reply` to it [units], the efficient `total`, and the `contract` of
    the first division as gatekeeper.
    **Source:** paper 002, equation (21) and Figure 4.
    """
    total = fungible_capacity(game.environment).capacity
    right = total * jnp.linspace(0.0, 1.0, points, dtype=total.dtype)
    return ReactionCurve(right, reaction_curve(game, 0, right), total, gatekeeper_contract(game))


def reaction_figure(curve: ReactionCurve, equilibrium: Any = None) -> "Figure":
    """The gatekeeper's reaction curve, and the right that it grants (Figure 4).

    **Arguments:** `curve`: from `gatekeeper_curve`. `equilibrium`: capacities to mark, shape `[2]`, as from
    `renegotiated`; None for none.
    **Returns:** a figure: the second division's capacity to the right, the first one's upwards. On the straight line
    total capacity is efficient.
    **Source:** paper 002, Figure 4.
    """
    figure, (axes,) = new_figure(1, "Who reserves what")
    axes.plot(curve.right, curve.reply, label="reply of division 1", color="#4477aa", linewidth=1.9)
    rest = curve.total - curve.right
    axes.plot(curve.right, rest, label="efficient in total", color="#888888", linestyle="dotted")
    if equilibrium is not None:
        axes.plot(equilibrium[1], equilibrium[0], "o", color="black", label="equilibrium")
    axes.plot(
        curve.contract.capacity[1], curve.contract.capacity[0], "s", color="#117733", label="gatekeeper's contract"
    )
    axes.set(xlabel="capacity of division 2", ylabel="capacity of division 1", xlim=(0, float(curve.total)))
    axes.set_ylim(0, float(curve.total))
    axes.legend(fontsize=8, framealpha=0.85)
    return figure
