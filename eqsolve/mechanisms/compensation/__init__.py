"""Pay for departments that help each other: the effort model of paper 004, its schemes and their equilibria."""

from eqsolve.mechanisms.compensation.assumptions import Assumptions, Finding, check_assumptions
from eqsolve.mechanisms.compensation.bargaining import Agreement, bargain
from eqsolve.mechanisms.compensation.best_scheme import BestScheme, best_scheme
from eqsolve.mechanisms.compensation.claim import Claim
from eqsolve.mechanisms.compensation.equilibria import NashSet, all_equilibria
from eqsolve.mechanisms.compensation.example import SchemeTable, paper_example, paper_schemes, scheme_table
from eqsolve.mechanisms.compensation.figure import feasible_triangle
from eqsolve.mechanisms.compensation.full_allocation import FullAllocation, full_allocation
from eqsolve.mechanisms.compensation.inducing import InducingSchemes, induces, inducing_schemes
from eqsolve.mechanisms.compensation.model import EffortModel, Employment, Measures
from eqsolve.mechanisms.compensation.pareto import ParetoPoint, pareto_effort, pareto_point
from eqsolve.mechanisms.compensation.pay import (
    CustomPay,
    Pay,
    all_performances,
    output_and_own,
    output_shares,
    own_performance,
)
from eqsolve.mechanisms.compensation.propositions import (
    proposition_1,
    proposition_2,
    proposition_3,
    proposition_4,
    proposition_5,
    theorem_1,
    under_effort,
)
from eqsolve.mechanisms.compensation.terms import Custom, StandardCost, StandardOutput, StandardPerformance

__all__ = [
    "Agreement",
    "Assumptions",
    "BestScheme",
    "Claim",
    "Custom",
    "CustomPay",
    "EffortModel",
    "Employment",
    "Finding",
    "FullAllocation",
    "InducingSchemes",
    "Measures",
    "NashSet",
    "ParetoPoint",
    "Pay",
    "SchemeTable",
    "StandardCost",
    "StandardOutput",
    "StandardPerformance",
    "all_equilibria",
    "all_performances",
    "bargain",
    "best_scheme",
    "check_assumptions",
    "feasible_triangle",
    "full_allocation",
    "induces",
    "inducing_schemes",
    "output_and_own",
    "output_shares",
    "own_performance",
    "paper_example",
    "paper_schemes",
    "pareto_effort",
    "pareto_point",
    "proposition_1",
    "proposition_2",
    "proposition_3",
    "proposition_4",
    "proposition_5",
    "scheme_table",
    "theorem_1",
    "under_effort",
]
