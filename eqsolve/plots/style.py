"""How figures look: colours that colour-blind readers can tell apart, quiet axes, labels from the data's own words."""

import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from eqsolve.plots._matplotlib import require_matplotlib

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.ticker import Formatter

Format = Literal["number", "percent"]

INK = "#222222"
QUIET = "#666666"
MISSING = "#d9d9d9"
COLOURS = "viridis"  # ordered, even in lightness, readable with any colour vision and in grey
TITLE_WIDTH = 46  # characters per line
SIZES = {"heading": 15, "title": 12, "label": 10.5, "tick": 9.5, "note": 9}


def ordered_colours(count: int) -> list[Any]:
    """Colours for ordered values, from dark to light; never so light that lines vanish on white.

    >>> len(ordered_colours(3))
    3
    """
    matplotlib = require_matplotlib()
    places = np.linspace(0.0, 0.8, count) if count > 1 else np.array([0.2])
    return [matplotlib.colormaps[COLOURS](place) for place in places]


def describe(coordinate: "xarray.DataArray") -> str:
    """The axis label of a coordinate: its long name and unit."""
    name = str(coordinate.attrs.get("long_name", coordinate.name))
    unit = coordinate.attrs.get("units", "")
    return f"{name} ({unit})" if unit else name


def shown(value: float, number_format: Format) -> str:
    """A number in four digits, as legends and tables show it; shares below 1e-9 are rounding, and shown as none.

    >>> shown(0.125, "percent"), shown(3e-17, "percent"), shown(1234.5678, "number")
    ('12.5 %', '0 %', '1235')
    """
    if number_format == "percent":
        return "0 %" if abs(value) < 1e-9 else f"{100 * value:.4g} %"
    return f"{value + 0.0:.4g}"  # no minus before zero


def formatter(number_format: Format) -> "Formatter":
    """Tick labels as plain numbers or as percentages of one."""
    require_matplotlib()
    from matplotlib.ticker import FuncFormatter, ScalarFormatter

    percent = FuncFormatter(lambda value, _: shown(value, "percent"))
    return percent if number_format == "percent" else ScalarFormatter(useOffset=False)


def dress(axes: "Axes", title: str) -> None:
    """A left-aligned title in words, and no frame where nothing is read off."""
    axes.set_title(wrapped(title), loc="left", fontsize=SIZES["title"], color=INK, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(labelsize=SIZES["tick"], color=QUIET, labelcolor=INK)


def dress_axis(axis: "Axis", coordinate: "xarray.DataArray") -> None:
    """Label and tick format of an axis, from the coordinate's attributes `long_name`, `units` and `format`."""
    axis.set_label_text(describe(coordinate), fontsize=SIZES["label"], color=INK)
    axis.set_major_formatter(formatter(coordinate.attrs.get("format", "number")))


def wrapped(text: str, width: int = TITLE_WIDTH) -> str:
    """Text broken into lines."""
    return "\n".join(textwrap.wrap(text, width))
