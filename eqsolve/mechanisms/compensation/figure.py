"""Figure 1 of paper 004: the feasible triangle of two departments' shares of output."""

from typing import TYPE_CHECKING

import numpy as np

from eqsolve.mechanisms.compensation.bargaining import bargain
from eqsolve.mechanisms.compensation.inducing import InducingSchemes
from eqsolve.plots import new_figure
from eqsolve.plots.style import INK, QUIET, SIZES, dress, ordered_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def feasible_triangle(family: InducingSchemes, names: tuple[str, str] = ("1", "2")) -> "Figure":
    r"""Draw the feasible schemes 4 in the plane of $(\alpha_1, \alpha_2)$, with those that bargaining chooses.

    The triangle J G H: no deficit and both departments stay; on GH output is paid out in full. The darker part has no
    negative share: there the Pareto-optimal effort is surely an equilibrium.

    **Arguments:** `family`: of two departments, with concrete numbers. `names`: of the departments, for the axes.
    **Returns:** a Matplotlib figure; save it with `eqsolve.plots.save_figure`.
    **Errors:** `ValueError` for another number of departments, or where no scheme is feasible; `ImportError` without
    Matplotlib.
    **Source:** Nam (paper 004), figure 1.

    >>> from eqsolve.mechanisms.compensation import inducing_schemes, paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), np.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> len(feasible_triangle(family).axes)
    1
    """
    if family.slope.shape != (2,):
        raise ValueError(f"feasible_triangle: the family has {family.slope.shape[0]} departments; the plane has two.")
    if not bool(family.exists):
        raise ValueError("feasible_triangle: no scheme 4 is feasible (an A is zero, or welfare is too small).")
    figure, (axes,) = new_figure(1, heading="Feasible triangle")
    corners = np.asarray(family.vertices(), float)
    dark, light = ordered_colours(2)
    axes.fill(*corners.T, color=light, alpha=0.25, linewidth=0)
    axes.plot(*corners[[1, 2]].T, color=dark, linewidth=2.2)
    axes.plot(*corners[[2, 0, 1]].T, color=light, linewidth=1.4)
    cut = _nonnegative(corners)
    if len(cut) > 2:
        axes.fill(*cut.T, color=dark, alpha=0.3, linewidth=0)
    for letter, corner in zip(("J", "H", "G"), corners, strict=True):
        axes.annotate(letter, corner, textcoords="offset points", xytext=(6, 6), fontsize=SIZES["label"], color=INK)
    _agreements(axes, family)
    for line in (axes.axhline, axes.axvline):
        line(0.0, color=QUIET, linewidth=0.8)
    dress(axes, "Shares of output that induce the Pareto-optimal effort")
    axes.set_xlabel(f"share of output of {names[0]}", fontsize=SIZES["label"], color=INK)
    axes.set_ylabel(f"share of output of {names[1]}", fontsize=SIZES["label"], color=INK)
    axes.margins(0.12)
    return figure


def _agreements(axes: "Axes", family: InducingSchemes) -> None:
    """The bargaining points, on the whole triangle and on its part without negative shares."""
    for label, marker, face, cut in (
        ("Nash bargaining", "o", INK, False),
        ("the same, no negative share", "D", "none", True),
    ):
        agreed = bargain(family, nonnegative_shares=cut)
        if bool(agreed.exists):
            place = np.asarray(agreed.share, float)
            axes.plot(*place, marker, color=INK, markerfacecolor=face, markersize=7 + 5 * cut, label=label)
    legend = axes.legend(loc="best", fontsize=SIZES["tick"], labelcolor=INK)
    legend.get_frame().set_linewidth(0)


def _nonnegative(corners: np.ndarray) -> np.ndarray:
    """The polygon cut along both axes: what has no negative coordinate (Sutherland and Hodgman)."""
    for axis in (0, 1):
        kept: list[np.ndarray] = []
        for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if here[axis] >= 0:
                kept.append(here)
            if here[axis] * there[axis] < 0:
                kept.append(here + (there - here) * here[axis] / (here[axis] - there[axis]))
        corners = np.array(kept).reshape(-1, 2)
    return corners
