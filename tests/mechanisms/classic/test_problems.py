"""The references in `tests/problems/` against a brute-force search of unilateral deviations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import PROBLEMS, Kind
from problems.newsvendors import DEMAND

POINTS = 501


@eqx.filter_jit
def _owners_payoffs(game, vectors):
    """Each entry's owner's payoff `[grid, entries]` at vectors `[grid, entries]` of the problem's only action."""
    (action,) = game.actions

    def at(vector):
        payoffs = game.objectives({action.name: vector})
        return jnp.stack([payoffs[owner] for owner in action.owners])

    return jax.vmap(at)(vectors)


def gain(game, actions, shared=None):
    """The largest gain from changing one entry within the shared limits, relative to the payoffs met in the search."""
    (action,) = game.actions
    x = np.asarray(actions[action.name], float)
    lower, upper = (np.asarray(bound[action.name]) for bound in game.limits())
    low, high = np.where(np.isfinite(lower), lower, x - 20), np.where(np.isfinite(upper), upper, x + 20)
    grid = np.linspace(low, high, POINTS)
    profiles = np.tile(x, (x.size, POINTS, 1))
    for i in range(x.size):
        profiles[i, :, i] = grid[:, i]
    payoffs = np.asarray(_owners_payoffs(game, jnp.asarray(np.vstack([x[None], profiles.reshape(-1, x.size)]))))
    here, searched = payoffs[0], payoffs[1:].reshape(x.size, POINTS, x.size)
    own = np.stack([searched[i, :, i] for i in range(x.size)])
    if shared is not None:
        rows, limits = shared
        kept = np.all(profiles @ rows.T <= limits + 1e-12 * (np.abs(profiles) @ np.abs(rows.T)), axis=-1)
        own = np.where(kept, own, here[:, None])
    size = np.abs(searched).max((0, 1))
    return float(np.max((own.max(1) - here) / np.where(size > 0, size, 1)))


def named(kinds=None):
    chosen = [p for p in PROBLEMS if kinds is None or p.kind in kinds]
    return pytest.mark.parametrize("problem", chosen, ids=[p.name for p in chosen])


def test_there_are_enough_problems_with_names_of_their_own():
    assert len(PROBLEMS) >= 30
    assert len({p.name for p in PROBLEMS}) == len(PROBLEMS)
    assert {p.kind for p in PROBLEMS} == set(Kind.__args__)


@named()
def test_nobody_gains_at_the_references(problem):
    game = problem.game()
    for solution in problem.solutions:
        assert gain(game, solution, problem.shared) <= 1e-12
        assert problem.miss(solution) <= 1e-14


@named({"regular", "corner", "scaled", "kinked"})
def test_somebody_gains_where_the_answer_is_wrong(problem):
    game = problem.game()
    ((name, x),) = problem.expected.items()
    lower, upper = (np.asarray(bound[name]) for bound in game.limits())
    step = np.where(np.isfinite(upper - lower), 0.1 * (upper - lower), 1.0)
    wrong = {name: np.where(x + step <= upper, x + step, x - step)}
    if np.all(upper == lower):
        return  # nobody has a choice
    assert problem.miss(wrong) > problem.rtol
    assert gain(game, wrong) > 1e-9


@named({"no_pure", "false_stationary"})
def test_stationary_points_are_stationary_and_no_equilibria(problem):
    game = problem.game()
    (x,) = problem.stationary.values()
    assert gain(game, problem.stationary) > 1e-3
    slopes = jax.jacfwd(lambda v: _owners_payoffs(game, v[None])[0])(jnp.asarray(x))
    np.testing.assert_allclose(np.diagonal(slopes), 0.0, atol=1e-12)


@named({"no_pure"})
def test_no_profile_of_a_grid_comes_close_to_an_equilibrium(problem):
    game = problem.game()
    (action,) = game.actions
    lower, upper = (np.asarray(bound[action.name]) for bound in game.limits())
    steps = np.stack(np.meshgrid(*[np.linspace(0, 1, 9 if action.size == 3 else 15)] * action.size), -1)
    for unit in steps.reshape(-1, action.size)[:: 7 if action.size == 3 else 1]:
        assert gain(game, {action.name: lower + unit * (upper - lower)}) > 1e-3


@named({"continuum", "several"})
def test_further_equilibria_are_given_where_there_are_any(problem):
    assert problem.others
    (x,), *others = (tuple(solution.values()) for solution in problem.solutions)
    assert all(np.max(np.abs(other - x)) > 0.1 for (other,) in others)


@named({"shared"})
def test_shared_limits_are_kept_and_some_bind(problem):
    rows, limits = problem.shared
    if problem.expected is None:
        assert np.all(rows[0] == -rows[1])  # at most this, and at least more than this
        assert limits[0] < -limits[1]
        return
    room = (limits - rows @ problem.expected["x"]) / np.maximum(np.abs(limits), np.abs(rows) @ problem.expected["x"])
    assert np.all(room >= -1e-12)
    if "does not bind" not in problem.name and "random" not in problem.name:
        assert np.min(room) <= 1e-12


def test_newsvendors_have_one_equilibrium_from_either_side():
    for problem in PROBLEMS:
        if problem.name.startswith("newsvendors"):
            game = problem.game()
            grid = np.unique(np.concatenate([DEMAND.ravel(), np.linspace(0, 20, 11), problem.expected["stock"]]))
            found = [s for a in grid for b in grid if gain(game, {"stock": (s := np.array([a, b]))}) <= 1e-12]
            np.testing.assert_array_equal(found, [problem.expected["stock"]])


def test_starts_are_inside_the_bounds():
    starts = [p for p in PROBLEMS if p.start is not None]
    assert starts
    for problem in starts:
        lower, upper = problem.game().limits()
        for name, value in problem.start.items():
            assert np.all((lower[name] <= value) & (value <= upper[name]))
