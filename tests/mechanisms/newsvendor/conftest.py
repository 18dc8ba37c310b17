"""Tests of newsvendors may import the shared module `laws`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
