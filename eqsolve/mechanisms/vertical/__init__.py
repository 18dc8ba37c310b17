"""Vertical contracts between a manufacturer and competing outlets: paper 003."""

from eqsolve.mechanisms.vertical.effort import DemandFunction, EffortDemand, PriceEffort, RootEffortDemand
from eqsolve.mechanisms.vertical.effort_contract import EffortContract, coordinate_effort
from eqsolve.mechanisms.vertical.effort_incentives import (
    EffortBalance,
    EffortExternalities,
    effort_balance,
    effort_externalities,
)

__all__ = [
    "DemandFunction",
    "EffortBalance",
    "EffortContract",
    "EffortDemand",
    "EffortExternalities",
    "PriceEffort",
    "RootEffortDemand",
    "coordinate_effort",
    "effort_balance",
    "effort_externalities",
]
