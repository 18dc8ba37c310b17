"""Vertical contracts: a manufacturer and two outlets that choose prices and stocks before demand is known."""

from eqsolve.mechanisms.vertical.contract import Contract, dictated_price
from eqsolve.mechanisms.vertical.demand import Parts, ScaledDemand, Surplus, VerticalDemand
from eqsolve.mechanisms.vertical.linear import LinearDemand, MultiplicativeLinearDemand
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.sales import ExpectedSales, expected_sales

__all__ = [
    "Contract",
    "ExpectedSales",
    "LinearDemand",
    "MultiplicativeLinearDemand",
    "Parts",
    "ScaledDemand",
    "Surplus",
    "VerticalDemand",
    "VerticalMarket",
    "dictated_price",
    "expected_sales",
]
