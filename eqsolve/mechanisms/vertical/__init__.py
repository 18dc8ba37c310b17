"""Vertical contracts: a manufacturer and two outlets that choose prices and stocks before demand is known."""

from eqsolve.mechanisms.vertical.consumer_choice import ConsumerChoice, DenseShoppers, UniformShoppers
from eqsolve.mechanisms.vertical.contract import Contract, dictated_price
from eqsolve.mechanisms.vertical.coordinate import Coordination, coordinate
from eqsolve.mechanisms.vertical.custom import CustomDemand, ScenarioDemand
from eqsolve.mechanisms.vertical.demand import Parts, ScaledDemand, Surplus, VerticalDemand
from eqsolve.mechanisms.vertical.diagnosis import Diagnosis, diagnose
from eqsolve.mechanisms.vertical.effort import DemandFunction, EffortDemand, PriceEffort, RootEffortDemand
from eqsolve.mechanisms.vertical.effort_contract import EffortContract, coordinate_effort
from eqsolve.mechanisms.vertical.effort_incentives import (
    EffortBalance,
    EffortExternalities,
    effort_balance,
    effort_externalities,
)
from eqsolve.mechanisms.vertical.externality import Externalities, Externality, externalities
from eqsolve.mechanisms.vertical.figures import deviation_gains, draw_deviations, draw_line
from eqsolve.mechanisms.vertical.first_best import FirstBest, asymmetry_gain, first_best, plan_at
from eqsolve.mechanisms.vertical.linear import LinearDemand, MultiplicativeLinearDemand
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.propositions import INSTRUMENTS, PROPOSITIONS, Terms, matching_buy_back, terms
from eqsolve.mechanisms.vertical.sales import ExpectedSales, expected_sales
from eqsolve.mechanisms.vertical.simple import SimpleContract, best_wholesale_price
from eqsolve.mechanisms.vertical.spatial import SpatialDemand
from eqsolve.mechanisms.vertical.standard import contract_losses, linear_market, travel_market
from eqsolve.mechanisms.vertical.surplus import consumer_surplus
from eqsolve.mechanisms.vertical.threshold import ExistenceThreshold, existence_threshold
from eqsolve.mechanisms.vertical.welfare import WelfareComparison, compare_welfare

__all__ = [
    "INSTRUMENTS",
    "PROPOSITIONS",
    "ConsumerChoice",
    "Contract",
    "Coordination",
    "CustomDemand",
    "DemandFunction",
    "DenseShoppers",
    "Diagnosis",
    "EffortBalance",
    "EffortContract",
    "EffortDemand",
    "EffortExternalities",
    "ExistenceThreshold",
    "ExpectedSales",
    "Externalities",
    "Externality",
    "FirstBest",
    "LinearDemand",
    "MultiplicativeLinearDemand",
    "Parts",
    "PriceEffort",
    "RootEffortDemand",
    "ScaledDemand",
    "ScenarioDemand",
    "SimpleContract",
    "SpatialDemand",
    "Surplus",
    "Terms",
    "UniformShoppers",
    "VerticalDemand",
    "VerticalMarket",
    "WelfareComparison",
    "asymmetry_gain",
    "best_wholesale_price",
    "compare_welfare",
    "consumer_surplus",
    "contract_losses",
    "coordinate",
    "coordinate_effort",
    "deviation_gains",
    "diagnose",
    "dictated_price",
    "draw_deviations",
    "draw_line",
    "effort_balance",
    "effort_externalities",
    "existence_threshold",
    "expected_sales",
    "externalities",
    "first_best",
    "linear_market",
    "matching_buy_back",
    "plan_at",
    "terms",
    "travel_market",
]
