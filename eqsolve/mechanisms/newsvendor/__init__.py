"""Newsvendors: orders placed before demand is known."""

from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors

__all__ = ["CompetingNewsvendors"]
