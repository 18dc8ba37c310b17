"""What is computed at every point: Nash equilibrium and first best, certificates for both, and the extras asked for."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve.certify import Certificate, certify
from eqsolve.equilibrium import Equilibrium
from eqsolve.game import Game, paid
from eqsolve.solve import require_searchable, solve_first_best, solve_nash
from eqsolve.stages.stagewise import stage_solvers
from eqsolve.study._errors import StudyError
from eqsolve.study.mechanisms import as_game
from eqsolve.study.solvers import Methods

Extra = Callable[[Any], Any]


class Solved(eqx.Module):
    """An equilibrium, the verdict of its certificate, each player's gain from deviating, and the planner's total."""

    equilibrium: Equilibrium
    certified: Bool[Array, "..."]
    gain: Float[Array, "... players"]
    total: Float[Array, "..."]


class Point(eqx.Module):
    """The results at one point of a sweep, or at many."""

    nash: Solved
    first_best: Solved
    extras: OrderedDict[str, Array]

    @property
    def certified(self) -> np.ndarray:
        """Whether both plans have a certificate."""
        return np.asarray(self.nash.certified & self.first_best.certified)

    @property
    def worst_regret(self) -> float:
        """The largest gain found, over players, plans and points; points without actions do not count."""
        gains = np.concatenate([np.ravel(self.nash.gain), np.ravel(self.first_best.gain)])
        return float(np.max(gains, initial=0.0, where=np.isfinite(gains)))


class Task(eqx.Module):
    """From a mechanism to its `Point`: a pure function for `eqsolve.batch`."""

    methods: Methods
    extras: tuple[tuple[str, Extra], ...] = eqx.field(static=True)

    def __call__(self, mechanism: Any) -> Point:
        """Solve, certify and evaluate the extras."""
        game = as_game(mechanism)
        joint = game.cooperative()
        nash = solve_nash(game, solver=self.methods.nash)
        best = solve_first_best(game, solver=self.methods.first_best)
        # the first best in the words of the game: who decides what, and what each player would earn
        best = dataclasses.replace(best, objectives=game.objectives(best.actions), owners=nash.owners)
        return Point(
            nash=_solved(game, nash, certify(game, nash.actions, self.methods.search, solver=self.methods.nash)),
            first_best=_solved(game, best, certify(joint, best.actions, self.methods.search)),
            extras=self._extras(mechanism),
        )

    def require_searchable(self, game: Game) -> None:
        """Raise where some action set is infinite and the study declares no box to search."""
        searches = {"certify": self.methods.search, "nash.search": self.methods.nash.searched}
        for where, search in searches.items():
            try:
                if search is not None:
                    require_searchable(game, stage_solvers(game, self.methods.nash), search)
            except ValueError as error:
                raise StudyError(f"{where}: {error} In a study this is the table [{where}.box].") from None

    def _extras(self, mechanism: Any) -> OrderedDict[str, Array]:
        found: OrderedDict[str, Array] = OrderedDict()
        for path, extra in self.extras:
            values, name = extra(mechanism), path.rpartition(":")[2]
            for key, value in _named_arrays(values, path).items():
                found[f"{name}.{key}" if key else name] = jnp.asarray(value)
        return found


def _named_arrays(values: Any, path: str) -> Mapping[str, Any]:
    """The arrays that an extra returned: a mapping, the fields of a dataclass, or a single array without a name."""
    if dataclasses.is_dataclass(values):
        values = {field.name: getattr(values, field.name) for field in dataclasses.fields(values)}
    elif not isinstance(values, Mapping):
        values = {"": values}
    for key, value in values.items():
        if not eqx.is_array_like(value):
            what = f"{key!r} is {value!r}" if key else f"it is {value!r}"
            raise StudyError(f"report.extras: {path!r} must return arrays by name, or one array, but {what}.")
    return values


def _solved(game: Game, equilibrium: Equilibrium, certificate: Certificate) -> Solved:
    gain = jnp.stack(list(certificate.gain.values()))
    return Solved(equilibrium, certificate.certified, gain, paid(game.total, equilibrium.outcomes))
