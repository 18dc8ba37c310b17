"""The result of solving a game: `Status` and `Equilibrium`."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from eqsolve._tables import entry_label, number, priced_table, table

if TYPE_CHECKING:
    import xarray


class Status(eqx.Enumeration):
    """How a solve ended. Under `vmap` it is an array: compare with `==`, read messages with `messages`.

    >>> print(Status[Status.stalled])
    No step improved the residual and the point is no solution. Try another start or BestReply().
    """

    converged = "Stationary for every player, isolated, and no player's own curvature has the wrong sign."
    kinked = (
        "A payoff has a kink or ends here: one-sided derivatives bracket zero in every direction tried. Exact to"
        " rounding of the action; derivatives of the solution are not defined."
    )
    degenerate = (
        "Stationary for every player, but the Jacobian is singular: other solutions may lie next to this one (a"
        " continuum). Derivatives of the solution are not defined."
    )
    not_maximum = (
        "Stationary, but some player's payoff curves upward in its own actions: this is no best reply. Try other starts"
        " (enumerate_equilibria) or BestReply()."
    )
    stalled = "No step improved the residual and the point is no solution. Try another start or BestReply()."
    step_limit = (
        "The step limit was reached before the point settled (slow, or a cycle). Do not use `actions` without a"
        " certificate; raise the limit, damp the replies or try another solver."
    )
    nonfinite = "A payoff or its derivative is NaN or infinite at the start or where steps led: no point was computed."
    infeasible = (
        "A lower bound exceeds its upper bound or is NaN, the start lies outside, or no point keeps the shared"
        " constraints: no point was computed."
    )


STATUS_NAMES = ("converged", "kinked", "degenerate", "not_maximum", "stalled", "step_limit", "nonfinite", "infeasible")
STATUSES = tuple(getattr(Status, name) for name in STATUS_NAMES)


def code(status: Status) -> Int[Array, "..."]:
    """The status as integers into `STATUS_NAMES`; batched statuses keep their shape."""
    return status._value  # pyright: ignore


def is_solved(status: Status) -> Bool[Array, "..."]:
    """Whether a status is that of a candidate equilibrium."""
    return code(status) <= STATUS_NAMES.index("degenerate")


class Equilibrium(eqx.Module):
    """Actions that solve a game, with what follows from them; always the same structure, also inside a batch.

    **Fields** (a batch puts its axis in front of every array):

    - `actions`: by action name, each of the action's shape; NaN where nothing was computed.
    - `outcomes`: expected outcomes by name, reported ones included.
    - `objectives`: each player's expected pay, by player.
    - `residual`: the largest violation of stationarity, relative to the scale of the marginal payoffs (0 is perfect).
    - `multipliers`: by action, the owner's marginal payoff where a bound is active (positive at an upper, negative at a
      lower bound), zero elsewhere: what one more unit of room would earn. Shared constraints are paid for at their
      prices.
    - `active`: by action, -1 at the lower bound, 1 at the upper bound, 0 between.
    - `status`: a `Status`; `steps`: solver steps taken (of the longest climb, for a first best).
    - `prices`: by shared constraint, its shadow price in payoffs per unit of the limit, at least zero for `A x <= b`;
      `slack`: b - A x. `player_prices`: by player and constraint, the price over the player's weight: what one more
      unit of the limit is worth to the player who may use it. Empty without constraints.

    `str()` prints a table; `to_numpy` and `to_dataset` convert. For derivatives, pass the solve to `jax.grad` or
    `jax.jvp`: actions, outcomes, objectives and prices carry the implicit derivative in every array of the game;
    derivatives are NaN where they do not exist (see `status`).
    """

    actions: OrderedDict[str, Array]
    outcomes: OrderedDict[str, Array]
    objectives: OrderedDict[str, Array]
    residual: Float[Array, "..."]
    multipliers: OrderedDict[str, Array]
    active: OrderedDict[str, Array]
    status: Status
    steps: Int[Array, "..."]
    owners: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)
    prices: OrderedDict[str, Array] = eqx.field(default_factory=OrderedDict)
    slack: OrderedDict[str, Array] = eqx.field(default_factory=OrderedDict)
    player_prices: OrderedDict[str, OrderedDict[str, Array]] = eqx.field(default_factory=OrderedDict)

    @property
    def solved(self) -> Bool[Array, "..."]:
        """Whether the point is a candidate equilibrium: converged, kinked or degenerate. `certify` decides."""
        return is_solved(self.status)

    def messages(self) -> list[str]:
        """One line per status that occurs: how many, and what it means."""
        codes, counts = np.unique(np.asarray(code(self.status)), return_counts=True)
        return [
            f"{STATUS_NAMES[index]} ({count}): {Status[STATUSES[index]]}"
            if count > 1 or self.residual.ndim
            else f"{STATUS_NAMES[index]}: {Status[STATUSES[index]]}"
            for index, count in zip(codes, counts, strict=True)
        ]

    def to_numpy(self) -> dict[str, Any]:
        """The result as plain NumPy arrays in nested dicts; the status as names."""
        fields = ("actions", "outcomes", "objectives", "residual", "multipliers", "active", "steps")
        fields += ("prices", "slack", "player_prices")
        plain: dict[str, Any] = {name: jax.tree.map(np.asarray, getattr(self, name)) for name in fields}
        return plain | {"status": np.array(STATUS_NAMES)[np.asarray(code(self.status))]}

    def to_dataset(self, coords: dict[str, Any] | None = None) -> "xarray.Dataset":
        """The result as an `xarray.Dataset` with one named variable per action, outcome and objective.

        **Arguments:** `coords`: one entry per batch axis, in order: name -> values along it. Without it batch axes are
        called `batch`, `batch_1`, ...
        **Errors:** `ImportError` that names the extra where xarray is missing; `ValueError` where lengths differ.
        """
        from eqsolve.datasets.labelled import equilibrium_dataset

        return equilibrium_dataset(self, coords)

    def __str__(self) -> str:
        if self.residual.ndim:
            return self._batch_table()
        plain = self.to_numpy()
        owners = dict(self.owners)
        rows: list[tuple[str, ...]] = []
        for name, values in plain["actions"].items():
            bounds = {-1: "lower", 0: "", 1: "upper"}
            for entry, (index, value) in enumerate(np.ndenumerate(values)):
                label = entry_label(name, index)
                multiplier, active = plain["multipliers"][name][index], int(plain["active"][name][index])
                note = f"{bounds[active]} bound, multiplier {number(multiplier)}" if active else ""
                rows.append((owners[name][entry], label, number(value), note))
        lines = [table(("player", "action", "value", ""), rows), ""]
        lines.append(table(("player", "objective"), [(p, number(v)) for p, v in plain["objectives"].items()]))
        if plain["prices"]:
            lines += ["", priced_table(plain["slack"], plain["prices"])]
        lines += ["", f"residual {number(plain['residual'])} after {int(plain['steps'])} steps", *self.messages()]
        return "\n".join(lines)

    def _batch_table(self) -> str:
        plain = self.to_numpy()
        rows = []
        prices = {f"price: {name}": values for name, values in plain["prices"].items()}
        for name, values in {**plain["actions"], **plain["objectives"], **prices}.items():
            with np.errstate(all="ignore"):
                finite = values[np.isfinite(values)]
            spread = (finite.min(), np.median(finite), finite.max()) if finite.size else (np.nan,) * 3
            rows.append((name, *(number(value) for value in spread)))
        head = f"{self.residual.size} games"
        return "\n".join([head, table(("", "min", "median", "max"), rows), "", *self.messages()])
