"""Scheme 2 with rates at which pay just exhausts output."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from eqsolve._fields import as_fields, per_entry, require_positive
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.solved_pay import Induced, induced, stacked

POINTS = 65
ROUNDS = 9  # each narrows a bracket 64 times
ROUGH = 1e-6  # of output: what a gap between pay and output may be, at which both count as equal


@dataclasses.dataclass(frozen=True)
class FullAllocation:
    """The rates of own performance at which pay exhausts output, smallest first.

    **Fields** (k solutions): `rate` `[k, n]`: pay per unit of own performance. `effort` `[k, n, n]`, `welfare` `[k]`.
    """

    rate: Float[np.ndarray, "k n"]
    effort: Float[np.ndarray, "k n n"]
    welfare: Float[np.ndarray, " k"]

    def __len__(self) -> int:
        return len(self.rate)


def full_allocation(model: EffortModel, weights: Any = 1.0, highest: float = 16.0) -> FullAllocation:
    r"""Solve $\sum_i \delta_i V_i(e(\delta)) = f(e(\delta))$ along $\delta = t w$, $e(\delta)$ the equilibrium.

    Rates are searched on a grid of $t$ and bracketed solutions refined; where effort jumps past full allocation there
    is none. Two solutions within one grid cell are missed.

    **Arguments:** `weights` $w$ > 0: the proportions of rates, one number or `[n]`. `highest`: the largest $t$.
    **Returns:** a `FullAllocation`, empty where pay never exhausts output.
    **Errors:** `ValueError` for weights or a range that are not positive.
    **Source:** Nam (paper 004), section 3.3.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> [round(float(rate), 4) for rate in full_allocation(paper_example()).rate[0]]  # 13/6
    [2.1667, 2.1667]
    """
    if not highest > 0:
        raise ValueError(f"full_allocation: highest is {highest}; give a number above zero.")
    n, dtype = len(model.departments), model.lower.dtype
    given = as_fields("full_allocation", weights=weights)["weights"].astype(dtype)
    weight = per_entry(given, n, "full_allocation: weights")
    require_positive(weight, "full_allocation: weights")

    def at(times: np.ndarray) -> tuple[np.ndarray, Induced]:
        rates = jnp.asarray(times, dtype)[:, None] * weight
        found = induced(model, stacked(jnp.zeros_like(rates), rates))
        gap = np.sum(np.asarray(found.reward), axis=1) - np.asarray(found.output)
        return np.where(np.asarray(found.solved), gap, np.nan), found

    def brackets(low: float, high: float) -> list[tuple[float, float]]:
        grid = np.linspace(low, high, POINTS)
        gap = at(grid)[0]
        turns = np.flatnonzero((gap[:-1] <= 0) != (gap[1:] <= 0))
        finite = [i for i in turns if np.isfinite(gap[i]) and np.isfinite(gap[i + 1])]
        return [(float(grid[i]), float(grid[i + 1])) for i in finite]

    solutions = []
    for low, high in brackets(0.0, highest):
        for _ in range(ROUNDS):
            inner = brackets(low, high)
            if not inner or inner[0] == (low, high):
                break
            low, high = inner[0]
        solutions.append(high)
    if not solutions:
        return FullAllocation(np.zeros((0, n)), np.zeros((0, n, n)), np.zeros(0))
    padded = np.resize(solutions, POINTS)  # the size that is compiled already
    gap, found = at(padded)
    near = np.abs(gap) <= ROUGH * np.maximum(np.abs(np.asarray(found.output)), 1e-300)
    kept = [k for k in range(len(solutions)) if near[k]]
    return FullAllocation(
        rate=padded[kept, None] * np.asarray(weight),
        effort=np.asarray(found.effort)[kept],
        welfare=np.asarray(found.welfare)[kept],
    )
