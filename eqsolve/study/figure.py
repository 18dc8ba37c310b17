"""The figure of a study: from the panels described in TOML to curves and colours."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import xarray as xr

from eqsolve.plots.style import shown
from eqsolve.study._errors import StudyError
from eqsolve.study.config import Figure, HeatmapPanel, LinesPanel, Quantity
from eqsolve.study.quantities import at, pick, require_swept

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from eqsolve.plots import Area, Curve


def draw(figure: Figure, dataset: xr.Dataset) -> "Drawing":
    """Draw the figure that a study describes.

    **Arguments:** `figure`: the study's `[figure]`. `dataset`: its results.
    **Errors:** `ImportError` that names the extra where matplotlib is missing; `StudyError` for what the dataset lacks.
    """
    from eqsolve.plots import new_figure

    drawing, axes = new_figure(len(figure.panel), figure.title, " ".join([figure.note, *_caution(dataset)]))
    for index, panel in enumerate(figure.panel):
        _draw_panel(axes[index], panel, dataset, f"figure.panel[{index + 1}]")
    return drawing


def _caution(dataset: xr.Dataset) -> list[str]:
    """What a reader must know before trusting the colours."""
    certified = dataset["certified"].min("plan")
    missing = int((certified == 0).sum())
    return [f"{missing} of {certified.size} points are shown although they have no certificate."] if missing else []


def require_figure(figure: Figure, preview: xr.Dataset, swept: list[str]) -> None:
    """Raise where a panel refers to parameters, variables or values that the results will not have."""
    for number, panel in enumerate(figure.panel, start=1):
        field = f"figure.panel[{number}]"
        if isinstance(panel, HeatmapPanel):
            require_swept(panel.x, swept, f"{field}.x")
            require_swept(panel.y, swept, f"{field}.y")
            if panel.x == panel.y:
                raise StudyError(f"{field}: x and y are both {panel.x!r}; name two swept parameters.")
            pick(preview, panel.value, (panel.x, panel.y), f"{field}.value")
            continue
        require_swept(panel.x, swept, f"{field}.x")
        for name in panel.each:
            require_swept(name, swept, f"{field}.each")
            if name == panel.x:
                raise StudyError(f"{field}.each is {name!r}, which is x as well; name another swept parameter.")
        _curves(panel, preview, field)
        _areas(panel, preview, field)


def _draw_panel(axes: Any, panel: LinesPanel | HeatmapPanel, dataset: xr.Dataset, field: str) -> None:
    from eqsolve.plots import heatmap, lines
    from eqsolve.plots.style import describe

    if isinstance(panel, HeatmapPanel):
        values = pick(dataset, panel.value, (panel.x, panel.y), f"{field}.value")
        heatmap(
            axes, values, panel.x, panel.y, title=panel.title, number_format=panel.value.format, contours=panel.contours
        )
        return
    groups = panel.legend or next((describe(dataset[name]) for name in panel.each), "")
    curves, areas = _curves(panel, dataset, field), _areas(panel, dataset, field)
    lines(axes, curves, areas, title=panel.title, label=panel.label, number_format=panel.format, groups=groups)


def _curves(panel: LinesPanel, dataset: xr.Dataset, field: str) -> "list[Curve]":
    from eqsolve.plots import Curve

    curves: list[Curve] = []
    for number, line in enumerate(panel.lines, start=1):
        for group, values in _by_group(panel, line, dataset, f"{field}.lines[{number}]"):
            curves.append(Curve(values, line.name, group, line.style))
    return curves


def _areas(panel: LinesPanel, dataset: xr.Dataset, field: str) -> "list[Area]":
    from eqsolve.plots import Area

    areas: list[Area] = []
    for number, band in enumerate(panel.bands, start=1):
        low = _by_group(panel, band.low, dataset, f"{field}.bands[{number}].low")
        high = _by_group(panel, band.high, dataset, f"{field}.bands[{number}].high")
        areas += [Area(below, above, band.label, group) for (group, below), (_, above) in zip(low, high, strict=True)]
    return areas


def _by_group(
    panel: LinesPanel, quantity: Quantity, dataset: xr.Dataset, field: str
) -> Iterator[tuple[str, xr.DataArray]]:
    """The quantity against x, once per chosen value of the other parameter, with that value in words."""
    values = pick(dataset, quantity, (panel.x, *panel.each), field)
    if not panel.each:
        yield "", values
    for name, chosen in panel.each.items():
        for value in chosen:
            words = shown(value, dataset[name].attrs.get("format", "number"))
            yield words, at(values, name, value, f"{field}: each")
