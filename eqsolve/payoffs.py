"""The short way in: a game from payoff functions and bounds."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from eqsolve._checks import as_array, as_parameters, float_dtype, require_callable, require_no_captured_arrays
from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.constraint import Linear
from eqsolve.game import Game

Payoff = Callable[[PyTree, Mapping[str, Array]], Array]


@dataclasses.dataclass(frozen=True)
class PayoffOutcomes:
    """Payoff functions as the outcomes of a game: one outcome per function, under its name."""

    functions: tuple[tuple[str, Payoff], ...]

    def __call__(self, params: PyTree, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
        """Every payoff at these actions."""
        values = {name: function(params, actions) for name, function in self.functions}
        for name, value in values.items():
            if np.shape(value) != ():
                raise ValueError(f"The payoff of {name!r} has shape {np.shape(value)}; return one number.")
        return values


def game_from_payoffs(
    payoffs: Mapping[str, Payoff],
    bounds: Mapping[str, Any],
    params: PyTree = None,
    *,
    extra: Mapping[str, Payoff] | None = None,
    total: Mapping[str, Any] | None = None,
    order: Iterable[Iterable[str]] | None = None,
    constraint: Linear | None = None,
) -> Game:
    """A game from one payoff function per player.

    **Arguments:**

    - `payoffs`: player -> function `(params, actions) -> number`, with `actions` a dict by action name.
    - `bounds`: player -> `(lower, upper)`; the player then has one action, which carries the player's name and the
      shape of the limits. A player with several actions gets `{action: (lower, upper)}`. Limits may be infinite.
    - `params`: pytree of numbers and arrays that the payoffs read; everything to be swept or differentiated.
    - `extra`: further outcomes to report, by name, such as consumer surplus.
    - `total`: the first-best objective, outcome name -> coefficient; by default the sum of all payoffs.
    - `order`: stages of players, first movers first; by default all move at once.
    - `constraint`: shared linear constraints on the actions.

    **Returns:** a `Game` whose outcomes are the payoffs (and the extras), each payoff paid to its player.
    **Errors:** as for `Game`; and `ValueError` where players and bounds do not match.

    >>> def left(params, actions):
    ...     return (params["a"] - actions["left"] - actions["right"]) * actions["left"]
    >>> def right(params, actions):
    ...     return (params["a"] - actions["left"] - actions["right"]) * actions["right"]
    >>> game = game_from_payoffs({"left": left, "right": right}, {"left": (0, 9), "right": (0, 9)}, {"a": 9.0})
    >>> [action.name for action in game.actions]
    ['left', 'right']
    """
    if set(payoffs) != set(bounds):
        raise ValueError(
            f"game_from_payoffs: payoffs name the players {list(payoffs)}, bounds {list(bounds)}; give both for each."
        )
    extra = dict(extra or {})
    if clash := set(payoffs) & set(extra):
        raise ValueError(f"game_from_payoffs: extra outcomes {sorted(clash)} carry players' names; use other names.")
    for name, function in {**payoffs, **extra}.items():
        if function is None:
            raise TypeError(f"The payoff of {name!r} is None; give a function (params, actions) -> number.")
        require_callable(function, f"The payoff of {name!r}")
        require_no_captured_arrays(function, f"The payoff of {name!r}")
    params = as_parameters(params)
    dtype = float_dtype(params)
    limits = {
        (player, action): _pair(action, pair, dtype)
        for player in payoffs
        for action, pair in _named_limits(player, bounds[player]).items()
    }
    return Game(
        params,
        actions=[Action(action, np.shape(low), player) for (player, action), (low, _) in limits.items()],
        bounds=Box(
            {action: low for (_, action), (low, _) in limits.items()},
            {action: high for (_, action), (_, high) in limits.items()},
        ),
        outcomes=PayoffOutcomes((*payoffs.items(), *extra.items())),
        pay={player: {player: 1.0} for player in payoffs},
        total=dict.fromkeys(payoffs, 1.0) if total is None else total,
        order=order,
        constraint=constraint,
    )


def _named_limits(player: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        return {player: given}
    if not given:
        raise ValueError(f"bounds[{player!r}] is empty; give the player an action: {{name: (lower, upper)}}.")
    return given


def _pair(action: str, pair: Any, dtype: Any) -> tuple[Array, Array]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"The bounds of {action!r} are {pair!r}; give a pair (lower, upper).")
    try:
        low, high = jnp.broadcast_arrays(*(as_array(limit, dtype, f"A bound of {action!r}") for limit in pair))
    except (TypeError, ValueError) as error:
        raise ValueError(f"The bounds of {action!r} are {pair!r}; give two numbers or arrays of one shape.") from error
    return low, high
