"""How the expectation over shocks is taken."""

from eqsolve.expectation.expect import expect
from eqsolve.expectation.gauss import Gauss
from eqsolve.expectation.rule import Rule
from eqsolve.expectation.scenarios import Scenarios

__all__ = ["Gauss", "Rule", "Scenarios", "expect"]
