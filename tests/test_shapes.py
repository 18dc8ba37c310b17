"""Shapes of results are worked out once per structure of the arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve._shapes import shapes_of


class Doubling:
    """A function that counts how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x, times=2):
        self.calls += 1
        return {"outcome": jnp.concatenate([x] * times), "scale": jnp.zeros(()) * times}


def test_values_do_not_matter_but_shapes_and_types_do():
    function = Doubling()
    assert shapes_of(function, jnp.zeros(3))["outcome"].shape == (6,)
    assert shapes_of(function, jnp.ones(3))["outcome"].shape == (6,)
    assert function.calls == 1
    assert shapes_of(function, jax.ShapeDtypeStruct((4,), "float32"))["outcome"].dtype == "float32"
    assert shapes_of(function, jnp.zeros(3, int))["outcome"].dtype == jnp.zeros(0, int).dtype
    assert function.calls == 3


def test_what_is_no_array_counts_with_its_type():
    function = Doubling()
    assert [shapes_of(function, jnp.zeros(3), times)["outcome"].shape for times in (1, True, 2)] == [(3,), (3,), (6,)]
    assert shapes_of(lambda x: x, 1) == 1
    assert shapes_of(lambda x: x, True) is True
    assert function.calls == 3


def test_arguments_that_cannot_be_looked_up_are_worked_out_anew():
    function = Doubling()
    for _ in range(2):
        found = shapes_of(lambda x, names: function(x), jnp.zeros(3), {1, 2})
        assert found["outcome"].shape == (6,)
    assert function.calls == 2


def test_precision_matters():
    function = Doubling()
    here = shapes_of(function, jnp.zeros(3, "float32"))["scale"].dtype
    with jax.enable_x64(not jax.config.jax_enable_x64):
        other = shapes_of(function, jnp.zeros(3, "float32"))["scale"].dtype
    assert {np.dtype(here), np.dtype(other)} == {np.dtype("float32"), np.dtype("float64")}


def test_what_a_function_raises_is_raised_again():
    def impossible(x):
        raise ValueError("no such thing")

    for _ in range(2):
        with pytest.raises(ValueError, match="no such thing"):
            shapes_of(impossible, jnp.zeros(2))
