"""Mixed profiles: from what a user writes to vectors of probabilities, and what strategies earn against them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import as_array, concrete, unknown_name


def deviation_values(
    tensor: Float[Array, "*strategies"], mixtures: Sequence[Float[Array, " strategies"]], player: int
) -> Float[Array, " strategies"]:
    """What each strategy of a player, whose payoffs are `tensor`, earns against the others' mixtures."""
    for axis in reversed(range(tensor.ndim)):  # from the last, so that the axes still to come keep their places
        if axis != player:
            tensor = jnp.tensordot(tensor, mixtures[axis], axes=(axis, 0), precision=jax.lax.Precision.HIGHEST)
    return tensor


def as_mixtures(
    players: Sequence[str], strategies: Sequence[Sequence[str]], profile: Any, dtype: Any
) -> tuple[Float[Array, " strategies"], ...]:
    """One vector of probabilities per player; raises where names, shapes or concrete probabilities are wrong."""
    if isinstance(profile, Mapping):
        for player in profile:
            if player not in players:
                raise ValueError(unknown_name("The profile: player", player, players))
        if absent := [player for player in players if player not in profile]:
            raise ValueError(f"The profile has no entry {absent[0]!r}; give every player's mixture: {list(players)}.")
        profile = [profile[player] for player in players]
    if isinstance(profile, str) or not hasattr(profile, "__len__") or len(profile) != len(players):
        raise ValueError(f"The profile {profile!r} does not have one entry for each of the players {list(players)}.")
    return tuple(_mixture(*entry, dtype) for entry in zip(players, strategies, profile, strict=True))


def _mixture(player: str, strategies: Sequence[str], given: Any, dtype: Any) -> Array:
    if isinstance(given, str):
        given = {given: 1.0}
    if isinstance(given, Mapping):
        for name in given:
            if name not in strategies:
                raise ValueError(unknown_name(f"The profile: strategy of {player!r}", name, strategies))
        given = jnp.stack([as_array(given.get(name, 0.0), dtype, f"The profile of {player!r}") for name in strategies])
    mixture = as_array(given, dtype, f"The profile of {player!r}")
    if mixture.shape != (len(strategies),):
        raise ValueError(
            f"The profile of {player!r} has shape {mixture.shape}; give {len(strategies)} probabilities, one per"
            " strategy."
        )
    valid = jnp.all(mixture >= 0) & (jnp.abs(jnp.sum(mixture) - 1) <= jnp.finfo(dtype).eps ** 0.5)
    known = concrete(valid)
    if known is not None and not known:
        raise ValueError(
            f"The profile of {player!r} is {np.asarray(mixture)}; give probabilities of at least 0 that sum to 1."
        )
    return jnp.where(valid, mixture, jnp.nan)
