"""The best coefficients of schemes 1, 2 and 3, and the welfare that even they lose."""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from eqsolve._checks import require_kind, require_whole
from eqsolve.mechanisms.compensation.equilibria import NashSet, all_equilibria
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pareto import pareto_effort
from eqsolve.mechanisms.compensation.pay import Pay, output_and_own
from eqsolve.mechanisms.compensation.solved_pay import induced, stacked

CANDIDATES = 65  # per round: the size that `full_allocation` compiles too
SHRINK = 0.75  # of the search's width after a round without success
ROUGH = 1e-9  # of output: a deficit that counts as none


@dataclasses.dataclass(frozen=True)
class BestScheme:
    """The best scheme of its class found.

    **Fields:** `pay`; `share`, `rate` `[n]`: its coefficients; `equilibria`: all that it leads to; `welfare` of the
    equilibrium meant; `loss`: what is missing to the Pareto-optimal welfare [money].
    """

    pay: Pay
    share: Float[np.ndarray, " n"]
    rate: Float[np.ndarray, " n"]
    equilibria: NashSet
    welfare: float
    loss: float


def best_scheme(
    model: EffortModel,
    scheme: Literal[1, 2, 3],
    *,
    symmetric: bool = False,
    largest_rate: float = 4.0,
    reservation: Any = 0.0,
    rounds: int = 40,
    seed: int = 0,
) -> BestScheme:
    """Search the coefficients of a scheme for the highest welfare without deficit, everybody taking part.

    A random search that narrows around the best point: the optimum lies where constraints bind and effort has kinks.
    Each scheme counts with the equilibrium that Newton's method finds from the middle of the box.

    **Arguments:** `scheme`: 1 (shares of output in [0, 1]), 2 (rates of own performance) or 3 (both). `symmetric`:
    whether all departments get the same coefficients. `largest_rate`: of own performance; rates start at zero.
    `reservation`: what departments earn elsewhere [money]. `rounds`: of 65 schemes each. `seed`: of the search.
    **Returns:** a `BestScheme`; a lower bound of what the class can reach, to about three digits.
    **Errors:** `ValueError` for another scheme, no rounds, or where no scheme tried is feasible; `TypeError` for no
    `EffortModel`.
    **Source:** Nam (paper 004), sections 3.2 to 3.4 and 4.2 to 4.4.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> round(best_scheme(paper_example(), 3, symmetric=True).welfare, 2)  # the Pareto-optimal effort has 12.5
    11.5
    """
    require_kind(model, EffortModel, "best_scheme: model")
    require_whole(rounds, "best_scheme: rounds", least=1)
    if scheme not in (1, 2, 3):
        raise ValueError(f"best_scheme: scheme is {scheme!r}; give 1, 2 or 3 (scheme 4 loses nothing).")
    n, dtype = len(model.departments), model.lower.dtype
    most = np.concatenate([np.full(n, float(scheme != 2)), np.full(n, largest_rate * (scheme != 1))])
    outside = np.asarray(reservation, float)
    random = np.random.default_rng(seed)

    def tried(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Welfare where the scheme is feasible, else minus infinity."""
        if symmetric:
            points = np.repeat(points[:, [0, n]], n, axis=1)
        points = np.clip(points, 0.0, most)
        share, rate = jnp.asarray(points[:, :n], dtype), jnp.asarray(points[:, n:], dtype)
        found = induced(model, stacked(share, rate))
        output = np.asarray(found.output)
        rough = ROUGH * np.abs(output)
        paid = output - np.sum(np.asarray(found.reward), axis=1) >= -rough
        stays = np.all(np.asarray(found.net_pay) - outside >= -rough[:, None], axis=1)
        feasible = paid & stays & np.asarray(found.solved)
        return points, np.where(feasible, np.asarray(found.welfare), -np.inf)

    best, welfare, width = most / 2, -np.inf, 1.0
    for round_number in range(rounds):
        wide = round_number < max(4, rounds // 4)
        spread = random.uniform(0, 1, (CANDIDATES, 2 * n)) if wide else random.normal(0, 1, (CANDIDATES, 2 * n))
        points, values = tried(spread * most if wide else best + width * spread * most / 4)
        if values.max() > welfare:
            best, welfare = points[int(np.argmax(values))], float(values.max())
        elif not wide:
            width *= SHRINK
    if not np.isfinite(welfare):
        raise ValueError(f"best_scheme: no scheme {scheme} tried is feasible; raise largest_rate or lower reservation.")
    pay = output_and_own(best[:n], best[n:])
    loss = float(pareto_effort(model).welfare) - welfare
    return BestScheme(pay, best[:n], best[n:], all_equilibria(model, pay), welfare, loss)
