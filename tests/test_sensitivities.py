"""Sensitivities by name: closed forms, difference quotients, both modes, batches, and what has no derivative."""

import jax.numpy as jnp
import numpy as np
import pytest
from toys import oligopoly

import eqsolve as eqs
from eqsolve._tables import entry_label
from eqsolve.mechanisms.classic import LinearBertrand, linear_bertrand_equilibrium

COSTS = (1.0, 2.0, 0.5)


def test_cournot_pass_through_and_reactions_match_the_closed_form():
    """q_i = (a - n c_i + sum of the others' c) / (n + 1) and price = (a + sum of c) / (n + 1), with slope 1."""
    found = eqs.sensitivities(oligopoly(costs=COSTS))
    own, cross = -3 / 4, 1 / 4
    wanted = np.where(np.eye(3, dtype=bool), own, cross)
    quantity, price = np.asarray(found.equilibrium.actions["quantity"]), (10 + sum(COSTS)) / 4
    moved, shares = found.derivatives.actions["quantity"], found.elasticities.actions["quantity"]
    np.testing.assert_allclose(moved["cost"], wanted, rtol=1e-12)
    np.testing.assert_allclose(moved["intercept"], 0.25, rtol=1e-12)
    np.testing.assert_allclose(shares["cost"], wanted * np.array(COSTS) / quantity[:, None], rtol=1e-11)
    # output falls by 1/4 per unit of cost, so the price passes 1/4 of it on: 3/4 if all costs rise together
    np.testing.assert_allclose(found.derivatives.outcomes["output"]["cost"], -0.25, rtol=1e-12)
    np.testing.assert_allclose(found.derivatives.objectives["f0"]["cost"], 2 * quantity[0] * wanted[0], rtol=1e-11)
    output = 10 - price
    np.testing.assert_allclose(found.elasticities.outcomes["output"]["intercept"], 0.75 * 10 / output, rtol=1e-11)
    assert list(found.parameters) == ["cost", "intercept"]


@pytest.mark.parametrize(
    "names", [["cost[1, 0]"], ["demand.slope"], ["coast"], ["cost[3]"], ["cost[0, 0]"], "cost", [], ["intercept[0]"]]
)
def test_names_are_checked(names):
    with pytest.raises((ValueError, TypeError), match=r"sensitivities: .*(unknown|no entry|give a list|is empty)"):
        eqs.sensitivities(oligopoly(), names)


def bertrand(params):
    return LinearBertrand(params["intercept"], params["effect"], params["cost"]).game()


EFFECT = np.array([[3.0, -1.0], [-0.8, 2.0]])
NUMBERS = {"intercept": np.array([9.0, 8.0]), "effect": EFFECT, "cost": np.array([1.0, 1.5])}


def test_bertrand_reverse_equals_forward_and_difference_quotients():
    """With both matrices and vectors there are more parameters than results; one alone has fewer."""
    together = eqs.sensitivities(bertrand(NUMBERS))
    name = next(name for name in together.parameters if together.parameters[name].shape == (2, 2))
    alone = eqs.sensitivities(bertrand(NUMBERS), [entry_label(name, (0, 1)), "cost[1]"])
    prices = together.derivatives.actions["price"]
    np.testing.assert_allclose(alone.derivatives.actions["price"][f"{name}[0, 1]"], prices[name][:, 0, 1], rtol=1e-11)
    np.testing.assert_allclose(alone.derivatives.actions["price"]["cost[1]"], prices["cost"][:, 1], rtol=1e-11)
    step = 1e-6
    for field, at in (("cost", (1,)), ("intercept", (0,)), ("effect", (0, 1))):
        ends = []
        for sign in (1, -1):
            moved = NUMBERS[field].copy()
            moved[at] += sign * step
            numbers = NUMBERS | {field: moved}
            mechanism = LinearBertrand(numbers["intercept"], numbers["effect"], numbers["cost"])
            ends.append(np.asarray(linear_bertrand_equilibrium(mechanism)))
        found = next(slopes for key, slopes in prices.items() if key == field or (key == name and field == "effect"))
        np.testing.assert_allclose(found[(slice(None), *at)], (ends[0] - ends[1]) / (2 * step), atol=1e-8)


def test_the_first_best_is_a_task_too():
    """A monopolist's price (a + c) / 2 passes half of its cost on; its profit falls by what it sells."""
    found = eqs.sensitivities(oligopoly(costs=(2.0,)), task=eqs.solve_first_best)
    np.testing.assert_allclose(found.derivatives.actions["quantity"]["cost"], [[-0.5]], rtol=1e-9)
    np.testing.assert_allclose(found.derivatives.objectives["planner"]["cost"], [-4.0], rtol=1e-9)
    np.testing.assert_allclose(found.elasticities.objectives["planner"]["intercept"], 4.0 * 10 / 16, rtol=1e-9)
    with pytest.raises(TypeError, match="task returns"):
        eqs.sensitivities(oligopoly(costs=(2.0,)), task=lambda game: game.players)


def make(params):
    return oligopoly().with_params({"intercept": params["intercept"], "cost": jnp.array([1.0, 2.0, params["last"]])})


def one_cost(game):
    return eqs.sensitivities(game, ["cost[2]"])


def test_a_batch_is_each_game_on_its_own_and_a_failure_stays_in_its_lane():
    """The third firm's cost reaches the price without it, (10 + 3) / 3, where its derivative is one-sided; beyond it
    the firm is idle."""
    last = jnp.array([0.5, 13 / 3, 8.0, jnp.nan])
    found = eqs.batch(make, {"intercept": None, "last": 0}, one_cost)({"intercept": 10.0, "last": last})
    slopes = found.derivatives.actions["quantity"]["cost[2]"]
    np.testing.assert_allclose(slopes[0], [0.25, 0.25, -0.75], rtol=1e-10)
    np.testing.assert_allclose(slopes[2], 0.0, atol=1e-12)
    assert np.all(np.isnan(slopes[3]))
    assert found.equilibrium.to_numpy()["status"][3] == "nonfinite"
    # an idle firm sells nothing: there is no percentage of it
    shares = np.asarray(found.elasticities.actions["quantity"]["cost[2]"])
    assert np.array_equal(np.isnan(shares[2]), [False, False, True])
    data = found.to_dataset({"last": [0.5, 4.3, 8.0, np.nan]})
    np.testing.assert_array_equal(data["derivative"].sel(result="quantity[2]").values[:, 0], slopes[:, 2])
    assert data["status"].attrs["flag_meanings"].startswith("converged")
    shown = str(found).splitlines()
    assert shown[0].split() == ["parameter", "kind", "result", "min", "median", "max"]
    assert "nonfinite (1)" in str(found)


def line(params, actions):
    return params["slope"] * actions["x"]


def kink(params, actions):
    return -params["weight"] * jnp.abs(actions["x"] - params["at"])


@pytest.mark.parametrize(
    ("payoff", "params", "status"),
    [(line, {"slope": 0.0}, "degenerate"), (kink, {"at": 0.25, "weight": 1.0}, "kinked")],
)
def test_where_there_is_no_derivative_there_is_nan_and_a_status(payoff, params, status):
    found = eqs.sensitivities(eqs.game_from_payoffs({"x": payoff}, {"x": (-1.0, 1.0)}, params))
    plain = found.to_numpy()
    assert plain["status"] == status
    for kind in ("derivatives", "elasticities"):
        assert all(np.isnan(slope) for slope in plain[kind]["actions"]["x"].values())


def test_an_elasticity_in_a_parameter_of_zero_is_nan_and_units_do_not_matter():
    found = eqs.sensitivities(oligopoly(costs=(0.0, 2.0)), ["cost"])
    np.testing.assert_array_equal(np.isnan(found.elasticities.actions["quantity"]["cost"]), [[True, False]] * 2)
    cents = eqs.sensitivities(
        oligopoly(costs=(0.0, 200.0), intercept=1000.0, bounds=eqs.Box({"quantity": 0.0}, {"quantity": 1e3})), ["cost"]
    )
    np.testing.assert_allclose(
        cents.elasticities.actions["quantity"]["cost"], found.elasticities.actions["quantity"]["cost"], rtol=1e-10
    )


def test_results_of_one_name_get_labels_of_their_own():
    def own(params, actions):
        return -((actions["x"] - params["at"]) ** 2)

    found = eqs.sensitivities(eqs.game_from_payoffs({"x": own}, {"x": (-1.0, 1.0)}, {"at": 0.5}))
    data = found.to_dataset()
    assert list(data["result"].values) == ["x", "objective: x", "outcome: x"]
    assert list(data["role"].values) == ["action", "objective", "outcome"]
    np.testing.assert_allclose(data["derivative"].sel(result="x", parameter="at"), 1.0)
    assert "at" in str(found)
