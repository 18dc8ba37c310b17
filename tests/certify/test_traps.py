"""Payoffs that once fooled a search: many peaks, a peak in a corner of a huge box, stiff penalties, jumps."""

import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs


def waves(params, actions):
    return jnp.sin(params["pitch"] * actions["x"]) + 0.1 * actions["x"]


@pytest.mark.parametrize("pitch", [30.0, 40.0, 50.0, 60.0])
def test_the_highest_of_many_peaks_is_found(pitch):
    game = eqs.game_from_payoffs({"x": waves}, {"x": (0.0, 10.0)}, {"pitch": pitch})
    grid = np.linspace(0, 10, 2_000_001)
    highest = np.max(np.sin(pitch * grid) + 0.1 * grid)
    atol = pitch**2 * 5e-6**2  # curvature times the squared spacing of the grid
    np.testing.assert_allclose(eqs.solve_nash(game, solver=eqs.BestReply()).objectives["x"], highest, atol=atol)
    np.testing.assert_allclose(eqs.solve_first_best(game).objectives["planner"], highest, atol=atol)


def logit(own, rival):
    def profit(params, actions):
        appeal = jnp.exp(-actions[own])
        return actions[own] * appeal / (1 + appeal + jnp.exp(-actions[rival]))

    return profit


LEFT, RIGHT = logit("left", "right"), logit("right", "left")


def test_a_flat_middle_of_a_huge_box_is_no_equilibrium():
    game = eqs.game_from_payoffs({"left": LEFT, "right": RIGHT}, {"left": (0, 1e6), "right": (0, 1e6)})
    assert not eqs.certify(game, {"left": 5e5, "right": 5e5}).certified
    found = eqs.solve_nash(game, solver=eqs.BestReply())
    price = found.actions["left"]
    share = np.exp(-price) / (1 + 2 * np.exp(-price))
    np.testing.assert_allclose(price, 1 / (1 - share), rtol=1e-6)  # the logit mark-up equation with zero cost
    assert eqs.certify(game, found.actions).certified


def fenced(params, actions):
    return -((actions["x"] - 1) ** 2) - params["steepness"] * jnp.maximum(0.0, actions["x"] - 1.5) ** 2


@pytest.mark.parametrize("steepness", [1e10, 1e14, 1e16])
def test_a_stiff_penalty_does_not_excuse_a_regret(steepness):
    game = eqs.game_from_payoffs({"x": fenced}, {"x": (0.0, 10.0)}, {"steepness": steepness})
    for regretted in (1.2, 1.5):
        certificate = eqs.certify(game, {"x": regretted})
        assert not certificate.certified
        np.testing.assert_allclose(certificate.gain["x"], (regretted - 1) ** 2, rtol=1e-6)
    assert eqs.certify(game, {"x": 1.0}).certified


def undercut(own, rival):
    def profit(params, actions):
        mine, theirs = actions[own], actions[rival]
        share = jnp.where(mine < theirs, 1.0, jnp.where(mine == theirs, 0.5, 0.0))
        return share * (mine - 1) * (10 - mine)

    return profit


LOW, HIGH = undercut("low", "high"), undercut("high", "low")


@pytest.mark.parametrize("price", [1.01, 1.1, 5.0])
def test_undercutting_a_shared_price_is_found(price):
    game = eqs.game_from_payoffs({"low": LOW, "high": HIGH}, {"low": (0, 10), "high": (0, 10)})
    certificate = eqs.certify(game, {"low": price, "high": price})
    best = min(price, 5.5)  # the whole market at just below the rival's price
    np.testing.assert_allclose(certificate.regret, 0.5 * (best - 1) * (10 - best), rtol=1e-9)
    assert eqs.certify(game, {"low": 1.0, "high": 1.0}).certified


def still(params, actions):
    return -((actions["x"] - 1) ** 2)


@pytest.mark.parametrize("box", [(20.0, 30.0), (5.0, 1.0), 3.0])
def test_a_search_box_must_leave_something_to_search(box):
    game = eqs.game_from_payoffs({"x": still}, {"x": (0.0, 10.0)})
    with pytest.raises(ValueError, match=r"Search.box\['x'\]"):
        eqs.certify(game, {"x": 9.0}, eqs.Search(box={"x": box}))


@pytest.mark.parametrize(
    "solve", [eqs.solve_nash, eqs.solve_first_best, eqs.enumerate_equilibria, lambda g: eqs.certify(g, {"x": 1.0})]
)
def test_a_game_must_be_given(solve):
    with pytest.raises(TypeError, match="give a Game"):
        solve({"x": still})
