"""The certificate of a point: regret, second-order report and monotonicity in one readable result."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._tables import number, priced_table, table
from eqsolve.certify.regret import unilateral_regret
from eqsolve.certify.second_order import own_curvatures, sampled_curvatures
from eqsolve.core import as_actions, require_game
from eqsolve.game import Game
from eqsolve.problem import Problem, problem_of
from eqsolve.solve import require_searchable
from eqsolve.solvers.base import Solver, action_scale
from eqsolve.solvers.priced import PricedProblem, fitted_prices, priced
from eqsolve.solvers.search import Search
from eqsolve.stages.play import by_action, by_player
from eqsolve.stages.stage_game import facing
from eqsolve.stages.stagewise import Stagewise, stage_search, stage_solvers

SEARCH = Search(points=(401, 41, 15), starts=32, peaks=12)  # finer than the solvers' own search, on other points


class Certificate(eqx.Module):
    """What a global search for profitable deviations found; always the same structure, also inside a batch.

    **Fields:**

    - `gain`: by player, what the best deviation found would earn it; `tolerance`: what counts as nothing.
    - `deviation`: by action, each owner's best deviation (players deviate alone, not together).
    - `payoff`: by player, at the point. `nonfinite`: by player, points searched whose payoff was NaN or plus
      infinity (what earns minus infinity attracts nobody).
    - `lower`, `upper`: by action, the box searched. `spacing`: by action, the distance of grid points in it before
      refinement, NaN where the player owns too many entries for a grid and several starts were climbed instead.
    - `curvature`: by player, the largest second derivative of its payoff in its free own actions at the point (-inf if
      bounds hold all of them); `sampled_curvature`: the largest over the box at sampled points.
    - `monotonicity`: the largest eigenvalue of the symmetrised pseudogradient (of any stage's) at sampled points;
      negative suggests a strictly monotone game with one equilibrium.
    - `slack`: by shared constraint, b - A x; `feasible`: whether the point lies in its bounds and keeps the constraints
      to rounding. Deviations keep them too, the others' actions given.
    - `prices`: by shared constraint, the prices (before the players' weights) that explain the players' choices best;
      `misfit`: the largest share of a marginal payoff that they leave unexplained. Without constraints empty and zero.
    """

    payoff: OrderedDict[str, Array]
    gain: OrderedDict[str, Array]
    tolerance: OrderedDict[str, Array]
    nonfinite: OrderedDict[str, Array]
    deviation: OrderedDict[str, Array]
    lower: OrderedDict[str, Array]
    upper: OrderedDict[str, Array]
    spacing: OrderedDict[str, Array]
    curvature: OrderedDict[str, Array]
    sampled_curvature: OrderedDict[str, Array]
    monotonicity: Float[Array, "..."]
    slack: OrderedDict[str, Array]
    feasible: Bool[Array, "..."]
    prices: OrderedDict[str, Array]
    misfit: Float[Array, "..."]
    samples: int = eqx.field(static=True)

    @property
    def variational(self) -> Bool[Array, "..."]:
        """Whether common prices explain all choices: a normalised equilibrium, variational if weights are equal.

        Within shared constraints there are other equilibria, at which a limit is worth more to one player than to
        another. At kinks of payoffs there is no marginal payoff to explain, and the answer may be no.
        """
        return self.misfit <= jnp.finfo(self.misfit.dtype).eps ** 0.5

    @property
    def certified(self) -> Bool[Array, "..."]:
        """Whether no player can gain more than the tolerance, and every point searched had a finite payoff."""
        verdicts = [
            (self.gain[player] <= self.tolerance[player]) & (self.nonfinite[player] == 0) for player in self.gain
        ]
        return jnp.all(jnp.stack(verdicts), axis=0)

    @property
    def regret(self) -> Float[Array, "..."]:
        """The largest gain of any player."""
        return jnp.max(jnp.stack(list(self.gain.values())), axis=0)

    @property
    def concave(self) -> OrderedDict[str, Array]:
        """By player, whether its payoff curved downward (or was flat) in its own actions at every sampled point."""
        return OrderedDict((player, value <= 0) for player, value in self.sampled_curvature.items())

    def to_numpy(self) -> dict[str, Any]:
        """The certificate as plain NumPy arrays in nested dicts, with the verdict."""
        fields = ("payoff", "gain", "tolerance", "nonfinite", "deviation", "lower", "upper", "spacing", "curvature")
        names = (*fields, "sampled_curvature", "monotonicity", "certified", "slack", "feasible", "prices", "misfit")
        return {name: jax.tree.map(np.asarray, getattr(self, name)) for name in names}

    def __str__(self) -> str:
        certified = np.asarray(self.certified)
        if certified.ndim:
            worst = number(np.max(np.asarray(self.regret)))
            return f"{certified.sum()} of {certified.size} points certified; largest regret {worst}"
        rows = [
            (
                player,
                number(self.payoff[player]),
                number(self.gain[player]),
                number(self.curvature[player]),
                "yes" if bool(self.concave[player]) else "no",
                str(int(self.nonfinite[player])),
            )
            for player in self.gain
        ]
        header = ("player", "payoff", "gain by deviating", "own curvature", "concave at samples", "points not finite")
        blind = any(int(count) for count in self.nonfinite.values())
        reason = "some payoffs searched are not finite" if blind else "a player gains by deviating"
        reason = reason if self.feasible else "the point violates its bounds or a shared constraint"
        verdict = "Certified: no profitable deviation found" if certified else f"Not certified: {reason}"
        where = [(name, _span(self.lower[name], self.upper[name]), _finest(self.spacing[name])) for name in self.lower]
        monotone = "negative definite" if self.monotonicity < 0 else "not negative definite"
        return "\n".join(
            [
                f"{verdict} (largest gain {number(self.regret)}).",
                "",
                table(header, rows),
                "",
                table(("action", "searched", "grid spacing"), where),
                "",
                f"The symmetrised pseudogradient is {monotone} at {self.samples} sampled points"
                f" (largest eigenvalue {number(self.monotonicity)}).",
                *self._shared_lines(),
            ]
        )

    def _shared_lines(self) -> list[str]:
        if not self.slack:
            return []
        common = "explain" if self.variational else "do not explain"
        return [
            "",
            priced_table(self.slack, self.prices),
            "",
            f"Common prices {common} all players' choices (largest share unexplained {number(self.misfit)}).",
        ]


def _span(lower: Array, upper: Array) -> str:
    return f"[{number(jnp.min(lower))}, {number(jnp.max(upper))}]"


def _finest(spacing: Array) -> str:
    coarsest = float(jnp.max(spacing))
    return "several starts" if np.isnan(coarsest) else f"{number(coarsest)} (then refined)"


def certify(
    game: Game,
    actions: Mapping[str, Any],
    search: Search | None = None,
    *,
    samples: int = 32,
    tolerance: float | None = None,
    solver: Solver | Stagewise | None = None,
) -> Certificate:
    """Search every player's whole action set for a profitable deviation from `actions`, whoever computed them.

    With several stages, later ones answer every deviation with their equilibrium, found by `solver`; the gain is
    measured against what the player earns at `actions`.

    **Arguments:** `actions`: by name, of the declared shapes, for instance `solve_nash(game).actions`. `search`: how
    finely to look, and which part of infinite action sets; by default a grid of 401, 41 x 41 or 15 x 15 x 15 points
    for players with one to three entries, 32 climbed starts for more. `samples`: points at which curvature and
    monotonicity are evaluated. `tolerance`: the gain that counts as nothing, relative to the player's payoff; None
    means 4e-10 in float64 and 7e-5 in float32; to it comes 16 roundings of what the payoff changes by when an own
    action moves by its own size. `solver`: as for `solve_nash`; finds the answers of later stages.
    **Returns:** a `Certificate`; `certificate.certified` is the verdict. With shared constraints players deviate within
    them, and equilibria at which they pay different prices are certified too: see `variational`.
    **Errors:** `ValueError` for wrong names or shapes, or infinite bounds without a declared box. NaN actions are not
    certified.
    **Source:** Nash (1951), the definition of equilibrium.

    >>> from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
    >>> game = Cournot(LinearInverseDemand(10.0, 1.0), cost=[1.0, 1.0]).game()
    >>> bool(certify(game, {"quantity": [3.0, 3.0]}).certified), bool(certify(game, {"quantity": [2.0, 2.0]}).certified)
    (True, False)
    """
    require_game(game, "certify")
    search = SEARCH if search is None else search
    if samples < 1:
        raise ValueError(f"certify: samples is {samples}; give at least 1.")
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"certify: tolerance is {tolerance}; give a number of at least 0, or None.")
    solvers = stage_solvers(game, solver)
    require_searchable(game, solvers, search)
    return _certify(game, as_actions(game, actions, "certify: actions"), search, samples, tolerance, solvers)


def _local_size(problem: Problem, x: Array, payoffs: Array) -> Float[Array, " players"]:
    """How much a payoff changes when an own action moves by its own size: the payoff's scale where it is near zero.

    Of both directions the one with the smaller change counts: a steep penalty on one side says nothing about this
    point. The others' actions count through the cross derivatives: a payoff such as x y has nothing else at the origin.
    """
    owners = jnp.asarray(problem.owners)
    scale = action_scale(problem, x, x)
    cross = problem.marginal_and_jacobian(x)[1]
    # where an own slope is infinite, as that of a root at zero, so may be derivatives that are none
    cross = jnp.where((owners[:, None] == owners[None, :]) | ~jnp.isfinite(cross), 0.0, cross)
    others = jnp.zeros_like(payoffs).at[owners].add(scale * (jnp.abs(cross) @ scale))
    step = jnp.diag(scale)
    own = owners[:, None] == jnp.arange(payoffs.shape[0])

    def change(moved: Array) -> Array:
        change = jnp.abs(jax.vmap(problem.payoffs)(jnp.clip(moved, problem.lower, problem.upper)) - payoffs)
        stuck = jnp.all(jnp.clip(moved, problem.lower, problem.upper) == x, axis=1)
        return jnp.where(stuck[:, None] | ~jnp.isfinite(change), jnp.inf, change)

    smaller = jnp.minimum(change(x + step), change(x - step))
    smaller = jnp.where(own & jnp.isfinite(smaller), smaller, 0.0)
    return jnp.max(smaller, axis=0) + others


@eqx.filter_jit
def _certify(
    game: Game,
    actions: dict[str, Array],
    search: Search,
    samples: int,
    tolerance: float | None,
    solvers: tuple[Solver, ...],
) -> Certificate:
    expected = game.expect(actions)
    stages: list[Certificate] = []
    for stage in range(len(game.order)):
        problem = problem_of(facing(game, stage, game.layout.before(stage, actions), solvers))
        x = problem.vector(game.layout.own(stage, actions))
        confined = stage_search(game, stage, search)
        stages.append(_certify_stage(problem, x, problem.earned(expected), confined, samples, tolerance))

    def players(field: str) -> OrderedDict[str, Array]:
        return by_player(game, [getattr(part, field) for part in stages])

    def entries(field: str) -> OrderedDict[str, Array]:
        return by_action(game, [getattr(part, field) for part in stages])

    return Certificate(
        payoff=players("payoff"),
        gain=players("gain"),
        tolerance=players("tolerance"),
        nonfinite=players("nonfinite"),
        deviation=entries("deviation"),
        lower=entries("lower"),
        upper=entries("upper"),
        spacing=entries("spacing"),
        curvature=players("curvature"),
        sampled_curvature=players("sampled_curvature"),
        monotonicity=jnp.max(jnp.stack([part.monotonicity for part in stages])),
        slack=stages[0].slack,  # only games with one stage have shared constraints
        feasible=jnp.all(jnp.stack([part.feasible for part in stages])),
        prices=stages[0].prices,
        misfit=stages[0].misfit,
        samples=samples,
    )


def _certify_stage(
    problem: Problem,
    x: Float[Array, " n"],
    payoffs: Float[Array, " players"],
    search: Search,
    samples: int,
    tolerance: float | None,
) -> Certificate:
    """The part of the certificate that concerns the players of one stage, who earn `payoffs` at `x`."""
    regret = unilateral_regret(problem, x, search, payoffs)
    lower, upper = search.limits(problem)
    eps = float(jnp.finfo(x.dtype).eps)
    shared = _shared(problem, x)
    gains = jnp.where(shared.feasible, regret.gains, jnp.nan)  # a point that breaks limits is nobody's equilibrium
    relative = eps**0.6 if tolerance is None else tolerance
    curvature = sampled_curvatures(problem, lower, upper, samples)

    def named(values: Array) -> OrderedDict[str, Array]:
        return OrderedDict((player, values[index]) for index, player in enumerate(problem.game.players))

    return Certificate(
        payoff=named(regret.payoffs),
        gain=named(gains),
        tolerance=named(relative * jnp.abs(regret.payoffs) + 16 * eps * _local_size(problem, x, regret.payoffs)),
        nonfinite=named(regret.nonfinite),
        deviation=problem.actions(regret.deviations),
        lower=problem.actions(lower),
        upper=problem.actions(upper),
        spacing=problem.actions(regret.spacing),
        curvature=named(own_curvatures(problem, x)),
        sampled_curvature=named(curvature.own),
        monotonicity=curvature.monotonicity,
        slack=shared.slack,
        feasible=shared.feasible,
        prices=shared.prices,
        misfit=shared.misfit,
        samples=samples,
    )


class _Shared(NamedTuple):
    feasible: Array
    slack: OrderedDict[str, Array]
    prices: OrderedDict[str, Array]
    misfit: Array


def _shared(problem: Problem, x: Array) -> _Shared:
    """Whether the point keeps all limits, and what the shared ones would have to cost."""
    inside = jnp.all((x >= problem.lower) & (x <= problem.upper))
    with_prices = priced(problem, x)
    constraint = problem.game.constraint
    if constraint is None or not isinstance(with_prices, PricedProblem):
        return _Shared(inside, OrderedDict(), OrderedDict(), jnp.zeros((), x.dtype))
    rows, fit = with_prices.rows, fitted_prices(with_prices, x)
    return _Shared(
        feasible=inside & jnp.all(rows.kept(x)),
        slack=constraint.named(rows.slack(x)),
        prices=constraint.named(fit.prices),
        misfit=jnp.max(jnp.abs(fit.misfit)),
    )
