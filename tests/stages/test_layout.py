"""What belongs to which stage, what is rejected, and stages that have no solved equilibrium."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import linear_jacobian, oligopoly

import eqsolve as eqs
from eqsolve.problem import problem_of
from eqsolve.stages.stage_game import StageGame
from eqsolve.stages.stagewise import stage_solvers


def shares(params, actions, shock):
    return {"share": actions["x"] - params * jnp.sum(actions["x"] ** 2)}


def chain(order=(("a",), ("b", "c")), bounds=None):
    players = "abc"
    return eqs.Game(
        1.0,
        actions=[eqs.Action("x", (3, 2), tuple(players))],
        bounds=eqs.Box({"x": 0.0}, {"x": np.arange(6.0).reshape(3, 2)}) if bounds is None else bounds,
        outcomes=shares,
        pay={player: {"share": np.eye(3)[i][:, None]} for i, player in enumerate(players)},
        total={"share": 1.0},
        order=order,
    )


def test_an_action_may_be_decided_in_several_stages():
    game = chain(order=(("b",), ("c", "a")))
    assert [action.owner for action in game.layout.stage_actions(1)] == [("a", "c")]
    whole = {"x": jnp.arange(6.0).reshape(3, 2)}
    np.testing.assert_array_equal(game.layout.own(1, whole)["x"], [[0, 1], [4, 5]])
    np.testing.assert_array_equal(game.layout.before(1, whole)["x"], [[0, 0], [2, 3], [0, 0]])  # open entries are zero
    upper = game.limits()[1]["x"]
    np.testing.assert_array_equal(upper, np.arange(6.0).reshape(3, 2))
    assert game.players == ("b", "c", "a")


def half_of_what_is_left(params, earlier):
    left = 4.0 - jnp.sum(earlier["x"]) if "x" in earlier else 4.0
    return {"x": 0.0}, {"x": left / 2}


def after_the_others(params, earlier):
    return {"x": 0.0}, {"x": earlier["x"][0] + 1.0}


def forgetful(params, earlier):
    return ({"x": 0.0}, {"x": 1.0}) if not earlier else ({}, {})


def odd(params, earlier):
    return {"x": 0.0}, {"x": jnp.ones(5) if earlier else 1.0}


@pytest.mark.parametrize(
    ("match", "changes"),
    [
        ("every stage at least one player", {"order": (("a", "b", "c"), ())}),
        ("list every player once", {"order": (("a",), ("b", "c", "a"))}),
        (r"asks for 'x' in stage 1, where only \[\] were decided", {"bounds": after_the_others}),
        ("no lower bound for action 'x', which is decided in stage 2", {"bounds": forgetful}),
        (r"'x', which is decided in stage 2 has shape \(5,\)", {"bounds": odd}),
    ],
)
def test_the_constructor_names_the_stage(match, changes):
    with pytest.raises(ValueError, match=match):
        chain(**changes)


def test_bounds_that_move_are_told_from_those_that_only_ask():
    def asks(params, earlier):
        return {"x": 0.0}, {"x": jnp.where(jnp.zeros(()) > 0, 1.0, 2.0) + (1.0 if "x" in earlier else 0.0)}

    def moves(bounds):
        game = chain(bounds=bounds)
        return game.layout.bounds_move(game.bounds, game.params)

    assert moves(half_of_what_is_left)
    assert not moves(asks)
    np.testing.assert_array_equal(chain(bounds=asks).cooperative().limits()[1]["x"], [[2, 2], [3, 3], [3, 3]])
    np.testing.assert_array_equal(chain(bounds=half_of_what_is_left).limits({"x": jnp.ones((3, 2))})[1]["x"][1], 1.0)


def test_edits_keep_the_stages():
    game = chain()
    assert game.coalition({"b", "c"}).order == (("a",), ("b+c",))
    with pytest.raises(ValueError, match="same stage"):
        game.coalition({"a", "b"})
    assert game.with_pay({"b": {"share": 1.0}}).order == game.order


def test_a_supplied_jacobian_serves_the_last_stage_alone():
    game = oligopoly(jacobian=linear_jacobian, order=[["f1"], ["f0", "f2"]])
    assert StageGame(game, 0, {}, (eqs.Newton(),)).jacobian is None
    problem = problem_of(StageGame(game, 1, {"quantity": jnp.array([0.0, 2.0, 0.0])}, ()))
    x = jnp.array([1.0, 0.5])
    # payoffs never use the supplied Jacobian; costs are 1 and 0.5: 10 - 2 - 1.5 - c - q
    np.testing.assert_allclose(problem.marginal(x), jnp.diag(jax.jacobian(problem.payoffs)(x)), rtol=1e-12)
    np.testing.assert_allclose(problem.marginal(x), [4.5, 5.5], rtol=1e-12)


def test_a_box_to_search_is_dealt_out_to_the_stages():
    searching = eqs.BestReply(search=eqs.Search(box={"x": (0.5, np.array([[1.0], [2.0], [3.0]]))}))
    first, second = stage_solvers(chain(), searching)
    np.testing.assert_array_equal(first.search.box["x"][1], [[1.0, 1.0]])
    np.testing.assert_array_equal(second.search.box["x"][1], [[2.0, 2.0], [3.0, 3.0]])
    np.testing.assert_array_equal(second.search.box["x"][0], np.full((2, 2), 0.5))


def lost(params, actions):
    """The follower has no best action while x < 1: its payoff is not a number there."""
    return -((actions["y"] - jnp.sqrt(actions["x"] - params)) ** 2)


def tempted(params, actions):
    """The leader would like it there, and a comparison hides that the follower's action is not a number."""
    return jnp.where(actions["y"] > 0, 1.0 - actions["x"] - actions["y"], 5.0 - actions["x"])


def trap(most=3.0):
    limits = {"x": (0.0, most), "y": (0.0, 3.0)}
    return eqs.game_from_payoffs({"x": tempted, "y": lost}, limits, 1.0, order=[["x"], ["y"]])


def test_a_stage_without_an_equilibrium_pays_nobody_a_number():
    @jax.jit
    @jax.vmap
    def payoffs(x):
        problem = problem_of(StageGame(trap(), 0, {}, (eqs.Newton(),)))
        return problem.payoffs(x), problem.marginal(x)

    payoff, marginal = payoffs(jnp.array([[0.5], [2.0]]))
    assert np.all(np.isnan(payoff[0]))
    assert np.all(np.isnan(marginal[0]))
    np.testing.assert_allclose(payoff[1], -2.0, rtol=1e-9)  # y = 1
    np.testing.assert_allclose(marginal[1], -1.5, rtol=1e-9)  # dy/dx = 1/2


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "one Solver per stage", lambda: eqs.Stagewise(eqs.Newton(), "newton")),
        (
            ValueError,
            "has 1 solvers, but the game has 2",
            lambda: eqs.solve_nash(trap(), solver=eqs.Stagewise(eqs.Newton())),
        ),
        (ValueError, r"start\['x'\] is 4.0, outside", lambda: eqs.solve_nash(trap(), {"x": 4.0})),
        (ValueError, "action 'z' is unknown", lambda: eqs.solve_nash(trap(), {"z": 4.0})),
        (
            ValueError,
            "action 'z' is unknown",
            lambda: eqs.certify(trap(), {"x": 1.0, "y": 1.0}, eqs.Search(box={"z": (0, 1)})),
        ),
        (ValueError, "bounds of action 'x' are infinite", lambda: eqs.solve_nash(trap(np.inf))),
        (ValueError, "sees one stage at a time", lambda: problem_of(trap())),
    ],
)
def test_entry_points_name_what_is_wrong(error, match, call):
    with pytest.raises(error, match=match):
        call()
