"""A named decision and who takes it."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Action:
    """One named decision: its shape, and the player who controls it.

    **Arguments:** `name`: unique in its game. `shape`: `()` for a number, `(n,)` and so on for an array. `owner`: the
    player's name, or a tuple with one name per entry of axis 0 where the entries belong to different players.
    **Errors:** `TypeError` or `ValueError` for an empty shape, a bad name or a wrong number of owners.

    >>> Action("quantity", (2,), ("left", "right")).owners
    ('left', 'right')
    """

    name: str
    shape: tuple[int, ...]
    owner: str | tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"Action.name is {self.name!r}; give a non-empty string.")
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if any(length < 1 for length in self.shape):
            raise ValueError(f"Action {self.name!r} has shape {self.shape}; every axis needs at least one entry.")
        if isinstance(self.owner, str):
            return
        object.__setattr__(self, "owner", tuple(self.owner))
        if not all(isinstance(owner, str) for owner in self.owner):
            raise TypeError(f"Action {self.name!r} has owners {self.owner}; give players by name.")
        if not self.shape or len(self.owner) != self.shape[0]:
            raise ValueError(
                f"Action {self.name!r} has shape {self.shape} and {len(self.owner)} owners; give one owner, or one per"
                " entry of axis 0."
            )

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def owners(self) -> tuple[str, ...]:
        """The owner of each entry, entries in row-major order."""
        if isinstance(self.owner, str):
            return (self.owner,) * self.size
        repeat = self.size // self.shape[0]
        return tuple(owner for owner in self.owner for _ in range(repeat))

    def with_owner(self, renamed: dict[str, str]) -> "Action":
        """The same action with players renamed; players that are not in `renamed` keep their names."""
        owner = self.owner
        if isinstance(owner, str):
            return dataclasses.replace(self, owner=renamed.get(owner, owner))
        owners = tuple(renamed.get(name, name) for name in owner)
        return dataclasses.replace(self, owner=owners[0] if len(set(owners)) == 1 else owners)
