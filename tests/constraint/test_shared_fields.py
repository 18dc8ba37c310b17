"""Shared linear constraints: what is refused, what edits keep, and how results show them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from constrained import COURNOT, ONES, quadratic_profits, river_basin, solve_all

import eqsolve as eqs


def rejected(match, build):
    with pytest.raises((TypeError, ValueError), match=match):
        build()


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("upper.*is 3.0; give a dict", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper=3.0)),
        ("coefficients is empty", lambda: eqs.Linear({})),
        (r"coefficients\['cap'\] is 1.0; give a dict", lambda: eqs.Linear({"cap": 1.0}, upper={"cap": 1.0})),
        (r"coefficients\['cap'\] is empty", lambda: eqs.Linear({"cap": {}}, upper={"cap": 1.0})),
        ("in exactly one of `upper`", lambda: eqs.Linear({"cap": {"x": 1.0}})),
        ("exactly one", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, equal={"cap": 1.0})),
        ("'cpa' is unknown.*Did you mean 'cap'", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cpa": 1.0})),
        ("above zero", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, weights={"a": 0.0})),
        ("one number", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, weights={"a": [1.0, 2.0]})),
        ("not an array of numbers|real numbers", lambda: eqs.Linear({"cap": {"x": jnp.sum}}, upper={"cap": 1.0})),
    ],
)
def test_constraints_name_what_is_wrong(match, build):
    rejected(match, build)


def oligopoly(constraint, **changes):
    names = ("a", "b", "c")
    fields = {
        "actions": [eqs.Action("x", (3,), names)],
        "bounds": eqs.Box({"x": 0.0}, {"x": 10.0}),
        "outcomes": quadratic_profits,
        "pay": {name: {"profit": np.eye(3)[i]} for i, name in enumerate(names)},
        "total": {"profit": 1.0},
    }
    return eqs.Game({"linear": COURNOT[0], "matrix": COURNOT[1]}, constraint=constraint, **(fields | changes))


@pytest.mark.parametrize(
    ("match", "constraint"),
    [
        ("nonlinear in the actions", quadratic_profits),
        ("action of 'cap' 'y' is unknown", eqs.Linear({"cap": {"y": 1.0}}, upper={"cap": 1.0})),
        (r"shape \(2,\), which does not", eqs.Linear({"cap": {"x": [1.0, 2.0]}}, upper={"cap": 1.0})),
        (r"coefficients\['cap'\]\['x'\] is nan", eqs.Linear({"cap": {"x": np.nan}}, upper={"cap": 1.0})),
        (r"upper\['cap'\] is inf", eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": np.inf})),
        ("weight of player 'd' is unknown", eqs.Linear({"cap": {"x": 1}}, upper={"cap": 1}, weights={"d": 2.0})),
    ],
)
def test_games_check_their_constraint(match, constraint):
    rejected(match, lambda: oligopoly(constraint))


def test_best_reply_and_mixtures_refuse_constraints():
    game = oligopoly(eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 3.0}))
    rejected("does not solve games with shared constraints", lambda: eqs.solve_nash(game, solver=eqs.BestReply()))
    from eqsolve.finite import mixed_extension

    rejected("independent mixtures do not keep", lambda: mixed_extension(game, 3))


def test_every_edit_keeps_the_constraint():
    game = oligopoly(eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 3.0}, weights={"a": 2.0, "c": 4.0}))
    merged = game.coalition({"a", "b"})
    assert {name: float(r) for name, r in merged.constraint.weights.items()} == {"c": 4.0, "a+b": 1.5}
    assert game.coalition({"b", "c"}).constraint.weight("b+c") == 2.5
    planned = game.cooperative().constraint
    assert planned.weights == {}
    assert planned.upper == game.constraint.upper
    assert game.with_pay({"a": {"profit": np.zeros(3)}}).constraint.weight("c") == 4.0
    assert game.with_params(game.params).constraint.names == ("cap",)


def test_one_name_may_hold_many_constraints_and_coefficients_broadcast():
    actions = [eqs.Action("x", (2, 3), ("a", "b")), eqs.Action("y", (), "c")]
    use = np.arange(12.0).reshape(2, 2, 3)
    linear = eqs.Linear(
        {"cap": {"x": use, "y": 5.0}, "market": {"x": 1.0}}, upper={"cap": [1.0, 2.0]}, equal={"market": 4.0}
    )
    wanted = np.array([[*range(6), 5], [*range(6, 12), 5], [1] * 6 + [0]])
    np.testing.assert_array_equal(linear.matrix(actions), wanted)
    np.testing.assert_array_equal(linear.vector(), [1.0, 2.0, 4.0])
    assert linear.equality == (False, False, True)
    named = linear.named(jnp.array([7.0, 8.0, 9.0]))
    np.testing.assert_array_equal(named["cap"], [7.0, 8.0])
    assert named["market"] == 9.0


def test_results_show_and_convert_prices():
    _, _, _, batch = solve_all((*river_basin(), ONES))
    found = jax.tree.map(lambda leaf: leaf[0], batch)
    assert "price: first" in str(batch)
    assert "shared constraint" in str(found)
    assert "0.57436" in str(found)
    plain = found.to_numpy()
    np.testing.assert_allclose(plain["prices"]["first"], 0.574360, atol=1e-6)
    np.testing.assert_allclose(plain["player_prices"]["b"]["first"], plain["prices"]["first"])
    data = found.to_dataset()
    assert data["price: first"].attrs["role"] == "price"
    assert data["slack: second"].dims == ()
    assert float(data["slack: second"]) == pytest.approx(float(plain["slack"]["second"]))
