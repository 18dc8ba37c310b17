"""Sensitivities: how a solution moves with the game's parameters, by name, as derivatives and as elasticities."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from eqsolve._checks import unknown_name
from eqsolve._shapes import shapes_of
from eqsolve._tables import entry_label, is_traced, number, path_label, table
from eqsolve.equilibrium import Equilibrium
from eqsolve.game import Game
from eqsolve.solve import require_game, solve_nash

if TYPE_CHECKING:
    import xarray

ByParameter = OrderedDict[str, OrderedDict[str, Array]]
ROLES = ("action", "objective", "outcome")


class Responses(eqx.Module):
    """How everything moves with everything: by action, objective or outcome, then by parameter.

    Each array has the shape of what moves, followed by that of the parameter: `actions["quantity"]["cost"][0, 1]` is
    the response of the first quantity to the second cost.
    """

    actions: ByParameter
    objectives: ByParameter
    outcomes: ByParameter

    def items(self) -> Iterator[tuple[str, str, OrderedDict[str, Array]]]:
        """Role, name and responses by parameter of everything that moves."""
        for role in ROLES:
            for name, responses in getattr(self, f"{role}s").items():
                yield role, name, responses


class GameSensitivities(eqx.Module):
    """Derivatives and elasticities of a solution in the parameters of its game.

    **Fields** (a batch puts its axis in front of every array):

    - `derivatives`: `Responses` in units of what moves per unit of the parameter. Others' reactions are included.
    - `elasticities`: `Responses` in percent per percent; NaN where what moves, or the parameter, is zero.
    - `parameters`: their values by name. `equilibrium`: the solution, with its status.

    Both are NaN where the derivative does not exist: read `equilibrium.status`. `str()` prints a table; `to_numpy` and
    `to_dataset` convert.
    """

    derivatives: Responses
    elasticities: Responses
    parameters: OrderedDict[str, Array]
    equilibrium: Equilibrium

    def to_numpy(self) -> dict[str, Any]:
        """Everything as plain NumPy arrays in nested dicts; the status as names."""
        plain = {
            name: {f"{role}s": jax.tree.map(np.asarray, getattr(getattr(self, name), f"{role}s")) for role in ROLES}
            for name in ("derivatives", "elasticities")
        }
        parameters = jax.tree.map(np.asarray, self.parameters)
        return plain | {"parameters": parameters, "status": self.equilibrium.to_numpy()["status"]}

    def to_dataset(self, coords: dict[str, Any] | None = None) -> "xarray.Dataset":
        """The same as an `xarray.Dataset` with the dimensions `result` and `parameter`, one label per entry.

        **Arguments:** `coords`: one entry per batch axis, as for `Equilibrium.to_dataset`.
        **Errors:** `ImportError` that names the extra where xarray is missing; `ValueError` where lengths differ.
        """
        from eqsolve.datasets.labelled_sensitivities import sensitivities_dataset

        return sensitivities_dataset(self, coords)

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        batched = self.equilibrium.residual.ndim
        header = ("min", "median", "max") if batched else ("derivative", "elasticity")
        rows: list[tuple[str, ...]] = []
        for name, value in self.parameters.items():
            for place in np.ndindex(value.shape[batched:]):
                rows += [(entry_label(name, place), *row) for row in self._rows(name, place)]
        return "\n".join([table(("parameter", "kind", "result", *header), rows), "", *self.equilibrium.messages()])

    def _rows(self, parameter: str, place: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
        batched = self.equilibrium.residual.ndim
        for (role, name, slopes), (_, _, shares) in zip(
            self.derivatives.items(), self.elasticities.items(), strict=True
        ):
            slope, share = np.asarray(slopes[parameter]), np.asarray(shares[parameter])
            for index in np.ndindex(slope.shape[batched : slope.ndim - len(place)]):
                at = (..., *index, *place)
                if batched:
                    finite = slope[at][np.isfinite(slope[at])]
                    spread = (finite.min(), np.median(finite), finite.max()) if finite.size else (np.nan,) * 3
                    yield role, entry_label(name, index), *map(number, spread)
                else:
                    yield role, entry_label(name, index), number(slope[at]), number(share[at])


def sensitivities(
    game: Game, parameters: Iterable[str] | None = None, task: Callable[[Game], Equilibrium] = solve_nash
) -> GameSensitivities:
    """Derivatives and elasticities of actions, objectives and outcomes in the game's parameters.

    Pass-through is among them: how prices, actions or outcomes, move with costs.

    **Arguments:** `parameters`: names of parameters, by default all with real values: paths into `game.params` such as
    "demand.intercept", or single entries such as "cost[0]". `task`: what solves the game: `solve_nash`,
    `solve_first_best`, or a function defined once at module level that calls one of them with a start or a solver (a
    new function compiles again).
    **Returns:** `GameSensitivities`. In a batch, `batch(make, axes, task=sensitivities)`. Derivatives are taken forward
    or in reverse, whichever has fewer directions.
    Limits, weights and bounds that are no parameters move by `jax.grad` of a function that builds the game.
    **Errors:** `ValueError` for names that do not exist; `TypeError` where `task` returns no `Equilibrium`. Derivatives
    that do not exist are NaN, with a status; so are elasticities where the result or the parameter is zero (a result
    that is zero but for rounding is not recognised: look at the derivative).
    **Source:** the implicit function theorem on the free entries; elasticity as in Varian, Microeconomic Analysis,
    section 13.1.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> found = sensitivities(game, ["cost[0]"])
    >>> [round(float(slope), 3) for slope in found.derivatives.actions["quantity"]["cost[0]"]]
    [-0.667, 0.333]
    >>> round(float(found.derivatives.outcomes["price"]["cost[0]"]), 3)
    0.333
    """
    require_game(game, "sensitivities")
    return _sensitivities(game, _places(game.params, parameters), task)


class _Place(NamedTuple):
    """Where a parameter is: which leaf, and which entry of it (none of them for all)."""

    name: str
    leaf: int
    at: tuple[int, ...]


def _places(params: PyTree, wanted: Iterable[str] | None) -> tuple[_Place, ...]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    whole = {path_label(path): i for i, (path, leaf) in enumerate(leaves) if eqx.is_inexact_array(leaf)}
    if isinstance(wanted, str):
        raise TypeError(f"sensitivities: parameters is the text {wanted!r}; give a list of names.")
    places: list[_Place] = []
    for name in whole if wanted is None else wanted:
        if not isinstance(name, str):
            raise TypeError(
                f"sensitivities: parameters has {name!r}; give names, such as {next(iter(whole), 'cost')!r}."
            )
        base, numbers = re.fullmatch(r"(.*?)((?:\[[\d, ]+\])?)", name).groups()  # pyright: ignore
        if name in whole:
            places.append(_Place(name, whole[name], ()))
        elif base in whole and numbers:
            index = tuple(int(digits) for digits in re.findall(r"\d+", numbers))
            places.append(_Place(name, whole[base], _checked(name, index, np.shape(leaves[whole[base]][1]))))
        else:
            raise ValueError(unknown_name("sensitivities: the parameter", name, whole))
    if not places:
        given = "the list of parameters is empty" if wanted is not None else "no parameter has real values"
        raise ValueError(f"sensitivities: {given}; the names are: {', '.join(map(repr, whole)) or '(none)'}.")
    return tuple(places)


def _checked(name: str, index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(index) != len(shape) or any(i >= length for i, length in zip(index, shape, strict=True)):
        raise ValueError(f"sensitivities: {name!r} is no entry of a parameter of shape {shape}; count from 0.")
    return index


@eqx.filter_jit
def _sensitivities(game: Game, places: tuple[_Place, ...], task: Callable[[Game], Equilibrium]) -> GameSensitivities:
    leaves, structure = jax.tree.flatten(game.params)
    values = OrderedDict((place.name, leaves[place.leaf][place.at]) for place in places)

    def solved(values: OrderedDict[str, Array]) -> tuple[Any, Equilibrium]:
        moved = list(leaves)
        for place in places:
            value = values[place.name]
            moved[place.leaf] = moved[place.leaf].at[place.at].set(value) if place.at else value
        found = task(game.with_params(jax.tree.unflatten(structure, moved)))
        if not isinstance(found, Equilibrium):
            raise TypeError(f"sensitivities: task returns {found!r}; give solve_nash or another that solves a game.")
        return (found.actions, found.objectives, found.outcomes), found

    differentiate = jax.jacfwd if _entries(values) <= _results(game) else jax.jacrev
    slopes, found = differentiate(solved, has_aux=True)(values)
    levels = (found.actions, found.objectives, found.outcomes)
    shares = tuple(
        OrderedDict((name, _elasticities(by_parameter, level[name], values)) for name, by_parameter in named.items())
        for named, level in zip(slopes, levels, strict=True)
    )
    return GameSensitivities(Responses(*slopes), Responses(*shares), values, found)


def _elasticities(
    slopes: OrderedDict[str, Array], level: Array, values: OrderedDict[str, Array]
) -> OrderedDict[str, Array]:
    def elasticity(slope: Array, value: Array) -> Array:
        moved = level.reshape(level.shape + (1,) * value.ndim)
        defined = (moved != 0) & (value != 0)
        return jnp.where(defined, slope * value / jnp.where(defined, moved, 1.0), jnp.nan)

    return OrderedDict((name, elasticity(slope, values[name])) for name, slope in slopes.items())


def _entries(tree: PyTree) -> int:
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def _results(game: Game) -> int:
    actions = {action.name: jax.ShapeDtypeStruct(action.shape, game.dtype) for action in game.actions}
    return _entries(actions) + _entries(shapes_of(type(game).expect, game, actions)) + len(game.players)
