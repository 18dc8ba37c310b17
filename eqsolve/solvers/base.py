"""What every solver offers, and the measures of size that they share.

The measures take vectors `[n]` and Jacobians `[n, n]`, or many of them with the batch as a last axis, `[n, lanes]` and
`[n, n, lanes]`: arithmetic on a whole batch then runs along memory.
"""

import abc
from collections.abc import Callable
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.linalg import row_sums
from eqsolve.problem import Problem


class Solution(eqx.Module):
    """Where a solver stopped, how many steps it took, and whether it was still moving when its steps ran out."""

    x: Float[Array, " n"]
    steps: Int[Array, ""]
    unsettled: Bool[Array, ""]


class Bounded(Protocol):
    """Anything with limits and sizes of every entry, such as a `Problem`."""

    @property
    def lower(self) -> Array:
        """The lower limits."""
        ...

    @property
    def upper(self) -> Array:
        """The upper limits."""
        ...

    @property
    def typical(self) -> Array:
        """What counts as a small size of each entry besides what its value, start and box say; zero if nothing."""
        ...


class Solver(eqx.Module):
    """A method for finding a Nash equilibrium; frozen, holding static hyperparameters only."""

    @property
    def searched(self) -> Any:
        """The `Search` of players' whole boxes that the method makes; None where it makes none."""
        return None

    @abc.abstractmethod
    def solve(self, problem: Problem, start: Float[Array, " n"]) -> Solution:
        """Search from `start`, which lies in the box. Must not leave the box, and must stop on NaN."""


def require_counts(settings: Any, *names: str) -> None:
    """Raise where one of the settings named is no positive whole number."""
    for name in names:
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{type(settings).__name__}.{name} is {value!r}; give a whole number of at least 1.")


def require_settings(solver: Any, *counts: str) -> None:
    """Raise where one of the settings named is no positive whole number, or the tolerance no share or None."""
    kind = type(solver).__name__
    require_counts(solver, *counts)
    if solver.tolerance is not None and not 0 < solver.tolerance < 1:
        raise ValueError(f"{kind}.tolerance is {solver.tolerance}; give a number between 0 and 1, or None.")


def action_scale(problem: Bounded, x: Float[Array, "n ..."], start: Array) -> Float[Array, "n ..."]:
    """A typical size of each entry: its own, its start's, or a hundredth of a finite box; one where all are zero.

    The price of a shared constraint is at least as large as a price that somebody feels (`Problem.typical`).
    """
    width = problem.upper - problem.lower
    box = jnp.where(jnp.isfinite(width), 0.01 * width, 0.0)
    scale = jnp.maximum(jnp.maximum(jnp.abs(x), jnp.abs(start)), jnp.maximum(box, problem.typical))
    return jnp.where(scale > 0, scale, 1.0)


def default_tolerance(dtype: jnp.dtype) -> float:
    """The relative residual that counts as zero: 7e-11 in float64, 3e-5 in float32."""
    return float(jnp.finfo(dtype).eps) ** 0.65


def marginal_size(
    marginal: Callable[[Array], Array],
    y: Float[Array, ""],
    low: Float[Array, ""],
    high: Float[Array, ""],
    scale: Float[Array, ""],
) -> Float[Array, ""]:
    """How large the terms are that cancel in an entry's marginal payoff near `y`; its rounding errors grow with them.

    It is the larger |marginal| after own moves by `scale` to either side, at most half of the way to a bound: payoffs
    may be arbitrarily steep at a bound, which says nothing about rounding errors at `y`.
    """
    moves = jnp.stack([jnp.minimum(scale, 0.5 * (high - y)), -jnp.minimum(scale, 0.5 * (y - low))])
    sizes = jnp.abs(jax.vmap(marginal)(y + moves))
    return jnp.max(jnp.where(jnp.isfinite(sizes), sizes, 0.0))


def near_best(payoffs: Float[Array, " points"]) -> Bool[Array, " points"]:
    """Which payoffs equal the highest one to rounding.

    A choice among points takes the first of these: near a maximum payoffs agree long before actions do.
    """
    finite = jnp.where(jnp.isfinite(payoffs), payoffs, -jnp.inf)
    highest = jnp.max(finite)
    return finite >= highest - rounding(highest)


def rounding(payoff: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """The difference between payoffs of this size that is left to rounding."""
    return 16 * jnp.finfo(payoff.dtype).eps * jnp.abs(payoff)


class Stationarity(eqx.Module):
    """How far a point is from stationarity, entry by entry."""

    violation: Float[Array, "n ..."]  # in units of the marginal payoff
    size: Float[Array, "n ..."]  # the size of the terms that cancel in the marginal payoff

    @property
    def relative(self) -> Float[Array, "n ..."]:
        """The violation relative to the terms' size; NaN stays NaN."""
        return jnp.where(self.violation == 0, 0.0, self.violation / jnp.where(self.size > 0, self.size, 1.0))


def own_curvature(problem: Bounded, marginal: Array, jacobian: Array, scale: Array) -> Float[Array, "n ..."]:
    """A positive curvature of each entry's own payoff, which turns a marginal payoff into a step.

    It is the largest of |d2u/dx2|; of the other entries of the Jacobian's row, in units of the actions' scales (in a
    bilinear game all curvature is of that kind); and of a floor that keeps the step within the box (or, without one,
    within a thousand times the action's scale), as payoffs that are linear in every action have none.
    """
    width = problem.upper - problem.lower
    reach = jnp.where(jnp.isfinite(width), width, 1e3 * scale)
    floor = jnp.abs(marginal) / jnp.where(reach > 0, reach, 1.0)
    row = jnp.max(jnp.abs(jacobian) * scale, axis=1) / scale
    curvature = jnp.maximum(row, floor)
    return jnp.where(curvature > 0, curvature, 1.0)


def stationarity(
    problem: Bounded, x: Array, marginal: Array, jacobian: Array, scale: Array, size: Array
) -> Stationarity:
    """The natural residual of the box complementarity system, in units of the marginal payoff.

    An interior entry violates stationarity by its marginal payoff; an entry near a bound that its marginal payoff
    pushes towards, by no more than what the remaining distance can earn. `size`, that of the marginal payoffs that
    matter, tells how large rounding errors are.
    """
    curvature = own_curvature(problem, marginal, jacobian, scale)
    room = jnp.where(marginal > 0, problem.upper - x, x - problem.lower)
    violation = jnp.minimum(jnp.abs(marginal), room * curvature)
    violation = jnp.where(room <= 0, jnp.where(jnp.isnan(marginal), jnp.nan, 0.0), violation)
    rounding = 64 * jnp.finfo(x.dtype).eps * size / default_tolerance(x.dtype)
    return Stationarity(violation, row_sums(jnp.abs(jacobian) * scale) + rounding)
