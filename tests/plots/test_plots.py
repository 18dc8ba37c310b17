import sys

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from eqsolve.plots import Area, Curve, heatmap, lines, new_figure, save_figure


@pytest.fixture
def surface():
    margin, spill = np.linspace(0.1, 0.9, 5), np.linspace(0.0, 1.0, 3)
    values = xr.DataArray(np.outer(margin, spill), [("margin", margin), ("spill", spill)], name="loss")
    values["margin"].attrs = {"long_name": "Gross margin", "units": "share of the price", "format": "percent"}
    return values


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_are_drawn_with_one_colour_per_group_and_one_dash_per_label(surface):
    _, (axes,) = new_figure(1)
    curves = [
        Curve(surface.sel(spill=spill) * factor, label, f"{spill:.0%}", style)
        for label, factor, style in (("competing", 1.0, "solid"), ("together", 0.5, "dashed"))
        for spill in (0.5, 1.0)
    ]
    lines(axes, curves, title="Loss", label="euro", number_format="percent", groups="Spill")
    drawn = axes.get_lines()
    np.testing.assert_allclose(drawn[1].get_ydata(), surface.sel(spill=1.0))
    assert drawn[0].get_color() == drawn[2].get_color() != drawn[1].get_color()
    assert drawn[0].get_linestyle() == drawn[1].get_linestyle() != drawn[2].get_linestyle()
    assert legend_of(axes) == ["50%", "100%", "competing", "together"]
    assert axes.get_legend().get_title().get_text() == "Spill"
    assert axes.get_xlabel() == "Gross margin (share of the price)"
    assert axes.xaxis.get_major_formatter()(0.25, 0) == "25 %"


def test_a_single_curve_needs_no_legend(surface):
    _, (axes,) = new_figure(1)
    lines(axes, [Curve(surface.sel(spill=1.0), "loss")], title="Loss")
    assert axes.get_legend() is None


def test_only_areas_wide_enough_to_be_seen_are_named(surface):
    line = surface.sel(spill=1.0)
    for width, names in ((0.5, ["equilibria"]), (1e-6, None)):
        _, (axes,) = new_figure(1)
        lines(axes, [Curve(line, "loss")], [Area(line, line + width, "equilibria")])
        assert (axes.get_legend() and legend_of(axes)) == names


def test_amounts_near_zero_start_at_zero_and_others_do_not(surface):
    for shift, bottom_is_zero in ((0.0, True), (10.0, False)):
        _, (axes,) = new_figure(1)
        lines(axes, [Curve(surface.sel(spill=1.0) + shift, "loss")])
        assert (axes.get_ylim()[0] == 0) == bottom_is_zero


def test_heatmap_shows_values_in_their_place_and_missing_ones_in_grey(surface):
    surface[0, 0], surface[1, 1] = np.nan, np.inf
    figure, (axes,) = new_figure(1)
    heatmap(axes, surface, "margin", "spill", title="Loss", number_format="percent", contours=[0.3, 99.0])
    mesh = axes.collections[0]
    shown = np.ma.asarray(mesh.get_array())
    assert shown.shape == (3, 5)
    assert int(shown.mask.sum()) == 2
    assert shown[2, 4] == pytest.approx(0.9)
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.texts] == ["30 %"]


def test_files_are_the_same_each_time_and_no_global_state_changes(surface, tmp_path):
    before = dict(mpl.rcParams)
    contents = []
    for _ in range(2):
        figure, (axes,) = new_figure(1, "Heading", "A note.")
        heatmap(axes, surface, "margin", "spill")
        contents.append([path.read_bytes() for path in save_figure(figure, tmp_path / "figure.v1")])
    assert contents[0] == contents[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.v1.pdf", "figure.v1.png"]
    assert dict(mpl.rcParams) == before


def test_wrong_data_are_named(surface):
    _, (axes,) = new_figure(1)
    with pytest.raises(ValueError, match=r"heatmap: values have the dimensions \('margin', 'spill'\); select so that"):
        heatmap(axes, surface, "margin", "price")
    with pytest.raises(ValueError, match=r"lines: the data have the dimensions \('margin', 'spill'\)"):
        lines(axes, [Curve(surface, "loss")])
    with pytest.raises(ValueError, match="no curves given"):
        lines(axes, [])
    with pytest.raises(ValueError, match="panels is 0"):
        new_figure(0)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "eqsolve\[plots\]"'):
        new_figure(1)
