"""Which entries of which actions are decided in which stage, and the bounds they have there."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from eqsolve._checks import float_dtype
from eqsolve.action import Action
from eqsolve.bounds import BoundsFunction, Box, Limits

Rows = np.ndarray | None  # entries along axis 0, or None for the whole action


@dataclasses.dataclass(frozen=True)
class Layout:
    """The actions of a game and the stages of its players."""

    actions: tuple[Action, ...]
    order: tuple[tuple[str, ...], ...]

    def parts(self, stage: int) -> list[tuple[Action, Rows]]:
        """The actions that a stage's players decide, with the entries of axis 0 that are theirs."""
        movers = self.order[stage]
        parts: list[tuple[Action, Rows]] = []
        for action in self.actions:
            owners = (action.owner,) if isinstance(action.owner, str) else action.owner
            rows = np.flatnonzero([owner in movers for owner in owners])
            if rows.size:
                parts.append((action, None if rows.size == len(owners) else rows))
        return parts

    def stage_actions(self, stage: int) -> tuple[Action, ...]:
        """The actions of a stage without the entries that other stages decide."""

        def own(action: Action, rows: Rows) -> Action:
            if rows is None:
                return action
            return Action(action.name, (rows.size, *action.shape[1:]), tuple(action.owner[row] for row in rows))

        return tuple(own(action, rows) for action, rows in self.parts(stage))

    def own(self, stage: int, actions: Mapping[str, Array]) -> dict[str, Array]:
        """The entries of whole `actions` that are decided in a stage."""
        return {a.name: _part(actions[a.name], rows) for a, rows in self.parts(stage)}

    def joined(self, stage: int, earlier: Mapping[str, Array], own: Mapping[str, Array]) -> dict[str, Array]:
        """`earlier` actions with those of a stage; entries that are decided later are zero."""
        together = dict(earlier)
        for action, rows in self.parts(stage):
            value = own[action.name]
            if rows is not None:
                value = earlier.get(action.name, jnp.zeros(action.shape, value.dtype)).at[rows].set(value)
            together[action.name] = value
        return together

    def before(self, stage: int, actions: Mapping[str, Array]) -> dict[str, Array]:
        """What the players of a stage know: the part of whole `actions` that was decided earlier."""
        earlier: dict[str, Array] = {}
        for previous in range(stage):
            earlier = self.joined(previous, earlier, self.own(previous, actions))
        return earlier

    def limits(
        self, bounds: Box | BoundsFunction, params: PyTree, stage: int, earlier: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Lower and upper bounds of a stage's actions, given those decided earlier."""
        lower, upper = bounds(params, earlier)
        dtype = float_dtype(params)

        def own(limits: Limits) -> dict[str, Array]:
            return {
                a.name: _part(jnp.broadcast_to(jnp.asarray(limits[a.name], dtype), a.shape), rows)
                for a, rows in self.parts(stage)
            }

        return own(lower), own(upper)

    def all_limits(
        self, bounds: Box | BoundsFunction, params: PyTree, actions: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Lower and upper bounds of every action, those of later stages after the earlier ones of `actions`."""
        lower: dict[str, Array] = {}
        upper: dict[str, Array] = {}
        for stage in range(len(self.order)):
            sides = self.limits(bounds, params, stage, self.before(stage, actions))
            lower, upper = self.joined(stage, lower, sides[0]), self.joined(stage, upper, sides[1])
        return lower, upper

    def zeros(self, params: PyTree) -> dict[str, Array]:
        """Zero for every action, where only names and shapes matter."""
        return {action.name: jnp.zeros(action.shape, float_dtype(params)) for action in self.actions}

    def bounds_move(self, bounds: Box | BoundsFunction, params: PyTree) -> bool:
        """Whether the bounds of some stage depend on what was decided before it."""
        if isinstance(bounds, Box):
            return False
        return any(self._moves(bounds, params, stage) for stage in range(1, len(self.order)))

    def _moves(self, bounds: BoundsFunction, params: PyTree, stage: int) -> bool:
        """Whether an earlier action reaches the bounds of a stage in the program that JAX traces."""
        program = jax.make_jaxpr(lambda earlier: self.limits(bounds, params, stage, earlier))(
            self.before(stage, self.zeros(params))
        ).jaxpr
        reached = {id(value) for value in program.invars}
        for equation in program.eqns:
            if reached & {id(value) for value in equation.invars}:
                reached |= {id(value) for value in equation.outvars}
        return bool(reached & {id(value) for value in program.outvars})

    def together(self, bounds: Box | BoundsFunction) -> Box | BoundsFunction:
        """Bounds that do not move, of all stages at once."""
        if isinstance(bounds, Box) or len(self.order) == 1:
            return bounds
        return BoundsFunction(_JointBounds(bounds, self))


@dataclasses.dataclass(frozen=True)
class _JointBounds:
    """The bounds of all stages for somebody who decides everything at once."""

    bounds: BoundsFunction
    layout: Layout

    def __call__(self, params: PyTree, earlier_actions: Mapping[str, Array]) -> tuple[Limits, Limits]:
        """The limits of every action."""
        return self.layout.all_limits(self.bounds, params, self.layout.zeros(params))


def _part(value: Array, rows: Rows) -> Array:
    return value if rows is None else value[rows]
