"""Certificates: evidence that a point is an equilibrium, found by means that do not share the solvers' blind spots."""

from eqsolve.certify.certificate import Certificate, certify
from eqsolve.certify.regret import Regret, unilateral_regret
from eqsolve.certify.second_order import own_curvatures, sampled_curvatures

__all__ = ["Certificate", "Regret", "certify", "own_curvatures", "sampled_curvatures", "unilateral_regret"]
