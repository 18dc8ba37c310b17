"""Game: what the constructor rejects, and what edits keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import linear_jacobian, linear_outcomes, oligopoly

import eqsolve as eqs
from eqsolve.problem import problem_of


def at_cost(params):
    return {"quantity": 0.0 * params["cost"] + jnp.array([1.0, jnp.nan, 99.0])}


def rejected(match, **changes):
    with pytest.raises((ValueError, TypeError), match=match):
        oligopoly(**changes)


def test_players_and_outcomes_keep_their_declared_order():
    pay = {name: {"profit": np.eye(3)[i]} for i, name in enumerate(("zeta", "alpha", "mid"))}
    game = oligopoly(pay=pay, actions=[eqs.Action("quantity", (3,), ("zeta", "alpha", "mid"))])
    found = eqs.solve_nash(game)
    assert list(found.objectives) == ["zeta", "alpha", "mid"]
    assert list(found.outcomes) == ["profit", "revenue", "output"]


@pytest.mark.parametrize(
    ("match", "changes"),
    [
        ("pay is empty", {"pay": {}}),
        ("actions is empty", {"actions": []}),
        ("own no action", {"pay": {f"f{i}": {"profit": 1.0} for i in range(4)}}),
        ("owner 'f2' is unknown", {"pay": {f"f{i}": {"profit": 1.0} for i in range(2)}}),
        ("outcome 'proft' is unknown.*Did you mean 'profit'", {"total": {"proft": 1.0}}),
        (r"pay\['f0'\].*does not broadcast", {"pay": {f"f{i}": {"profit": np.ones(2)} for i in range(3)}}),
        ("exactly one of `outcomes` and|exactly one of", {"expected": linear_outcomes}),
        ("list every player once", {"order": [["f0", "f1"]]}),
        ("the text 'f0' where a list belongs", {"order": ["f0", "f1"]}),
        ("the text 'f0' where a list belongs", {"order": "f0"}),
        ("nonlinear in the actions are not solved", {"constraint": "emission cap"}),
        ("Game.start: action 'price' is unknown", {"start": lambda params: {"price": 0.0}}),
        ("Game.start gives no value for action 'quantity'", {"start": lambda params: {}}),
        (r"Game.start\['quantity'\] has shape \(\)", {"start": lambda params: {"quantity": 1.0}}),
        ("Game.start is set and Game.order has 2 stages", {"start": at_cost, "order": [["f0"], ["f1", "f2"]]}),
        ("lower 10.0, upper 0.0", {"bounds": eqs.Box({"quantity": 10.0}, {"quantity": 0.0})}),
        ("lower nan", {"bounds": eqs.Box({"quantity": np.nan}, {"quantity": 1.0})}),
        ("no upper bound for action 'quantity'", {"bounds": eqs.Box({"quantity": 0.0}, {})}),
        ("bound of action 'price' is unknown", {"bounds": eqs.Box({"quantity": 0.0, "price": 0.0}, {"quantity": 1.0})}),
        ("bounds is None", {"bounds": None}),
        ("every action needs a name of its own", {"actions": [eqs.Action("quantity", (3,), ("f0", "f1", "f2"))] * 2}),
        ("not callable", {"outcomes": 3.0}),
        (r"cost.* is nan at index \[1\]", {"costs": (1.0, np.nan, 1.0)}),
        ("intercept.* is inf", {"intercept": np.inf}),
        (r"pay\['f0'\]\['profit'\] is 'all'", {"pay": {f"f{i}": {"profit": "all"} for i in range(3)}}),
        ("pay.* is nan", {"pay": {f"f{i}": {"profit": np.nan} for i in range(3)}}),
        (r"asks for 'price'", {"outcomes": lambda params, actions, shock: {"profit": params["price"]}}),
        ("Game.rule is", {"rule": "mean"}),
    ],
)
def test_constructor_names_what_is_wrong(match, changes):
    rejected(match, **changes)


def test_a_start_of_the_game_is_moved_into_its_bounds():
    game = oligopoly(start=at_cost)
    lower, upper = game.limits()
    middle = (lower["quantity"][1] + upper["quantity"][1]) / 2
    given = {"quantity": jnp.stack([jnp.asarray(1.0), middle, upper["quantity"][2]])}
    first, second = eqs.solve_nash(game), eqs.solve_nash(oligopoly(), given)
    assert int(first.steps) == int(second.steps)
    np.testing.assert_array_equal(first.actions["quantity"], second.actions["quantity"])
    assert game.cooperative().start is at_cost


def test_a_function_must_not_capture_an_array():
    costs = jnp.ones(3)
    rejected(
        "captures the array 'costs'", outcomes=lambda p, a, s: {"profit": (p["intercept"] - costs) * a["quantity"]}
    )


def test_derived_outcomes_may_be_paid_and_must_have_their_own_names():
    def welfare(params, expected):
        return {"welfare": jnp.sum(expected["profit"]) + 0.5 * expected["output"] ** 2}

    game = oligopoly(derived=welfare, total={"welfare": 1.0}, costs=(1.0, 1.0))
    best = eqs.solve_first_best(game)
    np.testing.assert_allclose(best.outcomes["output"], 9.0, rtol=1e-9)  # price equals cost
    rejected("returns too", derived=lambda params, expected: {"profit": expected["output"]})


@pytest.mark.parametrize(
    "row", [{"sales": {}}, {"profit": {"price": jnp.ones(3)}}, {"profit": {"quantity": jnp.ones(3)}}]
)
def test_a_jacobian_is_checked(row):
    rejected("jacobian", jacobian=lambda params, actions: jax.tree.map(lambda leaf: leaf * 1.0, row) or row)


def test_edits_return_new_games_and_leave_the_old_one():
    game = oligopoly()
    changed = game.with_pay({"f0": {"revenue": np.array([1.0, 0, 0])}})
    assert set(game.pay["f0"]) == {"profit"}
    assert set(changed.pay["f0"]) == {"revenue"}
    assert set(changed.pay["f1"]) == {"profit"}
    assert changed.players == game.players


@pytest.mark.parametrize("jacobian", [None, linear_jacobian])
def test_edits_recombine_the_jacobian_and_keep_the_total(jacobian):
    game = oligopoly(jacobian=jacobian)
    edits = {
        "same": game,
        "revenue": game.with_pay({"f1": {"revenue": np.array([0, 1.0, 0]), "output": 0.3}}),
        "cartel": game.coalition({"f0", "f2"}),
        "planner": game.cooperative(),
        "merged then paid": game.coalition(["f1", "f2"], name="m").with_pay({"m": {"revenue": 0.5, "profit": 0.2}}),
    }
    x = jnp.array([1.0, 2.0, 0.5])
    for name, edited in edits.items():
        assert edited.jacobian is jacobian, name
        np.testing.assert_array_equal(edited.total["profit"], game.total["profit"])
        problem = problem_of(edited)
        slopes = jax.jacobian(problem.payoffs)(x)  # payoffs never use the supplied Jacobian
        np.testing.assert_allclose(problem.marginal(x), slopes[problem.owners, np.arange(3)], rtol=1e-12, err_msg=name)


def test_a_derived_outcome_combines_with_a_supplied_jacobian():
    def share(params, expected):
        return {"share": expected["profit"][0] / jnp.sum(expected["profit"])}

    game = oligopoly(jacobian=linear_jacobian, derived=share).with_pay({"f0": {"share": 2.0, "profit": np.eye(3)[0]}})
    problem = problem_of(game)
    x = jnp.array([1.0, 2.0, 0.5])
    slopes = jax.jacobian(problem.payoffs)(x)
    np.testing.assert_allclose(problem.marginal(x), slopes[problem.owners, np.arange(3)], rtol=1e-12)


def test_coalition_pays_the_sum_in_the_place_of_its_first_member():
    merged = oligopoly().coalition({"f2", "f0"})
    assert merged.players == ("f0+f2", "f1")
    assert merged.actions[0].owners == ("f0+f2", "f1", "f0+f2")
    np.testing.assert_array_equal(merged.pay["f0+f2"]["profit"], [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("match", "edit"),
    [
        ("player 'f9' is unknown", lambda game: game.with_pay({"f9": {"profit": 1.0}})),
        ("outcome 'sales' is unknown", lambda game: game.with_pay({"f0": {"sales": 1.0}})),
        ("at least two players", lambda game: game.coalition({"f0"})),
        ("player 'g' is unknown", lambda game: game.coalition({"f0", "g"})),
        ("belongs to another player", lambda game: game.coalition({"f0", "f1"}, name="f2")),
    ],
)
def test_edits_name_what_is_wrong(match, edit):
    with pytest.raises(ValueError, match=match):
        edit(oligopoly())


def test_the_grand_coalition_is_the_first_best_when_rewards_are_the_total():
    game = oligopoly(costs=(1.0, 1.5))
    grand = eqs.solve_nash(game.coalition({"f0", "f1"}))
    best = eqs.solve_first_best(game)
    np.testing.assert_allclose(grand.objectives["f0+f1"], best.objectives["planner"], rtol=1e-9)


def test_a_game_computes_in_the_precision_of_its_parameters():
    game = oligopoly(costs=np.array([1.0, 1.0], np.float32), intercept=np.float32(10.0))
    assert game.dtype == jnp.float32
    found = eqs.solve_nash(game)
    assert found.actions["quantity"].dtype == jnp.float32
    np.testing.assert_allclose(found.actions["quantity"], 3.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("empty", lambda: eqs.Action("", (2,), "a")),
        ("at least one entry", lambda: eqs.Action("x", (0,), "a")),
        ("one per entry of axis 0|one owner", lambda: eqs.Action("x", (3,), ("a", "b"))),
        ("by name", lambda: eqs.Action("x", (2,), (1, 2))),
    ],
)
def test_actions_are_checked(match, build):
    with pytest.raises((ValueError, TypeError), match=match):
        build()
