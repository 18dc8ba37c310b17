"""Implicit derivatives against closed forms and central differences of the solve itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import oligopoly, oligopoly_quantities, quadratic_game

import eqsolve as eqs
from eqsolve.implicit import attach_derivative

MATRIX = np.array([[0.2, 0.1, 0.5, -0.3], [0.1, 0.0, 0.2, 0.4], [-0.4, 0.3, 0.1, 0.2], [0.3, 0.2, 0.2, -0.1]])
LINEAR = np.array([1.0, -0.5, 0.7, 0.3])


def quantities(intercept, costs, weight):
    game = oligopoly().with_params({"intercept": intercept, "cost": costs})
    game = game.with_pay({"f0": {"profit": np.eye(3)[0], "revenue": weight * np.eye(3)[0]}})
    return eqs.solve_nash(game).actions["quantity"]


def closed_form(intercept, costs, weight):
    """With pay profit + w revenue firm 0 acts as if its cost were c / (1 + w)."""
    effective = costs.at[0].divide(1 + weight)
    total = (3 * intercept - jnp.sum(effective)) / 4
    return intercept - total - effective


POINT = (jnp.asarray(10.0), jnp.array([1.0, 2.0, 0.5]), jnp.asarray(0.25))


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev], ids=["forward", "reverse"])
def test_derivatives_in_parameters_and_pay_match_the_closed_form(mode):
    found = mode(quantities, argnums=(0, 1, 2))(*POINT)
    wanted = jax.jacfwd(closed_form, argnums=(0, 1, 2))(*POINT)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), found, wanted)


@pytest.mark.parametrize("outer", [jax.jacfwd, jax.jacrev], ids=["forward over", "reverse over"])
def test_second_derivatives_match_the_closed_form(outer):
    found = outer(jax.jacrev(lambda w, c: quantities(10.0, c, w), argnums=(0, 1)), argnums=(0, 1))(POINT[2], POINT[1])
    wanted = jax.jacfwd(jax.jacfwd(lambda w, c: closed_form(10.0, c, w), argnums=(0, 1)), argnums=(0, 1))(
        POINT[2], POINT[1]
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), found, wanted)


def test_derivatives_under_vmap_equal_one_by_one():
    intercepts = jnp.array([8.0, 10.0, 12.0])

    def slope(intercept):
        return jax.grad(lambda a: quantities(a, POINT[1], POINT[2])[0])(intercept)

    together = jax.vmap(slope)(intercepts)
    np.testing.assert_allclose(together, [slope(a) for a in intercepts], rtol=1e-12)


def test_derivatives_with_several_actions_per_player_match_central_differences():
    def actions(matrix, linear):
        found = eqs.solve_nash(quadratic_game(matrix, linear))
        return jnp.concatenate([found.actions["left"], found.actions["right"]])

    gradient = jax.jacfwd(actions)(MATRIX, LINEAR)
    step = 1e-6
    for i, j in [(0, 2), (1, 1), (3, 0)]:
        bump = np.zeros((4, 4))
        bump[i, j] = step
        difference = (actions(MATRIX + bump, LINEAR) - actions(MATRIX - bump, LINEAR)) / (2 * step)
        np.testing.assert_allclose(gradient[:, i, j], difference, atol=2e-8)  # step^2 plus rounding over step


def test_objectives_and_outcomes_carry_derivatives():
    """The envelope theorem does not hold in a game: total derivatives include the rivals' reactions."""

    def profit(intercept):
        return eqs.solve_nash(oligopoly().with_params({"intercept": intercept, "cost": POINT[1]})).objectives["f0"]

    quantity = oligopoly_quantities()[0]
    np.testing.assert_allclose(jax.grad(profit)(10.0), 2 * quantity * 0.25, rtol=1e-9)  # profit = q^2, dq/da = 1/4


def test_an_active_bound_has_no_sensitivity_and_moves_with_the_box():
    def firm(cost_of_last, capacity):
        game = oligopoly(costs=(1.0, 1.0, 1.0))
        game = game.with_params({"intercept": 10.0, "cost": jnp.stack([1.0, 1.0, cost_of_last])})
        upper = jnp.stack([capacity, 10.0, 10.0])
        game = eqs.Game(
            game.params,
            actions=game.actions,
            bounds=eqs.Box({"quantity": 0.0}, {"quantity": upper}),
            outcomes=game.outcomes,
            pay=game.pay,
            total=game.total,
        )
        return eqs.solve_nash(game).actions["quantity"]

    cost, capacity = jnp.asarray(9.0), jnp.asarray(1.5)  # firm 2 stays out, firm 0 is at capacity
    np.testing.assert_allclose(firm(cost, capacity), [1.5, 3.75, 0.0], atol=1e-9)
    in_cost, in_capacity = jax.jacfwd(firm, argnums=(0, 1))(cost, capacity)
    np.testing.assert_allclose(in_cost, 0.0, atol=1e-12)
    np.testing.assert_allclose(in_capacity, [1.0, -0.5, 0.0], atol=1e-9)


def test_first_best_derivatives_match_the_closed_form():
    def welfare(intercept, cost):
        game = oligopoly(costs=(1.0,)).with_params({"intercept": intercept, "cost": cost[None]})
        return eqs.solve_first_best(game).objectives["planner"]

    found = jax.grad(welfare, argnums=(0, 1))(jnp.asarray(10.0), jnp.asarray(2.0))
    np.testing.assert_allclose(found, [4.0, -4.0], rtol=1e-9)  # (a - c)^2 / 4
    np.testing.assert_allclose(jax.grad(jax.grad(welfare))(jnp.asarray(10.0), jnp.asarray(2.0)), 0.5, rtol=1e-8)


def kink(params, actions):
    return -jnp.abs(actions["x"] - params["at"])


def line(params, actions):
    return params["slope"] * actions["x"]


@pytest.mark.parametrize(
    ("payoff", "params", "status"),
    [(kink, {"at": 0.3}, "kinked"), (line, {"slope": 0.0}, "degenerate")],
)
def test_a_derivative_that_does_not_exist_is_nan_with_a_status(payoff, params, status):
    game = eqs.game_from_payoffs({"x": payoff}, {"x": (-1.0, 1.0)}, params)
    assert eqs.solve_nash(game).to_numpy()["status"] == status
    tangent = jax.jacfwd(lambda p: eqs.solve_nash(game.with_params(p)).actions["x"])(game.params)
    assert all(np.isnan(leaf) for leaf in jax.tree.leaves(tangent))
    slope = jax.grad(lambda p: eqs.solve_nash(game.with_params(p)).actions["x"])(game.params)
    assert all(np.isnan(leaf) for leaf in jax.tree.leaves(slope))


def test_a_zero_multiplier_makes_only_the_entries_it_touches_undefined():
    """Player a sits on its bound with marginal payoff exactly zero; b follows a, c is on its own."""

    def outcomes(params, actions, shock):
        x = actions["x"]
        return {"u": jnp.stack([-((x[0] - params[0]) ** 2), -((x[1] - x[0]) ** 2), -((x[2] - params[2]) ** 2)])}

    game = eqs.Game(
        jnp.array([1.0, 0.0, 0.5]),
        actions=[eqs.Action("x", (3,), ("a", "b", "c"))],
        bounds=eqs.Box({"x": -1.0}, {"x": 1.0}),
        outcomes=outcomes,
        pay={name: {"u": np.eye(3)[i]} for i, name in enumerate("abc")},
        total={"u": 1.0},
    )
    x = jnp.array([1.0, 1.0, 0.5])
    tangent = jax.jacfwd(lambda p: attach_derivative(game.with_params(p), x, jnp.asarray(True)))(game.params)
    assert np.all(np.isnan(tangent[:2]))
    np.testing.assert_allclose(tangent[2], [0.0, 0.0, 1.0])
