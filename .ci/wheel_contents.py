"""Check a wheel: it holds what users need beside the modules, no tests, and works where it is unpacked."""

import os
import subprocess
import sys
import tempfile
import zipfile

NEEDED = (
    "eqsolve/py.typed",
    "eqsolve/datasets/restaurant_demand.csv",
    "eqsolve/study/library/restaurant.toml",
    ".dist-info/licenses/LICENSE",
    ".dist-info/licenses/eqsolve/datasets/restaurant_demand.LICENSE",
)
TRIED = """
from pathlib import Path

import eqsolve
from eqsolve.datasets import load_restaurant_demand
from eqsolve.study import read_study

assert Path(eqsolve.__file__).is_relative_to(Path.cwd()), eqsolve.__file__
assert load_restaurant_demand().demand.shape == (760, 7)
assert read_study("restaurant").tables.title
"""

(wheel,) = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
    names = archive.namelist()
    missing = [needed for needed in NEEDED if not any(name.endswith(needed) for name in names)]
    foreign = [name for name in names if not name.startswith(("eqsolve/", "eqsolve-"))]
    if missing or foreign:
        raise SystemExit(f"{wheel}: missing {missing}, not expected {foreign}")
    archive.extractall(folder)
    subprocess.run([sys.executable, "-c", TRIED], check=True, cwd=folder, env={**os.environ, "PYTHONPATH": folder})
print(f"{wheel}: {len(names)} files, all that is needed")
