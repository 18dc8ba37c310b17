"""A batch in chunks: how many games at a time, on which cores, and where the results go."""

import contextlib
import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LANES = 16_384  # games per chunk, at most: enough to hide the cost of a call, few enough to deal out evenly
FEWEST = 8192  # games per chunk that are worth a call, where every worker has one
ROUNDS = 4  # chunks per worker, if worth it: the last round leaves some of them idle
BYTES = 128 * 2**20  # of parameters per chunk, at most


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A compiled function of the leaves of a chunk, and the kinds of chunks for which it is known to be compiled."""

    run: Callable[[list[Any]], Any]
    known: set[Any] = dataclasses.field(default_factory=set[Any])


@dataclasses.dataclass(frozen=True)
class Chunk:
    """The results of games `start` to `stop` (exclusive) of a batch: what the task returns, as NumPy arrays."""

    start: int
    stop: int
    result: Any


@dataclasses.dataclass(frozen=True)
class Plan:
    """A batch of `size` games in chunks of `length`, the last one filled up, solved by `workers` side by side."""

    leaves: list[Any]
    flags: tuple[bool, ...]
    size: int
    length: int
    workers: int

    @classmethod
    def of(cls, leaves: list[Any], flags: tuple[bool, ...], size: int, block: int, devices: tuple[Any, ...]) -> "Plan":
        """Chunks of whole blocks, of equal length, as many for each worker.

        Several devices share each chunk. A single CPU is kept busy by one thread per core: the runtime runs one
        program at a time on its own, and splits small arrays badly.
        """
        workers = cores() if len(devices) == 1 and devices[0].platform == "cpu" else 1
        bytes_each = sum(leaf[:1].nbytes for leaf, batched in zip(leaves, flags, strict=True) if batched)
        most = max(min(LANES, BYTES // max(bytes_each, 1)), 1)
        share = block * len(devices)
        blocks = -(-size // share)
        fair = min(blocks, workers * min(ROUNDS, -(-size // (workers * FEWEST)))) if workers > 1 else 1
        chunks = max(-(-size // max(most, share)), fair)
        return cls(leaves, flags, size, -(-blocks // min(chunks, blocks)) * share, workers)

    @property
    def columns(self) -> Iterator[tuple[Any, bool]]:
        """The leaves, and whether each is batched."""
        return zip(self.leaves, self.flags, strict=True)

    @property
    def starts(self) -> range:
        """Where the chunks begin."""
        return range(0, self.size, self.length)

    def parameters(self, start: int) -> list[Any]:
        """The leaves of one chunk, filled up with the last game."""
        stop = min(start + self.length, self.size)

        def cut(leaf: Any) -> Any:
            part = leaf[start:stop]
            missing = self.length - (stop - start)
            return part if missing == 0 else part[np.minimum(np.arange(self.length), stop - start - 1)]

        return [cut(leaf) if batched else leaf for leaf, batched in self.columns]


def solved_chunks(program: Program, plan: Plan) -> Iterator[Chunk]:
    """The results of all chunks in order; a few more than there are workers are under way at any time."""

    def solve(start: int) -> Chunk:
        kept = min(plan.length, plan.size - start)
        found = program.run(plan.parameters(start))
        return Chunk(start, start + kept, jax.tree.map(lambda leaf: np.asarray(leaf)[:kept], found))

    settings = _settings()
    kind = (plan.length, settings, *((leaf.shape[batched:], leaf.dtype) for leaf, batched in plan.columns))
    rest = iter(plan.starts)
    if kind not in program.known:  # compile once, in this thread
        yield solve(next(rest))
        program.known.add(kind)
    if plan.workers == 1:
        yield from map(solve, rest)
        return
    with ThreadPoolExecutor(plan.workers) as pool:

        def submitted(start: int) -> Future[Chunk]:
            return pool.submit(_with_settings, settings, solve, start)

        under_way = deque(map(submitted, itertools.islice(rest, 2 * plan.workers)))
        try:
            while under_way:
                yield under_way.popleft().result()
                under_way.extend(map(submitted, itertools.islice(rest, 1)))
        finally:
            for future in under_way:
                future.cancel()


def collected(chunks: Iterator[Chunk], size: int) -> Any:
    """All results in one, as JAX arrays with the batch axis in front."""
    first = next(chunks)
    if first.stop == size:
        return jax.tree.map(jnp.asarray, first.result)
    whole = jax.tree.map(lambda leaf: np.empty((size, *leaf.shape[1:]), leaf.dtype), first.result)
    for chunk in itertools.chain([first], chunks):
        for target, part in zip(jax.tree.leaves(whole), jax.tree.leaves(chunk.result), strict=True):
            target[chunk.start : chunk.stop] = part
    return jax.tree.map(jnp.asarray, whole)


def cores() -> int:
    """The CPU cores this process may use.

    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _settings() -> tuple[bool, Any]:
    """JAX's settings that belong to a thread: a new thread would fall back to the global ones, and compile again."""
    return bool(jax.config.jax_enable_x64), jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]


def _with_settings(settings: tuple[bool, Any], solve: Callable[[int], Chunk], start: int) -> Chunk:
    x64, device = settings
    with jax.enable_x64(x64), jax.default_device(device) if device is not None else contextlib.nullcontext():
        return solve(start)
