"""Tests may import the modules that they share: `toys` and `problems` here, and those of the folders below."""

import sys
from pathlib import Path

MECHANISMS = ("mechanisms/newsvendor", "mechanisms/vertical")
for folder in ("", "constraint", "demand", "demand/joint", "expectation", *MECHANISMS):
    sys.path.insert(0, str(Path(__file__).parent / folder))
