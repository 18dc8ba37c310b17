"""Newsvendors: orders placed before demand is known."""

from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.single import Newsvendor, Sensitivities

__all__ = ["CompetingNewsvendors", "Newsvendor", "Sensitivities"]
