"""Small tails against numbers of 17 digits: value, first and second derivative in one parameter."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_tail(make, theta, points, expected, rtol=1e-10):
    """`expected` maps a method to (value, derivative, second derivative) in `theta` at each of `points`."""
    theta, points = jnp.asarray(theta), jnp.asarray(points)

    @jax.jit
    def found(theta, points):
        def slope(function):
            return lambda t: jax.jvp(function, (t,), (jnp.ones_like(t),))[1]

        def orders(name):
            def value(t):
                return getattr(make(t), name)(points)

            return jnp.stack([value(theta), slope(value)(theta), slope(slope(value))(theta)], axis=-1)

        return {name: orders(name) for name in expected}

    results = found(theta, points)
    for name, rows in expected.items():
        np.testing.assert_allclose(results[name], rows, rtol=rtol, err_msg=name)
