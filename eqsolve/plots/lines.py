"""Curves against one parameter, and areas between curves."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from eqsolve.plots._matplotlib import require_matplotlib
from eqsolve.plots.style import INK, QUIET, SIZES, Format, dress, dress_axis, formatter, ordered_colours

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (5, 2)), "dotted": (0, (1.2, 1.6))}
ZERO_IN_SIGHT = 0.3  # amounts that come closer to zero than this share of the largest are drawn from zero
VISIBLE = 0.02  # of the height: a narrower area is a line, and naming it would puzzle


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Values along one dimension.

    **Fields:** `data`: with a single dimension, the parameter they are drawn against. `label`: what it shows.
    `group`: what sets it apart from curves of the same label (one colour per group). `style`: its dash pattern, one per
    label.
    """

    data: "xarray.DataArray"
    label: str
    group: str = ""
    style: Literal["solid", "dashed", "dotted"] = "solid"


@dataclasses.dataclass(frozen=True, eq=False)
class Area:
    """The area between two curves' values, in the colour of its group."""

    low: "xarray.DataArray"
    high: "xarray.DataArray"
    label: str = ""
    group: str = ""


def lines(
    axes: "Axes",
    curves: Sequence[Curve],
    areas: Sequence[Area] = (),
    *,
    title: str = "",
    label: str = "",
    number_format: Format = "number",
    groups: str = "",
) -> None:
    """Draw curves: colours tell groups apart, dash patterns tell labels apart, and the legend says both once.

    **Arguments:** `label`, `number_format`: of the vertical axis. `groups`: the legend's heading, what the groups are.
    **Errors:** `ValueError` without curves, or for data with more than one dimension.

    >>> import xarray as xr
    >>> from eqsolve.plots import new_figure
    >>> loss = xr.DataArray([0.0, 0.5, 0.2], [("share", [0.0, 0.5, 1.0])])
    >>> figure, [axes] = new_figure(1)
    >>> lines(axes, [Curve(loss, "lost")], label="money")
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('share', 'money')
    """
    require_matplotlib()
    if not curves:
        raise ValueError("lines: no curves given; give at least one.")
    for data in [curve.data for curve in curves] + [side for area in areas for side in (area.low, area.high)]:
        if data.ndim != 1:
            raise ValueError(f"lines: the data have the dimensions {data.dims}; select so that one is left.")
    names = list(dict.fromkeys(curve.group for curve in curves))
    colours = dict(zip(names, ordered_colours(len(names)), strict=True))
    coordinate = curves[0].data[curves[0].data.dims[0]]
    for area in areas:
        axes.fill_between(coordinate, area.low, area.high, color=colours[area.group], alpha=0.25, linewidth=0)
    for curve in curves:
        colour = colours[curve.group]
        axes.plot(coordinate, curve.data, color=colour, linestyle=DASHES[curve.style], linewidth=1.9)
    _start_at_zero(axes, curves)
    dress(axes, title)
    dress_axis(axes.xaxis, coordinate)
    axes.margins(x=0)
    axes.set_ylabel(label, fontsize=SIZES["label"], color=INK)
    axes.yaxis.set_major_formatter(formatter(number_format))
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    _legend(axes, curves, areas, colours, groups)


def _start_at_zero(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Amounts that are never negative are read against zero, unless that would squeeze all of them together."""
    low = min(float(curve.data.min()) for curve in curves)
    high = max(float(curve.data.max()) for curve in curves)
    if 0 <= low < ZERO_IN_SIGHT * high:  # false where nothing is finite
        axes.set_ylim(bottom=0)


def _legend(axes: "Axes", curves: Sequence[Curve], areas: Sequence[Area], colours: dict[str, Any], groups: str) -> None:
    """One entry per dash pattern in grey, one per colour, and one for areas wide enough to be seen."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    styles = {curve.label: curve.style for curve in curves}
    entries: list[Any] = []
    if len(colours) > 1:
        entries += [Line2D([], [], color=colour, linewidth=3, label=name) for name, colour in colours.items()]
    if len(styles) > 1:
        entries += [Line2D([], [], color=QUIET, linestyle=DASHES[style], label=name) for name, style in styles.items()]
    wide = VISIBLE * np.ptp(axes.get_ylim())
    shown = dict.fromkeys(area.label for area in areas if float((area.high - area.low).max()) > wide)
    entries += [Patch(color=QUIET, alpha=0.35, linewidth=0, label=name) for name in shown if name]
    if entries:
        legend = axes.legend(handles=entries, loc="best", fontsize=SIZES["tick"], labelcolor=INK, framealpha=0.85)
        legend.get_frame().set_linewidth(0)
        legend.set_title(groups if len(colours) > 1 else "")
        legend.get_title().set_fontsize(SIZES["tick"])
        legend.set_alignment("left")
