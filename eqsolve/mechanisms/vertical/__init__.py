"""Vertical contracts: a manufacturer and two outlets that choose prices and stocks before demand is known."""

from eqsolve.mechanisms.vertical.consumer_choice import ConsumerChoice, DenseShoppers, UniformShoppers
from eqsolve.mechanisms.vertical.contract import Contract, dictated_price
from eqsolve.mechanisms.vertical.custom import CustomDemand, ScenarioDemand
from eqsolve.mechanisms.vertical.demand import Parts, ScaledDemand, Surplus, VerticalDemand
from eqsolve.mechanisms.vertical.linear import LinearDemand, MultiplicativeLinearDemand
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.sales import ExpectedSales, expected_sales
from eqsolve.mechanisms.vertical.spatial import SpatialDemand
from eqsolve.mechanisms.vertical.surplus import consumer_surplus

__all__ = [
    "ConsumerChoice",
    "Contract",
    "CustomDemand",
    "DenseShoppers",
    "ExpectedSales",
    "LinearDemand",
    "MultiplicativeLinearDemand",
    "Parts",
    "ScaledDemand",
    "ScenarioDemand",
    "SpatialDemand",
    "Surplus",
    "UniformShoppers",
    "VerticalDemand",
    "VerticalMarket",
    "consumer_surplus",
    "dictated_price",
    "expected_sales",
]
