"""Settings of every test run: double precision, quick compiling, names that docstring examples need not import."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)

# Compiling is what the tests spend their time on, and a program that runs once need not be fast: without these
# optimisations they take half the time. XLA_FLAGS= (set, and empty) compiles as for users.
QUICKLY = "--xla_backend_optimization_level=0"
if jax.__version_info__ < (0, 11):  # later releases do not know the option
    QUICKLY += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", QUICKLY)


def pytest_collection_modifyitems(items):
    """Examples in docstrings are documents, too: `-m docs` runs them with the README and the notebooks."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker("docs")


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace["jnp"] = jnp
    doctest_namespace["np"] = np
