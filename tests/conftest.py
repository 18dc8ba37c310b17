"""Tests may import the shared modules `toys`, `problems` and `demand/families`."""

import sys
from pathlib import Path

for folder in ("", "demand"):
    sys.path.insert(0, str(Path(__file__).parent / folder))
