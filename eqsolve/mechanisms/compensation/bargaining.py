"""Which of the feasible schemes the departments agree on."""

from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, require_kind
from eqsolve._fields import all_positive, per_entry, require_positive
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.compensation.inducing import InducingSchemes

Solution = Literal["nash", "kalai-smorodinsky", "egalitarian"]
SOLUTIONS = ("nash", "kalai-smorodinsky", "egalitarian")


class Agreement(Tabled):
    """What departments agree on: `net_pay` `[n]` [money], the `share` `[n]` of output that gives it; `exists`."""

    net_pay: Float[Array, " n"]
    share: Float[Array, " n"]
    exists: Bool[Array, ""]


def bargain(
    family: InducingSchemes,
    solution: Solution = "nash",
    *,
    weights: Any = 1.0,
    disagreement: Any = None,
    nonnegative_shares: bool = False,
) -> Agreement:
    r"""Choose a full-allocation scheme by a bargaining solution.

    Shares move money one for one, so the feasible net pays are $u_i \ge l_i$, $\sum u_i \le \pi^P$. On the whole
    simplex all solutions agree but for weights. With `nonnegative_shares`, where $e^P$ is surely an equilibrium,
    $l_i = -E_i$ where $A_i > 0$, and they differ.

    **Arguments:** `solution`: "nash" maximises $\sum w_i \log(u_i - d_i)$; "kalai-smorodinsky" gives gains in
    proportion to the largest possible ones; "egalitarian" raises the smallest gain first (equal gains unless a limit
    is in the way). `weights` $w$ > 0, for "nash" only. `disagreement` $d$ [money]: by default the reservations.
    `nonnegative_shares`: whether to bargain over the schemes with $\alpha \ge 0$ only.
    **Returns:** an `Agreement`; NaN with `exists` False where nothing beats disagreement for all, or where the
    Kalai-Smorodinsky ray misses the set (possible with limits and three departments or more).
    NaN and False, too, where a traced weight is not positive.
    **Errors:** `ValueError` for an unknown solution, or weights that are not positive; `TypeError` for no family.
    **Source:** Nash (1950); Kalai and Smorodinsky (1975); Nam (paper 004), end of section 3.5.

    >>> from eqsolve.mechanisms.compensation import inducing_schemes, paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> bargain(family).share.tolist()
    [0.03125, 0.03125]
    """
    require_kind(family, InducingSchemes, "bargain: family")
    if solution not in SOLUTIONS:
        raise ValueError(f"bargain: solution is {solution!r}; give one of {', '.join(map(repr, SOLUTIONS))}.")
    n, dtype = family.slope.shape[0], family.slope.dtype
    weight = per_entry(as_array(weights, dtype, "bargain: weights"), n, "bargain: weights")
    require_positive(weight, "bargain: weights")
    given = family.reservation if disagreement is None else as_array(disagreement, dtype, "bargain: disagreement")
    least = per_entry(given, n, "bargain: disagreement")
    return _agree(family, solution, weight, least, nonnegative_shares)


@eqx.filter_jit
def _agree(
    family: InducingSchemes, solution: Solution, weight: Array, least: Array, nonnegative_shares: bool
) -> Agreement:
    dtype = family.slope.dtype
    lowest = jnp.maximum(least, family.reservation)
    if nonnegative_shares:
        # a negative A_i needs a share above one anyway: (1 - alpha_i) A_i = f - C_i - u_i > 0 on the feasible set
        lowest = jnp.where(family.slope > 0, jnp.maximum(lowest, family.reservation - family.need), lowest)
    spare = family.welfare - jnp.sum(lowest)
    if solution == "kalai-smorodinsky":
        net = _proportional(least, lowest, family.welfare)
    else:
        net = _water_filling(least, lowest, weight if solution == "nash" else jnp.ones_like(weight), family.welfare)
    rough = 16 * jnp.finfo(dtype).eps * (jnp.abs(family.welfare) + jnp.sum(jnp.abs(lowest)))
    exists = jnp.all((family.slope != 0) & all_positive(weight)) & (spare >= -rough) & jnp.all(net >= lowest - rough)
    net = jnp.where(exists, net, jnp.nan)
    return Agreement(net, family.shares_for(net), exists)


def _water_filling(least: Array, lowest: Array, weight: Array, total: Array) -> Array:
    r"""$u_i = \max(l_i, d_i + w_i \lambda)$ with $\sum u_i$ the total.

    For every set of departments above their limit one level $\lambda$ spends the total; the smallest is right, and
    only sets of those who leave their limits first need be tried.
    """
    order = jnp.argsort((lowest - least) / weight)
    limit, start, speed = lowest[order], least[order], weight[order]
    held = jnp.sum(limit) - jnp.cumsum(limit)
    level = jnp.min((total - held - jnp.cumsum(start)) / jnp.cumsum(speed))
    return jnp.maximum(lowest, least + weight * level)


def _proportional(least: Array, lowest: Array, total: Array) -> Array:
    """Gains in proportion to what each would gain if the others had their limits."""
    hoped = total - jnp.sum(lowest) + lowest - least
    sum_hoped = jnp.sum(hoped)
    some = sum_hoped > 0
    return least + hoped * jnp.where(some, (total - jnp.sum(least)) / jnp.where(some, sum_hoped, 1.0), jnp.nan)
