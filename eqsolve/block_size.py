"""How many games fit side by side in the processor's cache.

The arrays that one step reads and writes should stay in the cache, so the block is the size of the cache that pays,
divided by what one game needs. The first is measured once per process, in about a second; the second is read off the
game's program: its parameters, and the largest arrays that arise while marginal payoffs are computed.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from eqsolve.chunks import cores
from eqsolve.game import Game
from eqsolve.problem import problem_of
from eqsolve.solve import solve_nash
from eqsolve.starts import default_start

DEFAULT = 2**20  # bytes, where measuring is not worth its time
WORTH_MEASURING = 2**15  # games
SMALLEST, LARGEST = 64, 4096
BLOCKS_EACH, FINEST = 64, 512  # blocks per core are worth having, if none gets smaller than this
CANDIDATES = tuple(2**power for power in (16, 18, 20, 22))
ROWS = 16  # arrays in the measured loop


def automatic_block(lane: PyTree, make: Callable[[PyTree], Game], size: int, measure: bool) -> int:
    """The block for a batch of `size` games, a power of two.

    **Arguments:** `lane`: shapes of one game's parameters. `measure`: whether the cache may be measured.
    """
    leaves, structure = jax.tree.flatten(lane)
    room = fastest_working_set(jnp.zeros(()).dtype.name) if measure and size >= WORTH_MEASURING else DEFAULT
    wanted = room // lane_bytes(make, structure, tuple(leaves))
    fitting = 2 ** int(np.log2(np.clip(wanted, SMALLEST, LARGEST)))
    share = size / cores()
    # a small batch is not filled up to a large block, and many blocks can be dealt out evenly
    return min(fitting, _power_above(share), max(_power_above(share / BLOCKS_EACH), FINEST))


def _power_above(number: float) -> int:
    """The smallest power of two that is not below a number."""
    return 2 ** max(int(np.ceil(np.log2(number))), 0)


@functools.lru_cache(maxsize=128)
def lane_bytes(make: Callable[[PyTree], Game], structure: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]) -> int:
    """What one step of one game reads and writes, roughly: its parameters and four of its largest arrays."""

    def step(leaves: list[Array]) -> Any:
        game = make(structure.unflatten(leaves))
        if not isinstance(game, Game):
            raise TypeError(f"batch: make returned {type(game).__name__}; return a Game: did you forget .game()?")
        if len(game.order) > 1:  # a step of the first stage is a search, and the others answer every point tried
            return solve_nash(game).actions
        problem = problem_of(game)
        return problem.marginal_and_jacobian(default_start(problem.lower, problem.upper))

    program = jax.make_jaxpr(step)(list(leaves))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves) + 4 * _largest(program.jaxpr)


def _largest(program: Any) -> int:
    """Bytes of the largest array that a program computes, programs within it included."""
    sizes = [8]
    for equation in program.eqns:
        shapes = [variable.aval for variable in equation.outvars]
        sizes += [shape.size * shape.dtype.itemsize for shape in shapes if hasattr(shape, "dtype")]
        sizes += [_largest(inner) for inner in _programs_in(equation.params)]
    return max(sizes)


def _programs_in(parameters: dict[str, Any]) -> list[Any]:
    """The programs that an equation calls: bodies of loops, branches, compiled functions."""
    values = [value for given in parameters.values() for value in (given if isinstance(given, tuple) else (given,))]
    return [getattr(value, "jaxpr", value) for value in values if hasattr(getattr(value, "jaxpr", value), "eqns")]


@functools.lru_cache
def fastest_working_set(precision: str) -> int:
    """The bytes per block at which a chain of simple steps on many numbers runs fastest here."""
    size = max(CANDIDATES) * 2

    def seconds(room: int) -> float:
        count = room // (ROWS * np.dtype(precision).itemsize)
        blocks = jnp.ones((size // room, ROWS, count), precision)
        run = jax.jit(lambda blocks: jax.lax.map(_chain, blocks)).lower(blocks).compile()
        times = []
        for _ in range(5):
            started = time.perf_counter()
            jax.block_until_ready(run(blocks))
            times.append(time.perf_counter() - started)
        return min(times)

    return min(CANDIDATES, key=seconds)


def _chain(rows: Array) -> Array:
    """Eight sweeps that read and write every row: what a few Newton steps do to the arrays of their games."""
    return jax.lax.fori_loop(0, 8, lambda _, rows: jnp.roll(rows, 1, axis=0) * 0.5 + rows / (1 + rows**2), rows)
