"""Settings of every test run: double precision, and names that docstring examples may use without importing them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace["jnp"] = jnp
    doctest_namespace["np"] = np
