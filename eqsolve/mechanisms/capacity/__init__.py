"""Capacity shared by divisions, and the right to it: papers 001 and 002."""

from eqsolve.mechanisms.capacity.families import (
    LogRevenue,
    PowerRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    ShiftedLogRevenue,
)
from eqsolve.mechanisms.capacity.revenue import CustomRevenue, MixedRevenue, Revenue

__all__ = [
    "CustomRevenue",
    "LogRevenue",
    "MixedRevenue",
    "PowerRevenue",
    "QuadraticRevenue",
    "Revenue",
    "RootRevenue",
    "SaturatingRevenue",
    "ScaledQuadraticRevenue",
    "ShiftedLogRevenue",
]
