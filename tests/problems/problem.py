"""What a test problem is: a game and what is known about its equilibria."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.game import Game

Actions = dict[str, np.ndarray]
Kind = Literal[
    "regular",  # one equilibrium, inside the bounds, all payoffs smooth around it
    "corner",  # one equilibrium with entries at their bounds, or a start there
    "several",  # `expected` and `others` are all the equilibria
    "no_pure",  # no equilibrium in pure strategies; `stationary` may lure a solver
    "false_stationary",  # `expected` is the only equilibrium, `stationary` fulfils first-order conditions and is none
    "continuum",  # `expected` and `others` are some of infinitely many, `determined` what all have in common
    "kinked",  # payoffs have a kink at the equilibrium
    "scaled",  # one equilibrium, numbers of very different sizes
    "shared",  # limits that players share; `expected` is the only variational equilibrium, None where limits contradict
]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A game and what is known about its equilibria.

    `rtol` bounds `miss` for a solver that solves the problem in 64 bit. `determined` maps actions to the numbers that
    all equilibria share. `start`, where given, is a start worth testing besides the default. `shared` has the rows
    and limits that all actions must keep together.
    """

    name: str
    kind: Kind
    game: Callable[[], Game]
    expected: Actions | None
    rtol: float = 1e-8
    others: tuple[Actions, ...] = ()
    stationary: Actions | None = None
    determined: Callable[[Actions], np.ndarray] | None = None
    start: Actions | None = None
    shared: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def solutions(self) -> tuple[Actions, ...]:
        """Every known equilibrium."""
        return () if self.expected is None else (self.expected, *self.others)

    def miss(self, actions: Any) -> float:
        """The largest relative error to the nearest known equilibrium.

        An entry whose reference is zero is measured against the largest reference of its action, or against one. For a
        continuum only what is determined counts.
        """
        found = {name: np.asarray(value, float) for name, value in actions.items()}
        if self.determined is not None:
            assert self.expected is not None
            return _relative(self.determined(found), self.determined(self.expected))
        return min(max(_relative(found[name], at[name]) for name in at) for at in self.solutions)


def _relative(found: np.ndarray, wanted: np.ndarray) -> float:
    found, wanted = np.atleast_1d(found), np.atleast_1d(wanted)
    if wanted.size == 0:
        return 0.0
    size = np.where(wanted == 0, np.max(np.abs(wanted)) or 1.0, np.abs(wanted))
    return float(np.max(np.abs(found - wanted) / size))


def classic(
    name: str,
    kind: Kind,
    mechanism: Callable[[], Any],
    action: str,
    reference: Callable[[Any], np.ndarray] | None,
    stationary: Callable[[Any], np.ndarray] | None = None,
    **rest: Any,
) -> Problem:
    """A problem from a mechanism of the package; references are computed in 64 bit whatever JAX is set to."""
    with jax.enable_x64(True):
        built = mechanism()
        return Problem(
            name,
            kind,
            lambda: mechanism().game(),
            None if reference is None else {action: reference(built)},
            stationary=None if stationary is None else {action: stationary(built)},
            **rest,
        )


def one_action(
    outcomes: Callable[..., Any], params: dict[str, Any], box: Any, owned: int = 1, jacobian: Any = None
) -> Game:
    """A game whose outcome "payoff" has one entry per entry of the action "x"; players own runs of `owned` entries."""
    dtype = jnp.zeros(()).dtype
    arrays = {name: jnp.asarray(value, dtype) for name, value in params.items()}
    (size,) = jax.tree.leaves(arrays)[0].shape[:1]
    lower, upper = (jnp.broadcast_to(jnp.asarray(bound, dtype), (size,)) for bound in box)
    owners = tuple(f"player {entry // owned + 1}" for entry in range(size))
    players = tuple(dict.fromkeys(owners))
    return Game(
        arrays,
        actions=[Action("x", (size,), owners)],
        bounds=Box({"x": lower}, {"x": upper}),
        outcomes=outcomes,
        jacobian=jacobian,
        pay={player: {"payoff": np.array([owner == player for owner in owners], float)} for player in players},
        total={"payoff": 1.0},
    )
