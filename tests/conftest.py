"""Tests may import the shared modules `toys`, `problems`, `demand/families` and `expectation/laws`."""

import sys
from pathlib import Path

for folder in ("", "demand", "expectation"):
    sys.path.insert(0, str(Path(__file__).parent / folder))
