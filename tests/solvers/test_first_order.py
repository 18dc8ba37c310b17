"""Extragradient and Anderson: saddles, sampled payoffs, the box, units, statuses; all problems are in the matrix."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems.duels import WIDE, _duel, polynomial_outcomes
from problems.newsvendors import newsvendor_nodes, newsvendor_outcomes
from problems.problem import one_action
from toys import oligopoly, oligopoly_quantities

import eqsolve as eqs

FIELDS = ("level", "linear", "square", "cross", "quartic")
SADDLE = {"cross": [1.0, -1.0], "linear": [-0.25, 0.5]}  # at (0.5, 0.25)
METHODS = [eqs.Extragradient(), eqs.Anderson()]
named = pytest.mark.parametrize("solver", METHODS, ids=["extragradient", "anderson"])
duel = functools.partial(_duel, polynomial_outcomes, FIELDS)


def gradient_play(numbers, step, steps=2000):
    """Projected simultaneous gradient steps on a bilinear game, in NumPy."""
    x, cross, linear = np.array([0.0, 0.0]), np.array(numbers["cross"]), np.array(numbers["linear"])
    for _ in range(steps):
        x = np.clip(x + step * (linear + cross * x[::-1]), *WIDE)
    return x


@named
def test_a_saddle_that_gradient_play_circles_is_solved(solver):
    for step in (0.01, 0.1, 1.0):
        assert np.max(np.abs(gradient_play(SADDLE, step) - [0.5, 0.25])) > 0.3
    found = eqs.solve_nash(duel(WIDE, SADDLE), {"x": [-2.0, 1.5]}, solver)
    assert found.status == eqs.Status.converged
    np.testing.assert_allclose(found.actions["x"], [0.5, 0.25], rtol=1e-12)


def test_anderson_of_replies_settles_where_replies_run_in_circles():
    """Replies overshoot: each is 10 times the other's distance from (1, 1), cut to the box."""
    game = duel(WIDE, {"square": -0.1, "cross": [1.0, -1.0], "linear": [-0.9, 1.1]})
    assert eqs.solve_nash(game, solver=eqs.BestReply(simultaneous=True)).status == eqs.Status.step_limit
    found = eqs.solve_nash(game, solver=eqs.Anderson(map="reply"))
    assert found.status == eqs.Status.converged
    np.testing.assert_allclose(found.actions["x"], [1.0, 1.0], rtol=1e-12)


DEMAND = np.random.default_rng(3).gamma(4.0, 25.0, size=(1000, 2))
SPILL, PRICE, COST = 0.5, 10.0, np.array([4.5678, 3.1234])


def sampled_stocks():
    """Exact replies in turn on the draws: the smallest stock that covers a share 1 - c/p of them."""
    stock = np.array([100.0, 100.0])
    for turn in range(200):
        shop = turn % 2
        customers = np.sort(DEMAND[:, shop] + SPILL * np.maximum(DEMAND[:, 1 - shop] - stock[1 - shop], 0))
        stock[shop] = customers[int(np.ceil((1 - COST[shop] / PRICE) * len(DEMAND) - 1e-9)) - 1]
    return stock


def sampled_game():
    size = jnp.ones(2)
    numbers = {"price": PRICE * size, "cost": COST, "spill": SPILL * size}
    shops = one_action(polynomial_outcomes, dict.fromkeys(FIELDS, size), (0.0, 1000.0))
    return eqs.Game(
        numbers | {"demand": DEMAND, "probabilities": np.full(1000, 1e-3)},
        actions=[eqs.Action("stock", (2,), shops.players)],
        bounds=eqs.Box({"stock": 0.0}, {"stock": 1000.0}),
        outcomes=newsvendor_outcomes,
        rule=eqs.Scenarios(newsvendor_nodes),
        pay={player: {"profit": pay["payoff"]} for player, pay in shops.pay.items()},
        total={"profit": 1.0},
    )


def test_sampled_payoffs_without_second_derivatives_are_solved_to_the_draw():
    found = eqs.solve_nash(sampled_game(), solver=eqs.Extragradient())
    assert found.solved
    np.testing.assert_allclose(found.actions["stock"], sampled_stocks(), rtol=1e-12)


def fenced(params, actions, shock):
    x = actions["x"]
    jax.debug.callback(lambda seen: VISITED.append(np.asarray(seen)), x)
    return {"payoff": params["linear"] * x + params["cross"] * x * x[::-1]}


VISITED = []


@named
def test_no_point_outside_the_box_is_tried(solver):
    VISITED.clear()
    game = one_action(fenced, {"linear": np.array([-0.25, 0.5]), "cross": np.array([1.0, -1.0])}, WIDE)
    found = eqs.solve_nash(game, {"x": [2.0, -2.0]}, solver)
    jax.effects_barrier()
    assert len(VISITED) > 5
    assert np.max(np.abs(VISITED)) <= 2.0
    assert found.solved


@named
def test_units_of_actions_and_payoffs_change_nothing(solver):
    """Powers of two are exact in floating point: the path must be the same to the last bit, and the step count too."""
    numbers = {"linear": [1.0, 0.7], "square": [-1.0, -2.0], "cross": [0.8, -0.9], "quartic": [-0.1, -0.2]}
    found = eqs.solve_nash(duel(WIDE, numbers), {"x": [-1.5, 1.0]}, solver)
    assert found.status == eqs.Status.converged
    unit, money = 2.0**20, np.array([2.0**-30, 2.0**12])
    powers = {"linear": 1, "square": 2, "cross": 2, "quartic": 4, "level": 0}
    other = {name: money * np.array(value) / unit ** powers[name] for name, value in numbers.items()}
    scaled = eqs.solve_nash(duel((-2 * unit, 2 * unit), other), {"x": [-1.5 * unit, 1.0 * unit]}, solver)
    np.testing.assert_array_equal(np.asarray(scaled.actions["x"]) / unit, found.actions["x"])
    assert int(scaled.steps) == int(found.steps)
    assert scaled.status == eqs.Status.converged


@named
def test_what_does_not_settle_is_flagged(solver):
    """Each player gains by running: own payoffs curve upward, and what is good for one is bad for the other."""
    game = duel((-1.0, 1.0), {"square": [2.0, 2.0], "cross": [4.0, -4.0], "linear": [0.1, -0.2]})
    found = eqs.solve_nash(game, {"x": [0.3, 0.3]}, solver)
    assert not found.solved


@named
def test_nan_stops_at_the_start_and_is_avoided_elsewhere(solver):
    def root(params, actions):
        return jnp.sqrt(actions["x"] - params["from"]) - actions["x"]

    for origin, status in ((1.0, "converged"), (2.0, "nonfinite")):
        game = eqs.game_from_payoffs({"x": root}, {"x": (0.0, 3.0)}, {"from": origin})
        found = eqs.solve_nash(game, solver=solver)
        assert found.to_numpy()["status"] == status
        np.testing.assert_allclose(found.actions["x"], 1.25 if status == "converged" else np.nan)


def firms(params):
    return oligopoly().with_params({"intercept": params["intercept"], "cost": params["cost"]})


def by_extragradient(game):
    return eqs.solve_nash(game, solver=eqs.Extragradient())


def by_anderson(game):
    return eqs.solve_nash(game, solver=eqs.Anderson())


@pytest.mark.parametrize("task", [by_extragradient, by_anderson])
def test_batches_and_derivatives_are_those_of_any_solver(task):
    costs = jnp.array([1.0, 2.0, 0.5])
    intercepts = jnp.array([6.0, 10.0, jnp.nan])
    many = eqs.batch(firms, {"intercept": 0, "cost": None}, task)
    found = many({"intercept": intercepts, "cost": costs})
    wanted = [oligopoly_quantities(intercept=float(a)) for a in intercepts[:2]]
    np.testing.assert_allclose(found.actions["quantity"][:2], wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.to_numpy()["status"], ["converged", "converged", "nonfinite"])
    slope = jax.jacfwd(lambda a: task(firms({"intercept": a, "cost": costs})).actions["quantity"])(10.0)
    np.testing.assert_allclose(slope, 0.25, rtol=1e-10)


def test_single_precision_is_solved_to_its_own_accuracy():
    with jax.enable_x64(False):
        for solver in METHODS:
            found = eqs.solve_nash(duel(WIDE, SADDLE), {"x": [-2.0, 1.5]}, solver)
            assert found.status == eqs.Status.converged
            assert found.actions["x"].dtype == jnp.float32
            np.testing.assert_allclose(found.actions["x"], [0.5, 0.25], rtol=3e-5)


@pytest.mark.parametrize(
    ("match", "build"),
    [
        (r"Extragradient\.max_steps is 0", lambda: eqs.Extragradient(max_steps=0)),
        (r"Extragradient\.tolerance is -1", lambda: eqs.Extragradient(tolerance=-1.0)),
        (r"Anderson\.window is 0", lambda: eqs.Anderson(window=0)),
        (r"Anderson\.map is 'replies'", lambda: eqs.Anderson(map="replies")),
        (r"Anderson\.tolerance is 0", lambda: eqs.Anderson(tolerance=0.0)),
    ],
)
def test_settings_are_checked(match, build):
    with pytest.raises(ValueError, match=match):
        build()


def test_only_replies_need_a_finite_box():
    game = duel((-np.inf, np.inf), {"square": -2.0, "cross": 1.0, "linear": [9.0, 6.0]})
    np.testing.assert_allclose(eqs.solve_nash(game, solver=eqs.Anderson()).actions["x"], [8.0, 7.0], rtol=1e-12)
    with pytest.raises(ValueError, match="infinite"):
        eqs.solve_nash(game, solver=eqs.Anderson(map="reply"))
