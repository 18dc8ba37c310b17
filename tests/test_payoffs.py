"""The short way in: payoff functions and bounds."""

import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs


def seller(params, actions):
    return (params["a"] - actions["seller"] - actions["price"]) * actions["seller"]


def other(params, actions):
    return -((actions["price"] - params["b"]) ** 2) - jnp.sum((actions["ads"] - actions["price"]) ** 2)


BOUNDS = {"seller": (0, 9), "other": {"price": (0.0, 5.0), "ads": (np.zeros(2), [1.0, 2.0])}}
PARAMS = {"a": 9, "b": 1}


def surplus(params, actions):
    return actions["seller"] ** 2


def test_players_may_have_one_action_or_several():
    game = eqs.game_from_payoffs({"seller": seller, "other": other}, BOUNDS, PARAMS)
    assert game.players == ("seller", "other")
    found = eqs.solve_nash(game)
    np.testing.assert_allclose(found.actions["price"], 1.0, atol=1e-9)
    np.testing.assert_allclose(found.actions["ads"], [1.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(found.actions["seller"], 4.0, rtol=1e-9)
    assert eqs.certify(game, found.actions).certified


def test_the_total_is_the_sum_of_payoffs_unless_named():
    game = eqs.game_from_payoffs({"seller": seller, "other": other}, BOUNDS, PARAMS, extra={"surplus": surplus})
    assert set(game.total) == {"seller", "other"}
    named = eqs.game_from_payoffs(
        {"seller": seller, "other": other}, BOUNDS, PARAMS, extra={"surplus": surplus}, total={"surplus": 1.0}
    )
    np.testing.assert_allclose(eqs.solve_first_best(named).actions["seller"], 9.0)
    assert "surplus" in eqs.solve_nash(game).outcomes


def flat(params, actions):
    return actions["seller"] * jnp.ones(2)


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("give both for each", ({"seller": seller}, BOUNDS, PARAMS)),
        ("pay is empty", ({}, {}, PARAMS)),
        ("carry players' names", ({"seller": seller, "other": other}, BOUNDS, PARAMS, {"seller": surplus})),
        ("is None", ({"seller": None, "other": other}, BOUNDS, PARAMS)),
        ("not callable", ({"seller": 3.0, "other": other}, BOUNDS, PARAMS)),
        ("is empty", ({"seller": seller, "other": other}, BOUNDS | {"other": {}}, PARAMS)),
        ("give a pair", ({"seller": seller, "other": other}, BOUNDS | {"seller": 3.0}, PARAMS)),
        ("give two numbers", ({"seller": seller, "other": other}, BOUNDS | {"seller": ("low", 3.0)}, PARAMS)),
        ("lower 9.0, upper 0.0", ({"seller": seller, "other": other}, BOUNDS | {"seller": (9, 0)}, PARAMS)),
        (r"params\['a'\] is 'nine'", ({"seller": seller, "other": other}, BOUNDS, {"a": "nine", "b": 1})),
        (r"\['a'\] is nan", ({"seller": seller, "other": other}, BOUNDS, {"a": np.nan, "b": 1})),
        ("asks for 'b'", ({"seller": seller, "other": other}, BOUNDS, {"a": 9})),
        (r"payoff of 'seller' has shape \(2,\)", ({"seller": flat, "other": other}, BOUNDS, PARAMS)),
    ],
)
def test_the_short_way_names_what_is_wrong(match, arguments):
    *given, extra = arguments if len(arguments) == 4 else (*arguments, None)
    with pytest.raises((ValueError, TypeError), match=match):
        eqs.game_from_payoffs(*given, extra=extra)


def branching(params, actions):
    return actions["x"] if actions["x"] > 0 else 0.0


def nothing(params, actions):
    return None


def turning(params, actions):
    return 1j * actions["x"]


@pytest.mark.parametrize("payoff", [branching, nothing, turning])
def test_payoffs_that_cannot_be_computed_say_where(payoff):
    with pytest.raises(Exception, match=r".") as caught:
        eqs.game_from_payoffs({"x": payoff}, {"x": (0.0, 1.0)})
    notes = " ".join(getattr(caught.value, "__notes__", []))
    assert "Game.outcomes, the function that you gave" in notes
    assert payoff is branching or "Outcome 'x'" in str(caught.value)
