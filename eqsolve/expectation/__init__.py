"""How the expectation over shocks is taken."""

from eqsolve.expectation.control import demand_itself
from eqsolve.expectation.estimate import Estimate
from eqsolve.expectation.expect import expect
from eqsolve.expectation.gauss import Gauss
from eqsolve.expectation.monte_carlo import MonteCarlo
from eqsolve.expectation.piecewise_linear import expect_piecewise_linear
from eqsolve.expectation.quasi_monte_carlo import QuasiMonteCarlo
from eqsolve.expectation.rule import Rule
from eqsolve.expectation.scenarios import Scenarios

__all__ = [
    "Estimate",
    "Gauss",
    "MonteCarlo",
    "QuasiMonteCarlo",
    "Rule",
    "Scenarios",
    "demand_itself",
    "expect",
    "expect_piecewise_linear",
]
