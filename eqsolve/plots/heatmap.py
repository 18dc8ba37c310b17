"""One quantity as colour over two parameters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eqsolve.plots._matplotlib import require_matplotlib
from eqsolve.plots.style import COLOURS, INK, MISSING, SIZES, Format, dress, dress_axis, formatter, shown

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def heatmap(
    axes: "Axes",
    values: "xarray.DataArray",
    x: str,
    y: str,
    *,
    title: str = "",
    number_format: Format = "number",
    contours: Sequence[float] = (),
) -> None:
    """Colour every point of a two-dimensional grid; points without a finite value are grey.

    **Arguments:** `values`: with the dimensions `x` and `y`. `contours`: values whose lines are drawn
    and labelled. `number_format`: of the scale.
    **Errors:** `ValueError` for values with other dimensions.

    >>> import xarray as xr
    >>> from eqsolve.plots import new_figure
    >>> values = xr.DataArray([[0.0, 0.1], [0.2, 0.4]], [("margin", [0.2, 0.4]), ("spill", [0.0, 1.0])])
    >>> figure, [axes] = new_figure(1)
    >>> heatmap(axes, values, "spill", "margin", title="Loss", number_format="percent")
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('spill', 'margin')
    """
    matplotlib = require_matplotlib()
    if set(values.dims) != {x, y}:
        raise ValueError(f"heatmap: values have the dimensions {values.dims}; select so that {x!r} and {y!r} are left.")
    values = values.transpose(y, x)
    numbers = np.ma.masked_invalid(np.asarray(values.values, float))
    colours = matplotlib.colormaps[COLOURS].with_extremes(bad=MISSING)
    mesh = axes.pcolormesh(values[x], values[y], numbers, cmap=colours, shading="nearest", rasterized=True)
    if contours and min(numbers.shape) > 1:
        _contours(axes, values, numbers, contours, number_format)
    dress(axes, title)
    dress_axis(axes.xaxis, values[x])
    dress_axis(axes.yaxis, values[y])
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(mesh, ax=axes, format=formatter(number_format), pad=0.02, aspect=30)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]: the stubs call it a property
    bar.ax.tick_params(labelsize=SIZES["tick"], labelcolor=INK)


def _contours(axes: "Axes", values: Any, numbers: Any, levels: Sequence[float], number_format: Format) -> None:
    """Lines of equal value, each labelled, white on dark colours and dark on light ones."""
    low, high = float(numbers.min()), float(numbers.max())
    inside = sorted(level for level in levels if low < level < high)
    if not inside:
        return
    x, y = (values[dim] for dim in values.dims[::-1])
    middle = 0.6 * high + 0.4 * low
    shades = ["white" if level < middle else INK for level in inside]
    drawn = axes.contour(x, y, numbers, levels=inside, colors=shades, linewidths=1.1)
    axes.clabel(drawn, fmt=lambda level: shown(level, number_format), fontsize=SIZES["tick"])
