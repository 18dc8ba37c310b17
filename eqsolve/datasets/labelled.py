"""Equilibria as labelled data sets: names for variables, axes and codes, so that a saved sweep explains itself.

xarray is imported when it is needed, because the package itself runs without it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eqsolve._checks import unknown_name
from eqsolve.equilibrium import STATUS_NAMES, STATUSES, Equilibrium, Status, code

if TYPE_CHECKING:
    import xarray

PLAYER = "player"
RESERVED = ("objective", "residual", "steps", "status", PLAYER)


def equilibrium_dataset(
    equilibrium: Equilibrium, coords: Mapping[str, Any] | None = None, dims: Mapping[str, Sequence[str]] | None = None
) -> "xarray.Dataset":
    """An equilibrium, or a batch of them, as an `xarray.Dataset`.

    Variables:

    - one per action and one per outcome, under their own names. An outcome whose name an action already has becomes
      `"outcome: <name>"`; a name of this list or of a coordinate becomes `"action: <name>"` or `"outcome: <name>"`.
    - `objective`, each player's expected pay, along the dimension `player`.
    - `price: <constraint>` and `slack: <constraint>` for shared constraints: shadow prices and what is left of limits.
    - `residual`, `steps`, and `status`, integer codes explained by the CF attributes `flag_values` and `flag_meanings`.

    The attribute `role` of a variable says which of these it is. Multipliers and active bounds are left out (`to_numpy`
    has them). Dimensions are the batch axes, then the variable's own:

    - axis 0 of an action whose entries belong to all players, one entry each in their order, is `player`;
    - where the game has such an action, so is axis 0 of every outcome with as many entries as there are players (say
      otherwise with `dims` where an outcome has that length by chance);
    - axis k of anything else is `"<name>_<k>"`. In a first best nobody but the planner owns anything: name the axes
      with `dims` to line it up with a Nash equilibrium.

    **Arguments:**

    - `coords`: batch axis -> values along it, in order. A batch with a single axis is folded into a grid whose sizes
      multiply to its length, last coordinate fastest. Without it the batch axes are `batch`, `batch_1`, ...
    - `dims`: name of an action or outcome -> names of its own axes, in place of those above.

    **Errors:** `ImportError` that names the extra where xarray is missing; `ValueError` where sizes, names or axes do
    not fit.
    **Source:** CF Conventions 1.11, section 3.5, for the status codes.

    >>> from collections import OrderedDict
    >>> stock, zero = OrderedDict(stock=np.array([[3.0, 1.0], [4.0, 2.0]])), OrderedDict(stock=np.zeros((2, 2)))
    >>> batch = Equilibrium(
    ...     actions=stock, outcomes=OrderedDict(), objectives=OrderedDict(a=np.zeros(2), b=np.zeros(2)),
    ...     residual=np.zeros(2), multipliers=zero, active=zero, status=Status.converged, steps=np.ones(2, int),
    ...     owners=(("stock", ("a", "b")),),
    ... )
    >>> data = equilibrium_dataset(batch, {"margin": [0.2, 0.4]})
    >>> float(data["stock"].sel(margin=0.4, player="b"))
    2.0
    """
    xarray = require_xarray()
    batch = batch_axes(equilibrium.residual.shape, coords)
    size = tuple(length for length, _ in batch.values())
    names = _variable_names(equilibrium, batch)
    own = _own_dims(equilibrium, dims or {}, batch)
    labels = {name: values for name, (_, values) in batch.items() if values is not None}
    shape = len(equilibrium.residual.shape)

    def variable(values: Any, axes: Sequence[str], **attributes: Any) -> "xarray.Variable":
        array = np.asarray(values)
        return xarray.Variable((*batch, *axes), array.reshape(size + array.shape[shape:]), attributes)

    variables: dict[str, Any] = {}
    for role, named in (("action", equilibrium.actions), ("outcome", equilibrium.outcomes)):
        for name, values in named.items():
            variables[names[role, name]] = variable(values, own[role, name], role=role)
    objectives = np.stack([np.asarray(pay) for pay in equilibrium.objectives.values()], axis=-1)
    variables["objective"] = variable(objectives, (PLAYER,), role="objective", long_name="expected pay")
    for role, named in (("price", equilibrium.prices), ("slack", equilibrium.slack)):
        for name, values in named.items():
            axes = tuple(f"{name}_{axis}" for axis in range(np.ndim(values) - shape))
            variables[f"{role}: {name}"] = variable(values, axes, role=role)
    variables["residual"] = variable(
        equilibrium.residual, (), role="diagnostic", long_name="relative violation of stationarity"
    )
    variables["steps"] = variable(equilibrium.steps, (), role="diagnostic", long_name="solver steps")
    variables["status"] = xarray.Variable((*batch,), *flagged_codes(equilibrium, size))
    try:  # names as objects: fixed-width text has no Zarr v3 specification
        return xarray.Dataset(variables, coords={PLAYER: np.array(list(equilibrium.objectives), object), **labels})
    except ValueError as error:  # an axis named in `dims` with two lengths; xarray names it
        raise ValueError(f"equilibrium_dataset: {error}; give axes of different lengths different names.") from error


def batch_axes(shape: tuple[int, ...], coords: Mapping[str, Any] | None) -> dict[str, tuple[int, np.ndarray | None]]:
    """Length and values of every batch dimension, in order."""
    if coords is None:
        return {"batch" + (f"_{axis}" if axis else ""): (length, None) for axis, length in enumerate(shape)}
    values = {name: np.asarray(given) for name, given in coords.items()}
    for name, given in values.items():
        if given.ndim != 1:
            raise ValueError(f"coords[{name!r}] has shape {given.shape}; give a vector of values along one batch axis.")
        if name in RESERVED:
            raise ValueError(f"coords has the name {name!r}, which the data set uses itself; rename the coordinate.")
    sizes = {name: len(given) for name, given in values.items()}
    folds = len(shape) == 1 and len(sizes) > 0 and math.prod(sizes.values()) == shape[0]
    if tuple(sizes.values()) != shape and not folds:
        raise ValueError(
            f"coords have the sizes {sizes}, but the batch has shape {shape}; give one coordinate per batch axis in"
            " order, or coordinates of a grid whose sizes multiply to the length of a single batch axis."
        )
    return {name: (len(given), given) for name, given in values.items()}


def _variable_names(equilibrium: Equilibrium, taken: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The variable's name by (role, name): its own wherever nothing else is called that."""
    reserved = {*RESERVED, *taken}
    names = {("action", name): f"action: {name}" if name in reserved else name for name in equilibrium.actions}
    clashes = reserved | set(equilibrium.actions)
    names |= {("outcome", name): f"outcome: {name}" if name in clashes else name for name in equilibrium.outcomes}
    return names


def _own_dims(
    equilibrium: Equilibrium, given: Mapping[str, Sequence[str]], batch: Mapping[str, Any]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """The dimensions of every action and outcome after the batch axes."""
    known = [*equilibrium.actions, *equilibrium.outcomes]
    for name in given:
        if name not in known:
            raise ValueError(unknown_name("dims: action or outcome", name, known))
    players = tuple(equilibrium.objectives)
    batched = equilibrium.residual.ndim
    shapes = {
        (role, name): np.shape(values)[batched:]
        for role, named in (("action", equilibrium.actions), ("outcome", equilibrium.outcomes))
        for name, values in named.items()
    }
    owners = dict(equilibrium.owners)
    by_player = {
        key: shape
        for key, shape in shapes.items()
        if key[0] == "action" and len(players) > 1 and _one_entry_each(owners[key[1]], shape, players)
    }
    own: dict[tuple[str, str], tuple[str, ...]] = {}
    for (role, name), shape in shapes.items():
        per_player = (role, name) in by_player or (role == "outcome" and by_player and shape[:1] == (len(players),))
        first = (PLAYER,) if per_player else (f"{name}_0",)
        axes = tuple(given.get(name, (*first, *(f"{name}_{axis}" for axis in range(1, len(shape))))[: len(shape)]))
        if len(axes) != len(shape):
            raise ValueError(f"dims[{name!r}] names the axes {axes}, but {role} {name!r} has the shape {shape}.")
        if len({*axes, *batch}) < len(axes) + len(batch):
            raise ValueError(
                f"{role} {name!r} has the axes {axes} after the batch axes {tuple(batch)}; rename the equal ones."
            )
        own[role, name] = axes
    return own


def _one_entry_each(owners: tuple[str, ...], shape: tuple[int, ...], players: tuple[str, ...]) -> bool:
    """Whether axis 0 has one entry per player, in the players' order."""
    if shape[:1] != (len(players),):
        return False
    repeat = math.prod(shape[1:])
    return owners == tuple(player for player in players for _ in range(repeat))


def require_xarray() -> Any:
    """The module xarray; an error that names the extra where it is missing."""
    try:
        import xarray
    except ImportError as error:
        raise ImportError('A labelled data set needs xarray: pip install "eqsolve[study]".') from error
    return xarray


def flagged_codes(equilibrium: Equilibrium, size: tuple[int, ...]) -> tuple[np.ndarray, dict[str, Any]]:
    """The status as integer codes of a shape, and the attributes that explain them."""
    messages = [f"{name}: {Status[status]}" for name, status in zip(STATUS_NAMES, STATUSES, strict=True)]
    codes = np.broadcast_to(np.asarray(code(equilibrium.status)), equilibrium.residual.shape).astype(np.int8)
    return codes.reshape(size), {
        "role": "diagnostic",
        "long_name": "how the solve ended",
        "flag_values": np.arange(len(STATUS_NAMES), dtype=np.int8),
        "flag_meanings": " ".join(STATUS_NAMES),
        "comment": "\n".join(messages),
    }
