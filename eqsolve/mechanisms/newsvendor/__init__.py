"""Newsvendors: orders placed before demand is known."""

from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_smooth import SmoothCompetingNewsvendors
from eqsolve.mechanisms.newsvendor.data_driven import SampleOrder, bootstrap_order, order_from_sample
from eqsolve.mechanisms.newsvendor.exponential_utility import ExponentialUtility
from eqsolve.mechanisms.newsvendor.price_setting import AdditivePriceSetting, MultiplicativePriceSetting, PricePlan
from eqsolve.mechanisms.newsvendor.random_yield import RandomCapacity, RandomYield
from eqsolve.mechanisms.newsvendor.risk import MeanCVaR
from eqsolve.mechanisms.newsvendor.single import Newsvendor, Sensitivities

__all__ = [
    "AdditivePriceSetting",
    "CompetingNewsvendors",
    "ExponentialUtility",
    "MeanCVaR",
    "MultiplicativePriceSetting",
    "Newsvendor",
    "PricePlan",
    "RandomCapacity",
    "RandomYield",
    "SampleOrder",
    "Sensitivities",
    "SmoothCompetingNewsvendors",
    "bootstrap_order",
    "order_from_sample",
]
