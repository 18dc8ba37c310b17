"""Value functions with a known derivative, against automatic differentiation of the same value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve import envelope


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def value_and_slope(params, k):
    """max of a q - h q^2 over 0 <= q <= k, and its slope in k."""
    q = jnp.clip(0.5 * params["a"] / params["h"], 0.0, k)
    return params["a"] * q - params["h"] * q**2, jnp.maximum(params["a"] - 2 * params["h"] * k, 0.0)


best_use = envelope(value_and_slope)
PARAMS = {"a": jnp.asarray(3.0), "h": jnp.asarray(0.7)}


def plain(params, k):
    return params["a"] * k - params["h"] * k**2  # where capacity binds


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_derivatives_to_second_order_in_both_modes(mode):
    at = (PARAMS, jnp.asarray(1.1))
    for order in (lambda f: mode(f, argnums=(0, 1)), lambda f: mode(mode(f, argnums=(0, 1)), argnums=(0, 1))):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), order(best_use)(*at), order(plain)(*at))


def test_the_slope_is_used_and_nothing_else():
    odd = envelope(lambda params, k: (params * k, jnp.asarray(7.0)))
    assert jax.grad(odd, argnums=1)(2.0, 3.0) == 7.0
    assert jax.grad(odd, argnums=0)(2.0, 3.0) == 3.0


def test_arrays_batches_and_precisions():
    k = jnp.array([0.5, 1.0, 5.0])
    slopes = jax.vmap(jax.grad(best_use, argnums=1), (None, 0))(PARAMS, k)
    np.testing.assert_allclose(slopes, np.maximum(3.0 - 1.4 * np.asarray(k), 0.0))
    total = jax.grad(lambda k: jnp.sum(best_use(PARAMS, k)))(k)
    np.testing.assert_allclose(total, slopes)
    single = jax.grad(best_use, argnums=1)(jax.tree.map(lambda x: x.astype(np.float32), PARAMS), jnp.float32(0.5))
    assert single.dtype == np.float32


def test_what_is_no_value_function_is_named():
    with pytest.raises(TypeError, match="envelope: function is 3"):
        envelope(3)
    with pytest.raises(TypeError, match=r"return \(value, slope\)"):
        envelope(lambda params, k: params * k)(1.0, 2.0)
