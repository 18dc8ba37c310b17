"""The Pareto-optimal effort: what maximises output less everybody's cost, and the slopes there."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, concrete, require_kind
from eqsolve._fields import nan_unless
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pay import Pay
from eqsolve.mechanisms.compensation.terms import Effort
from eqsolve.solve import solve_first_best


class ParetoPoint(Tabled):
    r"""An effort matrix with what follows from it, and all slopes that pay schemes need.

    **Fields:** `effort` $e^P$ `[n, n]`; `output` $f$, `performance` $V$ `[n]`, `cost` $C$ `[n]`. `output_slope`,
    `performance_slope`, `cost_slope` `[n, n]`: $\partial f / \partial e_{ij}$, $\partial V_j / \partial e_{ij}$,
    $\partial C_i / \partial e_{ij}$. `active` `[n, n]`: -1 at the lower bound, 1 at the upper, 0 between; `multiplier`
    `[n, n]`: the slope of welfare where a bound is active, else zero. `solved`: whether the search ended at a maximum.
    """

    effort: Effort
    output: Float[Array, ""]
    performance: Float[Array, " n"]
    cost: Float[Array, " n"]
    output_slope: Effort
    performance_slope: Effort
    cost_slope: Effort
    active: Float[Array, "n n"]
    multiplier: Effort
    solved: Bool[Array, ""]

    @property
    def welfare(self) -> Float[Array, ""]:
        r"""The surplus $\pi^P = f - \sum C_i$ [money]."""
        return self.output - jnp.sum(self.cost)

    @property
    def balanced(self) -> Bool[Array, ""]:
        r"""Whether (16) holds: $\partial f / \partial e_{ij} = \partial C_i / \partial e_{ij}$ everywhere.

        Inside the box it does; at a bound only where the bound's multiplier is zero, as in the paper's example.
        """
        size = jnp.max(jnp.abs(self.output_slope) + jnp.abs(self.cost_slope))
        gap = jnp.abs(self.output_slope - self.cost_slope)
        return jnp.all(gap <= jnp.finfo(gap.dtype).eps ** 0.4 * size)


def pareto_effort(model: EffortModel) -> ParetoPoint:
    """Find the effort that maximises welfare over the box, by a search from several starts.

    **Arguments:** `model`: an `EffortModel`.
    **Returns:** a `ParetoPoint`, with active bounds and their multipliers, differentiable in the model.
    **Source:** Nam (paper 004), equation (1), with bounds.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> pareto_effort(paper_example()).effort.round(3).tolist()
    [[0.5, 1.0], [1.0, 0.5]]
    """
    require_kind(model, EffortModel, "pareto_effort: model")
    found = solve_first_best(model.game(Pay()))
    point = pareto_point(model, found.actions["effort"])
    return eqx.tree_at(
        lambda p: (p.active, p.multiplier, p.solved),
        point,
        (found.active["effort"].astype(point.effort.dtype), found.multipliers["effort"], found.solved),
    )


def pareto_point(model: EffortModel, effort: Effort) -> ParetoPoint:
    """The values and slopes at an effort matrix that is known to be Pareto-optimal.

    **Arguments:** `effort` `[n, n]` inside the box, but for rounding: found elsewhere, or in closed form. Whether it is
    optimal is not checked beyond the signs of multipliers.
    **Returns:** a `ParetoPoint`; `solved` says whether the first-order conditions hold. NaN where a traced effort lies
    outside the box.
    **Errors:** `ValueError` for another shape, or effort outside the box; `TypeError` for no `EffortModel`.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> bool(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])).solved)
    True
    """
    require_kind(model, EffortModel, "pareto_point: model")
    effort = as_array(effort, model.lower.dtype, "pareto_point: effort")
    if effort.shape != model.lower.shape:
        raise ValueError(f"pareto_point: effort has shape {effort.shape}; give a matrix of shape {model.lower.shape}.")
    if concrete(outside := _outside(model, effort)) is not None and bool(jnp.any(outside)):
        raise ValueError(
            f"pareto_point: effort is {effort}; give efforts in the box from {model.lower} to {model.upper}."
        )
    return _point(model, effort)


def _outside(model: EffortModel, effort: Effort) -> Bool[Array, "n n"]:
    """Which efforts are out of bounds by more than rounding."""
    room = float(jnp.finfo(effort.dtype).eps) ** 0.5 * (model.upper - model.lower)
    return (effort < model.lower - room) | (effort > model.upper + room)


@eqx.filter_jit
def _point(model: EffortModel, effort: Effort) -> ParetoPoint:
    found = model.measures(effort)
    output_slope = jax.grad(model.output)(effort)
    own = jnp.arange(effort.shape[0])
    performance_slope = jax.jacrev(model.performance)(effort)[own, :, own].T
    cost_slope = jax.jacrev(model.cost)(effort)[own, own, :]
    active = jnp.where(effort >= model.upper, 1.0, jnp.where(effort <= model.lower, -1.0, 0.0))
    slope = output_slope - cost_slope
    size = jnp.max(jnp.abs(output_slope) + jnp.abs(cost_slope))
    rough = jnp.finfo(effort.dtype).eps ** 0.4 * size
    right = jnp.where(active == 0, jnp.abs(slope) <= rough, slope * active >= -rough)
    point = ParetoPoint(
        effort=effort,
        output=found.output,
        performance=found.performance,
        cost=found.cost,
        output_slope=output_slope,
        performance_slope=performance_slope,
        cost_slope=cost_slope,
        active=active.astype(effort.dtype),
        multiplier=jnp.where(active != 0, slope, 0.0),
        solved=jnp.all(right),
    )
    return nan_unless(~jnp.any(_outside(model, effort)), point)
