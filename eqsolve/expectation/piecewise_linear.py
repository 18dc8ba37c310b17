"""The closed form for what newsvendors earn: functions that are piecewise linear in one demand."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from eqsolve.demand.distribution import Distribution


def expect_piecewise_linear(demand: Distribution, slopes: Any, knots: Any, intercept: Any = 0.0) -> Array:
    r"""E[g(X)] of a continuous, piecewise linear g, in closed form through the loss function.

    $g(x) = a + s_0 x + \sum_k (s_k - s_{k-1}) (x - t_k)^+$, so $E g(X) = a + s_0 E X + \sum_k (s_k - s_{k-1}) n(t_k)$.
    Inside `expect` over other demands it integrates the innermost one without a single node.

    **Arguments:**

    - `demand`: the law of X; a batch is allowed.
    - `slopes`: s_0 below the first knot, ..., s_K beyond the last [value/unit], a sequence of K + 1 numbers or arrays
      that broadcast against the demand's batch.
    - `knots`: t_1 <= ... <= t_K [units], a sequence of K numbers or arrays. They may be traced; knots out of order give
      the expectation of the same formula.
    - `intercept`: a, the value of the first piece's line at zero.

    **Returns:** the expectation, of the demand's batch shape; with derivatives in everything, to second order where the
    demand has them.
    **Errors:** `TypeError` for what is no distribution or no sequence; `ValueError` unless there is one slope more than
    knots.
    **Source:** integration by parts: the slope changes by $s_k - s_{k-1}$ at $t_k$.

    >>> from eqsolve.demand.uniform import Uniform
    >>> profit = expect_piecewise_linear(Uniform(0.0, 100.0), slopes=(10.0, 0.0), knots=(60.0,), intercept=-240.0)
    >>> round(float(profit), 2)
    180.0
    """
    if not isinstance(demand, Distribution):
        raise TypeError(f"expect_piecewise_linear: demand is {demand!r}; give a Distribution of one demand.")
    for name, given in (("slopes", slopes), ("knots", knots)):
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise TypeError(f"expect_piecewise_linear: {name} is {given!r}; give a sequence such as (10.0, 0.0).")
    slopes, knots = list(slopes), list(knots)
    if len(slopes) != len(knots) + 1:
        raise ValueError(
            f"expect_piecewise_linear: {len(slopes)} slopes for {len(knots)} knots; give one slope more than knots."
        )
    total = intercept + jnp.asarray(slopes[0]) * demand.mean()
    for before, after, knot in zip(slopes, slopes[1:], knots, strict=False):
        total += (jnp.asarray(after) - jnp.asarray(before)) * demand.loss(knot)
    return total
