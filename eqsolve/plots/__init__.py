"""Figures of labelled results: curves against one parameter, colours over two. Needs the extra `plots` (matplotlib).

Figures are built without pyplot, so drawing changes no global state and works without a display.
"""

from eqsolve.plots._matplotlib import require_matplotlib
from eqsolve.plots.figure import new_figure, save_figure
from eqsolve.plots.heatmap import heatmap
from eqsolve.plots.lines import Area, Curve, lines

__all__ = ["Area", "Curve", "heatmap", "lines", "new_figure", "require_matplotlib", "save_figure"]
