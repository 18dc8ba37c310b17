"""Tests may import the shared modules `toys` and `problems` that lie beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
