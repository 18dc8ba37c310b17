"""Tests may import the modules that they share: `toys` and `problems` here, and those of the folders below."""

import sys
from pathlib import Path

import jax
import pytest

MECHANISMS = ("mechanisms/capacity", "mechanisms/newsvendor", "mechanisms/vertical")
for folder in ("", "constraint", "demand", "demand/joint", "expectation", *MECHANISMS):
    sys.path.insert(0, str(Path(__file__).parent / folder))

MAPS = Path("/proc/self/maps")
MOST_MAPS = 30_000  # Linux lets a process have 65,530; a compiled solve with its certificate takes about a thousand


@pytest.fixture(autouse=True)
def _room_for_compiled_programs():
    """Compiled programs are forgotten before the memory map is full, which would end the process."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
