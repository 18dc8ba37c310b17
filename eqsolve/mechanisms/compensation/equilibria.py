"""All Nash equilibria under a pay scheme, each certified by a global search for deviations."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_kind, require_whole
from eqsolve._tables import number, table
from eqsolve.certify.certificate import certify
from eqsolve.enumerate import enumerate_equilibria
from eqsolve.equilibrium import Status, code
from eqsolve.game import Game
from eqsolve.mechanisms.compensation.active_sets import MOST_ENTRIES, active_set_candidates
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pay import CustomPay, Pay
from eqsolve.solvers.base import Solver


@dataclasses.dataclass(frozen=True)
class NashSet:
    """The distinct certified equilibria of effort under one pay scheme, sorted by effort.

    **Fields** (k equilibria, n departments): `effort` `[k, n, n]`; `output`, `welfare`, `residual` `[k]`;
    `performance`, `cost`, `reward`, `net_pay` `[k, n]` [money]; `gain` `[k]`: the most that a deviation found would
    earn anybody; `isolated` `[k]`: whether no other equilibrium lies next to it, as far as its Jacobian tells.
    `rejected`: stationary points that somebody would leave. `complete`: whether all candidates were certified; False
    where there were more than `most`.
    """

    effort: Float[np.ndarray, "k n n"]
    output: Float[np.ndarray, " k"]
    performance: Float[np.ndarray, "k n"]
    cost: Float[np.ndarray, "k n"]
    reward: Float[np.ndarray, "k n"]
    net_pay: Float[np.ndarray, "k n"]
    residual: Float[np.ndarray, " k"]
    welfare: Float[np.ndarray, " k"]
    gain: Float[np.ndarray, " k"]
    isolated: Bool[np.ndarray, " k"]
    rejected: int
    complete: bool

    def __len__(self) -> int:
        return len(self.effort)

    @property
    def continuum(self) -> bool:
        """Whether some equilibrium has others next to it: the set is then a sample."""
        return not bool(np.all(self.isolated))

    @property
    def unique(self) -> bool:
        """Whether a single, isolated equilibrium was found."""
        return len(self) == 1 and not self.continuum

    def __str__(self) -> str:
        kind = ", all isolated" if len(self) else ""
        kind = ", some with others next to them (a continuum)" if self.continuum else kind
        left = "" if self.complete else "; more candidates were left out"
        head = f"{len(self)} certified equilibria{kind}; {self.rejected} stationary points rejected{left}"
        header = ("effort (row: by whom)", "output", "welfare", "residual", "net pay")
        rows = [
            (
                " | ".join(" ".join(number(e) for e in row) for row in self.effort[k]),
                number(self.output[k]),
                number(self.welfare[k]),
                number(self.residual[k]),
                " ".join(number(u) for u in self.net_pay[k]),
            )
            for k in range(len(self))
        ]
        return "\n".join([head, "", table(header, rows)]) if rows else head


def all_equilibria(
    model: EffortModel,
    pay: Pay | CustomPay,
    *,
    starts: int = 4,
    scattered: int | None = None,
    solver: Solver | None = None,
    most: int = 24,
    distance: float = 1e-4,
) -> NashSet:
    """Find all Nash equilibria of effort under a pay scheme.

    Two departments have four efforts and 81 ways in which bounds may hold; each is searched from several starts. With
    quadratic payoffs that misses no isolated equilibrium. More departments are searched from scattered starts alone.

    **Arguments:** `starts`: Newton searches per set of active bounds. `scattered`: starts of `enumerate_equilibria` in
    addition; by default none for two departments, 64 for more. `solver`: from these, `Newton()` by default. Pay that
    stops rising somewhere (a cap) has equilibria at its kink, often a continuum, which only `BestReply()` finds.
    `most`: how many candidates are certified at most. `distance`: points closer than this share of the box are one.
    **Returns:** a `NashSet`. Finding none is evidence, not proof, that there is none.
    **Errors:** `ValueError` where the pay does not fit the model, or a setting is out of range; `TypeError` for what is
    no model or pay.
    **Source:** Nam (paper 004), sections 3.2 to 3.5, which solve first-order conditions only; ERRATA.md.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> found = all_equilibria(paper_example(), Pay(share=0.5))
    >>> len(found), found.unique, float(found.welfare[0])
    (1, True, 11.0)
    """
    require_kind(model, EffortModel, "all_equilibria: model")
    require_kind(pay, (Pay, CustomPay), "all_equilibria: pay")
    for name, value, least in (("starts", starts, 1), ("scattered", scattered or 0, 0), ("most", most, 1)):
        require_whole(value, f"all_equilibria: {name}", least)
    if not distance >= 0:
        raise ValueError(f"all_equilibria: distance is {distance}; give a number of zero or more.")
    game = model.game(pay)
    width = np.asarray(model.upper - model.lower).ravel()
    points, isolated = _candidates(game, starts, scattered, solver)
    kept = _distinct(points, isolated, distance * width)
    complete, kept = len(kept) <= most, kept[:most]
    shape = model.lower.shape
    efforts = [points[index].reshape(shape) for index in kept]
    certificates = [certify(game, {"effort": effort}) for effort in efforts]
    good = [k for k, certificate in enumerate(certificates) if bool(certificate.certified)]
    good.sort(key=lambda k: tuple(np.round(_paper_order(efforts[k]), 6)))
    return _nash_set(
        game,
        np.array([efforts[k] for k in good]).reshape(-1, *shape),
        most,
        gain=np.array([float(certificates[k].regret) for k in good]),
        isolated=np.array([isolated[kept[k]] for k in good], bool),
        rejected=len(kept) - len(good),
        complete=complete,
    )


def _candidates(game: Game, starts: int, scattered: int | None, solver: Solver | None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct-to-be stationary points `[k, m]` and whether each is isolated."""
    entries = game.actions[0].size
    small = entries <= MOST_ENTRIES
    points, isolated = [np.zeros((0, entries), game.dtype)], [np.zeros(0, bool)]
    if small:
        found = active_set_candidates(game, starts)
        fits = np.asarray(found.fits)
        points.append(np.asarray(found.points)[fits])
        isolated.append(np.asarray(found.isolated)[fits])
    scattered = (0 if small else 64) if scattered is None else scattered
    if scattered:
        converged = code(Status.converged)
        for nash in enumerate_equilibria(game, scattered, solver).equilibria:
            points.append(np.asarray(nash.actions["effort"]).reshape(1, -1))
            isolated.append(np.asarray(code(nash.status) == converged).reshape(1))
    return np.concatenate(points), np.concatenate(isolated)


def _distinct(points: np.ndarray, isolated: np.ndarray, unit: np.ndarray) -> list[int]:
    """Indices of points further than `unit` from every one kept; those on a continuum come first and stand for it."""
    kept: list[int] = []
    for index in np.argsort(isolated, kind="stable"):
        if not any(np.all(np.abs(points[index] - points[other]) <= unit) for other in kept):
            kept.append(int(index))
    return kept


def _paper_order(effort: np.ndarray) -> np.ndarray:
    """Own efforts first, then help, as the paper lists them."""
    own = np.diag(effort)
    return np.concatenate([own, effort[~np.eye(len(own), dtype=bool)]])


def _nash_set(game: Game, effort: np.ndarray, most: int, **found: object) -> NashSet:
    # a fixed number of matrices, so that one program serves any number of equilibria
    padded = np.repeat(np.asarray(game.limits()[0]["effort"])[None], most, axis=0)
    padded[: len(effort)] = effort
    value = {name: np.asarray(values)[: len(effort)] for name, values in _expected(game, jnp.asarray(padded)).items()}
    return NashSet(
        effort=effort,
        output=value["output"],
        performance=value["performance"],
        cost=value["cost"],
        reward=value["reward"],
        net_pay=value["net pay"],
        residual=value["residual"],
        welfare=value["welfare"],
        **found,  # pyright: ignore[reportArgumentType]: the caller names the remaining fields
    )


@eqx.filter_jit
def _expected(game: Game, efforts: Float[Array, "k n n"]) -> dict[str, Array]:
    return dict(jax.vmap(lambda effort: game.expect({"effort": effort}))(efforts))
