"""Figures of papers 001 and 002: volatility and the loss it causes, reaction curves. Needs the extra `plots`."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from eqsolve.mechanisms.capacity.first_best import fungible_capacity
from eqsolve.mechanisms.capacity.gatekeeper import GatekeeperContract, gatekeeper_contract
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame, CapacityResult, reaction_curve, renegotiated
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


class ReactionCurves(eqx.Module):
    """What `reaction_figure` draws; see there."""

    right: Any
    first: Any
    second: Any
    total: Any
    equilibrium: CapacityResult
    contract: GatekeeperContract


@eqx.filter_jit
def reaction_curves(game: CapacityGame, points: int = 41) -> ReactionCurves:
    """Both divisions' best replies to rights of the other between nothing and the efficient capacity.

    **Arguments:** `game`: of two divisions. `points`: on each curve.
    **Returns:** `ReactionCurves`: `right` [units], the replies of the `first` and the `second` division to it, the
    efficient `total`, the `equilibrium` and the gatekeeper's `contract`.
    **Source:** paper 002, equation (21) and Figure 4.
    """
    total = fungible_capacity(game.environment).capacity
    right = total * jnp.linspace(0.0, 1.0, points, dtype=total.dtype)
    first, second = (reaction_curve(game, division, right) for division in (0, 1))
    return ReactionCurves(right, first, second, total, renegotiated(game), gatekeeper_contract(game))


def reaction_figure(curves: ReactionCurves) -> "Figure":
    """Both reaction curves, where they meet, and the right that a gatekeeper grants (Figure 4).

    **Arguments:** `curves`: from `reaction_curves`.
    **Returns:** a figure: the second division's capacity to the right, the first one's upwards. On the falling straight
    line total capacity is efficient.
    **Source:** paper 002, Figure 4; the second curve and the equilibrium are not in the paper.
    """
    figure, (axes,) = new_figure(1, "Who reserves what")
    axes.plot(curves.right, curves.first, label="reply of division 1", color="#4477aa", linewidth=1.9)
    axes.plot(curves.second, curves.right, label="reply of division 2", color="#cc6677", linewidth=1.9)
    rest = curves.total - curves.right
    axes.plot(curves.right, rest, label="efficient in total", color="#888888", linestyle="dotted")
    axes.plot(*curves.equilibrium.capacity[::-1], "o", color="black", label="equilibrium")
    axes.plot(*curves.contract.capacity[::-1], "s", color="#117733", label="gatekeeper's contract")
    axes.set(xlabel="capacity of division 2", ylabel="capacity of division 1", xlim=(0, float(curves.total)))
    axes.set_ylim(0, float(curves.total))
    axes.legend(fontsize=8, framealpha=0.85)
    return figure
