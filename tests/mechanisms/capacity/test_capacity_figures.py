"""The figures of paper 002: closed forms against the solver, and what is drawn."""

import numpy as np
import pytest

from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame
from eqsolve.mechanisms.capacity.volatility import volatility_effects, volatility_formulas
from eqsolve.plots import save_figure

WIDTHS = np.linspace(0.05, 1.99, 21)
FIELDS = ("half_width", "efficient", "induced", "first_best", "reached", "well_used")


@pytest.mark.parametrize("given", [(1.0, 1.0, 3.0, 0.01), (0.5, 1.5, 4.0, 0.02)])
def test_solving_and_formulas_give_the_same_figures(given):
    solved, formulas = volatility_effects(WIDTHS, *given), volatility_formulas(WIDTHS, *given)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(solved, name), getattr(formulas, name), rtol=1e-9, err_msg=name)
    calm = given[0] >= WIDTHS
    np.testing.assert_allclose(solved.under_investment[calm], 0.0, atol=1e-7)
    assert np.all(np.diff(solved.under_investment[~calm]) > 0)
    assert np.all(np.diff(solved.over_production[~calm]) > 0)
    assert np.isnan(volatility_formulas([2.5]).efficient)


def test_the_figures_are_drawn_and_saved(tmp_path):
    figures = pytest.importorskip("eqsolve.mechanisms.capacity.figures")
    drawn = figures.volatility_figure(volatility_formulas(WIDTHS))
    np.testing.assert_allclose(drawn.axes[0].lines[0].get_ydata(), volatility_formulas(WIDTHS).efficient)
    png, pdf = save_figure(drawn, tmp_path / "volatility")
    assert png.stat().st_size > 10_000
    assert pdf.exists()
    shocks = JointTable([[1.6, 1.6], [1.6, 0.4], [0.4, 1.6], [0.4, 0.4]], [0.125, 0.375, 0.375, 0.125])
    environment = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), 3.0, shocks, [2.0, 1.5])
    curve = figures.gatekeeper_curve(CapacityGame(environment, 0.5), points=9)
    np.testing.assert_allclose(curve.total, 11.019011406844106, rtol=1e-8)
    np.testing.assert_allclose(curve.reply[0], np.max(curve.reply))  # replies fall
    # source: independent computation (case D2); the equilibrium lies on the curve
    equilibrium = [6.788135593220337, 5.110169491525423]
    np.testing.assert_allclose(np.interp(equilibrium[1], curve.right, curve.reply), equilibrium[0], atol=0.05)
    assert len(figures.reaction_figure(curve, equilibrium).axes[0].lines) == 4
