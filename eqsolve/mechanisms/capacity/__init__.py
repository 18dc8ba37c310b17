"""Capacity shared by divisions, and the right to it: papers 001 and 002."""

from eqsolve.mechanisms.capacity.environment import (
    CapacityEnvironment,
    expected_own_price,
    expected_own_quantity,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
)
from eqsolve.mechanisms.capacity.families import (
    LogRevenue,
    PowerRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    ShiftedLogRevenue,
)
from eqsolve.mechanisms.capacity.first_best import (
    DedicatedPlan,
    FungiblePlan,
    dedicated_capacity,
    fungible_capacity,
)
from eqsolve.mechanisms.capacity.reallocation import (
    Allocation,
    own_price,
    own_quantity,
    own_value,
    reallocate,
    shadow_price,
    shared_value,
)
from eqsolve.mechanisms.capacity.revenue import CustomRevenue, MixedRevenue, Revenue

__all__ = [
    "Allocation",
    "CapacityEnvironment",
    "CustomRevenue",
    "DedicatedPlan",
    "FungiblePlan",
    "LogRevenue",
    "MixedRevenue",
    "PowerRevenue",
    "QuadraticRevenue",
    "Revenue",
    "RootRevenue",
    "SaturatingRevenue",
    "ScaledQuadraticRevenue",
    "ShiftedLogRevenue",
    "dedicated_capacity",
    "expected_own_price",
    "expected_own_quantity",
    "expected_own_value",
    "expected_shadow_price",
    "expected_shared_value",
    "fungible_capacity",
    "own_price",
    "own_quantity",
    "own_value",
    "reallocate",
    "shadow_price",
    "shared_value",
]
