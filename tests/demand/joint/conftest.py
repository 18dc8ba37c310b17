"""Tests of joint laws may import the shared module `joint_laws`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
