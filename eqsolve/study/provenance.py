"""Where numbers come from: versions, device, precision and methods, as text that is stored with them."""

import platform
from importlib import metadata

import jax

from eqsolve.study.config import StudyTables
from eqsolve.study.solvers import Methods

PACKAGES = ("eqsolve", "jax", "jaxlib", "numpy", "equinox", "xarray", "zarr")


def provenance(tables: StudyTables, methods: Methods, block: int | None) -> dict[str, str]:
    """What one must know to compute the same numbers again.

    **Arguments:** `block`: points solved side by side; results agree to the last bit only between blocks of one size.
    **Returns:** name -> text: versions, devices, precision, and every solver with its fields.
    """
    devices = jax.local_devices()
    versions = {f"{package} version": metadata.version(package) for package in PACKAGES}
    return versions | {
        "python version": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
        "precision": tables.precision,
        "points side by side": str(block),
        "nash solver": repr(methods.nash),
        "first-best solver": repr(methods.first_best),
        "certificate search": repr(methods.search),
    }
