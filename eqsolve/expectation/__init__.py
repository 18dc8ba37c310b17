"""How the expectation over shocks is taken."""

from eqsolve.expectation.rule import Rule
from eqsolve.expectation.scenarios import Scenarios

__all__ = ["Rule", "Scenarios"]
