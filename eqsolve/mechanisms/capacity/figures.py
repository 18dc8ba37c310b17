"""Figures of papers 001 and 002 on capacity; they need the extra `plots`."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._fields import as_fields, require_values
from eqsolve.mechanisms.capacity.acquisition import reaction_curve
from eqsolve.mechanisms.capacity.first_best import dedicated_capacity, fungible_capacity
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame
from eqsolve.mechanisms.capacity.volatility import CapitalisedCost, capitalised_cost
from eqsolve.plots import Area, Curve, lines, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 81


def volatility_curves(
    c: float = 1.0, w: float = 1.0, mean: float = 3.0, curvature: float = 0.01, points: int = POINTS
) -> tuple[Float[Array, " points"], CapitalisedCost]:
    """Half-widths of the shock from zero to the largest allowed, and capacities and profits there.

    **Arguments:** as for `capitalised_cost`, the paper's by default. `points`: how many half-widths.
    **Errors:** `ValueError` that names the argument.
    **Source:** Dutta and Reichelstein (paper 002), appendix B, Figures 5 and 6.

    >>> half_width, found = volatility_curves(points=3)
    >>> half_width.tolist(), [round(float(x), 2) for x in found.capacity]
    ([0.0, 1.0, 2.0], [100.0, 100.0, 117.16])
    """
    room = as_fields("volatility_curves", room=mean - w)["room"]
    require_values(room, lambda x: np.isfinite(x) & (x >= 0), "volatility_curves: mean less w", "give a mean above w")
    half_width = jnp.linspace(0.0, room, points)
    return half_width, capitalised_cost(c, w, mean, curvature, half_width)


def plot_volatility(
    c: float = 1.0, w: float = 1.0, mean: float = 3.0, curvature: float = 0.01, points: int = POINTS
) -> "Figure":
    """Capacities, and profits with what is lost by under-investment and by over-production, against volatility.

    **Arguments:** as for `volatility_curves`. **Returns:** a figure; `eqsolve.plots.save_figure` writes it.
    **Errors:** `ImportError` that names the extra where xarray or matplotlib is missing.
    **Source:** Dutta and Reichelstein (paper 002), appendix B, Figures 5 and 6, the loss decomposed (ERRATA.md).

    >>> [axes.get_title(loc="left") for axes in plot_volatility(points=3).axes]
    ['Capacity', 'Expected profit']
    """
    half_width, found = volatility_curves(c, w, mean, curvature, points)

    def data(values: Array) -> Any:
        return _series(values, "half-width of the shock", half_width)

    note = f"c = {c:g}, w = {w:g}, mean {mean:g}, h = {curvature:g}. Paper 002, appendix B."
    figure, axes = new_figure(2, heading="Capitalised variable cost", note=note)
    capacities = [Curve(data(found.capacity), "first best"), Curve(data(found.induced), "capitalised", style="dashed")]
    lines(axes[0], capacities, title="Capacity", label="units")
    profits = [
        Curve(data(found.profit), "first best"),
        Curve(data(found.used_well), "capitalised, output efficient", style="dotted"),
        Curve(data(found.induced_profit), "capitalised", style="dashed"),
    ]
    lost = [Area(data(found.induced_profit), data(found.used_well), "lost by over-production")]
    lines(axes[1], profits, lost, title="Expected profit", label="money per period")
    return figure


def plot_replies(game: CapacityGame, points: int = 41) -> "Figure":
    """The capacity that each of two divisions buys, given the other one's: they cross in the equilibrium.

    **Arguments:** `game` of two divisions, concrete. `points`: how many capacities per curve.
    **Errors:** `ImportError` that names the extra where xarray or matplotlib is missing.
    **Source:** Dutta and Reichelstein (paper 002), equation (21) and Figure 4.
    """
    top = float(fungible_capacity(game.environment).capacity)
    grid = jnp.linspace(0.0, top, points)
    replies = [np.asarray(jax.jit(reaction_curve, static_argnums=1)(game, i, grid)) for i in (0, 1)]
    first, second = game.names
    along = f"capacity of {second} [units]"
    # the second division's curve is drawn the other way round: the capacity of the first at which it buys this much
    order = np.argsort(replies[1])
    back = np.interp(np.asarray(grid), replies[1][order], np.asarray(grid)[order], left=np.nan, right=np.nan)
    own = dedicated_capacity(game.environment).capacity
    note = f"Dedicated first best {float(own[0]):.4g} and {float(own[1]):.4g}, fungible {top:.4g} units."
    figure, axes = new_figure(1, heading="Replies", note=note)
    curves = [
        Curve(_series(replies[0], along, grid), f"{first} buys"),
        Curve(_series(back, along, grid), f"{second} buys", style="dashed"),
    ]
    lines(axes[0], curves, label=f"capacity of {first} [units]")
    return figure


def _series(values: Any, name: str, at: Any) -> Any:
    import xarray as xr

    return xr.DataArray(np.asarray(values), dims=(name,), coords={name: np.asarray(at)})
