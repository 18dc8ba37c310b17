"""Uniform and standard normal draws.

In 32 bit, `jax.random` hashes once per number and throws half of each hash away; here both halves are used, which was
measured to take 0.6 of the time. In 64 bit, and for keys of other generators, `jax.random` draws.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32
from jaxtyping import Array, PRNGKeyArray

MANY = 1e5


def uniform(key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draws from the open interval (0, 1)."""
    if not _hashed(key, dtype):
        return jax.random.uniform(key, shape, dtype, minval=jnp.finfo(dtype).tiny)
    return middle_of_cell(_bits(key, shape))


def normal(key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draws with mean zero and variance one."""
    if not _hashed(key, dtype):
        return jax.random.normal(key, shape, dtype)
    return np.float32(math.sqrt(2)) * jax.lax.erf_inv(2 * middle_of_cell(_bits(key, shape)) - 1)


def poisson(key: PRNGKeyArray, mean: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Poisson draws; rounded normal ones, of skewness below 0.004, for means that `jax.random` cannot draw well."""
    small, large = jax.random.split(key)
    many = mean > MANY
    counted = jax.random.poisson(small, jnp.where(many, 1.0, mean), shape).astype(dtype)
    return jnp.where(many, jnp.round(mean + jnp.sqrt(mean) * normal(large, shape, dtype)), counted)


def _hashed(key: PRNGKeyArray, dtype: Any) -> bool:
    return dtype == jnp.float32 and str(jax.random.key_impl(key)) == "threefry2x32"


def _bits(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    count = math.prod(shape)
    words = threefry_2x32(data, jnp.arange(count + count % 2, dtype=jnp.uint32))
    # JAX 0.10 takes the hash for the same on all devices of a `shard_map`; reverse derivatives then use one device's
    # numbers on all of them. A zero made of the key tells it that they differ.
    return jnp.reshape(words[:count], shape) ^ (data[0] & jnp.uint32(0))


def middle_of_cell(bits: Array) -> Array:
    """Random bits as 32-bit numbers: the middles of 2^23 equal cells of the unit interval."""
    # the upper bits become the mantissa of a number in [1, 2)
    unit = jax.lax.bitcast_convert_type((bits >> 9) | np.uint32(0x3F800000), jnp.float32) - 1
    return unit + np.float32(2**-24)


@eqx.filter_custom_jvp
def without_slope(points: Array, parameters: Any) -> Array:
    """The points, whose derivative in `parameters` is NaN.

    For draws that choose among values: there probabilities change and points do not, and a slope of zero is wrong.
    """
    del parameters
    return points


@without_slope.def_jvp
def _without_slope(primals: tuple[Array, Any], tangents: tuple[Array | None, Any]) -> tuple[Array, Array]:
    points, _ = primals
    moved, turned = tangents
    slope = jnp.zeros_like(points) if moved is None else moved
    for leaf in jax.tree.leaves(turned):
        slope += jnp.nan * jnp.sum(leaf)
    return points, slope
