"""Sums over more points than memory holds.

Points come in blocks of a fixed size, each from its own index alone, so the points do not depend on how many blocks are
computed at a time or on which device. A block is forgotten once it is summed; also under reverse differentiation, which
computes it again. Only the sums are kept: one number per block and quantity.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

Devices = tuple[Any, ...] | None


def block_sums(sums: Callable[[Array], PyTree], blocks: int, at_a_time: int, devices: Devices) -> PyTree:
    """`sums(index)` of the blocks 0, ..., `blocks - 1`, stacked along a new first axis.

    **Arguments:** `at_a_time`: how many blocks are in memory at a time on each device. `devices`: those that share the
    work; None for where the inputs are.
    """
    forgetting = jax.checkpoint(sums)

    def every(indices: Array) -> PyTree:
        return jax.lax.map(forgetting, indices, batch_size=max(1, min(at_a_time, indices.shape[0])))

    if devices is None:
        return every(jnp.arange(blocks, dtype=jnp.uint32))
    # every device gets equally many blocks; the few too many are dropped
    shared = -(-blocks // len(devices)) * len(devices)
    mesh = jax.sharding.Mesh(np.array(devices), ("blocks",))
    spread = jax.sharding.PartitionSpec("blocks")
    indices = jnp.arange(shared, dtype=jnp.uint32)
    totals = jax.shard_map(every, mesh=mesh, in_specs=spread, out_specs=spread)(indices)
    return jax.tree.map(lambda total: total[:blocks], totals)
