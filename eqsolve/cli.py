"""The command-line program `eqsolve`: what is needed to start it.

The commands are in `eqsolve.study.command`, which needs the extra `study`; without it this module says what to install.
This is the only place that changes JAX's settings.
"""

import contextlib
import importlib
import os
import sys

import jax

from eqsolve.chunks import cores

INSTALL = 'pip install "eqsolve[study,plots]"'
NEEDED = ("click", "pydantic", "rich", "xarray", "zarr")


def main() -> None:
    """Entry point of `eqsolve` and `python -m eqsolve`; exits with 2 where the extra `study` is not installed."""
    for package in NEEDED:
        try:
            importlib.import_module(package)
        except ImportError as error:
            print(
                f"Error: the program eqsolve needs {package}, which cannot be imported ({error}): {INSTALL}",
                file=sys.stderr,
            )
            sys.exit(2)
    from eqsolve.study.command import program

    program(prog_name="eqsolve")


def start_up(precision: str) -> None:
    """Set JAX up for a run: its precision, and a device per core on CPU so that points are solved side by side.

    **Arguments:** `precision`: "float64" or "float32".

    A number of devices that the user chose (`JAX_NUM_CPU_DEVICES`, `XLA_FLAGS`) is kept; so is the present one where
    JAX has computed already.
    """
    jax.config.update("jax_enable_x64", precision == "float64")
    devices: int = jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]: defined at run time
    chosen = devices > 0 or "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen:
        with contextlib.suppress(RuntimeError):  # JAX has computed already
            jax.config.update("jax_num_cpu_devices", cores())
