"""Shared linear constraints: limits that couple the actions of several players.

A market clears, a river takes only so much pollution, firms share one capacity. Nobody's own bounds say so, and a
player's feasible actions depend on what the others do (a generalised Nash game with a joint polyhedron).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import as_array, unknown_name
from eqsolve._fields import require_positive, require_scalar

if TYPE_CHECKING:
    from eqsolve.action import Action

Named = Mapping[str, Any]


class Linear(eqx.Module):
    """Shared linear constraints by name: `A x <= b` or `A x == b` over actions of any players.

    **Arguments:**

    - `coefficients`: constraint -> action name -> coefficients, a number for all entries of the action or an array of
      the action's shape, in units of the constraint per unit of the action; actions that are left out do not count.
    - `upper`: constraint -> b of `A x <= b`; write `A x >= b` as `-A x <= -b`. `equal`: constraint -> b of `A x == b`.
      Every constraint is named in one of the two. An array b is one constraint per entry under one name; its
      coefficients then have b's shape followed by the action's.
    - `weights`: player -> r > 0 of the normalisation; 1 for players left out. Player p bears the shadow price over
      r_p: the higher its weight, the less the constraint holds it back. With equal weights all bear the same price,
      the variational equilibrium.

    All numbers are arrays that can be swept and differentiated. Constraints that are nonlinear in the actions are out
    of scope.

    **Errors:** `TypeError` and `ValueError` for names that do not match, and coefficients or limits that are not finite
    (checked with the actions by the game that takes the constraint), and weights that are not positive.
    **Source:** Rosen (1965), Existence and uniqueness of equilibrium points for concave n-person games, section 3
    (normalised equilibria).

    >>> cap = Linear({"emissions": {"quantity": [1.0, 2.0]}}, upper={"emissions": 6.0})
    >>> cap.names
    ('emissions',)
    """

    coefficients: dict[str, dict[str, Array]]
    upper: dict[str, Array]
    equal: dict[str, Array]
    weights: dict[str, Array]
    names: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        coefficients: Mapping[str, Named],
        *,
        upper: Named | None = None,
        equal: Named | None = None,
        weights: Named | None = None,
    ):
        for field, given in {"coefficients": coefficients, "upper": upper, "equal": equal, "weights": weights}.items():
            if given is not None and not isinstance(given, Mapping):
                raise TypeError(f"Linear.{field} is {given!r}; give a dict by name.")
        for name, row in coefficients.items():
            if not isinstance(row, Mapping):
                raise TypeError(f"Linear.coefficients[{name!r}] is {row!r}; give a dict from action to coefficients.")
        self.coefficients = {name: _arrays(f"coefficients[{name!r}]", row) for name, row in coefficients.items()}
        self.upper = _arrays("upper", upper or {})
        self.equal = _arrays("equal", equal or {})
        self.weights = _arrays("weights", weights or {})
        self.names = tuple(coefficients)

    def __check_init__(self) -> None:
        if not self.names:
            raise ValueError("Linear.coefficients is empty; name at least one constraint, or give the game None.")
        for name in (*self.upper, *self.equal):
            if name not in self.names:
                raise ValueError(unknown_name("Linear: limit of constraint", name, self.names))
        for name in self.names:
            if (name in self.upper) == (name in self.equal):
                raise ValueError(
                    f"Linear: constraint {name!r} needs its limit in exactly one of `upper` (A x <= b) and `equal`"
                    " (A x == b)."
                )
            if not self.coefficients[name]:
                raise ValueError(f"Linear.coefficients[{name!r}] is empty; name at least one action.")
        for player, weight in self.weights.items():
            require_scalar(weight, f"Linear.weights[{player!r}]")
            require_positive(weight, f"Linear.weights[{player!r}]")

    def limit(self, name: str) -> Array:
        """The limit b of a constraint; its shape is that of the constraint."""
        return self.upper[name] if name in self.upper else self.equal[name]

    def weight(self, player: str) -> Array:
        """The weight r of a player in the normalisation."""
        return self.weights.get(player, jnp.ones((), self.limit(self.names[0]).dtype))

    def named(self, values: Float[Array, " m"]) -> OrderedDict[str, Array]:
        """One number per row, by constraint and in its shape."""
        ends = np.cumsum([self.limit(name).size for name in self.names])
        limits = [(name, self.limit(name), end) for name, end in zip(self.names, ends, strict=True)]
        return OrderedDict((name, values[end - b.size : end].reshape(b.shape)) for name, b, end in limits)

    @property
    def equality(self) -> tuple[bool, ...]:
        """Which rows are equalities, entry by entry of every constraint."""
        return tuple(name in self.equal for name in self.names for _ in range(self.limit(name).size))

    def vector(self) -> Float[Array, " m"]:
        """All limits, one per row."""
        return jnp.concatenate([jnp.ravel(self.limit(name)) for name in self.names])

    def matrix(self, actions: Sequence[Action]) -> Float[Array, "m n"]:
        """All coefficients: one row per constraint, one column per entry of `actions`."""
        return jnp.concatenate(
            [jnp.concatenate([self._block(name, action) for action in actions], axis=1) for name in self.names]
        )

    def _block(self, name: str, action: Action) -> Float[Array, "rows entries"]:
        limit = self.limit(name)
        given = self.coefficients[name].get(action.name, jnp.zeros((), limit.dtype))
        return jnp.broadcast_to(given, limit.shape + action.shape).reshape(limit.size, action.size)

    def joined(self, members: Iterable[str], name: str) -> Linear:
        """The same constraints where `members` become one player, with the mean of their weights."""
        members = list(members)
        kept = {player: weight for player, weight in self.weights.items() if player not in members}
        if len(kept) < len(self.weights):
            kept[name] = jnp.mean(jnp.stack([self.weight(member) for member in members]))
        return self._with_weights(kept)

    def unweighted(self) -> Linear:
        """The same constraints, every player bearing the same price."""
        return self._with_weights({})

    def _with_weights(self, weights: Named) -> Linear:
        return Linear(self.coefficients, upper=self.upper, equal=self.equal, weights=weights)


def _arrays(field: str, given: Named) -> dict[str, Array]:
    default = jnp.zeros(()).dtype
    return {name: as_array(value, default, f"Linear.{field}[{name!r}]") for name, value in given.items()}


def as_constraint(constraint: Any, dtype: Any) -> Linear | None:
    """`constraint` in the precision of a game; raises where it is neither a `Linear` nor None."""
    if constraint is None:
        return None
    if not isinstance(constraint, Linear):
        raise TypeError(
            f"Game.constraint is {constraint!r}; give Linear(coefficients, upper=..., equal=...) or None. Shared"
            " constraints that are nonlinear in the actions are not solved."
        )
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), constraint)
