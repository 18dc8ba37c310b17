"""A figure with panels side by side, and its files."""

from pathlib import Path
from typing import TYPE_CHECKING

from eqsolve.plots._matplotlib import require_matplotlib
from eqsolve.plots.style import INK, QUIET, SIZES, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = (4.9, 5.2)  # inches
DOTS_PER_INCH = 200
NOTE_WIDTH = 62  # characters per line and panel


def new_figure(panels: int, heading: str = "", note: str = "") -> "tuple[Figure, list[Axes]]":
    """An empty figure and its panels, left to right.

    **Arguments:** `panels`: how many, at least 1. `heading`: in large letters above them. `note`: in small print below.
    **Errors:** `ImportError` that names the extra where matplotlib is missing; `ValueError` without panels.

    >>> figure, axes = new_figure(2, heading="Two panels")
    >>> len(axes)
    2
    """
    if panels < 1:
        raise ValueError(f"new_figure: panels is {panels}; give at least 1.")
    require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL[0] * panels, PANEL[1]), layout="constrained", facecolor="white")
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=0.12, h_pad=0.1)  # pyright: ignore[reportCallIssue]: the stubs show the base class
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if heading:
        figure.suptitle(heading, x=0.01, ha="left", fontsize=SIZES["heading"], fontweight="bold", color=INK)
    if note:
        figure.supxlabel(wrapped(note, NOTE_WIDTH * panels), x=0.01, ha="left", fontsize=SIZES["note"], color=QUIET)
    return figure, list(axes)


def save_figure(figure: "Figure", path: str | Path) -> tuple[Path, Path]:
    """Write the figure as PNG (200 dots per inch) and PDF; the same figure gives the same bytes.

    **Arguments:** `path`: without an ending.
    **Returns:** the paths of both files.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     png, pdf = save_figure(new_figure(1)[0], f"{folder}/loss")
    ...     print(png.name, pdf.name, png.stat().st_size > 0)
    loss.png loss.pdf True
    """
    png, pdf = Path(f"{path}.png"), Path(f"{path}.pdf")
    figure.savefig(png, dpi=DOTS_PER_INCH, metadata={"Software": None})
    figure.savefig(pdf, metadata={"CreationDate": None})
    return png, pdf
