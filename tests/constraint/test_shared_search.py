"""Shared linear constraints: certificates, first-best plans and kinked payoffs, against SciPy and grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from constrained import LIMITS, ONES, all_equilibria, constrained_game, river_basin
from scipy.optimize import minimize

import eqsolve as eqs

DEMANDS = np.array([[2.0, 5.0, 9.0], [3.0, 4.0, 8.0]])  # of two newsvendors, equally likely
PRICES = np.array([4.0, 5.0])


def newsvendor_profits(params, actions, shock):
    sales = jnp.mean(jnp.minimum(actions["x"][:, None], params["demand"]), axis=1)
    return {"profit": params["price"] * sales - actions["x"]}


def newsvendors_with_one_warehouse(capacity):
    return eqs.Game(
        {"demand": DEMANDS, "price": PRICES},
        actions=[eqs.Action("x", (2,), ("a", "b"))],
        bounds=eqs.Box({"x": 0.0}, {"x": 10.0}),
        outcomes=newsvendor_profits,
        pay={name: {"profit": np.eye(2)[i]} for i, name in enumerate("ab")},
        total={"profit": 1.0},
        constraint=eqs.Linear({"warehouse": {"x": 1.0}}, upper={"warehouse": capacity}),
    )


def test_kinked_payoffs_share_a_capacity():
    """Both stay where they are at the common price, on a grid that holds every kink."""
    capacity = np.array([1.0, 5.0, 6.0, 7.0, 8.5, 10.0, 13.0, 20.0])
    found = jax.jit(jax.vmap(lambda b: eqs.solve_nash(newsvendors_with_one_warehouse(b))))(capacity)
    assert np.all(found.solved)
    price, x = np.asarray(found.prices["warehouse"]), np.asarray(found.actions["x"])
    np.testing.assert_allclose(np.where(price > 0, capacity - x.sum(axis=1), 0.0), 0.0, atol=1e-11)
    assert np.all(x.sum(axis=1) <= capacity + 1e-11)
    assert np.sum(price > 0.1) == 7
    grid = np.linspace(0.0, 10.0, 1001)
    for i in range(2):

        def net(x, i=i):
            sales = np.minimum(x[..., None], DEMANDS[i]).mean(axis=-1)
            return PRICES[i] * sales - (1 + price[:, None]) * x

        best = net(np.tile(grid, (8, 1))).max(axis=1)
        np.testing.assert_allclose(net(x[:, i : i + 1])[:, 0], best, rtol=1e-10, atol=1e-12)


SEARCH = eqs.Search(points=(401, 41, 15), box={"x": (0.0, 200.0)})


def test_certificates_search_within_the_constraints():
    linear, matrix, use, limit = river_basin()
    game = constrained_game(linear, matrix, use, limit)
    x = all_equilibria(linear, matrix, use, limit)[0][:3]
    other = x + 0.1 * np.array([1 / use[0, 0], -1 / use[0, 1], 0.0])  # on the same limit: the price differs by player
    idle = x - np.array([0.1, 0.0, 0.0])
    over = x + np.array([1e-6, 0.0, 0.0])
    points = jnp.array([x, other, idle, over])
    found = jax.jit(jax.vmap(lambda x: eqs.certify(game, {"x": x}, SEARCH)))(points)
    np.testing.assert_array_equal(found.certified, [True, True, False, False])
    np.testing.assert_array_equal(found.variational, [True, False, False, False])
    np.testing.assert_array_equal(found.feasible, [True, True, True, False])
    np.testing.assert_allclose(found.prices["first"][0], 0.574360, atol=1e-6)
    np.testing.assert_allclose(found.slack["second"][0], limit[1] - use[1] @ x)
    marginal = linear[0] + matrix[0] @ idle  # a's payoff is a parabola and the limit lets it go up by 0.1
    np.testing.assert_allclose(found.gain["a"][2], 0.1 * marginal + 0.5 * matrix[0, 0] * 0.01, rtol=1e-9)
    text = str(jax.tree.map(lambda leaf: leaf[1], found))
    assert "Common prices do not explain" in text
    assert "first" in text
    assert "violates its bounds or a shared constraint" in str(jax.tree.map(lambda leaf: leaf[3], found))


def test_first_best_within_constraints_is_global_and_certified():
    """A total that curves upward in places: SciPy from many starts."""
    linear, use, limit = np.array([3.0, 2.0, 1.0]), np.array([ONES, [1.0, -1.0, 0.0]]), np.array([4.0, 1.0])
    matrix = np.array([[-1.0, 0.8, 1.5], [0.6, -1.2, 0.9], [1.0, 0.2, -0.5]])
    game = constrained_game(linear, matrix, use, limit, highest=10.0)
    plan = eqs.solve_first_best(game)

    def loss(x):
        return -np.sum(x * (linear + matrix @ x) - 0.5 * np.diag(matrix) * x**2)

    rows = {"type": "ineq", "fun": lambda x: limit - use @ x}
    starts = np.random.default_rng(0).uniform(0, 2, (20, 3))
    runs = [minimize(loss, x, method="SLSQP", bounds=[(0, 10)] * 3, constraints=[rows]) for x in starts]
    wanted = min((run for run in runs if run.success), key=lambda run: run.fun)
    assert plan.status == eqs.Status.converged
    np.testing.assert_allclose(plan.objectives["planner"], -wanted.fun, rtol=1e-6)
    np.testing.assert_allclose(plan.actions["x"], wanted.x, atol=1e-3)
    step = 1e-5  # the price is what a little more of the limit is worth
    eased = eqs.solve_first_best(constrained_game(linear, matrix, use, limit + np.array([step, 0.0]), highest=10.0))
    worth = (eased.objectives["planner"] - plan.objectives["planner"]) / step
    np.testing.assert_allclose(plan.prices["first"], worth, rtol=1e-4)


def paired_profits(params, actions, shock):
    """Two players with two entries each: own concave parabola, plus entries times what the other does."""
    x = jnp.concatenate([actions["left"], actions["right"]])
    own = jnp.kron(jnp.eye(2), jnp.ones((2, 2)))
    matrix = params["matrix"]
    profit = x * (params["linear"] + (matrix * (1 - own)) @ x + 0.5 * (matrix * own) @ x)
    return {"profit": jnp.stack([jnp.sum(profit[:2]), jnp.sum(profit[2:])])}


def paired_game(matrix, linear, use, limit):
    """One inequality and one equality over all four entries."""
    rows = {name: {"left": use[k, :2], "right": use[k, 2:]} for k, name in enumerate(LIMITS)}
    return eqs.Game(
        {"matrix": matrix, "linear": linear},
        actions=[eqs.Action("left", (2,), "row"), eqs.Action("right", (2,), "column")],
        bounds=eqs.Box({"left": -3.0, "right": -3.0}, {"left": 3.0, "right": 3.0}),
        outcomes=paired_profits,
        pay={"row": {"profit": np.array([1.0, 0.0])}, "column": {"profit": np.array([0.0, 1.0])}},
        total={"profit": 1.0},
        constraint=eqs.Linear(rows, upper={"first": limit[0]}, equal={"second": limit[1]}),
    )


@jax.jit
@jax.vmap
def paired_solution(*game):
    return eqs.solve_nash(paired_game(*game))


@jax.jit
@jax.vmap
def paired_certificate(actions, *game):
    return eqs.certify(paired_game(*game), actions)


@pytest.mark.slow
def test_deviations_with_several_entries_match_scipy():
    """Equilibria are certified, and off them the gain is what SciPy finds on the player's polyhedron."""
    rng, count, own = np.random.default_rng(1), 30, np.kron(np.eye(2), np.ones((2, 2)))
    factor, turn = rng.normal(size=(count, 4, 4)), rng.normal(size=(count, 4, 4))
    matrix = -np.einsum("nij,nkj->nik", factor, factor) - 0.3 * np.eye(4) + (turn - np.swapaxes(turn, 1, 2)) * (1 - own)
    linear, use = 2 * rng.normal(size=(count, 4)), rng.normal(size=(count, 2, 4))
    limit = rng.normal([0.3, 0.0], 0.5, (count, 2))
    found = paired_solution(matrix, linear, use, limit)
    certificate = paired_certificate(found.actions, matrix, linear, use, limit)
    assert np.all(found.solved)
    assert np.all(certificate.certified)
    assert np.all(certificate.variational)
    x = np.concatenate([found.actions["left"], found.actions["right"]], axis=1)
    along = np.stack([use[:, 1, 1], -use[:, 1, 0]], axis=1)  # keeps the equality
    along *= -np.sign(np.sum(use[:, 0, :2] * along, axis=1, keepdims=True))  # and frees some of the limit
    moved = x.copy()
    moved[:, :2] = np.clip(x[:, :2] + 0.2 * along / np.linalg.norm(along, axis=1, keepdims=True), -3, 3)
    off = paired_certificate({"left": moved[:, :2], "right": moved[:, 2:]}, matrix, linear, use, limit)
    feasible = np.flatnonzero(off.feasible)
    assert len(feasible) > 20
    for i in feasible:
        for mine, player in ((slice(0, 2), "row"), (slice(2, 4), "column")):

            def profit(y, i=i, mine=mine):
                point = moved[i].copy()
                point[mine] = y
                values = point * (linear[i] + (matrix[i] * (1 - own)) @ point + 0.5 * (matrix[i] * own) @ point)
                return values[mine].sum()

            left = limit[i] - use[i] @ moved[i] + use[i][:, mine] @ moved[i, mine]
            rows = [
                {"type": "ineq", "fun": lambda y, a=use[i, 0, mine], b=left[0]: b - a @ y},
                {"type": "eq", "fun": lambda y, a=use[i, 1, mine], b=left[1]: b - a @ y},
            ]
            runs = [
                minimize(lambda y: -profit(y), start, method="SLSQP", bounds=[(-3, 3)] * 2, constraints=rows, tol=1e-14)
                for start in (moved[i, mine], x[i, mine], np.zeros(2))
            ]
            best = max(-run.fun for run in runs if run.success)
            np.testing.assert_allclose(off.gain[player][i], max(best - profit(moved[i, mine]), 0.0), atol=1e-7)
